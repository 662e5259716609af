UPDATE recommend.feature_state
   SET generation = pg_catalog.nextval('recommend.generation'),
       packed_epoch = $2,
       events = $3,
       newest_at = $4,
       skipped = $5,
       needs_rebuild = $6,
       categories_since = CASE WHEN $7 THEN pg_catalog.nextval('recommend.generation') ELSE categories_since END,
       last_compaction = clock_timestamp()
 WHERE feed = $1
