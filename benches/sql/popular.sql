-- Popularity for plain_sql.sql: what was in demand over the last 30 days, decayed by a half-life of 7 days.
CREATE VIEW popular_now AS
SELECT item_id,
       sum(CASE kind WHEN 'purchase' THEN 8 WHEN 'cart' THEN 4 ELSE 1 END
           * exp(-ln(2) * extract(epoch FROM now() - at)::float8 / 604800)) AS score
FROM events
WHERE at > now() - interval '30 days'
GROUP BY item_id;

CREATE MATERIALIZED VIEW popular_stored AS SELECT * FROM popular_now;
CREATE INDEX ON popular_stored (score DESC);
ANALYZE popular_stored;
