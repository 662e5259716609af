SELECT id, name, half_life, time_window, max_edges_per_node
  FROM recommend.graphs
 WHERE id = $1
