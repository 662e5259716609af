-- The graph as other engines load it: every step that a walk may take, that is the 128 newest neighbours of each user and of
-- each item, with the weights that the edges have at the newest event. A user is numbered by its key, an item by minus its key.
CREATE TABLE steps AS
WITH ranked AS (
    SELECT *, row_number() OVER (PARTITION BY user_id ORDER BY last_at DESC, item_id) AS user_rank,
           row_number() OVER (PARTITION BY item_id ORDER BY last_at DESC, user_id) AS item_rank
    FROM edges
)
SELECT user_id AS from_id, -item_id AS to_id, weight, count FROM ranked WHERE user_rank <= 128
UNION ALL
SELECT -item_id, user_id, weight, count FROM ranked WHERE item_rank <= 128;
VACUUM ANALYZE steps;
