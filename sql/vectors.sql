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
