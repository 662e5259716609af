-- pgvector's types, where that extension is (from 0.7 on, which brought halfvec): the same answers from vector, halfvec and real[]. Elsewhere the test says that it was skipped.
SELECT count(*) = 0 AS missing FROM pg_available_extensions WHERE name = 'vector' AND string_to_array(default_version, '.')::int[] >= '{0,7}' \gset
\if :missing
\echo skipped: the extension vector, 0.7 or newer, is not available here
\q
\endif
CREATE SCHEMA vectors_pgvector;
CREATE SCHEMA elsewhere;
SET client_min_messages = warning;
CREATE EXTENSION vector SCHEMA elsewhere;
RESET client_min_messages;
SET search_path = vectors_pgvector, public, elsewhere;
SET recommend.auto_compact = off;
SELECT setseed(0.5);
-- Numbers that 16 bits hold.
CREATE TABLE items AS SELECT n AS id, array(SELECT (floor(random() * 64) - 32)::real FROM generate_series(1, 20) WHERE n > 0) AS r FROM generate_series(1, 2000) AS n;
ALTER TABLE items ADD PRIMARY KEY (id), ADD v vector(20), ADD h halfvec(20), ADD d float8[], ADD u vector, ADD s sparsevec(20), ADD b bit(3);
UPDATE items SET v = r::vector, h = r::vector::halfvec, d = r, u = r::vector;
SELECT create_vector_set('real', 'items', 'id', 'r'), create_vector_set('vector', 'items', 'id', 'v'), create_vector_set('halfvec', 'items', 'id', 'h'),
       create_vector_set('double', 'items', 'id', 'd'), create_vector_set('untyped', 'items', 'id', 'u');
SELECT name, dimensions FROM recommend.vector_sets ORDER BY id;
SELECT vector_set, rows, skipped, dimensions, state FROM recommend.vector_set_status ORDER BY 1;
CREATE TABLE answers AS SELECT q.n, s.name, t.ids, t.scores
  FROM (SELECT n, (SELECT r FROM items WHERE id = n) AS q FROM generate_series(1, 10) AS n) AS q,
       unnest('{real,vector,halfvec,double,untyped}'::text[]) AS s (name),
       LATERAL (SELECT array_agg(id) AS ids, array_agg(score) AS scores FROM cosine_topk(NULL::int, s.name, q.q, 20)) AS t;
INSERT INTO answers SELECT n, 'aggregate of ' || name, ids, scores
  FROM (SELECT n, (SELECT r FROM items WHERE id = n) AS q FROM generate_series(1, 10) AS n) AS q,
       LATERAL (SELECT 'real', cosine_topk(id, r, q, 20), cosine_topk_scores(id, r, q, 20) FROM items
                UNION ALL SELECT 'vector', cosine_topk(id, v, q, 20), cosine_topk_scores(id, v, q, 20) FROM items
                UNION ALL SELECT 'halfvec', cosine_topk(id, h, q, 20), cosine_topk_scores(id, h, q, 20) FROM items) AS a (name, ids, scores);
SELECT count(*), count(DISTINCT name) AS ways, count(DISTINCT (n, ids, scores)) AS different FROM answers;
-- pgvector's own exact order.
SELECT count(*) FROM answers, LATERAL (SELECT array_agg(id ORDER BY distance, id) AS ids FROM (SELECT id, v <=> (SELECT v FROM items WHERE id = n) AS distance
    FROM items ORDER BY distance, id LIMIT 20) AS o) AS o WHERE name = 'vector' AND o.ids <> answers.ids;
SELECT round((cosine_similarity(v, r))::numeric, 6), round(cosine_similarity(h, '{1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}')::numeric, 6) IS NOT NULL AS half FROM items WHERE id = 7;
-- Changes, and a query in pgvector's type.
UPDATE items SET v = (SELECT v FROM items WHERE id = 1) WHERE id = 5;
SELECT id FROM cosine_topk(NULL::int, 'vector', (SELECT v FROM items WHERE id = 1), 2);
SELECT id FROM cosine_neighbors('vector', 5, 1);
UPDATE items SET h = NULL WHERE id = 1;
SELECT count(*) FROM cosine_topk('halfvec', (SELECT r FROM items WHERE id = 1), 1) WHERE id = '1';
SELECT recommend.maintain('vector') > 0, recommend.maintain('halfvec') > 0;
SELECT vector_set, rows, skipped FROM recommend.vector_set_status WHERE vector_set IN ('vector', 'halfvec') ORDER BY 1;
-- Long ones lie out of line.
CREATE TABLE long AS SELECT n AS id, array(SELECT (n % 17 + d)::real FROM generate_series(1, 3000) AS d)::vector AS v FROM generate_series(1, 30) AS n;
ALTER TABLE long ADD PRIMARY KEY (id);
SELECT create_vector_set('long', 'long', 'id', 'v');
SELECT count(*) FILTER (WHERE id = ANY (ids)) FROM cosine_neighbors('long', 3, 10), (SELECT cosine_topk(id, v, (SELECT v FROM long WHERE id = 3)::real[], 11) AS ids FROM long) AS t;
-- What is no vector of these.
SELECT create_vector_set('sparse', 'items', 'id', 's');
SELECT create_vector_set('bits', 'items', 'id', 'b');
SELECT create_vector_set('wrong', 'items', 'id', 'v', dimensions => 3);
SELECT * FROM cosine_topk('vector', '{1,2}');
SELECT cosine_topk(id, s, '{1,2}', 3) FROM items WHERE id = 1;
SELECT cosine_topk(id, b, '{1,2}', 3) FROM items WHERE id = 1;
SET client_min_messages = warning;
DROP SCHEMA vectors_pgvector, elsewhere CASCADE;
SELECT count(*) FROM recommend.vector_sets;
