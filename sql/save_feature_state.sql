UPDATE recommend.feature_state
   SET generation = pg_catalog.nextval('recommend.generation'),
       packed_epoch = $2,
       events = $3,
       newest_at = $4,
       skipped = $5,
       needs_rebuild = $6,
       last_compaction = clock_timestamp()
 WHERE feed = $1
