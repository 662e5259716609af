INSERT INTO recommend.edge_sources
       (id, graph, source_table, from_column, from_type, to_column, to_type, edge_type, time_column, weight_column,
        event_column, event_weights, context_columns, created_at)
SELECT coalesce((SELECT max(id) FROM recommend.feeds), 0) + 1,
       $1,
       $2::oid::regclass,
       $3::name,
       $4,
       $5::name,
       $6,
       $7,
       nullif($8, '')::name,
       nullif($9, '')::name,
       nullif($10, '')::name,
       $11::jsonb,
       coalesce($12, '{}')::name[],
       now()
RETURNING id
