-- train_ctr(): models learnt from the rows of a query, deployed as all others are.
CREATE SCHEMA train_test;
SET search_path = train_test, public;
CREATE TYPE device AS ENUM ('phone', 'tablet', 'desktop');
CREATE FUNCTION uniform(text) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$SELECT ('x' || substr(md5($1), 1, 8))::bit(32)::bigint / 4294967296.0$$;
-- A log whose truth is known: by price, country, hour, premium, and a country's taste for devices.
CREATE TABLE log AS
    SELECT n AS id, '2026-01-01'::timestamptz + n * interval '1 minute' AS at, country, device, price, hour, shop, premium,
           uniform('c' || n) < 1 / (1 + exp(-truth)) AS clicked, 1 / (1 + exp(-truth)) AS p
      FROM (SELECT *, 0.8 - 0.05 * price + CASE country WHEN 'DE' THEN 0.7 WHEN 'FR' THEN -0.5 ELSE 0 END + CASE WHEN premium THEN 0.6 ELSE 0 END
                      + CASE WHEN hour BETWEEN 9 AND 17 THEN -0.7 ELSE 0.3 END + CASE WHEN (country = 'DE') = (device = 'phone') THEN 0.8 ELSE -0.8 END
                      + (shop % 7 - 3) * 0.3 AS truth
              FROM (SELECT n, (ARRAY['DE', 'FR', 'US', 'IT'])[1 + (uniform('a' || n) * 4)::int % 4] AS country,
                           (ARRAY['phone', 'tablet', 'desktop']::device[])[1 + (uniform('b' || n) * 3)::int % 3] AS device,
                           (40 * uniform('p' || n))::real AS price, (uniform('h' || n) * 24)::int % 24 AS hour,
                           (uniform('s' || n) * 50)::int AS shop, uniform('v' || n) < 0.3 AS premium
                      FROM generate_series(1, 12000) n) r) t;
-- The last tenth is held out.
CREATE FUNCTION learnt(sql text) RETURNS TABLE (version int, rows bigint, positives bool, skipped bigint, held_out bigint, passes bool, auc numeric, entropy bool, calibrated bool)
    LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE 'SELECT version, rows, positives BETWEEN 1 AND rows - 1, skipped, validation_rows, best_passes BETWEEN 1 AND passes_made,
                                 round(auc::numeric, 1), normalized_entropy BETWEEN 0.5 AND 1, calibration BETWEEN 0.85 AND 1.15 FROM ' || sql;
END $$;
SELECT * FROM learnt($$train_ctr('m', 'SELECT country, device, price, hour, premium, shop, clicked FROM log ORDER BY at', 'clicked', categories => '{shop}')$$);
SELECT name, version, active, features, defaults, inputs, output - 'name' AS output, takes_missing, owner = current_user AS mine FROM models;
-- What the tail says of it is what evaluate_model() says of a model that has not seen it, and no better than the truth.
CREATE TABLE report AS
    SELECT * FROM train_ctr('tail', 'SELECT country, device, price, hour, premium, shop, clicked FROM log ORDER BY at', 'clicked', categories => '{shop}',
                            options => '{"refit": false}');
SELECT a.validation_rows = e.rows AS rows, abs(a.auc - e.auc) < 1e-6 AS auc, abs(a.log_loss - e.log_loss) < 1e-6 AS log_loss,
       abs(a.normalized_entropy - e.normalized_entropy) < 1e-6 AS normalized_entropy, abs(a.calibration - e.calibration) < 1e-6 AS calibration
  FROM report a, evaluate_model('tail', 'SELECT * FROM log ORDER BY at OFFSET 10800', 'clicked') e;
SELECT e.log_loss / t.best < 1.06 AS near_truth
  FROM evaluate_model('tail', 'SELECT * FROM log ORDER BY at OFFSET 10800', 'clicked') e,
       (SELECT avg(-ln(CASE WHEN clicked THEN p ELSE 1 - p END)) AS best FROM (SELECT * FROM log ORDER BY at OFFSET 10800) l) t;
-- By name: missing is missing, unknown is unknown, extremes are numbers.
SELECT ctr_predict('m', '{"country": "DE", "device": "phone", "price": 5, "hour": 20, "premium": true, "shop": 6}'::jsonb)
     > ctr_predict('m', '{"country": "FR", "device": "phone", "price": 35, "hour": 12, "premium": false, "shop": 7}'::jsonb) AS rule;
SELECT ctr_predict('m', t) BETWEEN 0 AND 1 AS score
  FROM (VALUES (NULL::text, NULL::device, NULL::real, NULL::int, NULL::bool, NULL::int), ('??', 'phone', 3e38, -5, true, 999999),
               ('', 'tablet', -3e38, 2147483647, false, -1), ('DE', 'phone', 'NaN', 0, true, 0)) AS t (country, device, price, hour, premium, shop);
SELECT ctr_predict('m', '{}'::jsonb) = ctr_predict('m', t) AS same FROM (SELECT NULL::text AS country, 'NaN'::real AS price) t;
SELECT ctr_predict('m', '{"price": "Infinity"}'::jsonb) BETWEEN 0 AND 1 AS score;
SELECT count(*), count(score) FROM ctr_predict_rows('m', 'SELECT id, country, device, price, hour, premium, shop FROM log');
-- The same rows, settings and seed give the same file, however many threads there are; so do the rows in another order with a time.
SET max_parallel_maintenance_workers = 0;
SELECT * FROM learnt($$train_ctr('m', 'SELECT country, device, price, hour, premium, shop, clicked FROM log ORDER BY at', 'clicked', categories => '{shop}')$$);
SET max_parallel_maintenance_workers = 7;
SELECT * FROM learnt($$train_ctr('m', 'SELECT country, device, price, hour, premium, shop, clicked, at FROM log ORDER BY price -- as it was shown', 'clicked',
                                 categories => '{shop}', time_column => 'at')$$);
RESET max_parallel_maintenance_workers;
SELECT * FROM learnt($$train_ctr('m', 'SELECT country, device, price, hour, premium, shop, clicked FROM log ORDER BY at', 'clicked', categories => '{shop}', seed => 2)$$);
SELECT version, sha256 = first_value(sha256) OVER (ORDER BY version) AS as_the_first FROM models WHERE name = 'm' ORDER BY version;
-- Features by name, labels of another type, unknown labels, another method, a cross; not active until one says so.
SELECT * FROM learnt($$train_ctr('plain', 'SELECT *, CASE WHEN id % 10 > 0 THEN clicked::int END AS label FROM log ORDER BY at', features => '{country,device,price}',
                                 method => 'logistic', crosses => '{country * device}', validation => 0.2, passes => 3, activate => false)$$);
SELECT version, active, features FROM models WHERE name = 'plain';
SELECT round(auc::numeric, 1) AS auc FROM evaluate_model('plain', 'SELECT * FROM log', 'clicked', version => 1);
-- Without validation there are no figures, and all passes are made.
SELECT validation_rows, passes_made, best_passes, auc, log_loss, normalized_entropy, calibration
  FROM train_ctr('plain', 'SELECT country, price, clicked FROM log', 'clicked', method => 'logistic', validation => 0, passes => 2,
                 options => '{"l1": 0.5, "l2": 2, "alpha": 0.05, "beta": 1, "bins": 8, "table_bits": 10, "vocabulary": 100, "min_count": 5, "factors": 4}');
-- An array of features: numbers with names; numbered without. Rows without an array are left out.
SELECT * FROM learnt($$train_ctr('array', 'SELECT id, at, CASE WHEN id % 100 > 0 THEN ARRAY[price, hour] END::real[] AS f, clicked AS label FROM log ORDER BY id DESC',
                                 time_column => 'at', feature_names => '{price,hour}')$$);
SELECT features FROM models WHERE name = 'array';
SELECT ctr_predict('array', '{"price": 3, "hour": 20}'::jsonb) = ctr_predict('array', '{3,20}'::real[]) AS same,
       ctr_predict('array', '{3,NULL}'::real[]) = ctr_predict('array', '{"price": 3}'::jsonb) AS missing;
SELECT rows, auc > 0.6 AS auc FROM evaluate_model('array', 'SELECT ARRAY[hour, price]::real[] AS f, clicked FROM log', 'clicked', feature_names => '{hour,price}');
SELECT * FROM learnt($$train_ctr('array', 'SELECT NULLIF(ARRAY[price, hour], ARRAY[price, 3])::real[] AS f, country, clicked FROM log', 'clicked', '{country,f}')$$);
SELECT version, features FROM models WHERE name = 'array' ORDER BY 1;
-- From a recommender's features: what has happened before each label, and nothing after it.
CREATE TABLE events AS SELECT id, (shop % 40) AS user_id, (hour % 12) AS item_id, at, CASE WHEN clicked THEN 'click' ELSE 'view' END AS kind FROM log WHERE id <= 3000;
SELECT create_recommender('shop', 'events', 'user_id', 'item_id', 'at', event_column => 'kind', event_weights => '{"view": 1, "click": 3}', graph => false);
SELECT create_features('shop', windows => '{1 day}', half_lives => '{}') > 0 AS features;
CREATE VIEW labels AS SELECT user_id, item_id, at, kind = 'click' AS label FROM events;
SELECT version, rows, skipped, held_out FROM learnt($$train_ctr('ctr', 'SELECT * FROM training_set(''shop'', ''train_test.labels'')', 'label', feature_names => feature_names('shop'))$$);
SELECT features = feature_names('shop') AS named FROM models WHERE name = 'ctr';
SELECT ctr_predict('ctr', features_json(3, 4, 'shop')) = ctr_predict('ctr', features(3, 4, 'shop')) AS same;
SELECT rows, auc > 0.4 AS auc FROM evaluate_model('ctr', 'SELECT * FROM training_set(''shop'', ''train_test.labels'')');
SELECT drop_recommender('shop');

-- Errors: the code, the message, what to do.
\set tests `echo "$PG_RECOMMEND_TESTS"`
\i :tests/sql/refused.sql
\pset format unaligned
\pset tuples_only on
SELECT refused($$SELECT train_ctr(NULL, 'SELECT * FROM log')$$);
SELECT refused($$SELECT train_ctr('', 'SELECT * FROM log')$$);
SELECT refused($$SELECT train_ctr('x', NULL)$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT * FROM log', NULL)$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT * FROM log')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT * FROM log', 'click')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT * FROM log', 'clicked')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT * FROM log', 'device', '{price}')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, id AS label FROM log ORDER BY id')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, CASE WHEN id > 9 THEN 0.5 END AS label FROM log ORDER BY id')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT * FROM log', 'clicked', '{price,color}')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT * FROM log', 'clicked', '{price,pric}')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT * FROM log', 'clicked', '{price,price}')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT * FROM log', 'clicked', '{}')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT * FROM log', 'clicked', '{price,NULL}')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT clicked FROM log', 'clicked')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, clicked FROM log', 'clicked', categories => '{price}')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, shop, clicked FROM log', 'clicked', '{price}', categories => '{shop}')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, clicked FROM log', 'clicked', categories => '{shop}')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, country, clicked FROM log', 'clicked', crosses => '{country * devise}')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, country, clicked FROM log', 'clicked', crosses => '{country}')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, country, clicked FROM log', 'clicked', method => 'forest')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, country, clicked FROM log', 'clicked', time_column => 'at')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, clicked', 'clicked', time_column => 'at')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, country, clicked FROM log', 'clicked', validation => 0.7)$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, country, clicked FROM log', 'clicked', validation => 'NaN')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, country, clicked FROM log', 'clicked', passes => -1)$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, country, clicked FROM log', 'clicked', passes => NULL)$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, country, clicked FROM log', 'clicked', options => '{"depth": 3}')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, country, clicked FROM log', 'clicked', options => '{"factors": "many"}')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, country, clicked FROM log', 'clicked', options => '{"factors": 1000}')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, country, clicked FROM log', 'clicked', options => '[1]')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT ARRAY[price]::real[] AS f, ARRAY[hour]::real[] AS g, clicked FROM log', 'clicked', '{f,g}')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, clicked FROM log', 'clicked', feature_names => '{price}')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT ARRAY[price]::real[] AS f, clicked FROM log', 'clicked', feature_names => '{price,hour}')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT ARRAY[price, NULL]::real[] AS f, clicked FROM log', 'clicked')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, clicked FROM log WHERE false', 'clicked')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, clicked FROM log LIMIT 1', 'clicked')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, NULL::bool AS clicked FROM log', 'clicked')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT price, clicked FROM log WHERE clicked', 'clicked')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT CASE WHEN id = 7 THEN ''Infinity'' ELSE price END AS price, clicked FROM log ORDER BY id', 'clicked')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT 1e300::float8 AS price, clicked FROM log', 'clicked')$$);
SELECT refused($$SELECT train_ctr('x', 'DELETE FROM log RETURNING price, clicked', 'clicked')$$);
SELECT refused($$SELECT train_ctr('x', 'SELECT nonsense', 'clicked')$$);
BEGIN READ ONLY;
SELECT refused($$SELECT train_ctr('x', 'SELECT price, clicked FROM log', 'clicked')$$);
ROLLBACK;
\pset format aligned
\pset tuples_only off
SELECT count(*) AS none FROM models WHERE name = 'x';
-- What is wrong with a column that has one value only, or none, or a long one, or empty texts: nothing.
SELECT version, rows FROM train_ctr('odd', 'SELECT price, 7 AS one, NULL::text AS none, repeat(country, 1000) AS long, '''' AS empty, clicked FROM log', 'clicked', passes => 2);
SELECT ctr_predict('odd', '{"price": 4, "one": 7}'::jsonb) BETWEEN 0 AND 1 AS score;
-- A training that is rolled back never happened; one that is cancelled neither.
BEGIN;
SELECT version FROM train_ctr('back', 'SELECT price, clicked FROM log', 'clicked', passes => 1);
ROLLBACK;
SELECT count(*) FROM models WHERE name = 'back';
SET statement_timeout = '300ms';
SELECT version FROM train_ctr('x', 'SELECT n AS price, n % 2 AS label FROM generate_series(1, 1000000000) n');
CREATE TABLE begun AS SELECT clock_timestamp() AS at;
SELECT version FROM train_ctr('x', 'SELECT country, device, price, hour, premium, shop, clicked FROM log, generate_series(1, 4)', 'clicked', crosses => '{*}', passes => 1000, validation => 0);
SELECT clock_timestamp() - at < '1 s' AS soon FROM begun;
RESET statement_timeout;
-- Rows wait in a temporary file, within its limit. Newer versions word the error otherwise.
SET temp_file_limit = '1MB';
\set VERBOSITY sqlstate
SELECT version FROM train_ctr('x', 'SELECT n AS price, n % 2 AS label FROM generate_series(1, 300000) n');
\set VERBOSITY default
RESET temp_file_limit;
SELECT count(*) AS files FROM pg_ls_tmpdir() WHERE name LIKE 'pgsql_tmp' || pg_backend_pid() || '.%';

-- Privileges: the function is granted; the query runs as who calls; a model has an owner.
CREATE ROLE train_owner;
CREATE ROLE train_other;
GRANT USAGE ON SCHEMA train_test TO train_owner, train_other;
GRANT SELECT ON log TO train_owner;
SET ROLE train_owner;
SELECT version FROM train_ctr('theirs', 'SELECT price, clicked FROM train_test.log', 'clicked', passes => 1);
RESET ROLE;
GRANT EXECUTE ON FUNCTION train_ctr TO train_owner, train_other;
SET ROLE train_owner;
SELECT version FROM train_ctr('theirs', 'SELECT price, clicked FROM train_test.log', 'clicked', passes => 1);
SELECT name, owner, deployed_by FROM models WHERE name = 'theirs';
SET ROLE train_other;
SELECT version FROM train_ctr('mine', 'SELECT price, clicked FROM train_test.log', 'clicked', passes => 1);
SELECT version FROM train_ctr('theirs', 'SELECT n AS price, n % 2 AS label FROM generate_series(1, 100) n', passes => 1);
RESET ROLE;
REVOKE ALL ON FUNCTION train_ctr FROM train_owner, train_other;
SELECT drop_model(name) FROM (SELECT DISTINCT name FROM models ORDER BY name) m;
DROP SCHEMA train_test CASCADE;
DROP ROLE train_owner, train_other;
