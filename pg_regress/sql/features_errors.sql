-- What features refuse, with which SQLSTATE and HINT; and who may declare and read them.
CREATE SCHEMA features_errors;
SET search_path = features_errors, public;
SET recommend.auto_compact = off;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
\set tests `echo "$PG_RECOMMEND_TESTS"`
\i :tests/sql/try.sql
\pset format unaligned
\pset tuples_only
SELECT try($$SELECT create_features('shop')$$);
SELECT try($$SELECT features(1, 1)$$);
CREATE TABLE log (u int, i int, at timestamptz, seen_at timestamptz, kind text, device text);
CREATE TABLE genres (item int, genre text, price float8);
INSERT INTO log VALUES (1, 1, '2020-01-01', NULL, 'click', 'ios');
SELECT create_recommender('shop', 'log', 'u', 'i', 'at', event_column => 'kind', context_columns => '{device}', graph => false);
SELECT create_recommender('plain', 'log', 'u', 'i', 'at', graph => false);
-- Without features.
SELECT try($$SELECT features(1, 1, 'shop')$$);
SELECT try($$SELECT * FROM candidate_features(1, '{1}'::int[], 'shop')$$);
SELECT try($$SELECT * FROM training_set('shop', 'labels')$$);
SELECT try($$SELECT drop_features('shop')$$);
SELECT try($$SELECT rebuild_features('shop')$$);
SELECT try($$SELECT feature_names('shop')$$);
SELECT try($$SELECT drop_features(NULL)$$);
-- Declarations.
SELECT try($$SELECT create_features(NULL)$$);
SELECT try($$SELECT create_features('nobody')$$);
SELECT try($$SELECT create_features('shop', entities => '{user,items}')$$);
SELECT try($$SELECT create_features('shop', entities => '{}')$$);
SELECT try($$SELECT create_features('shop', entities => '{user,category}')$$);
SELECT try($$SELECT create_features('plain', entities => '{context}')$$);
SELECT try($$SELECT create_features('shop', event_types => '{}')$$);
SELECT try($$SELECT create_features('shop', event_types => '{click,""}')$$);
SELECT try($$SELECT create_features('shop', event_types => '{click,view,click}')$$);
SELECT try($$SELECT create_features('shop', event_types => array(SELECT 'k' || n FROM generate_series(1, 65) n))$$);
SELECT try($$SELECT create_features('plain', event_types => '{click}')$$);
SELECT try($$SELECT create_features('shop', windows => '{1 hour,0}')$$);
SELECT try($$SELECT create_features('shop', windows => '{-1 hour}')$$);
SELECT try($$SELECT create_features('shop', windows => '{110 years}')$$);
SELECT try($$SELECT create_features('shop', windows => '{NULL}')$$);
SELECT try($$SELECT create_features('shop', windows => array(SELECT n * interval '1 h' FROM generate_series(1, 33) n))$$);
SELECT try($$SELECT create_features('shop', half_lives => '{1 hour,-1 day}')$$);
SELECT try($$SELECT create_features('shop', half_lives => '{20000 years}')$$);
SELECT try($$SELECT create_features('shop', smoothing => -1)$$);
SELECT try($$SELECT create_features('shop', smoothing => 'NaN')$$);
SELECT try($$SELECT create_features('shop', smoothing => 'infinity')$$);
SELECT try($$SELECT create_features('shop', rates => '[]')$$);
SELECT try($$SELECT create_features('shop', rates => '{"ctr": "click"}')$$);
SELECT try($$SELECT create_features('shop', rates => '{"ctr": ["click"]}')$$);
SELECT try($$SELECT create_features('shop', rates => '{"ctr": ["click", "impression"]}')$$);
SELECT try($$SELECT create_features('shop', rates => '{"": ["click", "click"]}')$$);
SELECT try($$SELECT create_features('shop', features => '{basket%}')$$);
SELECT try($$SELECT create_features('shop', features => '{}')$$);
SELECT try($$SELECT create_features('shop', categories => 'genres')$$);
SELECT try($$SELECT create_features('shop', categories => 'genres', category_item_column => 'item')$$);
SELECT try($$SELECT create_features('shop', category_column => 'genre')$$);
SELECT try($$SELECT create_features('shop', categories => 'genres', category_item_column => 'genre', category_column => 'genre')$$);
SELECT try($$SELECT create_features('shop', categories => 'genres', category_item_column => 'itm', category_column => 'genre')$$);
SELECT try($$SELECT create_features('shop', categories => 'genres', category_item_column => 'item', category_column => 'price')$$);
SELECT try($$SELECT create_features('shop', recorded_column => 'seen')$$);
SELECT try($$SELECT create_features('shop', recorded_column => 'device')$$);
SELECT create_features('shop', categories => 'genres', category_item_column => 'item', category_column => 'genre', recorded_column => 'seen_at');
SELECT try($$SELECT create_features('shop')$$);
-- What they need is not to be dropped or changed beneath them.
SELECT try($$DROP TABLE genres$$);
SELECT try($$DROP TABLE recommend.feature_rows_3$$);
SELECT try($$DROP TABLE recommend.item_categories_3$$);
SELECT try($$DROP VIEW recommend.events_3$$);
SELECT try($$DROP TRIGGER recommend_3 ON log$$);
SELECT try($$SELECT alter_recommender('shop', context_columns => '{}')$$);
SELECT try($$SELECT alter_recommender('shop', half_life => '1 day')$$);
-- Questions.
SELECT try($$SELECT features('a'::text, 1, 'shop')$$);
SELECT try($$SELECT features(1, 'a'::text, 'shop')$$);
SELECT try($$SELECT * FROM candidate_features(1, '{a}'::text[], 'shop')$$);
SELECT try($$SELECT features(1, 1, 'shop', '{"place": "home"}')$$);
SELECT try($$SELECT features(1, 1, 'shop', '[1]')$$);
SELECT try($$SELECT features(1, 1, 'shop', as_of => 'infinity')$$);
SELECT try($$SELECT features(1, 1, 'shop', as_of => '-infinity')$$);
SELECT array_length(features(NULL::int, NULL::int, 'shop'), 1), array_length(features(1, 1, 'shop', NULL, NULL), 1);
SELECT count(*) FROM candidate_features(1, NULL::int[], 'shop');
SELECT count(*) FROM candidate_features(1, '{}'::int[], 'shop');
SELECT count(*) FROM candidate_features(NULL::int, '{1,1,NULL,-5,2147483647}'::int[], 'shop', as_of => '290000-01-01');
SELECT try($$SELECT feature_names('shop', '{nothing}')$$);
-- Labels.
CREATE TABLE labels (user_id int, item_id int, at timestamptz, label int, device text);
SELECT try($$SELECT * FROM training_set('shop', NULL)$$);
SELECT try($$SELECT * FROM training_set('shop', 'nowhere')$$);
SELECT try($$SELECT * FROM training_set('shop', 'SELECT')$$);
SELECT try($$SELECT * FROM training_set('shop', 'SELECT 1 AS a')$$);
SELECT try($$SELECT * FROM training_set('shop', 'SELECT 1 AS user_id, 2 AS item_id, 3 AS label')$$);
SELECT try($$SELECT * FROM training_set('shop', 'SELECT 1 AS user_id, ''x'' AS item_id, now() AS at, 3 AS label')$$);
SELECT try($$SELECT * FROM training_set('shop', 'SELECT 1 AS user_id, 2 AS item_id, ''2020-01-01'' AS at, 3 AS label')$$);
SELECT try($$SELECT * FROM training_set('shop', 'SELECT 1 AS user_id, 2 AS item_id, now() AS at, ''yes'' AS label')$$);
SELECT try($$SELECT * FROM training_set('shop', 'SELECT 1 AS user_id, 2 AS item_id, NULL::timestamptz AS at, 3 AS label')$$);
SELECT try($$SELECT * FROM training_set('shop', 'SELECT 1 AS user_id, 2 AS item_id, timestamptz ''infinity'' AS at, 3 AS label')$$);
SELECT try($$SELECT * FROM training_set('shop', 'SELECT 1 AS user_id, 2 AS item_id, now() + interval ''1 s'' AS at, 3 AS label')$$);
SELECT try($$SELECT * FROM training_set('shop', 'labels', '{nothing}')$$);
SELECT try($$SELECT * FROM training_set('shop', 'WITH gone AS (DELETE FROM labels RETURNING *) SELECT * FROM gone')$$);
SELECT count(*) FROM training_set('shop', 'features_errors.labels');
-- Cancelled.
SET statement_timeout = 300;
SELECT count(*) FROM training_set('shop', $$SELECT n AS user_id, n AS item_id, timestamp '2020-01-01' + n * interval '1 ms' AS at, 0 AS label FROM generate_series(1, 100000000) n$$);
RESET statement_timeout;

-- Who may declare, keep and read them.
SET client_min_messages = warning;
CREATE ROLE feature_reader;
CREATE ROLE feature_stranger;
RESET client_min_messages;
GRANT USAGE ON SCHEMA features_errors TO feature_reader, feature_stranger;
GRANT SELECT (u, i, at, kind, device, seen_at) ON log TO feature_reader;
GRANT SELECT ON genres TO feature_reader;
SET ROLE feature_stranger;
SELECT try($$SELECT features(1, 1, 'shop')$$);
SELECT try($$SELECT * FROM candidate_features(1, '{1}'::int[], 'shop')$$);
SELECT try($$SELECT * FROM training_set('shop', 'SELECT 1 AS user_id, 2 AS item_id, now() AS at, 3 AS label')$$);
SELECT try($$SELECT create_features('plain')$$);
SELECT try($$SELECT drop_features('shop')$$);
SELECT try($$SELECT rebuild_features('shop')$$);
SELECT try($$SELECT * FROM recommend.feature_rows_3$$);
SELECT try($$SELECT feature_names('shop')$$), count(*) FROM recommend.feature_list;
SELECT count(*) FROM recommend.feature_status;
SET ROLE feature_reader;
SELECT array_length(feature_names('shop'), 1) > 0, count(*) > 0 FROM recommend.feature_list;
SELECT array_length(features(1, 1, 'shop'), 1) > 0;
SELECT try($$SELECT * FROM training_set('shop', 'features_errors.labels')$$);
SELECT count(*) FROM recommend.feature_status;
RESET ROLE;
REVOKE SELECT (seen_at) ON log FROM feature_reader;
SET ROLE feature_reader;
SELECT try($$SELECT features(1, 1, 'shop')$$);
RESET ROLE;
GRANT SELECT (seen_at) ON log TO feature_reader;
ALTER TABLE log ENABLE ROW LEVEL SECURITY;
SET ROLE feature_reader;
SELECT try($$SELECT features(1, 1, 'shop')$$);
RESET ROLE;
ALTER TABLE log DISABLE ROW LEVEL SECURITY;
-- Rows of other shapes, and bytes that are none.
UPDATE recommend.feature_rows_3 SET features = (SELECT features FROM recommend.feature_rows_3 WHERE kind = 0) WHERE kind = 1;
SELECT try($$SELECT '\x0107010000000000'::recommend.packed$$);
UPDATE recommend.features SET event_types = '{click,view}' WHERE id = 3;
\c -
SET search_path = features_errors, public;
\pset format unaligned
\pset tuples_only
SELECT try($$SELECT features(1, 1, 'shop')$$);
SELECT rebuild_features('shop');
SELECT array_length(features(1, 1, 'shop'), 1) > 0;
SET client_min_messages = warning;
SELECT drop_recommender('shop'), drop_recommender('plain');
DROP OWNED BY feature_reader, feature_stranger;
DROP ROLE feature_reader, feature_stranger;
DROP SCHEMA features_errors CASCADE;
