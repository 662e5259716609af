-- What a row trigger makes of inserts, updates, deletes and TRUNCATE.
CREATE SCHEMA track;
SET search_path = track, public;
SET recommend.auto_compact = off;
CREATE TABLE log (
    dropped int,
    u bigint,
    i text,
    at timestamptz,
    kind text,
    visit int,
    device char(5),
    big text GENERATED ALWAYS AS (i || '!') STORED,
    note text
);
ALTER TABLE log DROP COLUMN dropped;
SELECT create_recommender('t', 'log', 'u', 'i', 'at', event_column => 'kind',
    event_weights => '{"view": 1, "buy": 3, "ping": 0}', session_column => 'visit', context_columns => '{device,big}', graph => false)
       AS id \gset
SELECT format('recommend.delta_%s', :id) AS delta, format('recommend.events_%s', :id) AS events \gset
CREATE VIEW delta AS SELECT epoch AS e, change AS c, user_key AS u, item_key AS i, extract(epoch FROM at) AS at,
    weight AS w, session, context FROM :delta;
-- The delta, folded, against what the view of the events shows: equal after every statement.
CREATE VIEW balance AS
    SELECT sum(change) AS n, user_key, item_key, at, weight, session, context FROM (
        SELECT change::int, user_key, item_key::text COLLATE "default", at, weight, session, context::text[] COLLATE "default"
          FROM :delta d WHERE change <> 0 AND epoch = (SELECT epoch FROM recommend.epochs WHERE feed = :id)
         UNION ALL SELECT -1, * FROM :events) b
     GROUP BY 2, 3, 4, 5, 6, 7 HAVING sum(change) <> 0;

-- Inserts: weights, sessions, contexts; ignored types; NULL keys, NULL and infinite times, keys that are too long.
INSERT INTO log (u, i, at, kind, visit, device) VALUES
    (1, 'a', 'epoch', 'view', 7, 'x'),
    (1, 'b', 'epoch', 'buy', NULL, NULL),
    (1, 'b', 'epoch', 'ping', 1, 'x'),
    (1, 'b', 'epoch', 'other', 1, 'x'),
    (1, 'b', 'epoch', NULL, 1, 'x'),
    (NULL, 'b', 'epoch', 'view', 1, 'x'),
    (1, NULL, 'epoch', 'view', 1, 'x'),
    (1, 'b', NULL, 'view', 1, 'x'),
    (1, 'b', 'infinity', 'view', 1, 'x'),
    (1, 'b', '-infinity', 'view', 1, 'x'),
    (1, repeat('k', 1025), 'epoch', 'view', 1, 'x'),
    (NULL, 'b', 'epoch', 'ping', 1, 'x');
TABLE delta;
TABLE balance;

-- Updates: nothing where nothing tracked changes, both sides where something does.
DELETE FROM :delta;
UPDATE log SET note = 'n';
TABLE delta;
UPDATE log SET kind = 'buy' WHERE i = 'a';
UPDATE log SET kind = 'ping' WHERE i = 'a';
UPDATE log SET kind = 'view' WHERE i = 'a';
UPDATE log SET u = NULL WHERE i = 'a';
UPDATE log SET u = 2, device = 'yy' WHERE i = 'a';
UPDATE log SET i = 'aa' WHERE i = 'a';
UPDATE log SET visit = visit + 1 WHERE i = 'aa';
SELECT * FROM delta;
TRUNCATE :delta;

-- Deletes.
DELETE FROM log WHERE u = 2 OR kind IS NULL OR at = 'infinity';
TABLE delta;
TRUNCATE :delta;
DELETE FROM log;
TABLE delta;
TABLE balance;
TRUNCATE :delta;

-- Savepoints, ON CONFLICT, COPY, MERGE-like updates in one statement, a CTE that writes.
CREATE UNIQUE INDEX ON log (u, i);
BEGIN;
INSERT INTO log (u, i, at, kind) VALUES (1, 'a', 'epoch', 'view');
SAVEPOINT s;
INSERT INTO log (u, i, at, kind) VALUES (1, 'gone', 'epoch', 'view');
ROLLBACK TO s;
INSERT INTO log (u, i, at, kind) VALUES (1, 'b', 'epoch', 'view');
COMMIT;
INSERT INTO log (u, i, at, kind) VALUES (1, 'a', 'epoch', 'buy') ON CONFLICT (u, i) DO UPDATE SET kind = excluded.kind;
INSERT INTO log (u, i, at, kind) VALUES (1, 'a', 'epoch', 'buy') ON CONFLICT DO NOTHING;
COPY log (u, i, at, kind) FROM stdin;
3	c	1970-01-01 00:00:00+00	view
3	d	1970-01-01 00:00:00+00	buy
\.
WITH moved AS (DELETE FROM log WHERE u = 3 RETURNING *)
INSERT INTO log (u, i, at, kind) SELECT 4, i, at, kind FROM moved;
TABLE delta;
TABLE balance;

-- TRUNCATE raises the epoch; rolled back, it does not.
BEGIN;
TRUNCATE log;
INSERT INTO log (u, i, at, kind) VALUES (5, 'in', 'epoch', 'view');
SELECT epoch FROM recommend.epochs WHERE feed = :id;
TABLE balance;
ROLLBACK;
INSERT INTO log (u, i, at, kind) VALUES (5, 'after', 'epoch', 'view');
TABLE balance;
BEGIN;
SAVEPOINT s;
TRUNCATE log;
INSERT INTO log (u, i, at, kind) VALUES (5, 'in', 'epoch', 'view');
ROLLBACK TO s;
INSERT INTO log (u, i, at, kind) VALUES (6, 'after', 'epoch', 'view');
COMMIT;
TABLE balance;
TRUNCATE log;
INSERT INTO log (u, i, at, kind) VALUES (7, 'new', 'epoch', 'view');
TABLE balance;
SELECT e, c, u, i FROM delta WHERE e > 0;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM log;
TRUNCATE log;
INSERT INTO log (u, i, at, kind) VALUES (8, 'rr', 'epoch', 'view');
COMMIT;
TABLE balance;

-- As a subscriber's apply worker writes: replica role, empty search_path, another role without rights on the state.
CREATE ROLE track_writer;
GRANT USAGE ON SCHEMA track TO track_writer;
GRANT INSERT, UPDATE, DELETE, SELECT ON log TO track_writer;
SET session_replication_role = replica;
SET ROLE track_writer;
SET search_path = '';
INSERT INTO track.log (u, i, at, kind) VALUES (9, 'w', 'epoch', 'view');
UPDATE track.log SET kind = 'buy' WHERE u = 9;
DELETE FROM track.log WHERE u = 8;
SELECT * FROM recommend.delta_1;
RESET ROLE;
RESET session_replication_role;
SET search_path = track, public;
TABLE balance;
DROP OWNED BY track_writer;
DROP ROLE track_writer;

-- Disabled for a while: what was missed has to be rebuilt; enabled again, triggers fire always.
ALTER TABLE log DISABLE TRIGGER ALL;
SELECT needs_rebuild FROM recommend.status;
ALTER TABLE log ENABLE TRIGGER ALL;
SELECT tgname ~ '^recommend_\d+', tgenabled FROM pg_trigger WHERE tgrelid = 'log'::regclass AND NOT tgisinternal ORDER BY 1;

-- Two recommenders on one table, with a column that comes later in one of them.
SELECT create_recommender('t2', 'log', 'i', 'u', 'at', graph => false) AS id2 \gset
SELECT format('recommend.delta_%s', :id2) AS delta2 \gset
ALTER TABLE log ADD COLUMN late text DEFAULT 'dflt';
SELECT alter_recommender('t2', context_columns => '{late}');
INSERT INTO log (u, i, at, kind) VALUES (10, 'x', 'epoch', 'ping');
UPDATE log SET u = 11 WHERE u = 9;
SELECT change, user_key, item_key, weight, context FROM :delta2;
SELECT c, u, i, w FROM delta WHERE u = 11;

-- Old-style children are no part of the table: triggers do not fire for them.
CREATE TABLE child () INHERITS (log);
INSERT INTO child (u, i, at, kind) VALUES (12, 'child', 'epoch', 'view');
TABLE balance;

-- A trigger function is for triggers, and a trigger on a table that is not tracked tracks nothing.
SELECT recommend.track_row();
CREATE TABLE other (u bigint, i text, at timestamptz, kind text, visit int, device char(5), big text);
SELECT format('CREATE TRIGGER fake AFTER INSERT ON other FOR EACH ROW EXECUTE FUNCTION recommend.track_row(%L)', :id) \gexec
SELECT count(*) FROM delta;
INSERT INTO other VALUES (1, 'fake', 'epoch', 'view');
SELECT count(*) FROM delta;

SELECT drop_recommender('t2');
SET client_min_messages = warning;
DROP SCHEMA track CASCADE;
SELECT count(*) FROM recommend.recommenders;
