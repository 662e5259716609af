-- Hostile packed rows give an error and nothing else.
CREATE SCHEMA packed;
SET search_path = packed, public;
SET recommend.auto_compact = off;
\set tests `echo "$PG_RECOMMEND_TESTS"`
\i :tests/sql/try.sql
\pset format unaligned
\pset tuples_only
SELECT try($$SELECT ''::recommend.packed$$);
SELECT try($$SELECT '\x'::recommend.packed$$);
SELECT try($$SELECT '\x0'::recommend.packed$$);
SELECT try($$SELECT '\x01'::recommend.packed$$);
SELECT try($$SELECT '\x0101'::recommend.packed$$);
SELECT try($$SELECT '0101'::recommend.packed$$);
SELECT try($$SELECT '\xzz'::recommend.packed$$);
-- from_str_radix() takes a sign for a digit; the input does not.
SELECT try($$SELECT '\x+1+1'::recommend.packed$$);
SELECT try($$SELECT '\x01 1'::recommend.packed$$);
SELECT try($$SELECT '\x€€'::recommend.packed$$);
SELECT try($$SELECT ('\x' || repeat('é', 100))::recommend.packed$$);
SELECT try($$SELECT recommend.packed('\x'::bytea)$$);
SELECT try($$SELECT recommend.packed('\x0001'::bytea)$$);
SELECT try($$SELECT recommend.packed('\x01c8'::bytea)$$);
SELECT try($$SELECT recommend.packed('\x0201'::bytea)$$);
SELECT try(format($$SELECT recommend.packed('\x%s'::bytea)$$, repeat('00', 1000)));
SELECT try(format($$SELECT recommend.packed('\x01%s'::bytea)$$, repeat('ff', 1000)));
SELECT recommend.packed(NULL) IS NULL;

-- Real rows of all kinds.
CREATE TABLE log (u int, i int, at timestamptz, visit int);
SELECT create_recommender('shop', 'log', 'u', 'i', 'at', session_column => 'visit');
INSERT INTO log SELECT n % 3, n * n % 7, '2020-01-01'::timestamptz + n * interval '1 min', n / 5 FROM generate_series(1, 30) n;
SELECT recommend.maintain();
CREATE TABLE rows AS
    SELECT 'history' AS kind, recommend.packed_send(history) AS bytes FROM recommend.users_1
    UNION ALL SELECT 'neighbors', recommend.packed_send(edges) FROM recommend.neighbors_1
    UNION ALL SELECT 'visits', recommend.packed_send(sessions) FROM recommend.visits_1
    UNION ALL SELECT 'session', recommend.packed_send(items) FROM recommend.sessions_1
    UNION ALL SELECT 'edges', recommend.packed_send(edges) FROM recommend.out_2;
SELECT kind, count(*) > 2, bool_and(recommend.packed_kind(recommend.packed(bytes)) = kind), bool_and(bytes::text::recommend.packed::text = bytes::text),
       bool_and(recommend.packed_send(recommend.packed(bytes)) = bytes) FROM rows GROUP BY kind ORDER BY kind;
CREATE FUNCTION attempt(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM recommend.packed(bytes);
    PERFORM bytes::text::recommend.packed;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
-- Cut anywhere: an error, but for a cut between two entries.
SELECT kind, attempt(substr(bytes, 1, n)) AS outcome, count(*) > 0 FROM (SELECT DISTINCT ON (kind) * FROM rows ORDER BY kind, bytes) r, generate_series(0, octet_length(bytes)) n
 GROUP BY 1, 2 ORDER BY 1, 2;
-- With bytes behind it.
SELECT DISTINCT attempt(bytes || '\x00'::bytea) FROM rows;
-- Another version, another kind.
SELECT DISTINCT kind, attempt(set_byte(bytes, 0, v)) FROM rows, unnest('{0,2,255}'::int[]) v ORDER BY 1;
SELECT DISTINCT attempt(set_byte(bytes, 1, v)) FROM rows, unnest('{0,6,255}'::int[]) v;
-- Noise.
SELECT DISTINCT attempt(decode(repeat(md5(n::text), n % 20), 'hex')) FROM generate_series(1, 500) n;
SELECT count(*) FROM (SELECT attempt(decode('01' || lpad(to_hex(1 + n % 5), 2, '0') || repeat(md5(n::text), n % 20), 'hex')) AS outcome FROM generate_series(1, 1000) n) a WHERE outcome NOT IN ('done', '22P03');

-- What passes the check may still be nonsense: whatever stands in the state tables, an answer comes or an error that says so.
CREATE FUNCTION poison(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text := 'answered';
BEGIN
    BEGIN
        EXECUTE statement;
        -- Backends keep what they have read of a generation.
        UPDATE recommend.state SET generation = nextval('recommend.generation');
        PERFORM * FROM recommend(1, 20, as_of => '2020-01-02');
        PERFORM * FROM recommend(999, 20, as_of => '2020-01-02');
        PERFORM * FROM recommend_session('{1,2,3,4,5,6}'::int[], 20, as_of => '2020-01-02');
        PERFORM * FROM similar_items(1, 20, as_of => '2020-01-02');
        PERFORM * FROM rank_items(1, '{1,2,3,4}'::int[], as_of => '2020-01-02');
        PERFORM * FROM explain_recommendation(1, 2, as_of => '2020-01-02');
        UPDATE recommend.graph_state SET generation = nextval('recommend.generation');
        PERFORM * FROM neighbors('shop', 1, as_of => '2020-01-02');
        PERFORM * FROM k_hop('shop', 1, as_of => '2020-01-02', hops => 3);
        PERFORM * FROM graph_paths('shop', 1, as_of => '2020-01-02');
        PERFORM * FROM common_neighbors('shop', 1, 2, as_of => '2020-01-02');
        PERFORM adamic_adar('shop', 1, 2, as_of => '2020-01-02');
        PERFORM * FROM personalized_pagerank('shop', 1, as_of => '2020-01-02');
        PERFORM * FROM random_walk('shop', '{1,2}'::int[], steps => 100, as_of => '2020-01-02');
        PERFORM * FROM prune_subgraph('shop', 1, as_of => '2020-01-02');
        PERFORM node_embedding('shop', 1, as_of => '2020-01-02');
        RAISE EXCEPTION USING ERRCODE = 'UNDO0';
    EXCEPTION WHEN SQLSTATE 'UNDO0' THEN NULL; WHEN OTHERS THEN answer := SQLSTATE || ' ' || SQLERRM;
    END;
    RETURN answer;
END $$;
CREATE FUNCTION poison_all(change text) RETURNS TABLE (answer text) LANGUAGE sql AS $$
    SELECT DISTINCT regexp_replace(poison(format('UPDATE recommend.%I SET %I = recommend.packed(%s)', t, c, replace(change, 'BYTES', format('recommend.packed_send(%I)', c)))), '\d\d+', 'N', 'g')
      FROM (VALUES ('users_1', 'history'), ('neighbors_1', 'edges'), ('visits_1', 'sessions'), ('sessions_1', 'items'),
                   ('out_2', 'edges'), ('in_2', 'edges')) v (t, c) ORDER BY 1
$$;
SELECT poison('SELECT');
SELECT DISTINCT a COLLATE "C" FROM generate_series(2, 70) n, unnest('{0,128,255}'::int[]) v,
       poison_all(format('CASE WHEN octet_length(BYTES) > %s THEN set_byte(BYTES, %s, %s) ELSE BYTES END', n, n, v)) a ORDER BY 1;
SELECT poison($$UPDATE recommend.users_1 SET history = (SELECT sessions FROM recommend.visits_1 LIMIT 1)$$);
SELECT poison($$UPDATE recommend.neighbors_1 SET edges = (SELECT sessions FROM recommend.visits_1 LIMIT 1)$$);
SELECT poison($$UPDATE recommend.visits_1 SET sessions = (SELECT edges FROM recommend.neighbors_1 LIMIT 1)$$);
SELECT poison($$UPDATE recommend.sessions_1 SET items = (SELECT edges FROM recommend.neighbors_1 LIMIT 1)$$);
SELECT poison($$UPDATE recommend.out_2 SET edges = (SELECT edges FROM recommend.neighbors_1 LIMIT 1)$$);
SELECT poison($$UPDATE recommend.in_2 SET edges = (SELECT history FROM recommend.users_1 LIMIT 1)$$);
SELECT poison($$UPDATE recommend.in_2 SET edges = (SELECT edges FROM recommend.out_2 LIMIT 1)$$);
-- Backends keep the nodes that they have met: each in a new one.
\c -
SET search_path = packed, public;
SELECT poison($$DELETE FROM recommend.nodes_1$$);
\c -
SET search_path = packed, public;
SELECT poison($$UPDATE recommend.nodes_1 SET key = 'x' || key$$);
\c -
SET search_path = packed, public;
SELECT poison($$UPDATE recommend.nodes_1 SET node_type = 7 WHERE node = 0$$);
\c -
SET search_path = packed, public;
SELECT poison($$DELETE FROM recommend.nodes_1 WHERE node % 2 = 1$$);
\c -
SET search_path = packed, public;
SET recommend.auto_compact = off;
SELECT poison($$UPDATE recommend.graph_state SET next_node = -1$$);
SELECT poison($$UPDATE recommend.edge_state SET newest_at = 'infinity', next_context = -5, events = -1$$);
SELECT poison($$UPDATE recommend.items_1 SET score = 'NaN'$$);
SELECT poison($$UPDATE recommend.items_1 SET score = 'infinity', last_at = 'infinity', events = -5$$);
SELECT poison($$DELETE FROM recommend.items_1$$);
SELECT poison($$DELETE FROM recommend.visits_1$$);
SELECT poison($$DELETE FROM recommend.sessions_1$$);
SELECT poison($$UPDATE recommend.state SET total_score = 'NaN', next_item = -1, next_session = -7, newest_at = NULL$$);
SELECT poison($$UPDATE recommend.state SET newest_at = 'infinity'$$);

-- Binary input, by COPY: packed rows are sent as bytea is.
CREATE TABLE wire (bytes bytea);
CREATE TABLE received (bytes recommend.packed);
SELECT current_setting('data_directory') || '/pg_recommend_packed_test' AS file \gset
CREATE FUNCTION through(bytes bytea, file text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE wire;
    INSERT INTO wire VALUES (bytes);
    EXECUTE format('COPY wire TO %L (FORMAT binary)', file);
    EXECUTE format('COPY received FROM %L (FORMAT binary)', file);
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
SELECT kind, through(bytes, :'file') FROM (SELECT DISTINCT ON (kind) * FROM rows ORDER BY kind, bytes) r ORDER BY kind;
SELECT count(*), count(DISTINCT recommend.packed_kind(bytes)) FROM received;
SELECT DISTINCT through(substr(bytes, 1, n), :'file') FROM (SELECT DISTINCT ON (kind) * FROM rows ORDER BY kind, bytes) r, unnest('{0,1,2,5,21}'::int[]) n;
SELECT DISTINCT through(set_byte(bytes, n, 99), :'file') FROM (SELECT DISTINCT ON (kind) * FROM rows ORDER BY kind, bytes) r, unnest('{0,1}'::int[]) n;
SELECT DISTINCT through(decode(repeat(md5(n::text), n), 'hex'), :'file') FROM generate_series(1, 20) n;
\set remove 'rm ' :file
COPY (SELECT WHERE false) TO PROGRAM :'remove';
SET client_min_messages = warning;
DROP SCHEMA packed CASCADE;
