-- Generated columns that change their expression: no trigger sees the new values, so that what was made of them is made anew.
CREATE SCHEMA generated;
SET search_path = generated, public;
SET recommend.auto_compact = off;
CREATE TABLE log (u int, i int, at timestamptz, stars int, kind text GENERATED ALWAYS AS (CASE WHEN stars > 4 THEN 'like' ELSE 'view' END) STORED) PARTITION BY RANGE (u);
CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (100);
INSERT INTO log (u, i, at, stars) SELECT n % 20, n % 7, timestamptz '2026-01-01' + n * interval '1 minute', 1 + n % 7 FROM generate_series(1, 200) AS n;
SELECT create_recommender('log', 'log', 'u', 'i', 'at', 'kind', event_weights => '{"like": 5, "view": 1}') IS NOT NULL AS created;
CREATE TABLE items (id int PRIMARY KEY, x real, y real, v real[] GENERATED ALWAYS AS (ARRAY[x, y]) STORED);
INSERT INTO items SELECT n, n % 13, n % 11 - 5 FROM generate_series(1, 300) AS n;
SELECT create_vector_set('things', 'items', 'id', 'v') IS NOT NULL AS created;
CREATE FUNCTION differ() RETURNS bool LANGUAGE sql AS $$
    SELECT (SELECT cosine_topk(id, v, '{1,2}', 20) FROM items) <> ARRAY(SELECT id FROM cosine_topk(NULL::int, 'things', '{1,2}', 20) ORDER BY score DESC, id)
$$;
SELECT rebuild_vector_set('things'), differ();
SELECT needs_rebuild FROM recommend.status;
-- In one transaction, for a worker may make it anew as soon as it ends. Older servers change no expression; a volatile default rewrites a table too.
SELECT current_setting('server_version_num')::int >= 170000 AS can_change \gset
BEGIN;
\if :can_change
ALTER TABLE log ALTER COLUMN kind SET EXPRESSION AS (CASE WHEN stars < 3 THEN 'like' ELSE 'view' END);
ALTER TABLE items ALTER COLUMN v SET EXPRESSION AS (ARRAY[y, x]);
\else
ALTER TABLE log ADD COLUMN noted float8 DEFAULT random();
ALTER TABLE items ADD COLUMN noted float8 DEFAULT random();
\endif
SELECT needs_rebuild FROM recommend.status;
SELECT differ();
COMMIT;
SELECT recommend.maintain('log') >= 0 AS moved, recommend.maintain('things') >= 0 AS copied;
SELECT needs_rebuild FROM recommend.status;
SELECT differ(), state FROM recommend.vector_set_status;
-- The popular items are those that the log likes.
SELECT count(*) = 0 AS same FROM trending_items(NULL::int, 2, 'log') JOIN log ON i = item_id WHERE kind <> 'like';
-- Other columns may be anything.
CREATE TABLE plain (u int, i int, at timestamptz);
SELECT create_recommender('plain', 'plain', 'u', 'i', 'at') IS NOT NULL AS created;
INSERT INTO plain VALUES (1, 1, '2026-01-01');
ALTER TABLE plain ADD COLUMN noted float8 DEFAULT random();
SELECT recommender, needs_rebuild FROM recommend.status ORDER BY 1;
SET client_min_messages = warning;
DROP SCHEMA generated CASCADE;
SELECT count(*) FROM recommend.feeds;
