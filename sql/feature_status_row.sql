SELECT s.events,
       d.backlog,
       d.future,
       s.skipped,
       (SELECT count(*) FROM recommend.feature_rows_{id}),
       s.newest_at,
       s.last_compaction,
       s.needs_rebuild,
       (SELECT sum(pg_total_relation_size(c.oid))::bigint
          FROM pg_class c
         WHERE c.relnamespace = 'recommend'::regnamespace
           AND c.relname = ANY (ARRAY['delta_{id}', 'feature_rows_{id}', 'item_categories_{id}']))
  FROM recommend.features f
  JOIN recommend.recommenders r ON r.id = f.recommender
  JOIN recommend.feature_state s ON s.feed = f.id
 CROSS JOIN (SELECT count(*) AS backlog,
                    count(*) FILTER (WHERE at > now() + $2 * interval '1 microsecond') AS future
               FROM recommend.delta_{id}) d
 WHERE f.id = $1
