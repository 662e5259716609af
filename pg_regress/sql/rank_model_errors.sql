-- A recommender with a model: what is refused, and what is answered where the model cannot rank.
CREATE SCHEMA rank_errors;
SET search_path = rank_errors, public;
\set VERBOSITY default
\pset null '(null)'
CREATE TABLE files (name text PRIMARY KEY, onnx bytea, known jsonb);
\copy files FROM PROGRAM '"$PG_RECOMMEND_TESTS"/models/rows "$PG_RECOMMEND_TESTS/models"'
\copy files FROM PROGRAM '"$PG_RECOMMEND_TESTS"/models/rows "$PG_RECOMMEND_TESTS/models/hostile"'
CREATE FUNCTION file(name text) RETURNS bytea LANGUAGE sql AS 'SELECT onnx FROM rank_errors.files f WHERE f.name = $1';
CREATE TABLE log (visitor int, product int, at timestamptz, kind text, device text, recorded timestamptz);
INSERT INTO log SELECT n % 7, n % 11, '2026-03-01'::timestamptz + n * interval '1 hour', CASE n % 3 WHEN 0 THEN 'buy' ELSE 'view' END, 'phone',
                       '2026-03-01'::timestamptz + n * interval '1 hour' FROM generate_series(1, 300) n;
SELECT create_recommender('shop', 'log', 'visitor', 'product', 'at', 'kind', '{"view": 1, "buy": 4}', context_columns => '{device}', graph => false) IS NOT NULL AS created;
\set tests `echo "$PG_RECOMMEND_TESTS"`
\i :tests/sql/refused.sql
\pset format unaligned
\pset tuples_only on
-- Features that the recommender cannot give, or that the model cannot take.
SELECT refused($$SELECT alter_recommender('shop', model => 'nothing')$$);
SELECT deploy_model('wants', file('good'), '{first_phase_skore,item_view_count_7d}');
SELECT refused($$SELECT alter_recommender('shop', model => 'wants')$$);
SELECT deploy_model('wants', file('good'), '{first_phase_score,item_view_count_7d}');
SELECT refused($$SELECT alter_recommender('shop', model => 'wants')$$);
SELECT refused($$SELECT create_recommender('other', 'log', 'visitor', 'product', 'at', model => 'wants')$$);
SELECT count(*) FROM recommend.recommenders;
SELECT create_features('shop', windows => '{7 days}', half_lives => '{}', recorded_column => 'recorded') IS NOT NULL;
SELECT alter_recommender('shop', model => 'wants');
-- NULL keeps it.
SELECT alter_recommender('shop', half_life => '3 days');
SELECT model FROM recommend.recommenders;
SELECT deploy_model('texts', file('sklearn_columns'), '{item_view_count_7d,first_phase_score,context_device,context_country}',
                    defaults => '{"context_country": "DE"}');
SELECT refused($$SELECT alter_recommender('shop', model => 'texts')$$);
SELECT deploy_model('texts', file('sklearn_columns'), '{first_phase_score,item_view_count_7d,context_device,context_country}',
                    defaults => '{"context_country": "DE", "context_device": "none"}');
SELECT refused($$SELECT alter_recommender('shop', model => 'texts')$$);
SELECT deploy_model('texts', file('good'), '{context_device,first_phase_score}', defaults => '{"context_device": 1}');
SELECT refused($$SELECT alter_recommender('shop', model => 'texts')$$);
SELECT deploy_model('dense', file('roots'), '{item_view_seconds_since,first_phase_seen}');
SELECT refused($$SELECT alter_recommender('shop', model => 'dense')$$);
-- One of several versions that may answer.
SELECT deploy_model('wants', file('good'), '{first_phase_score,nothing}', activate => false);
SELECT set_model_traffic('wants', '{"2": 90, "3": 10}');
SELECT refused($$SELECT alter_recommender('shop', model => 'wants')$$);
SELECT rollback_model('wants');
SELECT alter_recommender('shop', model => 'wants');
-- It is kept from being dropped; the versions that do not answer are not.
SELECT refused($$SELECT drop_model('wants')$$);
SELECT drop_model('wants', 1);

-- Who may: the owner of the events chooses any model; who may read the events is answered, and needs no right on models.
CREATE ROLE regress_rank_owner;
CREATE ROLE regress_rank_reader;
GRANT USAGE, CREATE ON SCHEMA rank_errors TO regress_rank_owner, regress_rank_reader;
GRANT SELECT (visitor, product, at, kind, device) ON log TO regress_rank_reader;
SET ROLE regress_rank_reader;
SELECT refused($$SELECT alter_recommender('shop', model => '')$$);
-- The features of the model read one more column.
SELECT refused($$SELECT * FROM recommend(3, 3, 'shop')$$);
RESET ROLE;
GRANT SELECT (recorded) ON log TO regress_rank_reader;
SET ROLE regress_rank_reader;
SELECT count(*), min(variant) FROM recommend(3, 3, 'shop');
SELECT count(*) FROM explain_recommendation(3, 3, 'shop') WHERE source = 'wants:2';
RESET ROLE;
CREATE FUNCTION share() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE (SELECT string_agg(format('GRANT SELECT ON %s TO regress_rank_owner', access), ';') FROM models); END $$;
SELECT share();
ALTER TABLE log OWNER TO regress_rank_owner;
SET ROLE regress_rank_owner;
SELECT alter_recommender('shop', model => '');
SELECT alter_recommender('shop', model => 'wants');
SELECT refused($$SELECT activate_model('wants', 2)$$);
RESET ROLE;

-- A version that wants what there is not: whoever switches is warned, and the first phase answers. That is said once a session.
SELECT activate_model('wants', 3);
SELECT count(*), min(variant) FROM recommend(3, 3, 'shop');
SELECT count(*), min(variant) FROM recommend(3, 3, 'shop');
SELECT count(*) FROM explain_recommendation(3, 3, 'shop') WHERE source LIKE '%:%';
SELECT count(*), min(variant) FROM rank_items(3, '{1,2,3}'::int[], 'shop');
SELECT count(*) FROM recommend_batch('{1,2,3}'::int[], 2, 'shop');
-- A least probability is not one of the first phase's scores.
SELECT count(*) FROM recommend(3, 3, 'shop', min_score => 1000);
SELECT rollback_model('wants');
SELECT count(*), min(variant) FROM recommend(3, 3, 'shop');
-- Units whose version can be given its features are ranked, others are not.
SELECT set_model_traffic('wants', '{"2": 50, "3": 50}');
SELECT variant, count(*) > 3 FROM generate_series(1, 40) u, recommend(u, 1, 'shop') GROUP BY 1 ORDER BY 1;
SELECT set_model_traffic('wants', NULL);
-- Features dropped under the model.
SELECT drop_features('shop');
\c -
SET search_path = rank_errors, public;
SELECT count(*), min(variant) FROM recommend(3, 3, 'shop');
SELECT create_features('shop', windows => '{7 days}', half_lives => '{}') IS NOT NULL;
SELECT count(*), min(variant) FROM recommend(3, 3, 'shop');
-- A score that is no number: the root of a negative number.
SELECT deploy_model('roots', file('roots'), '{first_phase_popular_ever,first_phase_seen}');
SELECT share();
SELECT alter_recommender('shop', model => 'roots');
SELECT count(*), min(variant) FROM recommend(3, 3, 'shop');
SELECT count(*), min(variant) FROM recommend_session('{3}'::int[], 3, 'shop');
SELECT count(*) FROM recommend_batch('{1,2,3}'::int[], 2, 'shop');
-- A model that does not end is ended by the timeout, as any question.
SELECT deploy_model('loops', file('loops'), '{first_phase_seen,first_phase_last}');
SELECT share();
SELECT alter_recommender('shop', model => 'loops');
SET statement_timeout = '200ms';
SELECT refused($$SELECT * FROM recommend(3, 3, 'shop')$$);
SELECT * FROM recommend(3, 3, 'shop');
RESET statement_timeout;
SELECT alter_recommender('shop', model => 'wants');
SELECT count(*), min(variant) FROM recommend(3, 3, 'shop');
-- No ONNX Runtime.
\c -
SET search_path = rank_errors, public;
SET recommend.onnxruntime_library = '/nowhere/libonnxruntime.so';
\set VERBOSITY terse
SELECT count(*), min(variant) FROM recommend(3, 3, 'shop');
SELECT count(*), min(variant) FROM recommend(3, 3, 'shop');
\set VERBOSITY default
-- A damaged model: the bytes are not those that were deployed.
\c -
SET search_path = rank_errors, public;
UPDATE recommend.model_versions SET graph = graph || '\x00' WHERE model = 'wants' AND version = 2;
SELECT count(*), min(variant) FROM recommend(3, 3, 'shop');
-- The model's rows deleted by hand.
DELETE FROM recommend.models WHERE name = 'wants';
SELECT count(*), min(variant) FROM recommend(3, 3, 'shop');
DELETE FROM recommend.model_versions WHERE model = 'wants';
SELECT alter_recommender('shop', model => '');
SELECT count(*), min(variant) FROM recommend(3, 3, 'shop');
SELECT drop_recommender('shop');
SELECT drop_model(name) FROM (SELECT DISTINCT name FROM models) m;
DROP SCHEMA rank_errors CASCADE;
-- What said whose the model was, whose rows were deleted by hand.
DO $$ DECLARE access regclass; BEGIN
    FOR access IN SELECT oid FROM pg_class WHERE relnamespace = 'recommend'::regnamespace AND relname ~ '^model_\d+$' LOOP EXECUTE format('DROP VIEW %s', access); END LOOP;
END $$;
DROP ROLE regress_rank_owner;
DROP ROLE regress_rank_reader;
