-- Vector sets: defining them, what they take, what they refuse, and what follows the table.
CREATE SCHEMA vectors;
SET search_path = vectors, public;
SET recommend.auto_compact = off;
CREATE TABLE items (id int PRIMARY KEY, v real[], note text);
SELECT create_vector_set('items', 'items', 'id', 'v');
SELECT id, name, source, id_column, vector_column FROM recommend.vector_sets;

-- Ids that are touched.
INSERT INTO items VALUES (1, '{1,0}'), (2, '{0,1}'), (3, NULL);
UPDATE items SET note = 'x';
UPDATE items SET v = '{1,1}' WHERE id = 1;
UPDATE items SET id = 20 WHERE id = 2;
DELETE FROM items WHERE id = 3;
SELECT * FROM recommend.vector_changes_1;
ALTER TABLE items ADD CONSTRAINT no_change CHECK (true);
ALTER TABLE items RENAME COLUMN v TO embedding;
SELECT id, name, source, id_column, vector_column FROM recommend.vector_sets;
DROP TABLE recommend.vector_changes_1;
DROP VIEW recommend.vectors_1;
ALTER TABLE items ALTER COLUMN embedding TYPE float8[];
SELECT drop_vector_set('items');
SELECT count(*) FROM recommend.vector_state;
SELECT relname FROM pg_class WHERE relnamespace = 'recommend'::regnamespace AND relname ~ '^vector.*_1$';
SELECT tgname FROM pg_trigger WHERE tgrelid = 'items'::regclass;
SELECT create_vector_set('items', 'items', 'id', 'embedding');
DROP TABLE items CASCADE;
SELECT count(*) FROM recommend.vector_sets;
