-- A training set by LATERAL joins: for each label the events of its user and of its item before its time, by the indexes of the table.
SELECT count(*), sum(u.views_7d), sum(i.views_7d)
FROM (SELECT * FROM labels WHERE user_id % 1000 = 7) AS l,
LATERAL (
    SELECT count(*) FILTER (WHERE kind = 'view' AND at >= l.at - interval '1 hour') AS views_1h,
           count(*) FILTER (WHERE kind = 'view' AND at >= l.at - interval '24 hours') AS views_24h,
           count(*) FILTER (WHERE kind = 'view' AND at >= l.at - interval '7 days') AS views_7d,
           count(*) FILTER (WHERE kind = 'view') AS views_30d, max(at) FILTER (WHERE kind = 'view') AS last_view, count(DISTINCT item_id) AS items
    FROM events e WHERE e.user_id = l.user_id AND e.at < l.at AND e.at >= l.at - interval '30 days'
) AS u,
LATERAL (
    SELECT count(*) FILTER (WHERE kind = 'view' AND at >= l.at - interval '1 hour') AS views_1h,
           count(*) FILTER (WHERE kind = 'view' AND at >= l.at - interval '24 hours') AS views_24h,
           count(*) FILTER (WHERE kind = 'view' AND at >= l.at - interval '7 days') AS views_7d,
           count(*) FILTER (WHERE kind = 'view') AS views_30d, max(at) FILTER (WHERE kind = 'view') AS last_view, count(DISTINCT user_id) AS users
    FROM events e WHERE e.item_id = l.item_id AND e.at < l.at AND e.at >= l.at - interval '30 days'
) AS i;
