WITH of_recommenders AS (
    UPDATE recommend.recommenders
       SET user_column = CASE WHEN user_column = $2::name THEN $3::name ELSE user_column END,
           item_column = CASE WHEN item_column = $2::name THEN $3::name ELSE item_column END,
           time_column = CASE WHEN time_column = $2::name THEN $3::name ELSE time_column END,
           event_column = CASE WHEN event_column = $2::name THEN $3::name ELSE event_column END,
           session_column = CASE WHEN session_column = $2::name THEN $3::name ELSE session_column END,
           weight_column = CASE WHEN weight_column = $2::name THEN $3::name ELSE weight_column END,
           context_columns = array_replace(context_columns, $2::name, $3::name)
     WHERE id = $1
), of_vector_sets AS (
    UPDATE recommend.vector_sets
       SET id_column = CASE WHEN id_column = $2::name THEN $3::name ELSE id_column END,
           vector_column = CASE WHEN vector_column = $2::name THEN $3::name ELSE vector_column END
     WHERE id = $1
), of_features AS (
    UPDATE recommend.features
       SET recorded_column = CASE WHEN id = $1 AND recorded_column = $2::name THEN $3::name ELSE recorded_column END,
           entities = CASE WHEN recommender = $1 THEN array_replace(entities, 'context_' || $2, 'context_' || $3) ELSE entities END
     WHERE id = $1 OR recommender = $1
)
UPDATE recommend.edge_sources
   SET from_column = CASE WHEN from_column = $2::name THEN $3::name ELSE from_column END,
       to_column = CASE WHEN to_column = $2::name THEN $3::name ELSE to_column END,
       time_column = CASE WHEN time_column = $2::name THEN $3::name ELSE time_column END,
       weight_column = CASE WHEN weight_column = $2::name THEN $3::name ELSE weight_column END,
       event_column = CASE WHEN event_column = $2::name THEN $3::name ELSE event_column END,
       context_columns = array_replace(context_columns, $2::name, $3::name)
 WHERE id = $1
