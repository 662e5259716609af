-- tgbl_wiki through SQL, event-wise: before each test edit its user is asked about, then the edit is inserted and committed.
-- Split by time at the quantiles 0.70 and 0.85; test edits are those after the second. :sample of them are run.
-- A page's rank is the average over ties; pages that nobody has edited yet share the places after all others.
CREATE TABLE log (position bigserial PRIMARY KEY, user_id int, item_id int, seconds int);
\copy log (user_id, item_id, seconds) FROM 'tgbl_wiki.csv' CSV HEADER
CREATE TABLE edits (user_id int NOT NULL, item_id int NOT NULL, at timestamptz NOT NULL);
CREATE TABLE ranks (position bigint PRIMARY KEY, rank float8 NOT NULL);

SELECT percentile_cont(0.85) WITHIN GROUP (ORDER BY seconds) AS split FROM log \gset
-- Rows of one second are a microsecond apart, in the order of the file.
INSERT INTO edits SELECT user_id, item_id, timestamptz '2020-01-01 00:00+00' + seconds * interval '1 second' + position * interval '1 microsecond'
FROM log WHERE seconds <= :split ORDER BY position;

CREATE EXTENSION pg_recommend;
SELECT create_recommender('wiki', 'edits', user_column => 'user_id', item_column => 'item_id', time_column => 'at',
    half_life => :'half_life', include_seen => true) \g /dev/null
ANALYZE;

CREATE PROCEDURE run(split float8, sample int) LANGUAGE plpgsql AS $$
DECLARE
    edit record;
    pages int := (SELECT count(DISTINCT item_id) FROM log);
BEGIN
    FOR edit IN
        SELECT position, user_id, item_id, timestamptz '2020-01-01 00:00+00' + seconds * interval '1 second' + position * interval '1 microsecond' AS at
        FROM log WHERE seconds > split ORDER BY position LIMIT sample
    LOOP
        INSERT INTO ranks
        WITH answer AS MATERIALIZED (
            SELECT item_id, score FROM recommend(edit.user_id, pages, as_of => edit.at)
        ), own AS (
            SELECT score FROM answer WHERE item_id = edit.item_id
        )
        SELECT edit.position,
               CASE WHEN EXISTS (SELECT FROM own)
                    THEN count(*) FILTER (WHERE score > (SELECT score FROM own))
                         + (count(*) FILTER (WHERE score = (SELECT score FROM own)) + 1) / 2.0
                    ELSE count(*) + (pages - count(*) + 1) / 2.0 END
        FROM answer;
        INSERT INTO edits VALUES (edit.user_id, edit.item_id, edit.at);
        COMMIT;
    END LOOP;
END $$;
CALL run(:split, :sample);

\copy (SELECT position, rank FROM ranks ORDER BY position) TO 'wiki_sql_ranks.csv' CSV HEADER
SELECT format('| tgbl_wiki, event-wise, first %s test edits | recommend | MRR | %s |', count(*), round(avg(1 / rank)::numeric, 4)) FROM ranks;
