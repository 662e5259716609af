UPDATE recommend.graph_state
   SET generation = pg_catalog.nextval('recommend.generation'),
       next_node = $2,
       last_compaction = clock_timestamp()
 WHERE graph = $1
RETURNING generation
