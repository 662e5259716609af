-- The catalog: what is recommended from what. Kept by pg_dump; state tables, which belong to the owners of the event
-- tables, are no members of the extension and are dumped as their owners' tables.

CREATE SCHEMA recommend;
COMMENT ON SCHEMA recommend IS 'Catalog and state of pg_recommend';
GRANT USAGE ON SCHEMA recommend TO PUBLIC;

CREATE TABLE recommend.recommenders (
    id int PRIMARY KEY,
    name text NOT NULL UNIQUE,
    events regclass NOT NULL,
    user_column name NOT NULL,
    item_column name NOT NULL,
    time_column name NOT NULL,
    event_column name,
    event_weights jsonb,
    session_column name,
    session_gap interval NOT NULL,
    context_columns name[] NOT NULL,
    half_life interval,
    pace interval NOT NULL DEFAULT '30 days',
    time_window interval,
    max_edges_per_node int NOT NULL,
    eligible regclass,
    eligible_column name,
    include_seen bool NOT NULL,
    vector_set int,
    model text,
    weight_column name,
    learn bool NOT NULL,
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE recommend.recommenders IS
    'The recommenders. Changed by create_, alter_ and drop_recommender() only';
COMMENT ON COLUMN recommend.recommenders.id IS 'The N in the names of the state tables';
COMMENT ON COLUMN recommend.recommenders.vector_set IS 'The set that holds the vectors of the items';
COMMENT ON COLUMN recommend.recommenders.model IS 'The model that ranks the candidates';
COMMENT ON COLUMN recommend.recommenders.half_life IS 'After this time an event counts half; NULL: the pace of the log';
COMMENT ON COLUMN recommend.recommenders.pace IS 'Half of the events came within this time after the first event of their item, from 1 to 365 days; measured by each rebuild where half_life is NULL';
COMMENT ON COLUMN recommend.recommenders.weight_column IS 'The column that says what a row weighs';
COMMENT ON COLUMN recommend.recommenders.learn IS 'Whether the weights of the score are learnt from the log; else the prior serves';

CREATE TABLE recommend.epochs (
    feed int PRIMARY KEY,
    epoch int NOT NULL
);
COMMENT ON TABLE recommend.epochs IS
    'Raised by TRUNCATE of a tracked table: events of an older epoch are gone';

CREATE SEQUENCE recommend.generation;
COMMENT ON SEQUENCE recommend.generation IS
    'Names the states of packed rows. A sequence, because a number must not come back after a rollback: backends keep what they read under it';

CREATE TABLE recommend.state (
    recommender int PRIMARY KEY,
    generation bigint NOT NULL DEFAULT pg_catalog.nextval('recommend.generation'),
    packed_epoch int NOT NULL DEFAULT 0,
    events bigint NOT NULL DEFAULT 0,
    newest_at timestamptz,
    next_user int NOT NULL DEFAULT 0,
    next_item int NOT NULL DEFAULT 0,
    next_session int NOT NULL DEFAULT 0,
    next_context int NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    total_score float8,
    last_compaction timestamptz,
    needs_rebuild bool NOT NULL DEFAULT false,
    month_score float8,
    week_score float8,
    day_score float8,
    hour_score float8,
    repeats bigint NOT NULL DEFAULT 0,
    grouped bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE recommend.state IS
    'What the packed rows of a recommender hold in total; its row is the lock of the compactor';

CREATE TABLE recommend.partitions (
    feed int NOT NULL,
    leaf regclass NOT NULL,
    PRIMARY KEY (feed, leaf)
);
COMMENT ON TABLE recommend.partitions IS
    'The leaf partitions of partitioned tables that are tracked, as last seen: attaching and detaching changes them';

SELECT pg_catalog.pg_extension_config_dump('recommend.recommenders', '');
SELECT pg_catalog.pg_extension_config_dump('recommend.generation', '');
SELECT pg_catalog.pg_extension_config_dump('recommend.epochs', '');
SELECT pg_catalog.pg_extension_config_dump('recommend.state', '');
SELECT pg_catalog.pg_extension_config_dump('recommend.partitions', '');

-- Definitions are no secret: table and column names are in pg_catalog for everyone. Totals are read through
-- recommend.status.
GRANT SELECT ON recommend.recommenders TO PUBLIC;
