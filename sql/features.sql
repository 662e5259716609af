-- Windowed features: declaring them, reading them, and making training sets of them.

CREATE FUNCTION create_features(
    recommender text,
    entities text[] DEFAULT NULL,
    event_types text[] DEFAULT NULL,
    windows interval[] DEFAULT '{5 minutes,1 hour,24 hours,7 days,30 days}',
    half_lives interval[] DEFAULT '{1 hour,1 day,7 days}',
    rates jsonb DEFAULT NULL,
    smoothing float8 DEFAULT 20,
    categories regclass DEFAULT NULL,
    category_item_column name DEFAULT NULL,
    category_column name DEFAULT NULL,
    recorded_column name DEFAULT NULL,
    features text[] DEFAULT NULL,
    backfill bool DEFAULT true)
RETURNS int
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'features_create';
COMMENT ON FUNCTION create_features(text, text[], text[], interval[], interval[], jsonb, float8, regclass, name, name, name, text[], bool) IS
    'Declare the features of a recommender and give their number: counts and rates by event type over sliding windows and decayed, smoothed rates of two types (rates => ''{"ctr": ["click", "impression"]}''), time since the last event, distinct keys; of all, user, item, category, user_category and context_<column>. event_types are by default those with weights, else those in the log. features chooses some by patterns of LIKE. An event with a recorded_column counts from the time in it';

CREATE FUNCTION rebuild_features(recommender text) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'features_rebuild';
COMMENT ON FUNCTION rebuild_features(text) IS
    'Make all that features are read from anew from the event table and the table of categories, and give the number of events';

CREATE FUNCTION drop_features(recommender text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'features_drop';
COMMENT ON FUNCTION drop_features(text) IS 'Drop the features of a recommender with all their state; the recommender stays as it is';

CREATE FUNCTION feature_names(recommender text DEFAULT NULL, features text[] DEFAULT NULL) RETURNS text[]
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'features_names';
COMMENT ON FUNCTION feature_names(text, text[]) IS
    'The names of a recommender''s features in the order of their vector; with patterns of LIKE, of those that training_set() chooses by them';

CREATE FUNCTION features(
    user_id anyelement, item anycompatible, recommender text DEFAULT NULL, context jsonb DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS real[]
LANGUAGE c STABLE PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'features_of_item';
COMMENT ON FUNCTION features(anyelement, anycompatible, text, jsonb, timestamptz) IS
    'The features of an item for a user, in the order of feature_names(). Before pg_catalog.now() only events count that happened before as_of. NULL is an unknown user or item: counts are 0, times since the last event NaN';

CREATE FUNCTION features_json(
    user_id anyelement, item anycompatible, recommender text DEFAULT NULL, context jsonb DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now(),
    features text[] DEFAULT NULL)
RETURNS jsonb
LANGUAGE c STABLE PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'features_json';
COMMENT ON FUNCTION features_json(anyelement, anycompatible, text, jsonb, timestamptz, text[]) IS
    'features() by name; null where there never was an event. features chooses some, as in training_set()';

CREATE FUNCTION candidate_features(
    user_id anyelement, items anycompatiblearray, recommender text DEFAULT NULL, context jsonb DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now(),
    features text[] DEFAULT NULL)
RETURNS TABLE (item_id anycompatible, features real[])
LANGUAGE c STABLE PARALLEL SAFE COST 1000 ROWS 100 AS 'MODULE_PATHNAME', 'features_of_candidates';
COMMENT ON FUNCTION candidate_features(anyelement, anycompatiblearray, text, jsonb, timestamptz, text[]) IS
    'features() of many items for one user, in the order of the array; NULL elements are left out. features chooses some, as in training_set()';

CREATE FUNCTION training_set(recommender text, labels text, features text[] DEFAULT NULL)
RETURNS TABLE (row_number bigint, user_id text, item_id text, at timestamptz, label real, features real[])
LANGUAGE c STABLE PARALLEL RESTRICTED COST 1000000 ROWS 100000 AS 'MODULE_PATHNAME', 'features_training_set';
COMMENT ON FUNCTION training_set(text, text, text[]) IS
    'The features of each label as features(..., as_of) says them at its time, in order of time, from one pass over the log. labels is a table or a query with columns user or user_id, item or item_id, time or at, label, and optionally those of the context or a jsonb context; row_number counts its rows. features chooses some by patterns of LIKE, first_phase% also what recommend() orders by without a model (first_phase_score and the features of that)';

CREATE FUNCTION recommend.feature_list_rows(OUT recommender text, OUT "position" int, OUT name text, OUT description text)
RETURNS SETOF record
LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'features_list';
COMMENT ON FUNCTION recommend.feature_list_rows() IS 'The rows of recommend.feature_list';

CREATE VIEW recommend.feature_list AS SELECT * FROM recommend.feature_list_rows();
COMMENT ON VIEW recommend.feature_list IS 'The features of each recommender, in the order of their vector';
GRANT SELECT ON recommend.feature_list TO PUBLIC;

CREATE FUNCTION recommend.feature_status_rows(
    OUT recommender text,
    OUT events bigint,
    OUT backlog bigint,
    OUT future bigint,
    OUT skipped bigint,
    OUT entities bigint,
    OUT newest_event timestamptz,
    OUT last_compaction timestamptz,
    OUT needs_rebuild bool,
    OUT state_bytes bigint
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'features_status';
COMMENT ON FUNCTION recommend.feature_status_rows() IS 'The rows of recommend.feature_status';

CREATE VIEW recommend.feature_status AS SELECT * FROM recommend.feature_status_rows();
COMMENT ON VIEW recommend.feature_status IS
    'What the features of each recommender have packed (events, entities), what waits in the delta (backlog, of which future events), and rows '
    'skipped for want of a key or time; for those who may read the event table';
GRANT SELECT ON recommend.feature_status TO PUBLIC;
