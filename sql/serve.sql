-- The serving functions. They read and never write: STABLE, fine in read-only transactions, on standbys and in parallel workers.
-- exclude_items is an array of items; it is declared "any", because the NULL that is the default of an anyarray has no element type.

CREATE FUNCTION recommend(
    user_id anyelement, n int DEFAULT 10, recommender text DEFAULT NULL, context jsonb DEFAULT NULL, exclude_items "any" DEFAULT NULL,
    include_seen bool DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now(), min_score real DEFAULT NULL)
RETURNS TABLE (item_id anyelement, score real, rank int, sources text[], variant text)
LANGUAGE c STABLE PARALLEL SAFE COST 1000 ROWS 10 SUPPORT recommend.rows_support
    AS 'MODULE_PATHNAME', 'recommend_same_type';
COMMENT ON FUNCTION recommend(anyelement, int, text, jsonb, "any", bool, timestamptz, real) IS
    'The n items to show to a user, best first, where users and items have keys of one type; an unknown user gets trending items. score is a log-odds, comparable within one answer, or where the recommender has a model what that says of the best candidates; variant is that model with its version, as ctr:3, or default';

CREATE FUNCTION recommend(
    user_id anyelement, item_type anycompatible, n int DEFAULT 10, recommender text DEFAULT NULL, context jsonb DEFAULT NULL,
    exclude_items "any" DEFAULT NULL, include_seen bool DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now(), min_score real DEFAULT NULL)
RETURNS TABLE (item_id anycompatible, score real, rank int, sources text[], variant text)
LANGUAGE c STABLE PARALLEL SAFE COST 1000 ROWS 10 SUPPORT recommend.rows_support
    AS 'MODULE_PATHNAME', 'recommend_item_type';
COMMENT ON FUNCTION recommend(anyelement, anycompatible, int, text, jsonb, "any", bool, timestamptz, real) IS
    'recommend() where items have keys of another type than users: item_type is a NULL of the item type, such as NULL::text';

CREATE FUNCTION recommend_session(
    items anyarray, n int DEFAULT 10, recommender text DEFAULT NULL, context jsonb DEFAULT NULL, exclude_items "any" DEFAULT NULL,
    include_seen bool DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now(), min_score real DEFAULT NULL)
RETURNS TABLE (item_id anyelement, score real, rank int, sources text[], variant text)
LANGUAGE c STABLE PARALLEL SAFE COST 1000 ROWS 10 SUPPORT recommend.rows_support
    AS 'MODULE_PATHNAME', 'recommend_session_items';
COMMENT ON FUNCTION recommend_session(anyarray, int, text, jsonb, "any", bool, timestamptz, real) IS
    'The n items to show to an anonymous session that met items, oldest first';

CREATE FUNCTION recommend_batch(
    users anyarray, n int DEFAULT 10, recommender text DEFAULT NULL, context jsonb DEFAULT NULL, include_seen bool DEFAULT NULL,
    as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (user_id anyelement, item_id anyelement, score real, rank int)
LANGUAGE c STABLE PARALLEL SAFE COST 100000 ROWS 1000 AS 'MODULE_PATHNAME', 'recommend_batch_same_type';
COMMENT ON FUNCTION recommend_batch(anyarray, int, text, jsonb, bool, timestamptz) IS 'recommend() for many users at once';

CREATE FUNCTION recommend_batch(
    users anyarray, item_type anycompatible, n int DEFAULT 10, recommender text DEFAULT NULL, context jsonb DEFAULT NULL,
    include_seen bool DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (user_id anyelement, item_id anycompatible, score real, rank int)
LANGUAGE c STABLE PARALLEL SAFE COST 100000 ROWS 1000 AS 'MODULE_PATHNAME', 'recommend_batch_item_type';
COMMENT ON FUNCTION recommend_batch(anyarray, anycompatible, int, text, jsonb, bool, timestamptz) IS
    'recommend_batch() where items have keys of another type than users: item_type is a NULL of the item type';

CREATE FUNCTION rank_items(
    user_id anyelement, items anycompatiblearray, recommender text DEFAULT NULL, context jsonb DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (item_id anycompatible, score real, rank int, sources text[], first_phase_score real, variant text)
LANGUAGE c STABLE PARALLEL SAFE COST 1000 ROWS 100 AS 'MODULE_PATHNAME', 'rank_given_items';
COMMENT ON FUNCTION rank_items(anyelement, anycompatiblearray, text, jsonb, timestamptz) IS
    'The given items in the order in which recommend() would show them, each once, none filtered; NULL elements are left out. first_phase_score is the score without a model';

CREATE FUNCTION explain_recommendation(
    user_id anyelement, item anycompatible, recommender text DEFAULT NULL, context jsonb DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (source text, feature text, via anycompatible, value float8, weight float8, contribution float8)
LANGUAGE c STABLE PARALLEL SAFE COST 1000 ROWS 50 AS 'MODULE_PATHNAME', 'explain_one_recommendation';
COMMENT ON FUNCTION explain_recommendation(anyelement, anycompatible, text, jsonb, timestamptz) IS
    'Why an item has its score for a user: each feature with its source, the item of the user''s history that led to it (via), and what it adds; the contributions add up to the score of the first phase. Of a recommender with a model also its score (probability), and its features as it sees them, NULL for texts';

CREATE FUNCTION recommend.learnt(recommender text DEFAULT NULL)
RETURNS TABLE (question text, asked bigint, loss float8, prior_loss float8, serves bool, feature text, weight float8, prior float8)
LANGUAGE c STABLE PARALLEL SAFE COST 500 ROWS 87 AS 'MODULE_PATHNAME', 'recommend_learnt';
COMMENT ON FUNCTION recommend.learnt(text) IS
    'What the log has taught about the weights of the score, by kind of question (user: what a known user takes next; new: of that what is new; '
    'list: what goes with given items) and feature. loss is the mean of -ln of the chance that the answer was given, over recent questions, each '
    'before it was learnt from; prior_loss is that of the weights at the start. serves: whether the learnt weights answer';

CREATE FUNCTION similar_items(item anyelement, n int DEFAULT 10, recommender text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (item_id anyelement, score real, rank int, sessions real, users real)
LANGUAGE c STABLE PARALLEL SAFE COST 500 ROWS 10 SUPPORT recommend.rows_support
    AS 'MODULE_PATHNAME', 'similar_to_item';
COMMENT ON FUNCTION similar_items(anyelement, int, text, timestamptz) IS
    'The items met with an item, best first; none for an unknown item. score is the cosine of both over sessions and users, shrunk where meetings are few; sessions and users count, decayed, those that met both';

CREATE FUNCTION trending_items(
    n int DEFAULT 10, recommender text DEFAULT NULL, half_life interval DEFAULT NULL, context jsonb DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (item_id text, score float8, rank int)
LANGUAGE c STABLE PARALLEL SAFE COST 500 ROWS 10 SUPPORT recommend.rows_support
    AS 'MODULE_PATHNAME', 'trending_items_text';
COMMENT ON FUNCTION trending_items(int, text, interval, jsonb, timestamptz) IS
    'The items with the greatest decayed weight of events, their keys as text. A half_life other than the recommender''s sums up the events themselves, which is slower';

CREATE FUNCTION trending_items(
    item_type anyelement, n int DEFAULT 10, recommender text DEFAULT NULL, half_life interval DEFAULT NULL, context jsonb DEFAULT NULL,
    as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (item_id anyelement, score float8, rank int)
LANGUAGE c STABLE PARALLEL SAFE COST 500 ROWS 10 SUPPORT recommend.rows_support
    AS 'MODULE_PATHNAME', 'trending_items_typed';
COMMENT ON FUNCTION trending_items(anyelement, int, text, interval, jsonb, timestamptz) IS
    'trending_items() with keys of the item type: item_type is a NULL of it, such as NULL::bigint';

CREATE FUNCTION user_interest(user_id anyelement, recommender text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (session real[], long_term real[], blended real[])
LANGUAGE c STABLE PARALLEL SAFE COST 200 ROWS 1 AS 'MODULE_PATHNAME', 'user_interest_vectors';
COMMENT ON FUNCTION user_interest(anyelement, text, timestamptz) IS
    'What a user is interested in, by the vectors of the items met: the direction of the present session (NULL when it is over), '
    'the moving average over the sessions before it (NULL without one), and both together, which recommend() searches by';
