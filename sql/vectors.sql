-- Vector sets: defining them.

CREATE FUNCTION create_vector_set(
    name text, source regclass, id_column name, vector_column name, dimensions int DEFAULT NULL, build bool DEFAULT true)
RETURNS int
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vector_set_create';
COMMENT ON FUNCTION create_vector_set(text, regclass, name, name, int, bool) IS
    'Keep a packed copy of the vectors of a table, for cosine_topk(). Ids may be smallint, integer, bigint, uuid or text, with a unique index; '
    'vectors real[], double precision[], or pgvector''s vector or halfvec. Rows of another length than dimensions, which is found out where it is '
    'left out, are in no answer. build => false makes the copy when it is first asked for';

CREATE FUNCTION rebuild_vector_set(name text) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vector_set_rebuild';
COMMENT ON FUNCTION rebuild_vector_set(text) IS
    'Make the copy of a vector set anew from its table, and give the number of rows in it; the length of its vectors is found out anew';

CREATE FUNCTION drop_vector_set(name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vector_set_drop';
COMMENT ON FUNCTION drop_vector_set(text) IS 'Drop a vector set with its copy; the table stays as it is';

-- The aggregates.

-- The state of the aggregates: ids as bytes, which nobody else can make up. There is no cast from bytea, and the input reads ids by their type.

CREATE TYPE recommend.cosine_ranking;

CREATE FUNCTION recommend.cosine_ranking_in(cstring) RETURNS recommend.cosine_ranking
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cosine_ranking_in';
COMMENT ON FUNCTION recommend.cosine_ranking_in(cstring) IS 'Input of recommend.cosine_ranking, after a check of every field';

CREATE FUNCTION recommend.cosine_ranking_out(recommend.cosine_ranking) RETURNS cstring
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cosine_ranking_out';
COMMENT ON FUNCTION recommend.cosine_ranking_out(recommend.cosine_ranking) IS 'Output of recommend.cosine_ranking';

CREATE FUNCTION recommend.cosine_ranking_recv(internal) RETURNS recommend.cosine_ranking
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cosine_ranking_recv';
COMMENT ON FUNCTION recommend.cosine_ranking_recv(internal) IS 'Binary input of recommend.cosine_ranking: its text, after a check of every field';

CREATE FUNCTION recommend.cosine_ranking_send(recommend.cosine_ranking) RETURNS bytea
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cosine_ranking_send';
COMMENT ON FUNCTION recommend.cosine_ranking_send(recommend.cosine_ranking) IS 'Binary output of recommend.cosine_ranking: its text';

CREATE TYPE recommend.cosine_ranking (
    INPUT = recommend.cosine_ranking_in,
    OUTPUT = recommend.cosine_ranking_out,
    RECEIVE = recommend.cosine_ranking_recv,
    SEND = recommend.cosine_ranking_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = external
);
COMMENT ON TYPE recommend.cosine_ranking IS 'The best rows so far of cosine_topk(), which partial aggregates hand over';

CREATE FUNCTION recommend.cosine_topk_add(recommend.cosine_ranking, anyelement, "any", real[], int) RETURNS recommend.cosine_ranking
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cosine_topk_add';
COMMENT ON FUNCTION recommend.cosine_topk_add(recommend.cosine_ranking, anyelement, "any", real[], int) IS 'Transition of cosine_topk() and cosine_topk_scores()';

CREATE FUNCTION recommend.cosine_topk_combine(recommend.cosine_ranking, recommend.cosine_ranking) RETURNS recommend.cosine_ranking
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cosine_topk_combine';
COMMENT ON FUNCTION recommend.cosine_topk_combine(recommend.cosine_ranking, recommend.cosine_ranking) IS 'How partial states of cosine_topk() become one';

CREATE FUNCTION recommend.cosine_topk_ids(recommend.cosine_ranking, anyelement, "any", real[], int) RETURNS anyarray
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cosine_topk_ids';
COMMENT ON FUNCTION recommend.cosine_topk_ids(recommend.cosine_ranking, anyelement, "any", real[], int) IS 'Result of cosine_topk()';

CREATE FUNCTION recommend.cosine_topk_final_scores(recommend.cosine_ranking, anyelement, "any", real[], int) RETURNS real[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cosine_topk_scores';
COMMENT ON FUNCTION recommend.cosine_topk_final_scores(recommend.cosine_ranking, anyelement, "any", real[], int) IS 'Result of cosine_topk_scores()';

CREATE AGGREGATE cosine_topk(id anyelement, vector "any", query real[], k int) (
    SFUNC = recommend.cosine_topk_add, STYPE = recommend.cosine_ranking, SSPACE = 2048, COMBINEFUNC = recommend.cosine_topk_combine,
    FINALFUNC = recommend.cosine_topk_ids, FINALFUNC_EXTRA, PARALLEL = SAFE);
COMMENT ON AGGREGATE cosine_topk(anyelement, "any", real[], int) IS
    'The ids of the k vectors of the greatest cosine with the query, the greatest first, equal ones in the order of their ids. Vectors may be real[], '
    'double precision[], or pgvector''s vector or halfvec. Rows without an id or a direction (a NULL, NaN or infinity in it, length 0) are skipped; other dimensions are an error';

CREATE AGGREGATE cosine_topk_scores(id anyelement, vector "any", query real[], k int) (
    SFUNC = recommend.cosine_topk_add, STYPE = recommend.cosine_ranking, SSPACE = 2048, COMBINEFUNC = recommend.cosine_topk_combine,
    FINALFUNC = recommend.cosine_topk_final_scores, FINALFUNC_EXTRA, PARALLEL = SAFE);
COMMENT ON AGGREGATE cosine_topk_scores(anyelement, "any", real[], int) IS
    'The cosines of what cosine_topk() gives for the same arguments, in the same order. One query with both computes them once: FROM unnest(ids, scores)';

CREATE FUNCTION cosine_similarity(vector "any", query real[]) RETURNS real
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vector_cosine_similarity';
COMMENT ON FUNCTION cosine_similarity("any", real[]) IS
    'The cosine of two vectors, from -1 to 1, to the bit as cosine_topk() has it; NULL for a vector without a direction';

-- Questions to a vector set. Ids come back as text, or in the type of the argument that names it: NULL::bigint.

CREATE FUNCTION cosine_topk(
    vector_set text, query real[], k int DEFAULT 10, device text DEFAULT 'auto', among "any" DEFAULT NULL, exclude "any" DEFAULT NULL)
RETURNS TABLE (id text, score real)
LANGUAGE c STABLE PARALLEL SAFE COST 100000 ROWS 10 SUPPORT recommend.rows_support
    AS 'MODULE_PATHNAME', 'vector_set_topk';
COMMENT ON FUNCTION cosine_topk(text, real[], int, text, "any", "any") IS
    'The k vectors of a set of the greatest cosine with the query, the greatest first, equal ones in the order of their ids. Exact, of what the '
    'statement''s snapshot shows. among and exclude are arrays of ids: only these, or none of these. device is auto, cpu or gpu';

CREATE FUNCTION cosine_topk(
    id_type anyelement, vector_set text, query real[], k int DEFAULT 10, device text DEFAULT 'auto', among "any" DEFAULT NULL, exclude "any" DEFAULT NULL)
RETURNS TABLE (id anyelement, score real)
LANGUAGE c STABLE PARALLEL SAFE COST 100000 ROWS 10 SUPPORT recommend.rows_support
    AS 'MODULE_PATHNAME', 'vector_set_topk_typed';
COMMENT ON FUNCTION cosine_topk(anyelement, text, real[], int, text, "any", "any") IS
    'cosine_topk() with ids in the type of id_type, which is a NULL of the ids'' type, such as NULL::bigint';

CREATE FUNCTION cosine_topk_batch(
    vector_set text, queries real[], k int DEFAULT 10, device text DEFAULT 'auto', among "any" DEFAULT NULL, exclude "any" DEFAULT NULL)
RETURNS TABLE (query_number int, id text, score real)
LANGUAGE c STABLE PARALLEL SAFE COST 1000000 ROWS 1000 AS 'MODULE_PATHNAME', 'vector_set_batch';
COMMENT ON FUNCTION cosine_topk_batch(text, real[], int, text, "any", "any") IS
    'cosine_topk() of many queries at once: queries is an array of two dimensions, query_number counts its rows from 1';

CREATE FUNCTION cosine_topk_batch(
    id_type anyelement, vector_set text, queries real[], k int DEFAULT 10, device text DEFAULT 'auto', among "any" DEFAULT NULL,
    exclude "any" DEFAULT NULL)
RETURNS TABLE (query_number int, id anyelement, score real)
LANGUAGE c STABLE PARALLEL SAFE COST 1000000 ROWS 1000 AS 'MODULE_PATHNAME', 'vector_set_batch_typed';
COMMENT ON FUNCTION cosine_topk_batch(anyelement, text, real[], int, text, "any", "any") IS
    'cosine_topk_batch() with ids in the type of id_type, which is a NULL of the ids'' type, such as NULL::bigint';

CREATE FUNCTION cosine_neighbors(
    vector_set text, id anyelement, k int DEFAULT 10, device text DEFAULT 'auto', among "any" DEFAULT NULL, exclude "any" DEFAULT NULL)
RETURNS TABLE (id anyelement, score real)
LANGUAGE c STABLE PARALLEL SAFE COST 100000 ROWS 10 SUPPORT recommend.rows_support
    AS 'MODULE_PATHNAME', 'vector_set_neighbors';
COMMENT ON FUNCTION cosine_neighbors(text, anyelement, int, text, "any", "any") IS
    'cosine_topk() with the vector of a row of the set, which is left out itself; no rows for an unknown id, or a vector without a direction';

-- Watching.

CREATE FUNCTION recommend.vector_set_status_rows(
    OUT vector_set text,
    OUT source regclass,
    OUT rows bigint,
    OUT skipped bigint,
    OUT dimensions int,
    OUT changes bigint,
    OUT bytes bigint,
    OUT generation bigint,
    OUT built_at timestamptz,
    OUT state text
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vector_set_status';
COMMENT ON FUNCTION recommend.vector_set_status_rows() IS 'The rows of recommend.vector_set_status';

CREATE VIEW recommend.vector_set_status AS SELECT * FROM recommend.vector_set_status_rows();
COMMENT ON VIEW recommend.vector_set_status IS
    'What the copy of each vector set holds (rows, bytes), rows that are in no answer for want of a vector of that many dimensions with a direction '
    '(skipped), and changes that wait to get in. state is ready; no copy: questions read the table until there is one; too large: it does not fit '
    'into recommend.vector_memory; suspended: a trigger is disabled; or no unique index: the ids have lost it. For those who may read the table';
GRANT SELECT ON recommend.vector_set_status TO PUBLIC;
