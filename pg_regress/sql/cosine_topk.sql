-- The aggregates over vectors: what they take, what they give, in parallel and in groups, and what they refuse.
CREATE SCHEMA cosine;
SET search_path = cosine, public;
CREATE TABLE items (id int, v real[], kind text);
INSERT INTO items VALUES (1, '{1,0}', 'a'), (2, '{0,1}', 'a'), (3, '{1,1}', 'b'), (4, '{-1,0}', 'b'), (5, '{2,2}', 'a'), (6, '{3,4}', 'b');
SELECT cosine_topk(id, v, '{1,1}', 3), cosine_topk_scores(id, v, '{1,1}', 3) FROM items;
-- As rows: both aggregates are computed once.
SELECT r.* FROM (SELECT cosine_topk(id, v, '{1,0.5}', 4) AS ids, cosine_topk_scores(id, v, '{1,0.5}', 4) AS scores FROM items) AS t, unnest(ids, scores) AS r (id, score);
SELECT kind, cosine_topk(id, v, '{1,1}', 2) FROM items GROUP BY kind ORDER BY kind;
SELECT cosine_topk(id, v, '{1,1}', 2) FILTER (WHERE kind = 'b') FROM items;
SELECT cosine_topk(id, v, '{1,1}', 1000000) FROM items;
SELECT id, cosine_topk(id, v, '{1,1}', 2) OVER (ORDER BY id) FROM items;
-- Queries of their own for each group.
CREATE TABLE queries (n int, q real[]);
INSERT INTO queries VALUES (1, '{1,0}'), (2, '{0,1}'), (3, '{5,5}');
SELECT n, cosine_topk(id, v, q, 2) FROM items, queries GROUP BY n, q ORDER BY n;
SELECT n, t.ids FROM queries, LATERAL (SELECT cosine_topk(id, v, q, 2) AS ids FROM items) AS t ORDER BY n;
-- Equal scores in the order of ids, whatever their type.
SELECT cosine_topk(-id, v, '{1,1}', 6) FROM items;
SELECT cosine_topk(id::bigint, v, '{1,1}', 2), cosine_topk(id::smallint, v, '{1,1}', 2), cosine_topk(id::text, v, '{1,1}', 2), cosine_topk(id::numeric, v, '{1,1}', 2),
       cosine_topk(md5(id::text)::uuid, v, '{1,1}', 2), cosine_topk(date '2020-01-01' + id, v, '{1,1}', 2), cosine_topk(('item ' || id)::varchar, v, '{1,1}', 2),
       cosine_topk(('n' || id)::name, v, '{1,1}', 2), cosine_topk(id::float8, v, '{1,1}', 2), cosine_topk(row(id, kind), v, '{1,1}', 2) FROM items;
SELECT cosine_topk(repeat('long ', 1000) || id, v, '{1,1}', 2) = ARRAY[repeat('long ', 1000) || 3, repeat('long ', 1000) || 5] FROM items;
CREATE DOMAIN item_id AS int;
SELECT cosine_topk(id::item_id, v, '{1,1}', 2) FROM items;

-- Types of vectors.
SELECT cosine_topk(id, v::float8[], '{1,1}', 3), cosine_topk_scores(id, v::float8[], '{1,1}', 3) FROM items;
CREATE DOMAIN embedding AS real[] CHECK (cardinality(VALUE) = 2);
SELECT cosine_topk(id, v::embedding, '{1,1}', 3) FROM items;
SELECT cosine_topk(1, 'vector'::text, '{1,1}', 3);
SELECT cosine_topk(1, '{1,2}', '{1,1}', 3);
SELECT cosine_topk(1, ARRAY[1, 2], '{1,1}', 3);

-- Rows without an id or a direction.
SELECT cosine_topk(id, v, '{1,0}', 10) FROM (VALUES (1, '{0,0}'::real[]), (2, NULL), (3, '{NaN,1}'), (4, '{1,Infinity}'), (5, '{1,NULL}'), (NULL, '{1,0}'), (6, '{1,0}'), (7, '{1e-44,0}'), (8, '{3e38,3e38}')) AS r (id, v);
SELECT cosine_topk(id, v, '{1,0}', 10) FROM (VALUES (1, '{0,0}'::real[]), (2, NULL)) AS r (id, v);
SELECT cosine_topk(id, v, '{1,0}', 10) FROM items WHERE false;
SELECT cosine_topk(id, v, '{1,0}', 10) FROM (VALUES (1, '{1e300,1e300}'::float8[]), (2, '{1,1}')) AS r (id, v);
-- Other dimensions.
SELECT cosine_topk(id, v, '{1,0,0}', 10) FROM items;
SELECT cosine_topk(id, v, '{1,0}', 10) FROM (VALUES (1, '{}'::real[])) AS r (id, v);
SELECT cosine_topk(id, v, '{1,0}', 10) FROM (VALUES (1, '{{1,0}}'::real[])) AS r (id, v);
SELECT cosine_topk(id, v, '{1,0}', 10) FILTER (WHERE cardinality(v) = 2) FROM (VALUES (1, '{1,0,0}'::real[]), (2, '{1,0}')) AS r (id, v);
-- Queries and k that cannot be.
SELECT cosine_topk(id, v, '{0,0}', 10) FROM items;
SELECT cosine_topk(id, v, '{1,NaN}', 10) FROM items;
SELECT cosine_topk(id, v, '{1,-Infinity}', 10) FROM items;
SELECT cosine_topk(id, v, '{1,NULL}', 10) FROM items;
SELECT cosine_topk(id, v, '{}', 10) FROM items;
SELECT cosine_topk(id, v, '{{1,1}}', 10) FROM items;
SELECT cosine_topk(id, v, NULL, 10) FROM items;
SELECT cosine_topk(id, v, '{1,1}', 0) FROM items;
SELECT cosine_topk(id, v, '{1,1}', -1) FROM items;
SELECT cosine_topk(id, v, '{1,1}', NULL) FROM items;
SELECT cosine_topk(id, v, v, 10) FROM items WHERE id IN (1, 2);
SELECT cosine_topk(id, v, '{1,1}', id) FROM items;
SELECT recommend.cosine_topk_add(NULL, 1, '{1,1}'::real[], '{1,1}', 1);
SELECT recommend.cosine_topk_ids('\x01', 1, '{1,1}'::real[], '{1,1}', 1);
SELECT recommend.cosine_topk_combine('\x01', '\x02');
SELECT round(cosine_similarity(v, '{1,0}')::numeric, 6) FROM items ORDER BY id;
SELECT cosine_similarity('{0,0}'::real[], '{1,0}'), cosine_similarity(NULL::real[], '{1,0}');

-- In parallel: the same ids and scores, to the bit.
CREATE TABLE many (id int, v real[]);
SELECT setseed(0.5);
INSERT INTO many SELECT n, array(SELECT (random() - 0.5)::real FROM generate_series(1, 8) WHERE n > 0) FROM generate_series(1, 20000) AS n;
UPDATE many SET v = (SELECT v FROM many WHERE id = 7) WHERE id % 100 = 3;
ANALYZE many;
CREATE TABLE alone AS SELECT cosine_topk(id, v, '{1,2,3,4,-4,-3,-2,-1}', 300) AS ids, cosine_topk_scores(id, v, '{1,2,3,4,-4,-3,-2,-1}', 300) AS scores FROM many;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT cosine_topk(id, v, '{1,2,3,4,-4,-3,-2,-1}', 300), cosine_topk_scores(id, v, '{1,2,3,4,-4,-3,-2,-1}', 300) FROM many;
SELECT cosine_topk(id, v, '{1,2,3,4,-4,-3,-2,-1}', 300) = ids, cosine_topk_scores(id, v, '{1,2,3,4,-4,-3,-2,-1}', 300) = scores FROM many, alone GROUP BY ids, scores;
SELECT cosine_topk(id::text, v, '{1,2,3,4,-4,-3,-2,-1}', 300) = (SELECT array_agg(id::text ORDER BY s DESC, id::text COLLATE "C") FROM unnest(ids, scores) AS u (id, s)) FROM many, alone GROUP BY ids, scores;
RESET ALL;
SET search_path = cosine, public;
-- The cosine itself, by another way.
SELECT max(abs(score - cosine)) < 1e-6 FROM alone, unnest(ids, scores) AS r (id, score) JOIN many USING (id),
    LATERAL (SELECT sum(x::float8 * q) / sqrt(sum(x::float8 * x) * sum(q::float8 * q)) AS cosine FROM unnest(v, '{1,2,3,4,-4,-3,-2,-1}'::real[]) AS u (x, q)) AS c;
SELECT (SELECT min(s) FROM unnest(scores) AS s) >= max(cosine_similarity(v, '{1,2,3,4,-4,-3,-2,-1}')) FROM alone, many WHERE id <> ALL (ids) GROUP BY scores;

-- Rows below the k-th are passed by at a glance, and others are not: whatever comes, the best are those by cosine_similarity().
CREATE TABLE glance (id int, v real[]);
SELECT setseed(0.25);
INSERT INTO glance SELECT n, array(SELECT ((random() - 0.5) * scale)::real FROM generate_series(1, 20))
  FROM generate_series(1, 3000) AS n, LATERAL (SELECT CASE n % 7 WHEN 1 THEN 1e38 WHEN 2 THEN 1e-30 WHEN 3 THEN 1e-37 WHEN 4 THEN 1e-12 ELSE 1 END AS scale) AS s;
INSERT INTO glance SELECT 4000 + n, CASE n % 4 WHEN 0 THEN NULL WHEN 1 THEN array_fill(0, ARRAY[20])::real[] WHEN 2 THEN v || '{NaN}' ELSE v || NULL::real END
  FROM generate_series(1, 20) AS n, (SELECT v[1:19] AS v FROM glance WHERE id = 9) AS g;
-- Near-ties: the same direction in the last bits.
INSERT INTO glance SELECT 5000 + n, array(SELECT (x * n / 7)::real FROM unnest(v) WITH ORDINALITY AS u (x, o) ORDER BY o) FROM generate_series(1, 500) AS n, glance WHERE id = 9;
SELECT count(*) FILTER (WHERE a.ids <> o.ids OR a.scores <> o.scores) AS wrong, count(DISTINCT (a.ids, a.other)) AS answers
  FROM generate_series(7, 12) AS n, LATERAL (SELECT v AS q FROM glance WHERE id = n) AS q,
       LATERAL (SELECT cosine_topk(id, v, q, 30) AS ids, cosine_topk_scores(id, v, q, 30) AS scores, cosine_topk(id, v, '{1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}', 30) AS other FROM glance) AS a,
       LATERAL (SELECT array_agg(id ORDER BY s DESC, id) AS ids, array_agg(s ORDER BY s DESC, id) AS scores
                FROM (SELECT id, cosine_similarity(v, q) AS s FROM glance WHERE cosine_similarity(v, q) IS NOT NULL ORDER BY s DESC, id LIMIT 30) AS t) AS o;
-- In doubles, and stored out of line or compressed.
CREATE TABLE stored AS SELECT id, v::float8[] AS d, array(SELECT v[1 + g % 20] FROM generate_series(0, 2999) AS g) AS packed FROM glance WHERE v IS NOT NULL AND cardinality(array_remove(v, NULL)) = 20 AND id < 500;
ALTER TABLE stored ADD outside real[];
ALTER TABLE stored ALTER outside SET STORAGE EXTERNAL;
UPDATE stored SET outside = packed || '{}'::real[];
SELECT bool_and(pg_column_size(packed) < 6000) AS compressed, bool_and(pg_column_size(outside) > 12000) AS outside FROM stored;
SELECT cosine_topk(id, d, v9.v, 9) = cosine_topk(id, s.v, v9.v, 9) AS doubles, cosine_topk(id, packed, p, 9) = cosine_topk(id, outside, p, 9) AS stored
  FROM (SELECT s.*, g.v FROM stored AS s JOIN glance AS g USING (id)) AS s, (SELECT v FROM glance WHERE id = 9) AS v9 (v), (SELECT packed AS p FROM stored WHERE id = 9) AS p GROUP BY v9.v, p;
-- Another query, k or length of vectors is an error also where the row would be passed by.
SELECT cosine_topk(id, v, CASE WHEN id < 2990 THEN q ELSE '{1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}' END, 3) FROM glance, (SELECT v AS q FROM glance WHERE id = 9) AS q;
SELECT cosine_topk(id, v, q, CASE WHEN id < 2990 THEN 3 ELSE 4 END) FROM glance, (SELECT v AS q FROM glance WHERE id = 9) AS q;
SELECT cosine_topk(id, CASE WHEN id < 2990 THEN v ELSE v[1:19] END, q, 3) FROM glance, (SELECT v AS q FROM glance WHERE id = 9) AS q;

-- Row level security applies as to any query.
CREATE ROLE cosine_reader;
GRANT USAGE ON SCHEMA cosine TO cosine_reader;
GRANT SELECT ON items TO cosine_reader;
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
CREATE POLICY only_a ON items USING (kind = 'a');
SET ROLE cosine_reader;
SELECT cosine_topk(id, v, '{1,1}', 10) FROM items;
RESET ROLE;
DROP OWNED BY cosine_reader;
DROP ROLE cosine_reader;
SET client_min_messages = warning;
DROP SCHEMA cosine CASCADE;
