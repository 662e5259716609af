"""The questions, as each engine is asked them.

A user is numbered by its key, an item by minus its key. Weights are those at the newest event, which `expert.sql` and
`walks.sql` have stored relative to that time, so that nobody has to decay them.

Answers are rows of (number of the node, hop, weight), for paths rows of (the nodes between the ends, weight).
"""

# What a walk may go on to from the node w.node: its 128 newest neighbours.
NEWEST = """LATERAL (
        (SELECT -item_id AS node, weight FROM edges WHERE w.node > 0 AND user_id = w.node ORDER BY last_at DESC LIMIT 128)
        UNION ALL
        (SELECT user_id, weight FROM edges WHERE w.node < 0 AND item_id = -w.node ORDER BY last_at DESC LIMIT 128)
    ) AS e"""

LOOKUP = "SELECT * FROM lookup WHERE id = $1"

PLAIN_1_HOP = """
SELECT -item_id, 1, weight, count, last_at
FROM (SELECT * FROM edges WHERE user_id = $1 ORDER BY last_at DESC LIMIT 128) AS newest
ORDER BY weight DESC LIMIT 100"""


def recursive_walk(hops):
    """The walk as WITH RECURSIVE: it meets every path, for a recursive term may not add them up."""
    return f"""
WITH RECURSIVE w (node, hop, weight) AS (
    SELECT $1::int, 0, 1::float8
    UNION ALL
    SELECT e.node, w.hop + 1, w.weight * e.weight FROM w, {NEWEST} WHERE w.hop < {hops}
), sums AS (
    SELECT node, hop, sum(weight) AS weight, min(hop) OVER (PARTITION BY node) AS first_hop FROM w GROUP BY node, hop
)
SELECT node, hop, weight FROM sums WHERE hop = first_hop AND hop > 0 ORDER BY weight DESC LIMIT 100"""


def unrolled_walk(hops):
    """The walk hop by hop: each hop is added up before the next one starts."""
    steps, so_far = [], "SELECT $1::int AS node"
    for hop in range(1, hops + 1):
        start = "(SELECT $1::int AS node, 1::float8 AS weight)" if hop == 1 else f"hop_{hop - 1}"
        steps.append(f"""hop_{hop} AS MATERIALIZED (
    SELECT e.node, sum(w.weight * e.weight) AS weight FROM {start} AS w, {NEWEST}
    WHERE e.node NOT IN ({so_far}) GROUP BY e.node
)""")
        so_far += f" UNION ALL SELECT node FROM hop_{hop}"
    found = " UNION ALL ".join(f"SELECT node, {hop} AS hop, weight FROM hop_{hop}" for hop in range(1, hops + 1))
    return "WITH " + ", ".join(steps) + f"\nSELECT node, hop, weight FROM ({found}) AS found ORDER BY weight DESC LIMIT 100"


RECURSIVE_PATHS = f"""
WITH RECURSIVE w (node, path, weight) AS (
    SELECT $1::int, ARRAY[$1::int], 1::float8
    UNION ALL
    SELECT e.node, w.path || e.node, w.weight * e.weight FROM w, {NEWEST}
    WHERE cardinality(w.path) <= 3 AND e.node <> ALL (w.path)
)
SELECT path, weight FROM w WHERE node = $2::int AND cardinality(path) > 1 ORDER BY weight DESC LIMIT 100"""

UNROLLED_PATHS = f"""
WITH hop_1 AS MATERIALIZED (
    SELECT e.node, e.weight FROM (SELECT $1::int AS node) AS w, {NEWEST}
), hop_2 AS MATERIALIZED (
    SELECT w.node AS via, e.node, w.weight * e.weight AS weight FROM hop_1 AS w, {NEWEST} WHERE w.node <> $2 AND e.node <> $1
), last AS (
    SELECT w.node, e.weight FROM (SELECT DISTINCT node FROM hop_2) AS w, {NEWEST} WHERE e.node = $2
)
SELECT ARRAY[$1::int, $2::int] AS path, weight FROM hop_1 WHERE node = $2
UNION ALL
SELECT ARRAY[$1::int, h.via, h.node, $2::int], h.weight * l.weight FROM hop_2 AS h JOIN last AS l USING (node)
ORDER BY weight DESC LIMIT 100"""

RECURSIVE_SUBGRAPH = f"""
WITH RECURSIVE w (hop, origin, node, weight, count, last_at) AS (
    SELECT 0, NULL::int, $1::int, NULL::float8, NULL::bigint, NULL::timestamptz
    UNION
    SELECT w.hop + 1, w.node, e.* FROM w, {NEWEST.replace("weight FROM", "weight, count, last_at FROM")} WHERE w.hop < 3
)
SELECT min(hop), origin, node, weight, count, last_at FROM w WHERE hop > 0 GROUP BY origin, node, weight, count, last_at"""


def cypher_walk(hop, exists):
    """The nodes of exactly this hop, in Cypher; `exists` says how the dialect asks for one more step."""
    if hop == 1:
        return "MATCH (u:Node)-[a:STEP]->(i:Node) WHERE u.id = $u RETURN i.id, a.weight ORDER BY a.weight DESC LIMIT 100"
    second = "MATCH (u:Node)-[a:STEP]->(:Node)-[b:STEP]->(v:Node) WHERE u.id = $u AND v.id <> $u "
    if hop == 2:
        return second + "WITH v.id AS id, sum(a.weight * b.weight) AS w RETURN id, w ORDER BY w DESC LIMIT 100"
    return second + f"""WITH u, v, sum(a.weight * b.weight) AS w2 MATCH (v)-[c:STEP]->(j:Node)
        WITH u, j, sum(w2 * c.weight) AS w WHERE NOT {exists} RETURN j.id AS id, w ORDER BY w DESC LIMIT 100"""


CYPHER_PATHS = (
    """MATCH (u:Node)-[a:STEP]->(j:Node) WHERE u.id = $u AND j.id = $i
        RETURN 0 AS first, 0 AS second, a.weight AS w""",
    """MATCH (u:Node)-[a:STEP]->(i:Node)-[b:STEP]->(v:Node)-[c:STEP]->(j:Node)
        WHERE u.id = $u AND j.id = $i AND v.id <> $u AND i.id <> $i
        WITH i.id AS first, v.id AS second, a.weight * b.weight * c.weight AS w
        RETURN first, second, w ORDER BY w DESC LIMIT 100""",
)
COUNT_PATHS = "MATCH p = (u:Node)-[:STEP*1..3]->(j:Node) WHERE u.id = $u AND j.id = $i RETURN count(p)"


def age(query, columns):
    """Cypher as a statement of Apache AGE; its parameters are one map."""
    return f"SELECT * FROM cypher('peer', $cypher$ {query} $cypher$, $1) AS ({', '.join(name + ' agtype' for name in columns)})"


def age_walk(hops):
    """The nodes of all hops up to this one."""
    each = [f"SELECT id::int, {hop}, w::float8 FROM ({age(cypher_walk(hop, 'exists((u)-[:STEP]->(j))'), ('id', 'w'))}) AS hop_{hop}"
            for hop in range(1, hops + 1)]
    return " UNION ALL ".join(each) + " ORDER BY 3 DESC LIMIT 100"


def age_paths():
    each = [f"SELECT first::int, second::int, w::float8 FROM ({age(query, ('first', 'second', 'w'))}) AS p" for query in CYPHER_PATHS]
    return " UNION ALL ".join(each) + " ORDER BY 3 DESC LIMIT 100"


def ladybug_walk(hops):
    """One query a hop: the dialect cannot sort a union."""
    return [cypher_walk(hop, "EXISTS { MATCH (u)-[:STEP]->(j) }") for hop in range(1, hops + 1)]
