-- Nothing that is derived from a table tells a role more than that role could read: events, vectors, categories, features, models; asked at each
-- call. Who may not read is refused (42501), whether it is a privilege that lacks or a policy that hides rows.
CREATE SCHEMA trust_reading;
SET search_path = trust_reading, public;
SET recommend.auto_compact = off;
\set tests `echo "$PG_RECOMMEND_TESTS"`
\i :tests/sql/try.sql
\pset format unaligned
\pset tuples_only
CREATE ROLE trust_nobody;
CREATE ROLE trust_owner;
CREATE ROLE trust_maker;
GRANT USAGE ON SCHEMA trust_reading TO PUBLIC;
GRANT CREATE ON SCHEMA trust_reading TO trust_owner, trust_maker;
SET ROLE trust_maker;
CREATE TABLE log (u int, i int, at timestamptz, kind text);
INSERT INTO log SELECT n % 3, n % 5, '2020-01-01'::timestamptz + n * interval '1 min', (ARRAY['view', 'secret'])[1 + n % 2] FROM generate_series(1, 20) n;
SELECT create_recommender('shop', 'log', 'u', 'i', 'at', event_column => 'kind');
GRANT SELECT ON log TO trust_nobody;
SET ROLE trust_owner;
CREATE TABLE vectors (id int PRIMARY KEY, v real[], other text);
INSERT INTO vectors SELECT n, ARRAY[n, 1, -n % 3]::real[] FROM generate_series(0, 9) n;
SELECT create_vector_set('vectors', 'vectors', 'id', 'v');
RESET ROLE;
CREATE FUNCTION ask() RETURNS SETOF text LANGUAGE sql SECURITY INVOKER AS $$
    SELECT DISTINCT try(q) FROM unnest(ARRAY['SELECT * FROM recommend(1, 5, ''shop'')', 'SELECT * FROM recommend_session(ARRAY[1], 5, ''shop'')', 'SELECT * FROM recommend_batch(ARRAY[1], 5, ''shop'')',
        'SELECT * FROM rank_items(1, ARRAY[1, 9], ''shop'')', 'SELECT * FROM explain_recommendation(1, 9, ''shop'')', 'SELECT * FROM user_interest(1, ''shop'')']) q ORDER BY 1
$$;
-- A recommender over somebody else's vectors: who makes it has to be able to read them.
SET ROLE trust_maker;
SELECT try($$SELECT alter_recommender('shop', vector_set => 'vectors')$$);
SELECT try($$SELECT create_recommender('other', 'log', 'u', 'i', 'at', vector_set => 'vectors')$$);
RESET ROLE;
GRANT SELECT (id) ON vectors TO trust_maker;
SET ROLE trust_maker;
SELECT try($$SELECT alter_recommender('shop', vector_set => 'vectors')$$);
RESET ROLE;
GRANT SELECT (v) ON vectors TO trust_maker;
SET ROLE trust_maker;
SELECT alter_recommender('shop', vector_set => 'vectors');
SELECT ask();
-- ... and who asks it.
SET ROLE trust_nobody;
SELECT ask();
SELECT try($$SELECT * FROM trending_items(5, 'shop')$$), try($$SELECT * FROM similar_items(1, 5, 'shop')$$);
PREPARE asked AS SELECT count(*) > 0 FROM recommend(1, 5, 'shop');
RESET ROLE;
GRANT SELECT ON vectors TO trust_nobody;
SET ROLE trust_nobody;
SELECT ask();
EXECUTE asked;
-- Taken back, it is so at once: from who asks, also in a plan that is kept.
RESET ROLE;
REVOKE SELECT ON vectors FROM trust_nobody;
SET ROLE trust_nobody;
SELECT ask();
EXECUTE asked;
RESET ROLE;
GRANT SELECT ON vectors TO trust_nobody;
ALTER TABLE vectors ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON vectors TO trust_nobody USING (id = 1);
CREATE POLICY all_rows ON vectors TO trust_maker USING (true);
SET ROLE trust_nobody;
SELECT ask();
EXECUTE asked;
SET ROLE trust_maker;
SELECT ask();
RESET ROLE;
ALTER TABLE vectors DISABLE ROW LEVEL SECURITY;
SET ROLE trust_maker;
SELECT ask();
-- ... and from who made the recommender: it learns nothing more, nor do its readers.
RESET ROLE;
REVOKE SELECT (v) ON vectors FROM trust_maker;
SET ROLE trust_maker;
SELECT ask();
INSERT INTO log VALUES (1, 9, '2020-01-03', 'view');
SELECT try($$SELECT recommend.maintain('shop')$$);
SELECT try($$SELECT rebuild_recommender('shop')$$);
SET ROLE trust_nobody;
SELECT ask();
SET ROLE trust_maker;
SELECT alter_recommender('shop', vector_set => '');
SELECT recommend.maintain('shop') > 0;
SET ROLE trust_nobody;
SELECT count(*) > 0 FROM recommend(1, 5, 'shop');
RESET ROLE;
SELECT drop_vector_set('vectors');

-- Categories of items.
SET ROLE trust_owner;
CREATE TABLE catalogue (item int, category text);
INSERT INTO catalogue SELECT n, 'secret ' || n % 2 FROM generate_series(0, 9) n;
SET ROLE trust_maker;
SELECT try($$SELECT create_features('shop', categories => 'catalogue', category_item_column => 'item', category_column => 'category')$$);
RESET ROLE;
GRANT SELECT ON catalogue TO trust_maker;
SET ROLE trust_maker;
SELECT create_features('shop', categories => 'catalogue', category_item_column => 'item', category_column => 'category') > 0;
SELECT try($$SELECT features(1, 1, 'shop')$$);
SET ROLE trust_nobody;
SELECT try($$SELECT features(1, 1, 'shop')$$);
SELECT try($$SELECT * FROM candidate_features(1, ARRAY[1], 'shop')$$);
SELECT try($$SELECT * FROM training_set('shop', 'SELECT 1 AS "user", 1 AS item, ''2020-01-02''::timestamptz AS at, true AS label')$$);
SELECT try($$SELECT feature_names('shop')$$);
RESET ROLE;
REVOKE SELECT ON catalogue FROM trust_maker;
SET ROLE trust_maker;
SELECT try($$SELECT features(1, 1, 'shop')$$);
SELECT try($$SELECT rebuild_features('shop')$$);
SELECT drop_features('shop');
SELECT create_features('shop') > 0;

-- Values of the event column are in the names of features.
SELECT count(*) > 0 FROM recommend.feature_list WHERE name LIKE '%secret%';
SELECT feature_names('shop')::text LIKE '%secret%';
SET ROLE trust_owner;
SELECT count(*) FROM recommend.feature_list;
SELECT try($$SELECT feature_names('shop')$$);
SELECT try($$SELECT event_types FROM recommend.features$$);
SELECT id > 0, windows IS NOT NULL FROM recommend.features;

-- Totals of a table: for who may read all of it. One column, or a policy, is not enough.
CREATE FUNCTION totals() RETURNS TABLE (status bigint, graph bigint, features bigint, vectors bigint) LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM recommend.status), (SELECT count(*) FROM recommend.graph_status), (SELECT count(*) FROM recommend.feature_status),
           (SELECT count(*) FROM recommend.vector_set_status) $$;
SELECT create_vector_set('vectors', 'vectors', 'id', 'v');
SELECT * FROM totals();
SET ROLE trust_nobody;
SELECT * FROM totals();
RESET ROLE;
SELECT * FROM totals();
GRANT SELECT (u) ON log TO trust_owner;
SET ROLE trust_owner;
SELECT * FROM totals();
RESET ROLE;
GRANT SELECT ON vectors TO trust_nobody;
ALTER TABLE log ENABLE ROW LEVEL SECURITY;
ALTER TABLE vectors ENABLE ROW LEVEL SECURITY;
SET ROLE trust_nobody;
SELECT * FROM totals();
RESET ROLE;
GRANT pg_monitor TO trust_nobody;
SET ROLE trust_nobody;
SELECT * FROM totals();
RESET ROLE;
REVOKE pg_monitor FROM trust_nobody;
ALTER TABLE log DISABLE ROW LEVEL SECURITY;
-- Definitions are no secret, what is packed is; whatever exists is listed here.
SET ROLE trust_nobody;
SELECT relname || ': ' || left(try(format('SELECT * FROM recommend.%I', relname)), 5) FROM pg_class WHERE relnamespace = 'recommend'::regnamespace AND relkind IN ('r', 'v', 'S') ORDER BY relname COLLATE "C";
RESET ROLE;
SELECT drop_recommender('shop'), drop_vector_set('vectors');

-- What a row weighs is in the answers too, and so are the weights that were learnt.
SET ROLE trust_maker;
CREATE TABLE rated (u int, i int, at timestamptz, stars real);
INSERT INTO rated SELECT n % 3, n % 5, '2020-01-01'::timestamptz + n * interval '1 min', 1 + n % 5 FROM generate_series(1, 20) n;
SELECT create_recommender('rated', 'rated', 'u', 'i', 'at', weight_column => 'stars');
GRANT SELECT (u, i, at) ON rated TO trust_nobody;
SET ROLE trust_nobody;
SELECT try($$SELECT * FROM recommend(1, 5, 'rated')$$);
SELECT try($$SELECT * FROM recommend.learnt('rated')$$);
SELECT count(*) FROM recommend.status;
RESET ROLE;
GRANT SELECT (stars) ON rated TO trust_nobody;
SET ROLE trust_nobody;
SELECT try($$SELECT * FROM recommend(1, 5, 'rated')$$), try($$SELECT * FROM recommend.learnt('rated')$$);
SELECT count(*) FROM recommend.status;
RESET ROLE;
SELECT drop_recommender('rated');

-- Models: who may select from the view that stands for a model may score with it.
SELECT set_config('trust.functions', string_agg(oid::regprocedure::text, ', ' ORDER BY proname), false) IS NOT NULL FROM pg_proc WHERE proname IN ('train_ctr', 'activate_model', 'drop_model');
SELECT format('GRANT EXECUTE ON FUNCTION %s TO trust_owner, trust_maker', current_setting('trust.functions')) \gexec
SET ROLE trust_owner;
SELECT version FROM train_ctr('theirs', 'SELECT n AS x, n % 2 AS label FROM generate_series(1, 200) n', passes => 1);
CREATE FUNCTION score() RETURNS SETOF text LANGUAGE sql SECURITY INVOKER AS $$
    SELECT DISTINCT try(q) FROM unnest(ARRAY['SELECT ctr_predict(''theirs'', ARRAY[1]::real[])', 'SELECT ctr_predict(''theirs'', ''{"x": 1}''::jsonb)', 'SELECT ctr_predict(''theirs'', ROW(1))',
        'SELECT ctr_predict_batch(''theirs'', ARRAY[[1]]::real[])', 'SELECT * FROM ctr_predict_rows(''theirs'', ''SELECT 1::bigint AS id, 1 AS x'')',
        'SELECT * FROM evaluate_model(''theirs'', ''SELECT 1 AS x, true AS label'')']) q ORDER BY 1
$$;
SELECT score();
SELECT name, owner, access FROM models;
SET ROLE trust_maker;
SELECT score();
SELECT count(*) FROM models;
SELECT try('SELECT graph, weights FROM recommend.model_versions');
SELECT try($$SELECT activate_model('theirs', 1)$$), try($$SELECT drop_model('theirs')$$);
RESET ROLE;
GRANT SELECT ON recommend.model_1 TO trust_maker;
SET ROLE trust_maker;
SELECT score();
SELECT name, owner FROM models;
PREPARE scored AS SELECT ctr_predict('theirs', ARRAY[1]::real[]) IS NOT NULL;
EXECUTE scored;
RESET ROLE;
REVOKE SELECT ON recommend.model_1 FROM trust_maker;
SET ROLE trust_maker;
EXECUTE scored;
SELECT try($$SELECT activate_model('theirs', 1)$$);
RESET ROLE;
-- It belongs to a role, not to a name: that role cannot be dropped beneath it, and a new one of the name owns nothing of it.
SELECT left(try('DROP ROLE trust_owner'), 5);
REASSIGN OWNED BY trust_owner TO trust_maker;
SELECT name, owner FROM models;
SET ROLE trust_owner;
SELECT try($$SELECT activate_model('theirs', 1)$$);
SET ROLE trust_maker;
SELECT activate_model('theirs', 1);
RESET ROLE;
-- A recommender ranks in the name of its owner.
CREATE TABLE clicks (u int, i int, at timestamptz);
INSERT INTO clicks SELECT n % 3, n % 5, '2020-01-01'::timestamptz + n * interval '1 min' FROM generate_series(1, 20) n;
ALTER TABLE clicks OWNER TO trust_owner;
SET ROLE trust_owner;
SELECT try($$SELECT create_recommender('ranked', 'clicks', 'u', 'i', 'at', model => 'theirs')$$);
RESET ROLE;
SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM trust_owner, trust_maker', current_setting('trust.functions')) \gexec
SET client_min_messages = warning;
DROP OWNED BY trust_maker CASCADE;
SELECT count(*) FROM recommend.models;
SELECT count(*) FROM recommend.model_versions;
DROP OWNED BY trust_nobody, trust_owner CASCADE;
DROP SCHEMA trust_reading CASCADE;
DROP ROLE trust_nobody, trust_owner, trust_maker;
SELECT count(*) FROM recommend.feeds;
