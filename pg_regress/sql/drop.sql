-- Leaving no trace: drop_recommender(), dropped tables, columns, schemas, owners, and the extension itself.
CREATE SCHEMA drops;
SET search_path = drops, public;
SET recommend.auto_compact = off;
CREATE VIEW traces AS
    SELECT 'relation' AS what, relname::text AS name FROM pg_class
     WHERE relnamespace = 'recommend'::regnamespace AND relname ~ '_\d+(_|$)'
    UNION ALL SELECT 'trigger', tgname FROM pg_trigger WHERE tgname ~ '^recommend_'
    UNION ALL SELECT 'feed', feed::text FROM recommend.epochs
    UNION ALL SELECT 'state', recommender::text FROM recommend.state
    UNION ALL SELECT 'edge state', feed::text FROM recommend.edge_state
    UNION ALL SELECT 'graph state', graph::text FROM recommend.graph_state
    UNION ALL SELECT 'edges', edge_type FROM recommend.edge_sources
    UNION ALL SELECT 'nodes', name FROM recommend.node_types
    UNION ALL SELECT 'graph', name FROM recommend.graphs
    UNION ALL SELECT 'partition', leaf::text FROM recommend.partitions
    UNION ALL SELECT 'definition', name FROM recommend.recommenders;
CREATE TABLE log (u int, i int, at timestamptz, kind text);
INSERT INTO log VALUES (1, 1, 'epoch', 'view');

SELECT create_recommender('r', 'log', 'u', 'i', 'at');
SELECT drop_recommender('r');
TABLE traces;
TABLE log;
-- Created and dropped in a transaction that is rolled back.
BEGIN;
SELECT create_recommender('r', 'log', 'u', 'i', 'at');
ROLLBACK;
TABLE traces;
SELECT create_recommender('r', 'log', 'u', 'i', 'at');
BEGIN;
SELECT drop_recommender('r');
INSERT INTO log VALUES (1, 2, 'epoch', 'view');
ROLLBACK;
INSERT INTO log VALUES (1, 3, 'epoch', 'view');
SELECT change, item_key FROM recommend.delta_1;

-- Tables and columns that are tracked are not dropped by accident.
DROP TABLE log;
ALTER TABLE log DROP COLUMN at;
ALTER TABLE log ALTER COLUMN u TYPE bigint;
ALTER TABLE log DROP COLUMN kind;
DROP VIEW recommend.events_1;
DROP TABLE recommend.users_1;
DROP TABLE recommend.delta_1 CASCADE;
DROP TRIGGER recommend_1 ON log;
DROP TRIGGER recommend_1_truncate ON log;
INSERT INTO log VALUES (1, 4, 'epoch');
SELECT change, item_key FROM recommend.delta_1;

-- With CASCADE, everything goes.
ALTER TABLE log DROP COLUMN at CASCADE;
TABLE traces;
INSERT INTO log VALUES (1, 5);
ALTER TABLE log ADD COLUMN at timestamptz;
SELECT create_recommender('r', 'log', 'u', 'i', 'at');
SELECT create_recommender('r2', 'log', 'i', 'u', 'at');
DROP TABLE log CASCADE;
TABLE traces;

-- A schema, an owner.
CREATE SCHEMA inner_drops;
CREATE TABLE inner_drops.log (u int, i int, at timestamptz) PARTITION BY LIST (u);
CREATE TABLE inner_drops.log_1 PARTITION OF inner_drops.log FOR VALUES IN (1);
CREATE TABLE inner_drops.stock (i int);
SELECT create_recommender('r', 'inner_drops.log', 'u', 'i', 'at', eligible => 'inner_drops.stock');
DROP SCHEMA inner_drops CASCADE;
TABLE traces;
CREATE ROLE drops_owner;
GRANT ALL ON SCHEMA drops TO drops_owner;
SET ROLE drops_owner;
CREATE TABLE mine (u int, i int, at timestamptz);
SELECT create_recommender('r', 'mine', 'u', 'i', 'at');
RESET ROLE;
DROP OWNED BY drops_owner;
DROP ROLE drops_owner;
TABLE traces;

-- The extension.
CREATE TABLE log (u int, i int, at timestamptz);
SELECT create_recommender('r', 'log', 'u', 'i', 'at');
INSERT INTO log VALUES (1, 1, 'epoch');
DROP EXTENSION pg_recommend;
SET client_min_messages = warning;
DROP EXTENSION pg_recommend CASCADE;
RESET client_min_messages;
SELECT nspname FROM pg_namespace WHERE nspname = 'recommend';
SELECT tgname FROM pg_trigger WHERE tgrelid = 'log'::regclass;
SELECT evtname FROM pg_event_trigger;
INSERT INTO log VALUES (1, 2, 'epoch');
DROP TABLE log;
CREATE EXTENSION pg_recommend SCHEMA public;
CREATE TABLE log (u int, i int, at timestamptz);
SELECT create_recommender('r', 'log', 'u', 'i', 'at');
INSERT INTO log VALUES (1, 1, 'epoch');
SELECT change, item_key FROM recommend.delta_1;
SET client_min_messages = warning;
DROP SCHEMA drops CASCADE;
SELECT count(*) FROM recommend.recommenders;
