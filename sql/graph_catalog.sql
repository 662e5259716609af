-- The catalog of graphs. Sources of edges share their numbers with recommenders: both are feeds, tables whose rows are tracked.

CREATE TABLE recommend.graphs (
    id int PRIMARY KEY,
    name text NOT NULL UNIQUE,
    half_life interval NOT NULL,
    time_window interval,
    max_edges_per_node int NOT NULL,
    recommender int UNIQUE,
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE recommend.graphs IS 'The graphs. Changed by create_graph(), drop_graph() and with their recommenders only';
COMMENT ON COLUMN recommend.graphs.recommender IS 'The recommender that it was made with and goes with';

CREATE TABLE recommend.node_types (
    graph int NOT NULL,
    id smallint NOT NULL,
    name text NOT NULL,
    key_type text NOT NULL,
    PRIMARY KEY (graph, id),
    UNIQUE (graph, name)
);
COMMENT ON TABLE recommend.node_types IS 'The types of nodes: the first one of a graph is meant where a question names none';
COMMENT ON COLUMN recommend.node_types.key_type IS 'The type of the column that the nodes were first read from: integers of any width go together';

CREATE TABLE recommend.edge_sources (
    id int PRIMARY KEY,
    graph int NOT NULL,
    source_table regclass NOT NULL,
    from_column name NOT NULL,
    from_type smallint NOT NULL,
    to_column name NOT NULL,
    to_type smallint NOT NULL,
    edge_type text NOT NULL,
    time_column name,
    weight_column name,
    event_column name,
    event_weights jsonb,
    context_columns name[] NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (graph, source_table, edge_type)
);
COMMENT ON TABLE recommend.edge_sources IS 'The tables that graphs are made of';
COMMENT ON COLUMN recommend.edge_sources.id IS 'The S in the names of the state tables of a source';

CREATE TABLE recommend.graph_state (
    graph int PRIMARY KEY,
    generation bigint NOT NULL DEFAULT pg_catalog.nextval('recommend.generation'),
    next_node int NOT NULL DEFAULT 0,
    last_compaction timestamptz
);
COMMENT ON TABLE recommend.graph_state IS
    'What holds for a graph as a whole; its row is the lock of the compactor';

CREATE TABLE recommend.edge_state (
    feed int PRIMARY KEY,
    packed_epoch int NOT NULL DEFAULT 0,
    next_context int NOT NULL DEFAULT 0,
    events bigint NOT NULL DEFAULT 0,
    newest_at timestamptz,
    skipped bigint NOT NULL DEFAULT 0,
    needs_rebuild bool NOT NULL DEFAULT false
);
COMMENT ON TABLE recommend.edge_state IS 'What the packed edges of a source hold in total';

CREATE TABLE recommend.graph_changes (
    graph int NOT NULL,
    generation bigint NOT NULL,
    previous bigint NOT NULL,
    nodes int[],
    PRIMARY KEY (graph, generation)
);
COMMENT ON TABLE recommend.graph_changes IS
    'The nodes whose edges the last compactions of a graph have changed, NULL where there were too many: what was kept of others is good still';

CREATE TABLE recommend.hot_subgraphs (
    graph int NOT NULL,
    request jsonb NOT NULL,
    uses bigint NOT NULL,
    saved_at timestamptz NOT NULL,
    PRIMARY KEY (graph, request)
);
COMMENT ON TABLE recommend.hot_subgraphs IS
    'What prune_subgraph() was asked most, as last seen: the cache of a preloaded library is warmed with it after a restart';

SELECT pg_catalog.pg_extension_config_dump('recommend.graphs', '');
SELECT pg_catalog.pg_extension_config_dump('recommend.node_types', '');
SELECT pg_catalog.pg_extension_config_dump('recommend.edge_sources', '');
SELECT pg_catalog.pg_extension_config_dump('recommend.graph_state', '');
SELECT pg_catalog.pg_extension_config_dump('recommend.edge_state', '');

GRANT SELECT ON recommend.graphs, recommend.node_types, recommend.edge_sources TO PUBLIC;
