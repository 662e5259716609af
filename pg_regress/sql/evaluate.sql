-- evaluate_model(): metrics of scores on labelled rows, beside the same in SQL.
CREATE SCHEMA evaluate_test;
SET search_path = evaluate_test, public;
CREATE TABLE files (name text PRIMARY KEY, onnx bytea, expected jsonb);
\copy files FROM PROGRAM '"$PG_RECOMMEND_TESTS"/models/rows "$PG_RECOMMEND_TESTS/models"'
CREATE FUNCTION file(which text) RETURNS bytea LANGUAGE sql AS 'SELECT onnx FROM files WHERE name = $1';
SELECT deploy_model('m', file('sklearn_tensor'), ARRAY['x0', 'x1', 'x2', 'x3', 'x4']);
CREATE TABLE shown (id bigint PRIMARY KEY, x0 real, x1 float8, x2 int, x3 smallint, x4 numeric, country text, clicked bool);
INSERT INTO shown SELECT n, n % 7 - 3, n % 5 - 2, n % 3, n % 11 - 5, (n % 13) / 4.0, CASE n % 4 WHEN 0 THEN 'DE' WHEN 1 THEN 'FR' WHEN 2 THEN 'US' END,
       (n * 2654435761 / 65536) % 100 < 20 + 30 * (n % 7 > 3)::int FROM generate_series(1, 4000) n;
CREATE VIEW scored AS
    SELECT shown.*, score::float8 AS p FROM ctr_predict_rows('m', 'SELECT id, x0, x1, x2, x3, x4 FROM evaluate_test.shown') JOIN shown USING (id);
-- The same numbers in SQL: pairs by average rank, and sums.
CREATE FUNCTION metrics_sql(rows_of text) RETURNS TABLE (n bigint, positives bigint, auc float8, log_loss float8, ne float8, calibration float8) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('WITH r AS (SELECT p, clicked, rank() OVER (ORDER BY p) + (count(*) OVER (PARTITION BY p) - 1) / 2.0 AS rank FROM %s),
        s AS (SELECT count(*) AS n, count(*) FILTER (WHERE clicked) AS pos, sum(rank) FILTER (WHERE clicked) AS ranks,
                     avg(CASE WHEN clicked THEN -ln(p) ELSE -ln(1 - p) END) AS loss, sum(p) AS predicted FROM r)
        SELECT n, pos, ((ranks - pos * (pos + 1) / 2.0) / (pos * (n - pos)))::float8, loss,
               loss / (-(pos::float8 / n) * ln(pos::float8 / n) - (1 - pos::float8 / n) * ln(1 - pos::float8 / n)), predicted / pos FROM s', rows_of);
END $$;
SELECT e.segment, e.rows, e.positives, round(auc::numeric, 4) AS auc, round(log_loss::numeric, 4) AS log_loss, round(normalized_entropy::numeric, 4) AS ne,
       round(calibration::numeric, 4) AS calibration, round(calibration_error::numeric, 4) AS error, jsonb_array_length(calibration_table) AS bins
  FROM evaluate_model('m', 'SELECT * FROM shown', 'clicked', 'country') e;
SELECT e.segment, e.rows = s.n AS rows, e.positives = s.positives AS positives, abs(e.auc - s.auc) < 1e-9 AS auc, abs(e.log_loss - s.log_loss) < 1e-9 AS log_loss,
       abs(e.normalized_entropy - s.ne) < 1e-9 AS ne, abs(e.calibration - s.calibration) < 1e-9 AS calibration
  FROM evaluate_model('m', 'SELECT * FROM shown', 'clicked', 'country') e,
       LATERAL metrics_sql(coalesce('scored WHERE country = ' || quote_literal(segment), 'scored')) s;
-- The table of bins.
SELECT low <= high AS ordered, b.rows, predicted BETWEEN low AND high AS within, observed BETWEEN 0 AND 1 AS share
  FROM evaluate_model('m', 'SELECT * FROM shown', 'clicked', bins => 4) e,
       jsonb_to_recordset(e.calibration_table) AS b (low float8, high float8, rows bigint, predicted float8, observed float8) ORDER BY low;
SELECT abs(e.calibration_error - s.error) < 1e-9 AS equal
  FROM evaluate_model('m', 'SELECT * FROM shown', 'clicked', bins => 7) e,
       LATERAL (SELECT sum(b.rows * abs(b.predicted - b.observed)) / e.rows AS error
                  FROM jsonb_to_recordset(e.calibration_table) AS b (rows bigint, predicted float8, observed float8)) s;
-- Features as an array, in the model's order; in another order by their names; beside columns.
CREATE TABLE expected AS SELECT * FROM evaluate_model('m', 'SELECT * FROM shown', 'clicked');
SELECT e = t AS equal FROM expected e, evaluate_model('m', 'SELECT id, ARRAY[x0, x1, x2, x3, x4]::real[] AS f, clicked AS label FROM shown') t;
SELECT e = t AS equal FROM expected e,
       evaluate_model('m', 'SELECT ARRAY[x4, x3, x1]::real[] AS f, x2, x0, clicked AS label FROM shown', feature_names => '{x4,x3,x1}') t;
-- Labels of other types; unknown ones are left out.
SELECT e = t AS integers FROM expected e, evaluate_model('m', 'SELECT *, clicked::int AS label FROM shown') t;
SELECT e = t AS numerics FROM expected e, evaluate_model('m', 'SELECT *, clicked::int::numeric AS label FROM shown') t;
SELECT e = t AS doubles FROM expected e, evaluate_model('m', 'SELECT *, clicked::int::float8 AS label FROM shown') t;
SELECT rows, positives FROM evaluate_model('m', 'SELECT *, CASE WHEN id > 100 THEN clicked END AS label FROM shown');
-- What is not defined: no rows, one class only.
SELECT * FROM evaluate_model('m', 'SELECT * FROM shown WHERE false', 'clicked', 'country');
SELECT segment, rows, positives, auc, normalized_entropy, calibration IS NULL AS no_calibration, log_loss > 0 AS log_loss
  FROM evaluate_model('m', 'SELECT *, country IS NULL AND clicked AS label FROM shown', segment_by => 'country');
SELECT rows, positives, auc, normalized_entropy, calibration < 1 AS calibration FROM evaluate_model('m', 'SELECT * FROM shown WHERE clicked', 'clicked');
-- Scores that are no probabilities are ranked.
SELECT deploy_model('ranks', file('lightgbm_regression'), ARRAY(SELECT jsonb_array_elements_text(expected -> 'features') FROM files WHERE name = 'lightgbm_regression'));
SELECT features FROM models WHERE name = 'ranks';
SELECT rows, auc BETWEEN 0 AND 1 AS auc, log_loss, calibration, calibration_error, calibration_table
  FROM evaluate_model('ranks', 'SELECT ARRAY[x0, x1, x2, x3, x4, 0]::real[] AS f, clicked FROM shown', 'clicked');
-- A version that does not answer yet, and the versions of a split by unit.
SELECT deploy_model('m', file('sklearn_zipmap'), ARRAY['x0', 'x1', 'x2', 'x3', 'x4'], activate => false);
SELECT count(*) FROM evaluate_model('m', 'SELECT * FROM shown', 'clicked', version => 2);
SELECT deploy_model('later', file('sklearn_tensor'), ARRAY['x0', 'x1', 'x2', 'x3', 'x4'], activate => false);
SELECT e = t AS equal FROM expected e, evaluate_model('later', 'SELECT * FROM shown', 'clicked', version => 1) t;
SELECT deploy_model('split', file('sklearn_tensor'), ARRAY['x0', 'x1', 'x2', 'x3', 'x4']),
       deploy_model('split', file('deepfm'), activate => false);
SELECT set_model_traffic('split', '{"1": 100, "2": 0}');
SELECT e = t AS first FROM expected e, evaluate_model('split', 'SELECT *, id AS unit FROM shown', 'clicked') t;
SELECT e = t AS first FROM expected e, evaluate_model('split', 'SELECT *, id AS unit FROM shown', 'clicked', version => 1) t;
-- More scores than maintenance_work_mem holds: sums stay exact, the order is coarse; segments are bounded.
SET maintenance_work_mem = '1MB';
CREATE VIEW many AS SELECT ((n * 7919::bigint) % 100003)::real / 100003 AS x0, 1.0::real AS x1, n % 3 AS x2, 0 AS x3, 0 AS x4, n % 3 = 0 AS clicked, n
                      FROM generate_series(1, 300000) n;
CREATE TABLE coarse AS SELECT * FROM evaluate_model('m', 'SELECT * FROM many', 'clicked');
SET maintenance_work_mem = '64MB';
SELECT abs(a.auc - b.auc) < 0.001 AS auc, a.log_loss = b.log_loss AS log_loss, a.calibration = b.calibration AS calibration, a.rows
  FROM coarse a, evaluate_model('m', 'SELECT * FROM many', 'clicked') b;
SET maintenance_work_mem = '1MB';

-- Errors: the code, the message, what to do.
\set tests `echo "$PG_RECOMMEND_TESTS"`
\i :tests/sql/refused.sql
\pset format unaligned
\pset tuples_only on
SELECT regexp_replace(refused($$SELECT evaluate_model('m', 'SELECT * FROM many', 'clicked', 'n')$$), '\d{4,}', 'N', 'g');
RESET maintenance_work_mem;
SELECT refused($$SELECT evaluate_model('nothing', 'SELECT * FROM shown', 'clicked')$$);
SELECT refused($$SELECT evaluate_model(NULL, 'SELECT * FROM shown', 'clicked')$$);
SELECT refused($$SELECT evaluate_model('m', NULL, 'clicked')$$);
SELECT refused($$SELECT evaluate_model('m', 'SELECT * FROM shown', NULL)$$);
SELECT refused($$SELECT evaluate_model('m', 'SELECT * FROM shown')$$);
SELECT refused($$SELECT evaluate_model('m', 'SELECT * FROM shown', 'clickd')$$);
SELECT refused($$SELECT evaluate_model('m', 'SELECT * FROM shown', 'clicked', 'land')$$);
SELECT refused($$SELECT evaluate_model('m', 'SELECT * FROM shown', 'country')$$);
SELECT refused($$SELECT evaluate_model('m', 'SELECT *, 2 AS label FROM shown')$$);
SELECT refused($$SELECT evaluate_model('m', 'SELECT *, CASE WHEN id > 5 THEN 0.5 ELSE 1 END AS label FROM shown ORDER BY id')$$);
SELECT refused($$SELECT evaluate_model('m', $q$SELECT *, 'NaN'::float8 AS label FROM shown$q$)$$);
SELECT refused($$SELECT evaluate_model('m', 'SELECT * FROM shown', 'clicked', bins => 0)$$);
SELECT refused($$SELECT evaluate_model('m', 'SELECT * FROM shown', 'clicked', bins => 100000)$$);
SELECT refused($$SELECT evaluate_model('m', 'SELECT * FROM shown', 'clicked', bins => NULL)$$);
SELECT refused($$SELECT evaluate_model('m', 'SELECT * FROM shown', 'clicked', version => 7)$$);
SELECT refused($$SELECT evaluate_model('later', 'SELECT * FROM shown', 'clicked')$$);
SELECT refused($$SELECT evaluate_model('m', 'SELECT clicked FROM shown', 'clicked')$$);
SELECT refused($$SELECT evaluate_model('m', 'SELECT x0, x1, x2, clicked FROM shown', 'clicked')$$);
SELECT refused($$SELECT evaluate_model('m', 'SELECT now() AS x0, x1, x2, x3, x4, clicked FROM shown', 'clicked')$$);
SELECT refused($$SELECT evaluate_model('m', 'SELECT ARRAY[x0, x1]::real[], clicked FROM shown', 'clicked')$$);
SELECT refused($$SELECT evaluate_model('m', 'SELECT ARRAY[x0, x1]::real[], clicked FROM shown', 'clicked', feature_names => '{x0,x1,x2,x3,x4}')$$);
SELECT refused($$SELECT evaluate_model('m', 'SELECT * FROM shown', 'clicked', feature_names => '{x0,NULL}')$$);
SELECT refused($$SELECT evaluate_model('m', 'SELECT * FROM shown', 'clicked', feature_names => '{x0,x1}')$$);
SELECT refused($$SELECT evaluate_model('m', 'DELETE FROM shown RETURNING *', 'clicked')$$);
\pset format aligned
\pset tuples_only off
-- Read-only, cancelled, and with the caller's privileges.
BEGIN READ ONLY;
SELECT count(*) FROM evaluate_model('m', 'SELECT * FROM shown', 'clicked');
COMMIT;
SET statement_timeout = '200ms';
SELECT * FROM evaluate_model('m', 'SELECT n AS x0, 1 AS x1, 1 AS x2, 1 AS x3, 1 AS x4, n % 2 AS label FROM generate_series(1, 1000000000) n');
RESET statement_timeout;
CREATE ROLE evaluate_reader;
GRANT USAGE ON SCHEMA evaluate_test TO evaluate_reader;
DO $$ BEGIN EXECUTE (SELECT format('GRANT SELECT ON %s TO evaluate_reader', access) FROM models WHERE name = 'm' LIMIT 1); END $$;
SET ROLE evaluate_reader;
SELECT rows FROM evaluate_model('m', 'SELECT 1 AS x0, 1 AS x1, 1 AS x2, 1 AS x3, 1 AS x4, true AS label');
SELECT * FROM evaluate_model('m', 'SELECT * FROM evaluate_test.shown', 'clicked');
RESET ROLE;
SELECT drop_model(name) FROM (SELECT DISTINCT name FROM models ORDER BY name) m;
DROP SCHEMA evaluate_test CASCADE;
DROP ROLE evaluate_reader;
