-- A recommender over the events of interest_rows.sql, of the items of its pool: :events of them.
CREATE TABLE items AS SELECT n::int AS item_id, v AS embedding FROM pool;
ALTER TABLE items ADD PRIMARY KEY (item_id);
CREATE TABLE log (user_id int NOT NULL, item_id int NOT NULL, at timestamptz NOT NULL);
CREATE TABLE arriving AS
    SELECT (e * 7919 % 10000)::int AS user_id, (e * 7919 % 9973)::int AS item_id, now() - (:events - e) * interval '1 second' AS at
    FROM generate_series(1, :events::bigint) AS e;
CREATE INDEX ON log (user_id, at);
SELECT create_vector_set('items', 'items', 'item_id', 'embedding') \g /dev/null
