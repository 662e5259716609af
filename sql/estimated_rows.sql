-- From the last VACUUM or ANALYZE, and before the first one from the size at 64 bytes a row.
SELECT coalesce(sum(CASE WHEN c.reltuples >= 0 AND c.relpages > 0 THEN c.reltuples::float8
                         ELSE pg_relation_size(c.oid) / 64.0 END), 0)::float8
  FROM recommend.feeds r
 CROSS JOIN LATERAL (SELECT r.source::oid AS relid
                      UNION SELECT t.relid FROM pg_partition_tree(r.source) t WHERE t.isleaf) leaf
  JOIN pg_class c ON c.oid = leaf.relid AND c.relkind = 'r'
 WHERE r.id = $1
