-- Calls of every function of the extension, one a line: `calls` of each, chosen by `seed`.
\set ON_ERROR_STOP on
\t on
\a
SELECT setseed(:seed / 1000000.0) IS NULL \g /dev/null
SELECT format(CASE n % 4 WHEN 0 THEN 'SET ROLE driver_nobody; BEGIN; %s; ROLLBACK; RESET ROLE;' ELSE 'BEGIN; %s; ROLLBACK;' END, call)
  FROM driver_functions AS f, generate_series(1, :calls) AS n, LATERAL (SELECT driver_call(f.oid) AS call, n AS again) AS c
 WHERE call IS NOT NULL;
