-- Models: deploying, scoring, switching, traffic, and what is refused.
CREATE SCHEMA models_test;
SET search_path = models_test, public;
-- As of a client that has the files; the scores beside them are those of the libraries that the models come from.
CREATE TABLE files (name text PRIMARY KEY, onnx bytea, expected jsonb);
\copy files FROM PROGRAM '"$PG_RECOMMEND_TESTS"/models/rows "$PG_RECOMMEND_TESTS/models"'
SELECT name, length(onnx) FROM files ORDER BY name COLLATE "C";
-- A model of each kind, with its features named. Missing numbers of LightGBM are NaN.
SELECT name, deploy_model(name, onnx, ARRAY(SELECT jsonb_array_elements_text(expected -> 'features')),
                          defaults => (SELECT jsonb_object_agg(f, 'NaN') FROM jsonb_array_elements_text(expected -> 'features') f
                                        WHERE expected -> 'options' ? 'missing'),
                          output_class => expected -> 'options' ->> 'output_class') AS version
  FROM files ORDER BY name COLLATE "C";
SELECT name, version, active, share, features, inputs, output, single_row, takes_missing FROM models ORDER BY name;
SELECT name, operators, opset, bytes, owner = current_user AS mine, deployed_by = current_user AS by_me, sha256 = encode(sha256(onnx), 'hex') AS hashed
  FROM models JOIN files USING (name) ORDER BY name;
-- Each row by name: the scores are those of the library.
CREATE VIEW rows AS
    SELECT f.name, r.place, r.row, (SELECT jsonb_object_agg(k.name, r.row -> (k.place::int - 1))
                                     FROM jsonb_array_elements_text(expected -> 'features') WITH ORDINALITY k (name, place)) AS features,
           (expected -> 'scores' ->> (r.place::int - 1))::float8 AS score
      FROM files f, jsonb_array_elements(expected -> 'rows') WITH ORDINALITY r (row, place);
SELECT name, count(*), max(abs(ctr_predict(name, features) - score)) < 1e-5 AS equal FROM rows GROUP BY name ORDER BY name;
-- As real[], NULL for what is missing; text is no real.
CREATE VIEW reals AS
    SELECT name, place, score, ARRAY(SELECT value::real FROM jsonb_array_elements_text(row) WITH ORDINALITY e (value, place) ORDER BY e.place) AS features
      FROM rows WHERE name <> 'sklearn_columns';
SELECT name, count(*), max(abs(ctr_predict(name, features) - score)) < 1e-5 AS equal FROM reals GROUP BY name ORDER BY name;
-- As arrays of rows.
SELECT name, bool_and(abs(p - score) < 1e-5) AS equal, count(*)
  FROM (SELECT name, ctr_predict_batch(name, array_agg(features ORDER BY place)) AS ps, array_agg(score ORDER BY place) AS scores
          FROM reals WHERE name <> 'lightgbm' GROUP BY name) b, unnest(ps, scores) AS s (p, score) GROUP BY name ORDER BY name;
SELECT ctr_predict_batch('mlp', '{}');
-- As rows of a table or query: other columns are left out.
SELECT round(ctr_predict('sklearn_columns', t)::numeric, 4)
  FROM (VALUES (1, 30, 12.5::numeric, 'nowhere'::varchar, 'mobile'), (2, 44, 99, 'DE', 'desktop')) AS t (id, age, price, country, device);
SELECT ctr_predict('dcn', t) = ctr_predict('dcn', ARRAY[7, 0.5, -1]) AS same FROM (SELECT 7::bigint AS item, 0.5::float8 AS price, -1::smallint AS hour) t;
-- The rows of a query.
CREATE TABLE shown (id bigint PRIMARY KEY, f real[], x0 real, x1 float8, x2 int, note text);
INSERT INTO shown SELECT n, ARRAY[n % 3, n % 5, n % 7, 0, 1, -1, 0.5, n % 2], n % 3, n % 5, n % 7, 'note ' || n FROM generate_series(1, 2000) n;
INSERT INTO shown VALUES (0, NULL, 1, 2, 3, NULL);
SELECT count(*), count(score), bool_and(score = ctr_predict('mlp', f)) AS equal
  FROM ctr_predict_rows('mlp', 'SELECT id, f FROM shown') JOIN shown USING (id);
SELECT count(*), bool_and(abs(score - ctr_predict('three_classes', ARRAY[x0, x1, x2]::real[])) < 1e-6) AS equal
  FROM ctr_predict_rows('three_classes', 'SELECT id::int, note, x2, x0, x1 FROM shown') JOIN shown USING (id);
SELECT id, score = ctr_predict('mlp', '{1,1,1,0,1,-1,0.5,1}'::real[]) AS equal
  FROM ctr_predict_rows('mlp', $$SELECT 'row ' || id, f FROM shown WHERE id = 1$$, NULL::text);
SELECT * FROM ctr_predict_rows('mlp', 'SELECT id, f FROM shown WHERE false');
SELECT * FROM ctr_predict_rows('mlp', NULL);
-- NULL.
SELECT ctr_predict(NULL, '{1}'::real[]), ctr_predict('mlp', NULL::real[]), ctr_predict('mlp', NULL::jsonb, 1), ctr_predict_batch('mlp', NULL);
-- NaN is a missing value to those that know it. Infinity is a number.
SELECT ctr_predict('lightgbm', ARRAY['NaN', 'NaN', 'NaN', 'NaN', 'NaN', 'NaN']::real[]) = ctr_predict('lightgbm', '{}'::jsonb) AS same,
       ctr_predict('lightgbm', ARRAY[NULL, NULL, NULL, NULL, NULL, NULL]::real[]) = ctr_predict('lightgbm', '{}'::jsonb) AS same,
       ctr_predict('lightgbm', '{"f0": "Infinity", "f1": "-Infinity", "f2": "NaN"}'::jsonb) BETWEEN 0 AND 1 AS score;
-- Read-only, in a parallel worker, and in a cursor.
BEGIN READ ONLY;
SELECT ctr_predict('mlp', '{1,1,1,0,1,-1,0.5,1}'::real[]) BETWEEN 0 AND 1 AS score;
SELECT count(*) FROM ctr_predict_rows('mlp', 'SELECT id, f FROM shown');
COMMIT;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS off) SELECT sum(ctr_predict('mlp', f)) FROM shown;
SELECT round(sum(ctr_predict('mlp', f))::numeric, 2) AS parallel FROM shown;
SET max_parallel_workers_per_gather = 0;
SELECT round(sum(ctr_predict('mlp', f))::numeric, 2) AS serial FROM shown;
RESET max_parallel_workers_per_gather;

-- Errors: the code, the message, what to do.
\set tests `echo "$PG_RECOMMEND_TESTS"`
\i :tests/sql/refused.sql
\pset format unaligned
\pset tuples_only on
SELECT refused($$SELECT ctr_predict('nothing', '{1}'::real[])$$);
SELECT refused($$SELECT ctr_predict('mlp', '{1,2}'::real[])$$);
SELECT refused($$SELECT ctr_predict('mlp', '{{1,2}}'::real[])$$);
SELECT refused($$SELECT ctr_predict('mlp', '{1,1,1,0,1,-1,0.5,NULL}'::real[])$$);
SELECT refused($$SELECT ctr_predict('mlp', '{"x0": 1}'::jsonb)$$);
SELECT refused($$SELECT ctr_predict('three_classes', '{"x0": 1, "x1": 2, "x2": 3, "x3": 4}'::jsonb)$$);
SELECT refused($$SELECT ctr_predict('three_classes', '{"x0": 1, "x1": "two", "x2": 3}'::jsonb)$$);
SELECT refused($$SELECT ctr_predict('three_classes', '{"x0": 1, "x1": [2], "x2": 3}'::jsonb)$$);
SELECT refused($$SELECT ctr_predict('three_classes', '[1, 2, 3]'::jsonb)$$);
SELECT refused($$SELECT ctr_predict('three_classes', t) FROM (SELECT 1 AS x0, 2 AS x1, now() AS x2) t$$);
SELECT refused($$SELECT ctr_predict('three_classes', t) FROM (SELECT 1 AS x0, 2 AS x1) t$$);
SELECT refused($$SELECT ctr_predict('sklearn_columns', '{1,2,3,4}'::real[])$$);
SELECT refused($$SELECT ctr_predict('dcn', '{1.5,2,3}'::real[])$$);
SELECT refused($$SELECT ctr_predict('dcn', '{20000000,2,3}'::real[])$$);
SELECT refused($$SELECT ctr_predict('dcn', '{"item": 50, "price": 1, "hour": 1}'::jsonb)$$);
SELECT refused($$SELECT ctr_predict_batch('mlp', '{1,2}')$$);
SELECT refused($$SELECT ctr_predict_batch('mlp', '{{1,2}}')$$);
SELECT refused($$SELECT * FROM ctr_predict_rows('mlp', 'SELECT 1')$$);
SELECT refused($$SELECT * FROM ctr_predict_rows('mlp', 'SELECT now(), f FROM shown')$$);
SELECT refused($$SELECT * FROM ctr_predict_rows('mlp', 'SELECT id, f, now() AS x0 FROM shown')$$);
SELECT refused($$SELECT * FROM ctr_predict_rows('three_classes', 'SELECT id, x0, x1 FROM shown')$$);
SELECT refused($$SELECT * FROM ctr_predict_rows('mlp', 'DELETE FROM shown RETURNING id, f')$$);
SELECT refused($$SELECT * FROM ctr_predict_rows('mlp', 'SELECT nonsense')$$);

\pset format aligned
\pset tuples_only off
-- Switching. Scores of two versions that nobody mixes up.
CREATE FUNCTION file(which text) RETURNS bytea LANGUAGE sql AS 'SELECT onnx FROM files WHERE name = $1';
SELECT deploy_model('ctr', file('sklearn_tensor')), deploy_model('ctr', file('xgboost'), activate => false);
SELECT name, version, active, share, features FROM models WHERE name = 'ctr' ORDER BY version;
SELECT ctr_predict('ctr', '{1,2,3,4,5}'::real[]) = ctr_predict('sklearn_tensor', '{1,2,3,4,5}'::real[]) AS first;
SELECT activate_model('ctr', 2);
SELECT ctr_predict('ctr', '{1,2,3,4,5,6}'::real[]) = ctr_predict('xgboost', '{1,2,3,4,5,6}'::real[]) AS second;
-- A switch that is rolled back never happened.
BEGIN;
SELECT activate_model('ctr', 1);
SELECT ctr_predict('ctr', '{1,2,3,4,5}'::real[]) > 0 AS first;
SAVEPOINT s;
SELECT activate_model('ctr', 2);
SELECT ctr_predict('ctr', '{1,2,3,4,5,6}'::real[]) > 0 AS second;
ROLLBACK TO s;
SELECT ctr_predict('ctr', '{1,2,3,4,5}'::real[]) > 0 AS first;
ROLLBACK;
SELECT ctr_predict('ctr', '{1,2,3,4,5,6}'::real[]) > 0 AS second;
SELECT version FROM models WHERE name = 'ctr' AND active;
-- Back, step by step.
SELECT rollback_model('ctr');
SELECT rollback_model('ctr');
-- A split, sticky by unit.
SELECT deploy_model('split', file('mlp')), deploy_model('split', file('mlp_single_row'), activate => false), deploy_model('split', file('deepfm'), activate => false);
SELECT deploy_model('one', file('sklearn_tensor'), activate => true), deploy_model('one', file('sklearn_zipmap'), activate => false);
SELECT set_model_traffic('split', '{"1": 90, "2": 10}');
SELECT version, active, share FROM models WHERE name = 'split' ORDER BY version;
-- Which version answers shows in what it takes: the third takes five features.
SELECT set_model_traffic('split', '{"1": 80, "3": 20}');
CREATE FUNCTION third(u int) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ctr_predict('split', '{1,1,1,0,1}'::real[], u);
    RETURN true;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN false;
END $$;
CREATE TABLE units AS SELECT u, third(u) AS at_20 FROM generate_series(1, 500) u;
SELECT count(*) FILTER (WHERE at_20) BETWEEN 70 AND 130 AS about_a_fifth, bool_and(at_20 = third(u)) AS sticky FROM units;
SELECT set_model_traffic('split', '{"1": 50, "3": 50}');
SELECT count(*) FILTER (WHERE third(u)) BETWEEN 210 AND 290 AS about_half, bool_and(third(u)) FILTER (WHERE at_20) AS none_left FROM units;
-- A unit of any type; without one, or with NULL, the active version answers.
SELECT third(1) = (ctr_predict('split', CASE WHEN third(1) THEN '{1,1,1,0,1}' ELSE '{1,1,1,0,1,-1,0.5,1}' END::real[], '1') IS NOT NULL AND third(1)) AS text_is_int;
SELECT ctr_predict('split', '{1,1,1,0,1,-1,0.5,1}'::real[]) = ctr_predict('split', '{1,1,1,0,1,-1,0.5,1}'::real[], NULL) AS active;
SELECT set_model_traffic('split', NULL);
SELECT version, active, share FROM models WHERE name = 'split' ORDER BY version;
SELECT rollback_model('split');
SELECT version, active, share FROM models WHERE name = 'split' ORDER BY version;
-- A query's rows, each by the version of its unit.
SELECT set_model_traffic('one', '{"1": 50, "2": 50}');
SELECT count(*), bool_and(score = ctr_predict('one', '{1,2,3,4,5}'::real[], id)) AS equal
  FROM ctr_predict_rows('one', $$SELECT n AS id, n AS unit, '{1,2,3,4,5}'::real[] AS f FROM generate_series(1, 1000) n$$);
-- A shadow is scored beside the one that answers, and compared.
SELECT set_model_traffic('one', NULL), set_model_shadow('one', 2);
SELECT name, version, shadow FROM models WHERE name = 'one' ORDER BY version;
SELECT count(*) FROM ctr_predict_rows('one', $$SELECT n AS id, ARRAY[n % 3, 2, 3, 4, n % 5]::real[] AS f FROM generate_series(1, 1000) n$$);
SELECT ctr_predict('one', '{1,2,3,4,5}'::real[]) > 0 AS score;
SELECT name, version, shadow, rows, failed, round(mean_score - mean_shadow_score) AS difference, round(mean_difference) AS mean, since <= now() AS since
  FROM recommend.model_shadows;
SELECT drop_model('one', 2);
SELECT set_model_shadow('ctr', 2);
SELECT set_model_shadow('one', NULL);
SELECT count(*) FROM recommend.model_shadows;
-- Dropping.
SELECT drop_model('split', 3);
SELECT activate_model('split', 1);
SELECT drop_model('split', 3);
SELECT deploy_model('split', file('mlp'));
SELECT version FROM models WHERE name = 'split' ORDER BY version;
SELECT drop_model('split');
SELECT count(*) FROM recommend.model_versions WHERE model = 'split';
\pset format unaligned
\pset tuples_only on
SELECT refused($$SELECT rollback_model('mlp')$$);
SELECT refused($$SELECT activate_model('mlp', 7)$$);
SELECT refused($$SELECT activate_model('nothing', 1)$$);
SELECT refused($$SELECT activate_model('mlp', NULL)$$);
SELECT refused($$SELECT set_model_traffic('mlp', '{"1": 90}')$$);
SELECT refused($$SELECT set_model_traffic('mlp', '{"1": 90, "2": 10}')$$);
SELECT refused($$SELECT set_model_traffic('mlp', '{"1": "all"}')$$);
SELECT refused($$SELECT set_model_traffic('mlp', '{"one": 100}')$$);
SELECT refused($$SELECT set_model_traffic('mlp', '{}')$$);
SELECT refused($$SELECT set_model_traffic('mlp', '[1]')$$);
SELECT refused($$SELECT drop_model('mlp', 1)$$);
SELECT refused($$SELECT deploy_model('later', file('mlp'), activate => false)$$);
SELECT refused($$SELECT ctr_predict('later', '{1,1,1,0,1,-1,0.5,1}'::real[])$$);
SELECT refused($$SELECT set_model_traffic('later', '{"1": 100}')$$);
SELECT refused($$SELECT deploy_model('', file('mlp'))$$);
SELECT refused($$SELECT deploy_model('x', NULL)$$);
SELECT refused($$SELECT deploy_model('x', file('mlp'), ARRAY['a'])$$);
SELECT refused($$SELECT deploy_model('x', file('mlp'), ARRAY['a','b','c','d','e','f','g','a'])$$);
SELECT refused($$SELECT deploy_model('x', file('mlp'), ARRAY['a','b','c','d','e','f','g',NULL])$$);
SELECT refused($$SELECT deploy_model('x', file('mlp'), defaults => '{"nothing": 1}')$$);
SELECT refused($$SELECT deploy_model('x', file('mlp'), defaults => '{"features_0": [1]}')$$);
SELECT refused($$SELECT deploy_model('x', file('mlp'), defaults => '{"features_0": "one"}')$$);
SELECT refused($$SELECT deploy_model('x', file('mlp'), output => 'nothing')$$);
SELECT refused($$SELECT deploy_model('x', file('mlp'), output_class => 'buy')$$);
SELECT refused($$SELECT deploy_model('x', file('three_classes'))$$);
SELECT refused($$SELECT deploy_model('x', file('three_classes'), output_class => 'steal')$$);
SELECT refused($$SELECT deploy_model('x', file('sklearn_open'))$$);
BEGIN READ ONLY;
SELECT refused($$SELECT deploy_model('x', file('mlp'))$$);
ROLLBACK;
SET recommend.execution_provider = 'quantum';
SELECT refused($$SELECT deploy_model('x', file('mlp'))$$);
RESET recommend.execution_provider;

\pset format aligned
\pset tuples_only off
-- A session that may keep one model open scores with two.
SET recommend.model_cache_count = 1;
SELECT count(DISTINCT ctr_predict(m, '{"x0": 1, "x1": 2, "x2": 3, "x3": 4, "x4": 5}'::jsonb)) AS scores
  FROM (VALUES ('sklearn_zipmap'), ('sklearn_open')) v (m), generate_series(1, 3);
RESET recommend.model_cache_count;
-- Without the library, models say what to install; all else works. A session that has found one keeps it.
\c
SET search_path = models_test, public;
SET recommend.onnxruntime_library = '/nowhere/libonnxruntime.so';
SELECT ctr_predict('three_classes', '{1,2,3}'::real[]);
SET recommend.onnxruntime_library = '/etc/passwd';
SELECT refused($$SELECT ctr_predict('three_classes', '{1,2,3}'::real[])$$) ~ '^58P01: ONNX Runtime cannot be loaded from "/etc/passwd"' AS refused;
SELECT count(*) > 0 AS listed FROM models;
RESET recommend.onnxruntime_library;
SELECT round(ctr_predict('three_classes', '{1,2,3}'::real[])::numeric, 3);

-- Privileges: whoever may deploy owns what is new; whoever may call ctr_predict() may score.
CREATE ROLE models_owner;
CREATE ROLE models_other;
CREATE ROLE models_reader;
GRANT USAGE ON SCHEMA models_test TO models_owner, models_other, models_reader;
GRANT SELECT ON files TO models_owner, models_other;
GRANT EXECUTE ON FUNCTION deploy_model, activate_model, rollback_model, set_model_traffic, drop_model TO models_owner, models_other;
SET ROLE models_owner;
SELECT deploy_model('theirs', file('mlp'));
SET ROLE models_other;
SELECT deploy_model('theirs', file('mlp'));
SELECT activate_model('theirs', 1);
SELECT drop_model('theirs');
-- Scoring is a right of its own, which the owner grants.
SET ROLE models_owner;
DO $$ BEGIN EXECUTE (SELECT format('GRANT SELECT ON %s TO models_reader', access) FROM models WHERE name = 'theirs' LIMIT 1); END $$;
SET ROLE models_reader;
SELECT name, version, owner, deployed_by FROM models WHERE name = 'theirs';
SELECT ctr_predict('theirs', '{1,1,1,0,1,-1,0.5,1}'::real[]) BETWEEN 0 AND 1 AS score;
SELECT activate_model('theirs', 1);
SELECT graph FROM recommend.model_versions;
SELECT count(*) FROM ctr_predict_rows('theirs', 'SELECT * FROM models_test.shown');
RESET ROLE;
GRANT models_owner TO models_other;
SET ROLE models_other;
SELECT drop_model('theirs');
RESET ROLE;
SELECT drop_model(name) FROM (SELECT DISTINCT name FROM models ORDER BY name) m;
SELECT count(*) FROM recommend.models;
REVOKE ALL ON FUNCTION deploy_model, activate_model, rollback_model, set_model_traffic, drop_model FROM models_owner, models_other;
DROP SCHEMA models_test CASCADE;
DROP ROLE models_owner, models_other, models_reader;
