-- Keys of every type, for users and items independently.
CREATE SCHEMA keys;
SET search_path = keys, public;
SET recommend.auto_compact = off;
\set tests `echo "$PG_RECOMMEND_TESTS"`
\i :tests/sql/try.sql
\pset format unaligned
\pset tuples_only
CREATE DOMAIN sku AS varchar(20) CHECK (VALUE <> '');
CREATE DOMAIN person AS bigint CHECK (VALUE > 0);
CREATE FUNCTION id(n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
-- The same nine events under each type of key; a number n stands for key n, the text kn or the uuid of n.
CREATE FUNCTION key(type text, n int) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT CASE WHEN type IN ('text', 'varchar', 'sku') THEN 'k' || n WHEN type = 'uuid' THEN id(n)::text ELSE n::text END $$;
CREATE FUNCTION make(name text, user_type text, item_type text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I (u %s, i %s, at timestamptz)', name, user_type, item_type);
    PERFORM create_recommender(name, name::regclass, 'u', 'i', 'at');
    EXECUTE format('INSERT INTO %I SELECT key(%L, u)::%s, key(%L, i)::%s, ''2020-01-01''::timestamptz + n * interval ''1 min''
        FROM (VALUES (1, 1, 1), (2, 1, 2), (3, 1, 3), (4, 2, 1), (5, 2, 2), (6, 2, 4), (7, 3, 2), (8, 3, 4), (9, 3, 1)) e (n, u, i)',
        name, user_type, user_type, item_type, item_type);
END $$;
CREATE FUNCTION ask(type text, name text) RETURNS TABLE (answer text) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format($q$
        SELECT pg_typeof(item_id) || ' ' || string_agg(item_id::text, ',' ORDER BY item_id) FROM recommend(%1$L::%2$s, 9, %3$L, as_of => '2020-01-02') GROUP BY pg_typeof(item_id)
        UNION ALL SELECT string_agg(item_id::text, ',' ORDER BY item_id) FROM recommend(%1$L::%2$s, 9, %3$L, as_of => '2020-01-02', include_seen => false, exclude_items => ARRAY[%4$L::%2$s])
        UNION ALL SELECT string_agg(item_id::text, ',' ORDER BY item_id) FROM recommend_session(ARRAY[%1$L, %4$L]::%2$s[], 9, %3$L, as_of => '2020-01-02', include_seen => false)
        UNION ALL SELECT string_agg(item_id::text, ',' ORDER BY rank) FROM similar_items(%1$L::%2$s, 9, %3$L, as_of => '2020-01-02')
        UNION ALL SELECT string_agg(item_id::text, ',' ORDER BY rank) FROM trending_items(NULL::%2$s, 9, %3$L, as_of => '2020-01-02')
        UNION ALL SELECT string_agg(item_id::text, ',' ORDER BY rank) FROM trending_items(9, %3$L, as_of => '2020-01-02')
        UNION ALL SELECT string_agg(item_id::text, ',' ORDER BY item_id) FROM rank_items(%1$L::%2$s, ARRAY[%1$L, %4$L]::%2$s[], %3$L, as_of => '2020-01-02')
        UNION ALL SELECT string_agg(DISTINCT via::text, ',') FROM explain_recommendation(%1$L::%2$s, %4$L::%2$s, %3$L, as_of => '2020-01-02')
        UNION ALL SELECT string_agg(user_id || '>' || item_id, ',' ORDER BY user_id, item_id) FROM recommend_batch(ARRAY[%1$L, %4$L]::%2$s[], 9, %3$L, as_of => '2020-01-02')
    $q$, key(type, 1), type, name, key(type, 4));
END $$;
SELECT make('k_' || t, t, t) FROM unnest('{smallint,integer,bigint,uuid,text,varchar,sku,person}'::text[]) t;
SELECT t, ask(t, 'k_' || t) FROM unnest('{smallint,integer,bigint,uuid,text,varchar,sku,person}'::text[]) t;
-- Packed they say the same.
CREATE TEMP TABLE unpacked AS SELECT t, ask(t, 'k_' || t) FROM unnest('{smallint,integer,bigint,uuid,text,varchar,sku,person}'::text[]) t;
INSERT INTO k_text VALUES ('k5', 'k5', '2020-01-01 01:00');
DELETE FROM k_text WHERE u = 'k5';
SELECT recommend.maintain() > 0;
SELECT t, ask(t, 'k_' || t) FROM unnest('{smallint,integer,bigint,uuid,text,varchar,sku,person}'::text[]) t EXCEPT ALL TABLE unpacked;

-- Integers of any width ask any recommender of integers, and get their own type back where it holds the item.
SELECT pg_typeof(item_id), item_id FROM recommend(1, 1, 'k_bigint', as_of => '2020-01-02');
SELECT pg_typeof(item_id), item_id FROM recommend(1::smallint, 1, 'k_bigint', as_of => '2020-01-02');
SELECT pg_typeof(item_id), item_id FROM recommend(1::bigint, 1, 'k_smallint', as_of => '2020-01-02');
SELECT pg_typeof(item_id), item_id FROM recommend('k1'::text, 1, 'k_varchar', as_of => '2020-01-02');
SELECT count(*) FROM recommend(3000000000, 9, 'k_smallint', as_of => '2020-01-02');
SELECT count(*) FROM recommend(1, 9, 'k_bigint', exclude_items => '{1,3000000000}'::bigint[], as_of => '2020-01-02');
SELECT item_id FROM rank_items(1, '{1,3000000000}'::bigint[], 'k_smallint', as_of => '2020-01-02');
INSERT INTO k_bigint VALUES (1, 3000000000, '2020-01-01 01:00');
SELECT item_id FROM recommend(1::bigint, 1, 'k_bigint', as_of => '2020-01-02');
SELECT try($$SELECT item_id FROM recommend(1, 9, 'k_bigint', as_of => '2020-01-02')$$);

-- Users and items of different types: a NULL of the item type says which.
SELECT make('m_bigint_text', 'bigint', 'text'), make('m_uuid_bigint', 'uuid', 'bigint'), make('m_text_uuid', 'text', 'uuid'), make('m_sku_person', 'sku', 'person');
SELECT item_id, rank FROM recommend(1, NULL::text, 2, 'm_bigint_text', as_of => '2020-01-02');
SELECT item_id, rank FROM recommend(1, item_type => NULL::text, n => 2, recommender => 'm_bigint_text', as_of => '2020-01-02');
SELECT item_id, rank FROM recommend(1, NULL::text, 2, 'm_bigint_text', exclude_items => '{k1,k2}'::text[], as_of => '2020-01-02');
SELECT item_id, rank FROM recommend(id(1), NULL::bigint, 2, 'm_uuid_bigint', as_of => '2020-01-02');
SELECT pg_typeof(item_id), rank FROM recommend(id(1), NULL::int, 1, 'm_uuid_bigint', as_of => '2020-01-02');
SELECT item_id, rank FROM recommend('k1'::text, NULL::uuid, 2, 'm_text_uuid', as_of => '2020-01-02');
SELECT pg_typeof(item_id), item_id FROM recommend('k1'::sku, NULL::person, 1, 'm_sku_person', as_of => '2020-01-02');
SELECT user_id, item_id FROM recommend_batch('{1,2}'::bigint[], NULL::text, 1, 'm_bigint_text', as_of => '2020-01-02');
SELECT item_id FROM recommend_session('{k1,k2}'::text[], 9, 'm_bigint_text', as_of => '2020-01-02') ORDER BY item_id;
SELECT item_id, rank FROM similar_items('k1'::text, 2, 'm_bigint_text', as_of => '2020-01-02');
SELECT item_id, rank FROM trending_items(NULL::text, 2, 'm_bigint_text', as_of => '2020-01-02');
SELECT item_id FROM rank_items(1, '{k1,k4}'::text[], 'm_bigint_text', as_of => '2020-01-02') ORDER BY item_id;
SELECT DISTINCT source, pg_typeof(via) FROM explain_recommendation(1, 'k4'::text, 'm_bigint_text', as_of => '2020-01-02') WHERE via IS NOT NULL ORDER BY 1;
-- Text keys are bytes: case and blanks count, whatever the collation.
INSERT INTO k_text VALUES ('K1', 'A', '2020-01-01 02:00'), ('K1 ', 'a', '2020-01-01 03:00'), ('ключ', 'ß 🎈', '2020-01-01 04:00');
SELECT item_id FROM recommend('K1'::text, 1, 'k_text', as_of => '2020-01-02');
SELECT item_id FROM recommend('K1 '::text, 1, 'k_text', as_of => '2020-01-02');
SELECT item_id FROM recommend('ключ'::text, 1, 'k_text', as_of => '2020-01-02');
SELECT recommend.maintain('k_text');
SELECT item_id FROM recommend('ключ'::text, 1, 'k_text', as_of => '2020-01-02');
SET client_min_messages = warning;
DROP SCHEMA keys CASCADE;
