-- Defining recommenders.

CREATE FUNCTION create_recommender(
    name text,
    events regclass,
    user_column name,
    item_column name,
    time_column name,
    event_column name = NULL,
    event_weights jsonb = NULL,
    session_column name = NULL,
    session_gap interval = '30 min',
    context_columns name[] = '{}',
    half_life interval = NULL,
    time_window interval = NULL,
    max_edges_per_node int = 128,
    eligible regclass = NULL,
    eligible_column name = NULL,
    backfill bool = true,
    include_seen bool = true,
    graph bool = true,
    vector_set text = NULL,
    model text = NULL,
    weight_column name = NULL,
    learn bool = true
) RETURNS int
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'recommend_create';
COMMENT ON FUNCTION create_recommender(text, regclass, name, name, name, name, jsonb, name, interval, name[], interval,
    interval, int, regclass, name, bool, bool, bool, text, text, name, bool) IS
    'Track an event table and recommend from it. Weights: negative is a dislike, 0 or unlisted is ignored. '
    'weight_column holds what a row weighs, such as a rating or a quantity. Without half_life it is the pace of the log, measured by each rebuild. '
    'learn => false serves the prior weights. backfill => false leaves existing rows to the next compaction. graph => false makes no graph of the same name. vector_set names the vectors of the items, model what ranks the candidates';

CREATE FUNCTION alter_recommender(
    name text,
    user_column name = NULL,
    item_column name = NULL,
    time_column name = NULL,
    event_column name = NULL,
    event_weights jsonb = NULL,
    session_column name = NULL,
    session_gap interval = NULL,
    context_columns name[] = NULL,
    half_life interval = NULL,
    time_window interval = NULL,
    max_edges_per_node int = NULL,
    eligible regclass = NULL,
    eligible_column name = NULL,
    include_seen bool = NULL,
    new_name text = NULL,
    vector_set text = NULL,
    model text = NULL,
    weight_column name = NULL,
    learn bool = NULL
) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'recommend_alter';
COMMENT ON FUNCTION alter_recommender(text, name, name, name, name, jsonb, name, interval, name[], interval, interval, int,
    regclass, name, bool, text, text, text, name, bool) IS
    'Change options; NULL keeps one. To remove one: event_column, session_column, weight_column, vector_set or model '''', event_weights ''{}'', '
    'half_life (for the pace of the log) or time_window ''0'', eligible ''-''. Rebuilds where the state depends on it';

CREATE FUNCTION rebuild_recommender(name text) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'recommend_rebuild';
COMMENT ON FUNCTION rebuild_recommender(text) IS
    'Build the state anew from the event table, and give the number of events';

CREATE FUNCTION drop_recommender(name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'recommend_drop';
COMMENT ON FUNCTION drop_recommender(text) IS
    'Stop tracking and drop all state; the event table stays as it is';
