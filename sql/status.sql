-- Watching.

CREATE FUNCTION recommend.progress_rows(
    OUT pid int, OUT recommender int, OUT phase text, OUT events_done bigint, OUT events_total bigint
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'recommend_progress';
COMMENT ON FUNCTION recommend.progress_rows() IS 'The rows of recommend.progress';

CREATE VIEW recommend.progress AS
    SELECT p.pid, r.name AS recommender, p.phase, p.events_done, p.events_total
      FROM recommend.progress_rows() p
      LEFT JOIN recommend.feeds r ON r.id OPERATOR(pg_catalog.=) p.recommender;
COMMENT ON VIEW recommend.progress IS
    'Running backfills, rebuilds and compactions of recommenders and of graphs; what is not committed yet has no name here';
GRANT SELECT ON recommend.progress TO PUBLIC;

CREATE FUNCTION recommend.status_rows(
    OUT recommender text,
    OUT events bigint,
    OUT backlog bigint,
    OUT future bigint,
    OUT skipped bigint,
    OUT users bigint,
    OUT items bigint,
    OUT newest_event timestamptz,
    OUT last_compaction timestamptz,
    OUT needs_rebuild bool,
    OUT state_bytes bigint,
    OUT learnt text
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'recommend_status';
COMMENT ON FUNCTION recommend.status_rows() IS 'The rows of recommend.status';

CREATE VIEW recommend.status AS SELECT * FROM recommend.status_rows();
COMMENT ON VIEW recommend.status IS
    'What each recommender has packed (events, users, items), what waits in its delta (backlog, of which future events), '
    'rows skipped for want of a key or time, and what the log has taught; for those who may read the event table';
GRANT SELECT ON recommend.status TO PUBLIC;

CREATE FUNCTION recommend.graph_status_rows(
    OUT graph text,
    OUT source_table regclass,
    OUT edge_type text,
    OUT events bigint,
    OUT backlog bigint,
    OUT future bigint,
    OUT skipped bigint,
    OUT nodes bigint,
    OUT newest_event timestamptz,
    OUT last_compaction timestamptz,
    OUT needs_rebuild bool,
    OUT state_bytes bigint
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'graph_status';
COMMENT ON FUNCTION recommend.graph_status_rows() IS 'The rows of recommend.graph_status';

CREATE VIEW recommend.graph_status AS SELECT * FROM recommend.graph_status_rows();
COMMENT ON VIEW recommend.graph_status IS
    'What each source of a graph has packed (events), what waits in its delta (backlog, of which future events), and rows skipped for want '
    'of a key, time or finite weight; nodes are those of the whole graph. For those who may read the table';
GRANT SELECT ON recommend.graph_status TO PUBLIC;

CREATE FUNCTION recommend.graph_cache_rows(
    OUT entries bigint,
    OUT bytes bigint,
    OUT bytes_total bigint,
    OUT hits bigint,
    OUT misses bigint,
    OUT evictions bigint,
    OUT shared bool
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'graph_cache';
COMMENT ON FUNCTION recommend.graph_cache_rows() IS 'The row of recommend.graph_cache';

CREATE VIEW recommend.graph_cache AS SELECT * FROM recommend.graph_cache_rows();
COMMENT ON VIEW recommend.graph_cache IS
    'Subgraphs that are kept (entries), the memory that they take and can take (bytes, bytes_total), how many were found there and how many '
    'not (hits, misses), and how many made room for others (evictions): of the whole server since its start if shared, else of this session';
GRANT SELECT ON recommend.graph_cache TO PUBLIC;

CREATE FUNCTION recommend.gpu_status_row(
    OUT state text, OUT device text, OUT memory bigint, OUT used bigint, OUT segments bigint, OUT searches bigint, OUT batches bigint,
    OUT largest_batch bigint, OUT refused bigint, OUT busy_ms float8, OUT fallbacks bigint, OUT starts bigint)
    RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 1 AS 'MODULE_PATHNAME', 'gpu_status';
COMMENT ON FUNCTION recommend.gpu_status_row() IS 'The row of recommend.gpu_status';

CREATE VIEW recommend.gpu_status AS SELECT * FROM recommend.gpu_status_row();
COMMENT ON VIEW recommend.gpu_status IS
    'The service of the GPU: its state, the device with its memory in bytes, the segments of vector sets there, searches answered and refused, the batches '
    'that they went in and the milliseconds that these took, how many searches the CPU did instead, and how often the service was started. Counts but the last two begin with its start';
GRANT SELECT ON recommend.gpu_status TO PUBLIC;
