-- What the running command drops of what recommenders need. The view goes when the event table or a tracked column goes,
-- and takes its recommender with it, so that nothing else of that one is a loss. Dropped by its own name it is one.
WITH dropped AS (
    SELECT * FROM pg_event_trigger_dropped_objects()
), views AS (
    SELECT r.id, r.name, d.object_type, d.object_identity,
           d.original AND EXISTS (SELECT FROM pg_class c WHERE c.oid = r.events) AS by_name
      FROM dropped d
      JOIN recommend.recommenders r ON d.object_name = 'events_' || r.id
     WHERE d.object_type = 'view' AND d.schema_name = 'recommend'
), gone AS (
    SELECT * FROM views WHERE NOT by_name
), kept AS (
    SELECT r.* FROM recommend.recommenders r WHERE r.id NOT IN (SELECT id FROM gone)
)
SELECT id, name, 'view', object_identity FROM gone
UNION ALL
SELECT id, name, 'table', object_type || ' ' || object_identity FROM views WHERE by_name
UNION ALL
SELECT k.id, k.name, 'table', d.object_type || ' ' || d.object_identity
  FROM dropped d
  JOIN kept k ON d.object_name = ANY (ARRAY['delta_' || k.id, 'users_' || k.id, 'items_' || k.id, 'neighbors_' || k.id,
                                            'visits_' || k.id, 'sessions_' || k.id, 'contexts_' || k.id,
                                            'context_items_' || k.id])
 WHERE d.object_type = 'table' AND d.schema_name = 'recommend'
UNION ALL
SELECT k.id, k.name, 'trigger', 'trigger ' || d.object_identity
  FROM dropped d
  JOIN kept k ON d.address_names[3] IN ('recommend_' || k.id, 'recommend_' || k.id || '_truncate',
                                        'recommend_' || k.id || '_begin')
  JOIN pg_class c ON c.oid = k.events AND c.relname = d.address_names[2]
  JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = d.address_names[1]
 WHERE d.object_type = 'trigger'
UNION ALL
SELECT k.id, k.name, 'trigger', 'trigger ' || d.object_identity
  FROM dropped d
  JOIN kept k ON d.address_names[3] = 'recommend_' || k.id || '_leaf'
  JOIN recommend.partitions p ON p.recommender = k.id
  JOIN pg_class c ON c.oid = p.leaf AND c.relname = d.address_names[2]
  JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = d.address_names[1]
 WHERE d.object_type = 'trigger'
UNION ALL
SELECT k.id, k.name, 'eligible', d.object_type || ' ' || d.object_identity
  FROM dropped d
  JOIN kept k ON k.eligible = d.objid
 WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0
UNION ALL
SELECT k.id, k.name, 'partition', d.object_identity
  FROM dropped d
  JOIN recommend.partitions p ON p.leaf = d.objid
  JOIN kept k ON k.id = p.recommender
 WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0
 ORDER BY 1, 3, 4
