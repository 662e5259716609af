-- The serving functions: what they answer, before and after packing.
CREATE SCHEMA serve;
SET search_path = serve, public;
SET recommend.auto_compact = off;
CREATE TABLE log (user_id bigint, item_id bigint, at timestamptz, kind text);
CREATE FUNCTION noon(minutes int) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$ SELECT '2020-01-01 12:00+00'::timestamptz + minutes * interval '1 min' $$;
SELECT create_recommender('shop', 'log', 'user_id', 'item_id', 'at', event_column => 'kind',
    event_weights => '{"view": 1, "buy": 4, "hide": -2, "ping": 0}');
-- Without any event there is nothing to show, and no error.
SELECT * FROM recommend(1);
SELECT * FROM recommend_session('{1,2}'::bigint[]);
SELECT * FROM similar_items(1);
SELECT * FROM trending_items();
SELECT item_id, score < 0 AS low, rank, sources FROM rank_items(1, '{7,8}'::bigint[]);
SELECT * FROM recommend_batch('{1,2}'::bigint[]);
INSERT INTO log VALUES
    (1, 10, noon(0), 'view'), (1, 20, noon(1), 'view'), (1, 30, noon(2), 'buy'),
    (2, 10, noon(3), 'view'), (2, 20, noon(4), 'view'), (2, 40, noon(5), 'view'), (2, 50, noon(6), 'buy'),
    (3, 20, noon(7), 'view'), (3, 30, noon(8), 'view'), (3, 40, noon(9), 'view'),
    (4, 10, noon(10), 'view'), (4, 60, noon(11), 'hide'), (4, 20, noon(12), 'view'),
    (5, 60, noon(13), 'view'), (5, 70, noon(14), 'ping'), (5, 10, noon(15), 'view');

-- Every answer as one relation: id, rank, score to four digits.
CREATE FUNCTION answers(at timestamptz) RETURNS TABLE (question text, item bigint, score numeric, place int) LANGUAGE sql STABLE AS $$
    SELECT 'recommend ' || u, item_id, round(score::numeric, 4), rank FROM generate_series(0, 5) u, recommend(u, as_of => at)
    UNION ALL SELECT 'unseen ' || u, item_id, round(score::numeric, 4), rank FROM generate_series(0, 5) u, recommend(u, include_seen => false, as_of => at)
    UNION ALL SELECT 'session', item_id, round(score::numeric, 4), rank FROM recommend_session('{10,20}'::bigint[], as_of => at)
    UNION ALL SELECT 'similar ' || i, item_id, round(score::numeric, 4), rank FROM generate_series(10, 70, 10) i, similar_items(i, as_of => at)
    UNION ALL SELECT 'trending', item_id, round(score::numeric, 4), rank FROM trending_items(NULL::bigint, 10, as_of => at)
    UNION ALL SELECT 'rank ' || u, item_id, round(score::numeric, 4), rank FROM generate_series(0, 5) u, rank_items(u, '{10,20,30,40,50,60,70,80}'::bigint[], as_of => at)
    UNION ALL SELECT 'batch ' || user_id, item_id, round(score::numeric, 4), rank FROM recommend_batch('{0,1,2,3,4,5}'::bigint[], as_of => at)
$$;
CREATE TEMP TABLE unpacked AS SELECT * FROM answers(noon(20));
SELECT count(*) > 100 AS many FROM unpacked;

-- recommend(): people who met the same; seen items may come again unless told otherwise.
SELECT item_id, sources, variant FROM recommend(1, as_of => noon(20)) ORDER BY item_id;
SELECT item_id, sources FROM recommend(1, 3, include_seen => false, as_of => noon(20)) ORDER BY item_id;
SELECT bool_and(score <= before) AS falling FROM (SELECT score, lag(score, 1, score) OVER (ORDER BY rank) AS before FROM recommend(1, as_of => noon(20))) s;
-- An ignored event type makes no item; a dislike hides one from its user alone.
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(4, as_of => noon(20));
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, as_of => noon(20));
SELECT 60 = ANY (array_agg(item_id)) AS hidden_one_is_shown FROM recommend(4, 100, include_seen => true, as_of => noon(20));
-- Excluded items, of any integer width; what is unknown excludes nothing.
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, exclude_items => '{30,20}'::bigint[], as_of => noon(20));
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, exclude_items => '{30,20}'::int[], as_of => noon(20));
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, exclude_items => '{30,20,NULL,99}'::smallint[], as_of => noon(20));
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, exclude_items => '{}'::int[], as_of => noon(20));
SELECT count(*) FROM recommend(1, exclude_items => (SELECT array_agg(DISTINCT item_id) FROM log), as_of => noon(20));
-- How many.
SELECT count(*) FROM recommend(1, 0, as_of => noon(20));
SELECT count(*) FROM recommend(1, NULL::int, as_of => noon(20));
SELECT count(*) FROM recommend(1, n => NULL, as_of => noon(20));
SELECT count(*) FROM recommend(1, 1000000, as_of => noon(20));
SELECT count(*) FROM recommend(1, 2147483647, as_of => noon(20));
SELECT count(*) FROM trending_items(2147483647, as_of => noon(20));
SELECT count(*) FROM similar_items(10, 2147483647, as_of => noon(20));
SELECT count(*) FROM trending_items(0, as_of => noon(20));
SELECT count(*) FROM similar_items(10, 0, as_of => noon(20));
-- min_score cuts; n rows are no promise then.
SELECT rank FROM recommend(1, 10, min_score => (SELECT score FROM recommend(1, as_of => noon(20)) WHERE rank = 2), as_of => noon(20));
SELECT count(*) FROM recommend(1, min_score => 1000, as_of => noon(20));
SELECT count(*) FROM recommend(1, min_score => 'NaN', as_of => noon(20));
SELECT count(*) FROM recommend(1, min_score => '-infinity', as_of => noon(20));
-- Unknown and NULL users get what is trending.
SELECT item_id, sources FROM recommend(999, as_of => noon(20)) ORDER BY item_id;
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(NULL::bigint, 10, as_of => noon(20));
SELECT array_agg(item_id ORDER BY item_id) FROM recommend_session(NULL::bigint[], 10, as_of => noon(20));
SELECT array_agg(item_id ORDER BY item_id) FROM recommend_session('{}'::bigint[], 10, as_of => noon(20));
SELECT array_agg(item_id ORDER BY item_id) FROM recommend_session('{NULL,12345}'::bigint[], 10, as_of => noon(20));
-- A session's items, oldest first.
SELECT item_id FROM recommend_session('{10,20}'::bigint[], include_seen => false, as_of => noon(20)) ORDER BY item_id;
SELECT item_id FROM recommend_session('{10,20}'::bigint[], include_seen => false, exclude_items => '{30}'::bigint[], as_of => noon(20)) ORDER BY item_id;
-- Lists.
SELECT item_id, rank FROM similar_items(10, 3, as_of => noon(20));
SELECT count(*) FROM similar_items(999, as_of => noon(20));
SELECT item_id, round(score::numeric, 3) AS score, rank FROM trending_items(3, as_of => noon(20));
SELECT item_id, round(score::numeric, 3) AS score, rank FROM trending_items(NULL::bigint, 3, as_of => noon(20));
SELECT item_id, round(score::numeric, 3) AS score, rank FROM trending_items(item_type => NULL::int, n => 3, as_of => noon(20));
-- With another half-life: summed up from the events themselves, 4 for the buy of 50 at noon(6), and so on.
SELECT item_id, round(score::numeric, 4) AS score FROM trending_items(3, half_life => '5 min', as_of => noon(16));
SELECT item_id, round(sum(CASE kind WHEN 'buy' THEN 4 ELSE 1 END * power(2, -extract(epoch FROM noon(16) - at) / 300.0))::numeric, 4) AS score
  FROM log WHERE kind IN ('view', 'buy') GROUP BY 1 ORDER BY 2 DESC LIMIT 3;
SELECT count(*) FROM trending_items(10, half_life => '1 us', as_of => noon(16));
-- The recommender's own half-life gives the same either way.
SELECT a.item_id, round((a.score / b.score)::numeric, 6) AS ratio
  FROM trending_items(10, half_life => '604800.000001 s', as_of => noon(20)) a JOIN trending_items(10, as_of => noon(20)) b USING (item_id)
 WHERE round((a.score / b.score)::numeric, 6) <> 1;
-- The caller's own candidates: each once, NULLs left out, unknown ones too; the order is that of recommend().
SELECT item_id, sources FROM rank_items(1, '{80,10,20,10,NULL,30}'::bigint[], as_of => noon(20)) ORDER BY item_id;
SELECT count(*) FROM rank_items(1, NULL::bigint[], as_of => noon(20));
SELECT count(*) FROM rank_items(1, '{}'::bigint[], as_of => noon(20));
SELECT a.rank AS rank_items, b.rank AS recommend FROM rank_items(1, (SELECT array_agg(item_id) FROM recommend(1, as_of => noon(20))), as_of => noon(20)) a
  FULL JOIN recommend(1, as_of => noon(20)) b USING (item_id) WHERE a.rank IS DISTINCT FROM b.rank OR a.score IS DISTINCT FROM b.score;
-- Why: contributions add up to the score, for known and unknown items and users.
SELECT u, i, round((e.score - r.score)::numeric, 4) AS difference
  FROM generate_series(0, 5) u, generate_series(10, 80, 10) i,
       LATERAL (SELECT sum(contribution) AS score FROM explain_recommendation(u, i, as_of => noon(20))) e,
       LATERAL (SELECT score FROM rank_items(u, ARRAY[i], as_of => noon(20))) r
 WHERE abs(e.score - r.score) > 1e-4;
SELECT DISTINCT source FROM explain_recommendation(3, 50, as_of => noon(20)) ORDER BY source;
-- Each piece of evidence names the item of the history that it owes most to: user 3 met 40 last, which was met with 50 before.
SELECT feature, via FROM explain_recommendation(3, 50, as_of => noon(20)) WHERE via IS NOT NULL ORDER BY feature;
SELECT bool_or(via IS NOT NULL) FROM explain_recommendation(999, 50, as_of => noon(20));
SELECT bool_and(contribution = value * weight) FROM explain_recommendation(3, 50, as_of => noon(20));
SELECT count(*) FROM explain_recommendation(3, 50, as_of => noon(20)) WHERE contribution::text = '-0';
-- Many users: what recommend() says of each, in the order asked.
SELECT user_id, array_agg(rank ORDER BY rank) FROM recommend_batch('{3,1,NULL,999}'::bigint[], 2, as_of => noon(20)) GROUP BY 1 ORDER BY 1;
SELECT user_id FROM recommend_batch('{3,1,3}'::bigint[], 1, as_of => noon(20));
SELECT count(*) FROM recommend_batch(NULL::bigint[], as_of => noon(20));

-- Packed, the answers are the same; and so they are in a read-only transaction, and to another session's eyes.
SELECT recommend.maintain('shop');
BEGIN READ ONLY;
SELECT * FROM (SELECT * FROM answers(noon(20)) EXCEPT TABLE unpacked) a;
SELECT * FROM (TABLE unpacked EXCEPT SELECT * FROM answers(noon(20))) a;
COMMIT;
-- The same once more with half of the events packed, which are then changed, and new ones unpacked.
INSERT INTO log VALUES (1, 40, noon(16), 'view'), (6, 90, noon(17), 'view'), (6, 10, noon(18), 'buy');
UPDATE log SET item_id = 50 WHERE user_id = 3 AND item_id = 40;
UPDATE log SET at = noon(19) WHERE user_id = 2 AND item_id = 10;
DELETE FROM log WHERE user_id = 5 AND item_id = 60;
CREATE TEMP TABLE halfway AS SELECT * FROM answers(noon(20));
SELECT recommend.maintain('shop') > 0 AS moved;
SELECT * FROM (SELECT * FROM answers(noon(20)) EXCEPT TABLE halfway) a;
SELECT * FROM (TABLE halfway EXCEPT SELECT * FROM answers(noon(20))) a;
SELECT count(*) FROM ((TABLE halfway EXCEPT TABLE unpacked) UNION ALL (TABLE unpacked EXCEPT TABLE halfway)) a HAVING count(*) = 0;

-- include_seen is a property of the recommender that the call may overrule.
SELECT alter_recommender('shop', include_seen => false);
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(2, as_of => noon(20));
SELECT count(*) > 2 AS more FROM recommend(2, include_seen => true, as_of => noon(20));
-- The first recommender made is the default one.
SELECT create_recommender('second', 'log', 'item_id', 'user_id', 'at');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(10, 10, 'second', as_of => noon(20));
SELECT drop_recommender('shop');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(10, 10, as_of => noon(20));

-- Everything may run in a parallel worker.
CREATE TABLE users AS SELECT generate_series(1, 200)::bigint AS id;
ANALYZE users;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
ALTER TABLE users SET (parallel_workers = 2);
EXPLAIN (COSTS OFF) SELECT count(*), sum(r.rank) FROM users, recommend(id, 3, as_of => '2020-01-01 12:20+00') r;
SELECT count(*), sum(r.rank) FROM users, recommend(id, 3, as_of => '2020-01-01 12:20+00') r;
-- Its name since Postgres 16 is debug_parallel_query.
SELECT CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'force_parallel_mode' ELSE 'debug_parallel_query' END AS force_parallel \gset
SET :force_parallel = on;
SELECT count(*) FROM recommend(10, as_of => '2020-01-01 12:20+00');
SELECT count(*) FROM recommend(10, as_of => '2020-01-01 12:05+00');
SELECT count(*) FROM trending_items(10, half_life => '1 hour', as_of => '2020-01-01 12:20+00');
SELECT count(*) FROM rank_items(10, '{1,2}'::bigint[], as_of => '2020-01-01 12:20+00');
SELECT count(*) FROM explain_recommendation(10, 2, as_of => '2020-01-01 12:20+00');
SELECT count(*) FROM recommend_batch('{10,20}'::bigint[], as_of => '2020-01-01 12:20+00');
RESET :force_parallel;

-- Marks and comments of all functions of the extension.
CREATE TEMP VIEW functions AS
    SELECT p.* FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
      JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'pg_recommend';
SELECT oid::regprocedure AS without_comment FROM functions f WHERE obj_description(oid, 'pg_proc') IS NULL;
SELECT proname, count(*), provolatile, proparallel FROM functions
 WHERE prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) GROUP BY 1, 3, 4 ORDER BY 3, 4, 1;
SELECT c.relname AS relation_without_comment FROM pg_class c WHERE relnamespace = 'recommend'::regnamespace AND relkind IN ('r', 'v') AND obj_description(oid, 'pg_class') IS NULL;
SET client_min_messages = warning;
DROP SCHEMA serve CASCADE;
