-- as_of: the answer as it was, and events dated after the clock.
CREATE SCHEMA as_of;
SET search_path = as_of, public;
SET recommend.auto_compact = off;
SET recommend.default_recommender = 'shop';
CREATE TABLE log (u int, i int, at timestamptz, kind text, device text);
SELECT create_recommender('shop', 'log', 'u', 'i', 'at', event_column => 'kind', event_weights => '{"view": 1, "buy": 3, "hide": -1}', context_columns => '{device}', half_life => '1 hour', learn => false);
-- Several events at the same time, late ones, dislikes; half of them packed.
INSERT INTO log SELECT n % 7, n * n % 13, '2020-01-01'::timestamptz + n / 2 * interval '1 min', CASE WHEN n % 11 = 0 THEN 'hide' WHEN n % 5 = 0 THEN 'buy' ELSE 'view' END,
    CASE n % 3 WHEN 0 THEN 'ios' WHEN 1 THEN 'web' END FROM generate_series(1, 150) n;
SELECT recommend.maintain('shop');
INSERT INTO log SELECT n % 7, n * n % 17, '2020-01-01'::timestamptz + (n * 37 % 150) * interval '1 min', 'view', 'tv' FROM generate_series(1, 50) n;
UPDATE log SET at = at + interval '7 min' WHERE u = 3 AND i = 3;
DELETE FROM log WHERE u = 2 AND i = 4;
CREATE TABLE past (LIKE log);
SELECT create_recommender('past', 'past', 'u', 'i', 'at', event_column => 'kind', event_weights => '{"view": 1, "buy": 3, "hide": -1}', context_columns => '{device}', half_life => '1 hour', learn => false);
CREATE FUNCTION answers(name text, at timestamptz) RETURNS TABLE (question text, item bigint, score numeric, place int) LANGUAGE sql STABLE AS $$
    SELECT 'recommend ' || u, item_id, round(score::numeric, 4), rank FROM generate_series(0, 7) u, recommend(u, 20, name, as_of => at)
    UNION ALL SELECT 'unseen ' || u, item_id, round(score::numeric, 4), rank FROM generate_series(0, 7) u, recommend(u, 20, name, context => '{"device": "ios"}', include_seen => false, as_of => at)
    UNION ALL SELECT 'session ' || i, item_id, round(score::numeric, 4), rank FROM generate_series(0, 16) i, recommend_session(ARRAY[i, 1], 20, name, as_of => at)
    UNION ALL SELECT 'similar ' || i, item_id, round(score::numeric, 4), rank FROM generate_series(0, 16) i, similar_items(i, 20, name, as_of => at)
    UNION ALL SELECT 'trending', item_id, round(score::numeric, 4), rank FROM trending_items(NULL::int, 20, name, as_of => at)
    UNION ALL SELECT 'trending 2 h', item_id, round(score::numeric, 4), rank FROM trending_items(NULL::int, 20, name, half_life => '2 hours', as_of => at)
    UNION ALL SELECT 'trending web', item_id, round(score::numeric, 4), rank FROM trending_items(NULL::int, 20, name, context => '{"device": "web"}', as_of => at)
    UNION ALL SELECT 'rank ' || u, item_id, round(score::numeric, 4), rank FROM generate_series(0, 7) u, rank_items(u, '{1,2,3,4,5,99}'::int[], name, as_of => at)
    UNION ALL SELECT 'batch ' || user_id, item_id, round(score::numeric, 4), rank FROM recommend_batch('{0,1,9}'::int[], 20, name, as_of => at)
    UNION ALL SELECT 'explain ' || feature, via, round(sum(contribution)::numeric, 4), 0 FROM explain_recommendation(1, 3, name, as_of => at) GROUP BY 1, 2
$$;
-- Whenever asked about: what a recommender says that has only the events up to then, packed or not.
CREATE FUNCTION compare(moment timestamptz, pack bool) RETURNS TABLE (minute numeric, answers bigint, different bigint) LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE past;
    IF pack THEN PERFORM recommend.maintain('past'); END IF;
    INSERT INTO past SELECT * FROM log WHERE at <= moment;
    IF pack THEN PERFORM recommend.maintain('past'); END IF;
    RETURN QUERY SELECT extract(epoch FROM moment - '2020-01-01') / 60, (SELECT count(*) FROM answers('shop', moment)),
        (SELECT count(*) FROM (SELECT * FROM answers('shop', moment) EXCEPT SELECT * FROM answers('past', moment)) d)
      + (SELECT count(*) FROM (SELECT * FROM answers('past', moment) EXCEPT SELECT * FROM answers('shop', moment)) d);
END $$;
SELECT minute::int, answers > 100 AS many, different FROM unnest('{-10,0,1,2.5,7,20,40,75,75.001,100,149,200}'::numeric[]) m, compare('2020-01-01'::timestamptz + m * interval '1 min', true);
SELECT minute::int, answers > 100 AS many, different FROM unnest('{0,7,40,75,200}'::numeric[]) m, compare('2020-01-01'::timestamptz + m * interval '1 min', false);
-- Before anything was, nothing is; n counts there too.
SELECT count(*) FROM recommend(1, as_of => '1970-01-01');
SELECT count(*) FROM recommend(1, as_of => '4000-01-01 BC');
SELECT count(*) FROM trending_items(as_of => '1970-01-01');
SELECT n, count(*) FROM generate_series(1, 3) n, recommend(1, n, as_of => '2020-01-01 00:30') GROUP BY n ORDER BY n;
-- In a read-only transaction, and without trusting the packed rows.
BEGIN READ ONLY;
SELECT count(*) FROM recommend(1, 5, as_of => '2020-01-01 00:30');
COMMIT;
-- The far future: everything has decayed, and has its place.
SELECT count(*), bool_and(score > '-infinity' AND score < 'infinity') FROM recommend(1, as_of => '9999-12-31');
SELECT count(*) FROM trending_items(as_of => '294276-01-01');
SELECT count(*) FROM recommend(1, as_of => now() + interval '1 year');

-- Events dated after the clock wait until their time comes, whoever compacts.
CREATE TABLE clock (u int, i int, at timestamptz);
SELECT create_recommender('clock', 'clock', 'u', 'i', 'at', learn => false);
INSERT INTO clock VALUES (1, 1, now() - interval '1 hour'), (1, 2, now() + interval '1 hour'), (2, 3, now() + interval '2 days');
SELECT array_agg(item_id ORDER BY rank) FROM recommend(1, 5, 'clock');
SELECT array_agg(item_id ORDER BY rank) FROM trending_items(5, 'clock', half_life => '1 day');
SELECT events, backlog, future FROM recommend.status WHERE recommender = 'clock';
SELECT recommend.maintain('clock');
SELECT events, backlog, future FROM recommend.status WHERE recommender = 'clock';
SELECT array_agg(item_id ORDER BY rank) FROM recommend(1, 5, 'clock');
-- Who asks about the future sees it.
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 5, 'clock', as_of => now() + interval '2 hours');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 5, 'clock', as_of => now() + interval '3 days');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 5, 'clock');
-- A little ahead of the clock is now: clocks differ.
SET recommend.clock_skew = '24 h';
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 5, 'clock');
RESET recommend.clock_skew;
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 5, 'clock');
INSERT INTO clock VALUES (4, 4, clock_timestamp() + interval '5 s');
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 5, 'clock');
-- What waits may be changed and may go: the compactor does not keep what will never come.
UPDATE clock SET at = now() - interval '1 min' WHERE i = 2;
DELETE FROM clock WHERE i = 3;
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 5, 'clock');
SELECT backlog, future FROM recommend.status WHERE recommender = 'clock';
SELECT recommend.maintain('clock') > 0 AS moved;
SELECT array_agg(item_id ORDER BY item_id) FROM recommend(1, 5, 'clock', as_of => now() + interval '3 days');
SELECT events, backlog, future FROM recommend.status WHERE recommender = 'clock';
-- The first recommender's rows are made anew without what waits.
INSERT INTO clock VALUES (5, 5, now() + interval '1 hour');
SELECT rebuild_recommender('clock');
SELECT events, backlog, future FROM recommend.status WHERE recommender = 'clock';
SET client_min_messages = warning;
DROP SCHEMA as_of CASCADE;
