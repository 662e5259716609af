-- What the running command drops of what feeds need. The view goes when the tracked table or a tracked column goes, and takes
-- its feed with it, so that nothing else of that one is a loss. Dropped by its own name it is one. A graph
-- goes with its nodes where none of its tables is left.
WITH dropped AS (
    SELECT * FROM pg_event_trigger_dropped_objects()
), views AS (
    SELECT r.id, r.name, d.object_type, d.object_identity,
           d.original AND EXISTS (SELECT FROM pg_class c WHERE c.oid = r.source) AS by_name
      FROM dropped d
      JOIN recommend.feeds r ON d.object_name IN ('events_' || r.id, 'vectors_' || r.id)
     WHERE d.object_type = 'view' AND d.schema_name = 'recommend'
), gone AS (
    SELECT * FROM views WHERE NOT by_name
), kept AS (
    SELECT r.* FROM recommend.feeds r WHERE r.id NOT IN (SELECT id FROM gone)
)
SELECT id, name, 'view', object_identity FROM gone
UNION ALL
SELECT id, name, 'table', object_type || ' ' || object_identity FROM views WHERE by_name
UNION ALL
SELECT k.id, k.name, 'table', d.object_type || ' ' || d.object_identity
  FROM dropped d
  JOIN kept k ON d.object_name = ANY (ARRAY['delta_' || k.id, 'users_' || k.id, 'items_' || k.id, 'neighbors_' || k.id,
                                            'visits_' || k.id, 'sessions_' || k.id, 'contexts_' || k.id,
                                            'interests_' || k.id, 'leaders_' || k.id, 'learnt_' || k.id, 'context_items_' || k.id, 'out_' || k.id, 'in_' || k.id,
                                             'vector_changes_' || k.id, 'feature_rows_' || k.id, 'item_categories_' || k.id])
 WHERE d.object_type = 'table' AND d.schema_name = 'recommend'
UNION ALL
SELECT k.id, k.name, 'trigger', 'trigger ' || d.object_identity
  FROM dropped d
  JOIN kept k ON d.address_names[3] IN ('recommend_' || k.id, 'recommend_' || k.id || '_truncate',
                                        'recommend_' || k.id || '_begin')
  JOIN pg_class c ON c.oid = k.source AND c.relname = d.address_names[2]
  JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = d.address_names[1]
 WHERE d.object_type = 'trigger'
UNION ALL
SELECT k.id, k.name, 'trigger', 'trigger ' || d.object_identity
  FROM dropped d
  JOIN kept k ON d.address_names[3] = 'recommend_' || k.id || '_leaf'
  JOIN recommend.partitions p ON p.feed = k.id
  JOIN pg_class c ON c.oid = p.leaf AND c.relname = d.address_names[2]
  JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = d.address_names[1]
 WHERE d.object_type = 'trigger'
UNION ALL
SELECT k.id, k.name, 'eligible', d.object_type || ' ' || d.object_identity
  FROM dropped d
  JOIN recommend.recommenders r ON r.eligible = d.objid
  JOIN kept k ON k.id = r.id
 WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0
UNION ALL
SELECT k.id, k.name, 'categories', d.object_type || ' ' || d.object_identity
  FROM dropped d
  JOIN recommend.features f ON f.categories = d.objid
  JOIN kept k ON k.id = f.id
 WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0
UNION ALL
SELECT k.id, k.name, 'partition', d.object_identity
  FROM dropped d
  JOIN recommend.partitions p ON p.leaf = d.objid
  JOIN kept k ON k.id = p.feed
 WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0
UNION ALL
SELECT g.id,
       g.name,
       CASE WHEN EXISTS (SELECT FROM recommend.edge_sources s JOIN pg_class c ON c.oid = s.source_table WHERE s.graph = g.id)
            THEN 'nodes' ELSE 'graph' END,
       d.object_type || ' ' || d.object_identity
  FROM dropped d
  JOIN recommend.graphs g ON d.object_name IN ('graph_' || g.id, 'nodes_' || g.id)
 WHERE d.object_type IN ('view', 'table') AND d.schema_name = 'recommend'
UNION ALL
SELECT m.id, m.name, 'model', d.object_type || ' ' || d.object_identity
  FROM dropped d
  JOIN recommend.models m ON d.object_name = 'model_' || m.id
 WHERE d.object_type = 'view' AND d.schema_name = 'recommend'
 ORDER BY 1, 3, 4
