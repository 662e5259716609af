UPDATE recommend.state
   SET generation = pg_catalog.nextval('recommend.generation'),
       events = 0,
       newest_at = NULL,
       next_user = 0,
       next_item = 0,
       next_session = 0,
       next_context = 0,
       skipped = 0,
       total_score = NULL
 WHERE recommender = $1
