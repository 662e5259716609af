-- A graph at other times and by other half-lives: each answer is what SQL over the tables says, packed or not.
CREATE SCHEMA graph_as_of;
SET search_path = graph_as_of, public;
SET recommend.auto_compact = off;
CREATE TABLE follows (a int, b int, at timestamptz, w float8, device text);
CREATE TABLE buys (u int, i text, at timestamp);
CREATE TABLE kinds (i text, c int);
CREATE INDEX ON follows (a);
CREATE INDEX ON follows (b);
SELECT create_graph('g', half_life => '6 hours');
SELECT add_edges('g', 'follows', 'a', 'user', 'b', 'user', 'follows', 'at', 'w', '{device}');
SELECT add_edges('g', 'buys', 'u', 'user', 'i', 'item', 'buys', 'at');
SELECT add_edges('g', 'kinds', 'i', 'item', 'c', 'kind', 'is');
-- Some of it packed, some not, some removed since.
INSERT INTO follows SELECT n % 7, n * n % 11, '2020-01-01'::timestamptz + n / 2 * interval '1 h', n % 5 - 1, CASE n % 3 WHEN 0 THEN 'ios' WHEN 1 THEN 'web' END FROM generate_series(1, 80) n;
INSERT INTO buys SELECT n % 7, 'i' || n * n % 13, '2020-01-01'::timestamp + n * 37 % 40 * interval '1 h' FROM generate_series(1, 60) n;
INSERT INTO kinds SELECT 'i' || n, n % 3 FROM generate_series(0, 12) n;
SELECT recommend.maintain('g');
INSERT INTO follows SELECT n % 6, n % 5, '2020-01-01'::timestamptz + n * 17 % 90 * interval '30 min', 1, 'tv' FROM generate_series(1, 30) n;
DELETE FROM follows WHERE a = 1 AND b = 1;
UPDATE follows SET at = at + interval '3 h' WHERE a = 2;
DELETE FROM buys WHERE i = 'i3';
DELETE FROM kinds WHERE c = 2 AND i <> 'i2';
CREATE TABLE asked (node_type text, key text);
INSERT INTO asked SELECT 'user', n::text FROM generate_series(0, 12) n UNION ALL SELECT 'item', 'i' || n FROM generate_series(0, 14) n UNION ALL SELECT 'kind', n::text FROM generate_series(0, 3) n;
CREATE FUNCTION events() RETURNS TABLE (from_type text, from_key text, to_type text, to_key text, edge_type text, at timestamptz, weight float8, device text) LANGUAGE sql STABLE AS $$
    SELECT 'user', a::text, 'user', b::text, 'follows', at, w, device FROM follows WHERE w <> 0
    UNION ALL SELECT 'user', u::text, 'item', i, 'buys', at AT TIME ZONE 'UTC', 1, NULL FROM buys UNION ALL SELECT 'item', i, 'kind', c::text, 'is', NULL, 1, NULL FROM kinds
$$;
-- How many edges the oracle has, and how many of them or of the answer's differ. A window is asked of each edge, then both directions are added up.
CREATE FUNCTION compare(as_of timestamptz, half_life interval, device text = NULL, time_window interval = NULL, OUT edges bigint, OUT different bigint) LANGUAGE sql STABLE AS $$
    WITH directed AS (
        SELECT d.direction, d.from_type, d.from_key, d.to_type, d.to_key, d.edge_type, sum(d.weight * coalesce(decay(d.at, coalesce(half_life, '6 hours'), as_of), 1)) AS weight, count(*), max(d.at) AS last_at
          FROM (SELECT 'out' AS direction, * FROM events() UNION ALL SELECT 'in', e.to_type, e.to_key, e.from_type, e.from_key, e.edge_type, e.at, e.weight, e.device FROM events() e) d
         WHERE (d.at IS NULL OR d.at <= as_of) AND (compare.device IS NULL OR d.edge_type <> 'follows' OR d.device = compare.device) GROUP BY 1, 2, 3, 4, 5, 6
    ), oracle AS (
        SELECT e.from_type AS node_type, e.from_key AS node, e.to_type AS other_type, e.to_key AS other, e.edge_type, sum(e.weight) AS weight, sum(e.count) AS count, max(e.last_at) AS last_at
          FROM directed e WHERE e.last_at IS NULL OR time_window IS NULL OR e.last_at >= as_of - time_window GROUP BY 1, 2, 3, 4, 5
    ), answer AS (
        SELECT q.node_type, q.key AS node, r.node_type AS other_type, r.node AS other, r.edge_type, r.weight, r.count, r.last_at
          FROM asked q, neighbors('g', q.key, q.node_type, as_of => as_of, half_life => half_life, n => 1000, context => CASE WHEN device IS NOT NULL THEN jsonb_build_object('device', device) END, time_window => time_window) r
    )
    SELECT (SELECT count(*) FROM oracle), count(*) FROM oracle o FULL JOIN answer a ON (a.node_type, a.node, a.other_type, a.other, a.edge_type) = (o.node_type, o.node, o.other_type, o.other, o.edge_type)
     WHERE o.node IS NULL OR a.node IS NULL OR a.count <> o.count OR a.last_at IS DISTINCT FROM o.last_at OR NOT abs(a.weight - o.weight) <= 1e-6 * greatest(1, abs(o.weight))
$$;
-- At every time, by every half-life, in a context, within a window.
CREATE VIEW compared AS
    SELECT h AS hours, l AS half_life, d AS device, w AS time_window, c.edges > 0 AS any_edges, c.different FROM unnest('{-1,0,5.5,19.99,20,41.75,43,1000}'::float8[]) h, unnest('{NULL,20 min,100 years}'::interval[]) l,
           unnest('{NULL,ios}'::text[]) d, unnest('{NULL,2 hours}'::interval[]) w, compare('2020-01-01'::timestamptz + h * interval '1 h', l, d, w) c;
SELECT count(*), sum(any_edges::int) > 50 AS many, sum(different) AS different, string_agg(c::text, E'\n') FILTER (WHERE different > 0) AS those FROM compared c;
SELECT recommend.maintain('g') > 0;
SELECT count(*), sum(different) AS different FROM compared;
SELECT rebuild_graph('g') > 0;
SELECT count(*), sum(different) AS different FROM compared;
-- Before anything was there are edges without time only; in the far future all are there, and have no weight left.
SELECT edge_type, count(*) FROM asked, neighbors('g', key, node_type, as_of => '4000-01-01 BC') GROUP BY 1;
SELECT edge_type, count(*) > 0, max(abs(weight)) FROM asked, neighbors('g', key, node_type, as_of => '294276-01-01') GROUP BY 1 ORDER BY 1;
-- Half-lives of less than a microsecond's sight and of ages.
SELECT count(*), count(*) FILTER (WHERE weight = 'NaN' OR abs(weight) = 'infinity') FROM asked, neighbors('g', key, node_type, as_of => '2020-01-02', half_life => '1 us');
SELECT different FROM compare(now(), '1 ms');
INSERT INTO follows VALUES (12, 11, now(), 1), (12, 11, now() - interval '1 ms', 1), (12, 10, now() - interval '10 ms', 1);
SELECT node, weight BETWEEN 0 AND 1.5 AS sane FROM neighbors('g', 12, half_life => '1 ms') ORDER BY 1;
SELECT node, weight BETWEEN 0 AND 2 AS sane FROM neighbors('g', 12, half_life => '1000 years') ORDER BY 1;
DELETE FROM follows WHERE a = 12;

-- Every other question sees the same graph: with the graph's own half-life given in other words than with another.
CREATE TABLE then_follows (LIKE follows);
CREATE TABLE then_buys (LIKE buys);
CREATE TABLE then_kinds (LIKE kinds);
SELECT create_graph('then', half_life => '6 hours');
SELECT add_edges('then', 'then_follows', 'a', 'user', 'b', 'user', 'follows', 'at', 'w', '{device}');
SELECT add_edges('then', 'then_buys', 'u', 'user', 'i', 'item', 'buys', 'at');
SELECT add_edges('then', 'then_kinds', 'i', 'item', 'c', 'kind', 'is');
CREATE FUNCTION answers(graph text, as_of timestamptz) RETURNS TABLE (question text, answer text) LANGUAGE sql STABLE AS $$
    SELECT 'neighbors ' || key, (r.node, r.node_type, r.edge_type, round(r.weight::numeric, 6), r.count, r.last_at)::text FROM asked q, neighbors(graph, key, q.node_type, as_of => as_of) r
    UNION ALL SELECT 'k_hop ' || key, (r.node, r.node_type, r.hop, round(r.weight::numeric, 6))::text FROM asked q, k_hop(graph, key, q.node_type, as_of => as_of, n => 1000) r
    UNION ALL SELECT 'paths ' || key, (r.nodes, r.node_types, r.edge_types, r.times, round(r.weight::numeric, 6))::text FROM asked q, graph_paths(graph, key, '1', q.node_type, 'user', as_of => as_of, n => 10000) r
    UNION ALL SELECT 'paths in time ' || key, (r.nodes, r.node_types, r.edge_types, r.times, round(r.weight::numeric, 6))::text FROM asked q, graph_paths(graph, key, '1', q.node_type, 'user', as_of => as_of, n => 10000, time_respecting => true) r
    UNION ALL SELECT 'common ' || key, (r.node, r.node_type, round(r.weight_a::numeric, 6), round(r.weight_b::numeric, 6), r.last_at)::text FROM asked q, common_neighbors(graph, key, '1', q.node_type, as_of => as_of) r
    UNION ALL SELECT 'adamic_adar ' || key, round(adamic_adar(graph, key, '1', q.node_type, as_of => as_of)::numeric, 5)::text FROM asked q
    UNION ALL SELECT 'pagerank ' || key, (r.node, r.node_type, round(r.score::numeric, 3))::text FROM asked q, personalized_pagerank(graph, key, q.node_type, as_of => as_of, epsilon => 1e-7) r WHERE r.node <> key
    UNION ALL SELECT 'subgraph ' || key, (r.hop, r.from_node, r.from_type, r.to_node, r.to_type, r.edge_type, round(r.weight::numeric, 6), r.count, r.last_at)::text
      FROM asked q, prune_subgraph(graph, key, q.node_type, as_of => as_of, depth => 2, max_nodes => 10000, max_bytes => 10000000) r
$$;
CREATE FUNCTION compare_all(moment timestamptz, pack bool) RETURNS TABLE (hours numeric, many bool, different bigint) LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE then_follows, then_buys, then_kinds;
    IF pack THEN PERFORM recommend.maintain('then'); END IF;
    INSERT INTO then_follows SELECT * FROM follows WHERE at <= moment;
    INSERT INTO then_buys SELECT * FROM buys WHERE at AT TIME ZONE 'UTC' <= moment;
    INSERT INTO then_kinds SELECT * FROM kinds;
    IF pack THEN PERFORM recommend.maintain('then'); END IF;
    RETURN QUERY
        WITH g AS MATERIALIZED (SELECT * FROM answers('g', moment)), t AS MATERIALIZED (SELECT * FROM answers('then', moment))
        SELECT extract(epoch FROM moment - '2020-01-01') / 3600, (SELECT count(*) > 100 FROM g), (SELECT count(*) FROM (TABLE g EXCEPT TABLE t) d) + (SELECT count(*) FROM (TABLE t EXCEPT TABLE g) d);
END $$;
SELECT hours::int, many, different FROM unnest('{2,20,40}'::int[]) h, compare_all('2020-01-01'::timestamptz + h * interval '1 h', true);
SELECT hours::int, many, different FROM unnest('{2,20}'::int[]) h, compare_all('2020-01-01'::timestamptz + h * interval '1 h', false);
DELETE FROM follows WHERE b = 4;
INSERT INTO follows VALUES (3, 4, '2020-01-01 05:00', 2), (3, 12, '2020-01-01 05:00', 2);
SELECT hours::int, many, different FROM unnest('{20}'::int[]) h, compare_all('2020-01-01'::timestamptz + h * interval '1 h', true);

-- Nodes that nobody knows.
SELECT count(*) FROM personalized_pagerank('g', 999, as_of => '2020-01-01 20:00');
SELECT node_embedding('g', 999, as_of => '2020-01-01 20:00') IS NULL AS unknown, node_embedding('g', 999, half_life => '1 hour') IS NULL AS unknown;
SELECT count(*) FROM random_walk('g', '{999}'::int[], as_of => '2020-01-01 20:00');
-- Between the newest event and now nothing but decay happens.
SELECT a.different, b.different FROM compare('2020-02-01', NULL) a, compare(now(), NULL) b;
SELECT different FROM compare(now() - interval '1 s', NULL);
-- Asked about the future, what is dated up to then counts; others see none of it.
INSERT INTO follows VALUES (1, 20, now() + interval '1 h', 1), (1, 2, now() + interval '1 h', 1), (1, 21, now() + interval '1 day', 1);
INSERT INTO asked VALUES ('user', '20'), ('user', '21');
SELECT a, different FROM unnest('{0,59 min,61 min,23 hours,25 hours,100 days}'::interval[]) a, compare(now() + a, NULL);
SELECT a, different FROM unnest('{0,59 min,61 min,23 hours,25 hours,100 days}'::interval[]) a, compare(now() + a, '1 day');
SELECT recommend.maintain('g') > 0;
SELECT a, different FROM unnest('{0,59 min,61 min,23 hours,25 hours,100 days}'::interval[]) a, compare(now() + a, NULL);
SELECT node FROM neighbors('g', 1, edge_type => 'follows') WHERE node > 19;
SELECT node FROM neighbors('g', 1, edge_type => 'follows', as_of => now() + interval '2 hours') WHERE node > 19;
SELECT future FROM recommend.graph_status WHERE source_table = 'follows'::regclass;
SELECT rebuild_graph('g') > 0;
SELECT a, different FROM unnest('{0,59 min,61 min,23 hours,25 hours,100 days}'::interval[]) a, compare(now() + a, NULL);
DELETE FROM follows WHERE at > now();
SELECT a, different FROM unnest('{0,100 days}'::interval[]) a, compare(now() + a, NULL);
SELECT recommend.maintain('g') > 0;
SELECT backlog, future FROM recommend.graph_status WHERE source_table = 'follows'::regclass;

-- One snapshot, one answer.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT different FROM compare('2020-02-01', NULL);
INSERT INTO follows VALUES (1, 20, '2020-01-15', 1);
SELECT a.different, b.different FROM compare('2020-02-01', NULL) a, compare('2020-01-02', NULL) b;
SELECT recommend.maintain('g');
SELECT a.different, b.different FROM compare('2020-02-01', NULL) a, compare('2020-01-02', NULL) b;
ROLLBACK;
SELECT a.different, b.different FROM compare('2020-02-01', NULL) a, compare('2020-01-02', NULL) b;
-- A cursor goes on as it began, whatever its own transaction does meanwhile.
BEGIN;
DECLARE c CURSOR FOR SELECT u, (SELECT count(*) FROM neighbors('g', u, edge_type => 'follows') WHERE node = 40), (SELECT count(*) FROM neighbors('g', u, edge_type => 'follows', as_of => '2020-01-20', half_life => '1 hour') WHERE node = 40) FROM generate_series(1, 3) u;
FETCH 1 FROM c;
INSERT INTO follows VALUES (2, 40, '2020-01-15', 1), (3, 40, '2020-01-15', 1);
FETCH 1 FROM c;
SELECT recommend.maintain('g') > 0;
FETCH 1 FROM c;
SELECT count(*) FROM neighbors('g', 2, edge_type => 'follows') WHERE node = 40;
ROLLBACK;
SELECT drop_graph('g'), drop_graph('then');
SET client_min_messages = warning;
DROP SCHEMA graph_as_of CASCADE;
