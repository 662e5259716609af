-- The compactor by hand, and what readers keep across it.
CREATE SCHEMA maintain;
SET search_path = maintain, public;
SET recommend.auto_compact = off;
SET recommend.default_recommender = 'shop';
CREATE TABLE log (u int, i text, at timestamptz);
SELECT create_recommender('shop', 'log', 'u', 'i', 'at', learn => false);
CREATE VIEW state AS SELECT events, backlog, skipped, users, items, newest_event, needs_rebuild FROM recommend.status WHERE recommender = 'shop';
CREATE FUNCTION answers() RETURNS TABLE (question text, item text, score numeric, place int) LANGUAGE sql STABLE AS $$
    SELECT 'recommend ' || u, item_id, round(score::numeric, 4), rank FROM generate_series(0, 9) u, recommend(u, NULL::text, 20, as_of => '2020-01-02')
    UNION ALL SELECT 'similar ' || i, item_id, round(score::numeric, 4), rank FROM unnest('{a0,a1,a2,b1,x}'::text[]) i, similar_items(i, 20, as_of => '2020-01-02')
    UNION ALL SELECT 'trending', item_id, round(score::numeric, 4), rank FROM trending_items(50, as_of => '2020-01-02')
$$;
CREATE TABLE noted AS SELECT * FROM answers();
-- Notes the answers, or shows where they differ from those noted.
CREATE FUNCTION note() RETURNS bool LANGUAGE sql AS $$ TRUNCATE noted; INSERT INTO noted SELECT * FROM answers(); SELECT count(*) > 0 FROM noted $$;
CREATE FUNCTION changed() RETURNS TABLE (sign text, question text, item text, score numeric, place int) LANGUAGE sql STABLE AS $$
    SELECT '+', * FROM (SELECT * FROM answers() EXCEPT SELECT * FROM noted) a UNION ALL SELECT '-', * FROM (SELECT * FROM noted EXCEPT SELECT * FROM answers()) a $$;
SELECT recommend.maintain('shop'), recommend.maintain(), recommend.maintain('shop', 5);
-- Moved bit by bit: at most so many rows at a time, a user's rows together.
INSERT INTO log SELECT n % 5, 'a' || n * n % 7, '2020-01-01'::timestamptz + n * interval '1 min' FROM generate_series(1, 60) n;
SELECT note();
SELECT recommend.maintain('shop', 1) > 0 AS moved;
SELECT * FROM changed();
SELECT backlog < 60 AS fewer, backlog > 0 AS some FROM state;
SELECT recommend.maintain('shop', 20) > 0 AS moved;
SELECT * FROM changed();
SELECT recommend.maintain(NULL, 1000000) > 0 AS moved;
SELECT * FROM changed();
SELECT events, backlog, users, items FROM state;
SELECT recommend.maintain('shop');
-- NULL keys and times, infinite times and keys that are too long are skipped, and counted; so is their going.
INSERT INTO log VALUES (NULL, 'a1', '2020-01-01'), (1, NULL, '2020-01-01'), (1, 'a1', NULL), (1, 'a1', 'infinity'), (1, 'a1', '-infinity'), (1, repeat('x', 2000), '2020-01-01');
SELECT * FROM changed();
SELECT backlog, skipped FROM state;
SELECT recommend.maintain('shop');
SELECT backlog, skipped FROM state;
DELETE FROM log WHERE at = 'infinity' OR u IS NULL;
SELECT recommend.maintain('shop');
SELECT backlog, skipped FROM state;
SELECT * FROM changed();
-- UPDATE, DELETE and TRUNCATE are visible at once and the same when packed; rolled back they never were.
BEGIN;
DELETE FROM log WHERE i = 'a1';
UPDATE log SET i = 'b1' WHERE i = 'a2';
SELECT array_agg(item_id ORDER BY rank) FROM trending_items(as_of => '2020-01-02');
ROLLBACK;
SELECT * FROM changed();
BEGIN;
TRUNCATE log;
SELECT count(*) FROM answers();
INSERT INTO log VALUES (1, 'x', '2020-01-01 10:00');
SELECT array_agg(item_id) FROM recommend(1, NULL::text, as_of => '2020-01-02');
SAVEPOINT packed;
SELECT recommend.maintain('shop') > 0 AS moved;
SELECT array_agg(item_id) FROM recommend(1, NULL::text, as_of => '2020-01-02');
ROLLBACK TO packed;
SELECT array_agg(item_id) FROM recommend(1, NULL::text, as_of => '2020-01-02');
ROLLBACK;
SELECT * FROM changed();
DELETE FROM log WHERE i = 'a1';
UPDATE log SET i = 'b1' WHERE i = 'a2' AND u = 1;
SELECT note();
SELECT recommend.maintain('shop') > 0 AS moved;
SELECT * FROM changed();
SELECT events = (SELECT count(*) FROM log WHERE u IS NOT NULL AND octet_length(i) < 1025 AND isfinite(at)) AS exact FROM state;

-- Readers keep what they have folded for one state of the packed rows. A compaction that was rolled back is counted again: what
-- was kept of it once answered with the numbers of other items.
BEGIN;
INSERT INTO log VALUES (7, 'one', '2020-01-01 08:00'), (7, 'two', '2020-01-01 08:01');
SELECT recommend.maintain('shop');
INSERT INTO log VALUES (8, 'two', '2020-01-01 08:02');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(8, NULL::text, 2, as_of => '2020-01-02');
ROLLBACK;
INSERT INTO log VALUES (7, 'three', '2020-01-01 08:00'), (7, 'two', '2020-01-01 08:01');
SELECT recommend.maintain('shop');
INSERT INTO log VALUES (8, 'two', '2020-01-01 08:02');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(8, NULL::text, 2, as_of => '2020-01-02');
SELECT array_agg(item_id ORDER BY rank) FROM similar_items('two'::text, 2, as_of => '2020-01-02');
-- So was that of a dropped recommender of the same number.
CREATE TABLE other (u int, i text, at timestamptz);
SELECT create_recommender('other', 'other', 'u', 'i', 'at', learn => false) AS id \gset
INSERT INTO other VALUES (1, 'first', '2020-01-01'), (1, 'second', '2020-01-01 00:01');
SELECT recommend.maintain('other');
INSERT INTO other VALUES (1, 'first', '2020-01-01 00:02');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, NULL::text, 5, 'other', as_of => '2020-01-02');
SELECT drop_recommender('other');
TRUNCATE other;
SELECT create_recommender('other', 'other', 'u', 'i', 'at', learn => false) = :id AS same_number;
INSERT INTO other VALUES (1, 'third', '2020-01-01'), (1, 'first', '2020-01-01 00:01');
SELECT recommend.maintain('other');
INSERT INTO other VALUES (1, 'first', '2020-01-01 00:02');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, NULL::text, 5, 'other', as_of => '2020-01-02');
-- A rolled back item leaves nothing behind, not even in the count of items that smooths all scores.
TRUNCATE other;
INSERT INTO other VALUES (1, 'a', '2020-01-01'), (2, 'b', '2020-01-01 00:01');
CREATE TEMP TABLE clean AS SELECT * FROM recommend(1, NULL::text, 5, 'other', as_of => '2020-01-02');
BEGIN;
INSERT INTO other SELECT 3, 'n' || n, '2020-01-01 00:00:30' FROM generate_series(1, 50) n;
SELECT count(*) FROM recommend(1, NULL::text, 100, 'other', as_of => '2020-01-02');
ROLLBACK;
SELECT * FROM recommend(1, NULL::text, 5, 'other', as_of => '2020-01-02') EXCEPT TABLE clean;
-- Equal scores come in the order in which items were first seen, in whatever order they are written, packed or not.
TRUNCATE other;
-- Microseconds apart: their popularities differ in the twelfth digit, which scores do not have.
INSERT INTO other VALUES (3, 'c', '2020-01-01 00:00:00.000003');
SELECT array_agg(item_id ORDER BY rank) FROM trending_items(5, 'other', as_of => '2020-01-02');
INSERT INTO other VALUES (2, 'b', '2020-01-01 00:00:00.000002');
INSERT INTO other VALUES (1, 'a', '2020-01-01 00:00:00.000001');
SELECT array_agg(item_id ORDER BY rank) FROM rank_items(99, '{c,b,a}'::text[], 'other', as_of => '9999-01-01');
SELECT recommend.maintain('other');
SELECT array_agg(item_id ORDER BY rank) FROM rank_items(99, '{c,b,a}'::text[], 'other', as_of => '9999-01-01');
SELECT rebuild_recommender('other');
SELECT array_agg(item_id ORDER BY rank) FROM rank_items(99, '{c,b,a}'::text[], 'other', as_of => '9999-01-01');
-- The same where the time is the same, wherever the rows lie.
TRUNCATE other;
INSERT INTO other SELECT n, 'i' || n, '2020-01-01' FROM generate_series(1, 9) n;
CREATE TEMP TABLE unpacked AS SELECT * FROM recommend(99, NULL::text, 9, 'other', as_of => '2020-01-02');
SELECT recommend.maintain('other');
SELECT * FROM recommend(99, NULL::text, 9, 'other', as_of => '2020-01-02') EXCEPT TABLE unpacked;
ALTER TABLE other DISABLE TRIGGER ALL;
CREATE TABLE copy AS TABLE other;
DELETE FROM other;
INSERT INTO other SELECT * FROM copy ORDER BY u DESC;
ALTER TABLE other ENABLE TRIGGER ALL;
SELECT rebuild_recommender('other');
SELECT * FROM recommend(99, NULL::text, 9, 'other', as_of => '2020-01-02') EXCEPT TABLE unpacked;
-- A recommender without packed rows weighs new pairs from its newest event, not from the year 2000: 2^350000 is no number.
TRUNCATE other;
SELECT alter_recommender('other', half_life => '30 min');
INSERT INTO other SELECT n % 2, 'p' || n % 3, '2020-01-01'::timestamptz + n * interval '1 min' FROM generate_series(1, 12) n;
SELECT item_id, round(score::numeric, 4) AS score FROM similar_items('p1'::text, 5, 'other', as_of => '2020-01-01 01:00');
INSERT INTO other SELECT n % 2, 'p' || n % 3, '2021-01-01'::timestamptz + n * interval '1 min' FROM generate_series(1, 12) n;
SELECT item_id, round(score::numeric, 4) AS score FROM similar_items('p1'::text, 5, 'other', as_of => '2021-01-01 01:00');
SELECT recommend.maintain('other');
SELECT item_id, round(score::numeric, 4) AS score FROM similar_items('p1'::text, 5, 'other', as_of => '2021-01-01 01:00');
-- After TRUNCATE nothing of before counts, packed or not: neither events nor how many items there were.
TRUNCATE log;
INSERT INTO log VALUES (1, 'a1', '2020-01-01'), (1, 'a2', '2020-01-01 00:01'), (2, 'a1', '2020-01-01 00:02');
SELECT note();
SELECT recommend.maintain('shop') > 0 AS moved;
SELECT * FROM changed();
SELECT events, backlog, users, items FROM state;
SELECT rebuild_recommender('shop');
SELECT * FROM changed();
-- Compacting writes, and says so.
BEGIN READ ONLY;
SELECT recommend.maintain('shop');
ROLLBACK;
SET client_min_messages = warning;
DROP SCHEMA maintain CASCADE;
