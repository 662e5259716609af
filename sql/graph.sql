-- Temporal graphs: defining and feeding them, and the questions that SQL can ask of them.
--
-- A node is named by its key and its type. Keys come back in the type of the node argument; a node given as text (cast: '42'::text)
-- makes all keys come back as text, whatever types the graph's nodes have.

CREATE FUNCTION create_graph(
    name text, half_life interval DEFAULT '7 days', time_window interval DEFAULT NULL, max_edges_per_node int DEFAULT 128)
RETURNS int
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'graph_create';
COMMENT ON FUNCTION create_graph(text, interval, interval, int) IS
    'Make an empty graph; add_edges() feeds it. Weights halve every half_life, edges older than time_window do not count, and each node keeps its max_edges_per_node newest neighbours a source and direction (up to 1000000)';

CREATE FUNCTION add_edges(
    graph text,
    source_table regclass,
    from_column name,
    from_type text,
    to_column name,
    to_type text,
    edge_type text,
    time_column name DEFAULT NULL,
    weight_column name DEFAULT NULL,
    context_columns name[] DEFAULT '{}',
    event_column name DEFAULT NULL,
    event_weights jsonb DEFAULT NULL,
    backfill bool DEFAULT true)
RETURNS int
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'graph_add_edges';
COMMENT ON FUNCTION add_edges(text, regclass, name, text, name, text, text, name, name, name[], name, jsonb, bool) IS
    'Track a table as edges of a graph: each row is an event of the edge between the nodes that two columns name. Without a time_column edges are static and do not decay. A row weighs 1, or what weight_column holds, or what event_weights gives its event_column';

CREATE FUNCTION drop_edges(graph text, source_table regclass, edge_type text DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'graph_drop_edges';
COMMENT ON FUNCTION drop_edges(text, regclass, text) IS
    'Stop tracking a table as edges of a graph, and take its edges out; the table stays as it is';

CREATE FUNCTION rebuild_graph(name text) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'graph_rebuild';
COMMENT ON FUNCTION rebuild_graph(text) IS 'Make all edges of a graph anew from its tables, and give the number of events';

CREATE FUNCTION drop_graph(name text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'graph_drop';
COMMENT ON FUNCTION drop_graph(text) IS 'Drop a graph with all its state; its tables stay as they are';

CREATE FUNCTION decay(at timestamptz, half_life interval DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now(), lambda float8 DEFAULT NULL) RETURNS float8
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'graph_decay';
COMMENT ON FUNCTION decay(timestamptz, interval, timestamptz, float8) IS
    'What is left at as_of of a weight of 1 at time at: exp(-ln 2 * age / half_life), a month counting 30 days, or exp(-lambda * age), lambda per second; more than 1 where at is later. NULL for a NULL time';

CREATE FUNCTION neighbors(
    graph text, node anyelement, node_type text DEFAULT NULL, direction text DEFAULT 'both', edge_type text DEFAULT NULL,
    context jsonb DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now(), n int DEFAULT 100,
    half_life interval DEFAULT NULL, time_window interval DEFAULT NULL)
RETURNS TABLE (node anyelement, node_type text, edge_type text, weight float8, count bigint, last_at timestamptz)
LANGUAGE c STABLE PARALLEL SAFE COST 100 ROWS 100 SUPPORT recommend.rows_support
    AS 'MODULE_PATHNAME', 'graph_neighbors';
COMMENT ON FUNCTION neighbors(text, anyelement, text, text, text, jsonb, timestamptz, int, interval, interval) IS
    'The n heaviest neighbours of a node with the decayed weight, the number of events and the newest event of the edge; edges of either direction and of all contexts are added up by neighbour and edge type. node_type is the graph''s first one where it is left out, direction out, in or both. With another half_life than the graph''s, or as_of before the newest event, the events themselves are read, which is slower';

CREATE FUNCTION k_hop(
    graph text, node anyelement, node_type text DEFAULT NULL, hops int DEFAULT 2, direction text DEFAULT 'both',
    edge_types text[] DEFAULT NULL, context jsonb DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now(), n int DEFAULT 100,
    fan_out int[] DEFAULT NULL, target_type text DEFAULT NULL, max_nodes int DEFAULT 100000,
    half_life interval DEFAULT NULL, time_window interval DEFAULT NULL)
RETURNS TABLE (node anyelement, node_type text, hop int, weight float8, via anyelement)
LANGUAGE c STABLE PARALLEL SAFE COST 1000 ROWS 100 SUPPORT recommend.rows_support
    AS 'MODULE_PATHNAME', 'graph_k_hop';
COMMENT ON FUNCTION k_hop(text, anyelement, text, int, text, text[], jsonb, timestamptz, int, int[], text, int, interval, interval) IS
    'The n heaviest nodes within some hops of a node, the node itself left out. hop is the least number of edges; weight is the sum, over the paths of so many edges, of the products of decayed weights; via is the node before that adds most. fan_out bounds by hop how many of its heaviest edges each node follows, the last number holding for further hops; max_nodes how many nodes are met, heaviest expanded first';

CREATE FUNCTION graph_paths(
    graph text, from_node anyelement, to_node anyelement DEFAULT NULL, from_type text DEFAULT NULL, to_type text DEFAULT NULL,
    min_hops int DEFAULT 1, max_hops int DEFAULT 3, direction text DEFAULT 'both', edge_types text[] DEFAULT NULL,
    context jsonb DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now(), n int DEFAULT 100, time_respecting bool DEFAULT false,
    half_life interval DEFAULT NULL, time_window interval DEFAULT NULL)
RETURNS TABLE (nodes anyarray, node_types text[], edge_types text[], times timestamptz[], weights float8[], weight float8)
LANGUAGE c STABLE PARALLEL SAFE COST 10000 ROWS 100 SUPPORT recommend.rows_support
    AS 'MODULE_PATHNAME', 'graph_all_paths';
COMMENT ON FUNCTION graph_paths(text, anyelement, anyelement, text, text, int, int, text, text[], jsonb, timestamptz, int, bool, interval, interval) IS
    'The n heaviest paths of min_hops to max_hops edges (up to 3) from a node, to another one where it is given, none meeting a node twice. weight is the product of the edges'' decayed weights. time_respecting: the edges'' newest events do not get older along the path; edges without time fit anywhere';

CREATE FUNCTION common_neighbors(
    graph text, a anyelement, b anyelement, a_type text DEFAULT NULL, b_type text DEFAULT NULL, direction text DEFAULT 'both',
    edge_types text[] DEFAULT NULL, context jsonb DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now(), n int DEFAULT 100,
    half_life interval DEFAULT NULL, time_window interval DEFAULT NULL)
RETURNS TABLE (node anyelement, node_type text, weight_a float8, weight_b float8, last_at timestamptz)
LANGUAGE c STABLE PARALLEL SAFE COST 200 ROWS 100 SUPPORT recommend.rows_support
    AS 'MODULE_PATHNAME', 'graph_common_neighbors';
COMMENT ON FUNCTION common_neighbors(text, anyelement, anyelement, text, text, text, text[], jsonb, timestamptz, int, interval, interval) IS
    'The n heaviest neighbours that two nodes share, by the sum of the decayed weights to both';

CREATE FUNCTION adamic_adar(
    graph text, a anyelement, b anyelement, a_type text DEFAULT NULL, b_type text DEFAULT NULL, direction text DEFAULT 'both',
    edge_types text[] DEFAULT NULL, context jsonb DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now(),
    half_life interval DEFAULT NULL, time_window interval DEFAULT NULL)
RETURNS float8
LANGUAGE c STABLE PARALLEL SAFE COST 200 AS 'MODULE_PATHNAME', 'graph_adamic_adar';
COMMENT ON FUNCTION adamic_adar(text, anyelement, anyelement, text, text, text, text[], jsonb, timestamptz, interval, interval) IS
    'The weighted Adamic-Adar index of two nodes (Lü and Zhou 2010): the sum over common neighbours z of (w(a,z) + w(b,z)) / ln(1 + s(z)), s(z) the decayed weight of all events of z; 0 without common neighbours';

CREATE FUNCTION personalized_pagerank(
    graph text, node anyelement, node_type text DEFAULT NULL, alpha float8 DEFAULT 0.15, epsilon float8 DEFAULT 1e-4,
    direction text DEFAULT 'both', edge_types text[] DEFAULT NULL, context jsonb DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now(),
    n int DEFAULT 100, target_type text DEFAULT NULL, half_life interval DEFAULT NULL, time_window interval DEFAULT NULL)
RETURNS TABLE (node anyelement, node_type text, score float8, error_bound float8)
LANGUAGE c STABLE PARALLEL SAFE COST 10000 ROWS 100 SUPPORT recommend.rows_support
    AS 'MODULE_PATHNAME', 'graph_pagerank';
COMMENT ON FUNCTION personalized_pagerank(text, anyelement, text, float8, float8, text, text[], jsonb, timestamptz, int, text, interval, interval) IS
    'The n nodes that a random walk from a node is most often at, which follows edges by their decayed weights and goes back with probability alpha; by forward push until no residual exceeds epsilon (Andersen, Chung and Lang 2006). The true score lies between score and score + error_bound';

CREATE FUNCTION random_walk(
    graph text, nodes anyarray, node_type text DEFAULT NULL, steps int DEFAULT 10000, restart float8 DEFAULT 0.5, seed bigint DEFAULT 42,
    direction text DEFAULT 'both', edge_types text[] DEFAULT NULL, context jsonb DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now(),
    n int DEFAULT 100, target_type text DEFAULT NULL, half_life interval DEFAULT NULL, time_window interval DEFAULT NULL)
RETURNS TABLE (node anyelement, node_type text, visits bigint, score float8)
LANGUAGE c STABLE PARALLEL SAFE COST 10000 ROWS 100 SUPPORT recommend.rows_support
    AS 'MODULE_PATHNAME', 'graph_random_walk';
COMMENT ON FUNCTION random_walk(text, anyarray, text, int, float8, bigint, text, text[], jsonb, timestamptz, int, text, interval, interval) IS
    'The n nodes that random walks from several nodes visit most, as Pixie does it (Eksombatchai et al. 2018): nodes reached from many starts gain. score is the square of the sum, over the starts, of the square root of the visits. The same seed gives the same answer';

CREATE FUNCTION prune_subgraph(
    graph text, node anyelement, node_type text DEFAULT NULL, depth int DEFAULT 3, max_nodes int DEFAULT 1000, max_bytes int DEFAULT 65536,
    direction text DEFAULT 'both', edge_types text[] DEFAULT NULL, context jsonb DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now(),
    half_life interval DEFAULT NULL, time_window interval DEFAULT NULL)
RETURNS TABLE (hop int, from_node anyelement, from_type text, to_node anyelement, to_type text, edge_type text, weight float8,
               count bigint, last_at timestamptz, kept_share float8)
LANGUAGE c STABLE PARALLEL SAFE COST 10000 ROWS 1000 AS 'MODULE_PATHNAME', 'graph_prune_subgraph';
COMMENT ON FUNCTION prune_subgraph(text, anyelement, text, int, int, int, text, text[], jsonb, timestamptz, interval, interval) IS
    'The strongest edges within depth hops of a node, by the part that they have of their nodes'' decayed weights, edges without time apart, up to max_nodes nodes and max_bytes bytes in packed form. kept_share is the part of the decayed weight of all nodes whose edges were looked at that the edges kept have';

CREATE FUNCTION node_embedding(
    graph text, node anyelement, node_type text DEFAULT NULL, dims int DEFAULT 128, layers int DEFAULT 2, fan_out int DEFAULT 32,
    self_weight float8 DEFAULT 0.5, seed bigint DEFAULT 42, direction text DEFAULT 'both', edge_types text[] DEFAULT NULL,
    context jsonb DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now(), half_life interval DEFAULT NULL, time_window interval DEFAULT NULL)
RETURNS real[]
LANGUAGE c STABLE PARALLEL SAFE COST 10000 AS 'MODULE_PATHNAME', 'graph_node_embedding';
COMMENT ON FUNCTION node_embedding(text, anyelement, text, int, int, int, float8, bigint, text, text[], jsonb, timestamptz, interval, interval) IS
    'A vector of length 1 that sums up a node''s surroundings: random vectors of the nodes around, averaged layer by layer by decayed weight over the fan_out heaviest edges. Near vectors share surroundings. NULL for an unknown node';

CREATE FUNCTION embed_graph(
    graph text, dims int DEFAULT 128, layers int DEFAULT 3, into_table regclass DEFAULT NULL, layer_weights real[] DEFAULT NULL,
    normalization_strength real DEFAULT -0.5, seed bigint DEFAULT 42, as_of timestamptz DEFAULT pg_catalog.now(),
    half_life interval DEFAULT NULL, time_window interval DEFAULT NULL)
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 AS 'MODULE_PATHNAME', 'graph_embed';
COMMENT ON FUNCTION embed_graph(text, int, int, regclass, real[], real, bigint, timestamptz, interval, interval) IS
    'Embed all nodes that have edges by random projections of the decayed transition probabilities (FastRP, Chen et al. 2019), on as many cores as max_parallel_maintenance_workers allows, and put them into a table with columns node_type text, node (text, or the type of all keys) and embedding real[], whose rows are replaced. layer_weights are the weights of 1, 2, ... steps: 0, 1, 1, ... by default. Gives the number of rows; recommend.progress shows how far it is';
