-- tgbl_wiki (edits of Wikipedia pages) as the table `events`, from the file tgbl_wiki.csv in the current folder.
-- Rows of one second are a microsecond apart, in the order of the file.
CREATE TEMP TABLE log (position bigserial, user_id int, item_id int, seconds int);
\copy log (user_id, item_id, seconds) FROM 'tgbl_wiki.csv' CSV HEADER
CREATE TABLE events (user_id int NOT NULL, item_id int NOT NULL, at timestamptz NOT NULL);
INSERT INTO events
SELECT user_id, item_id, timestamptz '2020-01-01 00:00+00' + seconds * interval '1 second' + position * interval '1 microsecond'
FROM log ORDER BY position;
