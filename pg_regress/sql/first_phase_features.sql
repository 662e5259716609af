-- What the first phase says of items, as features: of candidates, of labels, and by name for ctr_predict().
CREATE SCHEMA first_phase_test;
SET search_path = first_phase_test, public;
CREATE TABLE files (name text PRIMARY KEY, onnx bytea, known jsonb);
\copy files FROM PROGRAM '"$PG_RECOMMEND_TESTS"/models/rows "$PG_RECOMMEND_TESTS/models"'
CREATE TABLE log (visitor uuid, product text, at timestamptz, kind text, device text, session int);
CREATE FUNCTION even(text) RETURNS float8 LANGUAGE sql IMMUTABLE AS
    $$SELECT (hashtextextended($1, 0) & 2147483647) / 2147483648.0$$;
CREATE FUNCTION visitor(n float8) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$SELECT ('00000000-0000-0000-0000-' || lpad(floor(n)::text, 12, '0'))::uuid$$;
INSERT INTO log
SELECT visitor(even('u' || n) * 15), 'p' || floor(30 * even('i' || n) ^ 2), '2026-03-01'::timestamptz + n / 3 * interval '20 minutes',
       CASE WHEN even('k' || n) < 0.8 THEN 'view' WHEN even('k' || n) < 0.9 THEN 'return' ELSE 'buy' END,
       CASE WHEN even('d' || n) < 0.5 THEN 'phone' WHEN even('d' || n) < 0.8 THEN 'desktop' END, n / 40
  FROM generate_series(1, 1500) n;
SELECT create_recommender('shop', 'log', 'visitor', 'product', 'at', 'kind', '{"view": 1, "buy": 4, "return": -2}', session_column => 'session',
                          context_columns => '{device}', half_life => '2 days', time_window => '6 days', graph => false) IS NOT NULL AS created;
SELECT create_features('shop', windows => '{1 day}', half_lives => '{}', entities => '{user,item}') IS NOT NULL AS created;
-- They are named where patterns ask for them, behind the declared ones; % alone is not about them.
SELECT feature_names('shop', '{item_%,first_phase%}');
SELECT array_length(feature_names('shop', '{%}'), 1) = array_length(feature_names('shop'), 1) AS declared,
       feature_names('shop', '{first\_phase\_s_en,first_phase_score}');
SELECT feature_names('shop', '{first_phase_nothing}');
-- Of candidates: what explain_recommendation() shows, now.
CREATE FUNCTION named(visitor uuid, product text, context jsonb = NULL, as_of timestamptz = now()) RETURNS TABLE (name text, value real) LANGUAGE sql AS $$
    SELECT n.name, v.value FROM candidate_features(visitor, ARRAY[product], 'shop', context, as_of, '{first_phase%}') c,
           unnest(feature_names('shop', '{first_phase%}'), c.features) AS n (name, value), LATERAL (SELECT n.value) v $$;
SELECT count(*), bool_and(abs(n.value - e.value) < 1e-6 * (1 + abs(e.value))) AS same
  FROM generate_series(0, 15) u, unnest('{p0,p3,p29,nothing}'::text[]) p, (VALUES (NULL::jsonb), ('{"device": "phone"}')) AS c (context),
       LATERAL named(visitor(u), p, context) n
  JOIN explain_recommendation(visitor(u), p, 'shop', context) e ON n.name = 'first_phase_' || e.feature;
SELECT count(*), bool_and(n.value = r.first_phase_score) AS same
  FROM generate_series(0, 15) u, rank_items(visitor(u), ARRAY['p0', 'p3', 'p29', 'nothing'], 'shop') r, LATERAL named(visitor(u), r.item_id) n
 WHERE n.name = 'first_phase_score';
-- Nobody, and no item.
SELECT count(*) FROM candidate_features(NULL::uuid, ARRAY['p0', NULL, 'p0'], 'shop', features => '{first_phase_score}');
SELECT features_json(visitor(3), NULL::text, 'shop', features => '{first_phase_score,first_phase_seen}') -> 'first_phase_seen' AS seen;
-- As of an earlier time: of the events before it.
SELECT count(*), bool_and(abs(n.value - e.value) < 1e-6 * (1 + abs(e.value))) AS same
  FROM generate_series(0, 15, 3) u, unnest('{p0,p3,p29}'::text[]) p, LATERAL named(visitor(u), p, NULL, '2026-03-03 00:00:30') n
  JOIN explain_recommendation(visitor(u), p, 'shop', NULL, '2026-03-03 00:00:30') e ON n.name = 'first_phase_' || e.feature;
SELECT at, (SELECT value FROM named(visitor, product, NULL, at) WHERE name = 'first_phase_last') AS before,
       (SELECT value FROM explain_recommendation(visitor, product, 'shop', as_of => at) WHERE feature = 'last') AS with_it
  FROM log WHERE kind = 'view' AND at > '2026-03-02' ORDER BY at, visitor, product LIMIT 3;
-- Of labels: what candidate_features() says at each one's time, from one pass over the log. Several labels at one time, before all events, of nobody.
CREATE TABLE labels AS
SELECT visitor(even('lu' || n) * 16) AS user_id, 'p' || floor(32 * even('li' || n) ^ 2) AS item_id,
       '2026-02-28 20:00'::timestamptz + n / 2 * interval '2 hours' + CASE WHEN n % 3 = 0 THEN interval '17 seconds' ELSE interval '0' END AS at,
       (n % 2)::real AS label, CASE n % 3 WHEN 0 THEN 'phone' WHEN 1 THEN 'desktop' END AS device
  FROM generate_series(1, 150) n;
INSERT INTO labels SELECT user_id, 'p5', at, 1, device FROM labels WHERE label = 0 LIMIT 40;
INSERT INTO labels VALUES (NULL, 'p1', '2026-03-04', 0, NULL), (visitor(3), NULL, '2026-03-04', 0, NULL);
SELECT count(*), bool_and((SELECT bool_and(a = b OR abs(a - b) < 1e-4 * (1 + abs(b))) FROM unnest(t.features, f.features) v (a, b))) AS same
  FROM training_set('shop', 'labels', '{user_%,item_%,first_phase%}') t
  JOIN (SELECT row_number() OVER () AS row_number, * FROM labels) l USING (row_number),
       LATERAL candidate_features(l.user_id, ARRAY[coalesce(l.item_id, 'nothing')], 'shop', CASE WHEN l.device IS NULL THEN '{}' ELSE jsonb_build_object('device', l.device) END,
                                  l.at, '{user_%,item_%,first_phase%}') f;
SELECT count(*), min(array_length(features, 1)) AS width FROM training_set('shop', 'labels', '{first_phase_score,first_phase_next}');
SELECT count(DISTINCT features) > 100 AS different FROM training_set('shop', 'labels', '{first_phase_score}');
SELECT count(*) FROM training_set('shop', 'SELECT * FROM labels WHERE false', '{first_phase_score}');
-- Not packed, and packed again: the same.
CREATE TABLE before AS SELECT * FROM training_set('shop', 'labels', '{first_phase%}');
INSERT INTO log SELECT visitor(3), 'p' || n, '2026-03-20', 'buy', 'phone', 999 FROM generate_series(1, 20) n;
SELECT count(*) FROM (SELECT * FROM before EXCEPT SELECT * FROM training_set('shop', 'labels', '{first_phase%}')) d;
-- By name for ctr_predict(): the names of the model choose.
SELECT deploy_model('m', (SELECT onnx FROM files WHERE name = 'lightgbm'),
                    '{first_phase_score,item_view_count_24h,item_view_seconds_since,first_phase_next,user_view_count_24h,first_phase_popularity}',
                    defaults => '{"item_view_seconds_since": "NaN"}');
SELECT alter_recommender('shop', model => 'm');
SELECT count(*), bool_and(abs(ctr_predict('m', features_json(visitor(3), item_id, 'shop', features => (SELECT features FROM models WHERE name = 'm' AND active))) - score) < 1e-6) AS same
  FROM rank_items(visitor(3), ARRAY['p0', 'p3', 'p29', 'nothing'], 'shop');
-- A name too many is an error still.
SELECT ctr_predict('m', features_json(visitor(3), 'p0'::text, 'shop', features => '{first_phase%}'));
-- A recommender with vectors tells it for one user at a time.
CREATE TABLE vectors AS SELECT 'p' || n AS product, ARRAY[cos(n), sin(n)]::real[] AS vector FROM generate_series(0, 29) n;
CREATE UNIQUE INDEX ON vectors (product);
SELECT create_vector_set('v', 'vectors', 'product', 'vector') IS NOT NULL AS created;
SELECT alter_recommender('shop', vector_set => 'v');
SELECT count(*) FROM training_set('shop', 'labels', '{item_%}');
SELECT * FROM training_set('shop', 'labels', '{first_phase_score}');
SELECT count(*), bool_and(abs(n.value - e.value) < 1e-6 * (1 + abs(e.value))) AS same, max(n.value) FILTER (WHERE n.name = 'first_phase_interest') > 0 AS interest
  FROM generate_series(0, 15, 3) u, unnest('{p0,p3,p29}'::text[]) p, LATERAL named(visitor(u), p, NULL, '2026-03-03 00:00:30') n
  JOIN explain_recommendation(visitor(u), p, 'shop', NULL, '2026-03-03 00:00:30') e ON n.name = 'first_phase_' || e.feature;
SELECT drop_recommender('shop');
SELECT drop_model('m'), drop_vector_set('v');
DROP SCHEMA first_phase_test CASCADE;
