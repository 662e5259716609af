-- A log of :events events between users and items in the table `events`: who met what, and when.
--
-- One user for every 20 events, one item for every 50. Both are drawn by Zipf's law (the inverse of its distribution:
-- exp(u * ln N)), and a prime scatters the ranks over the keys. The times lie in 90 days. The same seed gives the same log.
SELECT :events / 20 AS users, :events / 50 AS items \gset
CREATE TABLE events (user_id int NOT NULL, item_id int NOT NULL, at timestamptz NOT NULL);

SELECT setseed(0.42) \g /dev/null
SET work_mem = '1GB';
INSERT INTO events
SELECT 1 + (floor(exp(random() * ln(:users + 1)))::bigint * 2654435761 % :users)::int,
       1 + (floor(exp(random() * ln(:items + 1)))::bigint * 2654435761 % :items)::int,
       timestamptz '2026-01-01 00:00+00' - random() * interval '90 days' AS at
FROM generate_series(1, :events)
ORDER BY at;
RESET work_mem;
