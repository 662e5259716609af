INSERT INTO recommend.graphs (id, name, half_life, time_window, max_edges_per_node, recommender, created_at)
SELECT coalesce(max(id), 0) + 1,
       $1,
       coalesce($2, '7 days')::interval,
       $3::interval,
       coalesce($4, 128),
       $5,
       now()
  FROM recommend.graphs
RETURNING id, max_edges_per_node
