-- The sources of a graph, or the one source of that number.
SELECT id,
       graph,
       source_table::oid,
       from_column::text,
       from_type,
       to_column::text,
       to_type,
       edge_type,
       time_column::text,
       weight_column::text,
       event_column::text,
       event_weights::text,
       context_columns::text[]
  FROM recommend.edge_sources
 WHERE graph = $1 OR id = $2
 ORDER BY id
