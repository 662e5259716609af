-- A question about a node with very many edges can be stopped at any time.
CREATE SCHEMA graph_interrupts;
SET search_path = graph_interrupts, public;
SET recommend.auto_compact = off;
SET recommend.background_backfill = 10000000;
CREATE TABLE edges (a int, b int, at timestamptz);
INSERT INTO edges SELECT 0, n, '2020-01-01'::timestamptz + n % 1000 * interval '1 min' FROM generate_series(1, 300000) n;
INSERT INTO edges SELECT n, 0, '2020-01-02' FROM generate_series(1, 300000, 3) n;
SELECT create_graph('g', max_edges_per_node => 1000000);
SELECT add_edges('g', 'edges', 'a', 'n', 'b', 'n', 'e', 'at');
SELECT count(*) FROM neighbors('g', 0, as_of => '2020-01-03', n => 1000000);
-- Runs a question until it is stopped.
CREATE FUNCTION stopped(question text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE started timestamptz := clock_timestamp(); message text; took interval;
BEGIN
    EXECUTE question;
    RETURN 'went through';
EXCEPTION WHEN query_canceled THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
    took := clock_timestamp() - started;
    -- On a busy machine the timer itself may be late.
    RETURN message || CASE WHEN took < '1.5 s' THEN '' ELSE ', but after ' || took END;
END $$;
SET statement_timeout = '200 ms';
SELECT stopped($$SELECT count(*) FROM generate_series(1, 10000) i, neighbors('g', 0 * i, as_of => '2020-01-03', n => 1000000)$$);
SELECT stopped($$SELECT count(*) FROM generate_series(1, 10000) i, neighbors('g', 0 * i, as_of => '2020-01-03', n => 1)$$);
SELECT stopped($$SELECT count(*) FROM generate_series(1, 10000) i, k_hop('g', 0 * i, hops => 4, as_of => '2020-01-03', n => 1000000, max_nodes => 1000000)$$);
SELECT stopped($$SELECT count(*) FROM generate_series(1, 10000) i, k_hop('g', 0 * i + 1, hops => 4, as_of => '2020-01-03', n => 1000000, max_nodes => 1000000)$$);
SELECT stopped($$SELECT count(*) FROM generate_series(1, 10000) i, graph_paths('g', 0 * i, as_of => '2020-01-03', n => 1000000)$$);
SELECT stopped($$SELECT count(*) FROM generate_series(1, 10000) i, graph_paths('g', 0 * i + 1, as_of => '2020-01-03', n => 1000000)$$);
SELECT stopped($$SELECT count(*) FROM generate_series(1, 10000) i, graph_paths('g', 0 * i + 1, 2, as_of => '2020-01-03', time_respecting => true)$$);
SELECT stopped($$SELECT count(*) FROM generate_series(1, 10000) i, common_neighbors('g', 0 * i, 1, as_of => '2020-01-03')$$);
SELECT stopped($$SELECT sum(adamic_adar('g', 1, n, as_of => '2020-01-03')) FROM generate_series(1, 10000000) n$$);
SELECT stopped($$SELECT count(*) FROM generate_series(1, 10000) i, personalized_pagerank('g', 0 * i, epsilon => 1e-12, as_of => '2020-01-03', n => 1000000)$$);
SELECT stopped($$SELECT count(*) FROM random_walk('g', '{0,1,2,3}'::int[], steps => 100000000, as_of => '2020-01-03')$$);
SELECT stopped($$SELECT count(*) FROM generate_series(1, 10000) i, prune_subgraph('g', 0 * i, depth => 5, max_nodes => 1000000, max_bytes => 1000000000, as_of => '2020-01-03')$$);
SELECT stopped($$SELECT count(node_embedding('g', n % 3, dims => 4096, layers => 4, fan_out => 1000, as_of => '2020-01-03')) FROM generate_series(1, 1000) n$$);
-- From the events themselves, too.
SELECT stopped($$SELECT count(*) FROM generate_series(1, 10000) i, neighbors('g', 0 * i, as_of => '2020-01-01 12:00', n => 1000000)$$);
SELECT stopped($$SELECT count(*) FROM generate_series(1, 10000) i, k_hop('g', 0 * i, half_life => '1 hour', as_of => '2020-01-03', n => 1000000)$$);
SELECT stopped($$SELECT count(*) FROM generate_series(1, 10000) i, prune_subgraph('g', 0 * i, half_life => '1 hour', as_of => '2020-01-03', max_nodes => 1000000, max_bytes => 1000000000)$$);
-- The makers.
CREATE TABLE vectors (node_type text, node int, embedding real[]);
SELECT stopped($$SELECT embed_graph('g', dims => 512, layers => 10, into_table => 'vectors', as_of => '2020-01-03')$$);
SELECT stopped($$SELECT rebuild_graph('g')$$);
SELECT stopped($$SELECT add_edges('g', 'edges', 'b', 'n', 'a', 'n', 'back', 'at')$$);
RESET statement_timeout;
UPDATE edges SET at = at + interval '1 s' WHERE b % 2 = 0;
SET statement_timeout = '200 ms';
SELECT stopped($$SELECT recommend.maintain('g')$$);
SELECT stopped($$SELECT count(*) FROM generate_series(1, 10000) i, neighbors('g', 0 * i, as_of => '2020-01-03', n => 1000000)$$);
RESET statement_timeout;
-- What was stopped has left nothing behind.
SELECT count(*), sum(count) FROM neighbors('g', 0, as_of => '2020-01-03', n => 1000000);
SELECT edge_type, events, backlog FROM recommend.graph_status;
SELECT count(*) FROM vectors;
SELECT recommend.maintain('g');
SELECT count(*), sum(count) FROM neighbors('g', 0, as_of => '2020-01-03', n => 1000000);
SELECT drop_graph('g');
SET client_min_messages = warning;
DROP SCHEMA graph_interrupts CASCADE;
