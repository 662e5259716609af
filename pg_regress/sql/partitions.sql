-- Partitioned event tables: partitions that are there, come, go, and are emptied.
CREATE SCHEMA partitions;
SET search_path = partitions, public;
SET recommend.auto_compact = off;
CREATE TABLE log (u int, i int, at timestamptz, kind text) PARTITION BY RANGE (u);
CREATE TABLE log_0 PARTITION OF log FOR VALUES FROM (0) TO (10);
-- Columns in another order, and one that is gone.
CREATE TABLE log_1 (x int, kind text, at timestamptz, i int, u int);
ALTER TABLE log_1 DROP COLUMN x;
ALTER TABLE log ATTACH PARTITION log_1 FOR VALUES FROM (10) TO (20);
CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM (20) TO (40) PARTITION BY RANGE (u);
CREATE TABLE log_2a PARTITION OF log_2 FOR VALUES FROM (20) TO (30);
CREATE TABLE log_2b PARTITION OF log_2 FOR VALUES FROM (30) TO (40);
SELECT create_recommender('p', 'log', 'u', 'i', 'at', event_column => 'kind', event_weights => '{"view": 1, "buy": 3}',
    graph => false)
       AS id \gset
SELECT leaf FROM recommend.partitions ORDER BY leaf::text;
SELECT tgrelid::regclass AS table, tgname, tgenabled FROM pg_trigger WHERE tgname ~ '^recommend_' ORDER BY 1, 2;
SELECT format('recommend.delta_%s', :id) AS delta, format('recommend.events_%s', :id) AS events \gset
CREATE VIEW delta AS SELECT epoch AS e, change AS c, user_key AS u, item_key AS i, weight AS w FROM :delta;
CREATE VIEW balance AS
    SELECT sum(change) AS n, user_key, item_key, at, weight FROM (
        SELECT change::int, user_key, item_key, at, weight
          FROM :delta d WHERE change <> 0 AND epoch = (SELECT epoch FROM recommend.epochs WHERE feed = :id)
         UNION ALL SELECT -1, user_key, item_key, at, weight FROM :events) b
     GROUP BY 2, 3, 4, 5 HAVING sum(change) <> 0;

INSERT INTO log VALUES (1, 1, 'epoch', 'view'), (11, 1, 'epoch', 'buy'), (21, 1, 'epoch', 'view'), (31, 1, 'epoch', 'view');
INSERT INTO log_1 (u, i, at, kind) VALUES (12, 2, 'epoch', 'view');
TABLE delta;
-- A row that moves to another partition.
UPDATE log SET u = 13 WHERE u = 1;
UPDATE log SET i = 5 WHERE u = 31;
DELETE FROM log WHERE u = 12;
SELECT * FROM delta OFFSET 5;
TABLE balance;

-- A new partition, made in place.
CREATE TABLE log_4 PARTITION OF log FOR VALUES FROM (40) TO (50);
INSERT INTO log VALUES (41, 1, 'epoch', 'view');
TABLE balance;
-- One with rows of its own, attached; and a tree of them.
CREATE TABLE log_5 (LIKE log);
INSERT INTO log_5 VALUES (51, 1, 'epoch', 'view'), (52, 2, 'epoch', 'other'), (53, NULL, 'epoch', 'buy');
ALTER TABLE log ATTACH PARTITION log_5 FOR VALUES FROM (50) TO (60);
CREATE TABLE log_6 (LIKE log) PARTITION BY RANGE (u);
CREATE TABLE log_6a PARTITION OF log_6 FOR VALUES FROM (60) TO (65);
CREATE TABLE log_6b PARTITION OF log_6 FOR VALUES FROM (65) TO (70);
INSERT INTO log_6 VALUES (61, 1, 'epoch', 'view'), (66, 1, 'epoch', 'view');
ALTER TABLE log ATTACH PARTITION log_6 FOR VALUES FROM (60) TO (70);
INSERT INTO log VALUES (62, 1, 'epoch', 'buy'), (54, 1, 'epoch', 'buy');
SELECT * FROM delta OFFSET 11;
TABLE balance;
SELECT tgrelid::regclass AS table, tgname, tgenabled FROM pg_trigger
 WHERE tgname ~ '^recommend_' AND tgrelid::regclass::text ~ '[456]' ORDER BY 1, 2;
SELECT leaf FROM recommend.partitions ORDER BY leaf::text;

-- Detached: its rows are events no more, and what happens to it is no concern of ours.
ALTER TABLE log DETACH PARTITION log_5;
TABLE balance;
SELECT count(*) FROM delta;
INSERT INTO log_5 VALUES (55, 1, 'epoch', 'view');
TRUNCATE log_5;
SELECT count(*) FROM delta;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'log_5'::regclass;
ALTER TABLE log DETACH PARTITION log_6 CONCURRENTLY;
TABLE balance;
DROP TABLE log_5, log_6;
SELECT needs_rebuild FROM recommend.status;
-- What triggers cannot follow is not attached.
CREATE UNLOGGED TABLE log_8 (LIKE log);
ALTER TABLE log ATTACH PARTITION log_8 FOR VALUES FROM (80) TO (90);
-- Attached and detached in one transaction, rolled back.
BEGIN;
CREATE TABLE log_7 PARTITION OF log FOR VALUES FROM (70) TO (80);
INSERT INTO log VALUES (71, 1, 'epoch', 'view');
ALTER TABLE log DETACH PARTITION log_1;
TABLE balance;
ROLLBACK;
TABLE balance;

-- Emptying one partition, a branch, a partition together with its root, the whole.
TRUNCATE log_0, log_1;
TABLE balance;
TRUNCATE log_2;
TABLE balance;
INSERT INTO log SELECT u, 9, 'epoch', 'view' FROM unnest(ARRAY[1, 11, 21, 31, 41]) u;
SELECT epoch FROM recommend.epochs;
BEGIN;
TRUNCATE log_1, log;
TABLE balance;
ROLLBACK;
TABLE balance;
TRUNCATE log_1, log;
TABLE balance;
INSERT INTO log SELECT u, 8, 'epoch', 'view' FROM unnest(ARRAY[1, 11, 21, 31, 41]) u;
TRUNCATE log;
INSERT INTO log SELECT u, 7, 'epoch', 'view' FROM unnest(ARRAY[1, 11, 21, 31, 41]) u;
TABLE balance;
SELECT * FROM delta WHERE e > 0;
TRUNCATE log_4;
TABLE balance;

-- A partition dropped while attached takes its rows with it unseen.
SELECT needs_rebuild FROM recommend.status;
DROP TABLE log_0;
SELECT needs_rebuild FROM recommend.status;
SELECT leaf FROM recommend.partitions ORDER BY leaf::text;

-- A single partition may have a recommender of its own beside that of the whole.
SELECT create_recommender('leaf', 'log_2a', 'i', 'u', 'at', graph => false) AS id2 \gset
SELECT format('recommend.delta_%s', :id2) AS delta2 \gset
INSERT INTO log VALUES (22, 6, 'epoch', 'view'), (11, 6, 'epoch', 'view');
SELECT change, user_key, item_key FROM :delta2;
TRUNCATE log_2;
SELECT epoch FROM recommend.epochs ORDER BY feed;
SELECT drop_recommender('leaf');
DROP VIEW delta, balance;
SELECT drop_recommender('p');
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname ~ '^recommend_';
SELECT count(*) FROM recommend.partitions;
SET client_min_messages = warning;
DROP SCHEMA partitions CASCADE;
