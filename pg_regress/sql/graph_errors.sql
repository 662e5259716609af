-- What is refused of graphs, with which SQLSTATE and HINT.
CREATE SCHEMA graph_errors;
SET search_path = graph_errors, public;
SET recommend.auto_compact = off;
\set tests `echo "$PG_RECOMMEND_TESTS"`
\i :tests/sql/try.sql
-- add_edges() with one option more, on a good table.
CREATE FUNCTION with_option(option text) RETURNS text LANGUAGE sql AS $$
    SELECT try('SELECT add_edges(''g'', ''log'', ''a'', ''user'', ''b'', ''user'', ''bad'', ' || option || ')')
$$;
-- Every question, with one argument more.
CREATE FUNCTION ask_all(option text) RETURNS TABLE (answer text) LANGUAGE sql AS $$
    SELECT DISTINCT try('SELECT ' || replace(q, 'OPTION', CASE WHEN q !~ '^. FROM neighbors' THEN option ELSE replace(replace(option, 'edge_types', 'edge_type'), '{e}', 'e') END))
      FROM unnest(ARRAY['* FROM neighbors(''g'', ''1''::text, OPTION)', '* FROM k_hop(''g'', ''1''::text, OPTION)', '* FROM graph_paths(''g'', ''1''::text, OPTION)',
        '* FROM common_neighbors(''g'', ''1''::text, ''2'', OPTION)', 'adamic_adar(''g'', ''1''::text, ''2'', OPTION)', '* FROM personalized_pagerank(''g'', ''1''::text, OPTION)',
        '* FROM random_walk(''g'', ARRAY[''1''], OPTION)', '* FROM prune_subgraph(''g'', ''1''::text, OPTION)', 'node_embedding(''g'', ''1''::text, OPTION)']) q ORDER BY 1
$$;
\pset format unaligned
\pset tuples_only
CREATE TABLE log (a int, b int, at timestamptz, kind text, price float8, day date, tags text[], name text, id uuid, j jsonb);
INSERT INTO log VALUES (1, 2, '2020-01-01', 'view', 1), (2, 3, '2020-01-01', 'view', 1);

-- No graph yet.
SELECT try($$SELECT drop_graph('nobody')$$);
SELECT try($$SELECT rebuild_graph('nobody')$$);
SELECT try($$SELECT add_edges('nobody', 'log', 'a', 'user', 'b', 'user', 'e')$$);
SELECT try($$SELECT drop_edges('nobody', 'log')$$);
SELECT try($$SELECT * FROM neighbors('nobody', 1)$$);
SELECT try($$SELECT recommend.maintain('nobody')$$);

-- create_graph()
SELECT try($$SELECT create_graph(NULL)$$);
SELECT try($$SELECT create_graph('')$$);
SELECT try($$SELECT create_graph('bad', half_life => '0')$$);
SELECT try($$SELECT create_graph('bad', half_life => '-1 day')$$);
SELECT try($$SELECT create_graph('bad', half_life => '1001 years')$$);
SELECT try($$SELECT create_graph('bad', half_life => '1 mon -31 days')$$);
SELECT try($$SELECT create_graph('bad', time_window => '0')$$);
SELECT try($$SELECT create_graph('bad', time_window => '-1 us')$$);
SELECT try($$SELECT create_graph('bad', max_edges_per_node => 0)$$);
SELECT try($$SELECT create_graph('bad', max_edges_per_node => -5)$$);
SELECT try($$SELECT create_graph('bad', max_edges_per_node => 1000001)$$);
SELECT count(*) FROM recommend.graphs;
SELECT create_graph('g', half_life => NULL, max_edges_per_node => NULL);
SELECT half_life, max_edges_per_node FROM recommend.graphs;
SELECT try($$SELECT create_graph('g')$$);
SELECT try($$SELECT create_recommender('g', 'log', 'a', 'b', 'at')$$);
SELECT create_recommender('g', 'log', 'a', 'b', 'at', graph => false);
SELECT try($$SELECT alter_recommender('g', new_name => 'g2')$$);
SELECT drop_recommender('g2');
SELECT create_recommender('r', 'log', 'a', 'b', 'at');
SELECT try($$SELECT alter_recommender('r', new_name => 'g')$$);
SELECT drop_recommender('r');

-- A graph without edges.
SELECT * FROM ask_all('as_of => now()');
SELECT try($$SELECT * FROM neighbors('g', NULL::int)$$);
SELECT try($$SELECT * FROM neighbors('g', 1, 'user')$$);
SELECT try($$SELECT * FROM neighbors('g', 1, edge_type => 'follows')$$);
SELECT try($$SELECT * FROM neighbors('g', 1, context => '{"device": "ios"}')$$);
SELECT try($$SELECT * FROM random_walk('g', '{}'::int[])$$);
SELECT rebuild_graph('g');
SELECT recommend.maintain('g');
SELECT try($$SELECT drop_edges('g', 'log')$$);

-- add_edges(): NULLs, columns and types.
SELECT try($$SELECT add_edges(NULL, 'log', 'a', 'user', 'b', 'user', 'e')$$);
SELECT try($$SELECT add_edges('g', NULL, 'a', 'user', 'b', 'user', 'e')$$);
SELECT try($$SELECT add_edges('g', 'log', NULL, 'user', 'b', 'user', 'e')$$);
SELECT try($$SELECT add_edges('g', 'log', 'a', NULL, 'b', 'user', 'e')$$);
SELECT try($$SELECT add_edges('g', 'log', 'a', 'user', NULL, 'user', 'e')$$);
SELECT try($$SELECT add_edges('g', 'log', 'a', 'user', 'b', NULL, 'e')$$);
SELECT try($$SELECT add_edges('g', 'log', 'a', 'user', 'b', 'user', NULL)$$);
SELECT try($$SELECT add_edges('g', 'log', 'a', '', 'b', 'user', 'e')$$);
SELECT try($$SELECT add_edges('g', 'log', 'a', 'user', 'b', '', 'e')$$);
SELECT try($$SELECT add_edges('g', 'log', 'a', 'user', 'b', 'user', '')$$);
SELECT try($$SELECT add_edges('g', 'nowhere', 'a', 'user', 'b', 'user', 'e')$$);
SELECT try($$SELECT add_edges('g', 'log', 'aa', 'user', 'b', 'user', 'e')$$);
SELECT try($$SELECT add_edges('g', 'log', 'a', 'user', 'zzzzzzzz', 'user', 'e')$$);
SELECT try($$SELECT add_edges('g', 'log', 'price', 'user', 'b', 'user', 'e')$$);
SELECT try($$SELECT add_edges('g', 'log', 'a', 'user', 'tags', 'user', 'e')$$);
SELECT try($$SELECT add_edges('g', 'log', 'a', 'user', 'name', 'user', 'e')$$);
SELECT try($$SELECT add_edges('g', 'log', 'a', 'user', 'ctid', 'user', 'e')$$);
SELECT with_option($$time_column => 'day'$$);
SELECT with_option($$time_column => 'att'$$);
SELECT with_option($$weight_column => 'kind'$$);
SELECT with_option($$weight_column => 'weight'$$);
SELECT with_option($$weight_column => 'at'$$);
SELECT with_option($$event_column => 'day', event_weights => '{"a": 1}'$$);
SELECT with_option($$event_column => 'knd', event_weights => '{"a": 1}'$$);
SELECT with_option($$context_columns => '{kind,none}'$$);
SELECT with_option($$context_columns => '{price}'$$);
SELECT with_option($$context_columns => '{j}'$$);
SELECT with_option($$event_weights => '{"view": 1}'$$);
SELECT with_option($$weight_column => 'price', event_column => 'kind', event_weights => '{"view": 1}'$$);
SELECT with_option($$event_column => 'kind', event_weights => '[1]'$$);
SELECT with_option($$event_column => 'kind', event_weights => '{}'$$);
SELECT with_option($$event_column => 'kind', event_weights => '{"view": "much"}'$$);
SELECT with_option($$event_column => 'kind', event_weights => '{"view": 1e39}'$$);
-- Tables that cannot be tracked.
CREATE VIEW log_view AS SELECT * FROM log;
CREATE TEMP TABLE log_temp (LIKE log);
CREATE UNLOGGED TABLE log_unlogged (LIKE log);
SELECT try(format('SELECT add_edges(''g'', %L, ''a'', ''user'', ''b'', ''user'', ''e'')', t)) FROM unnest('{log_view,log_temp,log_unlogged,pg_class,recommend.graphs}'::text[]) t;
CREATE TABLE forced (a int, b int);
CREATE ROLE graph_errors_owner;
ALTER TABLE forced OWNER TO graph_errors_owner;
ALTER TABLE forced ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT try($$SELECT add_edges('g', 'forced', 'a', 'user', 'b', 'user', 'e')$$);
-- Nothing of all that is left.
SELECT count(*) FROM recommend.node_types;
SELECT count(*) FROM recommend.edge_sources;
SELECT count(*) FROM recommend.feeds;
SELECT relname FROM pg_class WHERE relnamespace = 'recommend'::regnamespace AND relname ~ '_\d+$' AND relkind IN ('r', 'v') ORDER BY 1;
SELECT count(*) FROM pg_trigger WHERE tgname ~ '^recommend_';

-- The same edges twice, nodes of other keys, edges that are not there.
SELECT add_edges('g', 'log', 'a', 'user', 'b', 'user', 'e', 'at', context_columns => '{kind}');
SELECT try($$SELECT add_edges('g', 'log', 'b', 'user', 'a', 'user', 'e')$$);
SELECT try($$SELECT add_edges('g', 'log', 'name', 'user', 'a', 'user', 'e2')$$);
SELECT try($$SELECT add_edges('g', 'log', 'a', 'user', 'id', 'user', 'e2')$$);
CREATE TABLE other (a bigint, b smallint, c text);
SELECT add_edges('g', 'other', 'a', 'user', 'b', 'user', 'e');
SELECT add_edges('g', 'other', 'a', 'user', 'c', 'word', 'said');
SELECT try($$SELECT drop_edges('g', 'pg_class')$$);
SELECT try($$SELECT drop_edges('g', 'other', 'did')$$);
SELECT try($$SELECT drop_edges('g', NULL)$$);
SELECT try($$SELECT drop_edges(NULL, 'log')$$);
INSERT INTO other VALUES (1, 7, 'hello'), (5000000000, 7, 'hello');
INSERT INTO log (a, b, at, name) VALUES (1, 5, '2020-01-01', 'x');

-- Questions: graphs, nodes and types.
SELECT try($$SELECT * FROM neighbors('gg', 1)$$);
SELECT try($$SELECT * FROM neighbors(NULL, 1)$$);
SELECT try($$SELECT * FROM k_hop(NULL, 1)$$);
SELECT try($$SELECT adamic_adar(NULL, 1, 2)$$);
SELECT try($$SELECT * FROM neighbors('g', NULL::int)$$);
SELECT try($$SELECT * FROM neighbors('g', 'hello'::text, 'words')$$);
SELECT try($$SELECT * FROM neighbors('g', 1, '')$$);
SELECT try($$SELECT * FROM neighbors('g', 1, 'word')$$);
SELECT try($$SELECT * FROM neighbors('g', '00000000-0000-0000-0000-000000000000'::uuid)$$);
SELECT try($$SELECT * FROM neighbors('g', 1.5)$$);
SELECT try($$SELECT * FROM neighbors('g', true)$$);
SELECT try($$SELECT * FROM neighbors('g', 'one')$$);
SELECT try($$SELECT * FROM neighbors('g', 'one'::text)$$);
SELECT try($$SELECT * FROM neighbors('g', '99999999999999999999'::text)$$);
SELECT try($$SELECT * FROM neighbors('g', ''::text)$$);
-- Nodes of the answer that the argument's type cannot hold.
SELECT try($$SELECT * FROM neighbors('g', 1)$$);
SELECT try($$SELECT * FROM neighbors('g', 7::smallint, edge_type => 'e')$$);
SELECT try($$SELECT * FROM neighbors('g', 7::int, edge_type => 'e')$$);
SELECT try($$SELECT * FROM neighbors('g', 7::bigint, edge_type => 'e')$$);
SELECT try($$SELECT * FROM graph_paths('g', 1, 7)$$);
SELECT try($$SELECT * FROM random_walk('g', ARRAY[1])$$);
SELECT try($$SELECT * FROM neighbors('g', 'hello'::text, 'word')$$);
-- Types and directions.
SELECT * FROM ask_all($$direction => 'up'$$);
SELECT * FROM ask_all($$direction => ''$$);
SELECT * FROM ask_all($$direction => 'OUT'$$);
SELECT * FROM ask_all($$direction => NULL, as_of => NULL, context => NULL, half_life => NULL, time_window => NULL$$);
SELECT try($$SELECT * FROM neighbors('g', 1, edge_type => 'eee')$$);
SELECT try($$SELECT * FROM k_hop('g', 1, edge_types => '{e,eee}')$$);
SELECT try($$SELECT * FROM k_hop('g', 1, edge_types => '{NULL,e}')$$);
SELECT try($$SELECT * FROM k_hop('g', 1, target_type => 'nobody')$$);
SELECT try($$SELECT * FROM personalized_pagerank('g', 1, target_type => 'nobody')$$);
SELECT try($$SELECT * FROM random_walk('g', ARRAY[1], target_type => 'nobody')$$);
SELECT try($$SELECT * FROM graph_paths('g', 1, 2, from_type => 'nobody')$$);
SELECT try($$SELECT * FROM graph_paths('g', 1, 2, to_type => 'nobody')$$);
SELECT try($$SELECT * FROM common_neighbors('g', 1, 2, b_type => 'nobody')$$);
-- Contexts.
SELECT * FROM ask_all($$edge_types => '{e}', context => '[1]'$$);
SELECT try($$SELECT * FROM neighbors('g', 1, edge_type => 'e', context => '"ios"')$$);
SELECT try($$SELECT * FROM neighbors('g', 1, edge_type => 'e', context => 'null')$$);
SELECT try($$SELECT * FROM neighbors('g', 1, edge_type => 'e', context => '{"device": "ios"}')$$);
SELECT try($$SELECT * FROM neighbors('g', 1, edge_type => 'e', context => '{"kind": 7}')$$);
SELECT try($$SELECT * FROM neighbors('g', 1, edge_type => 'e', context => '{"kind": {"a": 1}}')$$);
SELECT try($$SELECT * FROM neighbors('g', 1, edge_type => 'e', context => '{"": "x"}')$$);
-- Times and intervals.
SELECT * FROM ask_all($$as_of => 'infinity'$$);
SELECT * FROM ask_all($$as_of => '-infinity'$$);
SELECT * FROM ask_all($$half_life => '0'$$);
SELECT * FROM ask_all($$half_life => '-1 day'$$);
SELECT * FROM ask_all($$time_window => '-1 day'$$);
SELECT * FROM ask_all($$time_window => '0'$$);
SELECT * FROM ask_all($$as_of => '4000-01-01 BC', half_life => '1 us', time_window => '1 us'$$);
SELECT * FROM ask_all($$as_of => '294276-12-31', half_life => '100000 years', time_window => '100000 years', edge_types => '{e}'$$);
-- Numbers of rows: negative ones are refused, huge ones are as good as any.
SELECT try($$SELECT * FROM neighbors('g', 1, n => -1)$$);
SELECT try($$SELECT * FROM k_hop('g', 1, n => -1)$$);
SELECT try($$SELECT * FROM graph_paths('g', 1, n => -1)$$);
SELECT try($$SELECT * FROM common_neighbors('g', 1, 2, n => -1)$$);
SELECT try($$SELECT * FROM personalized_pagerank('g', 1, n => -1)$$);
SELECT try($$SELECT * FROM random_walk('g', ARRAY[1], n => -2147483648)$$);
SELECT count(*) FROM neighbors('g', '1'::text, n => 2147483647);
SELECT count(*) FROM neighbors('g', '1'::text, n => NULL);
SELECT count(*) FROM k_hop('g', '1'::text, n => 2147483647, fan_out => '{2147483647}', max_nodes => 2147483647, hops => 10);
SELECT count(*) FROM graph_paths('g', '1'::text, n => 2147483647);
SELECT count(*) FROM common_neighbors('g', '1'::text, '2', n => 2147483647);
SELECT count(*) FROM personalized_pagerank('g', '1'::text, n => 2147483647);
SELECT count(*) FROM random_walk('g', '{1}'::text[], n => 2147483647);
SELECT count(*) FROM prune_subgraph('g', '1'::text, max_nodes => 2147483647, max_bytes => 2147483647);
-- k_hop()
SELECT try($$SELECT * FROM k_hop('g', 1, hops => 0)$$);
SELECT try($$SELECT * FROM k_hop('g', 1, hops => -1)$$);
SELECT try($$SELECT * FROM k_hop('g', 1, hops => 11)$$);
SELECT try($$SELECT * FROM k_hop('g', '1'::text, hops => NULL, n => NULL, max_nodes => NULL, fan_out => NULL)$$);
SELECT try($$SELECT * FROM k_hop('g', '1'::text, fan_out => '{}')$$);
SELECT try($$SELECT * FROM k_hop('g', '1'::text, fan_out => '{{1,2},{3,4}}')$$);
SELECT try($$SELECT * FROM k_hop('g', 1, fan_out => '{0}')$$);
SELECT try($$SELECT * FROM k_hop('g', 1, fan_out => '{5,-1}')$$);
SELECT try($$SELECT * FROM k_hop('g', 1, max_nodes => 0)$$);
-- graph_paths()
SELECT try($$SELECT * FROM graph_paths('g', 1, min_hops => 0)$$);
SELECT try($$SELECT * FROM graph_paths('g', 1, min_hops => 4)$$);
SELECT try($$SELECT * FROM graph_paths('g', 1, max_hops => 4)$$);
SELECT try($$SELECT * FROM graph_paths('g', 1, min_hops => 3, max_hops => 2)$$);
SELECT try($$SELECT * FROM graph_paths('g', '1'::text, min_hops => NULL, max_hops => NULL, time_respecting => NULL)$$);
SELECT try($$SELECT * FROM graph_paths('g', NULL::int)$$);
-- personalized_pagerank()
SELECT try(format('SELECT * FROM personalized_pagerank(''g'', 1, alpha => %L)', x)) FROM unnest('{0,1,-0.5,NaN,Infinity}'::float8[]) x;
SELECT try(format('SELECT * FROM personalized_pagerank(''g'', 1, epsilon => %L)', x)) FROM unnest('{0,1,-0.5,NaN,Infinity}'::float8[]) x;
SELECT try($$SELECT * FROM personalized_pagerank('g', '1'::text, alpha => NULL, epsilon => NULL)$$);
-- random_walk()
SELECT try(format('SELECT * FROM random_walk(''g'', ARRAY[1], restart => %L)', x)) FROM unnest('{1,-0.5,NaN,Infinity}'::float8[]) x;
SELECT try($$SELECT * FROM random_walk('g', ARRAY[1], steps => 0)$$);
SELECT try($$SELECT * FROM random_walk('g', ARRAY[1], steps => -1)$$);
SELECT try($$SELECT * FROM random_walk('g', ARRAY[1], steps => 100000001)$$);
SELECT try($$SELECT * FROM random_walk('g', '{1}'::text[], steps => NULL, restart => NULL, seed => NULL)$$);
SELECT try($$SELECT * FROM random_walk('g', '{1.5}'::numeric[])$$);
SELECT try($$SELECT * FROM random_walk('g', '{one}'::text[])$$);
SELECT try($$SELECT * FROM random_walk('g', '{{1,2},{3,5}}'::text[])$$);
SELECT count(*) > 0 FROM random_walk('g', array_fill('1'::text, '{1000}'));
-- prune_subgraph()
SELECT try($$SELECT * FROM prune_subgraph('g', 1, depth => 0)$$);
SELECT try($$SELECT * FROM prune_subgraph('g', 1, depth => 11)$$);
SELECT try($$SELECT * FROM prune_subgraph('g', 1, max_nodes => 0)$$);
SELECT try($$SELECT * FROM prune_subgraph('g', 1, max_bytes => 0)$$);
SELECT try($$SELECT * FROM prune_subgraph('g', 1, max_bytes => -1)$$);
SELECT try($$SELECT * FROM prune_subgraph('g', '1'::text, depth => NULL, max_nodes => NULL, max_bytes => NULL)$$);
-- node_embedding()
SELECT try(format('SELECT node_embedding(''g'', 1, %s)', o)) FROM unnest(ARRAY['dims => 0', 'dims => 4097', 'layers => 0', 'layers => 5', 'fan_out => 0', 'fan_out => 1001', 'self_weight => 0', 'self_weight => 1', 'self_weight => ''NaN''']) o;
SELECT try($$SELECT node_embedding('g', 1, dims => NULL, layers => NULL, fan_out => NULL, self_weight => NULL, seed => NULL)$$);
-- embed_graph()
CREATE TABLE vectors (node_type text, node bigint, embedding real[]);
CREATE TABLE no_vectors (node_type text, node text, embedding float8[]);
SELECT try(format('SELECT embed_graph(''g'', %s)', o)) FROM unnest(ARRAY['dims => 4', 'into_table => NULL', 'into_table => ''no_vectors''', 'into_table => ''nowhere''', 'into_table => ''log''', 'into_table => ''vectors'', dims => 0',
    'into_table => ''vectors'', dims => 4097', 'into_table => ''vectors'', layers => 0', 'into_table => ''vectors'', layers => 11', 'into_table => ''vectors'', layers => 2, layer_weights => ''{1}''',
    'into_table => ''vectors'', layers => 2, layer_weights => ''{1,NaN}''', 'into_table => ''vectors'', layers => 2, layer_weights => ''{1,NULL}''', 'into_table => ''vectors'', normalization_strength => ''NaN''',
    'into_table => ''vectors'', as_of => ''infinity''', 'into_table => ''vectors'', half_life => ''0''', 'into_table => ''vectors'', time_window => ''-1 s''']) o;
SELECT try($$SELECT embed_graph(NULL, into_table => 'vectors')$$);
SELECT try($$SELECT embed_graph('g', into_table => 'vectors')$$);
SELECT count(*) FROM vectors;
-- decay()
SELECT try($$SELECT decay(now())$$);
SELECT try($$SELECT decay(now(), '0')$$);
SELECT try($$SELECT decay(now(), '-1 day')$$);
SELECT try($$SELECT decay(now(), lambda => 0)$$);
SELECT try($$SELECT decay(now(), lambda => -1)$$);
SELECT try($$SELECT decay(now(), lambda => 'NaN')$$);
SELECT try($$SELECT decay(now(), lambda => 'infinity')$$);
SELECT try($$SELECT decay(now(), '1 day', lambda => 1)$$);
SELECT try($$SELECT decay('infinity', '1 day')$$);
SELECT try($$SELECT decay('-infinity', '1 day')$$);
SELECT try($$SELECT decay(now(), '1 day', 'infinity')$$);
SELECT decay('4000-01-01 BC', '1 us', '294276-01-01'), decay('294276-01-01', '1 us', '4000-01-01 BC'), decay('4000-01-01 BC', lambda => 1e300, as_of => '294276-01-01'), decay('294276-01-01', lambda => 1e300, as_of => '4000-01-01 BC');

-- Types are kept when their edges have gone, and nodes without edges have no neighbours. No other edges need their key type: it may change.
SELECT drop_edges('g', 'other', 'said');
SELECT * FROM neighbors('g', 'hello'::text, 'word');
SELECT try($$SELECT * FROM neighbors('g', 1, edge_type => 'said')$$);
SELECT try($$SELECT add_edges('g', 'log', 'a', 'user', 'id', 'user', 'e2')$$);
SELECT add_edges('g', 'log', 'a', 'user', 'b', 'word', 'e2');
SELECT node, node_type FROM neighbors('g', 2, edge_type => 'e2');
SELECT node, node_type FROM neighbors('g', 3, 'word') ORDER BY 1, 2;
SELECT rebuild_graph('g');
SELECT recommend.maintain('g');
SELECT name, key_type FROM recommend.node_types ORDER BY id;
SELECT embed_graph('g', into_table => 'vectors');
SELECT drop_edges('g', 'other');
SELECT drop_edges('g', 'log');
SELECT * FROM ask_all('as_of => now()');
SELECT try($$SELECT * FROM neighbors('g', 1, edge_type => 'e')$$);
SELECT source_table FROM recommend.edge_sources;

-- In a read-only transaction there are questions and no changes.
SELECT add_edges('g', 'log', 'a', 'user', 'b', 'user', 'e', 'at');
BEGIN READ ONLY;
SELECT node FROM neighbors('g', 1) ORDER BY 1;
SELECT node FROM neighbors('g', 1, as_of => '2020-01-01', half_life => '1 day') ORDER BY 1;
SELECT try($$SELECT create_graph('bad')$$);
SELECT try($$SELECT add_edges('g', 'log', 'a', 'user', 'b', 'user', 'e2')$$);
SELECT try($$SELECT drop_edges('g', 'log')$$);
SELECT try($$SELECT rebuild_graph('g')$$);
SELECT try($$SELECT drop_graph('g')$$);
SELECT try($$SELECT embed_graph('g', into_table => 'vectors')$$);
COMMIT;
SELECT drop_graph('g');
SELECT try($$SELECT * FROM neighbors('g', 1)$$);
-- Other names than the usual.
SELECT create_graph($$it's "a" graph; --$$);
SELECT add_edges($$it's "a" graph; --$$, 'log', 'a', $$ü"'$$, 'b', ' ', $$drop table '"$$);
SELECT node, node_type, edge_type FROM neighbors($$it's "a" graph; --$$, 1, $$ü"'$$) ORDER BY 1;
SELECT try($$SELECT drop_edges('it''s "a" graph; --', 'other')$$);
SELECT drop_graph($$it's "a" graph; --$$);
SET client_min_messages = warning;
DROP SCHEMA graph_errors CASCADE;
DROP ROLE graph_errors_owner;
