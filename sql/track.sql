-- Triggers. They and the tables they write are created by create_recommender().

CREATE FUNCTION recommend.track_row() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'recommend_track_row';
COMMENT ON FUNCTION recommend.track_row() IS
    'Row trigger of event tables: appends what came and what went to the delta';

CREATE FUNCTION recommend.track_truncate() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'recommend_track_truncate';
COMMENT ON FUNCTION recommend.track_truncate() IS
    'TRUNCATE trigger of event tables: raises the epoch';

CREATE FUNCTION recommend.track_truncate_partition() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'recommend_track_truncate_partition';
COMMENT ON FUNCTION recommend.track_truncate_partition() IS
    'TRUNCATE trigger of leaf partitions: takes their events out';

CREATE FUNCTION recommend.follow_ddl() RETURNS event_trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'recommend_ddl_end';
COMMENT ON FUNCTION recommend.follow_ddl() IS
    'Event trigger: follows partitions, renamed columns, new owners and disabled triggers of event tables';

CREATE FUNCTION recommend.follow_drop() RETURNS event_trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'recommend_sql_drop';
COMMENT ON FUNCTION recommend.follow_drop() IS
    'Event trigger: a recommender goes with its event table, and nothing else of it can be dropped';

CREATE FUNCTION recommend.follow_rewrite() RETURNS event_trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'recommend_table_rewrite';
COMMENT ON FUNCTION recommend.follow_rewrite() IS
    'Event trigger: what was made of generated columns is made anew when their table is rewritten, as by SET EXPRESSION';

CREATE EVENT TRIGGER recommend_follow_ddl ON ddl_command_end
    WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE')
    EXECUTE FUNCTION recommend.follow_ddl();
COMMENT ON EVENT TRIGGER recommend_follow_ddl IS 'pg_recommend follows changes of event tables';
ALTER EVENT TRIGGER recommend_follow_ddl ENABLE ALWAYS;

CREATE EVENT TRIGGER recommend_follow_drop ON sql_drop
    EXECUTE FUNCTION recommend.follow_drop();
COMMENT ON EVENT TRIGGER recommend_follow_drop IS 'pg_recommend follows dropped event tables';
ALTER EVENT TRIGGER recommend_follow_drop ENABLE ALWAYS;

CREATE EVENT TRIGGER recommend_follow_rewrite ON table_rewrite
    EXECUTE FUNCTION recommend.follow_rewrite();
COMMENT ON EVENT TRIGGER recommend_follow_rewrite IS 'pg_recommend follows generated columns of event tables';
ALTER EVENT TRIGGER recommend_follow_rewrite ENABLE ALWAYS;
