UPDATE recommend.edge_state
   SET packed_epoch = $2,
       next_context = $3,
       events = $4,
       newest_at = $5,
       skipped = $6,
       needs_rebuild = $7
 WHERE feed = $1
