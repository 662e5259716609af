-- Training sets: each label's features are what features() says as of its time, on a log that is replayed event by event.
CREATE SCHEMA training_set;
SET search_path = training_set, public;
SET recommend.auto_compact = off;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
CREATE TABLE items (id text, genre text);
INSERT INTO items SELECT 'i' || n, 'g' || n % 4 FROM generate_series(0, 30) n;
CREATE TABLE log (id int, u int, i text, at timestamptz, seen_at timestamptz, kind text, device text, place int);
SELECT create_recommender('shop', 'log', 'u', 'i', 'at', event_column => 'kind', context_columns => '{device,place}', graph => false);
INSERT INTO log SELECT n, n * n % 23, 'i' || n * 7 % 37, '2020-03-01'::timestamptz + (n * n % 997) * interval '17 min 1 s' - (n % 3) * interval '40 s',
       NULL, (ARRAY['impression', 'impression', 'click'])[n % 3 + 1], CASE n % 4 WHEN 0 THEN 'ios' WHEN 1 THEN 'web' END, n % 5
  FROM generate_series(1, 700) n;
SELECT create_features('shop', windows => '{5 minutes,1 hour,24 hours,7 days,30 days}', half_lives => '{1 hour,7 days}', rates => '{"ctr": ["click", "impression"]}',
                       categories => 'items', category_item_column => 'id', category_column => 'genre');
-- The labels are impressions: at their very time, which other events share.
CREATE TABLE labels AS SELECT u AS user_id, i AS item_id, at AS time, (id % 7 = 0)::int AS label, device, place FROM log WHERE id % 2 = 0;
INSERT INTO labels VALUES (999, 'nothing', '2020-03-05', 1, 'ios', 3), (NULL, 'i1', '2020-03-06', 0, NULL, NULL), (1, NULL, '2020-03-06 00:00:00.000001', NULL, 'none', 1);
CREATE TABLE made AS SELECT * FROM training_set('shop', 'labels');
SELECT count(*), count(DISTINCT row_number), min(row_number), max(row_number), bool_and(array_length(features, 1) = (SELECT count(*) FROM recommend.feature_list)) AS whole FROM made;
SELECT row_number, user_id, item_id, at, label FROM made WHERE user_id = '999' OR user_id IS NULL OR item_id IS NULL ORDER BY 1;
SELECT bool_and(at >= before) AS in_order FROM (SELECT at, lag(at) OVER () AS before FROM made) t WHERE before IS NOT NULL;

-- Arrays that differ nowhere by more than a millionth.
CREATE FUNCTION near(a real[], b real[]) RETURNS bool LANGUAGE sql IMMUTABLE AS $$
    SELECT array_length(a, 1) = array_length(b, 1) AND bool_and((x = 'NaN' AND y = 'NaN') OR abs(x - y) <= 1e-6 * greatest(abs(x), abs(y), 1e-30))
      FROM unnest(a::float8[], b::float8[]) t (x, y) $$;
-- As of the past, each label alone.
SELECT count(*), bool_and(near(m.features, features(m.user_id::int, m.item_id, 'shop', jsonb_build_object('device', l.device, 'place', l.place), m.at))) AS same
  FROM made m JOIN (SELECT row_number() OVER () AS n, * FROM labels) l ON l.n = m.row_number;

-- The log, replayed: events come one by one, some of them packed, and each label asks packed rows and the delta before its own event comes.
CREATE TABLE source AS SELECT * FROM log;
TRUNCATE log;
SELECT recommend.maintain('shop') >= 0 AS maintained;
CREATE TABLE served (n bigint, features real[]);
CREATE FUNCTION replay() RETURNS void LANGUAGE plpgsql AS $$
DECLARE happening record; count int := 0;
BEGIN
    FOR happening IN SELECT at, 0 AS what, n, l.user_id, l.item_id, l.device, l.place, NULL::log AS event
                       FROM (SELECT row_number() OVER () AS n, time AS at, * FROM labels) l
                     UNION ALL SELECT at, 1, 0, NULL, NULL, NULL, NULL, ROW(s.*)::log FROM source s ORDER BY at, what
    LOOP
        IF happening.what = 0 THEN
            INSERT INTO served SELECT happening.n, features(happening.user_id, happening.item_id, 'shop', jsonb_build_object('device', happening.device, 'place', happening.place), happening.at);
        ELSE
            INSERT INTO log SELECT (happening.event).*;
            count := count + 1;
            IF count % 40 = 0 THEN PERFORM recommend.maintain('shop'); END IF;
        END IF;
    END LOOP;
END $$;
SELECT replay();
SELECT events + backlog AS events, backlog FROM recommend.feature_status;
SELECT count(*), bool_and(near(m.features, s.features)) AS same FROM made m JOIN served s ON s.n = m.row_number;

-- Chosen features, as a query, with the context in a jsonb; the same numbers.
SELECT feature_names('shop', '{user\_click\_count\_24h,context\_device\_click\_count\_7d,all\_ctr\_7d}');
SELECT t.row_number, t.user_id, t.item_id, t.label, t.features[2] AS user_click_count_24h, t.features[3] AS on_device
  FROM training_set('shop', $$SELECT user_id AS "user", item_id AS item, time AS at, label > 0 AS label, jsonb_build_object('device', device) AS context
                                FROM training_set.labels WHERE time >= '2020-03-10' ORDER BY time LIMIT 5$$,
                    '{user\_click\_count\_24h,context\_device\_click\_count\_7d,all\_ctr\_7d}') t
 ORDER BY t.row_number;
SELECT count(*) FROM training_set('shop', 'SELECT * FROM labels WHERE false');
SELECT count(*) FROM training_set('shop', 'labels', '{user\_click%}') t WHERE array_length(t.features, 1) = 13;

-- No leakage: neither the event of a label's own time, nor what is recorded later, is in its features.
SELECT drop_features('shop');
TRUNCATE log;
INSERT INTO log VALUES (1, 1, 'i1', '2020-03-01 10:00', '2020-03-01 10:00', 'click'), (2, 1, 'i1', '2020-03-01 10:05', '2020-03-01 12:00', 'click'),
                       (3, 1, 'i1', '2020-03-01 10:10', NULL, 'click'), (4, 1, 'i1', '2020-03-01 10:20', '2020-03-01 09:00', 'click'), (5, 1, 'i1', '2020-03-01 10:15', 'infinity', 'click');
SELECT create_features('shop', entities => '{user}', windows => '{24 hours}', half_lives => '{}', recorded_column => 'seen_at', features => '{%count%,%since}');
CREATE VIEW times AS SELECT 1 AS user_id, 'i1' AS item_id, t::timestamptz AS at, 0 AS label
  FROM unnest('{2020-03-01 10:00,2020-03-01 10:00:00.000001,2020-03-01 10:10,2020-03-01 10:20,2020-03-01 10:21,2020-03-01 11:59:59.999999,2020-03-01 12:00}'::text[]) t;
SELECT t.at, t.features, near(t.features, features(1, 'i1'::text, 'shop', as_of => t.at)) AS as_served,
       (SELECT count(*) FROM log l WHERE l.at < t.at AND coalesce(l.seen_at, l.at) <= t.at) AS by_hand
  FROM training_set('shop', 'times') t ORDER BY t.at;
-- Packed, with what is recorded later waiting, and after the newest event.
SELECT recommend.maintain('shop') >= 0 AS maintained;
SELECT backlog FROM recommend.feature_status;
SELECT features(1, 'i1'::text, 'shop', as_of => '2020-03-01 12:30'), features(1, 'i1'::text, 'shop', as_of => '2020-03-01 12:00:00.000001');
SELECT features FROM training_set('shop', $$SELECT 1 AS user_id, 'i1' AS item_id, '2020-03-01 12:30'::timestamptz AS time, 0 AS label$$);
UPDATE log SET seen_at = '2020-03-01 12:10' WHERE id = 5;
SELECT features(1, 'i1'::text, 'shop', as_of => '2020-03-01 12:30');
ALTER TABLE log RENAME COLUMN seen_at TO recorded;
INSERT INTO log VALUES (6, 1, 'i1', '2020-03-01 12:20', '2020-03-01 12:25', 'click'), (7, 1, 'i1', '2020-03-01 12:20', '2020-03-01 12:40', 'click');
SELECT features(1, 'i1'::text, 'shop', as_of => '2020-03-01 12:30'), features(1, 'i1'::text, 'shop', as_of => '2020-03-01 12:50');

SELECT drop_recommender('shop');
SET client_min_messages = warning;
DROP SCHEMA training_set CASCADE;
