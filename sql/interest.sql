-- Interest aggregates: decayed counts, sums and averages, interest vectors, session numbers, averages over sessions.
--
-- Direct aggregates (decayed_sum) give a number; summaries (decayed_summary, interest) can be stored, merged and read at any time.
-- What aggregates are made of stands in the schema recommend.

CREATE TYPE decayed_summary;

CREATE FUNCTION recommend.decayed_summary_in(cstring) RETURNS decayed_summary
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_summary_in';
COMMENT ON FUNCTION recommend.decayed_summary_in(cstring) IS 'Input of decayed_summary: a JSON object with all its numbers, each checked';

CREATE FUNCTION recommend.decayed_summary_out(decayed_summary) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_summary_out';
COMMENT ON FUNCTION recommend.decayed_summary_out(decayed_summary) IS 'Output of decayed_summary';

CREATE FUNCTION recommend.decayed_summary_recv(internal) RETURNS decayed_summary
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_summary_recv';
COMMENT ON FUNCTION recommend.decayed_summary_recv(internal) IS 'Binary input of decayed_summary, after a check of every field';

CREATE FUNCTION recommend.decayed_summary_send(decayed_summary) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_summary_send';
COMMENT ON FUNCTION recommend.decayed_summary_send(decayed_summary) IS 'Binary output of decayed_summary: its bytes, numbers in little-endian order';

CREATE TYPE decayed_summary (
    INPUT = recommend.decayed_summary_in,
    OUTPUT = recommend.decayed_summary_out,
    RECEIVE = recommend.decayed_summary_recv,
    SEND = recommend.decayed_summary_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = external
);
COMMENT ON TYPE decayed_summary IS 'A decayed count and sum of numbers, to be stored, merged and read as of any time; 52 bytes';

CREATE FUNCTION recommend.decayed_summary_eq(decayed_summary, decayed_summary) RETURNS bool
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_eq';
COMMENT ON FUNCTION recommend.decayed_summary_eq(decayed_summary, decayed_summary) IS 'Whether both hold the same numbers, to the last bit';

CREATE FUNCTION recommend.decayed_summary_ne(decayed_summary, decayed_summary) RETURNS bool
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_ne';
COMMENT ON FUNCTION recommend.decayed_summary_ne(decayed_summary, decayed_summary) IS 'Whether both differ in some number';

CREATE FUNCTION recommend.decayed_summary_hash(decayed_summary) RETURNS int
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_hash';
COMMENT ON FUNCTION recommend.decayed_summary_hash(decayed_summary) IS 'Hash of decayed_summary';

CREATE FUNCTION recommend.decayed_summary_hash_extended(decayed_summary, bigint) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_hash_extended';
COMMENT ON FUNCTION recommend.decayed_summary_hash_extended(decayed_summary, bigint) IS 'Hash of decayed_summary with a seed';

CREATE FUNCTION recommend.decayed_summary_plus(decayed_summary, decayed_summary) RETURNS decayed_summary
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_summary_plus';
COMMENT ON FUNCTION recommend.decayed_summary_plus(decayed_summary, decayed_summary) IS 'The events of both; they must decay alike';

CREATE OPERATOR = (LEFTARG = decayed_summary, RIGHTARG = decayed_summary, FUNCTION = recommend.decayed_summary_eq, COMMUTATOR = =, NEGATOR = <>,
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES);
COMMENT ON OPERATOR = (decayed_summary, decayed_summary) IS 'The same numbers, to the last bit; the order in which events were added may show there';

CREATE OPERATOR <> (LEFTARG = decayed_summary, RIGHTARG = decayed_summary, FUNCTION = recommend.decayed_summary_ne, COMMUTATOR = <>, NEGATOR = =,
    RESTRICT = neqsel, JOIN = neqjoinsel);
COMMENT ON OPERATOR <> (decayed_summary, decayed_summary) IS 'Different numbers';

CREATE OPERATOR + (LEFTARG = decayed_summary, RIGHTARG = decayed_summary, FUNCTION = recommend.decayed_summary_plus, COMMUTATOR = +);
COMMENT ON OPERATOR + (decayed_summary, decayed_summary) IS 'The events of both; they must decay alike';

CREATE OPERATOR CLASS decayed_summary_ops DEFAULT FOR TYPE decayed_summary USING hash AS
    OPERATOR 1 = (decayed_summary, decayed_summary), FUNCTION 1 recommend.decayed_summary_hash(decayed_summary), FUNCTION 2 recommend.decayed_summary_hash_extended(decayed_summary, bigint);
COMMENT ON OPERATOR FAMILY decayed_summary_ops USING hash IS 'Equality of decayed_summary';

COMMENT ON OPERATOR CLASS decayed_summary_ops USING hash IS 'Equality of decayed_summary, for DISTINCT, GROUP BY and hash joins; there is no order';

CREATE FUNCTION recommend.decayed_summary_add(decayed_summary, float8, timestamptz, interval) RETURNS decayed_summary
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_summary_add';
COMMENT ON FUNCTION recommend.decayed_summary_add(decayed_summary, float8, timestamptz, interval) IS 'Transition of decayed_summary()';

CREATE FUNCTION recommend.decayed_summary_merge(decayed_summary, decayed_summary) RETURNS decayed_summary
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_summary_merge';
COMMENT ON FUNCTION recommend.decayed_summary_merge(decayed_summary, decayed_summary) IS 'Transition of rollup(decayed_summary), and how partial aggregates become one';

CREATE AGGREGATE decayed_summary(value float8, at timestamptz, half_life interval) (
    SFUNC = recommend.decayed_summary_add, STYPE = decayed_summary, SSPACE = 64, COMBINEFUNC = recommend.decayed_summary_merge, PARALLEL = SAFE);
COMMENT ON AGGREGATE decayed_summary(float8, timestamptz, interval) IS 'Decayed count and sum of value, to be stored and read by decayed_count(), decayed_sum() and decayed_avg(). Weights halve every half_life; rows with a NULL value or time are skipped';

CREATE AGGREGATE rollup(summary decayed_summary) (
    SFUNC = recommend.decayed_summary_merge, STYPE = decayed_summary, SSPACE = 64, COMBINEFUNC = recommend.decayed_summary_merge, PARALLEL = SAFE);
COMMENT ON AGGREGATE rollup(decayed_summary) IS 'All events of many summaries; they must decay alike';

CREATE FUNCTION decayed_count(summary decayed_summary, as_of timestamptz DEFAULT pg_catalog.now()) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_summary_count';
COMMENT ON FUNCTION decayed_count(decayed_summary, timestamptz) IS 'The decayed number of events as of a time: one of that time counts 1, one of a half-life earlier 1/2';

CREATE FUNCTION decayed_sum(summary decayed_summary, as_of timestamptz DEFAULT pg_catalog.now()) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_summary_sum';
COMMENT ON FUNCTION decayed_sum(decayed_summary, timestamptz) IS 'The decayed sum of values as of a time';

CREATE FUNCTION decayed_avg(summary decayed_summary) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_summary_avg';
COMMENT ON FUNCTION decayed_avg(decayed_summary) IS 'The average value, newer ones weighing more; the same at any time';

CREATE FUNCTION decayed_avg(summary decayed_summary, as_of timestamptz) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_summary_avg';
COMMENT ON FUNCTION decayed_avg(decayed_summary, timestamptz) IS 'The average value, newer ones weighing more; as_of changes nothing, because all events decay alike';

-- The direct aggregates. Their state, 112 bytes, can give rows back: windows with a moving frame do not begin anew with each row. States are types of their
-- own, with no cast from bytea: their bytes cannot be made up.

CREATE TYPE recommend.decayed_state;

CREATE FUNCTION recommend.decayed_state_in(cstring) RETURNS recommend.decayed_state
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_state_in';
COMMENT ON FUNCTION recommend.decayed_state_in(cstring) IS 'Input of recommend.decayed_state: a JSON object with all its numbers, each checked';

CREATE FUNCTION recommend.decayed_state_out(recommend.decayed_state) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_state_out';
COMMENT ON FUNCTION recommend.decayed_state_out(recommend.decayed_state) IS 'Output of recommend.decayed_state';

CREATE FUNCTION recommend.decayed_state_recv(internal) RETURNS recommend.decayed_state
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_state_recv';
COMMENT ON FUNCTION recommend.decayed_state_recv(internal) IS 'Binary input of recommend.decayed_state, after a check of every byte';

CREATE FUNCTION recommend.decayed_state_send(recommend.decayed_state) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_state_send';
COMMENT ON FUNCTION recommend.decayed_state_send(recommend.decayed_state) IS 'Binary output of recommend.decayed_state: its bytes, numbers in little-endian order';

CREATE TYPE recommend.decayed_state (
    INPUT = recommend.decayed_state_in,
    OUTPUT = recommend.decayed_state_out,
    RECEIVE = recommend.decayed_state_recv,
    SEND = recommend.decayed_state_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = external
);
COMMENT ON TYPE recommend.decayed_state IS 'What decayed_count(), decayed_sum() and decayed_avg() have added up, which partial aggregates hand over; 112 bytes';

CREATE FUNCTION recommend.decayed_count_add(recommend.decayed_state, timestamptz, interval) RETURNS recommend.decayed_state
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_count_add';
COMMENT ON FUNCTION recommend.decayed_count_add(recommend.decayed_state, timestamptz, interval) IS 'Transition of decayed_count()';

CREATE FUNCTION recommend.decayed_count_take(recommend.decayed_state, timestamptz, interval) RETURNS recommend.decayed_state
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_count_take';
COMMENT ON FUNCTION recommend.decayed_count_take(recommend.decayed_state, timestamptz, interval) IS 'Inverse transition of decayed_count(); NULL where the frame must be added up anew';

CREATE FUNCTION recommend.decayed_count_add(recommend.decayed_state, timestamptz, interval, timestamptz) RETURNS recommend.decayed_state
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_count_add';
COMMENT ON FUNCTION recommend.decayed_count_add(recommend.decayed_state, timestamptz, interval, timestamptz) IS 'Transition of decayed_count()';

CREATE FUNCTION recommend.decayed_count_take(recommend.decayed_state, timestamptz, interval, timestamptz) RETURNS recommend.decayed_state
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_count_take';
COMMENT ON FUNCTION recommend.decayed_count_take(recommend.decayed_state, timestamptz, interval, timestamptz) IS 'Inverse transition of decayed_count(); NULL where the frame must be added up anew';

CREATE FUNCTION recommend.decayed_sum_add(recommend.decayed_state, float8, timestamptz, interval) RETURNS recommend.decayed_state
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_sum_add';
COMMENT ON FUNCTION recommend.decayed_sum_add(recommend.decayed_state, float8, timestamptz, interval) IS 'Transition of decayed_sum() and decayed_avg()';

CREATE FUNCTION recommend.decayed_sum_take(recommend.decayed_state, float8, timestamptz, interval) RETURNS recommend.decayed_state
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_sum_take';
COMMENT ON FUNCTION recommend.decayed_sum_take(recommend.decayed_state, float8, timestamptz, interval) IS 'Inverse transition of decayed_sum() and decayed_avg(); NULL where the frame must be added up anew';

CREATE FUNCTION recommend.decayed_sum_add(recommend.decayed_state, float8, timestamptz, interval, timestamptz) RETURNS recommend.decayed_state
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_sum_add';
COMMENT ON FUNCTION recommend.decayed_sum_add(recommend.decayed_state, float8, timestamptz, interval, timestamptz) IS 'Transition of decayed_sum() and decayed_avg()';

CREATE FUNCTION recommend.decayed_sum_take(recommend.decayed_state, float8, timestamptz, interval, timestamptz) RETURNS recommend.decayed_state
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_sum_take';
COMMENT ON FUNCTION recommend.decayed_sum_take(recommend.decayed_state, float8, timestamptz, interval, timestamptz) IS 'Inverse transition of decayed_sum() and decayed_avg(); NULL where the frame must be added up anew';

CREATE FUNCTION recommend.decayed_merge(recommend.decayed_state, recommend.decayed_state) RETURNS recommend.decayed_state
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_merge';
COMMENT ON FUNCTION recommend.decayed_merge(recommend.decayed_state, recommend.decayed_state) IS 'How partial decayed aggregates become one';

CREATE FUNCTION recommend.decayed_count_final(recommend.decayed_state) RETURNS float8
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_count_final';
COMMENT ON FUNCTION recommend.decayed_count_final(recommend.decayed_state) IS 'Result of decayed_count()';

CREATE FUNCTION recommend.decayed_sum_final(recommend.decayed_state) RETURNS float8
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_sum_final';
COMMENT ON FUNCTION recommend.decayed_sum_final(recommend.decayed_state) IS 'Result of decayed_sum()';

CREATE FUNCTION recommend.decayed_avg_final(recommend.decayed_state) RETURNS float8
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'decayed_avg_final';
COMMENT ON FUNCTION recommend.decayed_avg_final(recommend.decayed_state) IS 'Result of decayed_avg()';

CREATE AGGREGATE decayed_count(at timestamptz, half_life interval) (
    SFUNC = recommend.decayed_count_add, STYPE = recommend.decayed_state, SSPACE = 128, FINALFUNC = recommend.decayed_count_final,
    COMBINEFUNC = recommend.decayed_merge,
    MSFUNC = recommend.decayed_count_add, MINVFUNC = recommend.decayed_count_take, MSTYPE = recommend.decayed_state, MSSPACE = 128, MFINALFUNC = recommend.decayed_count_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE decayed_count(timestamptz, interval) IS 'The decayed number of rows, as of now(): weights halve every half_life. Rows with a NULL time are skipped';

CREATE AGGREGATE decayed_count(at timestamptz, half_life interval, as_of timestamptz) (
    SFUNC = recommend.decayed_count_add, STYPE = recommend.decayed_state, SSPACE = 128, FINALFUNC = recommend.decayed_count_final,
    COMBINEFUNC = recommend.decayed_merge,
    MSFUNC = recommend.decayed_count_add, MINVFUNC = recommend.decayed_count_take, MSTYPE = recommend.decayed_state, MSSPACE = 128, MFINALFUNC = recommend.decayed_count_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE decayed_count(timestamptz, interval, timestamptz) IS 'The decayed number of rows, as of the latest as_of of its rows: weights halve every half_life. Rows with a NULL time are skipped';

CREATE AGGREGATE decayed_sum(value float8, at timestamptz, half_life interval) (
    SFUNC = recommend.decayed_sum_add, STYPE = recommend.decayed_state, SSPACE = 128, FINALFUNC = recommend.decayed_sum_final,
    COMBINEFUNC = recommend.decayed_merge,
    MSFUNC = recommend.decayed_sum_add, MINVFUNC = recommend.decayed_sum_take, MSTYPE = recommend.decayed_state, MSSPACE = 128, MFINALFUNC = recommend.decayed_sum_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE decayed_sum(float8, timestamptz, interval) IS 'The decayed sum of value, as of now(): weights halve every half_life. Rows with a NULL value or time are skipped';

CREATE AGGREGATE decayed_sum(value float8, at timestamptz, half_life interval, as_of timestamptz) (
    SFUNC = recommend.decayed_sum_add, STYPE = recommend.decayed_state, SSPACE = 128, FINALFUNC = recommend.decayed_sum_final,
    COMBINEFUNC = recommend.decayed_merge,
    MSFUNC = recommend.decayed_sum_add, MINVFUNC = recommend.decayed_sum_take, MSTYPE = recommend.decayed_state, MSSPACE = 128, MFINALFUNC = recommend.decayed_sum_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE decayed_sum(float8, timestamptz, interval, timestamptz) IS 'The decayed sum of value, as of the latest as_of of its rows: weights halve every half_life. Rows with a NULL value or time are skipped';

CREATE AGGREGATE decayed_avg(value float8, at timestamptz, half_life interval) (
    SFUNC = recommend.decayed_sum_add, STYPE = recommend.decayed_state, SSPACE = 128, FINALFUNC = recommend.decayed_avg_final,
    COMBINEFUNC = recommend.decayed_merge,
    MSFUNC = recommend.decayed_sum_add, MINVFUNC = recommend.decayed_sum_take, MSTYPE = recommend.decayed_state, MSSPACE = 128, MFINALFUNC = recommend.decayed_avg_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE decayed_avg(float8, timestamptz, interval) IS 'The average of value, newer ones weighing more, as of now(): weights halve every half_life. Rows with a NULL value or time are skipped';

CREATE AGGREGATE decayed_avg(value float8, at timestamptz, half_life interval, as_of timestamptz) (
    SFUNC = recommend.decayed_sum_add, STYPE = recommend.decayed_state, SSPACE = 128, FINALFUNC = recommend.decayed_avg_final,
    COMBINEFUNC = recommend.decayed_merge,
    MSFUNC = recommend.decayed_sum_add, MINVFUNC = recommend.decayed_sum_take, MSTYPE = recommend.decayed_state, MSSPACE = 128, MFINALFUNC = recommend.decayed_avg_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE decayed_avg(float8, timestamptz, interval, timestamptz) IS 'The average of value, newer ones weighing more, as of the latest as_of of its rows: weights halve every half_life. Rows with a NULL value or time are skipped';

-- Interest vectors.

CREATE TYPE interest;

CREATE FUNCTION recommend.interest_in(cstring) RETURNS interest
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_in';
COMMENT ON FUNCTION recommend.interest_in(cstring) IS 'Input of interest: a JSON object with all its numbers, each checked';

CREATE FUNCTION recommend.interest_out(interest) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_out';
COMMENT ON FUNCTION recommend.interest_out(interest) IS 'Output of interest';

CREATE FUNCTION recommend.interest_recv(internal) RETURNS interest
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_recv';
COMMENT ON FUNCTION recommend.interest_recv(internal) IS 'Binary input of interest, after a check of every field';

CREATE FUNCTION recommend.interest_send(interest) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_send';
COMMENT ON FUNCTION recommend.interest_send(interest) IS 'Binary output of interest: its bytes, numbers in little-endian order';

CREATE TYPE interest (
    INPUT = recommend.interest_in,
    OUTPUT = recommend.interest_out,
    RECEIVE = recommend.interest_recv,
    SEND = recommend.interest_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = external
);
COMMENT ON TYPE interest IS 'A decayed, weighted sum of vectors with its strength, number of events, first and last time; 44 bytes and 8 for each dimension';

CREATE FUNCTION recommend.interest_eq(interest, interest) RETURNS bool
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_eq';
COMMENT ON FUNCTION recommend.interest_eq(interest, interest) IS 'Whether both hold the same numbers, to the last bit';

CREATE FUNCTION recommend.interest_ne(interest, interest) RETURNS bool
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_ne';
COMMENT ON FUNCTION recommend.interest_ne(interest, interest) IS 'Whether both differ in some number';

CREATE FUNCTION recommend.interest_hash(interest) RETURNS int
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_hash';
COMMENT ON FUNCTION recommend.interest_hash(interest) IS 'Hash of interest';

CREATE FUNCTION recommend.interest_hash_extended(interest, bigint) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_hash_extended';
COMMENT ON FUNCTION recommend.interest_hash_extended(interest, bigint) IS 'Hash of interest with a seed';

CREATE FUNCTION recommend.interest_plus(interest, interest) RETURNS interest
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_plus';
COMMENT ON FUNCTION recommend.interest_plus(interest, interest) IS 'The events of both; they must decay alike';

CREATE OPERATOR = (LEFTARG = interest, RIGHTARG = interest, FUNCTION = recommend.interest_eq, COMMUTATOR = =, NEGATOR = <>,
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES);
COMMENT ON OPERATOR = (interest, interest) IS 'The same numbers, to the last bit; the order in which events were added may show there';

CREATE OPERATOR <> (LEFTARG = interest, RIGHTARG = interest, FUNCTION = recommend.interest_ne, COMMUTATOR = <>, NEGATOR = =,
    RESTRICT = neqsel, JOIN = neqjoinsel);
COMMENT ON OPERATOR <> (interest, interest) IS 'Different numbers';

CREATE OPERATOR + (LEFTARG = interest, RIGHTARG = interest, FUNCTION = recommend.interest_plus, COMMUTATOR = +);
COMMENT ON OPERATOR + (interest, interest) IS 'The events of both; they must decay alike';

CREATE OPERATOR CLASS interest_ops DEFAULT FOR TYPE interest USING hash AS
    OPERATOR 1 = (interest, interest), FUNCTION 1 recommend.interest_hash(interest), FUNCTION 2 recommend.interest_hash_extended(interest, bigint);
COMMENT ON OPERATOR FAMILY interest_ops USING hash IS 'Equality of interest';

COMMENT ON OPERATOR CLASS interest_ops USING hash IS 'Equality of interest, for DISTINCT, GROUP BY and hash joins; there is no order';

CREATE FUNCTION recommend.interest_add(interest, real[], timestamptz, interval) RETURNS interest
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_add';
COMMENT ON FUNCTION recommend.interest_add(interest, real[], timestamptz, interval) IS 'Transition of interest() without weights';

CREATE FUNCTION recommend.interest_add(interest, real[], timestamptz, float8, interval) RETURNS interest
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_add';
COMMENT ON FUNCTION recommend.interest_add(interest, real[], timestamptz, float8, interval) IS 'Transition of interest() with weights';

CREATE FUNCTION recommend.interest_merge(interest, interest) RETURNS interest
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_merge';
COMMENT ON FUNCTION recommend.interest_merge(interest, interest) IS 'Transition of rollup(interest), and how partial aggregates become one';

CREATE AGGREGATE interest(vector real[], at timestamptz, half_life interval) (
    SFUNC = recommend.interest_add, STYPE = interest, SSPACE = 1100, COMBINEFUNC = recommend.interest_merge, PARALLEL = SAFE);
COMMENT ON AGGREGATE interest(real[], timestamptz, interval) IS 'The decayed sum of vectors: weights halve every half_life. Rows with a NULL vector or time are skipped';

CREATE AGGREGATE interest(vector real[], at timestamptz, weight float8, half_life interval) (
    SFUNC = recommend.interest_add, STYPE = interest, SSPACE = 1100, COMBINEFUNC = recommend.interest_merge, PARALLEL = SAFE);
COMMENT ON AGGREGATE interest(real[], timestamptz, float8, interval) IS 'The decayed, weighted sum of vectors; a negative weight is a dislike. Rows with a NULL vector, time or weight are skipped';

CREATE AGGREGATE rollup(interest interest) (
    SFUNC = recommend.interest_merge, STYPE = interest, SSPACE = 1100, COMBINEFUNC = recommend.interest_merge, PARALLEL = SAFE);
COMMENT ON AGGREGATE rollup(interest) IS 'All events of many interests; they must decay alike and have vectors of the same dimension';

CREATE FUNCTION interest_vector(interest interest) RETURNS real[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_vector';
COMMENT ON FUNCTION interest_vector(interest) IS 'The direction of an interest, a vector of length 1; NULL where the sum is zero';

CREATE FUNCTION interest_vector(interest interest, as_of timestamptz) RETURNS real[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_vector';
COMMENT ON FUNCTION interest_vector(interest, timestamptz) IS 'The direction of an interest; as_of changes nothing, because all events decay alike';

CREATE FUNCTION interest_strength(interest interest, as_of timestamptz DEFAULT pg_catalog.now()) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_strength';
COMMENT ON FUNCTION interest_strength(interest, timestamptz) IS 'The decayed sum of the weights'' sizes as of a time';

CREATE FUNCTION interest_count(interest interest) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_count';
COMMENT ON FUNCTION interest_count(interest) IS 'How many events an interest has';

CREATE FUNCTION interest_first_at(interest interest) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_first_at';
COMMENT ON FUNCTION interest_first_at(interest) IS 'The time of its oldest event';

CREATE FUNCTION interest_last_at(interest interest) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_last_at';
COMMENT ON FUNCTION interest_last_at(interest) IS 'The time of its newest event';

CREATE FUNCTION interest_similarity(interest interest, vector real[]) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_similarity';
COMMENT ON FUNCTION interest_similarity(interest, real[]) IS 'The cosine of an interest and a vector, from -1 to 1; NULL where one of them is zero';

CREATE FUNCTION interest_drift(a interest, b interest) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'interest_drift';
COMMENT ON FUNCTION interest_drift(interest, interest) IS '1 - cosine of two interests: 0 same direction, 1 unrelated, 2 opposite; NULL where one of them is zero. They may decay differently';

-- Sessions.

CREATE FUNCTION session_number(at timestamptz, gap interval) RETURNS bigint
    LANGUAGE c IMMUTABLE PARALLEL SAFE WINDOW AS 'MODULE_PATHNAME', 'interest_session_number';
COMMENT ON FUNCTION session_number(timestamptz, interval) IS
    'The session of a row, from 1: a pause longer than gap starts a new one. OVER (PARTITION BY user ORDER BY at); NULL for a row without a time';

CREATE TYPE recommend.ewma_state;

CREATE FUNCTION recommend.ewma_state_in(cstring) RETURNS recommend.ewma_state
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ewma_state_in';
COMMENT ON FUNCTION recommend.ewma_state_in(cstring) IS 'Input of recommend.ewma_state: a JSON object with all its numbers, each checked';

CREATE FUNCTION recommend.ewma_state_out(recommend.ewma_state) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ewma_state_out';
COMMENT ON FUNCTION recommend.ewma_state_out(recommend.ewma_state) IS 'Output of recommend.ewma_state';

CREATE FUNCTION recommend.ewma_state_recv(internal) RETURNS recommend.ewma_state
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ewma_state_recv';
COMMENT ON FUNCTION recommend.ewma_state_recv(internal) IS 'Binary input of recommend.ewma_state, after a check of every byte';

CREATE FUNCTION recommend.ewma_state_send(recommend.ewma_state) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ewma_state_send';
COMMENT ON FUNCTION recommend.ewma_state_send(recommend.ewma_state) IS 'Binary output of recommend.ewma_state: its bytes, numbers in little-endian order';

CREATE TYPE recommend.ewma_state (
    INPUT = recommend.ewma_state_in,
    OUTPUT = recommend.ewma_state_out,
    RECEIVE = recommend.ewma_state_recv,
    SEND = recommend.ewma_state_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = external
);
COMMENT ON TYPE recommend.ewma_state IS 'What ewma_interest() has averaged so far; 4 bytes and 8 for each dimension';

CREATE FUNCTION recommend.ewma_interest_add(recommend.ewma_state, real[]) RETURNS recommend.ewma_state
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ewma_interest_add';
COMMENT ON FUNCTION recommend.ewma_interest_add(recommend.ewma_state, real[]) IS 'Transition of ewma_interest(), alpha 0.95';

CREATE FUNCTION recommend.ewma_interest_add(recommend.ewma_state, real[], float8) RETURNS recommend.ewma_state
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ewma_interest_add';
COMMENT ON FUNCTION recommend.ewma_interest_add(recommend.ewma_state, real[], float8) IS 'Transition of ewma_interest()';

CREATE FUNCTION recommend.ewma_interest_final(recommend.ewma_state) RETURNS real[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ewma_interest_final';
COMMENT ON FUNCTION recommend.ewma_interest_final(recommend.ewma_state) IS 'Result of ewma_interest()';

CREATE AGGREGATE ewma_interest(session_vector real[]) (
    SFUNC = recommend.ewma_interest_add, STYPE = recommend.ewma_state, SSPACE = 1100, FINALFUNC = recommend.ewma_interest_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE ewma_interest(real[]) IS 'The average over sessions, each leaving the share alpha (0.95) of what was before: call it with ORDER BY started_at. Rows with a NULL vector are skipped';

CREATE AGGREGATE ewma_interest(session_vector real[], alpha float8) (
    SFUNC = recommend.ewma_interest_add, STYPE = recommend.ewma_state, SSPACE = 1100, FINALFUNC = recommend.ewma_interest_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE ewma_interest(real[], float8) IS 'The average over sessions, each leaving the share alpha of what was before: call it with ORDER BY started_at. Rows with a NULL vector are skipped';
