-- The demo: from two plain tables to recommendations. Run by scripts/demo in the folder that holds the two CSV files.
\set QUIET 1
\set ON_ERROR_STOP 1
\pset footer off

\echo
\echo '== The shop: two plain tables'
CREATE TABLE products (product_id int PRIMARY KEY, title text NOT NULL);
CREATE TABLE purchases (
    customer_id int NOT NULL,
    product_id  int NOT NULL REFERENCES products,
    kind        text NOT NULL CHECK (kind IN ('purchase', 'return')),
    at          timestamptz NOT NULL DEFAULT now(),
    place       text
);
\copy products FROM 'products.csv' CSV
\copy purchases FROM 'purchases.csv' CSV
CREATE INDEX ON purchases (customer_id, at);
ANALYZE products, purchases;
\d purchases
SELECT count(*) AS purchases, count(DISTINCT customer_id) AS customers, count(DISTINCT product_id) AS products,
       min(at)::date AS first_day, max(at)::date AS last_day
FROM purchases;

\set ECHO queries
\timing on

\echo '== One call makes the recommender, reads the rows that are there, and follows every change from now on'
CREATE EXTENSION pg_recommend;
SELECT create_recommender('shop', 'purchases', user_column => 'customer_id', item_column => 'product_id',
                          time_column => 'at', event_column => 'kind', event_weights => '{"purchase": 1, "return": -1}',
                          context_columns => '{place}', half_life => '30 days');

\set ECHO none
\timing off
-- A customer to look at: an ordinary one (20 to 60 different products) with the most recent purchase.
SELECT customer_id AS customer, min(place) AS place
FROM purchases WHERE kind = 'purchase'
GROUP BY customer_id HAVING count(DISTINCT product_id) BETWEEN 20 AND 60
ORDER BY max(at) DESC, customer_id LIMIT 1 \gset
SELECT item_id AS product FROM trending_items(NULL::int, 1) \gset
SELECT title AS product_title FROM products WHERE product_id = :product \gset
SELECT item_id AS another FROM similar_items(:product, 1) \gset
SELECT title AS another_title FROM products WHERE product_id = :another \gset
\echo
\echo '== Customer' :customer 'bought last'
SELECT at::timestamp(0), title FROM purchases JOIN products USING (product_id)
WHERE customer_id = :customer AND kind = 'purchase' ORDER BY at DESC, product_id LIMIT 5;

\set ECHO queries
\timing on
\echo '== What to show this customer next, without what was bought before'
SELECT rank, title, round(score::numeric, 2) AS score, array_to_string(sources, ', ') AS sources
FROM recommend(:customer, 5, include_seen => false) JOIN products ON product_id = item_id ORDER BY rank;

\echo
\echo '== What goes with' :product_title
SELECT rank, title, round(score::numeric, 2) AS score
FROM similar_items(:product, 5) JOIN products ON product_id = item_id ORDER BY rank;

\echo
\echo '== What is in demand now'
SELECT rank, title, round(score::numeric, 1) AS score
FROM trending_items(NULL::int, 5) JOIN products ON product_id = item_id ORDER BY rank;

\echo
\echo '== A visitor without a name has put into the basket:' :product_title 'and' :another_title
SELECT rank, title, round(score::numeric, 2) AS score, array_to_string(sources, ', ') AS sources
FROM recommend_session(ARRAY[:product, :another], 5, include_seen => false)
JOIN products ON product_id = item_id ORDER BY rank;

\set ECHO none
\timing off
SELECT item_id AS first_choice FROM recommend(:customer, 1, include_seen => false) \gset
SELECT title AS first_title FROM products WHERE product_id = :first_choice \gset
\set ECHO queries
\timing on
\echo
\echo '== Why' :first_title 'came first for customer' :customer '(the contributions add up to its score)'
SELECT source, feature, title AS because_of, round(value::numeric, 2) AS value, round(weight::numeric, 2) AS weight,
       round(contribution::numeric, 2) AS contribution
FROM explain_recommendation(:customer, :first_choice) LEFT JOIN products ON product_id = via
WHERE contribution <> 0 ORDER BY abs(contribution) DESC;

\echo
\echo '== Committed = visible: the customer buys' :product_title 'and the very next answer knows'
INSERT INTO purchases (customer_id, product_id, kind, place) VALUES (:customer, :product, 'purchase', :'place');
SELECT rank, title, round(score::numeric, 2) AS score, array_to_string(sources, ', ') AS sources
FROM recommend(:customer, 5, include_seen => false) JOIN products ON product_id = item_id ORDER BY rank;

\echo
\echo '== What the recommender keeps beside the table'
SELECT recommender, events, backlog, users, items, pg_size_pretty(state_bytes) AS state,
       pg_size_pretty(pg_total_relation_size('purchases')) AS purchases
FROM recommend.status;
\timing off
\set ECHO none
