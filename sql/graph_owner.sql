CREATE VIEW recommend.graph_{id} AS SELECT {id} AS graph;
COMMENT ON VIEW recommend.graph_{id} IS 'Whose this is, is the graph: nobody reads it';
