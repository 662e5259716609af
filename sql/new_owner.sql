-- The tracked table's owner, where the state still has another.
SELECT t.relowner
  FROM recommend.feeds r
  JOIN pg_class t ON t.oid = r.source
  JOIN pg_class v ON v.relnamespace = 'recommend'::regnamespace AND v.relname IN ('events_' || r.id, 'vectors_' || r.id)
 WHERE r.id = $1 AND v.relowner <> t.relowner
