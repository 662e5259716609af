-- Vector sets: defining them, what they take, what they refuse, and what follows the table.
CREATE SCHEMA vectors;
SET search_path = vectors, public;
SET recommend.auto_compact = off;
SET datestyle = 'ISO, YMD';
CREATE TABLE items (id int PRIMARY KEY, v real[], note text);
INSERT INTO items VALUES (1, '{1,0}'), (2, '{0,1}'), (3, '{1,1}'), (4, NULL), (5, '{0,0}'), (6, '{1,NaN}'), (7, '{1,2,3}'), (8, '{2,1}');
SELECT create_vector_set('items', 'items', 'id', 'v');
SELECT id, name, source, id_column, vector_column, dimensions FROM recommend.vector_sets;
SELECT vector_set, source, rows, skipped, dimensions, changes, bytes > 0 AS bytes, state FROM recommend.vector_set_status;

-- Questions. Ids come back as text, or typed.
SELECT * FROM cosine_topk('items', '{1,0}', 3);
SELECT id, pg_typeof(id), score FROM cosine_topk(NULL::int, 'items', '{1,0}', 3);
SELECT id, pg_typeof(id) FROM cosine_topk(NULL::bigint, 'items', '{1,0}', 1);
SELECT id, pg_typeof(id) FROM cosine_topk(NULL::text, 'items', '{1,0}', 1);
SELECT * FROM cosine_topk('items', '{1,0}');
SELECT * FROM cosine_topk('items', '{1,0}', 100, among => ARRAY[1, 2, 99, NULL]);
SELECT * FROM cosine_topk('items', '{1,0}', 100, among => '{}'::int[]);
SELECT * FROM cosine_topk('items', '{1,0}', 100, exclude => ARRAY[1, 2]::bigint[]);
SELECT * FROM cosine_topk('items', '{1,0}', 100, among => ARRAY['1', '2', '3'], exclude => ARRAY['2']);
SELECT * FROM cosine_topk_batch('items', '{{1,0},{0,1},{-1,-1}}', 2);
SELECT * FROM cosine_topk_batch(NULL::int, 'items', '{{1,0},{0,1}}', 1, 'cpu', ARRAY[3, 8], '{8}'::int[]);
SELECT * FROM cosine_topk_batch('items', '{1,0}', 1);
SELECT * FROM cosine_topk_batch('items', '{}', 1);
SELECT * FROM cosine_neighbors('items', 3);
SELECT * FROM cosine_neighbors('items', '3'::text, 1);
SELECT count(*) FROM generate_series(4, 5) AS n, cosine_neighbors('items', n);
SELECT * FROM cosine_neighbors('items', 99);
SELECT * FROM cosine_neighbors('items', NULL::int);
SELECT n, t.id FROM generate_series(1, 2) AS n, LATERAL cosine_topk('items', ARRAY[n, 1]::real[], n) AS t ORDER BY n, score DESC;
EXPLAIN SELECT * FROM cosine_topk('items', '{1,0}', 7);
-- A GPU that is not there.
SELECT id FROM cosine_topk('items', '{1,0}', 1, device => 'gpu');
SELECT id FROM cosine_topk('items', '{1,0}', 1, device => 'gpu');
-- Threads do not change the answer.
SET recommend.topk_threads = 3;
SELECT * FROM cosine_topk('items', '{1,0}', 3);
RESET recommend.topk_threads;

-- Bad input.
SELECT * FROM cosine_topk('nothing', '{1,0}');
SELECT * FROM cosine_topk(NULL, '{1,0}');
SELECT * FROM cosine_topk('items', NULL);
SELECT * FROM cosine_topk('items', '{1,0,0}');
SELECT * FROM cosine_topk('items', '{}');
SELECT * FROM cosine_topk('items', '{0,0}');
SELECT * FROM cosine_topk('items', '{NaN,0}');
SELECT * FROM cosine_topk('items', '{1,Infinity}');
SELECT * FROM cosine_topk('items', '{1,NULL}');
SELECT * FROM cosine_topk('items', '{{1,0}}');
SELECT * FROM cosine_topk('items', '{1,0}', 0);
SELECT * FROM cosine_topk('items', '{1,0}', -5);
SELECT * FROM cosine_topk('items', '{1,0}', NULL::int);
SELECT * FROM cosine_topk('items', '{1,0}', 2147483647);
SELECT * FROM cosine_topk('items', '{1,0}', 1, 'tpu');
SELECT * FROM cosine_topk('items', '{1,0}', 1, among => 5);
SELECT * FROM cosine_topk('items', '{1,0}', 1, among => ARRAY['x']);
SELECT * FROM cosine_topk('items', '{1,0}', 1, exclude => ARRAY[gen_random_uuid()]);
SELECT * FROM cosine_topk(NULL::uuid, 'items', '{1,0}');
SELECT * FROM cosine_topk(7, 'items', '{1,0}');
SELECT * FROM cosine_topk_batch('items', '{{1,0},{0,0}}');
SELECT * FROM cosine_topk_batch('items', '{{1,0},{0,NaN}}');
SELECT * FROM cosine_topk_batch('items', '{{1,0,1}}');
SELECT * FROM cosine_topk_batch('items', '{{1,0},{1,NULL}}');
SELECT * FROM cosine_topk_batch('items', '{{{1,0}}}');
SELECT * FROM cosine_topk_batch('items', (SELECT array_agg(ARRAY[1, n]) FROM generate_series(1, 10001) AS n)::real[]);
SELECT * FROM cosine_neighbors('items', gen_random_uuid());

-- Sets that cannot be.
CREATE TABLE bad (id int, v real[], u int UNIQUE, w text, e real[], d int UNIQUE DEFERRABLE, n numeric UNIQUE);
CREATE UNIQUE INDEX ON bad (id, u);
CREATE UNIQUE INDEX ON bad (id) WHERE u > 0;
CREATE VIEW bad_view AS SELECT * FROM bad;
SELECT create_vector_set('items', 'items', 'id', 'v');
SELECT create_vector_set('', 'items', 'id', 'v');
SELECT create_vector_set('bad', 'bad', 'id', 'v');
SELECT create_vector_set('bad', 'bad', 'd', 'v');
SELECT create_vector_set('bad', 'bad', 'u', 'w');
SELECT create_vector_set('bad', 'bad', 'n', 'v');
SELECT create_vector_set('bad', 'bad', 'x', 'v');
SELECT create_vector_set('bad', 'bad', 'u', 'vv');
SELECT create_vector_set('bad', 'bad_view', 'u', 'v');
SELECT create_vector_set('bad', 'bad', NULL, 'v');
SELECT create_vector_set('bad', 'bad', 'u', 'v', 0);
SELECT create_vector_set('bad', 'bad', 'u', 'v', 16001);
SELECT create_vector_set('bad', 'pg_class', 'oid', 'relacl');
SELECT drop_vector_set('bad'), rebuild_vector_set('bad');
SELECT rebuild_vector_set('bad');

-- A set without rows, and one whose first rows come later.
SELECT create_vector_set('empty', 'bad', 'u', 'v');
SELECT * FROM cosine_topk('empty', '{1,2,3}');
SELECT recommend.maintain('empty');
INSERT INTO bad (u, v) VALUES (1, '{1,2,3}'), (2, '{1,2}'), (NULL, '{1,2,3}');
SELECT * FROM cosine_topk('empty', '{1,2,3}');
SELECT * FROM cosine_topk('empty', '{1,2,3,4}');
SELECT recommend.maintain('empty');
SELECT vector_set, rows, skipped, dimensions, changes, state FROM recommend.vector_set_status WHERE vector_set = 'empty';
SELECT * FROM cosine_topk('empty', '{1,2}');
-- All vectors become others.
DELETE FROM bad WHERE u = 1;
INSERT INTO bad (u, v) SELECT n, '{2,1}' FROM generate_series(10, 12) AS n;
SELECT * FROM cosine_topk('empty', '{1,2}');
SELECT rebuild_vector_set('empty');
SELECT * FROM cosine_topk('empty', '{1,2}');
-- An emptied table may be filled with vectors of another length.
TRUNCATE bad;
SELECT recommend.maintain('empty');
INSERT INTO bad (u, v) VALUES (1, '{1,2,3,4}');
SELECT * FROM cosine_topk('empty', '{1,2,3,4}');
SELECT drop_vector_set('empty');
-- A length that is fixed.
INSERT INTO bad (u, v) VALUES (2, '{1,2}');
SELECT create_vector_set('fixed', 'bad', 'u', 'v', dimensions => 2);
SELECT * FROM cosine_topk('fixed', '{1,2}');
SELECT drop_vector_set('fixed');

-- Several sets of one table, made by one statement.
CREATE TABLE twice AS SELECT n AS id, ARRAY[1, n]::real[] AS a, ARRAY[n, 1]::real[] AS b FROM generate_series(1, 2000) AS n;
ALTER TABLE twice ADD PRIMARY KEY (id);
SELECT create_vector_set('a', 'twice', 'id', 'a'), create_vector_set('b', 'twice', 'id', 'b');
UPDATE twice SET a = b WHERE id = 2000;
SELECT a.id AS a, b.id AS b FROM cosine_topk('a', '{1,0}', 1) AS a, cosine_topk('b', '{1,0}', 1) AS b;
DROP TABLE twice CASCADE;

-- Ids that are touched, and no others.
SELECT recommend.maintain('items');
UPDATE items SET note = 'x';
SELECT * FROM recommend.vector_changes_1;
UPDATE items SET v = v WHERE id = 1;
INSERT INTO items VALUES (9, '{1,0.1}');
UPDATE items SET v = '{1,-1}' WHERE id = 1;
UPDATE items SET id = 20 WHERE id = 2;
DELETE FROM items WHERE id = 3;
SELECT * FROM recommend.vector_changes_1;
SELECT * FROM cosine_topk('items', '{1,0}');
SELECT recommend.maintain('items');
SELECT rows, skipped, changes FROM recommend.vector_set_status;
SELECT * FROM cosine_topk('items', '{1,0}');

-- From within a statement that changes the table, also before our trigger is called for its rows.
CREATE FUNCTION nearest() RETURNS text LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN (SELECT string_agg(id, ' ' ORDER BY score DESC, id) FROM cosine_topk('items', '{1,0}', 3)); END $$;
CREATE TABLE seen (at_id int, nearest text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES (new.id, nearest()); RETURN new; END $$;
CREATE TRIGGER a_before BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER a_after AFTER UPDATE ON items FOR EACH ROW EXECUTE FUNCTION note();
BEGIN;
UPDATE items SET v = '{1,0}' WHERE id IN (8, 20);
SELECT * FROM seen;
SELECT nearest();
ROLLBACK;
DROP TRIGGER a_before ON items;
DROP TRIGGER a_after ON items;
UPDATE items SET note = nearest() WHERE id = 1;
WITH changed AS (UPDATE items SET v = '{5,0}' WHERE id = 8 RETURNING id) SELECT changed.id, nearest() FROM changed;
SELECT nearest();

-- How it is answered: from the table where there is no copy.
CREATE TABLE later (id uuid PRIMARY KEY, v float8[]);
INSERT INTO later SELECT md5(n::text)::uuid, ARRAY[1, n] FROM generate_series(1, 5) AS n;
SELECT create_vector_set('later', 'later', 'id', 'v', build => false);
SET client_min_messages = debug1;
SELECT id FROM cosine_topk('later', '{1,0}', 1);
RESET client_min_messages;
SELECT rows, changes, state FROM recommend.vector_set_status WHERE vector_set = 'later';
SELECT recommend.maintain('later');
SET client_min_messages = debug1;
SELECT id FROM cosine_topk('later', '{1,0}', 1);
BEGIN READ ONLY;
SELECT id, pg_typeof(id) FROM cosine_topk(NULL::uuid, 'later', '{1,0}', 1);
COMMIT;
RESET client_min_messages;
DROP TABLE later CASCADE;

-- A disabled trigger: questions read the table until it is enabled and the copy is made anew.
ALTER TABLE items DISABLE TRIGGER ALL;
INSERT INTO items VALUES (30, '{1,0}');
SELECT id FROM cosine_topk('items', '{1,0}', 3);
SELECT state FROM recommend.vector_set_status;
ALTER TABLE items ENABLE TRIGGER ALL;
SELECT state FROM recommend.vector_set_status;
SELECT id FROM cosine_topk('items', '{1,0}', 3);
SELECT recommend.maintain('items') > 0;
SELECT id FROM cosine_topk('items', '{1,0}', 3);
SELECT state FROM recommend.vector_set_status;

-- DDL.
ALTER TABLE items RENAME COLUMN v TO embedding;
ALTER TABLE items RENAME COLUMN id TO item;
ALTER TABLE items RENAME TO goods;
SELECT id, name, source, id_column, vector_column FROM recommend.vector_sets;
INSERT INTO goods VALUES (31, '{1,0}');
SELECT id FROM cosine_topk('items', '{1,0}', 4);
ALTER TABLE goods DROP COLUMN note, ADD COLUMN more text DEFAULT 'x';
SELECT id FROM cosine_topk('items', '{1,0}', 4);
DROP TABLE recommend.vector_changes_1;
DROP VIEW recommend.vectors_1;
DROP TRIGGER recommend_1 ON goods;
ALTER TABLE goods ALTER COLUMN embedding TYPE float8[];
ALTER TABLE goods DROP COLUMN embedding;
ALTER TABLE goods DROP CONSTRAINT items_pkey;
SELECT id FROM cosine_topk('items', '{1,0}', 4);
SELECT rebuild_vector_set('items');
SELECT recommend.maintain('items');
SELECT state FROM recommend.vector_set_status;
BEGIN;
SELECT drop_vector_set('items');
ROLLBACK;
ALTER TABLE goods ADD PRIMARY KEY (item);
SELECT id FROM cosine_topk('items', '{1,0}', 4);

-- Privileges.
CREATE ROLE vectors_reader;
CREATE ROLE vectors_owner;
GRANT USAGE ON SCHEMA vectors TO vectors_reader;
GRANT USAGE, CREATE ON SCHEMA vectors TO vectors_owner;
SET ROLE vectors_reader;
SELECT * FROM cosine_topk('items', '{1,0}', 1);
SELECT count(*) FROM recommend.vector_set_status;
SELECT drop_vector_set('items');
SELECT rebuild_vector_set('items');
SELECT recommend.maintain('items');
SELECT create_vector_set('mine', 'goods', 'item', 'embedding');
RESET ROLE;
GRANT SELECT (item, embedding) ON goods TO vectors_reader;
SET ROLE vectors_reader;
SELECT * FROM cosine_topk('items', '{1,0}', 1);
SELECT vector_set, state FROM recommend.vector_set_status;
SELECT count(*) FROM recommend.vector_changes_1;
RESET ROLE;
ALTER TABLE goods ENABLE ROW LEVEL SECURITY;
SET ROLE vectors_reader;
SELECT * FROM cosine_topk('items', '{1,0}', 1);
RESET ROLE;
ALTER TABLE goods OWNER TO vectors_owner;
SET ROLE vectors_owner;
INSERT INTO goods VALUES (32, '{1,-0.1}');
SELECT recommend.maintain('items');
SELECT * FROM cosine_topk('items', '{1,-0.1}', 1);
SELECT drop_vector_set('items');
SELECT create_vector_set('items', 'goods', 'item', 'embedding');
RESET ROLE;

-- Dropped with the table, leaving nothing behind.
DROP TABLE goods;
DROP TABLE goods CASCADE;
SELECT count(*) FROM recommend.vector_sets;
SELECT count(*) FROM recommend.vector_state;
SELECT relname FROM pg_class WHERE relnamespace = 'recommend'::regnamespace AND relname ~ '^vector.*_[0-9]$';
SELECT tgname FROM pg_trigger WHERE tgrelid = 'bad'::regclass AND NOT tgisinternal;
DROP OWNED BY vectors_reader, vectors_owner;
DROP ROLE vectors_reader, vectors_owner;
SET client_min_messages = warning;
DROP SCHEMA vectors CASCADE;
