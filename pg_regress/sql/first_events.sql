-- Answers from events that no compaction has seen yet: the first ones, those after TRUNCATE, and those after a long silence.
CREATE SCHEMA first_events;
SET search_path = first_events, public;
SET recommend.auto_compact = off;
CREATE TABLE log (u int, i int, at timestamptz);
SELECT create_recommender('r', 'log', 'u', 'i', 'at', half_life => '1 day', learn => false);
CREATE VIEW answers AS
    SELECT 'recommend' AS what, u AS of, item_id, round(score::numeric, 3) AS score
      FROM generate_series(1, 4) AS u, recommend(u, 10, as_of => '2025-03-02')
    UNION ALL
    SELECT 'similar', i, item_id, round(score::numeric, 3)
      FROM generate_series(1, 6) AS i, similar_items(i, 10, as_of => '2025-03-02');
-- How many answers there are, and how many of them compaction changes.
CREATE FUNCTION changed_by_compaction() RETURNS TABLE (answers bigint, changed bigint) LANGUAGE plpgsql AS $$
BEGIN
    CREATE TEMP TABLE before ON COMMIT DROP AS TABLE answers;
    PERFORM recommend.maintain('r');
    RETURN QUERY SELECT (SELECT count(*) FROM before),
                        (SELECT count(*) FROM (TABLE before EXCEPT TABLE answers UNION ALL (TABLE answers EXCEPT TABLE before)) AS d);
    DROP TABLE before;
END $$;

INSERT INTO log SELECT 1 + n % 3, 1 + n * n % 5, '2025-03-01'::timestamptz + n * interval '1 minute' FROM generate_series(1, 20) AS n;
SELECT * FROM changed_by_compaction();

TRUNCATE log;
SELECT count(*) FROM answers;
SELECT recommend.maintain('r');
INSERT INTO log SELECT 1 + n % 4, 1 + n * n % 7, '2025-03-01'::timestamptz + n * interval '1 minute' FROM generate_series(1, 20) AS n;
SELECT * FROM changed_by_compaction();

-- 3,000 half-lives without an event.
TRUNCATE log;
INSERT INTO log SELECT 1 + n % 4, 1 + n * n % 7, '2017-03-01'::timestamptz + n * interval '1 minute' FROM generate_series(1, 20) AS n;
SELECT recommend.maintain('r');
INSERT INTO log SELECT 1 + n % 4, 1 + n % 7, '2025-03-01'::timestamptz + n * interval '1 minute' FROM generate_series(1, 20) AS n;
SELECT * FROM changed_by_compaction();

SET client_min_messages = warning;
DROP SCHEMA first_events CASCADE;
SELECT count(*) FROM recommend.recommenders;
