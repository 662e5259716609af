-- The features of that number, or of that recommender.
SELECT id,
       recommender,
       entities,
       event_types,
       windows,
       half_lives,
       rates::text,
       smoothing,
       categories::oid,
       category_item_column::text,
       category_column::text,
       recorded_column::text,
       patterns
  FROM recommend.features
 WHERE id = $1 OR recommender = $2
