-- What the last compaction changed, after the 64 before it; $4 is NULL where it is not told apart.
WITH old AS (
    DELETE FROM recommend.graph_changes
     WHERE graph = $1
       AND generation <= (SELECT generation FROM recommend.graph_changes WHERE graph = $1 ORDER BY generation DESC OFFSET 64 LIMIT 1)
)
INSERT INTO recommend.graph_changes (graph, generation, previous, nodes) VALUES ($1, $2, $3, $4)
