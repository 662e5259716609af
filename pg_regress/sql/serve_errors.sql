-- What the serving functions refuse, with which SQLSTATE and HINT.
CREATE SCHEMA serve_errors;
SET search_path = serve_errors, public;
SET recommend.auto_compact = off;
\set tests `echo "$PG_RECOMMEND_TESTS"`
\i :tests/sql/try.sql
\pset format unaligned
\pset tuples_only
-- No recommender yet.
SELECT try($$SELECT * FROM recommend(1)$$);
SELECT try($$SELECT * FROM recommend(1, 5, 'shop')$$);
SELECT try($$SELECT * FROM trending_items()$$);
SELECT try($$SELECT recommend.maintain('shop')$$);
SELECT recommend.maintain();
CREATE TABLE log (u bigint, i text, at timestamptz, device text, place text);
INSERT INTO log VALUES (1, 'a', '2020-01-01', 'ios', 'home'), (1, 'b', '2020-01-02', NULL, NULL);
SELECT create_recommender('shop', 'log', 'u', 'i', 'at', context_columns => '{device,place}');
SET recommend.default_recommender = 'shop';
SELECT create_recommender('ids', 'log', 'i', 'u', 'at');
SELECT create_recommender('same', 'log', 'u', 'u', 'at');

-- Unknown recommenders.
SELECT try($$SELECT * FROM recommend(1, 5, 'shopp')$$);
SELECT try($$SELECT * FROM recommend(1, NULL::text, 5, '')$$);
SELECT try($$SELECT * FROM recommend_session('{a}'::text[], 5, 'nope')$$);
SELECT try($$SELECT * FROM similar_items('a'::text, 5, 'nope')$$);
SELECT try($$SELECT * FROM trending_items(5, 'nope')$$);
SELECT try($$SELECT * FROM rank_items(1, '{a}'::text[], 'nope')$$);
SELECT try($$SELECT * FROM recommend_batch('{1}'::int[], 5, 'nope')$$);
SELECT try($$SELECT * FROM explain_recommendation(1, 'a'::text, 'nope')$$);
SELECT try($$SELECT recommend.maintain('nope')$$);
-- How many.
SELECT try($$SELECT * FROM recommend(1, NULL::text, -1)$$);
SELECT try($$SELECT * FROM recommend(1, NULL::text, -2147483648)$$);
SELECT try($$SELECT * FROM recommend_session('{a}'::text[], -1)$$);
SELECT try($$SELECT * FROM similar_items('a'::text, -1)$$);
SELECT try($$SELECT * FROM trending_items(-1)$$);
SELECT try($$SELECT * FROM recommend_batch('{1}'::int[], NULL::text, -1)$$);
SELECT try($$SELECT recommend.maintain('shop', 0)$$);
SELECT try($$SELECT recommend.maintain('shop', -5)$$);
-- Types of users and items.
SELECT try($$SELECT * FROM recommend(1)$$);
SELECT try($$SELECT * FROM recommend('1'::text, NULL::text)$$);
SELECT try($$SELECT * FROM recommend(1.5, NULL::text)$$);
SELECT try($$SELECT * FROM recommend(1, NULL::uuid)$$);
SELECT try($$SELECT * FROM recommend(1, 'a'::text, 5)$$);
SELECT try($$SELECT * FROM recommend(1, 5::bigint)$$);
SELECT try($$SELECT * FROM recommend_batch('{x}'::text[], NULL::text)$$);
SELECT try($$SELECT * FROM recommend_batch('{1}'::int[])$$);
SELECT try($$SELECT * FROM recommend_batch('{1}'::int[], 'a'::text, 5)$$);
SELECT try($$SELECT * FROM recommend_session('{1}'::int[])$$);
SELECT try($$SELECT * FROM similar_items(1)$$);
SELECT try($$SELECT * FROM similar_items(NULL::text)$$);
SELECT try($$SELECT * FROM trending_items(NULL::uuid, 5)$$);
SELECT try($$SELECT * FROM trending_items('a'::text, 5)$$);
SELECT try($$SELECT * FROM rank_items(1, '{1}'::int[])$$);
SELECT try($$SELECT * FROM rank_items(1, '{1}')$$);
SELECT try($$SELECT * FROM rank_items('x'::text, '{a}'::text[])$$);
SELECT try($$SELECT * FROM explain_recommendation(1, 2)$$);
SELECT try($$SELECT * FROM explain_recommendation(1, NULL::text)$$);
-- exclude_items takes an array of the item type: a scalar was once read as a pointer.
SELECT try($$SELECT * FROM recommend(1, NULL::text, 5, exclude_items => '{1}'::int[])$$);
SELECT try($$SELECT * FROM recommend(1, NULL::text, 5, exclude_items => 'a'::text)$$);
SELECT try($$SELECT * FROM recommend(1, NULL::text, 5, exclude_items => '{a,b}')$$);
SELECT try($$SELECT * FROM recommend(1, 5, 'same', exclude_items => 5)$$);
SELECT try($$SELECT * FROM recommend(1, 5, 'same', exclude_items => 5::bigint)$$);
SELECT try($$SELECT * FROM recommend(1, 5, 'same', exclude_items => ROW(1, 2))$$);
SELECT try($$SELECT * FROM recommend(1, 5, 'same', exclude_items => '[1]'::jsonb)$$);
SELECT try($$SELECT * FROM recommend_session('{1}'::bigint[], 5, 'same', exclude_items => 1.5)$$);
SELECT try($$SELECT * FROM recommend(1, 5, 'same', exclude_items => '{{1,2},{3,4}}'::int[])$$);
SELECT try($$SELECT * FROM recommend(1, 5, 'same', exclude_items => '1 2'::int2vector)$$);
-- Contexts.
SELECT try($$SELECT * FROM recommend(1, NULL::text, context => '"ios"')$$);
SELECT try($$SELECT * FROM recommend(1, NULL::text, context => '["ios"]')$$);
SELECT try($$SELECT * FROM recommend(1, NULL::text, context => '1')$$);
SELECT try($$SELECT * FROM recommend(1, NULL::text, context => 'true')$$);
SELECT try($$SELECT * FROM recommend(1, NULL::text, context => 'null')$$);
SELECT try($$SELECT * FROM recommend(1, NULL::text, context => '{"devise": "ios"}')$$);
SELECT try($$SELECT * FROM recommend(1, 5, 'same', context => '{"device": "ios"}')$$);
SELECT try($$SELECT * FROM recommend_session('{a}'::text[], context => '{"DEVICE": "ios"}')$$);
SELECT try($$SELECT * FROM rank_items(1, '{a}'::text[], context => '{"x": 1}')$$);
SELECT try($$SELECT * FROM explain_recommendation(1, 'a'::text, context => '{"x": 1}')$$);
SELECT try($$SELECT * FROM trending_items(5, context => '{"x": 1}')$$);
SELECT try($$SELECT * FROM recommend_batch('{1}'::int[], NULL::text, context => '{"x": 1}')$$);
-- Times and half-lives.
SELECT try($$SELECT * FROM recommend(1, NULL::text, as_of => 'infinity')$$);
SELECT try($$SELECT * FROM recommend(1, NULL::text, as_of => '-infinity')$$);
SELECT try($$SELECT * FROM similar_items('a'::text, as_of => 'infinity')$$);
SELECT try($$SELECT * FROM trending_items(5, half_life => '0')$$);
SELECT try($$SELECT * FROM trending_items(5, half_life => '-1 day')$$);
SELECT try($$SELECT * FROM trending_items(5, half_life => '1 mon -40 days')$$);
-- A set is a set.
SELECT try($$SELECT 1 WHERE recommend(1, NULL::text) IS NULL$$);
SELECT count(*) FROM (SELECT recommend(1, NULL::text, as_of => '2020-01-03')) s;
-- State tables admit nobody but their owner; what they hold is checked when it is read.
UPDATE recommend.users_1 SET history = (SELECT edges FROM recommend.neighbors_1 LIMIT 1);
SELECT try($$SELECT * FROM recommend(1, NULL::text, as_of => '2020-01-03')$$);
SELECT rebuild_recommender('shop');
SELECT item_id FROM recommend(1, NULL::text, as_of => '2020-01-03');
-- statement_timeout stops a long computation of the past at once.
SELECT drop_recommender('ids'), drop_recommender('same');
INSERT INTO log SELECT n % 1000, n % 500, '2019-01-01'::timestamptz + n * interval '1 s' FROM generate_series(1, 300000) n;
SET statement_timeout = '50ms';
\set VERBOSITY sqlstate
SELECT clock_timestamp() AS started \gset
SELECT * FROM recommend(1, NULL::text, as_of => '2019-12-31');
\set VERBOSITY default
RESET statement_timeout;
SELECT clock_timestamp() - :'started' < '5 s' AS promptly;
SET client_min_messages = warning;
DROP SCHEMA serve_errors CASCADE;
