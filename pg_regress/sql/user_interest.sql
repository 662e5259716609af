-- What users are interested in: kept by the compactor, read with what is not compacted yet, and the same as the aggregates give for the
-- raw events.
SET timezone = 'UTC';
SET client_min_messages = warning;
SET recommend.auto_compact = off;
CREATE TABLE items (item_id int PRIMARY KEY, title text, embedding real[]);
INSERT INTO items SELECT i, 'item ' || i, CASE WHEN i % 10 > 0 THEN ARRAY[cos(i), sin(i), cos(i * i), i % 3]::real[] END FROM generate_series(1, 40) AS i;
CREATE TABLE events (id int PRIMARY KEY, user_id int, item_id int, at timestamptz, kind text, visit text);
INSERT INTO events
SELECT n, n * 7 % 12, 1 + n * n * 13 % 50, '2025-03-01'::timestamptz + make_interval(mins => n * 97 % 9000, secs => n),
       (ARRAY['view', 'view', 'buy', 'hide'])[1 + n % 4], 'v' || n * 97 % 9000 / 800
FROM generate_series(1, 600) AS n;

SELECT create_vector_set('item vectors', 'items', 'item_id', 'embedding');
SELECT create_recommender('shop', 'events', 'user_id', 'item_id', 'at', 'kind', '{"view": 1, "buy": 8, "hide": -1}', graph => false, vector_set => 'item vectors');
SELECT create_recommender('visits', 'events', 'user_id', 'item_id', 'at', session_column => 'visit', graph => false, vector_set => 'item vectors');

-- The same by the aggregates: sessions, their directions, the average over those that are over, and the blend.
CREATE FUNCTION by_sql(by_visit bool, as_of timestamptz) RETURNS TABLE (user_id int, session real[], long_term real[], blended real[])
LANGUAGE sql AS $$
    WITH weighed AS (
        SELECT e.user_id, e.at, i.embedding, e.visit,
               CASE WHEN by_visit THEN 1 ELSE (jsonb '{"view": 1, "buy": 8, "hide": -1}' ->> kind)::float8 END AS weight
          FROM events AS e JOIN items AS i USING (item_id) WHERE i.embedding IS NOT NULL AND e.at <= as_of
    ), numbered AS (
        SELECT *, CASE WHEN by_visit
                  THEN count(*) FILTER (WHERE visit IS DISTINCT FROM before) OVER (PARTITION BY user_id ORDER BY at)
                  ELSE session_number(at, '30 min') OVER (PARTITION BY user_id ORDER BY at) END AS number
          FROM (SELECT *, lag(visit) OVER (PARTITION BY user_id ORDER BY at) AS before FROM weighed) AS w
    ), sessions AS (
        SELECT user_id, number, max(at) AS ended_at, interest_vector(interest(embedding, at, weight, '30 min')) AS direction
          FROM numbered GROUP BY user_id, number
    ), marked AS (
        SELECT *, as_of - ended_at <= '30 min' AND number = max(number) OVER (PARTITION BY user_id) AS open FROM sessions
    ), both_parts AS (
        SELECT user_id, max(direction) FILTER (WHERE open) AS session,
               ewma_interest(direction, 0.95 ORDER BY number) FILTER (WHERE NOT open) AS long_term
          FROM marked GROUP BY user_id
    )
    SELECT user_id, session, long_term,
           (SELECT interest_vector(interest(v, as_of, '1 day')) FROM unnest(ARRAY[1, 2]) AS part,
               LATERAL (SELECT CASE part WHEN 1 THEN session ELSE interest_vector(interest(long_term, as_of, '1 day')) END) AS p (v))
      FROM both_parts GROUP BY 1, 2, 3
$$;
CREATE FUNCTION distance(a real[], b real[]) RETURNS float8 LANGUAGE sql AS $$
    SELECT CASE WHEN a IS NULL AND b IS NULL THEN 0 WHEN a IS NULL OR b IS NULL THEN 9
           ELSE (SELECT max(abs(x - y)) FROM unnest(a, b) AS u (x, y)) END
$$;
-- How many users there are, and how many of them have another interest than the events say.
CREATE FUNCTION differ(recommender text, as_of timestamptz = '2025-03-08') RETURNS TABLE (users bigint, with_session bigint, differ bigint)
LANGUAGE sql AS $$
    SELECT count(*), count(e.session),
           count(*) FILTER (WHERE distance(i.session, e.session) > 1e-5 OR distance(i.long_term, e.long_term) > 1e-5 OR distance(i.blended, e.blended) > 1e-5)
      FROM by_sql(recommender = 'visits', as_of) AS e, user_interest(e.user_id, recommender, as_of) AS i
$$;

SELECT r, d.* FROM unnest('{shop,visits}'::text[]) AS r, differ(r) AS d;
-- Nothing is packed again, and yet the last click counts at once.
INSERT INTO events SELECT 1000 + u, u, 7 + u, '2025-03-07 23:50', 'buy', 'now' FROM generate_series(0, 9) AS u;
SELECT r, d.* FROM unnest('{shop,visits}'::text[]) AS r, differ(r) AS d;
SELECT recommend.maintain() > 0 AS packed;
SELECT r, d.* FROM unnest('{shop,visits}'::text[]) AS r, differ(r) AS d;
-- Late, changed, removed; and what is rolled back.
INSERT INTO events SELECT 2000 + u, u, 3 + u, '2025-03-04 12:00', 'view', 'late' FROM generate_series(0, 5) AS u;
UPDATE events SET item_id = 9 WHERE id % 50 = 0;
DELETE FROM events WHERE id % 60 = 1 OR id = 1003;
BEGIN;
INSERT INTO events SELECT 3000 + u, u, 1, '2025-03-07 23:55', 'buy', 'never' FROM generate_series(0, 5) AS u;
SELECT d.* FROM differ('shop') AS d;
ROLLBACK;
SELECT r, d.* FROM unnest('{shop,visits}'::text[]) AS r, differ(r) AS d;
SELECT recommend.maintain() > 0 AS packed;
SELECT r, d.* FROM unnest('{shop,visits}'::text[]) AS r, differ(r) AS d;
-- Made anew, and at any time: before the newest event from the events themselves, after it from what is stored.
SELECT rebuild_recommender('shop') = rebuild_recommender('visits') AS rebuilt;
SELECT r, at, d.* FROM unnest('{shop,visits}'::text[]) AS r,
    unnest('{2025-03-01 12:00, 2025-03-05, 2025-03-07 23:50:10, 2025-03-08 00:30, 2030-01-01}'::timestamptz[]) AS at, differ(r, at) AS d;
-- In chunks.
INSERT INTO events SELECT 4000 + n, n % 12, 1 + n % 40, '2025-03-07'::timestamptz + make_interval(mins => n * 7), 'view', 'c' || n / 30 FROM generate_series(1, 200) AS n;
SET recommend.clock_skew = 0;
SELECT recommend.maintain(NULL, 15) > 0 AS packed;
SELECT r, d.* FROM unnest('{shop,visits}'::text[]) AS r, differ(r, '2025-03-08 23:25') AS d;

-- Nobody known, nobody at all; and one who met only items without vectors.
INSERT INTO events VALUES (9000, 99, 10, '2025-03-09', 'view', 'x');
SELECT * FROM user_interest(4711, 'shop') UNION ALL SELECT * FROM user_interest(NULL::int, 'shop') UNION ALL SELECT * FROM user_interest(99, 'shop');

-- recommend() uses it: what lies near comes as a candidate, items without any event too, and the cosine counts.
INSERT INTO items VALUES (500, 'never met', (SELECT blended FROM user_interest(3, 'shop', '2025-03-10')));
SELECT item_id, sources FROM recommend(3, 50, 'shop', as_of => '2025-03-10') WHERE item_id = 500;
SELECT feature, round(value::numeric, 3) AS value, weight, round(contribution::numeric, 3) AS contribution
  FROM explain_recommendation(3, 500, 'shop', as_of => '2025-03-10') WHERE source = 'interest';
SELECT count(*) FILTER (WHERE 'interest' = ANY (r.sources)) > 10 AS near, bool_and(r.score = k.score) AS ranked_alike
  FROM recommend(3, 50, 'shop', as_of => '2025-03-10') AS r JOIN rank_items(3, (SELECT array_agg(item_id) FROM items), 'shop', as_of => '2025-03-10') AS k USING (item_id);
SELECT count(*) > 0 AS near FROM recommend_session(ARRAY[3, 4], 20, 'shop', as_of => '2025-03-10') WHERE 'interest' = ANY (sources);

-- Vectors that change are taken as they are when an event is packed; those of another dimension begin anew.
UPDATE items SET embedding = embedding[1:3];
INSERT INTO events VALUES (9001, 3, 7, '2025-03-11 10:00', 'buy', 'y');
SELECT array_length(session, 1) AS session, long_term FROM user_interest(3, 'shop', '2025-03-11 10:00');
SELECT count(*) AS listed FROM recommend(3, 5, 'shop', as_of => '2025-03-11 10:00');
SELECT rebuild_recommender('shop') > 0 AS rebuilt;
SELECT d.* FROM differ('shop', '2025-03-11 10:00') AS d;

-- What is no direction, or none of ours, is as good as no vector.
INSERT INTO items VALUES (601, 'NaN', '{NaN,1,1}'), (602, 'infinite', '{1,-Infinity,1}'), (603, 'empty', '{}'), (604, 'a NULL in it', '{1,NULL,1}'),
                         (605, 'nested', '{{1,2,3},{4,5,6}}'), (606, 'zero', '{0,0,0}'), (607, 'huge', '{3e38,3e38,0}'), (608, 'tiny', '{0,0,1e-45}');
INSERT INTO events SELECT i, i, i, '2025-03-12', 'view', 'z' FROM generate_series(601, 608) AS i;
SELECT u, i.* FROM generate_series(601, 608) AS u, user_interest(u, 'shop', '2025-03-12 00:10') AS i;
SELECT recommend.maintain('shop') AS packed;
SELECT u, i.* FROM generate_series(601, 608) AS u, user_interest(u, 'shop', '2025-03-12 00:10') AS i WHERE blended IS NOT NULL;
SELECT count(*) AS listed, bool_and(score > '-infinity' AND score < 'infinity') AS finite FROM generate_series(600, 608) AS u, recommend(u, 5, 'shop');
DELETE FROM events WHERE id BETWEEN 601 AND 608;

-- Without vectors; other definitions.
SELECT alter_recommender('shop', vector_set => '');
SELECT * FROM user_interest(3, 'shop');
SELECT count(*) FILTER (WHERE 'interest' = ANY (sources)) AS near FROM recommend(3, 50, 'shop');
SELECT alter_recommender('shop', vector_set => 'nothing of the kind');
CREATE TABLE named (name text PRIMARY KEY, embedding real[]);
SELECT create_vector_set('named', 'named', 'name', 'embedding');
SELECT alter_recommender('shop', vector_set => 'named');
SELECT drop_vector_set('item vectors');
SELECT alter_recommender('shop', vector_set => 'item vectors');
SELECT d.* FROM differ('shop', '2025-03-11 10:00') AS d;
CREATE ROLE visitor;
GRANT SELECT ON events TO visitor;
SET ROLE visitor;
SELECT * FROM user_interest(3, 'shop');
SELECT count(*) AS listed FROM recommend(3, 5, 'shop');
RESET ROLE;
GRANT SELECT (item_id, embedding) ON items TO visitor;
SET ROLE visitor;
SELECT count(*) FROM user_interest(3, 'shop');
SELECT count(*) AS listed FROM recommend(3, 5, 'shop');
RESET ROLE;
-- The table of the vectors goes: the recommender stays, without them.
DROP TABLE items;
DROP TABLE items CASCADE;
SELECT * FROM user_interest(3, 'shop');
SELECT count(*) AS listed FROM recommend(3, 5, 'shop');
SELECT drop_recommender('shop'), drop_recommender('visits'), drop_vector_set('named');
DROP TABLE events, named;
DROP FUNCTION differ, by_sql, distance;
DROP ROLE visitor;
