SELECT t.tgname::text, t.tgrelid
  FROM pg_trigger t
  JOIN pg_proc p ON p.oid = t.tgfoid
  JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname = 'recommend'
   AND t.tgparentid = 0
   AND t.tgname IN ($1, $1 || '_begin', $1 || '_truncate', $1 || '_leaf')
   AND t.tgargs = pg_catalog.convert_to($2, 'UTF8') || '\x00'::bytea
