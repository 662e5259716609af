-- Our triggers that do not fire always, on a tracked table and its partitions; and whether they do not fire at all.
SELECT g.tgrelid, g.tgname::text, g.tgenabled = 'D'
  FROM pg_trigger g
  JOIN pg_proc p ON p.oid = g.tgfoid AND p.pronamespace = 'recommend'::regnamespace
 WHERE g.tgenabled <> 'A'
   AND g.tgname IN ('recommend_' || $1, 'recommend_' || $1 || '_truncate', 'recommend_' || $1 || '_begin',
                    'recommend_' || $1 || '_leaf')
   AND EXISTS (SELECT FROM recommend.feeds r
                WHERE r.id = $1
                  AND (g.tgrelid = r.source
                       OR EXISTS (SELECT FROM pg_partition_ancestors(g.tgrelid) a WHERE a.relid = r.source)))
 ORDER BY 1, 2
