-- Context columns: what is popular where.
CREATE SCHEMA context;
SET search_path = context, public;
SET recommend.auto_compact = off;
CREATE TYPE mood AS ENUM ('calm', 'keen');
CREATE TABLE log (u int, i int, at timestamptz, device text, hour int, member bool, mood mood);
SELECT create_recommender('shop', 'log', 'u', 'i', 'at', context_columns => '{device,hour,member,mood}');
-- Items 1 and 2 are popular, 3 on ios alone, 4 for members alone, 5 in no context at all.
INSERT INTO log SELECT 100 + n, 1 + n % 2, '2020-01-01'::timestamptz + n * interval '1 min', 'web', 9, false, 'calm' FROM generate_series(1, 12) n;
INSERT INTO log SELECT 200 + n, 3, '2020-01-01'::timestamptz + n * interval '1 min', 'ios', 9, false, 'calm' FROM generate_series(1, 4) n;
INSERT INTO log SELECT 300 + n, 4, '2020-01-01'::timestamptz + n * interval '1 min', 'ios', 21, true, 'keen' FROM generate_series(1, 3) n;
INSERT INTO log SELECT 400 + n, 5, '2020-01-01'::timestamptz + n * interval '1 min', NULL, NULL, NULL, NULL FROM generate_series(1, 2) n;
CREATE FUNCTION top(context jsonb, n int = 3) RETURNS TABLE (trending text, somebody int[], sources text) LANGUAGE sql STABLE AS $$
    SELECT (SELECT string_agg(item_id || '=' || round(score::numeric, 2), ' ' ORDER BY rank) FROM trending_items(n, context => $1, as_of => '2020-01-01 00:20')),
           (SELECT array_agg(item_id ORDER BY rank) FROM recommend(999, n, context => $1, as_of => '2020-01-01 00:20')),
           (SELECT string_agg(DISTINCT s, ' ') FROM recommend(999, n, context => $1, as_of => '2020-01-01 00:20') r, unnest(r.sources) s)
$$;
CREATE FUNCTION tops() RETURNS TABLE (context text, trending text, somebody int[], sources text) LANGUAGE sql STABLE AS $$
    SELECT c, t.* FROM unnest(ARRAY[NULL, '{}', '{"device": "ios"}', '{"device": "web"}', '{"hour": 9}', '{"hour": "21"}', '{"member": true}', '{"mood": "keen"}',
        '{"device": "ios", "hour": 21}', '{"device": "ios", "hour": 9, "member": false, "mood": "calm"}', '{"device": null, "member": true}',
        '{"device": "tv"}', '{"device": "ios", "hour": 10}', '{"device": ""}', '{"device": "IOS"}', '{"device": ["ios"]}', '{"device": "it''s"}']) c, top(c::jsonb) t
$$;
SELECT * FROM tops();
CREATE TEMP TABLE unpacked AS SELECT * FROM tops();
SELECT recommend.maintain('shop');
SELECT * FROM tops() EXCEPT ALL TABLE unpacked;
-- A context that is new, and a known one that changes, unpacked and packed.
INSERT INTO log SELECT 500 + n, 6, '2020-01-01 00:15', 'tv', 9, true, 'keen' FROM generate_series(1, 2) n;
UPDATE log SET device = 'tv' WHERE i = 3 AND u <= 202;
DELETE FROM log WHERE i = 4 AND u = 301;
SELECT context, trending FROM tops() WHERE context ~ 'tv|ios|member|keen';
CREATE TEMP TABLE halfway AS SELECT * FROM tops();
SELECT recommend.maintain('shop');
SELECT * FROM tops() EXCEPT ALL TABLE halfway;
-- Someone with a history: the context moves what is alike otherwise; rank_items and explain_recommendation say the same.
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(405, context => '{"device": "tv"}', as_of => '2020-01-01 00:20');
SELECT item_id FROM rank_items(999, '{4,6}'::int[], context => '{"device": "tv"}', as_of => '2020-01-01 00:20');
SELECT feature, round(sum(contribution)::numeric, 3) > 0 AS adds FROM explain_recommendation(999, 6, context => '{"device": "tv"}', as_of => '2020-01-01 00:20') WHERE source = 'context' GROUP BY 1;
SELECT feature, contribution FROM explain_recommendation(999, 6, as_of => '2020-01-01 00:20') WHERE source = 'context';
SELECT item_id IN (3, 6) FROM recommend_session('{}'::int[], 1, context => '{"device": "tv"}', as_of => '2020-01-01 00:20');
SELECT user_id, item_id IN (3, 6) FROM recommend_batch('{999}'::int[], 1, context => '{"device": "tv"}', as_of => '2020-01-01 00:20');
-- Another half-life asks the events themselves, in the context.
SELECT item_id, round(score::numeric, 2) AS score FROM trending_items(5, half_life => '1 year', context => '{"device": "tv"}', as_of => '2020-01-01 00:20');
SELECT item_id, round(score::numeric, 2) AS score FROM trending_items(5, half_life => '1 year', context => '{"device": "tv", "hour": 21}', as_of => '2020-01-01 00:20');
-- As of the past the contexts are those of the past.
SELECT item_id FROM trending_items(5, context => '{"device": "tv"}', as_of => '2020-01-01 00:10');
SELECT array_agg(item_id ORDER BY rank) FROM recommend(999, 2, context => '{"device": "ios", "member": true}', as_of => '2020-01-01 00:10');
SET client_min_messages = warning;
DROP SCHEMA context CASCADE;
