-- The feeds whose table, or a partition of it as it is or was, the running command names.
SELECT DISTINCT r.id
  FROM pg_event_trigger_ddl_commands() c
  JOIN recommend.feeds r
    ON r.source = c.objid
    OR EXISTS (SELECT FROM pg_partition_ancestors(c.objid) a WHERE a.relid = r.source)
    OR EXISTS (SELECT FROM recommend.partitions p WHERE p.feed = r.id AND p.leaf = c.objid)
 WHERE c.classid = 'pg_class'::regclass
 ORDER BY r.id
