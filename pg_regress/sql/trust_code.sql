-- Code of others runs with its owner's rights and with no more, whoever asks. Roles that nobody trusts: one without any right, one that owns a
-- table, and one that may also make temporary objects and objects in public.
CREATE SCHEMA trust_code;
SET search_path = trust_code, public;
SET recommend.auto_compact = off;
\set tests `echo "$PG_RECOMMEND_TESTS"`
\i :tests/sql/try.sql
\pset format unaligned
\pset tuples_only
CREATE ROLE trust_nobody;
CREATE ROLE trust_owner;
CREATE ROLE trust_maker;
GRANT USAGE ON SCHEMA trust_code TO PUBLIC;
GRANT CREATE ON SCHEMA trust_code TO trust_owner, trust_maker;
GRANT CREATE ON SCHEMA public TO trust_maker;
SELECT format('GRANT TEMP ON DATABASE %I TO trust_maker', current_database()) \gexec
-- What ran, and as whom.
CREATE TABLE ran (what text, as_role name);
GRANT INSERT ON ran TO PUBLIC;
CREATE FUNCTION who_ran() RETURNS TABLE (what text, as_role name) LANGUAGE sql AS
    $$ WITH gone AS (DELETE FROM trust_code.ran RETURNING *) SELECT DISTINCT * FROM gone ORDER BY 1, 2 $$;

-- A view of events that its owner has put another one in place of.
SET ROLE trust_owner;
CREATE FUNCTION evil(what text) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO trust_code.ran VALUES (what, current_user);
    RETURN true;
END $$;
CREATE TABLE log (u int, i int, at timestamptz, kind text);
INSERT INTO log SELECT n % 3, n % 5, '2020-01-01'::timestamptz + n * interval '1 min', 'view' FROM generate_series(1, 20) n;
SELECT create_recommender('theirs', 'log', 'u', 'i', 'at', event_column => 'kind', event_weights => '{"view": 1}');
SELECT create_features('theirs', event_types => '{view}', backfill => false);
SELECT format($$CREATE OR REPLACE RULE "_RETURN" AS ON SELECT TO recommend.%I DO INSTEAD
    SELECT u AS user_key, i AS item_key, at, 1::real AS weight, NULL::bigint AS session, %s AS context FROM trust_code.log WHERE trust_code.evil('view')$$,
    'events_' || id, CASE WHEN id = 3 THEN 'ARRAY[kind]' ELSE 'NULL::text[]' END) FROM recommend.feeds WHERE name = 'theirs' ORDER BY id \gexec
SET recommend.background_backfill = 0;
SET client_min_messages = warning;
SELECT alter_recommender('theirs', half_life => '3 days');
RESET client_min_messages;
RESET recommend.background_backfill;
SELECT rebuild_features('theirs') > 0;
RESET ROLE;
SELECT * FROM who_ran();
SELECT rebuild_recommender('theirs') > 0;
SELECT rebuild_graph('theirs') > 0;
SELECT rebuild_features('theirs') > 0;
INSERT INTO log VALUES (1, 4, '2019-01-01', 'view');
SELECT recommend.maintain() > 0;
SELECT count(*) > 0 FROM recommend(1, 5, 'theirs', as_of => '2020-01-01 00:05');
SELECT count(*) > 0 FROM trending_items(5, 'theirs', half_life => '1 hour');
SELECT count(*) FROM recommend.status WHERE recommender = 'theirs';
SELECT * FROM who_ran();
-- One that has other columns than it had.
SET ROLE trust_owner;
ALTER VIEW recommend.events_1 RENAME COLUMN weight TO heaviness;
RESET ROLE;
SELECT try($$SELECT * FROM recommend(1, 5, 'theirs')$$);
SELECT try($$SELECT rebuild_recommender('theirs')$$);
SET ROLE trust_owner;
ALTER VIEW recommend.events_1 RENAME COLUMN heaviness TO weight;
RESET ROLE;
SELECT count(*) > 0 FROM recommend(1, 5, 'theirs');

-- Tables of state are not the table's owner's: nothing can be put on them.
SET ROLE trust_owner;
CREATE FUNCTION evil_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM trust_code.evil('trigger'); RETURN NULL; END $$;
CREATE TABLE child (LIKE recommend.recommenders);
SELECT count(*) FROM (
    SELECT try(format(what, 'recommend.' || quote_ident(relname))) AS said
      FROM pg_class,
           unnest(ARRAY['CREATE TRIGGER t AFTER INSERT OR DELETE ON %s EXECUTE FUNCTION trust_code.evil_trigger()',
                        'CREATE RULE "_RETURN" AS ON SELECT TO %s DO INSTEAD SELECT 1', 'CREATE RULE r AS ON INSERT TO %s DO ALSO SELECT trust_code.evil(''rule'')',
                        'ALTER TABLE %s ENABLE ROW LEVEL SECURITY', 'CREATE POLICY p ON %s USING (trust_code.evil(''policy''))',
                        'ALTER TABLE trust_code.child INHERIT %s', 'CREATE INDEX ON %s ((trust_code.evil(''index'')))',
                        'ALTER TABLE %s ADD CHECK (trust_code.evil(''check''))', 'ALTER TABLE %s ADD x int', 'ALTER TABLE %s ALTER COLUMN 1 SET DEFAULT 1',
                        'ALTER TABLE %s SET UNLOGGED', 'ALTER TABLE %s SET SCHEMA trust_code', 'ALTER TABLE %s OWNER TO trust_owner', 'DROP TABLE %s CASCADE',
                        'INSERT INTO %s DEFAULT VALUES', 'DELETE FROM %s', 'TRUNCATE %s', 'LOCK TABLE %s']) what
     WHERE relnamespace = 'recommend'::regnamespace AND relkind = 'r') tried
 WHERE said NOT LIKE '42501:%' AND said NOT LIKE '42601:%';
RESET ROLE;
SELECT DISTINCT c.relowner = n.nspowner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = 'recommend' AND relkind = 'r';

-- A cast of the owner's own type.
SET ROLE trust_owner;
CREATE TYPE device AS ENUM ('ios', 'web');
CREATE FUNCTION evil_cast(device) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM trust_code.evil('cast'); RETURN 'x'; END $$;
CREATE CAST (device AS text) WITH FUNCTION evil_cast(device);
CREATE TABLE visits (u int, i int, at timestamptz, device device);
INSERT INTO visits VALUES (1, 1, '2020-01-01', 'ios'), (1, 2, '2020-01-02', 'web');
RESET ROLE;
SELECT create_recommender('visits', 'visits', 'u', 'i', 'at', context_columns => '{device}');
SELECT rebuild_recommender('visits');
SELECT * FROM who_ran();
SELECT drop_recommender('visits');

-- What the owner's code could leave behind for the commit.
SET ROLE trust_owner;
CREATE TABLE later (n int);
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION evil_trigger();
CREATE OR REPLACE FUNCTION evil(what text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trust_code.later VALUES (1); RETURN true; END $$;
RESET ROLE;
SELECT try($$SELECT rebuild_recommender('theirs')$$);
SET ROLE trust_owner;
CREATE OR REPLACE FUNCTION evil(what text) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('role', 'none', false);
    INSERT INTO trust_code.ran VALUES ('reset role', current_user);
    RETURN true;
END $$;
RESET ROLE;
SELECT try($$SELECT rebuild_recommender('theirs')$$);
SET ROLE trust_owner;
CREATE OR REPLACE FUNCTION evil(what text) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('search_path', 'trust_code', false);
    INSERT INTO trust_code.ran VALUES (what, current_user);
    RETURN true;
END $$;
RESET ROLE;
SELECT rebuild_recommender('theirs') > 0;
SHOW search_path;
SELECT * FROM who_ran();

-- Given to another role, the table takes its view along as it was made, not what stands in its place.
ALTER TABLE log OWNER TO CURRENT_USER;
SELECT rebuild_recommender('theirs') > 0, rebuild_graph('theirs') > 0, rebuild_features('theirs') > 0;
SELECT * FROM who_ran();
ALTER TABLE log OWNER TO trust_owner;

-- The relation of eligible items: a view and a policy of an owner who may not act for the caller.
CREATE TABLE shop_log (u int, i int, at timestamptz);
INSERT INTO shop_log SELECT n % 3, n % 5, '2020-01-01'::timestamptz + n * interval '1 min' FROM generate_series(1, 20) n;
GRANT SELECT ON shop_log TO trust_nobody;
SET ROLE trust_owner;
CREATE TABLE stock (i int);
INSERT INTO stock VALUES (1), (2);
CREATE VIEW in_stock AS SELECT i FROM stock WHERE trust_code.evil('eligible');
GRANT SELECT ON in_stock, stock TO PUBLIC;
RESET ROLE;
SELECT create_recommender('shop', 'shop_log', 'u', 'i', 'at', eligible => 'in_stock');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 5, 'shop', as_of => '2020-01-02');
SELECT array_agg(item_id ORDER BY item_id) FROM similar_items(1, 5, 'shop', as_of => '2020-01-02');
SET ROLE trust_nobody;
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 5, 'shop', as_of => '2020-01-02');
RESET ROLE;
SELECT * FROM who_ran();
REVOKE SELECT ON in_stock FROM PUBLIC;
SET ROLE trust_nobody;
SELECT try($$SELECT * FROM recommend(1, 5, 'shop')$$);
RESET ROLE;
SELECT alter_recommender('shop', eligible => 'stock');
SET ROLE trust_owner;
CREATE POLICY mine ON stock USING (trust_code.evil('policy'));
ALTER TABLE stock ENABLE ROW LEVEL SECURITY;
SET ROLE trust_nobody;
SELECT try($$SELECT * FROM recommend(1, 5, 'shop')$$);
RESET ROLE;
-- Who may do whatever the table's owner may not stop is read by its own rights; so is a caller whom the owner may act for.
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 5, 'shop', as_of => '2020-01-02');
GRANT trust_nobody TO trust_owner;
SET ROLE trust_nobody;
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 5, 'shop', as_of => '2020-01-02');
RESET ROLE;
REVOKE trust_nobody FROM trust_owner;
SELECT * FROM who_ran();

-- Operators and functions that a search path finds.
SET ROLE trust_maker;
CREATE FUNCTION public.evil_equal(varchar, text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trust_code.ran VALUES ('operator', current_user); RETURN true; END $$;
CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = text, PROCEDURE = public.evil_equal);
CREATE FUNCTION public.octet_length(varchar) RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trust_code.ran VALUES ('function', current_user); RETURN 1; END $$;
CREATE FUNCTION public.sha256(text) RETURNS bytea LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trust_code.ran VALUES ('function', current_user); RETURN ''; END $$;
RESET ROLE;
CREATE TABLE text_log (u varchar, i varchar, at timestamptz, kind varchar);
INSERT INTO text_log SELECT n % 3, n % 5, '2020-01-01'::timestamptz + n * interval '1 min', 'view' FROM generate_series(1, 20) n;
CREATE TABLE text_stock (i varchar);
INSERT INTO text_stock VALUES ('1'), ('2');
SELECT create_recommender('texts', 'text_log', 'u', 'i', 'at', event_column => 'kind', event_weights => '{"view": 1}', context_columns => '{kind}', eligible => 'text_stock');
SELECT create_features('texts', categories => 'text_log', category_item_column => 'i', category_column => 'kind') > 0;
SELECT array_agg(item_id ORDER BY item_id) FROM recommend('1'::text, 5, 'texts', context => '{"kind": "view"}', as_of => '2020-01-02');
SELECT count(*) > 0 FROM trending_items(5, 'texts', half_life => '1 hour', as_of => '2020-01-02');
SELECT features('1'::text, '1'::text, 'texts') IS NOT NULL;
SELECT rebuild_recommender('texts'), recommend.maintain();
SELECT count(*) FROM recommend.status;
SELECT * FROM who_ran();
SELECT drop_recommender('texts'), drop_recommender('shop'), drop_recommender('theirs');

-- Which recommender is meant where a call names none is the caller's choice, and never whoever came first.
SET ROLE trust_maker;
CREATE TABLE bait (u int, i int, at timestamptz);
CREATE FUNCTION evil_item() RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trust_code.ran VALUES ('default', current_user); RETURN 1; END $$;
CREATE VIEW bait_stock AS SELECT evil_item() AS i;
GRANT SELECT ON bait, bait_stock TO PUBLIC;
INSERT INTO bait VALUES (1, 1, '2020-01-01'), (2, 1, '2020-01-01');
SELECT create_recommender('bait', 'bait', 'u', 'i', 'at', eligible => 'bait_stock');
RESET ROLE;
SELECT try('SELECT * FROM recommend(1)');
SELECT create_recommender('shop', 'shop_log', 'u', 'i', 'at');
SELECT count(*) FROM recommend(1, 3, as_of => '2020-01-02');
SET ROLE trust_maker;
SELECT item_id FROM recommend(2, 3);
SET ROLE trust_nobody;
SELECT try('SELECT * FROM recommend(1)');
SET recommend.default_recommender = 'shop';
SELECT count(*) FROM recommend(1, 3, as_of => '2020-01-02');
SET recommend.default_recommender = 'gone';
SELECT try('SELECT * FROM recommend(1)');
RESET recommend.default_recommender;
RESET ROLE;
SELECT create_recommender('second', 'shop_log', 'u', 'i', 'at');
SELECT try('SELECT * FROM recommend(1)');
SELECT DISTINCT as_role FROM who_ran();

SET client_min_messages = warning;
DROP SCHEMA trust_code CASCADE;
DROP OPERATOR public.= (varchar, text);
DROP OWNED BY trust_nobody, trust_owner, trust_maker CASCADE;
DROP ROLE trust_nobody, trust_owner, trust_maker;
