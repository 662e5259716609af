-- State tables belong to who created the extension, who may alter them. What does not fit any more is an error with a hint, of that recommender
-- alone; one row that cannot be packed costs that row alone.
CREATE ROLE hostile_owner;
CREATE SCHEMA hostile_state;
GRANT ALL ON SCHEMA hostile_state TO hostile_owner;
SET search_path = hostile_state, public;
SET recommend.auto_compact = off;
CREATE TABLE sound (user_id int, item_id int, at timestamptz);
INSERT INTO sound SELECT u, i, '2026-01-01'::timestamptz + u * interval '1 minute' + i * interval '1 second' FROM generate_series(1, 5) AS u, generate_series(1, 5) AS i;
SET ROLE hostile_owner;
CREATE TABLE hostile_state.events (user_id int, item_id int, at timestamptz, device text, v real[]);
INSERT INTO events SELECT u, i, '2026-01-01'::timestamptz + u * interval '1 minute' + i * interval '1 second', 'd' FROM generate_series(1, 5) AS u, generate_series(1, 5) AS i;
RESET ROLE;
SELECT create_recommender('sound', 'sound', 'user_id', 'item_id', 'at') AS sound \gset
SET ROLE hostile_owner;
SELECT create_recommender('altered', 'events', 'user_id', 'item_id', 'at', context_columns => '{device}') AS id \gset

-- Each ALTER is tried in a transaction of its own: all questions, writes and compactions end in an error or a warning.
CREATE FUNCTION try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text;
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS told = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || CASE WHEN told <> '' THEN ' with a hint' ELSE '' END;
END $$;
CREATE FUNCTION try_all(id int, change text) RETURNS TABLE (what text, outcome text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(change, id);
    FOREACH what IN ARRAY ARRAY[
        'SELECT count(*) FROM recommend(1, 5, ''altered'')', 'SELECT count(*) FROM recommend(1, 5, ''altered'', context => ''{"device": "d"}'')',
        'SELECT count(*) FROM similar_items(1, 5, ''altered'')', 'SELECT count(*) FROM trending_items(5, ''altered'')',
        'INSERT INTO events VALUES (1, 7, ''2026-02-01'', ''e'')', 'UPDATE events SET item_id = 8 WHERE user_id = 2', 'DELETE FROM events WHERE user_id = 3',
        'SELECT recommend.maintain(''altered'')', 'SELECT rebuild_recommender(''altered'')', 'SELECT count(*) FROM neighbors(''altered'', 1)', 'TRUNCATE events']
    LOOP
        outcome := try(what);
        RETURN NEXT;
    END LOOP;
END $$;
SET client_min_messages = error;
-- The statements one after the other, each rolled back.
CREATE TABLE changes (n int, change text);
INSERT INTO changes SELECT n, change FROM unnest(ARRAY['ALTER TABLE recommend.delta_%s ALTER COLUMN context TYPE int USING 1', 'ALTER TABLE recommend.delta_%s ALTER COLUMN user_key TYPE text',
    'ALTER TABLE recommend.delta_%s ADD COLUMN more int', 'ALTER TABLE recommend.delta_%s DROP COLUMN context',
    'ALTER TABLE recommend.delta_%s ALTER COLUMN weight TYPE text', 'ALTER TABLE recommend.users_%s ALTER COLUMN history TYPE int USING 1',
    'ALTER TABLE recommend.users_%s ALTER COLUMN key TYPE text', 'ALTER TABLE recommend.items_%s ALTER COLUMN key TYPE text',
    'ALTER TABLE recommend.items_%s ALTER COLUMN score TYPE text', 'ALTER TABLE recommend.neighbors_%s ALTER COLUMN edges TYPE int USING 1',
    'ALTER TABLE recommend.visits_%s ALTER COLUMN sessions TYPE int USING 1', 'ALTER TABLE recommend.sessions_%s ALTER COLUMN items TYPE int USING 1',
    'ALTER TABLE recommend.contexts_%s ALTER COLUMN context TYPE int USING 1', 'ALTER TABLE recommend.context_items_%s ALTER COLUMN score TYPE text',
    'DROP INDEX recommend.items_%1$s_score; CREATE INDEX items_%1$s_score ON recommend.items_%1$s (key)',
    'DROP INDEX recommend.sessions_%1$s_user; CREATE INDEX sessions_%1$s_user ON recommend.sessions_%1$s USING hash (user_node)',
    'ALTER TABLE recommend.users_%1$s DROP CONSTRAINT users_%1$s_pkey; CREATE INDEX users_%1$s_pkey ON recommend.users_%1$s (node)']) WITH ORDINALITY AS c (change, n);
CREATE FUNCTION try_rolled_back(id int, change text) RETURNS TABLE (what text, outcome text) LANGUAGE plpgsql AS $$
DECLARE told text[] := '{}'; line record;
BEGIN
    BEGIN
        FOR line IN SELECT * FROM try_all(id, change) LOOP
            told := told || ARRAY[line.what, line.outcome];
        END LOOP;
        RAISE EXCEPTION 'rolled back' USING ERRCODE = 'P0099';
    EXCEPTION WHEN SQLSTATE 'P0099' THEN
        NULL;
    END;
    FOR place IN 1..coalesce(array_length(told, 1), 0) BY 2 LOOP
        what := told[place];
        outcome := told[place + 1];
        RETURN NEXT;
    END LOOP;
END $$;
RESET ROLE;
SELECT c.n, c.change, string_agg(DISTINCT t.outcome, ', ' ORDER BY t.outcome) AS outcomes
  FROM changes AS c, LATERAL try_rolled_back(:id, c.change) AS t GROUP BY c.n, c.change ORDER BY c.n;
RESET client_min_messages;
SET ROLE hostile_owner;
SELECT count(*) FROM recommend(1, 3, 'altered');

-- One that stays altered: all others go on, and dropping it works.
SELECT format('ALTER TABLE recommend.delta_%s ALTER COLUMN context TYPE int USING 1', :id) AS statement \gset
\set VERBOSITY terse
RESET ROLE;
:statement;
SET ROLE hostile_owner;
INSERT INTO events VALUES (1, 9, '2026-02-01', 'e');
\set VERBOSITY default
SELECT recommend.maintain('altered');
RESET ROLE;
INSERT INTO sound VALUES (1, 9, '2026-02-01');
\set VERBOSITY terse
SELECT recommend.maintain();
SELECT recommender, events, backlog FROM recommend.status ORDER BY recommender;
SELECT format('ALTER TABLE recommend.visits_%s RENAME TO gone', :id) AS statement \gset
:statement;
\set VERBOSITY default
SELECT count(*) FROM recommend(1, 3, 'altered');
RESET ROLE;
\set VERBOSITY terse
SELECT recommend.maintain();
SELECT recommender, events, backlog FROM recommend.status ORDER BY recommender;
\set VERBOSITY default
SET ROLE hostile_owner;
SELECT drop_recommender('altered');
RESET ROLE;
DROP TABLE recommend.gone;
SET ROLE hostile_owner;

-- A context that no index takes, and one that is longer still.
TRUNCATE events;
SELECT create_recommender('long', 'events', 'user_id', 'item_id', 'at', context_columns => '{device}') AS id \gset
SELECT add_edges('long', 'events', 'user_id', 'user', 'item_id', 'item', 'again', time_column => 'at', context_columns => '{device}');
CREATE FUNCTION noise(length int) RETURNS text LANGUAGE sql AS $$ SELECT string_agg(md5(i::text), '') FROM generate_series(1, length / 32) AS i $$;
INSERT INTO events VALUES (1, 1, '2026-01-01', noise(3200)), (1, 2, '2026-01-02', noise(3200)), (1, 3, '2026-01-03', noise(100000)), (2, 1, '2026-01-02', 'plain'), (2, 3, '2026-01-03', 'plain');
SELECT recommend.maintain();
SELECT events, backlog, skipped FROM recommend.status WHERE recommender = 'long';
SELECT recommend.maintain();
SELECT item_id, rank FROM recommend(2, 1, 'long', context => jsonb_build_object('device', noise(3200)));
SELECT rebuild_recommender('long'), rebuild_graph('long');
DELETE FROM events WHERE device LIKE 'c4ca%';
SELECT recommend.maintain();
SELECT events, backlog, skipped FROM recommend.status WHERE recommender = 'long';

-- Rows that are put into the delta: none is an event, and each is counted.
SELECT format('INSERT INTO recommend.delta_%s (epoch, change, user_key, item_key, at, weight) SELECT e.epoch, 1, 1, 1, t.at, t.weight
    FROM (SELECT max(epoch) FROM recommend.delta_%1$s) AS e (epoch), (VALUES (''infinity''::timestamptz, 1::real), (''-infinity'', 1), (''2026-01-01'', ''NaN''), (''2026-01-01'', ''infinity'')) AS t (at, weight)', :id) AS statement \gset
INSERT INTO events VALUES (3, 1, '2026-01-05', 'plain');
RESET ROLE;
:statement;
SET ROLE hostile_owner;
SELECT recommend.maintain('long');
SELECT backlog FROM recommend.status WHERE recommender = 'long';
SELECT count(*) > 0 AS answers FROM recommend(3, 3, 'long');
SELECT drop_recommender('long');
RESET ROLE;
SELECT drop_recommender('sound');
SET client_min_messages = warning;
DROP SCHEMA hostile_state CASCADE;
DROP OWNED BY hostile_owner;
DROP ROLE hostile_owner;
