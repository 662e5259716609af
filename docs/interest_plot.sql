-- One user over five weeks: shoes for ten days, nothing for a week, then tents; a point for every six hours. Output: the SVG of
-- docs/interest.md, each line as three panels would have it.
SET timezone = 'UTC';
SET client_min_messages = error;
CREATE TABLE views AS
SELECT at, CASE WHEN at < '2025-03-15' THEN ARRAY[1, 0.2, 0.1]::real[] ELSE ARRAY[0.1, 0.3, 1]::real[] END AS embedding
  FROM (SELECT '2025-03-01 09:00'::timestamptz + n * interval '5 hours' AS at FROM generate_series(0, 46) AS n
        UNION ALL SELECT '2025-03-18 09:00'::timestamptz + n * interval '9 hours' FROM generate_series(0, 26) AS n) AS t;

CREATE TABLE plotted AS
SELECT (extract(epoch FROM now_at - '2025-03-01') / 86400)::float8 AS day,
       interest_strength(week, now_at) AS strength,
       interest_similarity(week, '{1,0.2,0.1}') AS shoes,
       interest_similarity(week, '{0.1,0.3,1}') AS tents,
       interest_drift(today, month) AS drift
  FROM generate_series('2025-03-01 12:00'::timestamptz, '2025-04-05', '6 hours') AS now_at,
       LATERAL (SELECT interest(embedding, at, '7 days') AS week, interest(embedding, at, '1 day') AS today,
                       interest(embedding, at, '30 days') AS month
                  FROM views WHERE at <= now_at) AS kept;

CREATE FUNCTION x(day float8) RETURNS numeric LANGUAGE sql AS 'SELECT round((60 + day * 19)::numeric, 1)';
-- A curve in the panel whose zero lies at `zero` and whose one lies 100 above.
CREATE FUNCTION curve(days float8[], parts float8[], zero int, color text) RETURNS text LANGUAGE sql AS $$
    SELECT format('  <polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>',
                  string_agg(x(day) || ',' || round((zero - 100 * part)::numeric, 1), ' ' ORDER BY day), color)
      FROM unnest(days, parts) AS p (day, part)
$$;

SELECT '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 450" width="760" height="450" font-family="ui-sans-serif, system-ui, Helvetica, Arial, sans-serif" font-size="13" role="img" aria-labelledby="title">';
SELECT '  <title id="title">A user views shoes for ten days, nothing for a week, then tents: strength of the interest, its similarity to both, and drift</title>';
SELECT format('  <g stroke="#7d8590" stroke-width="1"><line x1="60" y1="%1$s" x2="725" y2="%1$s"/></g>', zero) FROM unnest('{130,270,410}'::int[]) AS zero;
SELECT format('  <text x="%s" y="432" fill="#7d8590" text-anchor="middle">day %s</text>', x(day), day) FROM generate_series(0, 35, 5) AS day;
SELECT format('  <text x="52" y="%s" fill="#7d8590" text-anchor="end">%s</text>', zero + 4, 0)
       || format('<text x="52" y="%s" fill="#7d8590" text-anchor="end">%s</text>', zero - 96, one)
  FROM (SELECT 130 AS zero, round(max(strength)::numeric)::text AS one FROM plotted UNION ALL SELECT 270, '1' UNION ALL SELECT 410, '1') AS axis;
SELECT '  <text x="60" y="20" fill="#7d8590">interest_strength, half-life 7 days</text>';
SELECT '  <text x="60" y="160" fill="#7d8590">interest_similarity to <tspan fill="#2f81f7">shoes</tspan> and to <tspan fill="#d29922">tents</tspan></text>';
SELECT '  <text x="60" y="300" fill="#7d8590">interest_drift: half-life 1 day against 30 days</text>';
SELECT curve(array_agg(day), array_agg(strength / (SELECT round(max(strength)::numeric) FROM plotted)), 130, '#7d8590') FROM plotted;
SELECT curve(array_agg(day), array_agg(shoes), 270, '#2f81f7') FROM plotted;
SELECT curve(array_agg(day), array_agg(tents), 270, '#d29922') FROM plotted;
SELECT curve(array_agg(day), array_agg(drift), 410, '#f85149') FROM plotted;
SELECT '</svg>';
