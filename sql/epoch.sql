SELECT e.epoch
  FROM recommend.epochs e
  JOIN recommend.feeds r ON r.id = e.feed
 WHERE r.id = $1
   AND (r.source = $2::oid OR EXISTS (SELECT FROM pg_partition_ancestors($2::oid) a WHERE a.relid = r.source))
