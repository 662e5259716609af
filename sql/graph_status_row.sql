SELECT s.events,
       d.backlog,
       d.future,
       s.skipped,
       (SELECT count(*) FROM recommend.nodes_{graph}),
       s.newest_at,
       g.last_compaction,
       s.needs_rebuild,
       (SELECT sum(pg_total_relation_size(c.oid))::bigint
          FROM pg_class c
         WHERE c.relnamespace = 'recommend'::regnamespace
           AND c.relname = ANY (ARRAY['delta_{id}', 'contexts_{id}', 'out_{id}', 'in_{id}']))
  FROM recommend.edge_sources e
  JOIN recommend.edge_state s ON s.feed = e.id
  JOIN recommend.graph_state g ON g.graph = e.graph
 CROSS JOIN (SELECT count(*) AS backlog,
                    count(*) FILTER (WHERE at > now() + $2 * interval '1 microsecond') AS future
               FROM recommend.delta_{id}) d
 WHERE e.id = $1
