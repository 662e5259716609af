-- The catalog of features. They share their numbers with recommenders and sources of edges: all are feeds, tables whose rows are tracked.

CREATE TABLE recommend.features (
    id int PRIMARY KEY,
    recommender int NOT NULL UNIQUE,
    entities text[] NOT NULL,
    event_types text[] NOT NULL,
    windows interval[] NOT NULL,
    half_lives interval[] NOT NULL,
    rates jsonb NOT NULL,
    smoothing float8 NOT NULL,
    categories regclass,
    category_item_column name,
    category_column name,
    recorded_column name,
    patterns text[],
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE recommend.features IS 'The features of recommenders. Changed by create_features(), drop_features() and with their recommenders only';
COMMENT ON COLUMN recommend.features.id IS 'The N in the names of their state tables';
COMMENT ON COLUMN recommend.features.patterns IS 'Of all features of the declaration, those whose names are like one of these; NULL for all';

CREATE TABLE recommend.feature_state (
    feed int PRIMARY KEY,
    generation bigint NOT NULL DEFAULT pg_catalog.nextval('recommend.generation'),
    packed_epoch int NOT NULL DEFAULT 0,
    events bigint NOT NULL DEFAULT 0,
    newest_at timestamptz,
    skipped bigint NOT NULL DEFAULT 0,
    last_compaction timestamptz,
    needs_rebuild bool NOT NULL DEFAULT false,
    categories_since bigint NOT NULL DEFAULT pg_catalog.nextval('recommend.generation')
);
COMMENT ON COLUMN recommend.feature_state.categories_since IS
    'Names the state of the categories of items: they are only added to until the number moves';
COMMENT ON TABLE recommend.feature_state IS
    'What the packed rows of features hold in total; its row is the lock of the compactor. newest_at is when the newest event could be known';

SELECT pg_catalog.pg_extension_config_dump('recommend.features', '');
SELECT pg_catalog.pg_extension_config_dump('recommend.feature_state', '');

-- Event types are values of the event column: those who may read that find them in recommend.feature_list.
GRANT SELECT (id, recommender, entities, windows, half_lives, smoothing, categories, category_item_column, category_column, recorded_column, created_at)
    ON recommend.features TO PUBLIC;
