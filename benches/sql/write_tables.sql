-- Two equal event tables for scripts/bench-write: `plain` has the two indexes that such a table has anyway, `tracked`
-- has them and a recommender.
CREATE TABLE plain (user_id int NOT NULL, item_id int NOT NULL, at timestamptz NOT NULL, kind text NOT NULL, device text NOT NULL);
CREATE INDEX ON plain (user_id, at);
CREATE INDEX ON plain (item_id, at);
CREATE TABLE tracked (LIKE plain INCLUDING ALL);
CREATE EXTENSION IF NOT EXISTS pg_recommend;
SELECT create_recommender('writes', 'tracked', user_column => 'user_id', item_column => 'item_id', time_column => 'at',
    event_column => 'kind', event_weights => '{"view": 1, "cart": 4, "purchase": 8}', context_columns => '{device}');
