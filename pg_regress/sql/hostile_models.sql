-- Models that nobody should serve: each is refused with a reason, or stopped, and the session lives on.
CREATE SCHEMA hostile;
SET search_path = hostile, public;
CREATE TABLE files (name text PRIMARY KEY, onnx bytea, expected jsonb);
\copy files FROM PROGRAM '"$PG_RECOMMEND_TESTS"/models/rows "$PG_RECOMMEND_TESTS/models/hostile"'
CREATE FUNCTION file(which text) RETURNS bytea LANGUAGE sql AS 'SELECT onnx FROM files WHERE name = $1';
\set tests `echo "$PG_RECOMMEND_TESTS"`
\i :tests/sql/refused.sql
SET recommend.model_trial_timeout = '300ms';
SET recommend.model_memory = '256MB';
SELECT deploy_model('good', file('good'));
\pset format unaligned
\pset tuples_only on
SELECT name, refused(format('SELECT deploy_model(%L, hostile.file(%L))', name, name)) FROM files WHERE name NOT IN ('good', 'loops', 'roots', 'grows', 'mixes')
 ORDER BY name COLLATE "C";
-- Bytes that are no model.
SELECT refused($$SELECT deploy_model('x', '')$$);
SELECT refused($$SELECT deploy_model('x', 'not a model at all')$$);
SELECT refused(format('SELECT deploy_model(%L, substring(hostile.file(%L) FOR 60))', 'x', 'good'));
SELECT count(*) FILTER (WHERE refused(format('SELECT deploy_model(%L, substring(hostile.file(%L) FOR %s))', 'x', 'good', n)) ~ '^(22P03|38000)') AS cut_off
  FROM generate_series(1, 100, 11) n;
SELECT name, version FROM models ORDER BY name;
-- A model that mixes rows is run row by row.
SELECT deploy_model('mixes', file('mixes'));
SELECT ctr_predict_batch('mixes', '{{1,2},{3,4}}');
-- One that gives no number for some rows.
SELECT deploy_model('roots', file('roots'));
SELECT takes_missing FROM models WHERE name = 'roots';
SELECT round(ctr_predict('roots', '{4,9}'::real[])::numeric, 3);
SELECT refused($$SELECT ctr_predict('roots', '{4,-9}'::real[])$$);
SELECT refused($$SELECT ctr_predict('roots', '{4,NaN}'::real[])$$);
SELECT refused($$SELECT ctr_predict('roots', '{4,Infinity}'::real[])$$);
SELECT refused($$SELECT ctr_predict_batch('roots', '{{4,9},{4,-9}}')$$);
-- One that takes as much memory as a feature says: an error, and the memory is given back.
SELECT deploy_model('grows', file('grows'));
CREATE FUNCTION megabytes() RETURNS int LANGUAGE sql AS
    $$SELECT substring(pg_read_file('/proc/self/status') FROM 'RssAnon:\s+(\d+) kB')::int / 1024$$;
SELECT ctr_predict('grows', '{10,0}'::real[]);
CREATE TEMP TABLE before AS SELECT megabytes() AS m;
SELECT refused($$SELECT ctr_predict('grows', '{1000000000,0}'::real[])$$);
SELECT refused($$SELECT ctr_predict('grows', '{50000000,0}'::real[])$$);
SELECT ctr_predict('grows', '{10,0}'::real[]);
SELECT megabytes() - m < 40 AS given_back FROM before;
-- One that does not end: a timeout ends it, and so does a cancel.
SELECT deploy_model('loops', file('loops'));
SELECT ctr_predict('loops', '{0,0}'::real[]);
SET statement_timeout = '200ms';
SELECT refused($$SELECT ctr_predict('loops', '{1,0}'::real[])$$);
SELECT ctr_predict('loops', '{1,0}'::real[]);
RESET statement_timeout;
SELECT ctr_predict('loops', '{0,0}'::real[]), ctr_predict('good', '{1,2}'::real[]);
\pset format aligned
\pset tuples_only off
SELECT drop_model(name) FROM (SELECT name FROM models ORDER BY name) m;
DROP SCHEMA hostile CASCADE;
