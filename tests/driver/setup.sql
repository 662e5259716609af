-- What the driver's calls are made upon: a recommender with everything that one can have, and values of every type.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN embedding AS real[] CHECK (cardinality(VALUE) < 9);
CREATE DOMAIN natural_number AS int CHECK (VALUE >= 0);
CREATE TABLE items (id bigint PRIMARY KEY, vector real[], category text, price float8);
INSERT INTO items SELECT i, ARRAY[cos(i), sin(i), 1 / i]::real[], 'c' || i % 3, i * 1.5 FROM generate_series(1, 50) AS i;
CREATE TABLE events (user_id int, item_id bigint, at timestamptz, kind text, device text, session text);
INSERT INTO events SELECT u, 1 + (u * 7 + i * i) % 50, '2026-01-01'::timestamptz + u * interval '1 hour' + i * interval '1 minute', (ARRAY['view', 'buy'])[1 + i % 2],
    (ARRAY['phone', NULL, 'desk'])[1 + i % 3], 's' || u % 5 FROM generate_series(1, 40) AS u, generate_series(1, 12) AS i;
CREATE VIEW in_stock AS SELECT id FROM items WHERE id % 7 > 0;
CREATE TABLE texts (u text, i uuid, at timestamp);
INSERT INTO texts SELECT 'user ' || n % 9, md5((n % 13)::text)::uuid, '2026-01-01'::timestamp + n * interval '1 minute' FROM generate_series(1, 200) AS n;
SELECT create_vector_set('vectors', 'items', 'id', 'vector');
SELECT create_recommender('shop', 'events', 'user_id', 'item_id', 'at', event_column => 'kind', event_weights => '{"view": 1, "buy": 4}', context_columns => '{device}',
    eligible => 'in_stock', eligible_column => 'id', vector_set => 'vectors');
SELECT create_recommender('texts', 'texts', 'u', 'i', 'at');
SELECT create_features('shop', categories => 'items', category_item_column => 'id', category_column => 'category');
SELECT add_edges('shop', 'items', 'id', 'item', 'category', 'category', 'is in');
SELECT recommend.maintain();

CREATE TABLE driver_values (type regtype, value text);
INSERT INTO driver_values
SELECT type::regtype, value FROM (VALUES
    ('bool', ARRAY['true', 'false']),
    ('smallint', ARRAY['0', '1', '-1', '32767', '-32768', '7']),
    ('int', ARRAY['0', '1', '-1', '5', '2147483647', '-2147483648', '20']),
    ('bigint', ARRAY['0', '1', '-1', '42', '9223372036854775807', '-9223372036854775808']),
    ('real', ARRAY['0', '1', '-1', '''NaN''', '''Infinity''', '''-Infinity''', '1e-45', '3e38']),
    ('float8', ARRAY['0', '1', '-1', '0.5', '''NaN''', '''Infinity''', '''-Infinity''', '1e-320', '1e308']),
    ('numeric', ARRAY['0', '''NaN''', '1e200', '''Infinity''']),
    ('text', ARRAY['''''', '''shop''', '''vectors''', '''texts''', '''x''', 'repeat(''x'', 100000)', '''%''', 'repeat(''%_'', 500)', '''item_%''', '''user''', '''item''', '''both''',
        '''SELECT 1''', '''SELECT user_id, item_id, at, 1 AS label FROM events''', '''SELECT * FROM items''', '''; DROP''', 'E''\n''', 'U&''\0441''', '''out''', '''jaccard''']),
    ('name', ARRAY['''user_id''', '''item_id''', '''at''', '''kind''', '''nothing''', '''device''', '''''']),
    ('timestamptz', ARRAY['now()', '''infinity''', '''-infinity''', '''4713-01-01 BC''', '''294276-12-31''', '''2026-01-02''', '''epoch''']),
    ('interval', ARRAY['''0''', '''1 day''', '''-1 day''', '''1 us''', '''178000000 years''', '''-178000000 years''', '''30 min''', '''1000000 months''']),
    ('jsonb', ARRAY['''{}''', '''[]''', '''null''', '''1''', '''"x"''', '''{"device": "phone"}''', '''{"device": null}''', '''{"view": 1e300}''', '''{"view": 1e400}''', '''{"buy": "x"}''', '''{"1": 0.5, "2": 0.5}''',
        '(repeat(''['', 500) || repeat('']'', 500))', '(repeat(''{"a":'', 200) || ''1'' || repeat(''}'', 200))', '''{"ctr": ["buy", "view"]}''', '''{"factors": 1e9}''', '''{"price": 3, "id": 4}''']),
    ('bytea', ARRAY['''''', '''\x00''', '''\x08071207''', 'decode(repeat(''ff'', 1000), ''hex'')', '''\x504b0304''', 'convert_to(repeat(''a'', 100000), ''UTF8'')']),
    ('uuid', ARRAY['''00000000-0000-0000-0000-000000000000''', 'md5(''1'')::uuid']),
    ('oid', ARRAY['0', '1', '4294967295']),
    ('regclass', ARRAY['''events''', '''items''', '''in_stock''', '''texts''', '0', '1', '4294967295', '''pg_class''', '''recommend.recommenders''', '''recommend.delta_2''', '''recommend.items_2_pkey''', '''recommend.generation''']),
    ('regtype', ARRAY['''int''', '0', '4294967295']),
    ('real[]', ARRAY['''{}''', '''{1,2,3}''', '''{1}''', '''{NULL}''', '''{1,NULL,3}''', '''{NaN,1,2}''', '''{Infinity,1,2}''', '''{{1,2,3},{4,5,6}}''', '''[5:7]={1,2,3}''', '''{0,0,0}''', 'array_fill(0.5, ''{20000}'')', '''{{{1}}}''', '''{1e-45,0,0}''']),
    ('float8[]', ARRAY['''{}''', '''{1,2,3}''', '''{NULL}''', '''{1e308,1,NaN}''']),
    ('text[]', ARRAY['''{}''', '''{NULL}''', '''{user,item}''', '''{%,item_%}''', '''{{a,b},{c,d}}''', '''[0:1]={a,b}''', 'array_fill(repeat(''%_'', 20), ''{300}'')', '''{view,buy}''', '''{user,NULL}''', '''{price}''']),
    ('name[]', ARRAY['''{}''', '''{NULL}''', '''{device}''', '''{device,device}''', '''{nothing}''', '''{{device,kind},{kind,device}}''']),
    ('interval[]', ARRAY['''{}''', '''{NULL}''', '''{1 day,7 days}''', '''{-1 day}''', '''{1000000 years}''']),
    ('int[]', ARRAY['''{}''', '''{1,2,3}''', '''{NULL}''', '''{{1,2},{3,4}}''', '''[-5:-4]={2147483647,-2147483648}''', 'array_fill(3, ''{5000}'')']),
    ('bigint[]', ARRAY['''{}''', '''{1,2,3}''', '''{NULL}''', '''{9223372036854775807}''']),
    ('cstring', ARRAY['''''', '''{}''', '''\x01''', '''{"version":1}''']),
    ('mood', ARRAY['''sad''']), ('pair', ARRAY['(1,''x'')', '(NULL,NULL)']), ('embedding', ARRAY['''{1,2,3}''']), ('natural_number', ARRAY['3']),
    ('date', ARRAY['''2026-01-01''', '''infinity''']), ('point', ARRAY['''(1,2)''']), ('varchar', ARRAY['''v''']), ('json', ARRAY['''{}''']), ('int4range', ARRAY['''[1,5)''']),
    ('inet', ARRAY['''::1''']), ('bit varying', ARRAY['''101''']), ('tsvector', ARRAY['''a b''']), ('record', ARRAY['ROW(1, ''a'')']), ('"char"', ARRAY['''x''']),
    ('interest', ARRAY['(SELECT interest(''{1,2,3}''::real[], now(), ''1 day''))', '(SELECT interest(''{1}''::real[], ''-infinity''::timestamptz + interval ''0'', ''1 us'') WHERE false)']),
    ('decayed_summary', ARRAY['(SELECT decayed_summary(1, now(), ''1 day''))']),
    ('recommend.packed', ARRAY['(SELECT history FROM recommend.users_2 LIMIT 1)', '(SELECT items FROM recommend.sessions_2 LIMIT 1)']),
    ('recommend.decayed_state', ARRAY['''{"version":1,"half_life_us":86400000000,"scale":1,"count":[1,0],"sum":[1,0],"magnitude":1,"churn":1,"count_churn":1,"rows":1,"as_of_us":0,"as_of_rows":0}''']),
    ('recommend.ewma_state', ARRAY['''{"version":1,"average":[1,2,3]}''']),
    ('recommend.cosine_ranking', ARRAY['''{"version":1,"k":5,"id_type":"bigint","vectors":0,"query":[1],"ids":["1"],"scores":[1]}'''])
) AS v (type, list), unnest(list) AS value;
-- Types written into the values, but for rows, which have no text form.
UPDATE driver_values SET value = '(' || value || ')::' || type::text WHERE type <> ALL ('{record,interest,decayed_summary,recommend.packed}'::regtype[]);
INSERT INTO driver_values SELECT DISTINCT type, 'NULL::' || type::text FROM driver_values WHERE type <> 'record'::regtype;

CREATE FUNCTION driver_value(wanted oid) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT value FROM driver_values
     WHERE CASE wanted
               WHEN '"any"'::regtype THEN true
               WHEN 'anyelement'::regtype THEN true
               WHEN 'anyarray'::regtype THEN type::text LIKE '%[]'
               ELSE type = wanted::regtype
           END
     ORDER BY random() LIMIT 1
$$;
-- Elements of one call have one type.
CREATE FUNCTION driver_call(function oid) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    p pg_proc; arguments text[] := '{}'; element text; value text; place int; given int; call text;
BEGIN
    SELECT * INTO p FROM pg_proc WHERE oid = function;
    element := driver_value('anyelement'::regtype);
    given := p.pronargs - CASE WHEN random() < 0.5 THEN floor(random() * (p.pronargdefaults + 1))::int ELSE 0 END;
    FOR place IN 0..given - 1 LOOP
        value := CASE p.proargtypes[place] WHEN 'anyelement'::regtype THEN element ELSE driver_value(p.proargtypes[place]) END;
        -- Mostly what makes sense, for else all calls end at the first argument.
        IF random() < 0.5 AND p.proargtypes[place] = 'text'::regtype THEN
            value := CASE WHEN p.proargnames[place + 1] IN ('recommender', 'name', 'graph') THEN '''shop''::text'
                          WHEN p.proargnames[place + 1] IN ('vector_set', 'set') THEN '''vectors''::text' ELSE value END;
        END IF;
        IF value IS NULL THEN
            RETURN NULL;
        END IF;
        arguments := arguments || value;
    END LOOP;
    call := format('%s(%s)', function::regproc, array_to_string(arguments, ', '));
    RETURN CASE p.prokind
               WHEN 'a' THEN format('SELECT (%s)::text FROM generate_series(1, 3)', call)
               WHEN 'w' THEN format('SELECT (%s OVER ())::text FROM generate_series(1, 3)', call)
               ELSE format('SELECT count(x::text) FROM (SELECT %s AS x LIMIT 1000) AS t', call)
           END;
END $$;
CREATE VIEW driver_functions AS
    SELECT p.oid FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'pg_recommend' JOIN pg_proc AS p ON p.oid = d.objid
     WHERE d.refclassid = 'pg_extension'::regclass AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e';
CREATE ROLE driver_nobody;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO driver_nobody;
