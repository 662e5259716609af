-- The catalog of vector sets. They share their numbers with recommenders and sources of edges: all are feeds, tables whose rows are tracked.

CREATE TABLE recommend.vector_sets (
    id int PRIMARY KEY,
    name text NOT NULL UNIQUE,
    source regclass NOT NULL,
    id_column name NOT NULL,
    vector_column name NOT NULL,
    dimensions int,
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE recommend.vector_sets IS 'The vector sets. Changed by create_vector_set() and drop_vector_set() only';
COMMENT ON COLUMN recommend.vector_sets.id IS 'The N in the names of the state tables of a set';
COMMENT ON COLUMN recommend.vector_sets.dimensions IS 'The length of the vectors, where create_vector_set() or their type fixes it';

CREATE TABLE recommend.vector_state (
    feed int PRIMARY KEY,
    generation bigint NOT NULL DEFAULT pg_catalog.hashtextextended(pg_catalog.gen_random_uuid()::text, 0),
    dimensions int,
    suspended bool NOT NULL DEFAULT false
);
COMMENT ON TABLE recommend.vector_state IS
    'Which copies of a set are good: those of its generation, with the changes beside them. Its row is the lock of who makes a new generation';
COMMENT ON COLUMN recommend.vector_state.generation IS
    'Random, so that it never comes back: a copy in a file may outlive a crash, a restored backup or a dropped extension';
COMMENT ON COLUMN recommend.vector_state.dimensions IS 'The length of the vectors: the fixed one, else what was found; NULL as long as there was none';
COMMENT ON COLUMN recommend.vector_state.suspended IS 'A trigger is disabled: changes go unseen, so questions read the table';

SELECT pg_catalog.pg_extension_config_dump('recommend.vector_sets', '');
SELECT pg_catalog.pg_extension_config_dump('recommend.vector_state', '');

GRANT SELECT ON recommend.vector_sets TO PUBLIC;
