-- Interest aggregates, as a user calls them.
CREATE SCHEMA interest_test;
SET search_path = interest_test, public;
SET timezone = 'UTC';
\set tests `echo "$PG_RECOMMEND_TESTS"`
\i :tests/sql/try.sql
CREATE TABLE views (u int, v real[], price float8, at timestamptz, weight float8);
INSERT INTO views VALUES
    (1, '{1,0,0}', 10, '2020-01-01', 1), (1, '{1,0,0}', 20, '2020-01-02', 2), (1, '{0,1,0}', 40, '2020-01-03', 1),
    (2, '{0,0,2}', 5, '2020-01-03', 1), (2, '{0,0,1}', NULL, '2020-01-03', NULL), (2, NULL, 7, NULL, 3), (3, NULL, NULL, NULL, NULL);

-- Decayed numbers: an event of as_of counts 1, one of a half-life before 1/2.
SELECT u, decayed_count(at, '1 day', '2020-01-03') AS count, decayed_sum(price, at, '1 day', '2020-01-03') AS sum,
       decayed_avg(price, at, '1 day', '2020-01-03') AS avg
  FROM views GROUP BY u ORDER BY u;
-- As of now(), unless an as_of is given.
SELECT decayed_sum(price, at, '10 years') = decayed_sum(price, at, '10 years', now()) AS sum,
       decayed_count(at, '10 years') = decayed_count(at, '10 years', now()) AS count,
       decayed_avg(price, at, '10 years') = decayed_avg(price, at, '10 years', now()) AS avg FROM views;
SELECT decayed_count(at, '1 day'), decayed_sum(price, at, '1 day'), decayed_avg(price, at, '1 day') FROM views WHERE false;
-- A month counts 30 days. A time after as_of counts more than 1.
SELECT decayed_count(at, '1 month', '2020-01-31'), decayed_count(at, '1 month', '2019-12-02') FROM (VALUES (timestamptz '2020-01-01')) v (at);
-- as_of differs from row to row: the latest one is taken.
SELECT decayed_sum(price, at, '1 day', at) FROM views WHERE u = 1;

-- Summaries: stored, merged and read at any time.
CREATE TABLE daily AS SELECT u, at::date AS day, decayed_summary(price, at, '1 day') AS s FROM views GROUP BY 1, 2;
SELECT u, decayed_count(rollup(s), '2020-01-03') AS count, decayed_sum(rollup(s), '2020-01-03') AS sum, decayed_avg(rollup(s)) AS avg,
       decayed_avg(rollup(s), '2020-01-03') AS same
  FROM daily GROUP BY u ORDER BY u;
SELECT decayed_sum(a.s + b.s, '2020-01-02') FROM daily a, daily b WHERE a.u = 1 AND b.u = 1 AND a.day = '2020-01-01' AND b.day = '2020-01-02';
SELECT decayed_summary(price, at, '1 day') FROM views WHERE u = 1;
SELECT count(*), count(s) FROM (SELECT DISTINCT s FROM daily) d;
SELECT a.s = b.s AS equal, a.s <> b.s AS unequal FROM daily a, daily b WHERE a.u = 1 AND b.u = 1 AND a.day = '2020-01-01' ORDER BY b.day;
SELECT bool_and(s::text::decayed_summary = s) FROM daily;

-- Interests.
CREATE TABLE profiles AS SELECT u, interest(v, at, weight, '1 day') AS i FROM views GROUP BY u;
SELECT u, interest_vector(i), interest_strength(i, '2020-01-03'), interest_count(i), interest_first_at(i), interest_last_at(i)
  FROM profiles ORDER BY u;
SELECT u, interest_strength(i) < 1e-300 AS long_ago, interest_vector(i) = interest_vector(i, '2019-01-01') AS at_any_time,
       interest_similarity(i, '{1,0,0}'), interest_similarity(i, '{-0.5,0,0}'), interest_similarity(i, '{0,0,0}') FROM profiles ORDER BY u;
SELECT a.u, b.u, round(interest_drift(a.i, b.i)::numeric, 12) AS drift FROM profiles a, profiles b WHERE a.i IS NOT NULL AND b.i IS NOT NULL ORDER BY 1, 2;
SELECT i FROM profiles ORDER BY u;
-- Without a weight each event weighs 1. What a user likes today and liked all along may drift apart.
SELECT interest_strength(interest(v, at, '1 day'), '2020-01-03') AS strength,
       round(interest_drift(interest(v, at, '1 hour'), interest(v, at, '1 year'))::numeric, 6) AS drift FROM views WHERE u = 1;
-- A dislike counts for the strength; what cancels out has no direction.
SELECT interest_vector(i), interest_strength(i, '2020-01-01'), interest_similarity(i, '{1,2}'), interest_drift(i, i)
  FROM (SELECT interest(v, timestamptz '2020-01-01', w, '1 day') AS i FROM (VALUES ('{1,2}'::real[], 1.0), ('{1,2}', -1.0)) v (v, w)) s;
SELECT interest_vector(rollup(i)), interest_count(rollup(i)) FROM profiles;
SELECT (i + i) = i AS doubled, i + i = (SELECT rollup(i) FROM (SELECT i UNION ALL SELECT i) t) AS rolled, interest_count(i + i) FROM profiles WHERE u = 1;
SELECT bool_and(i::text::interest = i), bool_and(interest_count(i) > 0) FROM profiles;
SELECT u, count(*) FROM (SELECT * FROM profiles UNION ALL SELECT * FROM profiles) p GROUP BY u, i ORDER BY u;
SET enable_mergejoin = off;
SET enable_nestloop = off;
SELECT count(*) FROM profiles a JOIN profiles b USING (i);
RESET enable_mergejoin;
RESET enable_nestloop;
-- An index on the vector: it does not depend on the clock.
CREATE INDEX ON profiles (interest_vector(i));

-- The order of events does not matter, nor do parts, toasted values, and half-lives by the thousand.
CREATE TABLE log AS
    SELECT n % 7 AS u, ARRAY(SELECT sin(n * d)::real FROM generate_series(1, 64) d) AS v, cos(n) AS price,
           '2020-01-01'::timestamptz + (n * 7919 % 100003) * interval '1 minute' AS at
      FROM generate_series(1, 7000) n;
ANALYZE log;
CREATE FUNCTION near(a float8, b float8) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT abs(a - b) <= 1e-12 * greatest(abs(a), abs(b)) $$;
CREATE TABLE naive AS
    SELECT u, d, sum(v[d] * exp(-ln(2) * extract(epoch FROM timestamptz '2020-04-01' - at)::float8 / 864000)) AS x,
           sum(exp(-ln(2) * extract(epoch FROM timestamptz '2020-04-01' - at)::float8 / 864000)) AS weight,
           sum(price * exp(-ln(2) * extract(epoch FROM timestamptz '2020-04-01' - at)::float8 / 864000)) AS price
      FROM log, generate_subscripts(v, 1) d GROUP BY u, d;
WITH ours AS (SELECT u, interest(v, at, '10 days') AS i, decayed_sum(price, at, '10 days', '2020-04-01') AS price,
                     decayed_count(at, '10 days', '2020-04-01') AS weight FROM log GROUP BY u),
     lengths AS (SELECT u, sqrt(sum(x * x)) AS length FROM naive GROUP BY u)
SELECT bool_and(abs((interest_vector(i))[d] - x / length) < 1e-6) AS vectors, bool_and(near(interest_strength(i, '2020-04-01'), n.weight)) AS strengths,
       bool_and(near(ours.weight, n.weight)) AS counts, bool_and(abs(ours.price - n.price) < 1e-10) AS sums, count(*)
  FROM ours JOIN naive n USING (u) JOIN lengths USING (u);
CREATE TABLE wide (i interest);
INSERT INTO wide SELECT interest(ARRAY(SELECT (g + d)::real FROM generate_series(1, 2000) d), '2020-01-01'::timestamptz + g * interval '1 day', '1 hour')
  FROM generate_series(1, 100) g GROUP BY g % 5;
SELECT pg_column_size(i), interest_count(i), interest_last_at(i) FROM wide ORDER BY 3;
SELECT interest_count(rollup(i)), pg_column_size(rollup(i)), interest_similarity(rollup(i), ARRAY(SELECT (100 + d)::real FROM generate_series(1, 2000) d)) > 0.999999
  FROM wide;
CREATE TABLE stored AS SELECT n, ARRAY(SELECT (n + d)::real FROM generate_series(1, 5000) d) AS v FROM generate_series(1, 4) n;
ALTER TABLE stored ALTER v SET STORAGE extended;
INSERT INTO stored SELECT 5, array_fill(1::real, ARRAY[5000]);
SELECT n % 2 AS odd, interest_count(i), round(interest_similarity(i, array_fill(1::real, ARRAY[5000]))::numeric, 3) AS similarity
  FROM (SELECT n % 2 AS n, interest(v, '2020-01-01', '1 day') AS i FROM stored GROUP BY GROUPING SETS ((n % 2), ())) s ORDER BY 1;
DO $$
DECLARE v real[] := '{0,3}'; i interest;
BEGIN
    v[1] := 4;
    i := (SELECT interest(v, at, '1 day') FROM generate_series('2020-01-01', '2020-01-03', interval '1 day') at);
    i := i + i;
    RAISE NOTICE '% %', interest_vector(i), interest_count(i);
END $$;
SELECT decayed_sum(1, at, '1 second', '2020-01-01') FROM generate_series('1900-01-01', '2020-01-01', interval '10 years') at;

-- In parallel, by partial aggregates.
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS off) SELECT interest(v, at, '10 days'), decayed_sum(price, at, '10 days'), decayed_summary(price, at, '10 days') FROM log;
CREATE TABLE parallel AS SELECT u, interest(v, at, '10 days') AS i, decayed_summary(price, at, '10 days') AS s,
    decayed_sum(price, at, '10 days', '2020-04-01') AS sum, decayed_count(at, '10 days', at) AS count, decayed_avg(price, at, '10 days') AS avg FROM log GROUP BY u;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE serial AS SELECT u, interest(v, at, '10 days') AS i, decayed_summary(price, at, '10 days') AS s,
    decayed_sum(price, at, '10 days', '2020-04-01') AS sum, decayed_count(at, '10 days', at) AS count, decayed_avg(price, at, '10 days') AS avg FROM log GROUP BY u;
SELECT count(*), bool_and(abs(interest_drift(p.i, s.i)) < 1e-14) AS vectors, bool_and(interest_count(p.i) = interest_count(s.i)) AS counts,
       bool_and(near(decayed_sum(p.s, '2020-04-01'), decayed_sum(s.s, '2020-04-01'))) AS summaries,
       bool_and(near(p.sum, s.sum) AND near(p.count, s.count) AND near(p.avg, s.avg)) AS numbers
  FROM parallel p JOIN serial s USING (u);
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS off) SELECT rollup(i), rollup(s) FROM parallel;
SELECT bool_and(interest_count(i) = 7000) FROM (SELECT rollup(i) AS i FROM parallel) r;
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
-- Many groups, more than fit into work_mem.
SET work_mem = '64kB';
SET enable_sort = off;
SELECT count(*), sum(interest_count(i)) FROM (SELECT interest(v, at, '1 day') AS i FROM log GROUP BY at) g;
RESET work_mem;
RESET enable_sort;

-- Windows: a running interest; a moving frame, out of which rows are taken again.
SELECT at::date, interest_count(interest(v, at, '1 day') OVER w), interest_vector(interest(v, at, '1 day') OVER w),
       decayed_sum(price, at, '1 day', at) OVER w AS running, decayed_count(at, '1 day', at) OVER (ORDER BY at ROWS 1 PRECEDING) AS moving
  FROM views WHERE u = 1 WINDOW w AS (ORDER BY at) ORDER BY at;
SELECT at::date, interest_count(i), interest_vector(i) FROM (SELECT at, interest(v, at, '1 day') OVER (ORDER BY at ROWS 1 PRECEDING) AS i FROM views WHERE u = 1) w ORDER BY at;
CREATE TABLE frames AS
    SELECT n, at, price, decayed_sum(price, at, '1 hour', at) OVER w AS sum, decayed_count(at, '1 hour', at) OVER w AS count,
           decayed_avg(price, at, '1 hour', at) OVER w AS avg, decayed_sum(price, at, '1 hour') OVER w IS NULL AS empty
      FROM (SELECT row_number() OVER (ORDER BY at, price) AS n, at, price * 10 ^ (mod(abs(hashint4((price * 1000)::int)), 12)) AS price FROM log) l
    WINDOW w AS (ORDER BY n ROWS BETWEEN 50 PRECEDING AND CURRENT ROW);
SELECT count(*), bool_and(near(count, c)) AS counts, bool_and(abs(sum - s) <= 1e-14 * size) AS sums, bool_and(abs(avg - s / c) <= 1e-14 * size / c) AS averages, bool_or(empty) AS empty
  FROM frames f, LATERAL (SELECT sum(2 ^ (-extract(epoch FROM f.at - g.at)::float8 / 3600)) AS c,
                                 sum(g.price * 2 ^ (-extract(epoch FROM f.at - g.at)::float8 / 3600)) AS s,
                                 sum(abs(g.price) * 2 ^ (-extract(epoch FROM f.at - g.at)::float8 / 3600)) AS size
                            FROM frames g WHERE g.n BETWEEN f.n - 50 AND f.n) t
 WHERE f.n % 10 = 0;
-- Backwards in time each row that leaves outweighs all that stay; frames may be empty, rows NULL.
SELECT at::date, decayed_sum(price, at, '1 minute', '2020-01-03') OVER (ORDER BY at DESC, price ROWS 1 PRECEDING) AS backwards,
       decayed_count(at, '1 day', '2020-01-03') OVER (ORDER BY at, price ROWS BETWEEN 2 FOLLOWING AND 3 FOLLOWING) AS ahead,
       decayed_avg(price, at, '1 day') OVER (ORDER BY at, price ROWS 1 PRECEDING) AS average
  FROM views ORDER BY at, price;

-- Sessions.
SELECT u, at, session_number(at, '30 minutes') OVER (PARTITION BY u ORDER BY at)
  FROM (VALUES (1, timestamptz '2020-01-01 10:00'), (1, '2020-01-01 10:30'), (1, '2020-01-01 11:00:01'), (1, '2020-01-01 11:00:01'),
               (1, NULL), (1, 'infinity'), (2, '2020-01-01 10:00'), (2, '-infinity')) v (u, at) ORDER BY u, at;
SELECT max(s) FROM (SELECT session_number(at, '2 hours') OVER (PARTITION BY u ORDER BY at) AS s FROM log) l;
SELECT count(*) FROM (SELECT session_number(at, '1 hour') OVER (PARTITION BY u ORDER BY at) - 1 AS ours,
                             sum((pause > '1 hour')::int) OVER (PARTITION BY u ORDER BY at ROWS UNBOUNDED PRECEDING) AS naive
                        FROM (SELECT u, at, coalesce(at - lag(at) OVER (PARTITION BY u ORDER BY at), '0') AS pause FROM log) p) s WHERE ours <> naive;
-- Averages over sessions, in their order.
SELECT ewma_interest(v ORDER BY at), ewma_interest(v, 0.5 ORDER BY at), ewma_interest(v, 0 ORDER BY at), ewma_interest(v, 1 ORDER BY at DESC)
  FROM views WHERE u = 1;
SELECT ewma_interest(v ORDER BY at), ewma_interest(v, 0.5 ORDER BY at) FROM views WHERE u = 3;
SELECT at::date, ewma_interest(v, 0.5) OVER (ORDER BY at) FROM views WHERE u = 1 ORDER BY at;

-- What is refused.
\pset format unaligned
\pset tuples_only
SELECT try(s) FROM unnest(ARRAY[
    $$SELECT decayed_sum(1, now(), '0')$$,
    $$SELECT decayed_sum(1, now(), '-1 day')$$,
    $$SELECT decayed_sum(1, now(), '20000 years')$$,
    $$SELECT decayed_sum(1, now(), '178000000 years')$$,
    $$SELECT decayed_sum(1, now(), NULL)$$,
    $$SELECT decayed_sum('NaN', now(), '1 day')$$,
    $$SELECT decayed_sum('-Infinity', now(), '1 day')$$,
    $$SELECT decayed_sum(1, 'infinity', '1 day')$$,
    $$SELECT decayed_count('-infinity', '1 day', now())$$,
    $$SELECT decayed_count(now(), '1 day', timestamptz 'infinity')$$,
    $$SELECT decayed_sum(1, now(), h::interval) FROM unnest('{1 day,7 days 1 hour}'::text[]) h$$,
    $$SELECT decayed_sum(1, now(), '1 second', '2000-01-01')$$,
    $$SELECT decayed_sum(1e308, now(), '1 day') FROM generate_series(1, 9)$$,
    $$SELECT decayed_summary('NaN', now(), '1 day')$$,
    $$SELECT decayed_summary(1, now(), h::interval) FROM unnest('{1 day,7 days}'::text[]) h$$,
    $$SELECT rollup(s) FROM (SELECT decayed_summary(1, now(), h::interval) AS s FROM unnest('{1 day,7 days}'::text[]) h GROUP BY h) t$$,
    $$SELECT decayed_summary(1, now(), '1 day') + decayed_summary(1, now(), '00:00:01.5')$$,
    $$SELECT decayed_count(decayed_summary(1, now(), '1 second'), '2000-01-01')$$,
    $$SELECT decayed_avg(decayed_summary(1, now(), '1 second'), 'infinity')$$,
    $$SELECT interest('{1,2,3}', now(), '1 day') + interest('{1,2,3,4}', now(), '1 day')$$,
    $$SELECT interest(v::real[], now(), '1 day') FROM unnest('{"{1,2,3}","{1,2,3,4}"}'::text[]) v$$,
    $$SELECT interest('{1,2,3}', now(), h::interval) FROM unnest('{1 day,7 days}'::text[]) h$$,
    $$SELECT interest('{1,2,3}', now(), '1 day') + interest('{1,2,3}', now(), '2 days')$$,
    $$SELECT interest('{1,NULL,3}', now(), '1 day')$$,
    $$SELECT interest('{1,NaN,3}', now(), '1 day')$$,
    $$SELECT interest('{1,-Infinity,3}', now(), '1 day')$$,
    $$SELECT interest('{{1,2},{3,4}}', now(), '1 day')$$,
    $$SELECT interest('{}', now(), '1 day')$$,
    $$SELECT interest(array_fill(1::real, ARRAY[16001]), now(), '1 day')$$,
    $$SELECT interest('{1,2,3}', 'infinity', '1 day')$$,
    $$SELECT interest('{1,2,3}', now(), 'NaN', '1 day')$$,
    $$SELECT interest('{1,2,3}', now(), 1e300, '1 day')$$,
    $$SELECT interest('{1,2,3}', now(), 1, NULL)$$,
    $$SELECT interest_strength(interest('{1,2,3}', now(), '1 second'), '1900-01-01')$$,
    $$SELECT interest_similarity(interest('{1,2,3}', now(), '1 day'), '{1,2}')$$,
    $$SELECT interest_similarity(interest('{1,2,3}', now(), '1 day'), '{1,2,NaN}')$$,
    $$SELECT interest_similarity(interest('{1,2,3}', now(), '1 day'), '{1,2,NULL}')$$,
    $$SELECT interest_drift(interest('{1,2,3}', now(), '1 day'), interest('{1,2}', now(), '1 day'))$$,
    $$SELECT ewma_interest('{1,2}', 1.5)$$,
    $$SELECT ewma_interest('{1,2}', 'NaN')$$,
    $$SELECT ewma_interest('{1,2}', NULL)$$,
    $$SELECT ewma_interest(v::real[]) FROM unnest('{"{1,2,3}","{1,2,3,4}"}'::text[]) v$$,
    $$SELECT session_number(now(), '-1 minute') OVER ()$$,
    $$SELECT session_number(now(), NULL) OVER ()$$,
    $$SELECT session_number(now(), '1 minute')$$,
    $$SELECT recommend.interest_merge(interest('{1}', now(), '1 day'), interest('{1}', now(), '1 day'))$$,
    $$SELECT recommend.decayed_sum_final('\x00')$$,
    $$SELECT recommend.decayed_sum_add(NULL, 1, now(), '1 day')$$,
    $$SELECT recommend.ewma_interest_final('\x00')$$,
    $$SELECT i FROM profiles ORDER BY i$$
]) s;
-- Hostile literals.
SELECT try(format('SELECT %L::%s', regexp_replace(good, what, by), t)) FROM (VALUES
    ('interest', '^.*$', ''), ('interest', '^.*$', '[]'), ('interest', '^.*$', '{}'), ('interest', '^.*$', repeat('[', 100000)), ('interest', '^.*$', '€'),
    ('interest', '}$', '} '), ('interest', '}$', ',"more":1}'), ('interest', '}$', '}}'),
    ('interest', '"version":1', '"version":2'), ('interest', '"version":1', '"version":null'), ('interest', '"count":2', '"count":0'), ('interest', '"count":2', '"count":-1'),
    ('interest', '"count":2', '"count":1.5'), ('interest', '"count":2', '"count":99999999999999999999'), ('interest', '"half_life_us":\d+', '"half_life_us":0'),
    ('interest', '"half_life_us":\d+', '"half_life_us":9223372036854775807'), ('interest', '"first_us":\d+', '"first_us":9223372036854775807'),
    ('interest', '"last_us":\d+', '"last_us":-9223372036854775808'), ('interest', '"strength":[0-9.]+', '"strength":-1'), ('interest', '"strength":[0-9.]+', '"strength":1e999'),
    ('interest', '"strength":[0-9.]+', '"strength":1e308'), ('interest', '"sum":\[[^]]*]', '"sum":[]'), ('interest', '"sum":\[[^]]*]', '"sum":[1,"a"]'),
    ('interest', '"sum":\[[^]]*]', '"sum":[1e308]'), ('interest', '"sum":\[[^]]*]', '"sum":7'), ('interest', '"sum":\[[^]]*]', '"sum":[NaN]'), ('interest', ',"sum":\[[^]]*]', ''),
    ('decayed_summary', '^.*$', 'hello'), ('decayed_summary', '"scale":-?\d+', '"scale":9223372036854775807'), ('decayed_summary', '"half_life_us":\d+', '"half_life_us":-5'),
    ('decayed_summary', '"count":\[[^]]*]', '"count":[0.5,0]'), ('decayed_summary', '"count":\[[^]]*]', '"count":[1]'), ('decayed_summary', '"count":\[[^]]*]', '"count":[1,1]'),
    ('decayed_summary', '"sum":\[[^]]*]', '"sum":[1,2,3]'), ('decayed_summary', '"sum":\[[^]]*]', '"sum":[1e308,1e308]'), ('decayed_summary', ',"sum":\[[^]]*]', '')
    ) bad (t, what, by),
    (SELECT interest(v, at, '1 day')::text AS i, decayed_summary(price, at, '1 day')::text AS s FROM views WHERE u = 1 AND at < '2020-01-03') g,
    LATERAL (SELECT CASE t WHEN 'interest' THEN i ELSE s END AS good) c;
-- Any change of a good literal is a value again, that all functions take, or refused.
CREATE FUNCTION use(t text, literal text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF t = 'interest' THEN
        PERFORM interest_vector(i), interest_drift(i, i), interest_similarity(i, '{1,2,3}'), interest_strength(i, '2020-01-03'), i + i FROM (SELECT literal::interest AS i) x;
    ELSE
        PERFORM decayed_count(s, '2020-01-03'), decayed_sum(s, '2020-01-03'), decayed_avg(s), s + s FROM (SELECT literal::decayed_summary AS s) x;
    END IF;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
SELECT outcome FROM (SELECT i::text AS literal FROM profiles WHERE u = 1) p, generate_series(1, length(literal)) n, unnest('{0,9,-,.,x}'::text[] || ARRAY['', '"']) c,
       use('interest', overlay(literal PLACING c FROM n FOR 1)) outcome GROUP BY 1 ORDER BY 1;
SELECT outcome FROM (SELECT s::text AS literal FROM daily WHERE u = 1 LIMIT 1) p, generate_series(1, length(literal)) n, unnest('{0,9,-,.,x}'::text[] || ARRAY['', '"']) c,
       use('summary', overlay(literal PLACING c FROM n FOR 1)) outcome GROUP BY 1 ORDER BY 1;
-- Binary input, by COPY.
CREATE TABLE wire (bytes bytea);
CREATE TABLE received_interest (i interest);
CREATE TABLE received_summary (s decayed_summary);
SELECT current_setting('data_directory') || '/pg_recommend_interest_test' AS file \gset
CREATE FUNCTION through(target text, bytes bytea, file text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE wire;
    INSERT INTO wire VALUES (bytes);
    EXECUTE format('COPY wire TO %L (FORMAT binary)', file);
    EXECUTE format('COPY %I FROM %L (FORMAT binary)', target, file);
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
SELECT through('received_interest', recommend.interest_send(i), :'file') FROM profiles WHERE u = 1;
SELECT through('received_summary', recommend.decayed_summary_send(s), :'file') FROM daily WHERE u = 1 AND day = '2020-01-01';
SELECT count(*) FROM received_interest JOIN profiles USING (i);
SELECT count(*) FROM received_summary JOIN daily USING (s);
SELECT DISTINCT through('received_interest', substr(recommend.interest_send(i), 1, n), :'file') FROM profiles, unnest('{0,1,4,43,44,51,53}'::int[]) n WHERE u = 1;
SELECT DISTINCT through('received_summary', substr(recommend.decayed_summary_send(s), 1, n), :'file') FROM daily, unnest('{0,1,51}'::int[]) n WHERE u = 1;
-- Set at byte 19, the first event is long ago, which it may be.
SELECT n, through('received_interest', set_byte(recommend.interest_send(i), n, 255), :'file') FROM profiles, unnest('{0,1,3,11,19,27,35,43}'::int[]) n WHERE u = 1;
SELECT DISTINCT through('received_summary', set_byte(recommend.decayed_summary_send(s), n, 255), :'file') FROM daily, unnest('{0,1,3,11,19,27,35}'::int[]) n WHERE u = 1;
SELECT o FROM (SELECT DISTINCT through('received_interest', decode('01000000' || repeat(md5(n::text), n), 'hex'), :'file') AS o FROM generate_series(1, 20) n) t ORDER BY 1;
\set remove 'rm ' :file
COPY (SELECT WHERE false) TO PROGRAM :'remove';
SET client_min_messages = warning;
DROP SCHEMA interest_test CASCADE;
