-- What a newcomer does first, on a server that has the package and nothing else of this project.
CREATE DATABASE shop;
\connect shop
CREATE EXTENSION pg_recommend;
CREATE TABLE events (user_id int, item_id int, at timestamptz, kind text);
INSERT INTO events
SELECT user_id, 1 + (user_id * 7 + n * n) % 20, now() - interval '1 hour' * n, CASE WHEN n = 1 THEN 'purchase' ELSE 'view' END
  FROM generate_series(1, 50) AS user_id, generate_series(1, 6) AS n;
SELECT create_recommender('shop', 'events', user_column => 'user_id', item_column => 'item_id', time_column => 'at',
                          event_column => 'kind', event_weights => '{"view": 1, "purchase": 8}', include_seen => false);
SELECT item_id, score, rank, sources FROM recommend(42, 5);
INSERT INTO events VALUES (42, 20, now(), 'purchase');
SELECT create_features('shop');
-- A model is learnt, written as ONNX and run by the library that the package brings.
SELECT version FROM train_ctr('ctr', 'SELECT item_id::real AS x, item_id % 2 AS clicked FROM events', 'clicked');
DO $$
BEGIN
    ASSERT (SELECT count(*) FROM recommend(42, 5)) = 5, 'five items are recommended';
    ASSERT NOT EXISTS (SELECT FROM recommend(42, 5) WHERE item_id = 20), 'what was committed a moment ago counts';
    ASSERT (SELECT ctr_predict('ctr', '{"x": 3}'::jsonb)) BETWEEN 0 AND 1, 'a model scores a row';
END $$;
\echo deb.sql: passed
