UPDATE recommend.models
   SET history = coalesce((SELECT jsonb_agg(entry ORDER BY place)
                             FROM jsonb_array_elements(history) WITH ORDINALITY AS e (entry, place)
                            WHERE (entry ->> 'active')::int <> $2 AND NOT coalesce(entry -> 'traffic', '{}') ? $2::text), '[]'),
       generation = DEFAULT
 WHERE name = $1
