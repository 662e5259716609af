-- Who may ask a graph: whoever may read the tables that the question is about. Who may change it: its owner, on the owner's own tables.
CREATE SCHEMA graph_privileges;
SET search_path = graph_privileges, public;
SET recommend.auto_compact = off;
\set tests `echo "$PG_RECOMMEND_TESTS"`
\i :tests/sql/try.sql
\pset format unaligned
\pset tuples_only
CREATE ROLE graph_privileges_owner;
CREATE ROLE graph_privileges_seller;
CREATE ROLE graph_privileges_nobody;
CREATE ROLE graph_privileges_reader;
CREATE ROLE graph_privileges_columns;
CREATE ROLE graph_privileges_member IN ROLE graph_privileges_reader;
GRANT USAGE ON SCHEMA graph_privileges TO PUBLIC;
CREATE TABLE follows (a int, b int, at timestamptz, w real, device text, secret text);
CREATE TABLE buys (u int, i int, at timestamptz, kind text, secret text);
INSERT INTO follows SELECT n % 3, n % 5, '2020-01-01'::timestamptz + n * interval '1 min', 1, 'ios' FROM generate_series(1, 20) n;
INSERT INTO buys SELECT n % 3, n % 4, '2020-01-01'::timestamptz + n * interval '1 min', 'buy' FROM generate_series(1, 20) n;
ALTER TABLE follows OWNER TO graph_privileges_owner;
ALTER TABLE buys OWNER TO graph_privileges_seller;
SET ROLE graph_privileges_owner;
SELECT create_graph('g');
SELECT add_edges('g', 'follows', 'a', 'user', 'b', 'user', 'follows', 'at', 'w', '{device}');
-- A table of another owner: neither the graph's owner nor the table's can add it alone; who has both rights can.
SELECT try($$SELECT add_edges('g', 'buys', 'u', 'user', 'i', 'item', 'buys', 'at', event_column => 'kind', event_weights => '{"buy": 1}')$$);
SET ROLE graph_privileges_seller;
SELECT try($$SELECT add_edges('g', 'buys', 'u', 'user', 'i', 'item', 'buys', 'at', event_column => 'kind', event_weights => '{"buy": 1}')$$);
RESET ROLE;
SELECT add_edges('g', 'buys', 'u', 'user', 'i', 'item', 'buys', 'at', event_column => 'kind', event_weights => '{"buy": 1}');
-- State belongs to the catalog's owner, views to the owner of their table, and what says whose the graph is to its owner.
SELECT relname, relowner::regrole FROM pg_class WHERE relnamespace = 'recommend'::regnamespace AND relname ~ '_\d+$' AND relkind IN ('r', 'v') ORDER BY 1;
GRANT SELECT ON follows, buys TO graph_privileges_reader;
GRANT SELECT (a, b, at, w, device) ON follows TO graph_privileges_columns;
GRANT SELECT (u, i, at, kind) ON buys TO graph_privileges_columns;
CREATE TABLE vectors (node_type text, node text, embedding real[]);
GRANT ALL ON vectors TO PUBLIC;
CREATE FUNCTION ask_all(more text = 'as_of => now()') RETURNS SETOF text LANGUAGE sql SECURITY INVOKER AS $$
    SELECT DISTINCT try('SELECT ' || replace(q, 'MORE', more)) FROM unnest(ARRAY['* FROM neighbors(''g'', 1, MORE)', '* FROM k_hop(''g'', 1, MORE)', '* FROM graph_paths(''g'', 1, MORE)',
        '* FROM graph_paths(''g'', 1, 2, MORE)', '* FROM common_neighbors(''g'', 1, 2, MORE)', 'adamic_adar(''g'', 1, 2, MORE)', '* FROM personalized_pagerank(''g'', 1, MORE)',
        '* FROM random_walk(''g'', ARRAY[1], MORE)', '* FROM prune_subgraph(''g'', 1, MORE)', 'node_embedding(''g'', 1, MORE)', 'embed_graph(''g'', into_table => ''vectors'', MORE)',
        '* FROM neighbors(''g'', NULL::int, MORE)', '* FROM neighbors(''g'', 999, MORE)', '* FROM random_walk(''g'', ''{}''::int[], MORE)']) q ORDER BY 1
$$;
CREATE FUNCTION ask_about(edges text) RETURNS SETOF text LANGUAGE sql SECURITY INVOKER AS $$
    SELECT DISTINCT try('SELECT ' || replace(q, 'EDGES', edges)) FROM unnest(ARRAY['* FROM neighbors(''g'', 1, edge_type => ''EDGES'')', '* FROM k_hop(''g'', 1, edge_types => ''{EDGES}'')', '* FROM graph_paths(''g'', 1, edge_types => ''{EDGES}'')',
        'adamic_adar(''g'', 1, 2, edge_types => ''{EDGES}'')', '* FROM random_walk(''g'', ARRAY[1], edge_types => ''{EDGES}'')', 'node_embedding(''g'', 1, edge_types => ''{EDGES}'')']) q ORDER BY 1
$$;
-- Nobody learns anything but names.
SET ROLE graph_privileges_nobody;
SELECT ask_all();
SELECT ask_all('as_of => ''2020-01-01 00:05''');
SELECT ask_all('half_life => ''1 hour''');
SELECT ask_about('follows');
SELECT ask_about('buys');
SELECT count(*) FROM recommend.graph_status;
SELECT name FROM recommend.graphs;
-- Readers do, by the tables, by their tracked columns, by membership.
SET ROLE graph_privileges_reader;
SELECT ask_all();
SELECT ask_all('as_of => ''2020-01-01 00:05''');
SELECT graph, source_table, edge_type, events, backlog FROM recommend.graph_status;
SET ROLE graph_privileges_columns;
SELECT ask_all();
SELECT ask_all('half_life => ''1 hour''');
SET ROLE graph_privileges_member;
SELECT ask_all();
-- ... but not what the state tables hold, and no part of the making.
SELECT DISTINCT try(format('SELECT * FROM recommend.%I', relname)) FROM pg_class WHERE relnamespace = 'recommend'::regnamespace AND relkind IN ('r', 'v') AND relname ~ '_\d+$|_state$' ORDER BY 1;
SELECT try(format('%s recommend.%I', what, t)) FROM unnest('{DELETE FROM,TRUNCATE}'::text[]) what, unnest('{graphs,node_types,edge_sources,graph_state,edge_state,nodes_1,out_1}'::text[]) t;
SELECT try($$SELECT recommend.maintain('g')$$);
SELECT recommend.maintain();
SELECT try($$SELECT rebuild_graph('g')$$);
SELECT try($$SELECT drop_graph('g')$$);
SELECT try($$SELECT drop_edges('g', 'follows')$$);
SELECT try($$SELECT add_edges('g', 'follows', 'a', 'user', 'b', 'user', 'more')$$);
-- One tracked column less is one too few, whichever it is; of the tables that the question is about.
RESET ROLE;
DO $$
DECLARE tracked record;
BEGIN
    FOR tracked IN SELECT 'follows' AS t, unnest('{a,b,at,w,device}'::name[]) AS c UNION ALL SELECT 'buys', unnest('{u,i,at,kind}'::name[]) LOOP
        EXECUTE format('REVOKE SELECT (%I) ON %I FROM graph_privileges_columns', tracked.c, tracked.t);
        SET LOCAL ROLE graph_privileges_columns;
        RAISE NOTICE '% % %', tracked, (SELECT string_agg(left(a, 5), ' ') FROM ask_about('follows') a), (SELECT string_agg(left(a, 5), ' ') FROM ask_about('buys') a);
        RAISE NOTICE '%', (SELECT string_agg(a, ' ') FROM ask_all() a);
        RESET ROLE;
        EXECUTE format('GRANT SELECT (%I) ON %I TO graph_privileges_columns', tracked.c, tracked.t);
    END LOOP;
END $$;
-- Each owner reads the own table's edges.
SET ROLE graph_privileges_owner;
SELECT ask_about('follows');
SELECT ask_about('buys');
SELECT source_table FROM recommend.graph_status;
SET ROLE graph_privileges_seller;
SELECT ask_about('follows');
SELECT ask_about('buys');
-- Nor may who owns a table alone change the graph; the graph's owner may take out any edges.
SELECT try($$SELECT drop_edges('g', 'buys')$$);
SELECT try($$SELECT recommend.maintain('g')$$);
SELECT try($$SELECT rebuild_graph('g')$$);
SELECT try($$SELECT drop_graph('g')$$);
INSERT INTO buys VALUES (1, 77, '2020-01-02', 'buy');
SET ROLE graph_privileges_owner;
SELECT recommend.maintain('g');
SELECT rebuild_graph('g');
RESET ROLE;
SELECT node FROM neighbors('g', 1, edge_type => 'buys') ORDER BY 1;
-- A wrapper lends its owner's rights.
CREATE FUNCTION lent(n int) RETURNS SETOF int LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$ SELECT node FROM neighbors('g', n, edge_type => 'follows') $$;
ALTER FUNCTION lent OWNER TO graph_privileges_owner;
CREATE FUNCTION not_lent(n int) RETURNS SETOF int LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$ SELECT node FROM neighbors('g', n, edge_type => 'buys') $$;
ALTER FUNCTION not_lent OWNER TO graph_privileges_owner;
SET ROLE graph_privileges_nobody;
SELECT count(*) > 0 FROM lent(1);
SELECT try('SELECT not_lent(1)');
RESET ROLE;
-- Rights that go away are gone at once, also for a session that has asked before.
SET ROLE graph_privileges_member;
SELECT ask_all();
RESET ROLE;
REVOKE SELECT ON buys FROM graph_privileges_reader;
SET ROLE graph_privileges_member;
SELECT ask_all();
SELECT ask_about('follows');
RESET ROLE;
GRANT SELECT ON buys TO graph_privileges_reader;
-- A table without rights on its schema is no matter: the rights on the table count. One of a view's are not those of its table.
REVOKE USAGE ON SCHEMA graph_privileges FROM PUBLIC;
GRANT USAGE ON SCHEMA graph_privileges TO graph_privileges_nobody, graph_privileges_owner, graph_privileges_seller, graph_privileges_reader;
SET ROLE graph_privileges_columns;
SELECT count(*) > 0 FROM neighbors('g', 1);
RESET ROLE;
GRANT USAGE ON SCHEMA graph_privileges TO PUBLIC;
-- Row level security: all rows or none. The owner is exempt, unless it is forced.
ALTER TABLE follows ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON follows FOR SELECT USING (a = 1);
CREATE ROLE graph_privileges_bypass BYPASSRLS IN ROLE graph_privileges_reader;
SET ROLE graph_privileges_reader;
SELECT ask_all();
SELECT ask_about('buys');
SET row_security = off;
SELECT ask_about('follows');
RESET row_security;
SET ROLE graph_privileges_bypass;
SELECT ask_all();
SET ROLE graph_privileges_owner;
SELECT ask_about('follows');
SET ROLE graph_privileges_nobody;
SELECT count(*) > 0 FROM lent(1);
RESET ROLE;
ALTER TABLE follows FORCE ROW LEVEL SECURITY;
SET ROLE graph_privileges_owner;
SELECT ask_about('follows');
RESET ROLE;
ALTER TABLE follows NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
-- Writers need no right on graph or state; the compactor runs as the owners, whatever the caller's search_path holds.
GRANT INSERT, UPDATE, DELETE, SELECT ON follows TO graph_privileges_nobody;
SET ROLE graph_privileges_nobody;
INSERT INTO follows VALUES (1, 88, '2020-01-02', 1, 'ios');
UPDATE follows SET b = 89 WHERE b = 88;
RESET ROLE;
REVOKE ALL ON follows FROM graph_privileges_nobody;
CREATE SCHEMA graph_privileges_evil;
CREATE FUNCTION graph_privileges_evil.eq(text, text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$;
CREATE OPERATOR graph_privileges_evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = graph_privileges_evil.eq);
SET search_path = graph_privileges_evil, pg_catalog, public, graph_privileges;
SELECT recommend.maintain('g');
SELECT count(*) FROM neighbors('g', '1'::text) WHERE node OPERATOR(pg_catalog.=) '89';
SELECT count(*) FROM neighbors('g', '1'::text, half_life => '1 hour', context => '{"device": "ios"}') WHERE node OPERATOR(pg_catalog.=) '89';
SELECT rebuild_graph('g') > 0;
SET search_path = graph_privileges, public;
-- embed_graph() writes with the caller's rights on the table.
REVOKE ALL ON vectors FROM PUBLIC;
SET ROLE graph_privileges_reader;
SELECT try($$SELECT embed_graph('g', into_table => 'vectors')$$);
RESET ROLE;
GRANT INSERT ON vectors TO graph_privileges_reader;
SET ROLE graph_privileges_reader;
SELECT try($$SELECT embed_graph('g', into_table => 'vectors')$$);
RESET ROLE;
GRANT DELETE, SELECT ON vectors TO graph_privileges_reader;
SET ROLE graph_privileges_reader;
SELECT embed_graph('g', into_table => 'vectors') > 0;
RESET ROLE;
-- The owner of a graph may be another one from then on; the own graph of a recommender goes with its table.
SET ROLE graph_privileges_owner;
SELECT drop_edges('g', 'buys');
SELECT drop_graph('g');
SELECT create_recommender('mine', 'follows', 'a', 'b', 'at');
SET ROLE graph_privileges_seller;
SELECT try($$SELECT drop_graph('mine')$$);
SELECT try($$SELECT create_graph('mine')$$);
RESET ROLE;
ALTER TABLE follows OWNER TO graph_privileges_seller;
SET ROLE graph_privileges_owner;
SELECT try($$SELECT drop_graph('mine')$$);
SELECT try($$SELECT recommend.maintain('mine')$$);
SELECT try($$SELECT * FROM neighbors('mine', 1)$$);
SET ROLE graph_privileges_seller;
SELECT try($$SELECT recommend.maintain('mine')$$);
SELECT try($$SELECT rebuild_graph('mine')$$);
SELECT try($$SELECT add_edges('mine', 'buys', 'u', 'user', 'i', 'item', 'buys')$$);
SELECT try($$SELECT drop_graph('mine')$$);
RESET ROLE;
SELECT drop_recommender('mine');
SET client_min_messages = warning;
DROP SCHEMA graph_privileges, graph_privileges_evil CASCADE;
DROP ROLE graph_privileges_owner, graph_privileges_seller, graph_privileges_nobody, graph_privileges_member, graph_privileges_bypass, graph_privileges_reader, graph_privileges_columns;
