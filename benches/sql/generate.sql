-- A shop's event log of about :events rows in the table `events`, with the two indexes such a table has anyway.
--
-- Users: one for every 20 events, each with at least one session, some far more active than others.
-- Items: :items of them; their ranks follow Zipf's law (the inverse of its distribution: exp(u * ln N)).
-- Sessions: 1 to 9 events (5 on average), some 40 seconds apart, spread over 30 days that end now. A session has a
-- category: two of three events fall on items of it, so that items follow each other for a reason.
-- The same seed gives the same log; only the times move with the clock.
SELECT :events / 20 AS users, :items / 100 AS categories \gset

CREATE TABLE events (
    user_id int NOT NULL,
    item_id int NOT NULL,
    at      timestamptz NOT NULL,
    kind    text NOT NULL,
    device  text NOT NULL
);

SELECT setseed(0.42) \g /dev/null
SET work_mem = '1GB';

INSERT INTO events
WITH sessions AS MATERIALIZED (
    SELECT CASE WHEN s <= :users THEN s ELSE 1 + floor(:users * random() ^ 2)::int END AS user_id,
           now() - interval '10 minutes' - random() * interval '30 days' AS started_at,
           (floor(exp(random() * ln(:items + 1)))::int - 1) % :categories AS category,
           1 + s % 9 AS length,
           (ARRAY['mobile', 'mobile', 'mobile', 'desktop', 'desktop', 'tablet'])[1 + floor(random() * 6)::int] AS device
    FROM generate_series(1, :events / 5) AS s
)
SELECT user_id,
       CASE WHEN random() < 0.67 THEN 1 + category + :categories * (floor(exp(random() * ln(101)))::int - 1)
            ELSE floor(exp(random() * ln(:items + 1)))::int END,
       started_at + (step + random()) * interval '40 seconds' AS at,
       CASE WHEN random() < 0.88 THEN 'view' WHEN random() < 0.67 THEN 'cart' ELSE 'purchase' END,
       device
FROM sessions, generate_series(1, length) AS step
ORDER BY at;

RESET work_mem;
SET maintenance_work_mem = '1GB';
CREATE INDEX ON events (user_id, at);
CREATE INDEX ON events (item_id, at);
RESET maintenance_work_mem;
VACUUM ANALYZE events;
