-- The statements of docs/vectors.md, in its order: what the page shows is what comes out here.
CREATE SCHEMA vectors_docs;
SET search_path = vectors_docs, public;
SET recommend.auto_compact = off;

CREATE TABLE items (id int PRIMARY KEY, title text, embedding real[], in_stock bool DEFAULT true);
INSERT INTO items VALUES
    (1, 'tent',         '{0.9, 0.1, 0.0}'), (2, 'sleeping bag', '{0.8, 0.3, 0.1}'), (3, 'camping stove', '{0.7, 0.1, 0.6}'),
    (4, 'frying pan',   '{0.1, 0.0, 0.9}'), (5, 'hiking boots', '{0.6, 0.8, 0.0}'), (6, 'gift card',     NULL);

-- Over any query
SELECT cosine_topk(id, embedding, '{1, 0.2, 0.1}', 3) FROM items WHERE in_stock;
SELECT items.title, score
FROM (SELECT cosine_topk(id, embedding, '{1, 0.2, 0.1}', 3) AS ids, cosine_topk_scores(id, embedding, '{1, 0.2, 0.1}', 3) AS scores
      FROM items WHERE in_stock) AS best,
     unnest(ids, scores) AS r (id, score) JOIN items USING (id)
ORDER BY score DESC;

-- A vector set
SELECT create_vector_set('items', 'items', 'id', 'embedding') \g /dev/null
SELECT * FROM cosine_topk('items', '{1, 0.2, 0.1}', 3);
SELECT title, score FROM cosine_topk(NULL::int, 'items', '{1, 0.2, 0.1}', 2) JOIN items USING (id) ORDER BY score DESC;
SELECT id, score FROM cosine_neighbors('items', 3, 2);
SELECT * FROM cosine_topk_batch('items', '{{1, 0, 0}, {0, 0, 1}}', 1);
SELECT id FROM cosine_topk('items', '{1, 0.2, 0.1}', 3, exclude => ARRAY[1, 2]);

-- Always fresh
BEGIN;
UPDATE items SET embedding = '{0, 1, 0}' WHERE id = 1;
SELECT id FROM cosine_topk('items', '{1, 0.2, 0.1}', 2);
ROLLBACK;
SELECT id FROM cosine_topk('items', '{1, 0.2, 0.1}', 2);

-- When there is no copy
SELECT vector_set, rows, skipped, dimensions, changes, state FROM recommend.vector_set_status;
SET client_min_messages = warning;
DROP SCHEMA vectors_docs CASCADE;
