-- What any role can hand us: types that a function does not expect, states of aggregates that nobody made, triggers that stand wrong, and
-- what no function may take an age over.
CREATE SCHEMA hostile_bytes;
GRANT CREATE, USAGE ON SCHEMA hostile_bytes TO PUBLIC;
CREATE ROLE hostile_nobody;
SET ROLE hostile_nobody;
SET search_path = hostile_bytes, public;

-- Values that are no pointers, where vectors are expected.
SELECT cosine_topk(1, 5, '{1}'::real[], 5);
SELECT cosine_topk(1, 5::bigint, '{1}'::real[], 5);
SELECT cosine_topk_scores(1, 5::bigint, '{1}'::real[], 5);
SELECT cosine_topk(1, now(), '{1}'::real[], 5);
SELECT cosine_topk(1, true, '{1}'::real[], 5);
SELECT cosine_topk(1, 1.5::float8, '{1}'::real[], 5) FROM generate_series(1, 3);
SELECT cosine_topk(i, i, '{1}'::real[], 5) OVER (ORDER BY i) FROM generate_series(1, 3) AS i;
SELECT cosine_similarity(5, '{1}'::real[]);
SELECT cosine_similarity(5::bigint, '{1}'::real[]);
SELECT recommend.cosine_topk_add(NULL, 1, 5, '{1}'::real[], 5);
CREATE TYPE mood AS ENUM ('sad', 'glad');
SELECT cosine_topk(1, 'sad'::mood, '{1}'::real[], 5);

-- States are types of their own: bytea is none of them, and no cast makes it one.
SELECT castsource::regtype, casttarget::regtype FROM pg_cast
 WHERE castsource = ANY ('{recommend.cosine_ranking,recommend.decayed_state,recommend.ewma_state}'::regtype[])
    OR casttarget = ANY ('{recommend.cosine_ranking,recommend.decayed_state,recommend.ewma_state}'::regtype[]);
SELECT DISTINCT p.proname, a.aggtranstype::regtype FROM pg_aggregate AS a JOIN pg_proc AS p ON p.oid = a.aggfnoid JOIN pg_depend AS d ON d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'pg_recommend' ORDER BY 1, 2;
CREATE AGGREGATE pg_temp.peek(int, real[], real[], int) (sfunc = recommend.cosine_topk_add, stype = bytea, finalfunc = recommend.cosine_topk_ids, finalfunc_extra, initcond = '\x00');
SELECT '\x00'::recommend.cosine_ranking;
SELECT '{"version":1}'::recommend.cosine_ranking;
SELECT '{"version":1,"k":0,"id_type":"integer","vectors":0,"query":[1],"ids":[],"scores":[]}'::recommend.cosine_ranking;
SELECT '{"version":1,"k":2,"id_type":"integer","vectors":9,"query":[1],"ids":[],"scores":[]}'::recommend.cosine_ranking;
SELECT '{"version":1,"k":2,"id_type":"nothing","vectors":0,"query":[1],"ids":[],"scores":[]}'::recommend.cosine_ranking;
SELECT '{"version":1,"k":2,"id_type":"99999999","vectors":0,"query":[1],"ids":[],"scores":[]}'::recommend.cosine_ranking;
SELECT '{"version":1,"k":2,"id_type":"integer","vectors":0,"query":[1e300],"ids":[],"scores":[]}'::recommend.cosine_ranking;
SELECT '{"version":1,"k":2,"id_type":"integer","vectors":0,"query":[1],"ids":["x"],"scores":[1]}'::recommend.cosine_ranking;
SELECT '{"version":1,"k":1,"id_type":"integer","vectors":0,"query":[1],"ids":["1","2"],"scores":[1,1]}'::recommend.cosine_ranking;
SELECT '{"version":1,"k":2,"id_type":"record","vectors":0,"query":[1],"ids":["(1)"],"scores":[1]}'::recommend.cosine_ranking;
SELECT '{"version":1,"k":2,"id_type":"pg_catalog.int4","vectors":0,"query":[0.6,0.8],"ids":["7","-3"],"scores":[0.25,0.5]}'::recommend.cosine_ranking;

-- A state of other types than the call's. Ids that are numbers are never read as pointers.
CREATE AGGREGATE pg_temp.of_text(text, real[], real[], int) (sfunc = recommend.cosine_topk_add, stype = recommend.cosine_ranking, finalfunc = recommend.cosine_topk_ids, finalfunc_extra,
    initcond = '{"version":1,"k":5,"id_type":"bigint","vectors":0,"query":[1],"ids":["4096"],"scores":[1]}');
SELECT pg_temp.of_text('a', '{1}', '{1}', 5);
SELECT pg_temp.of_text('a', '{1}', '{1}', 5) FROM generate_series(1, 0);
CREATE AGGREGATE pg_temp.of_vectors(bigint, float8[], real[], int) (sfunc = recommend.cosine_topk_add, stype = recommend.cosine_ranking, finalfunc = recommend.cosine_topk_ids, finalfunc_extra,
    initcond = '{"version":1,"k":5,"id_type":"bigint","vectors":0,"query":[1],"ids":["4096"],"scores":[1]}');
SELECT pg_temp.of_vectors(1, '{1}', '{1}', 5);
CREATE AGGREGATE pg_temp.of_bigint(bigint, real[], real[], int) (sfunc = recommend.cosine_topk_add, stype = recommend.cosine_ranking, finalfunc = recommend.cosine_topk_ids, finalfunc_extra,
    initcond = '{"version":1,"k":2,"id_type":"bigint","vectors":0,"query":[1],"ids":["4096"],"scores":[0.5]}');
SELECT pg_temp.of_bigint(i, '{1}', '{1}', 2) FROM generate_series(1, 1) AS i;

-- A row type that is altered between.
CREATE TYPE pair AS (a bigint);
CREATE AGGREGATE pg_temp.keep(pair, real[], real[], int) (sfunc = recommend.cosine_topk_add, stype = recommend.cosine_ranking);
CREATE TABLE pg_temp.kept AS SELECT pg_temp.keep(ROW(4096)::pair, '{1}', '{1}', 5) AS state;
SELECT state FROM pg_temp.kept;
ALTER TYPE pair ALTER ATTRIBUTE a TYPE text;
SELECT state FROM pg_temp.kept;
DROP TABLE pg_temp.kept;

-- The same for the other aggregates.
SELECT '\x00'::recommend.decayed_state;
SELECT '{"version":1,"half_life_us":86400000000,"scale":9000000000000000000,"count":[1,0],"sum":[1,0],"magnitude":1,"churn":1,"count_churn":1,"rows":1,"as_of_us":0,"as_of_rows":0}'::recommend.decayed_state;
SELECT '{"version":1,"half_life_us":0,"scale":0,"count":[0,0],"sum":[0,0],"magnitude":0,"churn":0,"count_churn":0,"rows":5,"as_of_us":0,"as_of_rows":0}'::recommend.decayed_state;
SELECT '{"version":1,"half_life_us":0,"scale":0,"count":[0,0],"sum":[0,0],"magnitude":0,"churn":0,"count_churn":0,"rows":0,"as_of_us":0,"as_of_rows":0}'::recommend.decayed_state;
SELECT '{"version":1,"average":[]}'::recommend.ewma_state;
SELECT '{"version":1,"average":[1e999]}'::recommend.ewma_state;
SELECT '{"version":1,"average":[1,0.1]}'::recommend.ewma_state;
-- What an aggregate gives, text and back.
CREATE AGGREGATE pg_temp.sum_state(float8, timestamptz, interval) (sfunc = recommend.decayed_sum_add, stype = recommend.decayed_state);
SELECT s = s::text::recommend.decayed_state::text FROM (SELECT pg_temp.sum_state(v, timestamptz '2026-01-01' + v * interval '1 hour', '7 days')::text AS s FROM generate_series(0.1, 9, 0.3) AS v) AS t;
CREATE AGGREGATE pg_temp.ewma_state(real[]) (sfunc = recommend.ewma_interest_add, stype = recommend.ewma_state);
SELECT s = s::recommend.ewma_state::text FROM (SELECT pg_temp.ewma_state(ARRAY[v, 1 / v]::real[] ORDER BY v)::text AS s FROM generate_series(0.1, 9, 0.3) AS v) AS t;
CREATE AGGREGATE pg_temp.topk_state(text, real[], real[], int) (sfunc = recommend.cosine_topk_add, stype = recommend.cosine_ranking);
SELECT s = s::recommend.cosine_ranking::text FROM (SELECT pg_temp.topk_state('id "' || v, ARRAY[v, 1]::real[], '{1,0.3}', 7)::text AS s FROM generate_series(0.1, 9, 0.3) AS v) AS t;
-- Parts of aggregates called by hand.
SELECT recommend.decayed_merge(NULL, NULL), recommend.decayed_sum_add(NULL, 1, now(), '1 day');
SELECT recommend.cosine_topk_combine('{"version":1,"k":1,"id_type":"integer","vectors":0,"query":[1],"ids":[],"scores":[]}', '{"version":1,"k":1,"id_type":"integer","vectors":0,"query":[1],"ids":[],"scores":[]}');

-- A query held by a variable, which changes in place.
DO $$
DECLARE q real[] := '{1,0}'; found text := '';
BEGIN
    FOR i IN 1..3 LOOP
        found := found || ' ' || cosine_similarity('{1,0}'::real[], q);
        q[1] := 0;
        q[2] := 1;
    END LOOP;
    RAISE NOTICE 'cosines:%', found;
END $$;

-- Triggers of ours that stand wrong, by who has the right to make triggers on a table of somebody else.
RESET ROLE;
CREATE TABLE events (user_id int, item_id int, at timestamptz);
GRANT TRIGGER, INSERT, UPDATE, DELETE, SELECT, TRUNCATE ON events TO hostile_nobody;
SELECT create_recommender('hostile', 'events', 'user_id', 'item_id', 'at') AS hostile \gset
CREATE TABLE elsewhere (user_id int, item_id int, at timestamptz);
ALTER TABLE elsewhere OWNER TO hostile_nobody;
SET ROLE hostile_nobody;
SELECT format('CREATE TRIGGER wrong AFTER INSERT ON events EXECUTE FUNCTION recommend.track_row(%L)', :hostile) AS statement \gset
:statement;
INSERT INTO events VALUES (1, 1, '2026-01-01');
RESET ROLE;
DROP TRIGGER wrong ON events;
SET ROLE hostile_nobody;
SELECT format('CREATE TRIGGER wrong BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION recommend.track_row(%L)', :hostile) AS statement \gset
:statement;
INSERT INTO events VALUES (1, 1, '2026-01-01');
RESET ROLE;
DROP TRIGGER wrong ON events;
SET ROLE hostile_nobody;
SELECT format('CREATE TRIGGER wrong AFTER TRUNCATE ON events EXECUTE FUNCTION recommend.track_row(%L)', :hostile) AS statement \gset
:statement;
TRUNCATE events;
RESET ROLE;
DROP TRIGGER wrong ON events;
SET ROLE hostile_nobody;
-- One that would count everything twice.
SELECT format('CREATE TRIGGER second AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION recommend.track_row(%L)', :hostile) AS statement \gset
:statement;
INSERT INTO events VALUES (1, 1, '2026-01-01');
RESET ROLE;
DROP TRIGGER second ON events;
SET ROLE hostile_nobody;
SELECT format('CREATE TRIGGER wrong AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION recommend.track_truncate(%L)', :hostile) AS statement \gset
:statement;
INSERT INTO events VALUES (1, 1, '2026-01-01');
RESET ROLE;
DROP TRIGGER wrong ON events;
SET ROLE hostile_nobody;
SELECT format('CREATE TRIGGER wrong BEFORE TRUNCATE ON events EXECUTE FUNCTION recommend.track_truncate(%L)', :hostile) AS statement \gset
:statement;
TRUNCATE events;
RESET ROLE;
DROP TRIGGER wrong ON events;
SET ROLE hostile_nobody;
SELECT format('CREATE TRIGGER wrong AFTER INSERT ON events EXECUTE FUNCTION recommend.track_truncate_partition(%L)', :hostile) AS statement \gset
:statement;
INSERT INTO events VALUES (1, 1, '2026-01-01');
RESET ROLE;
DROP TRIGGER wrong ON events;
SET ROLE hostile_nobody;
-- On a table that is none of the feed's nothing is tracked, as before.
SELECT format('CREATE TRIGGER elsewhere AFTER INSERT ON elsewhere FOR EACH ROW EXECUTE FUNCTION recommend.track_row(%L)', :hostile) AS statement \gset
:statement;
INSERT INTO elsewhere VALUES (1, 1, '2026-01-01');
SELECT recommend.track_row();
RESET ROLE;
INSERT INTO events VALUES (1, 1, '2026-01-01'), (1, 2, '2026-01-02');
SELECT events, backlog, skipped FROM recommend.status WHERE recommender = 'hostile';

-- What no function may take an age over.
SELECT create_features('hostile', entities => '{user,item}') > 0 AS declared;
SET statement_timeout = '2s';
SELECT count(*) FROM feature_names('hostile', ARRAY[repeat('%_', 12) || '%_z']);
SELECT count(*) FROM feature_names('hostile', ARRAY[repeat('%_', 2000) || 'z']);
SELECT count(*) FROM feature_names('hostile', ARRAY[repeat('%', 5000)]);
SET statement_timeout = '200ms';
SELECT count(*) FROM feature_names('hostile', array_fill(repeat('%_', 1000) || 'z', '{300000}'));
RESET statement_timeout;

-- JSON that cannot be read, NULL among names, oids that nothing has.
SELECT * FROM recommend(1, 5, 'hostile', context => (repeat('{"a":', 200) || '1' || repeat('}', 200))::jsonb);
SELECT * FROM recommend(1, 5, 'hostile', context => '{"a": 1e400}');
SELECT create_recommender('unknown', 4000000000::oid::regclass, 'user_id', 'item_id', 'at');
SELECT create_recommender('null', 'events', 'user_id', 'item_id', 'at', context_columns => '{NULL}');
SELECT create_recommender('null', 'events', 'user_id', 'item_id', 'at', event_column => 'item_id', event_weights => (repeat('{"a":', 200) || '1' || repeat('}', 200))::jsonb);
SELECT create_recommender('null', 'events', 'user_id', 'item_id', 'at', eligible => 4000000000::oid::regclass);
SELECT alter_recommender('hostile', context_columns => '{NULL}');
SELECT add_edges('hostile', 'events', 'user_id', 'user', 'item_id', 'item', 'again', context_columns => '{NULL}');
SELECT add_edges('hostile', 4000000000::oid::regclass, 'user_id', 'user', 'item_id', 'item', 'again');
SELECT create_vector_set('unknown', 4000000000::oid::regclass, 'id', 'vector');
SELECT drop_features('hostile');
SELECT create_features('hostile', categories => 4000000000::oid::regclass, category_item_column => 'a', category_column => 'b');

SELECT drop_recommender('hostile');
SET client_min_messages = warning;
DROP SCHEMA hostile_bytes CASCADE;
DROP OWNED BY hostile_nobody;
DROP ROLE hostile_nobody;
