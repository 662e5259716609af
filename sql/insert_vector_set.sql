INSERT INTO recommend.vector_sets (id, name, source, id_column, vector_column, dimensions, created_at)
SELECT coalesce((SELECT max(id) FROM recommend.feeds), 0) + 1, $1, $2::oid::regclass, $3::name, $4::name, $5, now()
RETURNING id
