-- What is tracked.

CREATE VIEW recommend.feeds AS
    SELECT r.id, r.name, r.events AS source FROM recommend.recommenders r
    UNION ALL
    SELECT s.id, g.name, s.source_table FROM recommend.edge_sources s JOIN recommend.graphs g ON g.id OPERATOR(pg_catalog.=) s.graph
    UNION ALL
    SELECT f.id, r.name, r.events FROM recommend.features f JOIN recommend.recommenders r ON r.id OPERATOR(pg_catalog.=) f.recommender
    UNION ALL
    SELECT v.id, v.name, v.source FROM recommend.vector_sets v;
COMMENT ON VIEW recommend.feeds IS 'Every table that is tracked, for a recommender or its features, as edges of a graph or as a vector set';
GRANT SELECT ON recommend.feeds TO PUBLIC;
