SELECT DISTINCT a.attname::text
  FROM recommend.feeds r
  JOIN pg_class v ON v.relnamespace = 'recommend'::regnamespace AND v.relname IN ('events_' || r.id, 'vectors_' || r.id)
  JOIN pg_rewrite w ON w.ev_class = v.oid
  JOIN pg_depend d
    ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
   AND d.refclassid = 'pg_class'::regclass AND d.refobjid = r.source AND d.refobjsubid > 0
  JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
 WHERE r.id = $1
