-- The statements of docs/graph.md, in its order: what the page shows is what comes out here.
CREATE SCHEMA graph_docs;
SET search_path = graph_docs, public;
SET recommend.auto_compact = off;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';

-- Make one
CREATE TABLE follows (follower int, followee int, at timestamptz);
CREATE TABLE reads   (reader int, article text, at timestamptz, device text);
CREATE TABLE topics  (article text, topic text);
CREATE INDEX ON follows (follower, followee);
CREATE INDEX ON follows (followee);
CREATE INDEX ON reads (reader, article);
CREATE INDEX ON reads (article);
INSERT INTO follows VALUES
    (1, 2, '2026-10-25'), (1, 3, '2026-10-11'), (2, 3, '2026-10-25'), (3, 4, '2026-10-18');
INSERT INTO reads VALUES
    (1, 'joins',   '2026-10-18', 'desktop'), (1, 'joins',   '2026-10-25', 'mobile'),
    (2, 'joins',   '2026-10-25', 'mobile'),  (2, 'indexes', '2026-10-25', 'desktop'),
    (3, 'indexes', '2026-10-18', 'desktop'), (3, 'vacuum',  '2026-10-25', 'mobile'),
    (4, 'vacuum',  '2026-10-18', 'desktop');
INSERT INTO topics VALUES ('joins', 'queries'), ('indexes', 'queries'), ('vacuum', 'upkeep');
SELECT create_graph('community', half_life => '7 days') \g /dev/null
SELECT add_edges('community', 'follows', 'follower', 'person',  'followee', 'person',  'follows', time_column => 'at') \g /dev/null
SELECT add_edges('community', 'reads',   'reader',   'person',  'article',  'article', 'reads',   time_column => 'at',
                 context_columns => '{device}') \g /dev/null
SELECT add_edges('community', 'topics',  'article',  'article', 'topic',    'topic',   'about') \g /dev/null
SELECT from_node, edge_type, to_node, weight, count, last_at
FROM prune_subgraph('community', '1'::text, depth => 4, direction => 'out', as_of => '2026-11-01')
ORDER BY edge_type, from_node, to_node;

-- From a recommender
SELECT create_recommender('reading', 'reads', 'reader', 'article', 'at', half_life => '7 days') \g /dev/null
SELECT add_edges('reading', 'topics', 'article', 'item', 'topic', 'topic', 'about') \g /dev/null
SELECT node, hop, weight, via
FROM k_hop('reading', '1'::text, target_type => 'topic', as_of => '2026-11-01');  -- the topics of what user 1 reads

-- Name a node
SELECT node FROM neighbors('community', 1, edge_type => 'follows', direction => 'out');  -- person to person: int is enough
SELECT node FROM neighbors('community', 1);  -- articles have text keys
SELECT node FROM neighbors('community', '1'::text);
SELECT node FROM neighbors('community', 'queries'::text, 'topic');

-- neighbors
SELECT * FROM neighbors('community', '1'::text, as_of => '2026-11-01');
SELECT node, weight, count FROM neighbors('community', 'joins'::text, 'article', 'in', 'reads',
                                          context => '{"device": "mobile"}', as_of => '2026-11-01');

-- k_hop
SELECT * FROM k_hop('community', '1'::text, as_of => '2026-11-01');
SELECT * FROM k_hop('community', '1'::text, hops => 3, fan_out => '{2}', target_type => 'article', as_of => '2026-11-01');

-- graph_paths
SELECT nodes, edge_types, weights, weight
FROM graph_paths('community', '1'::text, 'vacuum', to_type => 'article', as_of => '2026-11-01');
SELECT nodes, weight FROM graph_paths('community', 1, 4, direction => 'out', edge_types => '{follows}', as_of => '2026-11-01');
SELECT nodes, weight FROM graph_paths('community', 1, 4, direction => 'out', edge_types => '{follows}', as_of => '2026-11-01',
                                      time_respecting => true);

-- common_neighbors, adamic_adar
SELECT * FROM common_neighbors('community', '1'::text, '2', as_of => '2026-11-01');
SELECT p AS person, round(adamic_adar('community', 1, p, as_of => '2026-11-01')::numeric, 3) AS alike
FROM generate_series(2, 4) AS p;

-- personalized_pagerank
SELECT node, round(score::numeric, 3) AS score, round(error_bound::numeric, 7) AS error_bound
FROM personalized_pagerank('community', '1'::text, target_type => 'article', as_of => '2026-11-01');
SELECT node, round(score::numeric, 3) AS score, round(error_bound::numeric, 7) AS error_bound
FROM personalized_pagerank('community', '1'::text, epsilon => 1e-6, target_type => 'article', as_of => '2026-11-01');

-- random_walk
SELECT node, visits, round(score::numeric) AS score
FROM random_walk('community', ARRAY['joins', 'vacuum'], 'article', target_type => 'person', as_of => '2026-11-01');

-- prune_subgraph
SELECT hop, from_node, to_node, edge_type, weight, round(kept_share::numeric, 3) AS kept_share
FROM prune_subgraph('community', '1'::text, depth => 2, max_nodes => 4, direction => 'out', as_of => '2026-11-01');

-- node_embedding
SELECT p AS person, round(sum(x * y)::numeric, 2) AS cosine
FROM generate_series(2, 4) AS p,
     unnest(node_embedding('community', 1, as_of => '2026-11-01'), node_embedding('community', p, as_of => '2026-11-01')) AS v (x, y)
GROUP BY p ORDER BY cosine DESC;

-- embed_graph
CREATE TABLE vectors (node_type text, node text, embedding real[], PRIMARY KEY (node_type, node));
SELECT embed_graph('community', dims => 64, into_table => 'vectors', as_of => '2026-11-01');
CREATE FUNCTION cosine(real[], real[]) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT sum(x * y) / sqrt(sum(x * x) * sum(y * y)) FROM unnest($1::float8[], $2::float8[]) AS v (x, y) $$;
SELECT other.node, round(cosine(this.embedding, other.embedding)::numeric, 2) AS cosine
FROM vectors this JOIN vectors other USING (node_type)
WHERE this.node_type = 'article' AND this.node = 'indexes' AND other.node <> this.node
ORDER BY cosine(this.embedding, other.embedding) DESC;

-- decay
SELECT decay('2026-10-25', '7 days', as_of => '2026-11-01') AS by_half_life,
       round(decay('2026-10-25', lambda => 1e-6, as_of => '2026-11-01')::numeric, 3) AS by_rate;  -- a rate per second
SELECT article, round(sum(decay(at, '2 days', as_of => '2026-11-01'))::numeric, 3) AS heat
FROM reads GROUP BY article ORDER BY heat DESC, article;

-- Join it with your tables
CREATE TABLE articles (article text PRIMARY KEY, title text, is_public bool);
INSERT INTO articles VALUES
    ('joins', 'Three ways to join', true), ('indexes', 'Which index when', true), ('vacuum', 'What vacuum does', false);
SELECT a.title, k.weight, k.via
FROM k_hop('community', '1'::text, target_type => 'article', as_of => '2026-11-01') AS k
JOIN articles a ON a.article = k.node
WHERE a.is_public
ORDER BY k.weight DESC;
SELECT p.id, k.node AS article, round(k.weight::numeric, 3) AS weight, k.via
FROM generate_series(1, 4) AS p (id)
CROSS JOIN LATERAL (
    SELECT * FROM k_hop('community', p.id::text, target_type => 'article', as_of => '2026-11-01')
    WHERE hop > 1 ORDER BY weight DESC LIMIT 1
) AS k
ORDER BY p.id;

-- Freshness
INSERT INTO reads VALUES (4, 'joins', '2026-10-31', 'mobile');
SELECT node, round(weight::numeric, 3) AS weight
FROM neighbors('community', 'joins'::text, 'article', 'in', as_of => '2026-11-01');
SELECT source_table, edge_type, events, backlog, skipped, nodes, newest_event
FROM recommend.graph_status WHERE graph = 'community' ORDER BY source_table::text;
SELECT recommend.maintain('community');

-- Other times, other half-lives
SELECT node, weight FROM neighbors('community', 1, edge_type => 'follows', direction => 'out', as_of => '2026-10-18');
SELECT node, round(weight::numeric, 3) AS weight
FROM neighbors('community', 1, edge_type => 'follows', direction => 'out', as_of => '2026-11-01', half_life => '30 days');

-- Privileges
CREATE FUNCTION articles_near(person int) RETURNS TABLE (article text, weight float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
$$ SELECT node, weight FROM k_hop('community', person::text, target_type => 'article') $$;

-- Nothing is left.
SELECT drop_recommender('reading') \g /dev/null
SELECT drop_graph('community') \g /dev/null
SET client_min_messages = warning;
DROP SCHEMA graph_docs CASCADE;
