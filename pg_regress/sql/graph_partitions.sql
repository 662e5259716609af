-- Edges of a partitioned table: partitions that are there, come, go, and are emptied.
CREATE SCHEMA graph_partitions;
SET search_path = graph_partitions, public;
SET recommend.auto_compact = off;
CREATE TABLE log (a int, b int, at timestamptz, w real) PARTITION BY RANGE (a);
CREATE TABLE log_0 PARTITION OF log FOR VALUES FROM (0) TO (10);
-- Columns in another order, and one that is gone.
CREATE TABLE log_1 (x int, w real, at timestamptz, b int, a int);
ALTER TABLE log_1 DROP COLUMN x;
ALTER TABLE log ATTACH PARTITION log_1 FOR VALUES FROM (10) TO (20);
CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM (20) TO (40) PARTITION BY RANGE (a);
CREATE TABLE log_2a PARTITION OF log_2 FOR VALUES FROM (20) TO (30);
CREATE TABLE log_2b PARTITION OF log_2 FOR VALUES FROM (30) TO (40);
INSERT INTO log SELECT n % 40, n % 7, '2020-01-01'::timestamptz + n * interval '1 h', 1 + n % 2 FROM generate_series(1, 100) n;
SELECT create_graph('g', half_life => '3 days');
SELECT add_edges('g', 'log', 'a', 'from', 'b', 'to', 'e', 'at', 'w');
SELECT leaf FROM recommend.partitions ORDER BY leaf::text;
SELECT tgrelid::regclass AS table, tgname, tgenabled FROM pg_trigger WHERE tgname ~ '^recommend_' ORDER BY 1, 2;
-- 'same', or what differs from SQL over the table.
CREATE FUNCTION compare() RETURNS text LANGUAGE sql STABLE AS $$
    WITH oracle AS (
        SELECT 'from' AS node_type, a AS node, b AS other, sum(w * decay(at, '3 days', '2020-03-01')) AS weight, count(*), max(at) AS last_at FROM log WHERE a IS NOT NULL AND b IS NOT NULL AND at IS NOT NULL GROUP BY 2, 3
        UNION ALL SELECT 'to', b, a, sum(w * decay(at, '3 days', '2020-03-01')), count(*), max(at) FROM log WHERE a IS NOT NULL AND b IS NOT NULL AND at IS NOT NULL GROUP BY 2, 3
    ), answer AS (
        SELECT t AS node_type, n AS node, r.node AS other, r.weight, r.count, r.last_at FROM unnest('{from,to}'::text[]) t, generate_series(0, 80) n, neighbors('g', n, t, as_of => '2020-03-01') r
    )
    SELECT coalesce((SELECT string_agg(d::text, E'\n') FROM (
        SELECT o, a FROM oracle o FULL JOIN answer a ON (a.node_type, a.node, a.other) = (o.node_type, o.node, o.other)
         WHERE o.node IS NULL OR a.node IS NULL OR a.count <> o.count OR a.last_at <> o.last_at OR NOT abs(a.weight - o.weight) <= 1e-9 * greatest(1, abs(o.weight)) LIMIT 4) d), 'same')
$$;
-- Unpacked, packed, and rebuilt; the rebuild is taken back.
CREATE FUNCTION check_all(OUT live text, OUT packed text, OUT rebuilt text) LANGUAGE plpgsql AS $$
BEGIN
    live := compare();
    PERFORM recommend.maintain('g');
    packed := compare();
    BEGIN
        PERFORM rebuild_graph('g');
        rebuilt := compare();
        RAISE EXCEPTION USING ERRCODE = 'UNDO0';
    EXCEPTION WHEN SQLSTATE 'UNDO0' THEN NULL;
    END;
END $$;
SELECT * FROM check_all();
INSERT INTO log VALUES (1, 1, '2020-02-01', 1), (11, 1, '2020-02-01', 3), (21, 1, '2020-02-01', 1), (31, 1, '2020-02-01', 1);
INSERT INTO log_1 (a, b, at, w) VALUES (12, 2, '2020-02-01', 1);
-- A row that moves to another partition, and one that stays.
UPDATE log SET a = 13 WHERE a = 1;
UPDATE log SET b = 5 WHERE a = 31;
DELETE FROM log WHERE a = 12;
SELECT * FROM check_all();
COPY log FROM stdin;
3	4	2020-02-02	1
33	4	2020-02-02	1
\.
SELECT * FROM check_all();

-- A new partition; one with rows of its own, attached; a tree of them.
CREATE TABLE log_4 PARTITION OF log FOR VALUES FROM (40) TO (50);
INSERT INTO log VALUES (41, 1, '2020-02-02', 1);
CREATE TABLE log_5 (LIKE log);
INSERT INTO log_5 VALUES (51, 1, '2020-02-01', 1), (52, 2, '2020-02-01', 2), (53, NULL, '2020-02-01', 1);
ALTER TABLE log ATTACH PARTITION log_5 FOR VALUES FROM (50) TO (60);
CREATE TABLE log_6 (LIKE log) PARTITION BY RANGE (a);
CREATE TABLE log_6a PARTITION OF log_6 FOR VALUES FROM (60) TO (65);
CREATE TABLE log_6b PARTITION OF log_6 FOR VALUES FROM (65) TO (70);
INSERT INTO log_6 VALUES (61, 1, '2020-02-01', 1), (66, 1, '2020-02-01', 1);
ALTER TABLE log ATTACH PARTITION log_6 FOR VALUES FROM (60) TO (70);
INSERT INTO log VALUES (62, 1, '2020-02-03', 1), (54, 1, '2020-02-03', 1);
SELECT * FROM check_all();
SELECT leaf FROM recommend.partitions ORDER BY leaf::text;

-- Detached, its edges are gone, and what happens to it is no concern of the graph.
ALTER TABLE log DETACH PARTITION log_5;
SELECT compare();
INSERT INTO log_5 VALUES (55, 1, '2020-02-01', 1);
TRUNCATE log_5;
SELECT * FROM check_all();
ALTER TABLE log DETACH PARTITION log_6 CONCURRENTLY;
SELECT * FROM check_all();
DROP TABLE log_5, log_6;
BEGIN;
CREATE TABLE log_7 PARTITION OF log FOR VALUES FROM (70) TO (80);
INSERT INTO log VALUES (71, 1, '2020-02-01', 1);
ALTER TABLE log DETACH PARTITION log_1;
SELECT compare();
ROLLBACK;
SELECT * FROM check_all();
-- What triggers cannot follow is not attached.
CREATE UNLOGGED TABLE log_8 (LIKE log);
ALTER TABLE log ATTACH PARTITION log_8 FOR VALUES FROM (80) TO (90);

-- Emptying one partition, a branch, the whole.
TRUNCATE log_0, log_1;
SELECT compare();
INSERT INTO log VALUES (1, 2, '2020-02-04', 1);
SELECT * FROM check_all();
TRUNCATE log_2;
SELECT * FROM check_all();
INSERT INTO log SELECT a, 3, '2020-02-05', 1 FROM unnest('{1,11,21,31,41}'::int[]) a;
SELECT compare();
BEGIN;
TRUNCATE log_1, log;
SELECT compare();
ROLLBACK;
SELECT * FROM check_all();
TRUNCATE log_1, log;
INSERT INTO log SELECT a, 4, '2020-02-05', 1 FROM unnest('{1,11,21,31,41}'::int[]) a;
SELECT * FROM check_all();
-- A partition dropped while attached takes its edges with it unseen, until the next compaction.
DROP TABLE log_0;
SELECT needs_rebuild FROM recommend.edge_state;
SELECT recommend.maintain('g') > 0;
SELECT * FROM check_all();

-- A partition may have edges of its own beside those of the whole, in the same graph and in others.
SELECT add_edges('g', 'log_2a', 'a', 'from', 'b', 'to', 'leaf', 'at');
SELECT create_graph('other');
SELECT add_edges('other', 'log_2', 'b', 'to', 'a', 'from', 'branch', 'at');
INSERT INTO log VALUES (22, 6, '2020-02-06', 1), (11, 6, '2020-02-06', 1), (32, 6, '2020-02-06', 1);
SELECT node, edge_type, count FROM neighbors('g', 22) ORDER BY 2;
SELECT node, edge_type, count FROM neighbors('other', 6) ORDER BY 1;
TRUNCATE log_2;
SELECT count(*) FROM neighbors('g', 22);
SELECT count(*) FROM neighbors('other', 6);
SELECT recommend.maintain() > 0;
SELECT count(*) FROM neighbors('g', 22);
SELECT count(*) FROM neighbors('other', 6);
SELECT drop_edges('g', 'log_2a');
SELECT * FROM check_all();
SELECT drop_graph('other');
DROP FUNCTION compare;
SELECT drop_graph('g');
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname ~ '^recommend_';
SELECT count(*) FROM recommend.partitions;
SET client_min_messages = warning;
DROP SCHEMA graph_partitions CASCADE;
