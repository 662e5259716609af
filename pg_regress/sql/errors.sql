-- What is refused, with which SQLSTATE and HINT.
CREATE SCHEMA errors;
SET search_path = errors, public;
SET recommend.auto_compact = off;
\set tests `echo "$PG_RECOMMEND_TESTS"`
\i :tests/sql/try.sql
-- create_recommender() with one option more, on a good table.
CREATE FUNCTION with_option(option text) RETURNS text LANGUAGE sql AS $$
    SELECT try('SELECT create_recommender(''bad'', ''log'', ''user_id'', ''item_id'', ''at'', ' || option || ')')
$$;
\pset format unaligned
\pset tuples_only
CREATE TABLE log (user_id int, item_id text, at timestamptz, kind text, price float8, day date, tags text[]);
INSERT INTO log VALUES (1, 'a', 'epoch', 'view');

-- No recommender yet.
SELECT try($$SELECT drop_recommender('nobody')$$);
SELECT try($$SELECT rebuild_recommender('nobody')$$);
SELECT try($$SELECT alter_recommender('nobody', half_life => '1 day')$$);

-- Names and NULLs.
SELECT try($$SELECT create_recommender(NULL, 'log', 'user_id', 'item_id', 'at')$$);
SELECT try($$SELECT create_recommender('bad', NULL, 'user_id', 'item_id', 'at')$$);
SELECT try($$SELECT create_recommender('bad', 'log', NULL, 'item_id', 'at')$$);
SELECT try($$SELECT create_recommender('', 'log', 'user_id', 'item_id', 'at')$$);
SELECT create_recommender('good', 'log', 'user_id', 'item_id', 'at');
SELECT try($$SELECT create_recommender('good', 'log', 'user_id', 'item_id', 'at')$$);
SELECT create_recommender('other', 'log', 'user_id', 'item_id', 'at');
SELECT try($$SELECT alter_recommender('other', new_name => 'good')$$);
SELECT try($$SELECT alter_recommender('goood', half_life => '1 day')$$);
SELECT drop_recommender('other');

-- Columns.
SELECT try($$SELECT create_recommender('bad', 'log', 'userid', 'item_id', 'at')$$);
SELECT try($$SELECT create_recommender('bad', 'log', 'user_id', 'item', 'at')$$);
SELECT try($$SELECT create_recommender('bad', 'log', 'user_id', 'item_id', 'ctid')$$);
SELECT with_option($$event_column => 'knd', event_weights => '{"a": 1}'$$);
SELECT with_option($$session_column => 'session'$$);
SELECT with_option($$context_columns => '{kind,zzzzzzzzzz}'$$);
SELECT try($$SELECT create_recommender('bad', 'log', 'price', 'item_id', 'at')$$);
SELECT try($$SELECT create_recommender('bad', 'log', 'user_id', 'tags', 'at')$$);
SELECT try($$SELECT create_recommender('bad', 'log', 'user_id', 'item_id', 'day')$$);
SELECT with_option($$session_column => 'day'$$);
SELECT with_option($$context_columns => '{price}'$$);

-- Weights.
SELECT with_option($$event_weights => '{"view": 1}'$$);
SELECT with_option($$event_column => 'kind', event_weights => '[1, 2]'$$);
SELECT with_option($$event_column => 'kind', event_weights => '{}'$$);
SELECT with_option($$event_column => 'kind', event_weights => '{"view": "1"}'$$);
SELECT with_option($$event_column => 'kind', event_weights => '{"view": null}'$$);
SELECT with_option($$event_column => 'kind', event_weights => '{"view": 1e39}'$$);
SELECT with_option($$event_column => 'kind', event_weights => '{"view": 1e999}'$$);

-- Numbers and intervals.
SELECT with_option($$half_life => '0'$$);
SELECT with_option($$half_life => '-1 day'$$);
SELECT with_option($$half_life => '1001 years'$$);
SELECT with_option($$half_life => '1 day -1 mon'$$);
SELECT with_option($$session_gap => '-30 min'$$);
SELECT with_option($$time_window => '0'$$);
SELECT with_option($$max_edges_per_node => 0$$);
SELECT with_option($$max_edges_per_node => 1001$$);
SELECT try($$SELECT alter_recommender('good', half_life => '-1 day')$$);
SELECT try($$SELECT alter_recommender('good', max_edges_per_node => -5)$$);
SELECT try($$SELECT alter_recommender('good', user_column => 'nope')$$);

-- Event tables that cannot be tracked.
CREATE VIEW log_view AS SELECT * FROM log;
CREATE MATERIALIZED VIEW log_matview AS SELECT * FROM log;
CREATE TEMP TABLE log_temp (LIKE log);
CREATE UNLOGGED TABLE log_unlogged (LIKE log);
SELECT try($$SELECT create_recommender('bad', 'log_view', 'user_id', 'item_id', 'at')$$);
SELECT try($$SELECT create_recommender('bad', 'log_matview', 'user_id', 'item_id', 'at')$$);
SELECT try($$SELECT create_recommender('bad', 'log_temp', 'user_id', 'item_id', 'at')$$);
SELECT try($$SELECT create_recommender('bad', 'log_unlogged', 'user_id', 'item_id', 'at')$$);
SELECT try($$SELECT create_recommender('bad', 'pg_class', 'user_id', 'item_id', 'at')$$);
SELECT try($$SELECT create_recommender('bad', 'recommend.state', 'user_id', 'item_id', 'at')$$);
SELECT try($$SELECT create_recommender('bad', 'nowhere', 'user_id', 'item_id', 'at')$$);

-- Eligible items.
CREATE TABLE stock (item_id text, number int);
CREATE INDEX stock_number ON stock (number);
CREATE TEMP TABLE stock_temp (item_id text);
SELECT with_option($$eligible => 'stock', eligible_column => 'sku'$$);
SELECT with_option($$eligible => 'stock', eligible_column => 'number'$$);
SELECT with_option($$eligible => 'stock_number'$$);
SELECT with_option($$eligible => 'stock_temp'$$);
SELECT alter_recommender('good', eligible => 'stock');
SELECT eligible, eligible_column FROM recommend.recommenders;
SELECT try('DROP TABLE stock');
SELECT alter_recommender('good', eligible => '-');
DROP TABLE stock;

-- Privileges: only the owner of the event table may define, and nobody may touch catalog or state directly.
CREATE ROLE errors_reader;
CREATE ROLE errors_owner;
GRANT USAGE ON SCHEMA errors TO errors_reader, errors_owner;
GRANT ALL ON log TO errors_reader;
SET ROLE errors_reader;
SELECT try($$SELECT create_recommender('bad', 'log', 'user_id', 'item_id', 'at')$$);
SELECT try($$SELECT alter_recommender('good', half_life => '1 day')$$);
SELECT try($$SELECT rebuild_recommender('good')$$);
SELECT try($$SELECT drop_recommender('good')$$);
SELECT try('SELECT FROM recommend.delta_1');
SELECT try('SELECT FROM recommend.events_1');
SELECT try('SELECT FROM recommend.state');
SELECT try('INSERT INTO recommend.epochs VALUES (1, 1)');
SELECT try('DELETE FROM recommend.recommenders');
SELECT try('CREATE TABLE recommend.mine ()');
SELECT name FROM recommend.recommenders;
SELECT recommender FROM recommend.status ORDER BY 1;
RESET ROLE;
SELECT drop_recommender('good');
ALTER TABLE log OWNER TO errors_owner;
SET ROLE errors_owner;
SELECT create_recommender('mine', 'log', 'user_id', 'item_id', 'at');
INSERT INTO log VALUES (2, 'b', 'epoch', 'view');
RESET ROLE;
SELECT change, user_key, item_key FROM recommend.delta_1;
SET ROLE errors_owner;
SELECT recommender, backlog FROM recommend.status ORDER BY 1;
RESET ROLE;
REVOKE ALL ON log FROM errors_reader;
SET ROLE errors_reader;
SELECT recommender, backlog FROM recommend.status ORDER BY 1;
RESET ROLE;
SET ROLE errors_owner;
SELECT drop_recommender('mine');
RESET ROLE;

-- Row security that is forced on the owner.
ALTER TABLE log ENABLE ROW LEVEL SECURITY;
ALTER TABLE log FORCE ROW LEVEL SECURITY;
SET ROLE errors_owner;
SELECT try($$SELECT create_recommender('bad', 'log', 'user_id', 'item_id', 'at')$$);
RESET ROLE;

SELECT count(*) FROM recommend.recommenders;
SELECT relname FROM pg_class WHERE relnamespace = 'recommend'::regnamespace AND relname ~ '_\d+$';
SET client_min_messages = warning;
DROP SCHEMA errors CASCADE;
DROP ROLE errors_owner, errors_reader;
