UPDATE recommend.state
   SET generation = pg_catalog.nextval('recommend.generation'),
       packed_epoch = $2,
       events = $3,
       newest_at = $4,
       next_user = $5,
       next_item = $6,
       next_session = $7,
       next_context = $8,
       skipped = $9,
       total_score = $10,
       needs_rebuild = $11,
       last_compaction = clock_timestamp()
 WHERE recommender = $1
