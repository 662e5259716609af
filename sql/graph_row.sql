SELECT id, name, half_life, time_window, max_edges_per_node, recommender
  FROM recommend.graphs
 WHERE id = $1
