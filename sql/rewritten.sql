-- The feeds that track a stored generated column of the table that is being rewritten, or of the table that it is a partition of. No trigger
-- sees its new values.
SELECT r.id
  FROM recommend.feeds r
 WHERE r.source IN (SELECT relid FROM pg_partition_ancestors(pg_event_trigger_table_rewrite_oid())
                    UNION ALL SELECT pg_event_trigger_table_rewrite_oid())
   AND EXISTS (SELECT
                 FROM pg_rewrite w
                 JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                 JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND a.attgenerated = 's'
                WHERE w.ev_class IN (to_regclass(format('recommend.events_%s', r.id)), to_regclass(format('recommend.vectors_%s', r.id)))
                  AND d.refclassid = 'pg_class'::regclass AND d.refobjid = r.source)
 ORDER BY r.id
