-- A recommender with a model: its candidates are ranked by one run, over features by name.
CREATE SCHEMA rank_test;
SET search_path = rank_test, public;
SET recommend.auto_compact = off;
\pset null '(null)'
CREATE TABLE files (name text PRIMARY KEY, onnx bytea, expected jsonb);
\copy files FROM PROGRAM '"$PG_RECOMMEND_TESTS"/models/rows "$PG_RECOMMEND_TESTS/models"'
CREATE TABLE log (id bigint PRIMARY KEY, visitor bigint, product bigint, at timestamptz, kind text, device text);
CREATE FUNCTION even(text) RETURNS float8 LANGUAGE sql IMMUTABLE AS
    $$SELECT (hashtextextended($1, 0) & 2147483647) / 2147483648.0$$;
INSERT INTO log
SELECT n, 1 + floor(even('u' || n) * 40), 1 + floor(60 * even('i' || n) ^ 2), '2026-03-01'::timestamptz + n * interval '7 minutes',
       CASE WHEN even('k' || n) < 0.8 THEN 'view' ELSE 'buy' END, CASE WHEN even('d' || n) < 0.5 THEN 'phone' ELSE 'desktop' END
  FROM generate_series(1, 3000) n;
SELECT create_recommender('ranked', 'log', 'visitor', 'product', 'at', 'kind', '{"view": 1, "buy": 4}', context_columns => '{device}',
                          half_life => '3 days', graph => false) IS NOT NULL AS created;
SELECT create_features('ranked', windows => '{1 day,7 days}', half_lives => '{1 day}', rates => '{"bought": ["buy", "view"]}') IS NOT NULL AS created;
-- Another of the same log without a model: what the first phase says.
SELECT create_recommender('plain', 'log', 'visitor', 'product', 'at', 'kind', '{"view": 1, "buy": 4}', context_columns => '{device}',
                          half_life => '3 days', graph => false) IS NOT NULL AS created;

-- Models over declared features, and over what the first phase says.
SELECT deploy_model('mlp', (SELECT onnx FROM files WHERE name = 'mlp'),
                    ARRAY['first_phase_score', 'first_phase_history', 'item_bought_7d', 'user_view_count_7d', 'first_phase_trending',
                          'item_view_rate_24h', 'first_phase_next', 'of no use'], defaults => '{"of no use": 0.5}');
SELECT alter_recommender('ranked', model => 'mlp');
SELECT name, model, vector_set FROM recommend.recommenders ORDER BY name;
SELECT count(*), count(DISTINCT variant) AS variants, min(variant) AS variant, bool_and(score BETWEEN 0 AND 1) AS probabilities,
       bool_and(score <= before) AS ordered
  FROM (SELECT *, lag(score, 1, 1) OVER (ORDER BY rank) AS before FROM recommend(7, 20, 'ranked')) r;

-- What explain_recommendation shows is what the model saw, and its score is that of ctr_predict() on it.
CREATE FUNCTION seen(visitor bigint, product bigint, context jsonb = NULL, as_of timestamptz = now()) RETURNS jsonb LANGUAGE sql AS
    $$SELECT jsonb_object_agg(feature, coalesce(to_jsonb(value), 'null')) FROM explain_recommendation(visitor, product, 'ranked', context, as_of)
       WHERE source LIKE '%:%'$$;
SELECT count(*), max(abs(score - (seen(u, item_id) ->> 'probability')::float8)) < 1e-6 AS explained,
       max(abs(score - ctr_predict('mlp', seen(u, item_id) - 'probability', u))) < 1e-6 AS predicted
  FROM generate_series(1, 40) u, recommend(u::bigint, 5, 'ranked');
SELECT source, feature, via, value IS NOT NULL AS valued, weight, contribution FROM explain_recommendation(7::bigint, 3::bigint, 'ranked') WHERE source LIKE '%:%';
SELECT count(*), bool_and(e.value::real = (f.value #>> '{}')::real) AS same
  FROM explain_recommendation(7::bigint, 3::bigint, 'ranked') e, jsonb_each(features_json(7::bigint, 3::bigint, 'ranked')) f
 WHERE e.source = 'mlp:1' AND e.feature = f.key;
SELECT count(*), bool_and(e.value::real = p.value::real) AS same
  FROM explain_recommendation(7::bigint, 3::bigint, 'ranked') e
  JOIN explain_recommendation(7::bigint, 3::bigint, 'plain') p ON e.feature = 'first_phase_' || p.feature
 WHERE e.source = 'mlp:1';

-- The order is that of the scores over the first phase's best; equal ones stay as they were.
CREATE FUNCTION expected(u bigint, n int, candidates int) RETURNS TABLE (item_id bigint, score real) LANGUAGE sql AS $$
    SELECT item_id, score FROM (
        SELECT c.item_id, ctr_predict('mlp', seen(u, c.item_id) - 'probability', u) AS score, c.rank
          FROM recommend(u, candidates, 'plain') c) s
     ORDER BY score DESC, rank LIMIT n $$;
SELECT u, (SELECT array_agg(item_id ORDER BY rank) FROM recommend(u::bigint, 10, 'ranked'))
          = (SELECT array_agg(item_id) FROM expected(u, 10, 200)) AS same FROM generate_series(1, 41, 8) u;
SET recommend.rank_candidates = 5;
SELECT u, (SELECT array_agg(item_id ORDER BY rank) FROM recommend(u::bigint, 3, 'ranked'))
          = (SELECT array_agg(item_id) FROM expected(u, 3, 5)) AS same,
          (SELECT array_agg(item_id ORDER BY rank) FROM recommend(u::bigint, 12, 'ranked'))
          = (SELECT array_agg(item_id) FROM expected(u, 12, 12)) AS as_many_as_asked FROM generate_series(1, 41, 8) u;
RESET recommend.rank_candidates;
-- rank_items() has both scores; those of the first phase are those of the same recommender without a model.
SELECT count(*), bool_and(r.first_phase_score = p.score) AS same_first_phase, bool_and(p.first_phase_score = p.score) AS its_own,
       min(r.variant) AS variant, min(p.variant) AS plain_variant, bool_and(r.sources = p.sources) AS same_sources,
       max(abs(r.score - ctr_predict('mlp', seen(7, item_id) - 'probability', 7))) < 1e-6 AS same_probability
  FROM rank_items(7::bigint, ARRAY(SELECT generate_series(1, 70))::bigint[], 'ranked') r
  JOIN rank_items(7::bigint, ARRAY(SELECT generate_series(1, 70))::bigint[], 'plain') p USING (item_id);
SELECT count(*), bool_and(rank = place) AS in_order FROM (SELECT rank, row_number() OVER (ORDER BY score DESC, first_phase_score DESC, rank) AS place
  FROM rank_items(7::bigint, ARRAY(SELECT generate_series(1, 2000))::bigint[], 'ranked')) r;
-- Many users at once say what each says alone.
SELECT count(*), bool_and(a.item_id = b.item_id AND abs(a.score - b.score) < 1e-6) AS same
  FROM recommend_batch(ARRAY(SELECT generate_series(1, 45))::bigint[], 7, 'ranked') a
  FULL JOIN (SELECT u::bigint AS user_id, r.* FROM generate_series(1, 45) u, recommend(u::bigint, 7, 'ranked') r) b USING (user_id, rank);
-- min_score is of the probability.
SELECT count(*) = (SELECT count(*) FROM recommend(7::bigint, 60, 'ranked') WHERE score >= 0.5) AS same, min(score) >= 0.5 AS at_least
  FROM recommend(7::bigint, 60, 'ranked', min_score => 0.5);
SELECT count(*) FROM recommend(7::bigint, 0, 'ranked');
SELECT count(*) FROM rank_items(7::bigint, '{}'::bigint[], 'ranked');
SELECT item_id, score, rank FROM recommend(7::bigint, 5, 'ranked', min_score => 'NaN');
-- Nobody, an unknown user, a session.
SELECT count(*), min(variant) AS variant FROM recommend(NULL::bigint, 5, 'ranked');
SELECT count(*), min(variant) AS variant FROM recommend(4711::bigint, 5, 'ranked');
SELECT count(*), min(variant) AS variant, bool_and(score BETWEEN 0 AND 1) AS probabilities FROM recommend_session('{3,5}'::bigint[], 5, 'ranked');
SELECT count(*), min(variant) AS variant FROM recommend_session('{}'::bigint[], 5, 'ranked');

-- Not packed yet, and as of an earlier time: what was known then, whatever came later.
CREATE TABLE before AS SELECT * FROM rank_items(7::bigint, ARRAY(SELECT generate_series(1, 60))::bigint[], 'ranked', as_of => '2026-03-10');
INSERT INTO log SELECT 10000 + n, 7, n, '2026-03-15', 'buy', 'phone' FROM generate_series(1, 30) n;
SELECT (seen(7, 3) ->> 'first_phase_history')::real > 0 AS fresh, ctr_predict('mlp', seen(7, 3) - 'probability', 7) = (seen(7, 3) ->> 'probability')::real AS same;
SELECT count(*), bool_and(a.score = b.score AND a.first_phase_score = b.first_phase_score AND a.rank = b.rank) AS same
  FROM before a JOIN rank_items(7::bigint, ARRAY(SELECT generate_series(1, 60))::bigint[], 'ranked', as_of => '2026-03-10') b USING (item_id);
SELECT count(*), max(abs(score - (seen(7, item_id, NULL, '2026-03-10') ->> 'probability')::float8)) < 1e-6 AS explained FROM before;
SELECT recommend.maintain('ranked') > 0 AS packed;
SELECT count(*), bool_and(abs(a.score - b.score) < 1e-6) AS same
  FROM before a JOIN rank_items(7::bigint, ARRAY(SELECT generate_series(1, 60))::bigint[], 'ranked', as_of => '2026-03-10') b USING (item_id);

-- Traffic is split by user, as ctr_predict() splits it by that unit. A session has the active version.
SELECT deploy_model('mlp', (SELECT onnx FROM files WHERE name = 'mlp'),
                    ARRAY['item_view_rate_24h', 'first_phase_score', 'first_phase_seen', 'user_view_count_7d', 'first_phase_trending', 'first_phase_fresh',
                          'first_phase_next', 'item_bought_7d'], activate => false);
SELECT set_model_traffic('mlp', '{"1": 50, "2": 50}');
SELECT variant, count(*) > 5 AS several FROM generate_series(1, 40) u, recommend(u::bigint, 1, 'ranked') GROUP BY variant ORDER BY variant;
SELECT bool_and(abs(score - ctr_predict('mlp', seen(u, item_id) - 'probability', u)) < 1e-6) AS same FROM generate_series(1, 40) u, recommend(u::bigint, 3, 'ranked');
SELECT count(*), bool_and(a.item_id = b.item_id AND abs(a.score - b.score) < 1e-6) AS same
  FROM recommend_batch(ARRAY(SELECT generate_series(1, 45))::bigint[], 7, 'ranked') a
  FULL JOIN (SELECT u::bigint AS user_id, r.* FROM generate_series(1, 45) u, recommend(u::bigint, 7, 'ranked') r) b USING (user_id, rank);
SELECT DISTINCT variant FROM recommend_session('{3,5}'::bigint[], 5, 'ranked');
SELECT DISTINCT variant FROM recommend(NULL::bigint, 5, 'ranked');
SELECT set_model_traffic('mlp', NULL);
-- A switch is seen by the next statement, and goes with its transaction.
BEGIN;
SELECT activate_model('mlp', 2);
SELECT DISTINCT variant FROM recommend(7::bigint, 5, 'ranked');
ROLLBACK;
SELECT DISTINCT variant FROM recommend(7::bigint, 5, 'ranked');

-- Contexts are texts, times since an event that never was are missing values. A text needs a default, for those who give no context.
SELECT deploy_model('columns', (SELECT onnx FROM files WHERE name = 'sklearn_columns'),
                    ARRAY['user_view_count_7d', 'item_buy_seconds_since', 'somewhere', 'context_device'],
                    defaults => '{"item_buy_seconds_since": 1e6, "context_device": "none", "somewhere": "DE"}');
SELECT features, inputs FROM models WHERE name = 'columns';
SELECT alter_recommender('ranked', model => 'columns');
SELECT feature, value IS NULL AS text FROM explain_recommendation(7::bigint, 3::bigint, 'ranked', '{"device": "phone"}') WHERE source LIKE '%:%';
SELECT count(*), bool_and(abs(score - ctr_predict('columns', seen(7, item_id, c) - 'probability' - 'somewhere' || coalesce(jsonb_build_object('context_device', c -> 'device'), '{}'))) < 1e-6) AS same
  FROM (VALUES ('{"device": "phone"}'::jsonb), ('{"device": "desktop"}'), (NULL)) AS v (c), recommend(7::bigint, 5, 'ranked', c);
SELECT (seen(7, 4711) ->> 'item_buy_seconds_since')::float8 AS default;
-- Trees take missing values as they are.
SELECT deploy_model('trees', (SELECT onnx FROM files WHERE name = 'lightgbm'),
                    ARRAY['first_phase_score', 'item_buy_seconds_since', 'first_phase_age', 'user_view_count_7d', 'first_phase_fresh', 'item_bought_7d']);
SELECT alter_recommender('ranked', model => 'trees');
SELECT bool_and(abs(score - ctr_predict('trees', seen(7, item_id) - 'probability')) < 1e-6) AS same,
       count(*) FILTER (WHERE seen(7, item_id) ->> 'item_buy_seconds_since' = 'NaN') AS missing FROM rank_items(7::bigint, '{1,2,4711}'::bigint[], 'ranked');

-- Eligible items that no event has met are scored too.
CREATE TABLE stock AS SELECT n::bigint AS product FROM generate_series(1, 90) n;
SELECT alter_recommender('ranked', eligible => 'stock', model => 'mlp');
SELECT count(*), count(*) FILTER (WHERE item_id > 60) AS unmet, count(*) FILTER (WHERE sources = '{eligible}') AS eligible,
       max(abs(score - (seen(7, item_id) ->> 'probability')::float8)) < 1e-6 AS explained
  FROM recommend(7::bigint, 90, 'ranked');
-- By their vectors too, where there are some: of 300 items, more than the interest brings.
CREATE TABLE vectors AS SELECT n::bigint AS product, ARRAY[cos(n), sin(n), 0.5]::real[] AS vector FROM generate_series(1, 300) n;
CREATE UNIQUE INDEX ON vectors (product);
SELECT create_vector_set('rank vectors', 'vectors', 'product', 'vector') IS NOT NULL AS created;
SELECT deploy_model('interests', (SELECT onnx FROM files WHERE name = 'three_classes'), '{first_phase_interest,first_phase_trending,first_phase_popularity}', output_class => 'buy');
INSERT INTO stock SELECT n FROM generate_series(91, 300) n;
SELECT alter_recommender('ranked', vector_set => 'rank vectors', model => 'interests');
SELECT count(*), count(*) FILTER (WHERE item_id > 60) AS unmet, max(abs(score - (seen(7, item_id) ->> 'probability')::float8)) < 1e-6 AS explained
  FROM recommend(7::bigint, 300, 'ranked');
SELECT alter_recommender('ranked', vector_set => '', model => 'mlp');
SELECT drop_vector_set('rank vectors'), drop_model('interests');
DROP TABLE vectors;
DELETE FROM stock WHERE product > 90;
DELETE FROM stock WHERE product % 3 > 0;
SELECT count(*), bool_and(item_id % 3 = 0) AS eligible FROM recommend(7::bigint, 90, 'ranked');
SELECT alter_recommender('ranked', eligible => '-');

-- Read-only, and in a parallel worker.
BEGIN READ ONLY;
SELECT DISTINCT variant FROM recommend(7::bigint, 5, 'ranked');
COMMIT;
CREATE TABLE people AS SELECT n::bigint AS visitor FROM generate_series(1, 40) n;
ANALYZE people;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS off) SELECT visitor, r.item_id, r.variant FROM people, recommend(visitor, 3, 'ranked') r;
SELECT count(*), min(variant) AS variant FROM people, recommend(visitor, 3, 'ranked') r;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- A shadow is scored on the same candidates.
SELECT deploy_model('mlp', (SELECT onnx FROM files WHERE name = 'mlp'),
                    ARRAY['first_phase_score', 'first_phase_history', 'item_bought_7d', 'user_view_count_7d', 'first_phase_trending',
                          'item_view_rate_24h', 'first_phase_next', 'of no use'], defaults => '{"of no use": 0.5}', activate => false);
SELECT set_model_shadow('mlp', 3);
SELECT count(*) FROM recommend(7::bigint, 5, 'ranked');
SELECT version, shadow, rows > 0 AS compared, failed, mean_difference FROM recommend.model_shadows WHERE name = 'mlp';
SELECT set_model_shadow('mlp', NULL);
SELECT alter_recommender('ranked', model => '');
SELECT DISTINCT variant FROM recommend(7::bigint, 5, 'ranked');
SELECT drop_model(name) FROM (VALUES ('mlp'), ('columns'), ('trees')) AS m (name);
SELECT drop_recommender(name) FROM (VALUES ('ranked'), ('plain')) AS r (name);
DROP SCHEMA rank_test CASCADE;
