SELECT id,
       name,
       events::oid,
       user_column::text,
       item_column::text,
       time_column::text,
       event_column::text,
       event_weights::text,
       session_column::text,
       session_gap,
       context_columns::text[],
       half_life,
       time_window,
       max_edges_per_node,
       eligible::oid,
       eligible_column::text,
       include_seen
  FROM recommend.recommenders
 WHERE id = $1
