-- The graph of walks.sql in Apache AGE, with an index on each column that a query may start from. Rows are written straight
-- into AGE's tables: creating them by Cypher would take hours.
CREATE EXTENSION age;
LOAD 'age';
SET search_path = ag_catalog, public;
SET client_min_messages = warning;
SELECT ag_catalog.create_graph('peer'::name), create_vlabel('peer', 'Node'), create_elabel('peer', 'STEP') \g /dev/null

SELECT max(id) FILTER (WHERE name = 'Node') AS node, max(id) FILTER (WHERE name = 'STEP') AS step FROM ag_label \gset
-- AGE numbers its vertices from 1: even numbers are users here, odd ones items.
CREATE FUNCTION pg_temp.vertex(label int, id int) RETURNS graphid LANGUAGE sql IMMUTABLE AS
    $$ SELECT ag_catalog._graphid(label, CASE WHEN id > 0 THEN 2 * id ELSE 1 - 2 * id END) $$;

INSERT INTO peer."Node" (id, properties)
SELECT pg_temp.vertex(:node, id), agtype_build_map('id', id) FROM (SELECT DISTINCT from_id FROM steps) AS n (id);
INSERT INTO peer."STEP" (id, start_id, end_id, properties)
SELECT _graphid(:step, row_number() OVER ()), pg_temp.vertex(:node, from_id), pg_temp.vertex(:node, to_id),
       agtype_build_map('weight', weight, 'count', count)
FROM steps;

SET maintenance_work_mem = '1GB';
CREATE UNIQUE INDEX ON peer."Node" (id);
CREATE UNIQUE INDEX ON peer."Node" (agtype_access_operator(VARIADIC ARRAY[properties, '"id"'::agtype]));
CREATE INDEX ON peer."STEP" (start_id);
CREATE INDEX ON peer."STEP" (end_id);
VACUUM ANALYZE peer."Node", peer."STEP";
