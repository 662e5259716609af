-- What changes is in the answer at once: after each of some hundred random changes cosine_topk() of a set gives what the aggregate gives, to the bit.
CREATE SCHEMA vectors_track;
SET search_path = vectors_track, public;
SET recommend.auto_compact = off;
CREATE TABLE items (id int PRIMARY KEY, v real[], note text);
CREATE TABLE words (word text UNIQUE, v float8[] NOT NULL);
CREATE TABLE parts (id bigint, v real[], PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (50);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (50) TO (100) PARTITION BY RANGE (id);
CREATE TABLE parts_2a PARTITION OF parts_2 FOR VALUES FROM (50) TO (100);
CREATE TABLE things (id uuid, v real[]);
CREATE UNIQUE INDEX ON things (id);
SELECT create_vector_set('items', 'items', 'id', 'v', dimensions => 4), create_vector_set('words', 'words', 'word', 'v', build => false),
       create_vector_set('things', 'things', 'id', 'v', 4), create_vector_set('parts', 'parts', 'id', 'v', 4);

-- Vectors of few values, so that many scores are equal; some are no vectors.
CREATE FUNCTION some_vector() RETURNS real[] LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN r < 0.9 THEN ARRAY[floor(random() * 3) - 1, floor(random() * 3) - 1, floor(random() * 3), random()]::real[]
                WHEN r < 0.92 THEN '{0,0,0,0}' WHEN r < 0.94 THEN NULL WHEN r < 0.96 THEN '{1,NaN,0,0}' WHEN r < 0.98 THEN '{1,2}' ELSE '{1,NULL,0,0}' END
      FROM (SELECT random() AS r) AS r
$$;
-- What the aggregate gives, as text; and the set.
CREATE FUNCTION oracle(source regclass, id_column name, q real[], n int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
    EXECUTE format('SELECT coalesce(string_agg(format(''%%s %%s'', id, score), '', '' ORDER BY o), '''') FROM (
        SELECT cosine_topk(%1$I, v, $1, $2) AS ids, cosine_topk_scores(%1$I, v, $1, $2) AS scores FROM %2$s WHERE cardinality(v) = 4) AS t,
        unnest(ids, scores) WITH ORDINALITY AS r (id, score, o)', id_column, source) INTO answer USING q, n;
    RETURN answer;
END $$;
CREATE FUNCTION answer(vector_set text, q real[], n int) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(string_agg(format('%s %s', id, score), ', ' ORDER BY o), '') FROM cosine_topk(vector_set, q, n) WITH ORDINALITY AS r (id, score, o)
$$;
CREATE FUNCTION same() RETURNS bool LANGUAGE plpgsql AS $$
DECLARE q real[] := ARRAY[random() - 0.5, 0.5, 1, random() - 0.5]; n int := 1 + random() * 8; s record; a text; o text;
BEGIN
    FOR s IN SELECT name, source, id_column FROM recommend.vector_sets ORDER BY id LOOP
        o := oracle(s.source, s.id_column, q, n);
        a := answer(s.name, q, n);
        IF a <> o THEN
            RAISE WARNING '%: % of %: the set says %, the aggregate %', s.name, n, q, a, o;
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END $$;
SELECT setseed(0.25);
-- One change.
CREATE FUNCTION change() RETURNS void LANGUAGE plpgsql AS $$
DECLARE what float8 := random(); i int := random() * 99; j int := random() * 99;
BEGIN
    CASE
    WHEN what < 0.3 THEN
        INSERT INTO items VALUES (i, some_vector()) ON CONFLICT (id) DO UPDATE SET v = excluded.v;
        INSERT INTO words SELECT 'word ' || i, v FROM some_vector() AS v WHERE v IS NOT NULL ON CONFLICT (word) DO NOTHING;
        INSERT INTO things SELECT md5(i::text)::uuid, some_vector() ON CONFLICT DO NOTHING;
        INSERT INTO parts VALUES (i, some_vector()) ON CONFLICT (id) DO NOTHING;
    WHEN what < 0.5 THEN
        UPDATE items SET v = some_vector() WHERE id BETWEEN i AND i + 5;
        UPDATE words SET v = '{1,1,1,1}' WHERE word LIKE 'word ' || i % 10 || '%';
        UPDATE things SET v = some_vector() WHERE id = md5(i::text)::uuid;
        UPDATE parts SET v = some_vector() WHERE id % 10 = i % 10;
    WHEN what < 0.6 THEN
        UPDATE items SET note = note || 'x';
        UPDATE items SET id = -id WHERE id = i AND NOT EXISTS (SELECT FROM items WHERE id = -i);
        UPDATE words SET word = word || ' and more' WHERE word = 'word ' || i AND NOT EXISTS (SELECT FROM words WHERE word = 'word ' || i || ' and more');
        UPDATE parts SET id = j WHERE id = i AND NOT EXISTS (SELECT FROM parts WHERE id = j);
    WHEN what < 0.72 THEN
        DELETE FROM items WHERE id BETWEEN i AND i + 2;
        DELETE FROM words WHERE word = 'word ' || i;
        DELETE FROM things WHERE id = md5(i::text)::uuid;
        DELETE FROM parts WHERE id = i;
    WHEN what < 0.74 THEN
        TRUNCATE parts_1;
    WHEN what < 0.76 THEN
        INSERT INTO items SELECT n, some_vector() FROM generate_series(i, i + 40) AS n ON CONFLICT DO NOTHING;
        INSERT INTO words SELECT 'more ' || n, ARRAY[1, n, 0, 0] FROM generate_series(i, i + 40) AS n ON CONFLICT DO NOTHING;
        INSERT INTO parts SELECT n, some_vector() FROM generate_series(0, 99) AS n ON CONFLICT DO NOTHING;
    WHEN what < 0.77 THEN
        TRUNCATE items, things;
    WHEN what < 0.78 THEN
        PERFORM rebuild_vector_set(name) FROM recommend.vector_sets;
    ELSE
        PERFORM recommend.maintain((ARRAY['items', 'words', 'things', 'parts'])[1 + i % 4]);
    END CASE;
END $$;
-- Many, some of them taken back.
CREATE FUNCTION changes(n int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE wrong int := 0;
BEGIN
    FOR c IN 1 .. n LOOP
        IF random() < 0.3 THEN
            BEGIN
                PERFORM change() FROM generate_series(0, (random() * 3)::int);
                IF NOT same() THEN wrong := wrong + 1; END IF;
                RAISE EXCEPTION USING ERRCODE = 'UNDO0';
            EXCEPTION WHEN SQLSTATE 'UNDO0' THEN NULL;
            END;
        ELSE
            PERFORM change();
        END IF;
        IF NOT same() THEN wrong := wrong + 1; END IF;
    END LOOP;
    RETURN format('%s of %s changes led to another answer', wrong, n);
END $$;
SELECT changes(200);
-- Each in a transaction of its own.
DO $$
DECLARE wrong int := 0;
BEGIN
    FOR c IN 1 .. 300 LOOP
        PERFORM change();
        COMMIT;
        IF NOT same() THEN wrong := wrong + 1; END IF;
        COMMIT;
    END LOOP;
    RAISE NOTICE '% of 300 transactions led to another answer', wrong;
END $$;
-- The seed does not decide what is left: each table gets a row with a vector and one with none.
INSERT INTO items VALUES (1000, '{1,2,3,4}'), (1001, '{0,0,0,0}');
INSERT INTO words VALUES ('a vector', '{1,2,3,4}'), ('none', '{0,0,0,0}');
INSERT INTO things VALUES (md5('a vector')::uuid, '{1,2,3,4}'), (md5('none')::uuid, NULL);
INSERT INTO parts VALUES (48, '{1,2,3,4}'), (98, '{1,NaN,0,0}') ON CONFLICT (id) DO UPDATE SET v = excluded.v;
DO $$ BEGIN PERFORM recommend.maintain(name) FROM recommend.vector_sets; END $$;
SELECT vector_set, rows > 0 AS has_rows, skipped > 0 AS has_skipped, dimensions, state FROM recommend.vector_set_status;
-- Everything is moved into copies: they say what the tables say.
DO $$ BEGIN PERFORM change() FROM generate_series(1, 30); PERFORM recommend.maintain(name) FROM recommend.vector_sets; END $$;
SELECT vector_set, changes, rows + skipped = (CASE vector_set WHEN 'items' THEN (SELECT count(*) FROM items) WHEN 'words' THEN (SELECT count(*) FROM words)
    WHEN 'things' THEN (SELECT count(*) FROM things) ELSE (SELECT count(*) FROM parts) END) AS complete, state FROM recommend.vector_set_status;
SELECT same();
SET client_min_messages = warning;
DROP SCHEMA vectors_track CASCADE;
SELECT count(*) FROM recommend.vector_sets;
