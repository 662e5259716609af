UPDATE recommend.state
   SET generation = pg_catalog.nextval('recommend.generation'),
       events = 0,
       newest_at = NULL,
       next_user = 0,
       next_item = 0,
       next_session = 0,
       next_context = 0,
       skipped = 0,
       total_score = NULL,
       month_score = NULL,
       week_score = NULL,
       day_score = NULL,
       hour_score = NULL,
       repeats = 0,
       grouped = 0
 WHERE recommender = $1
