-- serenade through SQL: for every prefix of every test session the next item, among 20 recommended.
CREATE TABLE clicks (session_id int NOT NULL, item_id int NOT NULL, at timestamptz NOT NULL);
CREATE TABLE test (position bigserial PRIMARY KEY, session_id int, item_id int, epoch bigint);
CREATE TABLE train (position bigserial PRIMARY KEY, session_id int, item_id int, epoch bigint);
\copy train (session_id, item_id, epoch) FROM 'serenade_train.csv' CSV HEADER
\copy test (session_id, item_id, epoch) FROM 'serenade_test.csv' CSV HEADER
-- Rows of one second are a microsecond apart, in the order of the file.
INSERT INTO clicks SELECT session_id, item_id, to_timestamp(epoch) + position * interval '1 microsecond' FROM train ORDER BY epoch, position;

CREATE EXTENSION pg_recommend;
SELECT create_recommender('shop', 'clicks', user_column => 'session_id', item_column => 'item_id', time_column => 'at',
    session_column => 'session_id', half_life => '7 days', include_seen => true) \g /dev/null
ANALYZE;

SELECT clock_timestamp() AS began \gset
CREATE TABLE ranks AS
WITH prefixes AS (
    SELECT position, session_id, to_timestamp(epoch) + position * interval '1 microsecond' AS at,
           array_agg(item_id) OVER so_far AS items, lead(item_id) OVER so_far AS next_item
    FROM test
    WINDOW so_far AS (PARTITION BY session_id ORDER BY epoch, position)
)
SELECT p.position, (SELECT r.rank FROM recommend_session(p.items, 20, as_of => p.at) AS r WHERE r.item_id = p.next_item) AS rank
FROM prefixes AS p
WHERE p.next_item IS NOT NULL;

CREATE TABLE millis AS SELECT extract(epoch FROM clock_timestamp() - :'began') * 1000 / (SELECT count(*) FROM ranks) AS millis;
\copy millis TO 'serenade_sql_millis'
\copy (SELECT position, rank FROM ranks ORDER BY position) TO 'serenade_sql_ranks.csv' CSV HEADER
SELECT format('| serenade, %s predictions | recommend_session | HR@20 | %s |', count(*), round(count(rank)::numeric / count(*), 4)) FROM ranks;
SELECT format('| serenade, %s predictions | recommend_session | MRR@20 | %s |', count(*), round(sum(coalesce(1.0 / rank, 0)) / count(*), 4)) FROM ranks;
