-- A table as large as the log, to look one row up in by its primary key.
CREATE TABLE lookup AS SELECT row_number() OVER (ORDER BY at)::int AS id, * FROM events;
ALTER TABLE lookup ADD PRIMARY KEY (id);
VACUUM ANALYZE lookup, events;
