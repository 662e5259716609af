-- Defining, altering and rebuilding recommenders.
CREATE SCHEMA define;
SET search_path = define, public;
SET recommend.auto_compact = off;

-- Every pair of key types, domains and varchar seen through.
CREATE DOMAIN shopper AS varchar(20);
CREATE TABLE log (s smallint, i int, b bigint, u uuid, t text, v varchar(40), d shopper, at timestamptz);
SELECT create_recommender('s-u', 'log', 's', 'u', 'at', graph => false);
SELECT create_recommender('i-t', 'log', 'i', 't', 'at', graph => false);
SELECT create_recommender('b-v', 'log', 'b', 'v', 'at', graph => false);
SELECT create_recommender('u-s', 'log', 'u', 's', 'at', graph => false);
SELECT create_recommender('d-i', 'log', 'd', 'i', 'at', graph => false);
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), l.collname
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname IN ('user_key', 'item_key')
  LEFT JOIN pg_collation l ON l.oid = a.attcollation AND l.collname <> 'default'
 WHERE c.relname ~ '^delta_\d+$' ORDER BY c.oid, a.attnum;
SELECT id, name, events, user_column, item_column, time_column, session_gap, half_life, max_edges_per_node, include_seen
  FROM recommend.recommenders ORDER BY id;
SELECT drop_recommender(name) FROM recommend.recommenders ORDER BY id;
DROP TABLE log;

-- All options.
CREATE TYPE kind AS ENUM ('view', 'cart', 'purchase', 'remove', 'ping');
CREATE TABLE "Events" (
    id bigint GENERATED ALWAYS AS IDENTITY,
    "User" int,
    item text,
    kind kind,
    visit uuid,
    device varchar,
    mobile bool GENERATED ALWAYS AS (device = 'phone') STORED,
    seen_at timestamp
);
CREATE TABLE stock (sku text PRIMARY KEY);
INSERT INTO "Events" ("User", item, kind, visit, device, seen_at) VALUES
    (1, 'a', 'view', 'a0000000-0000-0000-0000-000000000001', 'phone', '2024-01-01 10:00'),
    (1, 'b', 'cart', NULL, NULL, '2024-01-01 10:05'),
    (1, 'b', 'ping', NULL, NULL, '2024-01-01 10:05'),
    (2, NULL, 'view', NULL, NULL, '2024-01-01 10:06'),
    (2, 'c', 'remove', NULL, 'desk', 'infinity'),
    (2, 'c', 'remove', NULL, 'desk', '2024-01-01 10:07');
SELECT create_recommender('shop', '"Events"', 'User', 'item', 'seen_at',
    event_column => 'kind', event_weights => '{"view": 1, "cart": 4.5, "remove": -2, "ping": 0}',
    session_column => 'visit', context_columns => '{device,mobile}', half_life => '1 mon', time_window => '1 year',
    max_edges_per_node => 64, eligible => 'stock', eligible_column => 'sku', include_seen => false);
SET timezone = 'Asia/Tokyo';
SELECT user_key, item_key, at AT TIME ZONE 'UTC' AS at, weight,
       session = hashtextextended('a0000000-0000-0000-0000-000000000001', 0) AS session, context
  FROM recommend.events_1 ORDER BY at;
RESET timezone;
SELECT event_weights, session_column, context_columns, half_life, time_window, max_edges_per_node, eligible,
       eligible_column, include_seen FROM recommend.recommenders;
SELECT relname, relkind, reloptions FROM pg_class
 WHERE relnamespace = 'recommend'::regnamespace AND relname ~ '_1(_|$)' ORDER BY 1;
SELECT tgname, tgenabled, tgisinternal FROM pg_trigger WHERE tgrelid = '"Events"'::regclass ORDER BY 1;

-- State belongs to the catalog's owner, what runs code of the event table's owner to that one.
CREATE ROLE define_owner;
ALTER TABLE "Events" OWNER TO define_owner;
SELECT DISTINCT relkind, relowner::regrole FROM pg_class WHERE relnamespace = 'recommend'::regnamespace AND relname ~ '_1$' AND relkind IN ('r', 'v') ORDER BY 1, 2;

-- A renamed table or column goes on.
ALTER TABLE "Events" RENAME TO log;
ALTER TABLE log RENAME COLUMN "User" TO shopper;
ALTER TABLE log RENAME COLUMN device TO gadget;
ALTER TABLE log SET SCHEMA public;
SELECT events, user_column, context_columns FROM recommend.recommenders;
INSERT INTO log (shopper, item, kind, gadget, seen_at) VALUES (3, 'd', 'view', 'phone', '2024-01-02');
SELECT change, user_key, item_key, at AT TIME ZONE 'UTC' AS at, weight, session, context FROM recommend.delta_1;

-- Altering options that change no event.
SELECT alter_recommender('shop', time_window => '0', eligible => '-', include_seen => true, new_name => 'store');
SELECT name, time_window, eligible, eligible_column, include_seen FROM recommend.recommenders;
SELECT alter_recommender('store', half_life => '3 days', max_edges_per_node => 10);
SELECT half_life, max_edges_per_node FROM recommend.recommenders;
-- Altering what an event is.
SELECT alter_recommender('store', event_weights => '{"purchase": 1e-1}', session_column => '', context_columns => '{}');
SELECT event_weights, session_column, context_columns FROM recommend.recommenders;
SELECT count(*) FROM recommend.delta_1;
INSERT INTO log (shopper, item, kind, gadget, seen_at) VALUES (3, 'd', 'purchase', 'phone', '2024-01-02'), (3, 'd', 'view', NULL, '2024-01-02');
SELECT change, user_key, item_key, weight, session, context FROM recommend.delta_1;
SELECT alter_recommender('store', event_column => '', event_weights => '{}', user_column => 'id');
SELECT user_column, event_column, event_weights FROM recommend.recommenders;
INSERT INTO log (item, seen_at) VALUES ('z', '2024-01-03');
SELECT change, user_key, item_key, weight, pg_typeof(user_key) FROM recommend.delta_1;

-- Options are taken at face value whatever the search_path: an operator of the caller's is not called.
CREATE SCHEMA evil;
CREATE FUNCTION evil.eq(int, int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$;
CREATE OPERATOR evil.= (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.eq);
SET search_path = evil, pg_catalog, public, define;
SELECT alter_recommender('store', half_life => '9 days');
INSERT INTO log (item, seen_at) VALUES ('z', '2024-01-03');
SELECT drop_recommender('store');
SET search_path = define, public;
SELECT count(*) FROM recommend.recommenders;
DROP TABLE log;
DROP ROLE define_owner;

-- Many existing rows are read in the background.
CREATE TABLE log (u int, i int, at timestamptz);
INSERT INTO log SELECT g, g, '2024-01-01' FROM generate_series(1, 10) g;
ANALYZE log;
SET recommend.background_backfill = 5;
\set VERBOSITY terse
BEGIN;
SELECT create_recommender('later', 'log', 'u', 'i', 'at');
SELECT needs_rebuild FROM recommend.status;
ROLLBACK;
RESET recommend.background_backfill;
SELECT create_recommender('never', 'log', 'u', 'i', 'at', backfill => false);
SELECT needs_rebuild FROM recommend.status;
SELECT drop_recommender('never');
SET client_min_messages = warning;
DROP SCHEMA define, evil CASCADE;
