-- A small graph, and every question that can be asked of it.
CREATE SCHEMA graph;
SET search_path = graph, public;
SET recommend.auto_compact = off;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
-- Who follows whom, who looked at and bought what, and what is of which category: weights, event weights, no time.
CREATE TABLE follows (follower int, followee int, at timestamptz, device text, place text);
CREATE TABLE events (u smallint, item text, at timestamp, kind text);
CREATE TABLE catalogue (item varchar(20), category uuid, fit real);
INSERT INTO follows VALUES (1, 2, '2020-01-09', 'ios', 'home'), (1, 2, '2020-01-10', 'web', 'work'), (1, 3, '2020-01-08', 'ios', NULL), (2, 3, '2020-01-10', NULL, 'home'), (3, 4, '2020-01-07', 'web', 'home');
INSERT INTO events VALUES (1, 'apple', '2020-01-10', 'view'), (1, 'apple', '2020-01-09', 'buy'), (2, 'apple', '2020-01-10', 'view'), (2, 'pear', '2020-01-10', 'buy'), (3, 'pear', '2020-01-09', 'view'),
    (3, 'plum', '2020-01-10', 'buy'), (4, 'plum', '2020-01-10', 'return'), (4, 'nut', '2020-01-10', 'ping');
INSERT INTO catalogue VALUES ('apple', '00000000-0000-0000-0000-00000000000a', 0.5), ('pear', '00000000-0000-0000-0000-00000000000a', 1), ('plum', '00000000-0000-0000-0000-00000000000b', 2),
    ('nut', '00000000-0000-0000-0000-00000000000b', 0.25);
SELECT create_graph('shop', half_life => '1 day', time_window => NULL, max_edges_per_node => 100);
SELECT add_edges(graph => 'shop', source_table => 'follows', from_column => 'follower', from_type => 'user', to_column => 'followee', to_type => 'user', edge_type => 'follows', time_column => 'at',
    weight_column => NULL, context_columns => '{device,place}', event_column => NULL, event_weights => NULL, backfill => true);
SELECT add_edges('shop', 'events', 'u', 'user', 'item', 'item', 'did', 'at', event_column => 'kind', event_weights => '{"view": 1, "buy": 4, "return": -4}');
SELECT add_edges('shop', 'catalogue', 'item', 'item', 'category', 'category', 'is', weight_column => 'fit');
SELECT id, name, half_life, time_window, max_edges_per_node, recommender FROM recommend.graphs;
SELECT * FROM recommend.node_types ORDER BY id;
SELECT id, source_table, from_column, from_type, to_column, to_type, edge_type, time_column, weight_column, event_column, event_weights, context_columns FROM recommend.edge_sources ORDER BY id;
SELECT graph, source_table, edge_type, events, backlog, future, skipped, nodes, newest_event, needs_rebuild, state_bytes > 0 AS has_state FROM recommend.graph_status;
SELECT * FROM recommend.feeds ORDER BY id;

-- neighbors()
SELECT node, node_type, edge_type, round(weight::numeric, 4) AS weight, count, last_at FROM neighbors('shop', '1'::text, as_of => '2020-01-11');
SELECT node, round(weight::numeric, 4) AS weight, count, last_at FROM neighbors('shop', 1, 'user', 'out', 'follows', NULL, '2020-01-11', 10);
SELECT node, round(weight::numeric, 4) AS weight FROM neighbors('shop', 3, edge_type => 'follows', as_of => '2020-01-11');
SELECT node, round(weight::numeric, 4) AS weight FROM neighbors('shop', 3, edge_type => 'follows', direction => 'in', as_of => '2020-01-11');
SELECT node, round(weight::numeric, 4) AS weight FROM neighbors('shop', 3, edge_type => 'follows', direction => 'in', as_of => '2020-01-11', n => 1);
SELECT node, round(weight::numeric, 4) AS weight FROM neighbors('shop', 1, edge_type => 'follows', direction => 'out', context => '{"device": "ios"}', as_of => '2020-01-11');
SELECT node, round(weight::numeric, 4) AS weight FROM neighbors('shop', 1, edge_type => 'follows', direction => 'out', context => '{"device": "ios", "place": "home"}', as_of => '2020-01-11');
SELECT node, round(weight::numeric, 4) AS weight FROM neighbors('shop', 1, edge_type => 'follows', direction => 'out', context => '{"device": null}', as_of => '2020-01-11');
-- What a table without that column says is not filtered.
SELECT node, edge_type FROM neighbors('shop', '1'::text, context => '{"device": "none"}', as_of => '2020-01-11');
-- Another half-life, another window, another time, and all of them.
SELECT node, round(weight::numeric, 4) AS weight FROM neighbors('shop', 1, edge_type => 'follows', direction => 'out', as_of => '2020-01-11', half_life => '12 hours');
SELECT node, round(weight::numeric, 4) AS weight FROM neighbors('shop', 1, edge_type => 'follows', direction => 'out', as_of => '2020-01-11', time_window => '2 days');
SELECT node, round(weight::numeric, 4) AS weight, count, last_at FROM neighbors('shop', 1, edge_type => 'follows', direction => 'out', as_of => '2020-01-09');
SELECT node, round(weight::numeric, 4) AS weight, count, last_at FROM neighbors('shop', 1, edge_type => 'follows', direction => 'out', as_of => '2020-01-09', half_life => '12 hours', time_window => '23 hours', context => '{"device": "ios"}');
-- Negative edges are seen; nobody follows them.
SELECT node, edge_type, round(weight::numeric, 4) AS weight FROM neighbors('shop', '4'::text, as_of => '2020-01-11');
SELECT node FROM k_hop('shop', '4'::text, edge_types => '{did}', as_of => '2020-01-11');
-- Keys of each type, and those of the other end that fit.
SELECT node, round(weight::numeric, 4) AS weight FROM neighbors('shop', 1::smallint, edge_type => 'follows', direction => 'out', as_of => '2020-01-11');
SELECT node, pg_typeof(node) FROM neighbors('shop', 1::bigint, edge_type => 'follows', direction => 'out', as_of => '2020-01-11');
SELECT node, pg_typeof(node) FROM neighbors('shop', 'apple'::varchar, 'item', as_of => '2020-01-11');
SELECT node, pg_typeof(node) FROM neighbors('shop', 'apple'::text, 'item', as_of => '2020-01-11');
SELECT node, pg_typeof(node) FROM neighbors('shop', '00000000-0000-0000-0000-00000000000A'::text, 'category', as_of => '2020-01-11');
SELECT node, pg_typeof(node) FROM neighbors('shop', 'pear'::text, 'item', edge_type => 'is');
-- Joined to a table, a row each; nodes that are not there have no neighbours.
SELECT u, node, round(weight::numeric, 4) AS weight FROM generate_series(1, 5) u, neighbors('shop', u, edge_type => 'follows', direction => 'out', as_of => '2020-01-11');
SELECT count(*) FROM neighbors('shop', 99);
SELECT count(*) FROM neighbors('shop', 'kiwi'::text, 'item');
SELECT count(*) FROM neighbors('shop', 'nut'::text, 'item');
SELECT count(*) FROM neighbors('shop', NULL::int);
SELECT count(*) FROM neighbors('shop', 1, n => 0);

-- k_hop()
SELECT node, node_type, hop, round(weight::numeric, 4) AS weight, via FROM k_hop('shop', '1'::text, as_of => '2020-01-11');
SELECT node, hop, round(weight::numeric, 4) AS weight, via FROM k_hop('shop', 1, 'user', 3, 'out', '{follows}', NULL, '2020-01-11', 10);
SELECT node, hop, round(weight::numeric, 4) AS weight, via FROM k_hop('shop', 1, hops => 3, direction => 'out', edge_types => '{follows}', fan_out => '{1,1}', as_of => '2020-01-11');
SELECT node, hop, round(weight::numeric, 4) AS weight, via FROM k_hop('shop', 1, hops => 3, direction => 'out', edge_types => '{follows}', fan_out => '{NULL,1}', as_of => '2020-01-11');
SELECT node, node_type, hop FROM k_hop('shop', '1'::text, hops => 3, target_type => 'category', as_of => '2020-01-11');
SELECT node, node_type, hop FROM k_hop('shop', '1'::text, hops => 2, target_type => 'item', n => 1, as_of => '2020-01-11');
SELECT count(*) FROM k_hop('shop', '1'::text, hops => 10, as_of => '2020-01-11');
SELECT count(*) FROM k_hop('shop', '1'::text, hops => 10, max_nodes => 2, fan_out => '{2}', as_of => '2020-01-11');
SELECT node, hop FROM k_hop('shop', 1, hops => 2, direction => 'out', edge_types => '{follows}', context => '{"place": "home"}', as_of => '2020-01-11');
SELECT node, hop, round(weight::numeric, 4) AS weight FROM k_hop('shop', 1, hops => 2, direction => 'out', edge_types => '{follows}', as_of => '2020-01-09 12:00', half_life => '12 hours', time_window => '1 day');
SELECT count(*) FROM k_hop('shop', 1, edge_types => '{}');
SELECT count(*) FROM k_hop('shop', 99);

-- graph_paths()
SELECT nodes, node_types, edge_types, times, array(SELECT round(w::numeric, 4) FROM unnest(weights) w) AS weights, round(weight::numeric, 4) AS weight
  FROM graph_paths('shop', '1'::text, '4'::text, as_of => '2020-01-11');
SELECT nodes, round(weight::numeric, 4) AS weight FROM graph_paths('shop', 1, 4, 'user', 'user', 1, 3, 'out', '{follows}', NULL, '2020-01-11', 5, false);
SELECT nodes, times FROM graph_paths('shop', 1, 4, direction => 'out', edge_types => '{follows}', as_of => '2020-01-11', time_respecting => true);
SELECT nodes FROM graph_paths('shop', 1, 3, direction => 'out', edge_types => '{follows}', as_of => '2020-01-11', time_respecting => true);
SELECT nodes FROM graph_paths('shop', 1, 3, direction => 'out', edge_types => '{follows}', as_of => '2020-01-11', max_hops => 1);
SELECT nodes FROM graph_paths('shop', 1, 3, direction => 'out', edge_types => '{follows}', as_of => '2020-01-11', min_hops => 2, max_hops => 2);
SELECT nodes FROM graph_paths('shop', 1, direction => 'out', edge_types => '{follows}', as_of => '2020-01-11');
SELECT nodes, edge_types, times FROM graph_paths('shop', '1'::text, '00000000-0000-0000-0000-00000000000a', to_type => 'category', direction => 'out', as_of => '2020-01-11');
SELECT nodes, node_types FROM graph_paths('shop', 'apple'::text, 'plum', 'item', 'item', as_of => '2020-01-11');
SELECT nodes FROM graph_paths('shop', 1, 3, edge_types => '{follows}', context => '{"device": "ios"}', as_of => '2020-01-11');
SELECT nodes, round(weight::numeric, 4) AS weight FROM graph_paths('shop', 1, 3, edge_types => '{follows}', as_of => '2020-01-09 12:00', half_life => '12 hours', time_window => '2 days');
SELECT count(*) FROM graph_paths('shop', 1, 99);
SELECT count(*) FROM graph_paths('shop', 99, 1);
SELECT count(*) FROM graph_paths('shop', 1, 1);
SELECT count(*) FROM graph_paths('shop', 1, n => 0);

-- common_neighbors(), adamic_adar()
SELECT node, node_type, round(weight_a::numeric, 4) AS weight_a, round(weight_b::numeric, 4) AS weight_b, last_at FROM common_neighbors('shop', '1'::text, '2'::text, as_of => '2020-01-11');
SELECT node, round(weight_a::numeric, 4) AS weight_a, round(weight_b::numeric, 4) AS weight_b FROM common_neighbors('shop', 1, 2, 'user', 'user', 'out', '{follows}', NULL, '2020-01-11', 1);
SELECT node, node_type FROM common_neighbors('shop', '2'::text, 'plum', a_type => 'user', b_type => 'item', as_of => '2020-01-11');
SELECT node FROM common_neighbors('shop', '1'::text, '2'::text, edge_types => '{did}', context => '{"device": "x"}', as_of => '2020-01-11');
SELECT node, last_at FROM common_neighbors('shop', '1'::text, '2'::text, as_of => '2020-01-09 12:00', half_life => '1 hour', time_window => '1 day');
SELECT node, last_at FROM common_neighbors('shop', 'apple'::text, 'pear', 'item', 'item', edge_types => '{is}');
SELECT round(adamic_adar('shop', 1, 2, 'user', 'user', 'both', '{follows,did,is}', NULL, '2020-01-11')::numeric, 4);
-- From the formula: common neighbours apple and 3, with the weight of all their events.
WITH c AS (SELECT c.*, (SELECT sum(weight) FROM neighbors('shop', c.node, c.node_type, as_of => '2020-01-11')) AS strength FROM common_neighbors('shop', '1'::text, '2'::text, as_of => '2020-01-11') c)
SELECT round(sum((weight_a + weight_b) / ln(1 + strength))::numeric, 4) FROM c;
SELECT adamic_adar('shop', 1, 4, edge_types => '{did}', context => '{"place": "home"}', as_of => '2020-01-11'), adamic_adar('shop', 1, 99), adamic_adar('shop', NULL::int, 1) IS NULL;
SELECT round(adamic_adar('shop', 1, 2, as_of => '2020-01-10', half_life => '12 hours', time_window => '1 week')::numeric, 4);

-- personalized_pagerank(), random_walk()
SELECT node, node_type, round(score::numeric, 3) AS score, error_bound < 0.01 AS is_close FROM personalized_pagerank('shop', '1'::text, as_of => '2020-01-11');
SELECT sum(score) <= 1 AND sum(score) + min(error_bound) > 0.999999 AS is_probability FROM personalized_pagerank('shop', 1, 'user', 0.3, 1e-6, 'both', '{follows}', NULL, '2020-01-11', 100);
SELECT node FROM personalized_pagerank('shop', '1'::text, target_type => 'item', n => 2, as_of => '2020-01-11');
SELECT node, round(score::numeric, 4) AS score FROM personalized_pagerank('shop', 1, alpha => 0.5, epsilon => 1e-9, direction => 'out', edge_types => '{follows}', context => '{"device": "ios"}', as_of => '2020-01-11', half_life => '2 days', time_window => '1 year');
SELECT count(*) FROM personalized_pagerank('shop', 99);
SELECT node, node_type, visits > 0 AS visited, score > 0 AS scored FROM random_walk('shop', '{1}'::text[], steps => 20000, as_of => '2020-01-11') ORDER BY node, node_type;
SELECT node FROM random_walk('shop', '{1,2}'::int[], 'user', 20000, 0.3, 7, 'out', '{follows}', NULL, '2020-01-11', 2);
SELECT sum(visits) FROM random_walk('shop', '{1}'::int[], edge_types => '{follows}', steps => 1000, as_of => '2020-01-11');
SELECT a.node, a.visits = b.visits AND a.score = b.score AS same FROM random_walk('shop', '{1,3}'::int[], edge_types => '{follows}', seed => 5, as_of => '2020-01-11') a JOIN random_walk('shop', '{1,3}'::int[], edge_types => '{follows}', seed => 5, as_of => '2020-01-11') b USING (node) ORDER BY 1;
SELECT bool_or(a.visits <> b.visits) AS other_seed_other_walk FROM random_walk('shop', '{1,3}'::int[], edge_types => '{follows}', seed => 5, as_of => '2020-01-11') a JOIN random_walk('shop', '{1,3}'::int[], edge_types => '{follows}', seed => 6, as_of => '2020-01-11') b USING (node);
SELECT node, node_type FROM random_walk('shop', '{apple,pear}'::text[], 'item', target_type => 'category', restart => 0, as_of => '2020-01-11');
SELECT node FROM random_walk('shop', '{1,99,NULL}'::int[], edge_types => '{follows}', context => '{"device": "ios"}', as_of => '2020-01-09', half_life => '1 hour', time_window => '1 day') ORDER BY 1;
SELECT count(*) FROM random_walk('shop', '{99}'::int[]);
SELECT count(*) FROM random_walk('shop', '{}'::int[]);
SELECT count(*) FROM random_walk('shop', NULL::int[]);

-- prune_subgraph()
SELECT hop, from_node, from_type, to_node, to_type, edge_type, round(weight::numeric, 4) AS weight, count, last_at, round(kept_share::numeric, 4) AS kept_share
  FROM prune_subgraph('shop', '1'::text, as_of => '2020-01-11') ORDER BY hop, from_type, from_node, to_type, to_node;
SELECT hop, from_node, to_node, round(kept_share::numeric, 4) AS kept_share FROM prune_subgraph('shop', 1, 'user', 2, 3, 65536, 'out', '{follows}', NULL, '2020-01-11');
SELECT hop, from_node, to_node FROM prune_subgraph('shop', 1, depth => 3, max_bytes => 150, direction => 'out', edge_types => '{follows}', as_of => '2020-01-11');
SELECT count(*) FROM prune_subgraph('shop', '1'::text, max_bytes => 10, as_of => '2020-01-11');
SELECT hop, from_node, to_node, round(weight::numeric, 4) AS weight FROM prune_subgraph('shop', 1, direction => 'out', edge_types => '{follows}', context => '{"place": "home"}', as_of => '2020-01-10', half_life => '12 hours', time_window => '4 days');
SELECT count(*) FROM prune_subgraph('shop', 99);

-- node_embedding(), embed_graph()
SELECT array_length(e, 1), round((SELECT sum(x * x) FROM unnest(e) x)::numeric, 4) AS length FROM node_embedding('shop', 1, as_of => '2020-01-11') e;
SELECT array_length(node_embedding('shop', 'apple'::text, 'item', 16, 3, 8, 0.3, 7, 'both', '{did,is}', NULL, '2020-01-11', '2 days', '1 year'), 1);
SELECT node_embedding('shop', 1, seed => 1, as_of => '2020-01-11') = node_embedding('shop', 1, seed => 1, as_of => '2020-01-11') AS same, node_embedding('shop', 1, seed => 1, as_of => '2020-01-11') = node_embedding('shop', 1, seed => 2, as_of => '2020-01-11') AS other_seed,
       node_embedding('shop', 99) IS NULL AS unknown, node_embedding('shop', NULL::int) IS NULL AS none;
SELECT node_embedding('shop', 1, context => '{"device": "ios"}', as_of => '2020-01-11') = node_embedding('shop', 1, as_of => '2020-01-11') AS same;
-- Who share surroundings are near each other.
CREATE FUNCTION cosine(a real[], b real[]) RETURNS float8 LANGUAGE sql AS $$ SELECT sum(x * y) / sqrt(sum(x * x) * sum(y * y)) FROM unnest(a, b) u (x, y) $$;
SELECT cosine(node_embedding('shop', 'apple'::text, 'item', 512, as_of => '2020-01-11'), node_embedding('shop', 'pear'::text, 'item', 512, as_of => '2020-01-11'))
     > cosine(node_embedding('shop', 'apple'::text, 'item', 512, as_of => '2020-01-11'), node_embedding('shop', 'nut'::text, 'item', 512, as_of => '2020-01-11')) AS nearer;
CREATE TABLE vectors (node_type text, node text, embedding real[], PRIMARY KEY (node_type, node));
SELECT embed_graph('shop', into_table => 'vectors', as_of => '2020-01-11');
SELECT node_type, node, array_length(embedding, 1) FROM vectors ORDER BY 1, 2;
SELECT cosine(a.embedding, b.embedding) > cosine(a.embedding, c.embedding) AS nearer FROM vectors a, vectors b, vectors c WHERE a.node = 'apple' AND b.node = 'pear' AND c.node = 'nut';
SELECT embed_graph('shop', 32, 2, 'vectors', '{0.5,1}', 0, 7, '2020-01-09 12:00', '12 hours', '1 year');
SELECT node_type, node, array_length(embedding, 1) FROM vectors ORDER BY 1, 2;

-- decay()
SELECT at, decay(at, '1 day', '2020-01-11') FROM unnest('{2020-01-11,2020-01-10,2020-01-09,2020-01-12,NULL}'::timestamptz[]) at;
SELECT round(decay('2020-01-10', '1 mon', as_of => '2020-02-09')::numeric, 4), round(decay('2020-01-10', as_of => '2020-01-10 00:00:10', lambda => 0.1)::numeric, 4), decay(now(), '1 second') = 1, decay('2020-01-10', '1 day', NULL) IS NULL;

-- A weight column of each type of numbers.
CREATE TABLE numbers (x int, y int, s smallint, i int, b bigint, r real, d float8, n numeric, m numeric(6, 2));
CREATE DOMAIN share AS numeric CHECK (VALUE >= 0);
ALTER TABLE numbers ADD o share;
INSERT INTO numbers VALUES (1, 2, -3, 70000, 5000000000, 0.5, 1e-3, 123456.75, 2.25, 0.125), (1, 2, 1, 1, 1, 1, 1, 1, 1, 1), (1, 3, 0, 0, 0, 0, 0, 0, 0, 0), (1, 4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (1, 5, 1, 1, 1, 'NaN', 'NaN', 'NaN', NULL, NULL), (1, 6, 1, 1, 1, 'infinity', '-infinity', '1e400', NULL, NULL), (1, 7, 1, 1, 1, 1e-38, 1e-300, 1e-300, NULL, 1e-40), (1, 8, 32767, 2147483647, 9223372036854775807, 3e38, 3e38, 3e38, 9999.99, 3e38);
SELECT create_graph('numbers');
SELECT add_edges('numbers', 'numbers', 'x', 'n', 'y', 'n', c, weight_column => c) FROM unnest('{s,i,b,r,d,n,m,o}'::name[]) c;
SELECT edge_type, string_agg(node || '=' || weight || CASE WHEN count = 1 THEN '' ELSE '*' || count END, ' ' ORDER BY node) AS weights FROM neighbors('numbers', 1) GROUP BY 1 ORDER BY 1;
SELECT feed, events, skipped FROM recommend.edge_state JOIN recommend.edge_sources ON id = feed WHERE graph = 2 ORDER BY 1;

-- A time window of the graph, and a cut of neighbours: the newest stay, and all count in the total.
CREATE TABLE hub (a int, b int, at timestamptz);
INSERT INTO hub SELECT 0, n, '2020-01-01'::timestamptz + n * interval '1 day' FROM generate_series(1, 20) n;
INSERT INTO hub VALUES (100, 0, '2020-01-21'), (101, 0, '2020-01-21');
SELECT create_graph('hub', '1 day', '5 days', 4);
SELECT add_edges('hub', 'hub', 'a', 'n', 'b', 'n', 'e', 'at');
SELECT node, last_at FROM neighbors('hub', 0, direction => 'out', as_of => '2020-01-21 12:00');
SELECT node, last_at FROM neighbors('hub', 0, direction => 'out', as_of => '2020-01-24');
SELECT node, last_at FROM neighbors('hub', 0, direction => 'out', as_of => '2020-01-24', time_window => '3 days');
SELECT node, last_at FROM neighbors('hub', 0, direction => 'out', as_of => '2020-01-24', time_window => '1 year');
-- 100 and 101 share node 0, whose strength is that of all 22 edges: 2 * 2^-1 / ln(1 + (2 * 2^-1 + 2^-2 + ... + 2^-21)).
SELECT round(adamic_adar('hub', 100, 101, as_of => '2020-01-22')::numeric, 6) AS found,
       (SELECT round((1 / ln(1 + sum(decay(at, '1 day', '2020-01-22'))))::numeric, 6) FROM hub) AS formula;
INSERT INTO hub SELECT 0, n, '2019-12-25' FROM generate_series(21, 40) n;
SELECT round(adamic_adar('hub', 100, 101, as_of => '2020-01-22')::numeric, 6) = (SELECT round((1 / ln(1 + sum(decay(at, '1 day', '2020-01-22'))))::numeric, 6) FROM hub) AS exact;
SELECT recommend.maintain('hub');
SELECT round(adamic_adar('hub', 100, 101, as_of => '2020-01-22')::numeric, 6) = (SELECT round((1 / ln(1 + sum(decay(at, '1 day', '2020-01-22'))))::numeric, 6) FROM hub) AS exact;
-- A neighbour that was kept goes: the compactor brings in the next one.
DELETE FROM hub WHERE b IN (19, 20);
SELECT recommend.maintain('hub');
SELECT node FROM neighbors('hub', 0, direction => 'out', as_of => '2020-01-21 12:00', time_window => '1 year');
SELECT rebuild_graph('hub');
SELECT node FROM neighbors('hub', 0, direction => 'out', as_of => '2020-01-21 12:00', time_window => '1 year');
-- The heaviest ones of edges without time.
CREATE TABLE still (a int, b int, w int);
INSERT INTO still SELECT 0, n, n * 7 % 11 FROM generate_series(1, 10) n;
SELECT create_graph('still', max_edges_per_node => 3);
SELECT add_edges('still', 'still', 'a', 'n', 'b', 'n', 'e', weight_column => 'w');
SELECT node, weight, last_at FROM neighbors('still', 0);
SELECT node FROM neighbors('still', 0, half_life => '1 day', time_window => '1 second', as_of => '1970-01-01');
INSERT INTO still VALUES (0, 1, 20);
SELECT node, weight FROM neighbors('still', 0);

-- The graph of a recommender: users, items and their events.
SELECT create_recommender('mine', 'events', 'u', 'item', 'at', event_column => 'kind', event_weights => '{"view": 1, "buy": 4}', half_life => '1 day', time_window => '1 year', max_edges_per_node => 50);
SELECT id, name, half_life, time_window, max_edges_per_node, recommender FROM recommend.graphs WHERE name = 'mine';
SELECT node, node_type, edge_type, round(weight::numeric, 4) AS weight FROM neighbors('mine', '1'::text, 'user', as_of => '2020-01-11');
SELECT node, node_type FROM k_hop('mine', '1'::text, hops => 3, target_type => 'item', as_of => '2020-01-11');
-- More edges may be added to it, and it follows its recommender.
SELECT add_edges('mine', 'follows', 'follower', 'user', 'followee', 'user', 'follows', 'at', backfill => false);
SELECT source_table, edge_type, events, needs_rebuild FROM recommend.graph_status WHERE graph = 'mine';
SELECT recommend.maintain('mine') > 0 AS moved;
SELECT node, edge_type FROM neighbors('mine', '1'::text, as_of => '2020-01-11');
SELECT alter_recommender('mine', new_name => 'ours', half_life => '2 days', event_weights => '{"buy": 2}');
SELECT name, half_life FROM recommend.graphs WHERE recommender IS NOT NULL;
SELECT node, node_type, edge_type, round(weight::numeric, 4) AS weight FROM neighbors('ours', '1'::text, 'user', as_of => '2020-01-11');
SELECT alter_recommender('ours', half_life => '1 day', max_edges_per_node => 1);
SELECT node, node_type, edge_type, round(weight::numeric, 4) AS weight FROM neighbors('ours', '1'::text, 'user', direction => 'out', as_of => '2020-01-11');
-- Its nodes may get other keys, unless other edges have nodes of that type.
SELECT alter_recommender('ours', user_column => 'item', item_column => 'u');
SELECT create_recommender('swap', 'events', 'u', 'item', 'at');
SELECT alter_recommender('swap', user_column => 'item', item_column => 'u');
SELECT node, node_type FROM neighbors('swap', 'apple'::text, 'user', as_of => '2020-01-11') ORDER BY 1;
SELECT drop_recommender('swap');
-- Its graph may go before it, and goes with it.
SELECT drop_graph('ours');
SELECT count(*) FROM recommend(1, NULL::text, recommender => 'ours', as_of => '2020-01-11');
SELECT alter_recommender('ours', half_life => '3 days');
SELECT drop_recommender('ours');
SELECT create_recommender('mine', 'events', 'u', 'item', 'at');
SELECT drop_recommender('mine');
SELECT name FROM recommend.graphs ORDER BY 1;
-- Without one.
SELECT create_recommender('alone', 'events', 'u', 'item', 'at', graph => false);
SELECT name FROM recommend.graphs ORDER BY 1;
SELECT drop_recommender('alone');

-- The planner knows how many rows to expect.
CREATE FUNCTION expected_rows(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
    RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;
SELECT expected_rows($$SELECT * FROM neighbors('shop', 1)$$), expected_rows($$SELECT * FROM neighbors('shop', 1, n => 7)$$), expected_rows($$SELECT * FROM k_hop('shop', 1, n => 70)$$);
SELECT drop_graph(name) FROM recommend.graphs ORDER BY id;
SET client_min_messages = warning;
DROP SCHEMA graph CASCADE;
