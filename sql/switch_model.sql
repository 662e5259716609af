UPDATE recommend.models
   SET history = CASE WHEN active IS NULL THEN history
                      ELSE CASE WHEN jsonb_array_length(history) >= 100 THEN history - 0 ELSE history END
                           || jsonb_build_array(jsonb_build_object('active', active, 'traffic', traffic)) END,
       active = $2, traffic = $3, generation = DEFAULT
 WHERE name = $1
