INSERT INTO recommend.recommenders
       (id, name, events, user_column, item_column, time_column, event_column, event_weights, session_column,
        session_gap, context_columns, half_life, time_window, max_edges_per_node, eligible, eligible_column,
        include_seen, vector_set, created_at)
SELECT coalesce((SELECT max(id) FROM recommend.feeds), 0) + 1,
       $1,
       $2::oid::regclass,
       $3::name,
       $4::name,
       $5::name,
       nullif($6, '')::name,
       $7::jsonb,
       nullif($8, '')::name,
       coalesce($9, '30 min')::interval,
       coalesce($10, '{}')::name[],
       coalesce($11, '7 days')::interval,
       $12::interval,
       coalesce($13, '128')::int,
       nullif($14, '-')::regclass,
       CASE WHEN nullif($14, '-') IS NOT NULL THEN coalesce(nullif($15, ''), $4)::name END,
       coalesce($16, true),
       (SELECT s.id FROM recommend.vector_sets AS s WHERE s.name = $17),
       now()
RETURNING id
