-- What inserts, updates, deletes, TRUNCATE and DDL make of a graph: its answer is what SQL over the tables says, unpacked, packed, and rebuilt.
CREATE SCHEMA graph_track;
SET search_path = graph_track, public;
SET recommend.auto_compact = off;
CREATE TABLE follows (id int, a int, b int, at timestamptz, w numeric, device text, note text);
CREATE TABLE buys (id int, u bigint, i text, at timestamp, kind text);
CREATE TABLE kinds (id int, i text, c smallint, share real);
SELECT create_graph('g', half_life => '3 days');
SELECT add_edges('g', 'follows', 'a', 'user', 'b', 'user', 'follows', 'at', weight_column => 'w', context_columns => '{device}');
SELECT add_edges('g', 'buys', 'u', 'user', 'i', 'item', 'buys', 'at', event_column => 'kind', event_weights => '{"view": 1, "buy": 3, "return": -2, "ping": 0}');
SELECT add_edges('g', 'kinds', 'i', 'item', 'c', 'category', 'is a', weight_column => 'share');

-- The oracle: all events, and what they sum up to between two nodes.
CREATE FUNCTION events() RETURNS TABLE (from_type text, from_key text, to_type text, to_key text, edge_type text, at timestamptz, weight float8) LANGUAGE sql STABLE AS $$
    SELECT 'user', a::text, 'user', b::text, 'follows', at, w::real::float8 FROM follows WHERE a IS NOT NULL AND b IS NOT NULL AND isfinite(at) AND w <> 0 AND w <> 'NaN'
    UNION ALL SELECT 'user', u::text, 'item', i, 'buys', at AT TIME ZONE 'UTC', CASE kind WHEN 'view' THEN 1 WHEN 'buy' THEN 3 ELSE -2 END FROM buys
     WHERE u IS NOT NULL AND i IS NOT NULL AND isfinite(at) AND kind IN ('view', 'buy', 'return')
    UNION ALL SELECT 'item', i, 'category', c::text, 'is a', NULL, share FROM kinds WHERE i IS NOT NULL AND c IS NOT NULL AND share <> 0 AND share NOT IN ('NaN', 'infinity', '-infinity')
$$;
CREATE FUNCTION oracle(as_of timestamptz, half_life interval, until timestamptz) RETURNS TABLE (node_type text, node text, other_type text, other text, edge_type text, weight float8, count bigint, last_at timestamptz) LANGUAGE sql STABLE AS $$
    SELECT e.from_type, e.from_key, e.to_type, e.to_key, e.edge_type, sum(e.weight * coalesce(decay(e.at, half_life, as_of), 1)), count(*), max(e.at)
      FROM (SELECT * FROM events() UNION ALL SELECT e.to_type, e.to_key, e.from_type, e.from_key, e.edge_type, e.at, e.weight FROM events() e) e
     WHERE e.at IS NULL OR e.at <= until GROUP BY 1, 2, 3, 4, 5
$$;
CREATE FUNCTION answer(as_of timestamptz) RETURNS TABLE (node_type text, node text, other_type text, other text, edge_type text, weight float8, count bigint, last_at timestamptz) LANGUAGE sql STABLE AS $$
    WITH nodes AS (SELECT e.from_type AS node_type, e.from_key AS key FROM events() e UNION SELECT e.to_type, e.to_key FROM events() e
                   UNION SELECT t.name, n.key FROM recommend.nodes_1 n JOIN recommend.node_types t ON t.graph = 1 AND t.id = n.node_type)
    SELECT n.node_type, n.key, r.node_type, r.node, r.edge_type, r.weight, r.count, r.last_at
      FROM nodes n, neighbors('g', n.key, n.node_type, as_of => as_of, n => 1000000) r
$$;
-- 'same', or what differs.
CREATE FUNCTION compare(as_of timestamptz = '2020-03-01', until timestamptz = '2020-03-01') RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT string_agg(d::text, E'\n') FROM (
        SELECT o AS oracle, a AS answer FROM oracle(as_of, '3 days', until) o FULL JOIN answer(as_of) a
            ON (a.node_type, a.node, a.other_type, a.other, a.edge_type) = (o.node_type, o.node, o.other_type, o.other, o.edge_type)
         WHERE o.node IS NULL OR a.node IS NULL OR a.count <> o.count OR a.last_at IS DISTINCT FROM o.last_at
            OR NOT abs(a.weight - o.weight) <= 1e-9 * greatest(1, abs(o.weight))
         LIMIT 4) d), 'same')
$$;
-- Unpacked, packed, and rebuilt; the rebuild is taken back, so that what was packed step by step goes on.
CREATE FUNCTION check_all(as_of timestamptz = '2020-03-01', until timestamptz = '2020-03-01', OUT live text, OUT packed text, OUT rebuilt text) LANGUAGE plpgsql AS $$
BEGIN
    live := compare(as_of, until);
    PERFORM recommend.maintain('g');
    packed := compare(as_of, until);
    BEGIN
        PERFORM rebuild_graph('g');
        rebuilt := compare(as_of, until);
        RAISE EXCEPTION USING ERRCODE = 'UNDO0';
    EXCEPTION WHEN SQLSTATE 'UNDO0' THEN NULL;
    END;
END $$;
SELECT * FROM check_all();

-- INSERT.
INSERT INTO follows SELECT n, n % 5, n % 7, '2020-01-01'::timestamptz + n * n % 40 * interval '1 h', 1 + n % 3, CASE n % 3 WHEN 0 THEN 'ios' WHEN 1 THEN 'web' END FROM generate_series(1, 60) n;
INSERT INTO buys SELECT n, n % 6, 'item ' || n % 4, '2020-01-01'::timestamp + n * 37 % 50 * interval '1 h', (ARRAY['view', 'buy', 'return', 'ping', 'other', NULL])[1 + n % 6] FROM generate_series(1, 60) n;
INSERT INTO kinds SELECT n, 'item ' || n % 4, n % 3, n / 8.0 FROM generate_series(1, 20) n;
SELECT * FROM check_all();
SELECT count(*) FROM answer('2020-03-01');
-- More of the same edges, newer and older; new nodes.
INSERT INTO follows VALUES (61, 1, 2, '2020-01-20', 1), (62, 1, 2, '2019-12-01', 2), (63, 100, 1, '2020-01-03', 1), (64, 100, 101, '2020-01-03', 1), (65, 3, 3, '2020-01-04', 5);
INSERT INTO buys VALUES (61, 1, 'item 1', '2020-01-20', 'buy'), (62, 1, 'item 1', '2019-12-01', 'view'), (63, 9223372036854775807, 'ítem "7"', '2020-01-01', 'view'), (64, -5, '', '2020-01-01', 'view');
INSERT INTO kinds VALUES (21, 'item 9', 32767, 0.5), (22, 'item 1', 0, 0.25);
SELECT * FROM check_all();

-- Rows that are no events: NULL keys, times and weights, infinite times, weights that are 0, NaN or infinite, keys that are too long.
INSERT INTO follows (id, a, b, at, w) VALUES (70, NULL, 1, '2020-01-01', 1), (71, 1, NULL, '2020-01-01', 1), (72, 1, 1, NULL, 1), (73, 1, 1, '2020-01-01', NULL), (74, 1, 1, '2020-01-01', 0),
    (75, 1, 1, '2020-01-01', 'NaN'), (76, 1, 1, 'infinity', 1), (77, 1, 1, '-infinity', 1);
INSERT INTO buys VALUES (70, NULL, 'x', '2020-01-01', 'view'), (71, 1, NULL, '2020-01-01', 'view'), (72, 1, 'x', NULL, 'view'), (73, 1, repeat('k', 1025), '2020-01-01', 'ping');
INSERT INTO kinds VALUES (70, NULL, 1, 1), (71, 'item 1', NULL, 1), (72, 'item 1', 1, NULL), (73, 'item 1', 1, 'NaN'), (74, 'item 1', 1, '-infinity'), (75, 'item 1', 1, 0);
SELECT change, count(*) FROM (SELECT change FROM recommend.delta_1 UNION ALL SELECT change FROM recommend.delta_2 UNION ALL SELECT change FROM recommend.delta_3) d GROUP BY 1 ORDER BY 1;
SELECT * FROM check_all();
SELECT feed, skipped FROM recommend.edge_state ORDER BY 1;
-- They become events, and events become none.
UPDATE follows SET a = coalesce(a, 2), b = coalesce(b, 3), at = CASE WHEN isfinite(at) THEN at ELSE '2020-01-05' END, w = CASE WHEN w > 0 AND w < 'NaN' THEN w ELSE 4 END WHERE id BETWEEN 70 AND 77;
UPDATE kinds SET i = coalesce(i, 'item 1'), c = coalesce(c, 1), share = 2 WHERE id >= 70;
SELECT * FROM check_all();
UPDATE follows SET w = NULL WHERE id IN (70, 1, 2);
UPDATE follows SET at = 'infinity' WHERE id IN (71, 3);
UPDATE buys SET u = NULL WHERE id IN (61, 1, 2);
UPDATE kinds SET share = 0 WHERE id IN (70, 1, 2);
SELECT * FROM check_all();
DELETE FROM follows WHERE id BETWEEN 70 AND 77;
DELETE FROM buys WHERE id BETWEEN 70 AND 77;
DELETE FROM kinds WHERE id BETWEEN 70 AND 77;
SELECT * FROM check_all();

-- UPDATE of a key, a weight, a time, a context, and of what is not tracked.
UPDATE follows SET b = 4 WHERE id = 10;
UPDATE follows SET a = 200 WHERE id = 11;
UPDATE buys SET u = 3, i = 'item 3' WHERE id = 12;
UPDATE kinds SET c = 2 WHERE id = 13;
SELECT * FROM check_all();
UPDATE follows SET w = w * 10 WHERE id % 7 = 0;
UPDATE follows SET w = -w WHERE id % 11 = 0;
UPDATE buys SET kind = 'buy' WHERE id % 7 = 0;
UPDATE buys SET kind = 'ping' WHERE id % 11 = 0;
UPDATE kinds SET share = share + 1 WHERE id % 7 = 0;
SELECT * FROM check_all();
-- The newest event of an edge becomes an older one, and an older one the newest; all at once.
UPDATE follows SET at = '2019-11-01' WHERE id = 61;
SELECT * FROM check_all();
UPDATE follows SET at = '2020-02-01' WHERE id = 62;
UPDATE buys SET at = '2020-02-01' WHERE id = 62;
SELECT * FROM check_all();
UPDATE follows SET at = at + interval '1 h';
UPDATE buys SET at = at - interval '1 h';
SELECT * FROM check_all();
UPDATE follows SET device = 'tv' WHERE id % 2 = 0;
SELECT * FROM check_all();
UPDATE follows SET note = 'n', id = id + 1000;
UPDATE kinds SET id = id + 1000;
SELECT count(*) FROM recommend.delta_1;
SELECT * FROM check_all();

-- DELETE of the newest event of an edge, of an older one, of all of them.
CREATE FUNCTION of_edge(x int, y int) RETURNS TABLE (weight float8, count bigint, last_at timestamptz) LANGUAGE sql AS $$ SELECT weight, count, last_at FROM neighbors('g', x, direction => 'out', edge_type => 'follows', as_of => '2020-03-01', n => 1000) WHERE node = y $$;
INSERT INTO follows VALUES (1, 300, 301, '2020-02-10', 1), (2, 300, 301, '2020-02-11', 1), (3, 300, 301, '2020-02-12', 1), (4, 300, 302, '2020-02-12', 1), (5, 300, 301, '2020-02-12', 1);
SELECT recommend.maintain('g');
DELETE FROM follows WHERE id = 5;
SELECT count, last_at FROM of_edge(300, 301);
SELECT * FROM check_all();
DELETE FROM follows WHERE id = 3;
SELECT count, last_at FROM of_edge(300, 301);
SELECT * FROM check_all();
DELETE FROM follows WHERE id = 1;
SELECT * FROM check_all();
DELETE FROM follows WHERE id = 2;
SELECT * FROM of_edge(300, 301);
SELECT * FROM check_all();
DELETE FROM follows WHERE id = 4;
SELECT * FROM neighbors('g', 300);
SELECT * FROM check_all();
-- The same without packing in between, and of edges without time.
INSERT INTO follows VALUES (1, 300, 301, '2020-02-10', 1), (2, 300, 301, '2020-02-11', 1), (3, 300, 301, '2020-02-12', 1);
SELECT compare();
DELETE FROM follows WHERE id = 3;
SELECT compare();
DELETE FROM follows WHERE id = 1;
SELECT compare();
DELETE FROM follows WHERE id = 2;
SELECT * FROM check_all();
INSERT INTO kinds VALUES (1, 'item 50', 1, 1), (2, 'item 50', 1, 2), (3, 'item 50', 1, 3), (4, 'item 50', 2, 1);
SELECT * FROM check_all();
DELETE FROM kinds WHERE id = 2;
SELECT * FROM check_all();
DELETE FROM kinds WHERE id = 3;
DELETE FROM kinds WHERE id = 4;
SELECT * FROM check_all();
DELETE FROM kinds WHERE id = 1;
SELECT * FROM check_all();
DELETE FROM buys WHERE id % 3 = 0;
DELETE FROM kinds WHERE id % 3 = 0;
SELECT * FROM check_all();
-- More contexts for one edge than are told apart.
INSERT INTO follows SELECT n, 400, 401, '2020-01-01'::timestamptz + n * interval '1 min', 1, 'device ' || n FROM generate_series(1, 30) n;
SELECT * FROM check_all();
DELETE FROM follows WHERE id = 1;
SELECT * FROM check_all();
DELETE FROM follows WHERE id = 30;
SELECT * FROM check_all();
DELETE FROM follows WHERE a = 400 AND id < 29;
SELECT * FROM check_all();
DELETE FROM follows WHERE a = 400;
SELECT * FROM check_all();

-- Rollback, savepoints, COPY, ON CONFLICT, CTEs.
BEGIN;
INSERT INTO follows VALUES (1, 500, 501, '2020-02-10', 1);
DELETE FROM kinds WHERE c = 1;
SELECT compare();
ROLLBACK;
SELECT * FROM check_all();
BEGIN;
INSERT INTO follows VALUES (1, 500, 501, '2020-02-10', 1);
SAVEPOINT s;
INSERT INTO follows VALUES (2, 500, 502, '2020-02-10', 1);
DELETE FROM follows WHERE a = 1;
SELECT compare();
ROLLBACK TO s;
SELECT compare();
SAVEPOINT s;
INSERT INTO follows VALUES (3, 500, 503, '2020-02-10', 1);
RELEASE s;
SELECT compare();
SAVEPOINT s;
SELECT recommend.maintain('g') > 0;
SELECT compare();
ROLLBACK TO s;
SELECT compare();
INSERT INTO follows VALUES (4, 504, 505, '2020-02-10', 1);
SELECT compare();
COMMIT;
SELECT * FROM check_all();
COPY follows (id, a, b, at, w) FROM stdin;
5	500	504	2020-02-10	0.5
6	\N	504	2020-02-10	0.5
7	500	504	2020-02-11	1.5
\.
SELECT * FROM check_all();
CREATE UNIQUE INDEX ON follows (a, b, id);
INSERT INTO follows VALUES (5, 500, 504, '2020-02-12', 7) ON CONFLICT (a, b, id) DO UPDATE SET at = excluded.at, w = excluded.w;
INSERT INTO follows VALUES (5, 500, 504, '2020-02-13', 7) ON CONFLICT DO NOTHING;
WITH moved AS (DELETE FROM follows WHERE a = 500 RETURNING *) INSERT INTO follows SELECT id, 600, b, at, w FROM moved;
SELECT * FROM check_all();

-- TRUNCATE, rolled back and not, of one source of several.
BEGIN;
TRUNCATE follows;
SELECT compare();
INSERT INTO follows VALUES (1, 1, 2, '2020-02-10', 1), (2, 700, 701, '2020-02-10', 1);
SELECT compare();
ROLLBACK;
SELECT * FROM check_all();
BEGIN;
SAVEPOINT s;
TRUNCATE buys, kinds;
INSERT INTO buys VALUES (1, 1, 'item 1', '2020-02-10', 'buy');
ROLLBACK TO s;
INSERT INTO buys VALUES (1, 1, 'item 1', '2020-02-10', 'buy');
COMMIT;
SELECT * FROM check_all();
TRUNCATE follows;
SELECT compare();
INSERT INTO follows VALUES (1, 1, 2, '2020-02-10', 1), (2, 700, 701, '2020-02-10', 1);
SELECT * FROM check_all();
TRUNCATE follows, buys, kinds;
SELECT count(*) FROM answer('2020-03-01');
SELECT * FROM check_all();
INSERT INTO kinds VALUES (1, 'item 1', 1, 1);
SELECT * FROM check_all();

-- A subscriber's apply worker, COPY FREEZE and disabled triggers.
SET session_replication_role = replica;
INSERT INTO follows VALUES (3, 1, 2, '2020-02-11', 1);
DELETE FROM kinds;
RESET session_replication_role;
SELECT * FROM check_all();
ALTER TABLE follows DISABLE TRIGGER ALL;
INSERT INTO follows VALUES (4, 1, 3, '2020-02-11', 1);
SELECT feed, needs_rebuild FROM recommend.edge_state ORDER BY 1;
ALTER TABLE follows ENABLE TRIGGER ALL;
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'follows'::regclass AND NOT tgisinternal ORDER BY 1;
SELECT recommend.maintain('g') > 0;
SELECT * FROM check_all();

-- The table, a column and the schema get other names.
ALTER TABLE follows RENAME TO knows;
ALTER TABLE knows RENAME COLUMN a TO "from Node";
ALTER TABLE knows RENAME COLUMN b TO b2;
ALTER TABLE knows RENAME COLUMN at TO "At";
ALTER TABLE knows RENAME COLUMN w TO weight;
ALTER TABLE knows RENAME COLUMN device TO gadget;
ALTER TABLE buys RENAME COLUMN kind TO what;
ALTER TABLE kinds SET SCHEMA public;
SELECT id, source_table, from_column, to_column, time_column, weight_column, event_column, context_columns FROM recommend.edge_sources ORDER BY 1;
CREATE VIEW follows AS SELECT id, "from Node" AS a, b2 AS b, "At" AS at, weight AS w FROM knows;
ALTER TABLE buys RENAME TO bought;
CREATE VIEW buys AS SELECT id, u, i, at, what AS kind FROM bought;
INSERT INTO knows VALUES (5, 1, 4, '2020-02-11', 1, 'ios');
UPDATE knows SET weight = 3 WHERE id = 1;
INSERT INTO bought VALUES (2, 1, 'item 2', '2020-02-11', 'buy'), (3, 1, 'item 2', '2020-02-11', 'ping');
INSERT INTO kinds VALUES (2, 'item 2', 1, 1);
SELECT * FROM check_all();
SELECT node FROM neighbors('g', 1, context => '{"gadget": "ios"}', edge_type => 'follows');
-- Tracked columns keep their types; others come and go.
ALTER TABLE knows ALTER COLUMN b2 TYPE bigint;
ALTER TABLE knows DROP COLUMN note, ADD COLUMN more text DEFAULT 'x';
INSERT INTO knows VALUES (6, 1, 5, '2020-02-11', 1, 'ios');
SELECT * FROM check_all();
DROP VIEW follows, buys;
ALTER TABLE knows RENAME TO follows;
ALTER TABLE follows RENAME COLUMN "from Node" TO a;
ALTER TABLE follows RENAME COLUMN b2 TO b;
ALTER TABLE follows RENAME COLUMN "At" TO at;
ALTER TABLE follows RENAME COLUMN weight TO w;
ALTER TABLE follows RENAME COLUMN gadget TO device;
ALTER TABLE bought RENAME TO buys;
ALTER TABLE buys RENAME COLUMN what TO kind;
SELECT * FROM check_all();

-- Another owner of a table: the state of its edges goes along, the graph does not.
CREATE ROLE graph_track_owner;
GRANT ALL ON SCHEMA graph_track, public TO graph_track_owner;
ALTER TABLE follows OWNER TO graph_track_owner;
SELECT relname, relowner::regrole FROM pg_class WHERE relnamespace = 'recommend'::regnamespace AND relname ~ '_[12]$' AND relkind IN ('r', 'v') ORDER BY 1;
INSERT INTO follows VALUES (7, 1, 6, '2020-02-12', 1);
SELECT * FROM check_all();
ALTER TABLE follows OWNER TO CURRENT_USER;
DROP OWNED BY graph_track_owner;
DROP ROLE graph_track_owner;

-- Events dated after the clock do not count until their time comes, and are in the answer to who asks about then.
INSERT INTO follows VALUES (8, 1, 7, now() + interval '1 h', 1), (9, 1, 2, now() + interval '1 h', 1), (10, 800, 801, now() + interval '2 days', 1), (11, 1, 8, now() - interval '1 h', 1);
SELECT * FROM check_all(now(), now());
SELECT compare(now() + interval '3 hours', now() + interval '3 hours'), compare(now() + interval '3 days', now() + interval '3 days');
SELECT recommend.maintain('g') AS moved;
SELECT compare(now(), now()), compare(now() + interval '3 hours', now() + interval '3 hours'), compare(now() + interval '3 days', now() + interval '3 days');
SELECT node FROM neighbors('g', 800);
SELECT node FROM neighbors('g', 800, as_of => now() + interval '3 days');
-- A little ahead of the clock is now.
INSERT INTO follows VALUES (12, 1, 9, clock_timestamp() + interval '5 s', 1);
SELECT count FROM of_edge(1, 9);
SELECT count FROM neighbors('g', 1, edge_type => 'follows', direction => 'out') WHERE node = 9;
DELETE FROM follows WHERE id = 12;
-- What waits may be changed and may go.
UPDATE follows SET at = now() - interval '1 min' WHERE id = 8;
DELETE FROM follows WHERE id IN (9, 10);
SELECT * FROM check_all(now(), now());
SELECT count(*) FROM recommend.delta_1;
UPDATE follows SET at = now() + interval '1 h' WHERE id = 8;
SELECT * FROM check_all(now(), now());
UPDATE follows SET at = now() - interval '1 h' WHERE id = 8;
SELECT * FROM check_all(now(), now());

-- Two edge types of one table, both ways; two tables of one edge type.
TRUNCATE follows, buys, kinds;
SELECT add_edges('g', 'follows', 'b', 'user', 'a', 'user', 'followed by', 'at');
CREATE TABLE follows_2 (x int, y int, at timestamptz, w float8);
INSERT INTO follows_2 VALUES (1, 2, '2020-01-05', 0.5), (3, 2, '2020-01-05', 0.5);
SELECT add_edges('g', 'follows_2', 'x', 'user', 'y', 'user', 'follows', 'at', 'w');
ALTER FUNCTION events RENAME TO events_3;
CREATE FUNCTION events() RETURNS TABLE (from_type text, from_key text, to_type text, to_key text, edge_type text, at timestamptz, weight float8) LANGUAGE sql STABLE AS $$
    SELECT * FROM events_3() UNION ALL SELECT 'user', b::text, 'user', a::text, 'followed by', at, 1 FROM follows WHERE isfinite(at)
    UNION ALL SELECT 'user', x::text, 'user', y::text, 'follows', at, w FROM follows_2 $$;
SELECT * FROM check_all();
INSERT INTO follows SELECT n, n % 5, n % 7, '2020-01-01'::timestamptz + n * interval '1 h', 1, 'ios' FROM generate_series(1, 20) n;
DELETE FROM follows WHERE id % 3 = 0;
UPDATE follows SET a = b, b = a WHERE id % 3 = 1;
INSERT INTO follows_2 VALUES (1, 2, '2020-01-01 01:00', 2);
SELECT * FROM check_all();
-- Edges go, their nodes stay; and come again.
SELECT drop_edges('g', 'follows_2');
CREATE OR REPLACE FUNCTION events() RETURNS TABLE (from_type text, from_key text, to_type text, to_key text, edge_type text, at timestamptz, weight float8) LANGUAGE sql STABLE AS $$
    SELECT * FROM events_3() UNION ALL SELECT 'user', b::text, 'user', a::text, 'followed by', at, 1 FROM follows WHERE isfinite(at) $$;
SELECT * FROM check_all();
SELECT drop_edges('g', 'follows', 'followed by');
DROP FUNCTION events;
ALTER FUNCTION events_3 RENAME TO events;
SELECT * FROM check_all();
INSERT INTO follows_2 VALUES (1, 2, '2020-01-01 01:00', 2);
SELECT tgname FROM pg_trigger WHERE tgrelid IN ('follows'::regclass, 'follows_2'::regclass) ORDER BY 1;

-- A random history: a few hundred changes, some of them packed on the way.
TRUNCATE follows, buys, kinds;
SELECT setseed(0.42);
CREATE FUNCTION change() RETURNS void LANGUAGE plpgsql AS $$
DECLARE r float8 := random(); n int; d int := floor(random() * 8); t timestamptz := '2020-01-01'::timestamptz + floor(random() * 40) * interval '6 h';
BEGIN
    CASE floor(r * 3)
    WHEN 0 THEN
        SELECT id INTO n FROM follows ORDER BY random() LIMIT 1;
        CASE d
        WHEN 0 THEN DELETE FROM follows WHERE id = n;
        WHEN 1 THEN UPDATE follows SET at = t WHERE id = n;
        WHEN 2 THEN UPDATE follows SET w = floor(random() * 8) - 2, device = (ARRAY['ios', 'web', NULL])[1 + floor(random() * 3)] WHERE id = n;
        WHEN 3 THEN UPDATE follows SET a = floor(random() * 6), b = nullif(floor(random() * 6), 5) WHERE id = n;
        WHEN 4 THEN DELETE FROM follows WHERE (a, b) = (SELECT a, b FROM follows WHERE id = n) AND random() < 0.5;
        ELSE INSERT INTO follows SELECT 1 + coalesce(max(id), 0), floor(random() * 6), floor(random() * 6), t, floor(random() * 5), (ARRAY['ios', 'web', NULL])[1 + floor(random() * 3)] FROM follows;
        END CASE;
    WHEN 1 THEN
        SELECT id INTO n FROM buys ORDER BY random() LIMIT 1;
        CASE d
        WHEN 0 THEN DELETE FROM buys WHERE id = n;
        WHEN 1 THEN UPDATE buys SET at = t AT TIME ZONE 'UTC' WHERE id = n;
        WHEN 2 THEN UPDATE buys SET kind = (ARRAY['view', 'buy', 'return', 'ping'])[1 + floor(random() * 4)] WHERE id = n;
        WHEN 3 THEN DELETE FROM buys b USING (SELECT u, i, max(at) AS at FROM buys GROUP BY 1, 2 ORDER BY random() LIMIT 1) m WHERE (b.u, b.i, b.at) = (m.u, m.i, m.at);
        ELSE INSERT INTO buys SELECT 1 + coalesce(max(id), 0), floor(random() * 6), 'i' || floor(random() * 5), t AT TIME ZONE 'UTC', (ARRAY['view', 'buy', 'return', 'ping'])[1 + floor(random() * 4)] FROM buys;
        END CASE;
    ELSE
        SELECT id INTO n FROM kinds ORDER BY random() LIMIT 1;
        CASE d
        WHEN 0 THEN DELETE FROM kinds WHERE id = n;
        WHEN 1 THEN UPDATE kinds SET share = share + 1 WHERE id = n;
        WHEN 2 THEN UPDATE kinds SET c = floor(random() * 3) WHERE id = n;
        WHEN 3 THEN IF random() < 0.03 THEN TRUNCATE kinds; END IF;
        ELSE INSERT INTO kinds SELECT 1 + coalesce(max(id), 0), 'i' || floor(random() * 5), floor(random() * 3), 1 + floor(random() * 4) FROM kinds;
        END CASE;
    END CASE;
END $$;
DO $$
DECLARE step int; found text;
BEGIN
    FOR step IN 1 .. 600 LOOP
        PERFORM change();
        CONTINUE WHEN step % 20 > 0;
        found := compare();
        IF found <> 'same' THEN
            RAISE NOTICE E'% differs:\n%', step, found;
            EXIT;
        END IF;
        IF random() < 0.4 THEN
            PERFORM recommend.maintain('g', (1 + floor(random() * 40))::bigint);
            found := compare();
            IF found <> 'same' THEN
                RAISE NOTICE E'% differs after packing:\n%', step, found;
                EXIT;
            END IF;
        END IF;
    END LOOP;
END $$;
SELECT (SELECT count(*) > 20 FROM follows) AND (SELECT count(*) > 20 FROM buys) AND (SELECT count(*) > 0 FROM kinds) AS many;
SELECT * FROM check_all();
SELECT rebuild_graph('g') = (SELECT count(*) FROM events()) AS all_events;
SELECT compare();
SET client_min_messages = warning;
SELECT drop_graph('g');
DROP SCHEMA graph_track CASCADE;
DROP TABLE public.kinds;
SELECT count(*) FROM recommend.graphs;
