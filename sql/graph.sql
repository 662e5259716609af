-- Temporal graphs: defining and feeding them, and the questions that SQL can ask of them.
--
-- A node is named by its key and its type. Keys come back in the type of the node argument; a node given as text (cast: '42'::text)
-- makes all keys come back as text, whatever types the graph's nodes have.

CREATE FUNCTION create_graph(
    name text, half_life interval DEFAULT '7 days', time_window interval DEFAULT NULL, max_edges_per_node int DEFAULT 128)
RETURNS int
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'graph_create';
COMMENT ON FUNCTION create_graph(text, interval, interval, int) IS
    'Make an empty graph; add_edges() feeds it. Weights halve every half_life, edges older than time_window do not count, and each node keeps its max_edges_per_node newest neighbours a source and direction (up to 1000000)';

CREATE FUNCTION add_edges(
    graph text,
    source_table regclass,
    from_column name,
    from_type text,
    to_column name,
    to_type text,
    edge_type text,
    time_column name DEFAULT NULL,
    weight_column name DEFAULT NULL,
    context_columns name[] DEFAULT '{}',
    event_column name DEFAULT NULL,
    event_weights jsonb DEFAULT NULL,
    backfill bool DEFAULT true)
RETURNS int
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'graph_add_edges';
COMMENT ON FUNCTION add_edges(text, regclass, name, text, name, text, text, name, name, name[], name, jsonb, bool) IS
    'Track a table as edges of a graph: each row is an event of the edge between the nodes that two columns name. Without a time_column edges are static and do not decay. A row weighs 1, or what weight_column holds, or what event_weights gives its event_column';

CREATE FUNCTION drop_edges(graph text, source_table regclass, edge_type text DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'graph_drop_edges';
COMMENT ON FUNCTION drop_edges(text, regclass, text) IS
    'Stop tracking a table as edges of a graph, and take its edges out; the table stays as it is';

CREATE FUNCTION rebuild_graph(name text) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'graph_rebuild';
COMMENT ON FUNCTION rebuild_graph(text) IS 'Make all edges of a graph anew from its tables, and give the number of events';

CREATE FUNCTION drop_graph(name text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'graph_drop';
COMMENT ON FUNCTION drop_graph(text) IS 'Drop a graph with all its state; its tables stay as they are';

CREATE FUNCTION decay(at timestamptz, half_life interval, as_of timestamptz DEFAULT now()) RETURNS float8
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'decay_by_half_life';
COMMENT ON FUNCTION decay(timestamptz, interval, timestamptz) IS
    'What is left at as_of of a weight of 1 at time at: exp(-ln 2 * age / half_life); more than 1 where at is later. A month counts 30 days';

CREATE FUNCTION decay(at timestamptz, lambda float8, as_of timestamptz DEFAULT now()) RETURNS float8
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'decay_by_lambda';
COMMENT ON FUNCTION decay(timestamptz, float8, timestamptz) IS
    'What is left at as_of of a weight of 1 at time at: exp(-lambda * age), lambda per second';

CREATE FUNCTION neighbors(
    graph text, node anyelement, node_type text DEFAULT NULL, direction text DEFAULT 'both', edge_type text DEFAULT NULL,
    context jsonb DEFAULT NULL, as_of timestamptz DEFAULT now(), n int DEFAULT 100,
    half_life interval DEFAULT NULL, time_window interval DEFAULT NULL)
RETURNS TABLE (node anyelement, node_type text, edge_type text, weight float8, count bigint, last_at timestamptz)
LANGUAGE c STABLE PARALLEL SAFE COST 100 ROWS 100 AS 'MODULE_PATHNAME', 'graph_neighbors';

CREATE FUNCTION k_hop(
    graph text, node anyelement, node_type text DEFAULT NULL, hops int DEFAULT 2, direction text DEFAULT 'both',
    edge_types text[] DEFAULT NULL, context jsonb DEFAULT NULL, as_of timestamptz DEFAULT now(), n int DEFAULT 100,
    fan_out int[] DEFAULT NULL, target_type text DEFAULT NULL,
    half_life interval DEFAULT NULL, time_window interval DEFAULT NULL)
RETURNS TABLE (node anyelement, node_type text, hop int, weight float8, via anyelement)
LANGUAGE c STABLE PARALLEL SAFE COST 1000 ROWS 100 AS 'MODULE_PATHNAME', 'graph_k_hop';

CREATE FUNCTION graph_paths(
    graph text, from_node anyelement, to_node anyelement DEFAULT NULL, from_type text DEFAULT NULL, to_type text DEFAULT NULL,
    min_hops int DEFAULT 1, max_hops int DEFAULT 3, direction text DEFAULT 'both', edge_types text[] DEFAULT NULL,
    context jsonb DEFAULT NULL, as_of timestamptz DEFAULT now(), n int DEFAULT 100, time_respecting bool DEFAULT false,
    half_life interval DEFAULT NULL, time_window interval DEFAULT NULL)
RETURNS TABLE (nodes anyarray, node_types text[], edge_types text[], times timestamptz[], weights float8[], weight float8)
LANGUAGE c STABLE PARALLEL SAFE COST 10000 ROWS 100 AS 'MODULE_PATHNAME', 'graph_all_paths';

CREATE FUNCTION common_neighbors(
    graph text, a anyelement, b anyelement, a_type text DEFAULT NULL, b_type text DEFAULT NULL, direction text DEFAULT 'both',
    edge_types text[] DEFAULT NULL, context jsonb DEFAULT NULL, as_of timestamptz DEFAULT now(), n int DEFAULT 100,
    half_life interval DEFAULT NULL, time_window interval DEFAULT NULL)
RETURNS TABLE (node anyelement, node_type text, weight_a float8, weight_b float8, last_at timestamptz)
LANGUAGE c STABLE PARALLEL SAFE COST 200 ROWS 100 AS 'MODULE_PATHNAME', 'graph_common_neighbors';

CREATE FUNCTION adamic_adar(
    graph text, a anyelement, b anyelement, a_type text DEFAULT NULL, b_type text DEFAULT NULL, direction text DEFAULT 'both',
    edge_types text[] DEFAULT NULL, context jsonb DEFAULT NULL, as_of timestamptz DEFAULT now(),
    half_life interval DEFAULT NULL, time_window interval DEFAULT NULL)
RETURNS float8
LANGUAGE c STABLE PARALLEL SAFE COST 200 AS 'MODULE_PATHNAME', 'graph_adamic_adar';

CREATE FUNCTION personalized_pagerank(
    graph text, node anyelement, node_type text DEFAULT NULL, alpha float8 DEFAULT 0.15, epsilon float8 DEFAULT 1e-4,
    direction text DEFAULT 'both', edge_types text[] DEFAULT NULL, context jsonb DEFAULT NULL, as_of timestamptz DEFAULT now(),
    n int DEFAULT 100, target_type text DEFAULT NULL, half_life interval DEFAULT NULL, time_window interval DEFAULT NULL)
RETURNS TABLE (node anyelement, node_type text, score float8, error_bound float8)
LANGUAGE c STABLE PARALLEL SAFE COST 10000 ROWS 100 AS 'MODULE_PATHNAME', 'graph_pagerank';

CREATE FUNCTION random_walk(
    graph text, nodes anyarray, node_type text DEFAULT NULL, steps int DEFAULT 10000, restart float8 DEFAULT 0.5, seed bigint DEFAULT 42,
    direction text DEFAULT 'both', edge_types text[] DEFAULT NULL, context jsonb DEFAULT NULL, as_of timestamptz DEFAULT now(),
    n int DEFAULT 100, target_type text DEFAULT NULL, half_life interval DEFAULT NULL, time_window interval DEFAULT NULL)
RETURNS TABLE (node anyelement, node_type text, visits bigint, score float8)
LANGUAGE c STABLE PARALLEL SAFE COST 10000 ROWS 100 AS 'MODULE_PATHNAME', 'graph_random_walk';

CREATE FUNCTION prune_subgraph(
    graph text, node anyelement, node_type text DEFAULT NULL, depth int DEFAULT 3, max_nodes int DEFAULT 1000, max_bytes int DEFAULT 65536,
    direction text DEFAULT 'both', edge_types text[] DEFAULT NULL, context jsonb DEFAULT NULL, as_of timestamptz DEFAULT now(),
    half_life interval DEFAULT NULL, time_window interval DEFAULT NULL)
RETURNS TABLE (hop int, from_node anyelement, from_type text, to_node anyelement, to_type text, edge_type text, weight float8,
               count bigint, last_at timestamptz, kept_share float8)
LANGUAGE c STABLE PARALLEL SAFE COST 10000 ROWS 1000 AS 'MODULE_PATHNAME', 'graph_prune_subgraph';

CREATE FUNCTION node_embedding(
    graph text, node anyelement, node_type text DEFAULT NULL, dims int DEFAULT 128, layers int DEFAULT 2, fan_out int DEFAULT 32,
    self_weight float8 DEFAULT 0.5, seed bigint DEFAULT 42, direction text DEFAULT 'both', edge_types text[] DEFAULT NULL,
    context jsonb DEFAULT NULL, as_of timestamptz DEFAULT now(), half_life interval DEFAULT NULL, time_window interval DEFAULT NULL)
RETURNS real[]
LANGUAGE c STABLE PARALLEL SAFE COST 10000 AS 'MODULE_PATHNAME', 'graph_node_embedding';

CREATE FUNCTION embed_graph(
    graph text, dims int DEFAULT 128, layers int DEFAULT 3, "into" regclass DEFAULT NULL, layer_weights real[] DEFAULT NULL,
    seed bigint DEFAULT 42, as_of timestamptz DEFAULT now(), half_life interval DEFAULT NULL, time_window interval DEFAULT NULL)
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 AS 'MODULE_PATHNAME', 'graph_embed';
