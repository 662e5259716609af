SELECT e.epoch
  FROM recommend.epochs e
  JOIN recommend.recommenders r ON r.id = e.recommender
 WHERE r.id = $1
   AND (r.events = $2::oid OR EXISTS (SELECT FROM pg_partition_ancestors($2::oid) a WHERE a.relid = r.events))
