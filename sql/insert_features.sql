INSERT INTO recommend.features
       (id, recommender, entities, event_types, windows, half_lives, rates, smoothing, categories, category_item_column,
        category_column, recorded_column, patterns, created_at)
SELECT coalesce((SELECT max(id) FROM recommend.feeds), 0) + 1,
       $1,
       $2,
       $3,
       coalesce($4, '{5 minutes,1 hour,24 hours,7 days,30 days}')::interval[],
       coalesce($5, '{1 hour,1 day,7 days}')::interval[],
       coalesce($6, '{}')::jsonb,
       coalesce($7, 20),
       $8::oid::regclass,
       $9::name,
       $10::name,
       $11::name,
       $12,
       now()
RETURNING id
