-- A generated log through SQL: its events are committed one group after the other, and each question is asked when as many events are
-- there as were in the engine. :number says which log; its answers beside those of the engine.
CREATE TABLE log (position int PRIMARY KEY, user_id int, item_id int, micros bigint, session_id bigint);
\copy log FROM 'events.csv' CSV HEADER
CREATE TABLE questions (
    position int PRIMARY KEY, known int, user_id int, given int[], micros bigint, seen bool, targets int[], engine int[], answer int[]);
\copy questions (position, known, user_id, given, micros, seen, targets, engine) FROM 'questions.csv' CSV HEADER
CREATE TABLE events (user_id int NOT NULL, item_id int NOT NULL, at timestamptz NOT NULL, session_id bigint);
CREATE FUNCTION instant(micros bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE
    RETURN timestamptz '2000-01-01 00:00+00' + micros * interval '1 microsecond';
INSERT INTO events SELECT user_id, item_id, instant(micros), session_id FROM log
WHERE position < (SELECT min(known) FROM questions) ORDER BY position;

CREATE EXTENSION pg_recommend;
SELECT create_recommender('log', 'events', user_column => 'user_id', item_column => 'item_id', time_column => 'at',
    session_column => CASE WHEN :'session_column' THEN name 'session_id' END) \g /dev/null
ANALYZE;

CREATE PROCEDURE run() LANGUAGE plpgsql AS $$
DECLARE
    question record;
    done int := (SELECT min(known) FROM questions);
BEGIN
    FOR question IN SELECT * FROM questions ORDER BY position LOOP
        IF question.known > done THEN
            INSERT INTO events SELECT user_id, item_id, instant(micros), session_id FROM log
            WHERE position >= done AND position < question.known ORDER BY position;
            done := question.known;
            COMMIT;
        END IF;
        UPDATE questions SET answer = CASE WHEN question.user_id IS NULL
            THEN ARRAY(SELECT item_id FROM recommend_session(question.given, 20, include_seen => question.seen, as_of => instant(question.micros)) ORDER BY rank)
            ELSE ARRAY(SELECT item_id FROM recommend(question.user_id, 20, include_seen => question.seen, as_of => instant(question.micros)) ORDER BY rank)
            END WHERE position = question.position;
    END LOOP;
END $$;
CALL run();

WITH figures AS (
    SELECT method, CASE WHEN :'figure' = 'MRR@20'
               THEN coalesce(1.0 / (SELECT min(place) FROM unnest(list[1:20]) WITH ORDINALITY AS a (item, place) WHERE item = ANY (targets)), 0)
               ELSE (SELECT count(*) FROM unnest(list[1:10]) AS item WHERE item = ANY (targets)) / 10.0 END AS figure
    FROM questions, LATERAL (VALUES ('through SQL', answer), ('engine in memory', engine)) AS both_lists (method, list)
)
SELECT format('| %s | %s | %s, %s questions | %s ± %s |', :'name', method, :'figure', count(*), round(avg(figure), 4),
              round(stddev_samp(figure) / sqrt(count(*)::numeric), 4))
FROM figures GROUP BY method ORDER BY method;
SELECT format('| %s | both | of ten answers the same | %s |', :'name', round(avg(
    (SELECT count(*) FROM unnest(answer[1:10]) AS item WHERE item = ANY (engine[1:10]))), 2)) FROM questions;
