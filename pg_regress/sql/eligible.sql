-- Only what may be shown: a table or a view of eligible items.
CREATE SCHEMA eligible;
SET search_path = eligible, public;
SET recommend.auto_compact = off;
CREATE TABLE log (u int, i int, at timestamptz, kind text);
CREATE TABLE stock (sku bigint, amount int);
INSERT INTO stock VALUES (1, 1), (3, 0), (4, 2), (4, 5), (NULL, 9), (9, 1), (700, 1), (500, 3), (600, 0);
CREATE VIEW in_stock AS SELECT sku AS i FROM stock WHERE amount > 0;
SELECT create_recommender('shop', 'log', 'u', 'i', 'at', event_column => 'kind', event_weights => '{"view": 1, "hide": -1}', eligible => 'stock', eligible_column => 'sku');
INSERT INTO log SELECT n % 4, n * n % 11, '2020-01-01'::timestamptz + n * interval '1 min', 'view' FROM generate_series(1, 60) n;
-- All rows of the table; those without an event in the order of their keys.
SELECT item_id, sources, variant FROM recommend(1, 20, as_of => '2020-01-02') ORDER BY item_id;
SELECT item_id FROM recommend(1, 20, as_of => '2020-01-02') WHERE item_id >= 500 ORDER BY rank;
SELECT bool_and(score <= before) AS falling FROM (SELECT score, lag(score, 1, score) OVER (ORDER BY rank) AS before FROM recommend(1, 20, as_of => '2020-01-02')) s;
SELECT count(DISTINCT score) FROM recommend(1, 20, as_of => '2020-01-02') WHERE sources = '{eligible}';
-- n rows whenever n eligible items exist.
SELECT n, count(*) FROM generate_series(0, 9) n, recommend(1, n, as_of => '2020-01-02') GROUP BY n ORDER BY n;
SELECT count(*) FROM recommend(1, 1000000, as_of => '2020-01-02');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(999, 20, as_of => '2020-01-02');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend_session('{1}'::int[], 20, as_of => '2020-01-02');
SELECT user_id, array_agg(item_id ORDER BY item_id) FROM recommend_batch('{1,999}'::int[], 20, as_of => '2020-01-02') GROUP BY 1 ORDER BY 1;
-- Seen, excluded and disliked ones are not among them; min_score leaves out what has no score to speak of.
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 20, include_seen => false, as_of => '2020-01-02');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 20, exclude_items => '{500,4}'::int[], as_of => '2020-01-02');
INSERT INTO log VALUES (1, 600, '2020-01-01 02:00', 'hide');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 20, as_of => '2020-01-02');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(2, 20, as_of => '2020-01-02');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 20, min_score => -1000, as_of => '2020-01-02');
-- Lists are filtered too, however far down the eligible ones are; the caller's own candidates are not.
SELECT array_agg(item_id ORDER BY rank) FROM trending_items(20, as_of => '2020-01-02');
SELECT array_agg(item_id ORDER BY rank) FROM trending_items(1, as_of => '2020-01-02');
SELECT array_agg(item_id ORDER BY rank) FROM trending_items(20, half_life => '1 hour', as_of => '2020-01-02');
SELECT array_agg(item_id ORDER BY rank) FROM similar_items(5, 20, as_of => '2020-01-02');
SELECT array_agg(item_id ORDER BY rank) FROM similar_items(5, 1, as_of => '2020-01-02');
SELECT array_agg(item_id ORDER BY item_id) FROM rank_items(1, '{0,5,500}'::int[], as_of => '2020-01-02');
-- As of the past as well; eligibility is always that of now.
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 20, as_of => '2020-01-01 00:30');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 20, as_of => '2019-01-01');
-- Packed, the same.
SELECT recommend.maintain('shop');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 20, as_of => '2020-01-02');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(2, 20, as_of => '2020-01-02');
-- A change of the table is visible at once, also before it is committed, and gone when rolled back.
BEGIN;
DELETE FROM stock WHERE sku IN (4, 500);
INSERT INTO stock VALUES (10, 1);
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 20, as_of => '2020-01-02');
ROLLBACK;
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 20, as_of => '2020-01-02');
-- A view, whose column has the item column's name.
SELECT alter_recommender('shop', eligible => 'in_stock', eligible_column => 'i');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 20, as_of => '2020-01-02');
UPDATE stock SET amount = 0 WHERE sku = 4;
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 20, as_of => '2020-01-02');
-- A view may depend on who asks, or when, or fail.
CREATE OR REPLACE VIEW in_stock AS SELECT sku AS i FROM stock WHERE amount > current_setting('eligible.least')::int;
SET eligible.least = 2;
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 20, as_of => '2020-01-02');
SET eligible.least = 'x';
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 20, as_of => '2020-01-02');
SET eligible.least = 100;
SELECT count(*) FROM recommend(1, 20, as_of => '2020-01-02');
SELECT count(*) FROM recommend(999, 20, as_of => '2020-01-02');
-- Without one, everything that had an event.
SELECT alter_recommender('shop', eligible => '-');
SELECT count(*) FROM recommend(1, 20, as_of => '2020-01-02');
-- A table whose column is wider than the item column: what an item cannot be is left out.
CREATE TABLE small (u int, i smallint, at timestamptz);
INSERT INTO small VALUES (1, 1, '2020-01-01'), (1, 2, '2020-01-01 00:01');
INSERT INTO stock VALUES (3000000000, 1), (40000, 1), (-40000, 1), (2, 1);
SELECT create_recommender('small', 'small', 'u', 'i', 'at', eligible => 'stock', eligible_column => 'sku');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 20, 'small', as_of => '2020-01-02');
-- Texts are shown as they are, in the order of their bytes.
CREATE TABLE names (u int, i text, at timestamptz);
INSERT INTO names VALUES (1, 'b', '2020-01-01');
CREATE TABLE shown (i varchar(10));
INSERT INTO shown VALUES ('b'), ('B'), ('ä'), ('a'), ('a'), (''), ('it''s'), (NULL);
SELECT create_recommender('names', 'names', 'u', 'i', 'at', eligible => 'shown');
SELECT item_id, sources FROM recommend(1, NULL::text, 20, 'names', as_of => '2020-01-02') WHERE item_id <> 'b' ORDER BY rank;
SELECT item_id FROM recommend(1, NULL::text, 20, 'names', exclude_items => ARRAY['', 'ä'], as_of => '2020-01-02') WHERE item_id <> 'b' ORDER BY rank;
SET client_min_messages = warning;
DROP SCHEMA eligible CASCADE;
