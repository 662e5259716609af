-- What an expert makes of the log to walk it by SQL: one row an edge, with its decayed weight, and an index for each direction.
--
-- Weights are decayed forward: `weight` is relative to the newest event of the log (:newest), so a question at that
-- time reads it as it is. The indexes hold all that a question needs, so that it reads no heap.
CREATE TABLE edges AS
SELECT user_id, item_id, max(at) AS last_at, count(*) AS count,
       sum(2 ^ (extract(epoch FROM at - :'newest'::timestamptz)::float8 / 86400 / 7)) AS weight
FROM events
GROUP BY user_id, item_id;

SET maintenance_work_mem = '1GB';
CREATE UNIQUE INDEX ON edges (user_id, last_at DESC, item_id) INCLUDE (weight, count);
CREATE UNIQUE INDEX ON edges (item_id, last_at DESC, user_id) INCLUDE (weight, count);
VACUUM ANALYZE edges;
