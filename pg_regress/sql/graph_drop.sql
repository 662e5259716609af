-- Leaving no trace: drop_graph(), drop_edges(), dropped tables, columns, schemas, owners, and the extension itself.
CREATE SCHEMA graph_drop;
SET search_path = graph_drop, public;
SET recommend.auto_compact = off;
CREATE VIEW traces AS
    SELECT 'relation' AS what, relname::text AS name FROM pg_class WHERE relnamespace = 'recommend'::regnamespace AND relname ~ '_\d+(_|$)' AND relkind <> 'i'
    UNION ALL SELECT 'trigger', tgname FROM pg_trigger WHERE tgname ~ '^recommend_'
    UNION ALL SELECT 'feed', feed::text FROM recommend.epochs
    UNION ALL SELECT 'edge state', feed::text FROM recommend.edge_state
    UNION ALL SELECT 'graph state', graph::text FROM recommend.graph_state
    UNION ALL SELECT 'edges', edge_type FROM recommend.edge_sources
    UNION ALL SELECT 'nodes', name FROM recommend.node_types
    UNION ALL SELECT 'partition', leaf::text FROM recommend.partitions
    UNION ALL SELECT 'graph', name FROM recommend.graphs
     ORDER BY 1, 2;
CREATE TABLE log (a int, b int, at timestamptz, note text, w real, kind text);
CREATE TABLE other (a int, c text);
INSERT INTO log VALUES (1, 2, '2020-01-01', 'n', 1, 'view');
INSERT INTO other VALUES (1, 'x');
CREATE FUNCTION make() RETURNS void LANGUAGE sql AS $$
    SELECT create_graph('g');
    SELECT add_edges('g', 'log', 'a', 'user', 'b', 'user', 'e', 'at', 'w', '{kind}');
    SELECT add_edges('g', 'other', 'a', 'user', 'c', 'word', 'said');
$$;

SELECT make();
TABLE traces;
SELECT drop_edges('g', 'other', 'said');
TABLE traces;
SELECT drop_graph('g');
TABLE traces;
TABLE log;
-- In a transaction that is rolled back.
BEGIN;
SELECT make();
ROLLBACK;
TABLE traces;
SELECT make();
BEGIN;
SELECT drop_edges('g', 'other');
SELECT drop_graph('g');
INSERT INTO log VALUES (1, 3, '2020-01-01', 'n', 1);
ROLLBACK;
INSERT INTO log VALUES (1, 4, '2020-01-01', 'n', 1);
SELECT node FROM neighbors('g', '1'::text) ORDER BY 1;
-- Dropped and made again in one transaction, by a session that has asked before.
BEGIN;
SELECT drop_graph('g');
SELECT make();
SELECT node FROM neighbors('g', '1'::text) ORDER BY 1;
COMMIT;
SELECT node FROM neighbors('g', '1'::text) ORDER BY 1;
SELECT drop_graph('g');
SELECT create_graph('g');
SELECT add_edges('g', 'log', 'b', 'user', 'a', 'user', 'e', 'at', 'w', '{kind}');
INSERT INTO log VALUES (9, 1, '2020-01-02', 'n', 1);
SELECT node FROM neighbors('g', 1, direction => 'out') ORDER BY 1;
SELECT drop_graph('g');
SELECT make();

-- Tables and columns that are tracked are not dropped by accident.
DROP TABLE log;
ALTER TABLE log DROP COLUMN at;
ALTER TABLE log DROP COLUMN w;
ALTER TABLE log DROP COLUMN kind;
ALTER TABLE other DROP COLUMN c;
ALTER TABLE log ALTER COLUMN a TYPE bigint;
ALTER TABLE log DROP COLUMN note;
DROP VIEW recommend.events_1;
DROP TABLE recommend.out_1;
DROP TABLE recommend.in_1 CASCADE;
DROP TABLE recommend.delta_2;
DROP TABLE recommend.contexts_1;
DROP TABLE recommend.nodes_1;
DROP TABLE recommend.nodes_1 CASCADE;
DROP TRIGGER recommend_1 ON log;
DROP TRIGGER recommend_1_truncate ON log;
INSERT INTO log VALUES (1, 5, '2020-01-01', 1);
SELECT node FROM neighbors('g', '1'::text) ORDER BY 1;
-- With CASCADE, the edges go and the graph stays.
ALTER TABLE log DROP COLUMN w CASCADE;
TABLE traces;
SELECT node FROM neighbors('g', '1'::text) ORDER BY 1;
INSERT INTO log VALUES (1, 6, '2020-01-01');
DROP TABLE log, other CASCADE;
TABLE traces;
SELECT node FROM neighbors('g', '1'::text) ORDER BY 1;
SELECT drop_graph('g');
TABLE traces;

-- A schema, an owner of all, an owner of the graph alone, an owner of a table alone.
CREATE SCHEMA graph_drop_inner;
CREATE TABLE graph_drop_inner.log (a int, b int, at timestamptz) PARTITION BY LIST (a);
CREATE TABLE graph_drop_inner.log_1 PARTITION OF graph_drop_inner.log FOR VALUES IN (1);
SELECT create_graph('g');
SELECT add_edges('g', 'graph_drop_inner.log', 'a', 'user', 'b', 'user', 'e', 'at');
SET client_min_messages = warning;
DROP SCHEMA graph_drop_inner CASCADE;
RESET client_min_messages;
SELECT drop_graph('g');
TABLE traces;
CREATE ROLE graph_drop_owner;
GRANT ALL ON SCHEMA graph_drop TO graph_drop_owner;
SET ROLE graph_drop_owner;
CREATE TABLE mine (a int, b int);
SELECT create_graph('g');
SELECT add_edges('g', 'mine', 'a', 'user', 'b', 'user', 'e');
RESET ROLE;
DROP ROLE graph_drop_owner;
DROP OWNED BY graph_drop_owner;
TABLE traces;
CREATE TABLE ours (a int, b int);
GRANT ALL ON SCHEMA graph_drop TO graph_drop_owner;
SET ROLE graph_drop_owner;
SELECT create_graph('g');
RESET ROLE;
SELECT add_edges('g', 'ours', 'a', 'user', 'b', 'user', 'e');
-- Its graph has edges of others: it is not dropped by the way.
DROP OWNED BY graph_drop_owner;
SELECT drop_graph('g');
DROP OWNED BY graph_drop_owner;
TABLE traces;
INSERT INTO ours VALUES (1, 2);
GRANT ALL ON SCHEMA graph_drop TO graph_drop_owner;
SET ROLE graph_drop_owner;
CREATE TABLE mine (a int, b int);
RESET ROLE;
SELECT create_graph('g');
SELECT add_edges('g', 'mine', 'a', 'user', 'b', 'user', 'e');
SELECT add_edges('g', 'ours', 'a', 'user', 'b', 'user', 'f');
DROP OWNED BY graph_drop_owner;
SELECT node, edge_type FROM neighbors('g', 1);
TABLE traces;
SELECT drop_graph('g');
-- Handed to another owner.
GRANT ALL ON SCHEMA graph_drop TO graph_drop_owner;
SET ROLE graph_drop_owner;
CREATE TABLE mine (a int, b int);
SELECT create_graph('g');
SELECT add_edges('g', 'mine', 'a', 'user', 'b', 'user', 'e');
RESET ROLE;
REASSIGN OWNED BY graph_drop_owner TO CURRENT_USER;
DROP OWNED BY graph_drop_owner;
DROP ROLE graph_drop_owner;
INSERT INTO mine VALUES (1, 2);
SELECT recommend.maintain('g');
SELECT node FROM neighbors('g', 1);
SELECT drop_graph('g');
TABLE traces;

-- The extension: with it go the graphs, not the tables.
CREATE TABLE log (a int, b int);
SELECT create_graph('g');
SELECT add_edges('g', 'log', 'a', 'user', 'b', 'user', 'e');
DROP VIEW traces;
DROP EXTENSION pg_recommend;
SET client_min_messages = warning;
DROP EXTENSION pg_recommend CASCADE;
RESET client_min_messages;
INSERT INTO log VALUES (1, 2);
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'log'::regclass;
CREATE EXTENSION pg_recommend SCHEMA public;
SELECT create_graph('g');
SELECT add_edges('g', 'log', 'a', 'user', 'b', 'user', 'e');
SELECT node FROM neighbors('g', 1);
SELECT drop_graph('g');
SET client_min_messages = warning;
DROP SCHEMA graph_drop CASCADE;
