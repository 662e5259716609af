-- The extension's own life: in a schema of the user's choice, dropped beneath its recommenders, and created again.
SET client_min_messages = warning;
DROP EXTENSION pg_recommend CASCADE;
CREATE SCHEMA api;
CREATE EXTENSION pg_recommend SCHEMA api;
RESET client_min_messages;
SELECT extname, extnamespace::regnamespace FROM pg_extension WHERE extname = 'pg_recommend';
-- Every function is either of the API, in the chosen schema, or internal, in the schema of the state.
SELECT pronamespace::regnamespace AS schema, count(*) > 0 AS has_functions
  FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
 WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
   AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_recommend')
 GROUP BY 1 ORDER BY 1;

CREATE SCHEMA shop;
SET search_path = shop;
SET recommend.auto_compact = off;
CREATE TABLE log (u int, i int, at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE log_2025 PARTITION OF log FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
INSERT INTO log SELECT n % 3, n % 5, '2025-03-01'::timestamptz + n * interval '1 hour' FROM generate_series(1, 30) AS n;
SELECT api.create_recommender('r', 'log', 'u', 'i', 'at');
INSERT INTO log VALUES (1, 4, '2025-03-05');
SELECT count(*) FROM api.recommend(1, 5);
SELECT count(*) FROM api.similar_items(4, 3);
SELECT recommend.maintain('r');
SELECT count(*) FROM api.recommend(1, 5);
SELECT events, backlog FROM recommend.status;
-- Not relocatable: its functions know where they are.
ALTER EXTENSION pg_recommend SET SCHEMA shop;

-- Dropped with a recommender there: the event table can be written as before.
DROP EXTENSION pg_recommend;
SET client_min_messages = warning;
DROP EXTENSION pg_recommend CASCADE;
RESET client_min_messages;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgrelid IN ('log'::regclass, 'log_2025'::regclass);
SELECT evtname FROM pg_event_trigger;
SELECT nspname FROM pg_namespace WHERE nspname = 'recommend';
INSERT INTO log VALUES (2, 2, '2025-03-06');
UPDATE log SET i = 3 WHERE u = 2;
DELETE FROM log WHERE u = 1;
SELECT count(*) FROM log;
TRUNCATE log;
ALTER TABLE log ADD COLUMN note text;
CREATE TABLE log_2026 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO log VALUES (1, 1, '2025-03-01', 'kept'), (1, 2, '2025-03-02', 'kept');

-- Created again in another schema, in the same session.
CREATE EXTENSION pg_recommend SCHEMA public;
SELECT public.create_recommender('r', 'log', 'u', 'i', 'at');
INSERT INTO log VALUES (1, 3, '2026-03-01');
SELECT item_id FROM public.recommend(1, 5) ORDER BY item_id;
SET client_min_messages = warning;
DROP SCHEMA shop, api CASCADE;
SELECT count(*) FROM recommend.recommenders;
