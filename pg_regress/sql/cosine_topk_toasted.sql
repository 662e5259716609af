-- The aggregates over vectors that lie out of line: what they fetch is what cosine_similarity() is given by the server, whatever has become of the rows.
CREATE SCHEMA toasted;
SET search_path = toasted, public;
CREATE TABLE items (id int PRIMARY KEY, part int, v real[]);
ALTER TABLE items ALTER v SET STORAGE EXTERNAL;
-- In the row (494), of 2 and 3 chunks of at most 1996 bytes, and of two full ones (993).
CREATE FUNCTION vector(n int, length int) RETURNS real[] LANGUAGE sql IMMUTABLE
    AS $$ SELECT array_agg((('x' || substr(md5(n || ' ' || g), 1, 7))::bit(28)::int - 134217728)::real) FROM generate_series(1, length) AS g $$;
CREATE TABLE lengths (length int PRIMARY KEY);
INSERT INTO lengths VALUES (494), (495), (700), (993), (994), (1300);
INSERT INTO items SELECT length * 1000 + n, n % 3, vector(length * 1000 + n, length) FROM lengths, generate_series(1, 60) AS n ORDER BY length, n;
CREATE FUNCTION wrong(source regclass) RETURNS TABLE (lengths bigint, rows numeric, wrong bigint) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT count(*), sum(n), count(*) FILTER (WHERE a.ids IS DISTINCT FROM o.ids OR a.scores IS DISTINCT FROM o.scores)
        FROM lengths AS l, LATERAL (SELECT vector(0, l.length) AS q OFFSET 0) AS q,
             LATERAL (SELECT count(*) AS n, cosine_topk(id, v, q, 25) AS ids, cosine_topk_scores(id, v, q, 25) AS scores FROM %1$s WHERE id / 1000 = l.length) AS a,
             LATERAL (SELECT array_agg(id ORDER BY s DESC, id) AS ids, array_agg(s ORDER BY s DESC, id) AS scores
                      FROM (SELECT id, cosine_similarity(v, q) AS s FROM %1$s WHERE id / 1000 = l.length ORDER BY s DESC, id LIMIT 25) AS t) AS o', source);
END $$;
SELECT * FROM wrong('items');
-- The bytes of each length.
SELECT id / 1000 AS length, min(pg_column_size(v)), max(pg_column_size(v)) FROM items GROUP BY 1 ORDER BY 1;

-- Not in the order of the values.
CREATE VIEW backwards AS SELECT * FROM items ORDER BY id DESC;
CREATE VIEW shuffled AS SELECT * FROM items ORDER BY md5(id::text);
SELECT * FROM wrong('backwards');
SELECT * FROM wrong('shuffled');

-- Rows of an aborted transaction and subtransaction lie between others; deleted and changed ones too, before and after a vacuum that frees their places.
BEGIN;
INSERT INTO items SELECT length * 1000 + n, 0, vector(-n, length) FROM lengths, generate_series(101, 120) AS n;
SELECT rows, wrong FROM wrong('items');
SAVEPOINT inner_one;
UPDATE items SET v = vector(-id, id / 1000) WHERE id % 5 = 0;
SELECT rows, wrong FROM wrong('items');
ROLLBACK TO inner_one;
SELECT rows, wrong FROM wrong('items');
ROLLBACK;
SELECT rows, wrong FROM wrong('items');
DELETE FROM items WHERE id % 4 = 1;
UPDATE items SET v = vector(id + 1, id / 1000) WHERE id % 4 = 2;
SELECT rows, wrong FROM wrong('items');
VACUUM items;
SELECT rows, wrong FROM wrong('items');
INSERT INTO items SELECT length * 1000 + n, n % 3, vector(length * 1000 + n, length) FROM lengths, generate_series(200, 240) AS n ORDER BY n, length;
SELECT rows, wrong FROM wrong('items');
UPDATE items SET v = v || '{}'::real[] WHERE id % 7 = 0;
VACUUM FULL items;
SELECT rows, wrong FROM wrong('items');
-- Beside what is short, compressed or no vector.
CREATE TABLE mixed AS SELECT * FROM items;
ALTER TABLE mixed ALTER v SET STORAGE EXTENDED;
INSERT INTO mixed SELECT length * 1000 + n, 0, array_fill(n::real, ARRAY[length]) FROM lengths, generate_series(300, 310) AS n;
INSERT INTO mixed SELECT length * 1000 + 311, 0, NULL FROM lengths;
ALTER TABLE mixed ALTER v SET STORAGE EXTERNAL;
INSERT INTO mixed SELECT length * 1000 + 312, 0, array_fill(0::real, ARRAY[length]) FROM lengths;
CREATE VIEW mixed_vectors AS SELECT * FROM mixed WHERE id % 1000 < 311;
SELECT rows, wrong FROM wrong('mixed_vectors');
SELECT count(*) FILTER (WHERE a.ids <> b.ids) FROM lengths AS l, LATERAL (SELECT vector(0, l.length) AS q OFFSET 0) AS q,
    LATERAL (SELECT cosine_topk(id, v, q, 400) AS ids FROM mixed WHERE id / 1000 = length) AS a,
    LATERAL (SELECT cosine_topk(id, v, q, 400) AS ids FROM mixed_vectors WHERE id / 1000 = length) AS b;
SELECT cosine_topk(id, v::float8[], vector(0, 700), 5) = cosine_topk(id, v, vector(0, 700), 5) FROM items WHERE id / 1000 = 700;

-- Partitions, each with a TOAST table, more than are kept open; in turns; in parallel.
CREATE TABLE parted (id int, part int, v real[]) PARTITION BY LIST (part);
SELECT format('CREATE TABLE parted_%1$s PARTITION OF parted FOR VALUES IN (%1$s)', n), format('ALTER TABLE parted_%s ALTER v SET STORAGE EXTERNAL', n)
  FROM generate_series(0, 11) AS n \gexec
INSERT INTO parted SELECT id, id % 12, v FROM items;
SELECT count(DISTINCT reltoastrelid) FROM pg_class WHERE oid IN (SELECT relid FROM pg_partition_tree('parted') WHERE isleaf);
SELECT rows, wrong FROM wrong('parted');
CREATE VIEW parted_in_turns AS SELECT * FROM parted ORDER BY id;
SELECT rows, wrong FROM wrong('parted_in_turns');
CREATE TABLE alone AS SELECT cosine_topk(id, v, vector(0, 700), 50) AS ids, cosine_topk_scores(id, v, vector(0, 700), 50) AS scores FROM parted WHERE id / 1000 = 700;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT cosine_topk(id, v, vector(0, 700), 50) = ids, cosine_topk_scores(id, v, vector(0, 700), 50) = scores FROM parted, alone WHERE id / 1000 = 700 GROUP BY ids, scores;
RESET ALL;
SET search_path = toasted, public;

-- Groups by sorting and by hashing, grouping sets, windows.
CREATE TABLE groups AS SELECT part, array_agg(id ORDER BY s DESC, id) AS ids FROM (SELECT part, id, cosine_similarity(v, vector(0, 700)) AS s, row_number() OVER (PARTITION BY part
    ORDER BY cosine_similarity(v, vector(0, 700)) DESC, id) AS place FROM items WHERE id / 1000 = 700) AS r WHERE place <= 4 GROUP BY part;
SET enable_hashagg = off;
SELECT count(*), count(*) FILTER (WHERE g.ids <> a.ids) FROM groups AS g JOIN (SELECT part, cosine_topk(id, v, vector(0, 700), 4) AS ids FROM items WHERE id / 1000 = 700 GROUP BY part) AS a USING (part);
RESET enable_hashagg;
SET enable_sort = off;
SELECT count(*), count(*) FILTER (WHERE g.ids <> a.ids) FROM groups AS g JOIN (SELECT part, cosine_topk(id, v, vector(0, 700), 4) AS ids FROM items WHERE id / 1000 = 700 GROUP BY part) AS a USING (part);
RESET enable_sort;
SELECT count(*), count(*) FILTER (WHERE g.ids <> a.ids) FROM groups AS g
    JOIN (SELECT part, cosine_topk(id, v, vector(0, 700), 4) AS ids FROM items WHERE id / 1000 = 700 GROUP BY GROUPING SETS ((part), (id % 2), ())) AS a USING (part);
SELECT count(DISTINCT a.ids), bool_and(a.ids = g.ids) FROM groups AS g JOIN (SELECT part, cosine_topk(id, v, vector(0, 700), 4) OVER (PARTITION BY part) AS ids FROM items WHERE id / 1000 = 700) AS a USING (part);

-- A cursor closed between two groups, one read on after a subtransaction was rolled back, and one that outlives its transaction.
SET enable_hashagg = off;
BEGIN;
DECLARE c CURSOR FOR SELECT part, cosine_topk(id, v, vector(0, 700), 4) = (SELECT ids FROM groups AS g WHERE g.part = items.part) AS same FROM items WHERE id / 1000 = 700 GROUP BY part;
FETCH 1 FROM c;
CLOSE c;
DECLARE c CURSOR FOR SELECT part, cosine_topk(id, v, vector(0, 700), 4) = (SELECT ids FROM groups AS g WHERE g.part = items.part) AS same FROM items WHERE id / 1000 = 700 GROUP BY part;
SAVEPOINT inner_one;
FETCH 1 FROM c;
ROLLBACK TO inner_one;
FETCH 1 FROM c;
SAVEPOINT inner_two;
SELECT 1 / 0;
ROLLBACK TO inner_two;
FETCH ALL FROM c;
DECLARE h CURSOR WITH HOLD FOR SELECT part, cosine_topk(id, v, vector(0, 700), 4) = (SELECT ids FROM groups AS g WHERE g.part = items.part) AS same FROM items WHERE id / 1000 = 700 GROUP BY part;
FETCH 1 FROM h;
COMMIT;
FETCH ALL FROM h;
CLOSE h;
RESET enable_hashagg;
SELECT part FROM items WHERE id / 1000 = 700 GROUP BY part HAVING cosine_topk(id, v, vector(0, 700), 4) IS NOT NULL ORDER BY part LIMIT 1;

-- An error in the middle, caught and not, and the same query after it.
PREPARE p(int) AS SELECT cosine_topk(CASE WHEN id % 1000 = $1 THEN 1 / (id % 1000 - $1) ELSE id END, v, vector(0, 700), 4) = (SELECT cosine_topk(id, v, vector(0, 700), 4) FROM parted WHERE id / 1000 = 700)
    FROM parted WHERE id / 1000 = 700;
EXECUTE p(20);
EXECUTE p(0);
DO $$
BEGIN
    FOR n IN 1 .. 3 LOOP
        BEGIN
            PERFORM cosine_topk(id, v, vector(0, 700), 4) FROM parted;
        EXCEPTION WHEN data_exception THEN
            RAISE NOTICE '%', SQLERRM;
        END;
    END LOOP;
END $$;
EXECUTE p(0);
-- No lock of a TOAST table stays.
BEGIN;
EXECUTE p(0);
SELECT count(*) FROM pg_locks JOIN pg_class AS c ON c.oid = relation WHERE pid = pg_backend_pid() AND relnamespace = 'pg_toast'::regnamespace;
COMMIT;
SET client_min_messages = warning;
DROP SCHEMA toasted CASCADE;
