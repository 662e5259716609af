-- Who may ask: whoever may read the events. Who may define and compact: the owner of the event table.
CREATE SCHEMA privileges;
SET search_path = privileges, public;
SET recommend.auto_compact = off;
\set tests `echo "$PG_RECOMMEND_TESTS"`
\i :tests/sql/try.sql
\pset format unaligned
\pset tuples_only
CREATE ROLE privileges_owner;
CREATE ROLE privileges_nobody;
CREATE ROLE privileges_reader;
CREATE ROLE privileges_columns;
CREATE ROLE privileges_member IN ROLE privileges_reader;
GRANT USAGE ON SCHEMA privileges TO PUBLIC;
CREATE TABLE log (u int, i int, at timestamptz, kind text, device text, visit text, secret text);
INSERT INTO log SELECT n % 3, n % 5, '2020-01-01'::timestamptz + n * interval '1 min', 'view', 'ios', n / 4 FROM generate_series(1, 20) n;
ALTER TABLE log OWNER TO privileges_owner;
SET ROLE privileges_owner;
SELECT create_recommender('shop', 'log', 'u', 'i', 'at', event_column => 'kind', event_weights => '{"view": 1}', session_column => 'visit',
    context_columns => '{device}');
RESET ROLE;
GRANT SELECT ON log TO privileges_reader;
GRANT SELECT (u, i, at, kind, device, visit) ON log TO privileges_columns;
CREATE FUNCTION ask_all() RETURNS SETOF text LANGUAGE sql SECURITY INVOKER AS $$
    SELECT try($q$SELECT * FROM recommend(1)$q$)
    UNION ALL SELECT try($q$SELECT * FROM recommend(1, NULL::int)$q$)
    UNION ALL SELECT try($q$SELECT * FROM recommend(1, as_of => '2020-01-01 00:05')$q$)
    UNION ALL SELECT try($q$SELECT * FROM recommend_session('{1}'::int[])$q$)
    UNION ALL SELECT try($q$SELECT * FROM recommend_batch('{1}'::int[])$q$)
    UNION ALL SELECT try($q$SELECT * FROM recommend_batch('{1}'::int[], NULL::int)$q$)
    UNION ALL SELECT try($q$SELECT * FROM rank_items(1, '{1}'::int[])$q$)
    UNION ALL SELECT try($q$SELECT * FROM explain_recommendation(1, 1)$q$)
    UNION ALL SELECT try($q$SELECT * FROM similar_items(1)$q$)
    UNION ALL SELECT try($q$SELECT * FROM trending_items()$q$)
    UNION ALL SELECT try($q$SELECT * FROM trending_items(half_life => '1 day')$q$)
    UNION ALL SELECT try($q$SELECT * FROM trending_items(item_type => NULL::int)$q$) $$;
-- Nobody learns anything.
SET ROLE privileges_nobody;
SELECT ask_all();
SELECT count(*) FROM recommend.status;
-- Readers do, by the table, by its tracked columns, by membership.
SET ROLE privileges_reader;
SELECT DISTINCT ask_all();
SELECT recommender, events + backlog FROM recommend.status;
SET ROLE privileges_columns;
SELECT DISTINCT ask_all();
SELECT try('SELECT secret FROM log');
SET ROLE privileges_member;
SELECT DISTINCT ask_all();
SELECT count(*) FROM recommend(1, as_of => '2020-01-02');
-- ... but not what the state tables hold, and no part of the making.
SELECT try(format('SELECT * FROM recommend.%I', relname)) FROM pg_class WHERE relnamespace = 'recommend'::regnamespace AND relkind IN ('r', 'v') ORDER BY relname COLLATE "C";
SELECT try($$SELECT recommend.maintain('shop')$$);
SELECT recommend.maintain();
SELECT try($$SELECT alter_recommender('shop', half_life => '1 day')$$);
SELECT try($$SELECT rebuild_recommender('shop')$$);
SELECT try($$SELECT drop_recommender('shop')$$);
-- One tracked column less is one too few, whichever it is.
RESET ROLE;
DO $$
DECLARE tracked name;
BEGIN
    FOREACH tracked IN ARRAY '{u,i,at,kind,device,visit}'::name[] LOOP
        EXECUTE format('REVOKE SELECT (%I) ON log FROM privileges_columns', tracked);
        SET LOCAL ROLE privileges_columns;
        RAISE NOTICE '% %', tracked, try('SELECT * FROM recommend(1)');
        RESET ROLE;
        EXECUTE format('GRANT SELECT (%I) ON log TO privileges_columns', tracked);
    END LOOP;
END $$;
-- A wrapper lends its owner's rights.
CREATE FUNCTION lent(u int) RETURNS SETOF int LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$ SELECT item_id FROM recommend(u, as_of => '2020-01-02') $$;
ALTER FUNCTION lent OWNER TO privileges_owner;
SET ROLE privileges_nobody;
SELECT count(*) FROM lent(1);
RESET ROLE;
-- Rights that go away are gone at once, also for a session that has asked before.
REVOKE SELECT ON log FROM privileges_reader;
SET ROLE privileges_member;
SELECT try('SELECT * FROM recommend(1)');
RESET ROLE;
GRANT SELECT ON log TO privileges_reader;
-- Row level security: all rows or none. The owner is exempt, unless it is forced.
ALTER TABLE log ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON log FOR SELECT USING (u = 1);
CREATE ROLE privileges_bypass BYPASSRLS IN ROLE privileges_reader;
SET ROLE privileges_reader;
SELECT DISTINCT ask_all();
SET row_security = off;
SELECT try('SELECT * FROM recommend(1)');
RESET row_security;
SET ROLE privileges_bypass;
SELECT DISTINCT ask_all();
SET ROLE privileges_owner;
SELECT DISTINCT ask_all();
SET ROLE privileges_nobody;
SELECT count(*) FROM lent(1);
RESET ROLE;
ALTER TABLE log FORCE ROW LEVEL SECURITY;
SET ROLE privileges_owner;
SELECT try('SELECT * FROM recommend(1)');
RESET ROLE;
ALTER TABLE log NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
-- The table of eligible items is read with the caller's own rights.
CREATE TABLE stock (i int);
INSERT INTO stock VALUES (1), (2), (77);
GRANT SELECT ON stock TO privileges_owner;
SET ROLE privileges_owner;
SELECT alter_recommender('shop', eligible => 'stock');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, as_of => '2020-01-02');
SET ROLE privileges_reader;
SELECT try('SELECT * FROM recommend(1)');
RESET ROLE;
GRANT SELECT ON stock TO privileges_reader;
SET ROLE privileges_reader;
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, as_of => '2020-01-02');
RESET ROLE;
-- The owner compacts its own recommenders, others' not.
CREATE TABLE mine (u int, i int, at timestamptz);
SELECT create_recommender('mine', 'mine', 'u', 'i', 'at');
INSERT INTO mine VALUES (1, 1, '2020-01-01');
INSERT INTO log VALUES (1, 1, '2020-01-01', 'view');
SET ROLE privileges_owner;
SELECT recommend.maintain();
SELECT try($$SELECT recommend.maintain('mine')$$);
RESET ROLE;
SELECT recommender, backlog FROM recommend.status ORDER BY 1;
SET client_min_messages = warning;
DROP SCHEMA privileges CASCADE;
DROP ROLE privileges_owner, privileges_nobody, privileges_member, privileges_bypass, privileges_reader, privileges_columns;
