UPDATE recommend.recommenders
   SET user_column = coalesce($2::name, user_column),
       item_column = coalesce($3::name, item_column),
       time_column = coalesce($4::name, time_column),
       event_column = nullif(coalesce($5::name, event_column), ''),
       event_weights = nullif(coalesce($6::jsonb, event_weights), '{}'),
       session_column = nullif(coalesce($7::name, session_column), ''),
       session_gap = coalesce($8::interval, session_gap),
       context_columns = coalesce($9::name[], context_columns),
       half_life = nullif(coalesce($10::interval, half_life), '0'),
       time_window = nullif(coalesce($11::interval, time_window), '0'),
       max_edges_per_node = coalesce($12::int, max_edges_per_node),
       eligible = CASE WHEN $13 = '-' THEN NULL ELSE coalesce($13::regclass, eligible) END,
       eligible_column = CASE WHEN $13 = '-' THEN NULL
                              WHEN coalesce($13::regclass, eligible) IS NOT NULL
                              THEN coalesce($14::name, eligible_column, $3::name, item_column) END,
       include_seen = coalesce($15, include_seen),
       vector_set = CASE WHEN $17 = '' THEN NULL
                         ELSE coalesce((SELECT s.id FROM recommend.vector_sets AS s WHERE s.name = $17), vector_set) END,
       model = nullif(coalesce($18, model), ''),
       weight_column = nullif(coalesce($19::name, weight_column), ''),
       learn = coalesce($20, learn),
       name = coalesce($16, name)
 WHERE id = $1
