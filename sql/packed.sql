-- The type of packed rows: bytes that the engine reads in place. Input checks every field.

CREATE TYPE recommend.packed;

CREATE FUNCTION recommend.packed_in(cstring) RETURNS recommend.packed
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'packed_in';
CREATE FUNCTION recommend.packed_out(recommend.packed) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'packed_out';
CREATE FUNCTION recommend.packed_recv(internal) RETURNS recommend.packed
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'packed_recv';
CREATE FUNCTION recommend.packed_send(recommend.packed) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'packed_send';

COMMENT ON FUNCTION recommend.packed_in(cstring) IS 'Input of recommend.packed: \x and hexadecimal digits, after a check of every field';
COMMENT ON FUNCTION recommend.packed_out(recommend.packed) IS 'Output of recommend.packed';
COMMENT ON FUNCTION recommend.packed_recv(internal) IS 'Binary input of recommend.packed, after a check of every field';
COMMENT ON FUNCTION recommend.packed_send(recommend.packed) IS 'Binary output of recommend.packed';

CREATE TYPE recommend.packed (
    INPUT = recommend.packed_in,
    OUTPUT = recommend.packed_out,
    RECEIVE = recommend.packed_recv,
    SEND = recommend.packed_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = external
);
COMMENT ON TYPE recommend.packed IS
    'What one node of a recommender knows (a history, neighbours, visits or a session; a graph node''s edges; what features count of an entity), as versioned bytes; its text form is hexadecimal';

CREATE FUNCTION recommend.packed(bytea) RETURNS recommend.packed
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'packed_from_bytea';
COMMENT ON FUNCTION recommend.packed(bytea) IS 'Bytes as a packed row, after a check of every field; error 22P03 where they are none';

CREATE FUNCTION recommend.packed_kind(recommend.packed) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'packed_kind';
COMMENT ON FUNCTION recommend.packed_kind(recommend.packed) IS 'What a packed row holds: history, neighbors, visits, session, edges or features';

CREATE FUNCTION recommend.rows_support(internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recommend_rows_support';
COMMENT ON FUNCTION recommend.rows_support(internal) IS 'Tells the planner that a function with an argument n gives about n rows';
