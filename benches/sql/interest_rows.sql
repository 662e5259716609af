-- :rows events with vectors of :dimensions elements, of 10,000 users over 90 days, in the table `events`. The same seed gives
-- the same rows; only the times move with the clock.
SELECT setseed(0.42) \g /dev/null
CREATE TABLE pool AS
    SELECT n, ARRAY(SELECT (random() * 2 - 1 + n * 0)::real FROM generate_series(1, :dimensions)) AS v FROM generate_series(0, 9999) AS n;
CREATE UNLOGGED TABLE events AS
    SELECT e * 7919 % 10000 AS user_id, pool.v, (1 + e % 5)::float8 AS weight, now() - (e * 104729 % 7776000) * interval '1 second' AS at
    FROM generate_series(1, :rows::bigint) AS e JOIN pool ON pool.n = e * 7919 % 9973;
VACUUM ANALYZE events;
