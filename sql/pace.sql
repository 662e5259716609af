-- The pace of a log in seconds: half of the events came within this time after the first event of their item. Of a long log one item in sixteen
-- is asked; NULL where that leaves fewer than a thousand events.
WITH size AS (
    SELECT count(*) < 100000 AS small FROM (SELECT FROM recommend.events_{id} LIMIT 100000) AS first_rows
), age AS (
    SELECT extract(epoch FROM e.at - min(e.at) OVER (PARTITION BY e.item_key))::float8 AS seconds
      FROM recommend.events_{id} AS e, size AS s
     WHERE e.at <= $1 AND e.weight > 0
       AND (s.small OR hashtextextended(e.item_key::text, 0) & 15 = 0)
)
SELECT least(greatest(percentile_disc(0.5) WITHIN GROUP (ORDER BY a.seconds), 86400), 365 * 86400)
  FROM age AS a
HAVING count(*) >= 1000
