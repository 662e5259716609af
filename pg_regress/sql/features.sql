-- Windowed features: what they count is what SQL over the table counts, unpacked, packed and rebuilt.
CREATE SCHEMA features;
SET search_path = features, public;
SET recommend.auto_compact = off;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
CREATE TABLE items (id int, genre text);
INSERT INTO items SELECT n, (ARRAY['rock', 'jazz', 'folk'])[n % 3 + 1] FROM generate_series(0, 20) n WHERE n % 7 <> 6;
CREATE TABLE log (id int, u bigint, i int, at timestamptz, kind text, device text, note text);
SELECT create_recommender('shop', 'log', 'u', 'i', 'at', event_column => 'kind', event_weights => '{"impression": 0, "click": 1, "buy": 5}', context_columns => '{device}');
SELECT create_features('shop', windows => '{5 minutes,1 hour,24 hours,7 days}', half_lives => '{1 hour,7 days}', rates => '{"ctr": ["click", "impression"]}',
                       categories => 'items', category_item_column => 'id', category_column => 'genre');
SELECT array_length(feature_names('shop'), 1) AS features, count(*) AS listed, min(position), max(position) FROM recommend.feature_list;
SELECT name, description FROM recommend.feature_list WHERE name LIKE 'user_category_%' AND name LIKE ANY ('{%click%,%ctr%,%distinct%}') ORDER BY position;
SELECT feature_names('shop', '{item\_click\_count%,%seconds_since}');

-- The oracle: every feature by SQL over the table. Windows start at multiples of their hops.
CREATE FUNCTION hop(w interval) RETURNS float8 LANGUAGE sql IMMUTABLE AS
$$ SELECT coalesce(max(h), 1) FROM unnest('{1,5,15,60,300,900,3600,14400,86400}'::float8[]) h WHERE h * 60 <= extract(epoch FROM w) $$;
CREATE FUNCTION window_start(t timestamptz, w interval) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
$$ SELECT '2000-01-01 UTC'::timestamptz + floor(extract(epoch FROM t - w - '2000-01-01 UTC'::timestamptz)::numeric / hop(w)::numeric)::float8 * hop(w) * interval '1 s' $$;
CREATE FUNCTION oracle(who bigint, what int, dev text, as_of timestamptz, before timestamptz) RETURNS TABLE (name text, value float8) LANGUAGE sql STABLE AS $$
    WITH entities (entity) AS (VALUES ('all'), ('user'), ('item'), ('category'), ('user_category'), ('context_device')),
    kinds (k) AS (VALUES ('buy'), ('click'), ('impression')),
    windows (w, n, s) AS (SELECT w, n, window_start(as_of, w) FROM (VALUES ('5 min'::interval, '5m'), ('1 h', '1h'), ('24 h', '24h'), ('7 d', '7d')) v (w, n)),
    lives (h, n) AS (VALUES ('1 h'::interval, '1h'), ('7 d', '7d')),
    events AS (SELECT l.*, c.genre FROM log l LEFT JOIN items c ON c.id = l.i WHERE l.at < before AND l.u IS NOT NULL AND l.i IS NOT NULL),
    mine AS (SELECT e.entity, l.* FROM entities e JOIN events l ON CASE e.entity WHEN 'all' THEN true WHEN 'user' THEN l.u = who WHEN 'item' THEN l.i = what
                WHEN 'category' THEN l.genre = (SELECT genre FROM items WHERE id = what)
                WHEN 'user_category' THEN l.u = who AND l.genre = (SELECT genre FROM items WHERE id = what) ELSE l.device = dev END),
    counted AS (SELECT e.entity, k.k, w.w, w.n, count(m.at) AS c FROM entities e CROSS JOIN kinds k CROSS JOIN windows w
                  LEFT JOIN mine m ON m.entity = e.entity AND m.kind = k.k AND m.at >= w.s GROUP BY 1, 2, 3, 4),
    decayed AS (SELECT e.entity, k.k, h.n, coalesce(sum(power(2::float8, greatest(-1000, -extract(epoch FROM as_of - m.at)::float8 / extract(epoch FROM h.h)::float8))), 0) AS c
                  FROM entities e CROSS JOIN kinds k CROSS JOIN lives h LEFT JOIN mine m ON m.entity = e.entity AND m.kind = k.k GROUP BY 1, 2, 3),
    prior AS (SELECT coalesce((count(*) FILTER (WHERE kind = 'click'))::float8 / nullif(count(*) FILTER (WHERE kind = 'impression'), 0), 0) AS p FROM events)
    SELECT entity || '_' || k || '_count_' || n, c FROM counted
    UNION ALL SELECT entity || '_' || k || '_rate_' || n, c * 3600.0 / extract(epoch FROM w) FROM counted
    UNION ALL SELECT entity || '_' || k || '_decayed_' || n, c FROM decayed
    UNION ALL SELECT e.entity || '_' || k.k || '_seconds_since', (SELECT extract(epoch FROM as_of - max(at)) FROM mine m WHERE m.entity = e.entity AND m.kind = k.k) FROM entities e, kinds k
    UNION ALL SELECT a.entity || '_ctr_' || a.n, (a.c + 20 * p) / (b.c + 20) FROM prior, counted a JOIN counted b USING (entity, n) WHERE a.k = 'click' AND b.k = 'impression'
    UNION ALL SELECT a.entity || '_ctr_decayed_' || a.n, (a.c + 20 * p) / (b.c + 20) FROM prior, decayed a JOIN decayed b USING (entity, n) WHERE a.k = 'click' AND b.k = 'impression'
    UNION ALL SELECT e.entity || '_distinct_items', (SELECT count(DISTINCT i) FROM mine m WHERE m.entity = e.entity AND m.kind IN (SELECT k FROM kinds)) FROM entities e WHERE e.entity LIKE 'user%'
    UNION ALL SELECT 'item_distinct_users', (SELECT count(DISTINCT u) FROM mine m WHERE m.entity = 'item' AND m.kind IN (SELECT k FROM kinds))
$$;
-- 'same', or what differs, over some users and items; at a past time events of that very time are not known yet.
CREATE FUNCTION compare(as_of timestamptz, before timestamptz DEFAULT NULL) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT string_agg(d::text, E'\n') FROM (
        SELECT who, what, o.name, o.value AS oracle, f.value AS ours
          FROM (VALUES (1::bigint, 1, 'ios'), (3, 6, 'web'), (99, 999, NULL)) q (who, what, dev),
               LATERAL oracle(who, what, dev, as_of, coalesce(before, as_of)) o
               FULL JOIN LATERAL (SELECT key AS name, value::float8 FROM jsonb_each_text(features_json(who, what, 'shop', jsonb_build_object('device', dev), as_of))) f USING (name)
         WHERE (o.value IS NULL) <> (f.value IS NULL) OR NOT abs(o.value - f.value) <= 1e-6 * greatest(abs(o.value), 1e-30)
         LIMIT 5) d), 'same')
$$;
SELECT compare('2020-03-01');

-- Some hundred events over ten days, crowded at the end and on the borders of hops, in no order of time.
INSERT INTO log SELECT n, n % 9, n * 5 % 21,
       '2020-03-01'::timestamptz - CASE n % 4 WHEN 0 THEN n * interval '1 s' WHEN 1 THEN n * interval '5 min' WHEN 2 THEN n * interval '1 h' / 2 ELSE (n % 60) * interval '1 min' END,
       (ARRAY['impression', 'impression', 'click', 'buy', 'other'])[n % 5 + 1], CASE n % 3 WHEN 0 THEN 'ios' WHEN 1 THEN 'web' END
  FROM generate_series(1, 500) n;
INSERT INTO log VALUES (601, NULL, 1, '2020-02-01', 'click'), (602, 1, 1, NULL, 'click'), (603, 1, 1, 'infinity', 'buy'), (604, 1, 1, '2020-02-01', NULL), (605, 1, 5, '2015-01-01', 'buy');
-- Unpacked, packed, rebuilt: at a time after the newest event; and at times before it.
SELECT compare('2020-03-01'), compare('2020-03-01 00:07:11.5'), compare('2020-03-05'), compare('2020-02-29 23:31'), compare('2020-02-25');
SELECT recommend.maintain('shop');
SELECT recommender, events, backlog, future, skipped, entities, newest_event, needs_rebuild, state_bytes > 0 AS has_state FROM recommend.feature_status;
SELECT kind, count(*), bool_and(recommend.packed_kind(features) = 'features') FROM recommend.feature_rows_3 GROUP BY kind ORDER BY kind;
SELECT compare('2020-03-01'), compare('2020-03-01 00:07:11.5'), compare('2020-03-05'), compare('2020-02-29 23:31'), compare('2020-02-25');
SELECT rebuild_features('shop');
SELECT compare('2020-03-01 00:07:11.5'), compare('2020-02-25');
-- One call for many items.
SELECT count(*) AS items, bool_and(f.features = features(2, f.item_id, 'shop', '{"device": "web"}', '2020-03-01 12:00')) AS as_one_by_one
  FROM candidate_features(2, (SELECT array_agg(n) FROM generate_series(0, 30) n), 'shop', '{"device": "web"}', '2020-03-01 12:00') f;

-- Each change, before and after it is packed, against the rebuilt state.
CREATE FUNCTION check_all(as_of timestamptz = '2020-03-02', OUT live text, OUT packed text, OUT rebuilt text) LANGUAGE plpgsql AS $$
BEGIN
    live := compare(as_of);
    PERFORM recommend.maintain('shop');
    packed := compare(as_of);
    BEGIN
        PERFORM rebuild_features('shop');
        rebuilt := compare(as_of);
        RAISE EXCEPTION USING ERRCODE = 'UNDO0';
    EXCEPTION WHEN SQLSTATE 'UNDO0' THEN NULL;
    END;
END $$;
-- Late and new ones.
INSERT INTO log SELECT 700 + n, n % 4, n % 6, '2020-02-22'::timestamptz + n * n * interval '3 min', 'click', 'web' FROM generate_series(1, 60) n;
SELECT * FROM check_all();
-- Deleted: old ones, the newest of all, all of a user.
DELETE FROM log WHERE id % 11 = 3;
SELECT * FROM check_all();
DELETE FROM log WHERE at = (SELECT max(at) FROM log WHERE isfinite(at) AND kind = 'click');
SELECT * FROM check_all();
DELETE FROM log WHERE u = 3;
SELECT * FROM check_all();
SELECT count(*) FROM recommend.feature_rows_3 WHERE kind IN (1, 4) AND key = '3';
-- Came and gone at once.
BEGIN;
INSERT INTO log VALUES (900, 2, 5, '2020-03-01 10:00', 'buy', 'web');
DELETE FROM log WHERE id = 900;
COMMIT;
SELECT * FROM check_all();
-- Updated: another type, another time, nothing that matters.
UPDATE log SET kind = 'buy' WHERE id % 10 = 4;
UPDATE log SET at = at - interval '3 days' WHERE id % 10 = 5;
UPDATE log SET note = 'x';
SELECT backlog > 0 AS some, backlog < 400 AS not_all FROM recommend.feature_status;
SELECT * FROM check_all();
-- Rolled back, wholly and in part.
BEGIN;
INSERT INTO log VALUES (901, 1, 1, '2020-03-01 11:00', 'buy', 'ios');
SAVEPOINT a;
DELETE FROM log WHERE u = 1;
SELECT compare('2020-03-02');
ROLLBACK TO a;
SELECT compare('2020-03-02');
ROLLBACK;
SELECT * FROM check_all();
-- Emptied, and filled again before that was packed.
BEGIN;
TRUNCATE log;
SELECT compare('2020-03-02');
ROLLBACK;
SELECT compare('2020-03-02');
CREATE TABLE kept AS SELECT * FROM log;
TRUNCATE log;
SELECT compare('2020-03-02');
INSERT INTO log SELECT * FROM kept WHERE id % 2 = 0;
SELECT * FROM check_all();
INSERT INTO log SELECT * FROM kept WHERE id % 2 = 1;

-- Live: as of now all that is visible counts, later events too; what is dated further ahead waits.
INSERT INTO log VALUES (910, 1, 1, now(), 'buy', 'ios'), (911, 1, 1, now() + interval '1 h', 'buy', 'ios');
SELECT features_json(1, 1, 'shop') -> 'user_buy_count_5m' AS now, features_json(1, 1, 'shop', as_of => now() + interval '2 h') -> 'user_buy_count_24h' AS then,
       features_json(1, 1, 'shop') -> 'user_buy_count_24h' AS again;
SELECT recommend.maintain('shop') > 0 AS moved;
SELECT backlog, future FROM recommend.feature_status;
DELETE FROM log WHERE id IN (910, 911);
SELECT recommend.maintain('shop') > 0 AS moved;
SELECT backlog, future FROM recommend.feature_status;

-- An item's category is the one that it had when it was first met, until all is rebuilt.
INSERT INTO log VALUES (920, 5, 50, '2020-03-01 10:00', 'click', 'web');
SELECT features_json(5, 50, 'shop', as_of => '2020-03-02') -> 'user_category_click_count_24h' AS unknown;
INSERT INTO items VALUES (50, 'metal');
SELECT features_json(5, 50, 'shop', as_of => '2020-03-02') -> 'user_category_click_count_24h' AS now;
SELECT recommend.maintain('shop') > 0 AS moved;
UPDATE items SET genre = 'punk' WHERE id = 50;
SELECT category FROM recommend.item_categories_3 WHERE item = '50';
SELECT features_json(5, 50, 'shop', as_of => '2020-03-02') -> 'user_category_click_count_24h' AS still;
SELECT rebuild_features('shop') > 0 AS rebuilt;
SELECT category FROM recommend.item_categories_3 WHERE item = '50';
SELECT compare('2020-03-02');

-- Renamed columns are followed; a context's features are called after its column.
ALTER TABLE log RENAME COLUMN device TO gadget;
SELECT count(*) FROM unnest(feature_names('shop')) f WHERE f LIKE 'context_gadget%';
SELECT features_json(1, 1, 'shop', '{"gadget": "ios"}', '2020-03-02') -> 'context_gadget_click_count_7d' AS clicks;
ALTER TABLE log RENAME COLUMN gadget TO device;
ALTER TABLE log RENAME COLUMN at TO happened;
INSERT INTO log VALUES (930, 1, 1, '2020-03-01 13:00', 'buy', 'ios');
ALTER TABLE log RENAME COLUMN happened TO at;
SELECT * FROM check_all();

-- An event table without types and context, with text keys; chosen features; dropped with its table.
CREATE TABLE plain (u text, i uuid, at timestamp);
INSERT INTO plain VALUES ('a', '00000000-0000-0000-0000-000000000001', '2020-01-01 10:00'), ('a', '00000000-0000-0000-0000-000000000002', '2020-01-01 10:30');
SELECT create_recommender('plain', 'plain', 'u', 'i', 'at', graph => false);
SELECT create_features('plain', entities => '{user,item}', windows => '{1 hour}', half_lives => '{}', features => '{user_event_c%,item_event%,%distinct%}');
SELECT feature_names('plain');
SELECT features('a'::text, '00000000-0000-0000-0000-000000000002'::uuid, 'plain', as_of => '2020-01-01 11:00');
SELECT features('a'::text, NULL::uuid, 'plain', as_of => '2020-01-01 11:00'), features(NULL::text, '00000000-0000-0000-0000-000000000002'::uuid, 'plain', as_of => '2020-01-01 10:30:00.000001');
SELECT * FROM candidate_features('a'::text, '{00000000-0000-0000-0000-000000000001,NULL,00000000-0000-0000-0000-000000000009}'::uuid[], 'plain', as_of => '2020-01-01 11:00');
SET client_min_messages = warning;
DROP TABLE plain CASCADE;
RESET client_min_messages;
SELECT recommender, name FROM recommend.feature_list WHERE recommender = 'plain';
SELECT count(*) FROM recommend.features;

-- Dropped, declared again, dropped with the recommender.
SELECT drop_features('shop');
SELECT count(*) FROM pg_class WHERE relnamespace = 'recommend'::regnamespace AND relname ~ '_3($|_)';
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'log'::regclass AND tgname ~ 'recommend_3';
INSERT INTO log VALUES (940, 1, 1, '2020-03-01 14:00', 'buy', 'ios');
SELECT create_features('shop', windows => '{5 minutes,1 hour,24 hours,7 days}', half_lives => '{1 hour,7 days}', rates => '{"ctr": ["click", "impression"]}',
                       categories => 'items', category_item_column => 'id', category_column => 'genre', backfill => false);
SELECT needs_rebuild FROM recommend.feature_status;
SELECT recommend.maintain('shop');
SELECT compare('2020-03-02');
SELECT drop_recommender('shop');
SELECT count(*) FROM recommend.features;
SELECT count(*) FROM recommend.feature_state;
SET client_min_messages = warning;
DROP SCHEMA features CASCADE;
