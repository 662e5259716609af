UPDATE recommend.models
   SET active = (history -> -1 ->> 'active')::int, traffic = nullif(history -> -1 -> 'traffic', 'null'), history = history - (-1),
       generation = DEFAULT
 WHERE name = $1 AND jsonb_array_length(history) > 0
RETURNING active
