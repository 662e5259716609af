-- Vector sets: defining them.

CREATE FUNCTION create_vector_set(name text, source regclass, id_column name, vector_column name) RETURNS int
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vector_set_create';
COMMENT ON FUNCTION create_vector_set(text, regclass, name, name) IS
    'Keep a packed copy of the vectors of a table, for cosine_topk(). Ids may be smallint, integer, bigint, uuid or text, with a unique index; '
    'vectors real[], double precision[], or pgvector''s vector or halfvec';

CREATE FUNCTION rebuild_vector_set(name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vector_set_rebuild';
COMMENT ON FUNCTION rebuild_vector_set(text) IS
    'Make the copy of a vector set anew from its table; the length of its vectors is found out anew';

CREATE FUNCTION drop_vector_set(name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vector_set_drop';
COMMENT ON FUNCTION drop_vector_set(text) IS 'Drop a vector set with its copy; the table stays as it is';

-- The aggregates.

CREATE FUNCTION recommend.cosine_topk_add(bytea, anyelement, "any", real[], int) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cosine_topk_add';
COMMENT ON FUNCTION recommend.cosine_topk_add(bytea, anyelement, "any", real[], int) IS 'Transition of cosine_topk() and cosine_topk_scores()';

CREATE FUNCTION recommend.cosine_topk_combine(bytea, bytea) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cosine_topk_combine';
COMMENT ON FUNCTION recommend.cosine_topk_combine(bytea, bytea) IS 'How partial states of cosine_topk() become one';

CREATE FUNCTION recommend.cosine_topk_ids(bytea, anyelement, "any", real[], int) RETURNS anyarray
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cosine_topk_ids';
COMMENT ON FUNCTION recommend.cosine_topk_ids(bytea, anyelement, "any", real[], int) IS 'Result of cosine_topk()';

CREATE FUNCTION recommend.cosine_topk_final_scores(bytea, anyelement, "any", real[], int) RETURNS real[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cosine_topk_scores';
COMMENT ON FUNCTION recommend.cosine_topk_final_scores(bytea, anyelement, "any", real[], int) IS 'Result of cosine_topk_scores()';

CREATE AGGREGATE cosine_topk(id anyelement, vector "any", query real[], k int) (
    SFUNC = recommend.cosine_topk_add, STYPE = bytea, SSPACE = 2048, COMBINEFUNC = recommend.cosine_topk_combine,
    FINALFUNC = recommend.cosine_topk_ids, FINALFUNC_EXTRA, PARALLEL = SAFE);
COMMENT ON AGGREGATE cosine_topk(anyelement, "any", real[], int) IS
    'The ids of the k vectors of the greatest cosine with the query, the greatest first, equal ones in the order of their ids. Vectors may be real[], '
    'double precision[], or pgvector''s vector or halfvec. Rows without an id or a direction (a NULL, NaN or infinity in it, length 0) are skipped; other dimensions are an error';

CREATE AGGREGATE cosine_topk_scores(id anyelement, vector "any", query real[], k int) (
    SFUNC = recommend.cosine_topk_add, STYPE = bytea, SSPACE = 2048, COMBINEFUNC = recommend.cosine_topk_combine,
    FINALFUNC = recommend.cosine_topk_final_scores, FINALFUNC_EXTRA, PARALLEL = SAFE);
COMMENT ON AGGREGATE cosine_topk_scores(anyelement, "any", real[], int) IS
    'The cosines of what cosine_topk() gives for the same arguments, in the same order. One query with both computes them once: FROM unnest(ids, scores)';

CREATE FUNCTION cosine_similarity(vector "any", query real[]) RETURNS real
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vector_cosine_similarity';
COMMENT ON FUNCTION cosine_similarity("any", real[]) IS
    'The cosine of two vectors, from -1 to 1, to the bit as cosine_topk() has it; NULL for a vector without a direction';
