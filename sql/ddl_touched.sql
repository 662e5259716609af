-- The recommenders whose event table, or a partition of it as it is or was, the running command names.
SELECT DISTINCT r.id
  FROM pg_event_trigger_ddl_commands() c
  JOIN recommend.recommenders r
    ON r.events = c.objid
    OR EXISTS (SELECT FROM pg_partition_ancestors(c.objid) a WHERE a.relid = r.events)
    OR EXISTS (SELECT FROM recommend.partitions p WHERE p.recommender = r.id AND p.leaf = c.objid)
 WHERE c.classid = 'pg_class'::regclass
 ORDER BY r.id
