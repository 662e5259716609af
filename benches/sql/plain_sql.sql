-- The question of recommend(user, 20) asked of the event table itself, as an expert would: the user's last five items,
-- what others went on to within half an hour of them (looking at each item's 500 latest events, through the index),
-- decayed by age and by position, filled up with what is popular, without what the user has seen.
-- :popular is the source of popularity: an aggregate over the events, or a materialized view of it.
\set user random(1, :users)
WITH latest AS (
    SELECT item_id, row_number() OVER (ORDER BY at DESC) AS position
    FROM (SELECT item_id, at FROM events WHERE user_id = :user ORDER BY at DESC LIMIT 5) AS e
), followers AS (
    SELECT next.item_id,
           sum(0.6 ^ (position - 1) * CASE next.kind WHEN 'purchase' THEN 8 WHEN 'cart' THEN 4 ELSE 1 END
               * exp(-ln(2) * extract(epoch FROM now() - next.at)::float8 / 604800)) AS score
    FROM latest
    CROSS JOIN LATERAL (
        SELECT user_id, at FROM events WHERE item_id = latest.item_id ORDER BY at DESC LIMIT 500) AS seen
    JOIN events AS next ON next.user_id = seen.user_id
                       AND next.at > seen.at AND next.at <= seen.at + interval '30 minutes'
    GROUP BY next.item_id
), candidates AS (
    SELECT item_id, sum(score) AS score
    FROM (SELECT item_id, score / (SELECT greatest(max(score), 1e-300) FROM followers) AS score FROM followers
          UNION ALL
          SELECT item_id, 0.1 * score / max(score) OVER ()
          FROM (SELECT item_id, score FROM :popular ORDER BY score DESC LIMIT 200) AS top) AS pooled
    GROUP BY item_id
)
SELECT item_id, score
FROM candidates
WHERE NOT EXISTS (SELECT FROM events WHERE events.user_id = :user AND events.item_id = candidates.item_id)
ORDER BY score DESC, item_id
LIMIT 20;
