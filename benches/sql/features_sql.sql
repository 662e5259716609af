-- What features over plain events cost: a choice of the features of the same candidates, counted from the table by its indexes. The windows start
-- when they start, not at multiples of a hop; nothing is decayed but one rate.
WITH candidates AS (SELECT unnest(items) AS item_id FROM candidates),
of_user AS (
    SELECT count(*) FILTER (WHERE kind = 'view') AS views, count(*) FILTER (WHERE kind = 'purchase') AS purchases,
           count(*) FILTER (WHERE kind = 'view' AND at >= now() - interval '24 hours') AS views_24h,
           count(*) FILTER (WHERE kind = 'view' AND at >= now() - interval '7 days') AS views_7d,
           max(at) FILTER (WHERE kind = 'view') AS last_view, count(DISTINCT item_id) AS items
    FROM events WHERE user_id = :user
),
of_items AS (
    SELECT c.item_id, count(*) FILTER (WHERE kind = 'view' AND at >= now() - interval '1 hour') AS views_1h,
           count(*) FILTER (WHERE kind = 'view' AND at >= now() - interval '24 hours') AS views_24h,
           count(*) FILTER (WHERE kind = 'view' AND at >= now() - interval '7 days') AS views_7d,
           count(*) FILTER (WHERE kind = 'view') AS views_30d, count(*) FILTER (WHERE kind = 'purchase') AS purchases_30d,
           max(at) FILTER (WHERE kind = 'view') AS last_view, count(DISTINCT user_id) AS users
    FROM candidates c LEFT JOIN events e ON e.item_id = c.item_id AND e.at >= now() - interval '30 days'
    GROUP BY c.item_id
)
SELECT count(*), sum(views_30d) FROM of_items, of_user;
