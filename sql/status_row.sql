SELECT s.events,
       d.backlog,
       d.future,
       s.skipped,
       (SELECT count(*) FROM recommend.users_{id}),
       (SELECT count(*) FROM recommend.items_{id}),
       s.newest_at,
       s.last_compaction,
       s.needs_rebuild,
       (SELECT sum(pg_total_relation_size(c.oid))::bigint
          FROM pg_class c
         WHERE c.relnamespace = 'recommend'::regnamespace
           AND c.relname = ANY (ARRAY['delta_{id}', 'users_{id}', 'items_{id}', 'neighbors_{id}', 'visits_{id}',
                                      'sessions_{id}', 'interests_{id}', 'leaders_{id}', 'learnt_{id}', 'contexts_{id}',
                                      'context_items_{id}']))
  FROM recommend.recommenders r
  JOIN recommend.state s ON s.recommender = r.id
 CROSS JOIN (SELECT count(*) AS backlog,
                    count(*) FILTER (WHERE at > now() + $2 * interval '1 microsecond') AS future
               FROM recommend.delta_{id}) d
 WHERE r.id = $1
