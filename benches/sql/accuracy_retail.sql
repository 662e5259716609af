-- online_retail through SQL: 3 lines of a basket given, the others are to be found; what returning customers newly buy; and items like an
-- item. The split is 2011-11-15, and what came later is not in the event table.
\set split '2011-11-15 00:00+00'
\set log 'online_retail'
SET timezone = 'UTC';
CREATE TABLE file (
    position bigserial, description text, quantity int, at timestamptz, unitprice numeric, customer text, country text);
\copy file (description, quantity, at, unitprice, customer, country) FROM 'online_retail.csv' CSV HEADER
CREATE TABLE titles (item_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text UNIQUE);
INSERT INTO titles (title)
SELECT description FROM file WHERE description <> '' GROUP BY description ORDER BY min(position);
CREATE TABLE sold AS
SELECT customer::float8::int AS customer_id, item_id, at, quantity
FROM file JOIN titles ON title = description WHERE quantity > 0 AND customer <> '';
CREATE TABLE purchases (customer_id int NOT NULL, item_id int NOT NULL, at timestamptz NOT NULL, quantity int NOT NULL);
INSERT INTO purchases SELECT * FROM sold WHERE at < :'split' ORDER BY at;
CREATE TABLE later AS SELECT * FROM sold WHERE at >= :'split';

CREATE EXTENSION pg_recommend;
SELECT create_recommender('shop', 'purchases', user_column => 'customer_id', item_column => 'item_id', time_column => 'at') \g /dev/null
ANALYZE;

CREATE TABLE sets AS SELECT dense_rank() OVER (ORDER BY customer_id, at) AS set_id, item_id, at FROM purchases;
CREATE TABLE questions (
    question_id int GENERATED ALWAYS AS IDENTITY, protocol text NOT NULL, user_id int, given int[] NOT NULL, targets int[] NOT NULL);
-- Samples are drawn by a hash, so that each run asks the same.
INSERT INTO questions (protocol, given, targets)
SELECT '3 lines of a basket given', items[1:3], items[4:]
FROM (SELECT customer_id, at, array_agg(item_id ORDER BY md5(format('%s %s %s', customer_id, at, item_id))) AS items
      FROM (SELECT DISTINCT customer_id, at, item_id FROM later) AS lines
      GROUP BY customer_id, at HAVING count(*) BETWEEN 6 AND 60) AS baskets
ORDER BY md5(format('%s %s', customer_id, at)) LIMIT :questions;
INSERT INTO questions (protocol, user_id, given, targets)
SELECT 'new items of returning customers', customer_id, known.items, bought.items
FROM (SELECT customer_id, array_agg(DISTINCT item_id) AS items FROM purchases GROUP BY customer_id) AS known
JOIN (SELECT customer_id, array_agg(DISTINCT item_id) AS items FROM later
      WHERE NOT EXISTS (SELECT FROM purchases WHERE purchases.customer_id = later.customer_id AND purchases.item_id = later.item_id)
      GROUP BY customer_id HAVING count(DISTINCT item_id) >= 5) AS bought USING (customer_id)
ORDER BY md5(customer_id::text) LIMIT :questions;
\set wanted '{REGENCY CAKESTAND 3 TIER,PARTY BUNTING,WHITE HANGING HEART T-LIGHT HOLDER,JUMBO BAG RED RETROSPOT,ASSORTED COLOUR BIRD ORNAMENT,LUNCH BAG RED RETROSPOT,GREEN REGENCY TEACUP AND SAUCER,ALARM CLOCK BAKELIKE RED,SET OF 3 CAKE TINS PANTRY DESIGN,"PAPER CHAIN KIT 50\'S CHRISTMAS"}'
\ir accuracy_answers.sql
