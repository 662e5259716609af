-- The statements of docs/interest.md, in its order: what the page shows is what comes out here.
CREATE SCHEMA interest_docs;
SET search_path = interest_docs, public;
SET recommend.auto_compact = off;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';

CREATE TABLE items (item_id int PRIMARY KEY, title text, embedding real[]);
INSERT INTO items VALUES (1, 'running shirt', '{0.8,0.3,0.1}'), (2, 'trail shoes', '{0.9,0.1,0.4}'),
                         (3, 'tent', '{0.1,0.9,0.2}'), (4, 'sleeping bag', '{0,0.8,0.2}'), (5, 'rain jacket', '{0.5,0.5,0.4}');
CREATE TABLE views (user_id int, item_id int, price numeric, at timestamptz);
INSERT INTO views VALUES (42, 2, 120, '2025-03-01 09:00'), (42, 1, 35, '2025-03-01 09:05'), (42, 2, 110, '2025-03-02 20:00'),
                         (42, 3, 300, '2025-03-08 19:00'), (42, 4, 90, '2025-03-08 19:20'), (7, 3, 280, '2025-03-07 12:00');

SELECT user_id, decayed_count(at, '7 days', '2025-03-09') AS views, decayed_sum(price, at, '7 days', '2025-03-09') AS spent,
       decayed_avg(price, at, '7 days', '2025-03-09') AS price
FROM views GROUP BY user_id ORDER BY user_id;

CREATE TABLE spent_by_day AS
    SELECT user_id, at::date AS day, decayed_summary(price, at, '7 days') AS spent FROM views GROUP BY 1, 2;
SELECT user_id, decayed_sum(rollup(spent), '2025-03-09') AS spent, decayed_avg(rollup(spent)) AS price
FROM spent_by_day GROUP BY user_id ORDER BY user_id;

CREATE TABLE interests AS
    SELECT user_id, interest(embedding, at, '7 days') AS interest FROM views JOIN items USING (item_id) GROUP BY user_id;
SELECT user_id, interest_vector(interest), interest_strength(interest, '2025-03-09'), interest_count(interest), interest_last_at(interest)
FROM interests ORDER BY user_id;

UPDATE interests
SET interest = interest + (SELECT interest(embedding, '2025-03-09 10:00', 3, '7 days') FROM items WHERE item_id = 1)
WHERE user_id = 42;
SELECT title, round(interest_similarity(interest, embedding)::numeric, 3) AS similarity
FROM interests, items WHERE user_id = 42 ORDER BY 2 DESC;

SELECT user_id, round(interest_drift(interest(embedding, at, '1 day'), interest(embedding, at, '30 days'))::numeric, 3) AS drift
FROM views JOIN items USING (item_id) GROUP BY user_id ORDER BY user_id;

SELECT at, price, round(decayed_sum(price, at, '1 day', at) OVER w) AS spent_lately
FROM views WHERE user_id = 42 WINDOW w AS (ORDER BY at) ORDER BY at;

WITH visits AS (
    SELECT v.*, embedding, session_number(at, '30 minutes') OVER (PARTITION BY user_id ORDER BY at) AS session
    FROM views v JOIN items USING (item_id)
), sessions AS (
    SELECT user_id, session, min(at) AS started_at, interest_vector(interest(embedding, at, '30 minutes')) AS session_vector
    FROM visits GROUP BY user_id, session
)
SELECT user_id, count(*) AS sessions, ewma_interest(session_vector, 0.8 ORDER BY started_at) AS long_term
FROM sessions GROUP BY user_id ORDER BY user_id;

SELECT create_vector_set('item vectors', 'items', id_column => 'item_id', vector_column => 'embedding');
SELECT create_recommender('shop', 'views', user_column => 'user_id', item_column => 'item_id', time_column => 'at',
                          vector_set => 'item vectors');
INSERT INTO views VALUES (42, 5, 80, '2025-03-09 10:00');
SELECT * FROM user_interest(42, 'shop', '2025-03-09 10:10');
INSERT INTO items VALUES (6, 'camping stove', '{0,0.7,0.5}'), (7, 'hiking poles', '{0.7,0.3,0.5}');  -- never met by anybody
SELECT rank, title, sources
FROM recommend(42, 3, 'shop', include_seen => false, as_of => '2025-03-09 10:10') JOIN items USING (item_id) ORDER BY rank;

SET client_min_messages = warning;
DROP SCHEMA interest_docs CASCADE;
