-- Leaves that have come (1) or gone (-1) since they were last written down.
WITH now AS (
    SELECT t.relid
      FROM recommend.feeds r, pg_partition_tree(r.source) t
     WHERE r.id = $1 AND t.isleaf AND t.relid <> r.source
), noted AS (
    SELECT p.leaf AS relid FROM recommend.partitions p WHERE p.feed = $1
)
SELECT relid::oid, 1 FROM now WHERE relid NOT IN (SELECT relid FROM noted)
UNION ALL
SELECT relid::oid, -1 FROM noted
 WHERE relid NOT IN (SELECT relid FROM now) AND relid IN (SELECT oid FROM pg_class)
 ORDER BY 2, 1
