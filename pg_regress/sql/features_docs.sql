-- The statements of docs/features.md, in its order: what the page shows is what comes out here.
CREATE SCHEMA features_docs;
SET search_path = features_docs, public;
SET recommend.auto_compact = off;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';

-- Declare them
CREATE TABLE events (user_id int, item_id int, at timestamptz, kind text, device text);
CREATE TABLE songs (item_id int PRIMARY KEY, genre text);
CREATE INDEX ON events (user_id, at);
CREATE INDEX ON events (item_id, at);
INSERT INTO songs VALUES (1, 'jazz'), (2, 'jazz'), (3, 'folk');
INSERT INTO events VALUES
    (42, 1, '2026-10-31 20:00', 'impression', 'mobile'), (42, 1, '2026-10-31 20:01', 'click', 'mobile'),
    (42, 2, '2026-11-01 09:30', 'impression', 'mobile'), (42, 3, '2026-11-01 09:30', 'impression', 'mobile'),
    (42, 3, '2026-11-01 09:31', 'click', 'mobile'),      (7, 1, '2026-11-01 09:40', 'impression', 'desktop'),
    (7, 1, '2026-11-01 09:41', 'click', 'desktop'),      (7, 2, '2026-11-01 09:58', 'impression', 'desktop');
SELECT create_recommender('songs', 'events', 'user_id', 'item_id', 'at', event_column => 'kind',
                          event_weights => '{"impression": 0, "click": 1}', context_columns => '{device}') \g /dev/null
SELECT create_features('songs', windows => '{1 hour,24 hours,7 days}', half_lives => '{1 hour,7 days}',
                       rates => '{"ctr": ["click", "impression"]}',
                       categories => 'songs', category_item_column => 'item_id', category_column => 'genre');
SELECT position, name, description FROM recommend.feature_list WHERE name LIKE 'item\_%' AND name NOT LIKE '%impression%';

-- Read them
SELECT key AS feature, value
FROM jsonb_each(features_json(42, 1, 'songs', context => '{"device": "mobile"}', as_of => '2026-11-01 10:00'))
WHERE key IN ('user_click_count_24h', 'user_click_seconds_since', 'user_distinct_items', 'item_click_decayed_1h',
              'category_impression_count_1h', 'user_category_click_seconds_since', 'context_device_click_rate_1h', 'all_ctr_7d');
SELECT array_length(features(42, 1, 'songs', as_of => '2026-11-01 10:00'), 1);
SELECT item_id, features[array_position(names, 'item_ctr_24h')] AS item_ctr_24h,
       features[array_position(names, 'item_click_seconds_since')] AS seconds_since
FROM candidate_features(42, '{1,2,3,99}'::int[], 'songs', as_of => '2026-11-01 10:00'), feature_names('songs') AS names;

-- Time
SELECT t AS as_of, features_json(42, 3, 'songs', as_of => t) -> 'user_click_count_24h' AS clicks
FROM unnest('{2026-11-01 09:31,2026-11-01 09:31:00.000001,2026-11-01 20:20}'::timestamptz[]) AS t;

-- Training sets
CREATE VIEW impressions AS
    SELECT i.user_id, i.item_id, i.at AS time, i.device,
           EXISTS (SELECT FROM events c WHERE c.kind = 'click' AND c.user_id = i.user_id AND c.item_id = i.item_id
                      AND c.at BETWEEN i.at AND i.at + interval '10 minutes') AS label
    FROM events i WHERE i.kind = 'impression';
SELECT feature_names('songs', '{user\_click\_count\_24h,item\_ctr\_7d,context\_device\_click\_count\_24h}');
SELECT user_id, item_id, at, label, features
FROM training_set('songs', 'impressions', '{user\_click\_count\_24h,item\_ctr\_7d,context\_device\_click\_count\_24h}')
ORDER BY at, user_id, item_id;
SELECT count(*) AS labels, count(*) FILTER (WHERE t.features = features(t.user_id::int, t.item_id::int, 'songs', as_of => t.at)) AS as_served
FROM training_set('songs', 'SELECT user_id, item_id, time, label FROM impressions') AS t;

-- Freshness
INSERT INTO events VALUES (42, 1, '2026-11-01 10:05', 'impression', 'mobile');
SELECT features_json(42, 1, 'songs', as_of => '2026-11-01 10:06') -> 'item_impression_count_1h' AS impressions;
SELECT recommender, events, backlog, skipped, entities, newest_event FROM recommend.feature_status;
SELECT recommend.maintain('songs') \g /dev/null
SELECT events, backlog FROM recommend.feature_status;

-- Nothing is left.
SELECT drop_recommender('songs') \g /dev/null
SET client_min_messages = warning;
DROP SCHEMA features_docs CASCADE;
