-- What is kept of pruned subgraphs never shows anything but what the tables would say.
CREATE SCHEMA graph_cache;
SET search_path = graph_cache, public;
SET recommend.auto_compact = off;
CREATE TABLE follows (a int, b int, at timestamptz, device text);
INSERT INTO follows SELECT n % 10, n % 7 + 10, '2020-01-01'::timestamptz + n * interval '1 h', (ARRAY['ios', 'web'])[1 + n % 2] FROM generate_series(1, 100) n;
INSERT INTO follows SELECT n + 100, n + 101, '2020-01-02' FROM generate_series(1, 5) n;
SELECT create_graph('g');
SELECT add_edges('g', 'follows', 'a', 'user', 'b', 'user', 'follows', 'at', context_columns => '{device}');
-- What a question adds to the counters: hits and misses.
CREATE TABLE counted (hits bigint, misses bigint);
INSERT INTO counted VALUES (0, 0);
CREATE FUNCTION asked(question text, OUT rows bigint, OUT hits bigint, OUT misses bigint) LANGUAGE plpgsql AS $$
DECLARE before record; after record;
BEGIN
    SELECT c.hits, c.misses INTO before FROM recommend.graph_cache c;
    EXECUTE 'SELECT count(*) FROM ' || question INTO rows;
    SELECT c.hits, c.misses INTO after FROM recommend.graph_cache c;
    hits := after.hits - before.hits;
    misses := after.misses - before.misses;
END $$;
-- The answer with the cache, asked before at another time, and without it.
CREATE FUNCTION compare(node int, as_of timestamptz = '2020-03-01') RETURNS text LANGUAGE plpgsql AS $$
DECLARE kept text[]; fresh text[]; size text := current_setting('recommend.graph_cache_size');
    question text := format('SELECT array_agg(format(''%%s %%s %%s %%s %%s %%s %%s'', hop, from_node, to_node, round(weight::numeric, 12), count, last_at, round(kept_share::numeric, 12)) ORDER BY hop, from_node, to_node) '
                            'FROM prune_subgraph(''g'', %s, max_nodes => 5, as_of => %L)', node, as_of);
BEGIN
    PERFORM FROM prune_subgraph('g', node, max_nodes => 5, as_of => as_of + interval '300 days');
    EXECUTE question INTO kept;
    PERFORM set_config('recommend.graph_cache_size', '0', false);
    EXECUTE question INTO fresh;
    PERFORM set_config('recommend.graph_cache_size', size, false);
    RETURN CASE WHEN kept IS NOT DISTINCT FROM fresh THEN 'same' ELSE format('kept %s, fresh %s', kept, fresh) END;
END $$;
SELECT shared, entries FROM recommend.graph_cache;
SELECT * FROM asked($$prune_subgraph('g', 1, max_nodes => 5, as_of => '2020-02-01')$$);
SELECT * FROM asked($$prune_subgraph('g', 1, max_nodes => 5, as_of => '2020-02-01')$$);
-- At another time it is the same subgraph, decayed further.
SELECT * FROM asked($$prune_subgraph('g', 1, max_nodes => 5, as_of => '2020-03-01')$$);
SELECT k.weight / f.weight AS decayed FROM prune_subgraph('g', 1, max_nodes => 5, as_of => '2020-02-08') k, prune_subgraph('g', 1, max_nodes => 5, as_of => '2020-02-01') f
 WHERE (k.from_node, k.to_node) = (f.from_node, f.to_node) ORDER BY 1 LIMIT 1;
-- Other budgets, directions, edge types, contexts and nodes are other questions.
SELECT * FROM asked($$prune_subgraph('g', 1, max_nodes => 6, as_of => '2020-02-01')$$);
SELECT * FROM asked($$prune_subgraph('g', 1, max_nodes => 5, direction => 'out', as_of => '2020-02-01')$$);
SELECT * FROM asked($$prune_subgraph('g', 1, max_nodes => 5, edge_types => '{follows}', as_of => '2020-02-01')$$);
SELECT * FROM asked($$prune_subgraph('g', 1, max_nodes => 5, context => '{"device": "ios"}', as_of => '2020-02-01')$$);
SELECT * FROM asked($$prune_subgraph('g', 2, max_nodes => 5, as_of => '2020-02-01')$$);
-- Times before the newest event, other half-lives, and windows are not kept.
SELECT * FROM asked($$prune_subgraph('g', 1, max_nodes => 5, as_of => '2020-01-02')$$);
SELECT * FROM asked($$prune_subgraph('g', 1, max_nodes => 5, half_life => '1 day', as_of => '2020-02-01')$$);
SELECT * FROM asked($$prune_subgraph('g', 1, max_nodes => 5, time_window => '60 days', as_of => '2020-02-01')$$);
SELECT compare(1), compare(101);
-- An event elsewhere leaves it good, one of its nodes does not: neither waiting nor packed.
INSERT INTO follows VALUES (101, 110, '2020-01-03');
SELECT * FROM asked($$prune_subgraph('g', 1, max_nodes => 5, as_of => '2020-02-01')$$);
SELECT recommend.maintain('g');
SELECT * FROM asked($$prune_subgraph('g', 1, max_nodes => 5, as_of => '2020-02-01')$$);
SELECT compare(1), compare(101);
INSERT INTO follows SELECT 1, 50, '2020-01-09' FROM generate_series(1, 50);
SELECT count(*) FROM prune_subgraph('g', 1, max_nodes => 5, as_of => '2020-02-01') WHERE to_node = 50;
SELECT compare(1), compare(101);
SELECT recommend.maintain('g');
SELECT count(*) FROM prune_subgraph('g', 1, max_nodes => 5, as_of => '2020-02-01') WHERE to_node = 50;
SELECT compare(1), compare(101);
-- A question within a transaction that is rolled back leaves nothing behind.
BEGIN;
DELETE FROM follows WHERE b = 50;
SELECT compare(1), compare(50);
SELECT recommend.maintain('g');
SELECT compare(1), compare(50);
SELECT count(*) FROM prune_subgraph('g', 1, max_nodes => 5, as_of => '2020-02-01') WHERE to_node = 50;
ROLLBACK;
SELECT count(*) FROM prune_subgraph('g', 1, max_nodes => 5, as_of => '2020-02-01') WHERE to_node = 50;
SELECT compare(1), compare(50);
BEGIN;
SAVEPOINT s;
TRUNCATE follows;
SELECT count(*) FROM prune_subgraph('g', 1, max_nodes => 5, as_of => '2020-02-01');
ROLLBACK TO s;
SELECT compare(1), compare(50);
COMMIT;
-- Updates, a rebuild, another source, TRUNCATE, and a graph of the same name.
UPDATE follows SET b = 60 WHERE b = 50;
SELECT compare(1), compare(50), compare(60);
SELECT recommend.maintain('g');
SELECT compare(1), compare(50), compare(60);
SELECT rebuild_graph('g');
SELECT compare(1), compare(50), compare(60);
CREATE TABLE blocks (a int, b int);
INSERT INTO blocks VALUES (1, 70), (70, 71);
SELECT add_edges('g', 'blocks', 'a', 'user', 'b', 'user', 'blocks');
SELECT compare(1), compare(70);
-- Edges with and without time in one type cannot be told apart: not kept.
SELECT add_edges('g', 'blocks', 'a', 'user', 'b', 'user', 'follows');
SELECT compare(1), compare(70);
SELECT * FROM asked($$prune_subgraph('g', 1, max_nodes => 5, as_of => '2020-02-01')$$);
SELECT drop_edges('g', 'blocks');
SELECT compare(1), compare(70);
TRUNCATE follows;
SELECT compare(1), compare(60);
SELECT recommend.maintain('g');
SELECT compare(1), compare(60);
INSERT INTO follows VALUES (1, 2, '2020-01-01');
SELECT compare(1);
SELECT drop_graph('g');
SELECT create_graph('g', half_life => '1 day');
SELECT add_edges('g', 'follows', 'a', 'user', 'b', 'user', 'follows', 'at');
SELECT compare(1), compare(2);
-- More than 64 compactions ago nobody knows what has changed.
SELECT * FROM asked($$prune_subgraph('g', 1, max_nodes => 5, as_of => '2030-02-01')$$);
DO $$ BEGIN FOR n IN 1..70 LOOP INSERT INTO follows VALUES (500, 501, '2020-01-01'); PERFORM recommend.maintain('g'); END LOOP; END $$;
SELECT count(*) FROM recommend.graph_changes;
SELECT rows FROM asked($$prune_subgraph('g', 1, max_nodes => 5, as_of => '2030-02-01')$$);
SELECT compare(1), compare(500);
-- A cache that is too small for anything, and none at all.
SET recommend.graph_cache_size = '8kB';
SELECT compare(1);
SET recommend.graph_cache_size = 0;
SELECT entries, bytes, hits, misses FROM recommend.graph_cache;
SELECT count(*) FROM prune_subgraph('g', 1, max_nodes => 5);
RESET recommend.graph_cache_size;
SELECT drop_graph('g');
DROP SCHEMA graph_cache CASCADE;
