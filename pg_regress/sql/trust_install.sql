-- The install script calls nothing but Postgres' own, whatever others have made in the schema it is installed in.
CREATE ROLE trust_installer;
CREATE SCHEMA trust_install;
GRANT CREATE, USAGE ON SCHEMA trust_install TO trust_installer;
CREATE TABLE ran (as_role name);
GRANT INSERT ON ran TO PUBLIC;
\pset format unaligned
\pset tuples_only
SET ROLE trust_installer;
CREATE FUNCTION trust_install.evil() RETURNS void LANGUAGE sql AS $$ INSERT INTO public.ran VALUES (current_user) $$;
-- Each function that is called anywhere, for texts, and each operator that is used.
SELECT format('CREATE FUNCTION trust_install.%I(text) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN PERFORM trust_install.evil(); RETURN NULL; END $f$', name, type)
  FROM (VALUES ('nextval', 'bigint'), ('to_regclass', 'regclass'), ('pg_get_userbyid', 'name'), ('pg_extension_config_dump', 'text')) v(name, type) \gexec
CREATE FUNCTION trust_install.pg_extension_config_dump(text, text) RETURNS void LANGUAGE sql AS $$ SELECT trust_install.evil() $$;
CREATE FUNCTION trust_install.hashtextextended(text, int) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN PERFORM trust_install.evil(); RETURN 1; END $$;
CREATE FUNCTION trust_install.format(text, int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM trust_install.evil(); RETURN ''; END $$;
CREATE FUNCTION trust_install.has_table_privilege(oid, name) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM trust_install.evil(); RETURN true; END $$;
CREATE FUNCTION trust_install.equal(int, bigint) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM trust_install.evil(); RETURN true; END $$;
CREATE FUNCTION trust_install.equal(oid, regclass) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM trust_install.evil(); RETURN true; END $$;
CREATE OPERATOR trust_install.= (LEFTARG = int, RIGHTARG = bigint, PROCEDURE = trust_install.equal);
CREATE OPERATOR trust_install.= (LEFTARG = oid, RIGHTARG = regclass, PROCEDURE = trust_install.equal);
CREATE FUNCTION trust_install.member(jsonb, varchar) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM trust_install.evil(); RETURN ''; END $$;
CREATE OPERATOR trust_install.->> (LEFTARG = jsonb, RIGHTARG = varchar, PROCEDURE = trust_install.member);
RESET ROLE;
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_recommend CASCADE;
CREATE EXTENSION pg_recommend SCHEMA trust_install;
SELECT count(*) FROM ran;
-- Nothing that it has made depends on any of them.
SELECT d.classid::regclass, pg_describe_object(d.classid, d.objid, d.objsubid), pg_describe_object(d.refclassid, d.refobjid, 0)
  FROM pg_depend d
 WHERE (d.refclassid = 'pg_proc'::regclass AND (SELECT p.proowner::regrole::text FROM pg_proc p WHERE p.oid = d.refobjid) = 'trust_installer'
        OR d.refclassid = 'pg_operator'::regclass AND (SELECT o.oprowner::regrole::text FROM pg_operator o WHERE o.oid = d.refobjid) = 'trust_installer')
   AND pg_describe_object(d.classid, d.objid, 0) NOT LIKE '%trust_install.=%' AND pg_describe_object(d.classid, d.objid, 0) NOT LIKE '%trust_install.->>%'
   AND NOT EXISTS (SELECT FROM pg_operator o WHERE d.classid = 'pg_operator'::regclass AND o.oid = d.objid);
SET search_path = trust_install;
INSERT INTO recommend.state (recommender) VALUES (1);
SELECT count(*) FROM models;
SELECT count(*) FROM recommend.progress;
SELECT count(*) FROM recommend.feeds;
SELECT count(*) FROM public.ran;
RESET search_path;
DROP EXTENSION pg_recommend CASCADE;
DROP TABLE ran;
DROP SCHEMA trust_install CASCADE;
DROP OWNED BY trust_installer CASCADE;
DROP ROLE trust_installer;
CREATE EXTENSION pg_recommend;
