#!/usr/bin/env python3
"""Measures the graph functions beside their rivals, compares the answers, and prints Markdown tables.

    bench.py LOG...    a log is a number of generated events, or a folder that holds tgbl_wiki.csv

scripts/bench-graph runs this in a throwaway cluster.
"""
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import queries
from clients import Ladybug, Postgres, Timeout, ladybug

HERE = os.path.dirname(os.path.abspath(__file__))
CLUSTER = os.path.join(HERE, "../../scripts/cluster")
SECONDS = float(os.environ.get("SECONDS_EACH", 10))
TIMEOUT = 60
PROBES, COMPARED, ROUNDS = 5000, 20, 4
OURS = "**pg_recommend**"
RECURSIVE, UNROLLED, PLAIN, AGE = "recursive CTE", "CTE unrolled by hand", "plain SQL", "Apache AGE"
LADYBUG = f"Ladybug {ladybug.__version__}" if ladybug else None


def psql(file, **variables):
    """Runs a file of this folder; gives the seconds that it took."""
    began = time.perf_counter()
    settings = [part for name, value in variables.items() for part in ("-v", f"{name}={value}")]
    subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", *settings, "-f", os.path.join(HERE, file)], check=True)
    return time.perf_counter() - began


def milliseconds(seconds):
    return f"{seconds * 1000:.3f}" if seconds < 0.1 else f"{seconds * 1000:.0f}"


def agree(expected, found):
    """Whether two lists of (key, weight) are the same, but for the last digits and for who comes last among equal weights."""
    def close(a, b):
        return abs(a - b) <= 1e-5 * max(abs(a), abs(b))

    if len(expected) != len(found):
        return False
    first, second = dict(expected), dict(found)
    last = min(first.values(), default=0)
    return all(close(weight, other[key]) if key in other else close(weight, last)
               for one, other in ((first, second), (second, first)) for key, weight in one.items())


class Asked:
    """One rival's answers to one question."""

    def __init__(self, rival, ask, read):
        self.rival, self.ask, self.read = rival, ask, read
        self.times, self.place, self.spent, self.late = {}, 0, 0.0, False
        self.compared = self.differ = 0

    def compare(self, probes, expected):
        """Compares the first answers. They warm the caches and are not counted, unless they alone take long."""
        began = time.perf_counter()
        for probe in probes[:COMPARED]:
            answer = self.once(probe)
            if self.late or time.perf_counter() - began > SECONDS and self.place > 2:
                return
            if self.read:
                answer = self.read(answer)
                self.compared += probe in expected
                if not agree(expected.setdefault(probe, answer), answer):
                    self.differ += 1
                    print(f"bench-graph: {probe}: {answer[:3]}, expected {expected[probe][:3]}", file=sys.stderr)
        if time.perf_counter() - began < SECONDS / 5:
            self.times, self.place, self.spent = {}, 0, 0.0

    def until(self, seconds, probes):
        """Goes on about further nodes until so many seconds are spent."""
        while not self.late and self.spent < seconds:
            self.once(probes[self.place % len(probes)])

    def once(self, probe):
        began = time.perf_counter()
        try:
            seconds, answer = self.ask(probe)
        except Timeout:
            self.late = True
            return None
        self.times.setdefault(probe, []).append(seconds)
        self.place += 1
        self.spent += time.perf_counter() - began
        return answer

    def line(self, ours):
        """Median, P99, how often asked, how many times as long as ours, and the answers compared."""
        every = sorted(seconds for some in self.times.values() for seconds in some)
        answers = f"{self.compared - self.differ} of {self.compared}" if self.compared else ""
        if not every:
            return f"not within {TIMEOUT} s | | | | {answers}"
        worst = milliseconds(every[int(len(every) * 0.99)]) if len(every) >= 100 else f"{milliseconds(every[-1])} (worst)"
        if self.late:
            worst = f"over {TIMEOUT} s"
        times = "" if ours is self else ratio(self, ours)
        return f"{milliseconds(statistics.median(every))} | {worst} | {len(every)} | {times} | {answers}"

    def median(self):
        return statistics.median(seconds for some in self.times.values() for seconds in some)


def question(name, rivals, probes):
    """Asks all rivals in turns, so that what else the machine does strikes all alike; prints a line for each. Gives them by name."""
    asked, expected = [Asked(*rival) for rival in rivals], {}
    for one in asked:
        one.compare(probes, expected)
    for part in range(ROUNDS):
        for one in asked:
            one.until(SECONDS * (part + 1) / ROUNDS, probes)
    found = {one.rival: one for one in asked}
    for one in asked:
        print(f"| {name} | {one.rival} | {one.line(found[OURS])} |", flush=True)
    return found


def ratio(theirs, ours):
    """How many times as long as ours, by the medians over the nodes that both were asked about."""
    both = theirs.times.keys() & ours.times.keys()
    if not both:
        return ""
    middle, our_middle = (statistics.median(seconds for probe in both for seconds in one.times[probe]) for one in (theirs, ours))
    return f"{middle / our_middle:.1f}"


def signed(node, node_type):
    return int(node) if node_type == "user" else -int(node)


def weighed(answer):
    """Rows of (node, hop, weight, ...)."""
    return [((int(row[0]), int(row[1])), float(row[2])) for row in answer.rows()]


def path(answer):
    """Rows of (array of nodes, weight)."""
    return [(tuple(map(int, row[0].strip("{}").split(","))), float(row[1])) for row in answer.rows()]


def inner_path(answer, probe):
    """Rows of (first, second, weight), zeros for a path of one hop."""
    return [((probe[0], *(int(node) for node in row[:2] if int(node)), -probe[1]), float(row[2])) for row in answer]


def heaviest(found):
    return sorted(found, key=lambda row: -row[1])[:100]


class Rivals:
    """All engines over one log; each question is a list of (name, ask a probe, read its answer)."""

    def __init__(self, newest, work):
        self.newest, self.lines = newest, []
        self.sql = Postgres("bench")
        self.sql.run(f"SET statement_timeout = '{TIMEOUT}s'")
        self.age = self.ladybug = None
        self.lines.append(("the expert's edge table with its indexes", psql("expert.sql", newest=newest)))
        psql("lookup.sql")
        self.lines.append(("pg_recommend: `add_edges`", psql("ours.sql")))
        if self.sql.run("SELECT FROM pg_available_extensions WHERE name = 'age'") and ladybug:
            psql("walks.sql")
            self.lines.append(("Apache AGE, from steps already cut and weighed", psql("age.sql")))
            self.age = Postgres("bench")
            self.age.run(f"LOAD 'age'; SET search_path = ag_catalog, public; SET statement_timeout = '{TIMEOUT}s'")
            steps = os.path.join(work, "steps.csv")
            subprocess.run(["psql", "-Xq", "-c", f"\\copy (SELECT from_id, to_id, weight FROM steps) TO '{steps}' CSV"], check=True)
            self.ladybug = Ladybug(work, steps, TIMEOUT)
            self.lines.append(("Ladybug, from the same steps", self.ladybug.load_seconds))
        self.count = 0

    def close(self):
        for one in (self.sql, self.age, self.ladybug):
            if one:
                one.close()

    def by_sql(self, rival, sql, read, arguments=lambda probe: probe[:1]):
        self.count += 1
        ask = self.sql.prepared(f"q{self.count}", sql)
        return rival, lambda probe: ask(*arguments(probe)), read

    def by_age(self, sql, read, note=""):
        self.count += 1
        ask = self.age.prepared_by_name(f"q{self.count}", sql, lambda user, item: f"""'{{"u": {user}, "i": {-item}}}'""")
        return AGE + note, lambda probe: ask(*probe), read

    def by_ladybug(self, queries_of, read, items=False, note=""):
        ask = self.ladybug.prepared(*queries_of)

        def asked(probe):
            parameters = {"u": probe[0], "i": -probe[1]} if items else {"u": probe[0]}
            seconds, results = ask(**parameters)
            return seconds, (results, probe)

        return LADYBUG + note, asked, read

    def neighbors(self):
        ours = f"SELECT * FROM neighbors('peer', $1::int, 'user', as_of => '{self.newest}', n => 100)"
        yield self.by_sql(OURS, ours, lambda answer: [((signed(*row[:2]), 1), float(row[3])) for row in answer.rows()])
        yield self.by_sql(PLAIN, queries.PLAIN_1_HOP, weighed)
        if self.age:
            yield self.by_age(queries.age_walk(1), weighed)
            yield self.by_ladybug(queries.ladybug_walk(1), walked)

    def k_hop(self, hops):
        ours = f"SELECT * FROM k_hop('peer', $1::int, 'user', {hops}, as_of => '{self.newest}', n => 100, max_nodes => 2147483647)"
        yield self.by_sql(OURS, ours, lambda answer: [((signed(*row[:2]), int(row[2])), float(row[3])) for row in answer.rows()])
        yield self.by_sql(RECURSIVE, queries.recursive_walk(hops), weighed)
        yield self.by_sql(UNROLLED, queries.unrolled_walk(hops), weighed)
        if self.age:
            yield self.by_age(queries.age_walk(hops), weighed)
            yield self.by_ladybug(queries.ladybug_walk(hops), walked)

    def pruned(self):
        ours = f"SELECT * FROM prune_subgraph('peer', $1::int, 'user', 3, as_of => '{self.newest}'"
        # With a time window nothing is kept in the cache.
        yield self.by_sql(OURS, f"{ours}, time_window => '1000 years')", None)
        yield self.by_sql(f"{OURS}, from its cache", f"{ours})", None)

    def paths(self):
        ours = (f"SELECT nodes, node_types, weight FROM graph_paths('peer', $1::int, $2::int, 'user', 'item', 1, 3, "
                f"as_of => '{self.newest}', n => 100)")

        def read(answer):
            rows = [[value.strip("{}").split(",") for value in row[:2]] + [float(row[2])] for row in answer.rows()]
            return [(tuple(map(signed, nodes, types)), weight) for nodes, types, weight in rows]

        both = lambda probe: (probe[0], -probe[1])
        yield self.by_sql(OURS, ours, read, lambda probe: probe)
        yield self.by_sql(RECURSIVE, queries.RECURSIVE_PATHS, path, both)
        yield self.by_sql(UNROLLED, queries.UNROLLED_PATHS, path, both)
        if self.age:
            rival, ask, _ = self.by_age(queries.age_paths(), None)

            def asked(probe):
                seconds, answer = ask(probe)
                return seconds, (answer, probe)

            yield rival, asked, lambda both_of: inner_path(both_of[0].rows(), both_of[1])
            yield self.by_age(queries.age(queries.COUNT_PATHS, ("count",)), None, ", `[*1..3]`, counts only")
            yield self.by_ladybug(queries.CYPHER_PATHS, lambda both_of: heaviest(inner_path(sum(both_of[0], []), both_of[1])), items=True)
            yield self.by_ladybug((queries.COUNT_PATHS,), None, items=True, note=", `[*1..3]`, counts only")


def walked(both):
    """The rows of each hop, from the queries of a walk."""
    results, _ = both
    return heaviest([((int(node), hop), weight) for hop, rows in enumerate(results, 1) for node, weight in rows])


def connected():
    """A session as a client opens it, and the seconds until it is open."""
    began = time.perf_counter()
    session = Postgres("bench")
    session.run(f"SET statement_timeout = '{TIMEOUT}s'")
    return session, time.perf_counter() - began


def restart():
    subprocess.run([CLUSTER, "restart", os.environ["CLUSTER_DIR"]], check=True)


def first_answers(newest, hub):
    """What one node of many neighbours costs the first session after a restart of the server, with and without pruning."""
    everything = "2147483647"
    asked = [
        ("all within 3 hops: `prune_subgraph` without limits",
         f"SELECT * FROM prune_subgraph('peer', $1::int, 'user', 3, {everything}, {everything}, as_of => '{newest}')"),
        ("pruned: `prune_subgraph` as it is", f"SELECT * FROM prune_subgraph('peer', $1::int, 'user', 3, as_of => '{newest}')"),
        ("all within 3 hops: recursive CTE", queries.RECURSIVE_SUBGRAPH),
    ]
    print(f"\n| user {hub}, first session after a restart | rows | MB of rows | first answer, ms | again, ms | most memory of the backend, MB |")
    print("|---|---|---|---|---|---|")
    for name, sql in asked:
        restart()
        session, opened = connected()
        ask = session.prepared("q", sql)
        try:
            seconds, answer = ask(hub)
        except Timeout:
            print(f"| {name} | | | not within {TIMEOUT} s | | |", flush=True)
            continue
        size, rows = answer.size()
        del answer
        again = statistics.median(ask(hub)[0] for _ in range(5))
        memory = session.peak_memory()
        print(f"| {name} | {rows} | {size / 1e6:.1f} | {(opened + seconds) * 1000:.0f} | {again * 1000:.1f} | {memory / 1e6:.0f} |", flush=True)
        session.close()


def bench(log, work, medians):
    """All tables of one log. False if answers differ."""
    os.environ["PGDATABASE"] = "postgres"
    subprocess.run(["createdb", "bench", "-T", "template0"], check=True)
    os.environ["PGDATABASE"] = "bench"
    if log.isdigit():
        psql("generate.sql", events=log)
    else:
        with open("tgbl_wiki.csv", "wb") as file:
            subprocess.run(["gzip", "-dc", os.path.join(log, "tgbl_wiki.csv.gz")], stdout=file, check=True)
        psql("wiki.sql")
    session = Postgres("bench")
    newest, events = session.run("SELECT max(at), count(*) FROM events")[0]
    rivals = Rivals(newest, work)
    users, items, edges = session.run("SELECT count(DISTINCT user_id), count(DISTINCT item_id), count(*) FROM edges")[0]
    hub = session.run("SELECT user_id FROM edges GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1")[0][0]
    # Users as often as they occur in the log, each with the item of another event.
    drawn = session.run(f"""SELECT user_id, lead(item_id, 1, 1) OVER (ORDER BY random_order)
        FROM (SELECT *, hashint8extended((extract(epoch FROM at) * 1000000)::bigint, 42) AS random_order FROM events) AS events
        ORDER BY random_order LIMIT {PROBES}""")
    session.close()

    title = f"{int(events):,} events" if log.isdigit() else f"tgbl_wiki, {int(events):,} events"
    print(f"\n### {title}, {int(edges):,} edges between {int(users):,} users and {int(items):,} items\n")
    print("| making | seconds |\n|---|---|")
    for name, seconds in rivals.lines:
        print(f"| {name} | {seconds:.1f} |")
    print("\n| question | engine | median ms | P99 ms | asked | times ours | same answers |\n|---|---|---|---|---|---|---|", flush=True)
    probes = [(int(user), int(item)) for user, item in drawn]
    any_row = random.Random(42)
    lookup = rivals.by_sql("primary-key lookup", queries.LOOKUP, None, lambda probe: (any_row.randint(1, int(events)),))
    found = {name: question(name, asked, probes) for name, asked in [
        ("1 hop, top 100", [lookup, *rivals.neighbors()]),
        ("2 hops, top 100", rivals.k_hop(2)),
        ("3 hops, top 100", rivals.k_hop(3)),
        ("3 hops, pruned", rivals.pruned()),
        ("paths of 1 to 3 hops, top 100", rivals.paths()),
    ]}
    rivals.close()

    mine = {name: rows[OURS].median() for name, rows in found.items()}
    one, two = found["1 hop, top 100"], found["2 hops, top 100"]
    print("\n| figure | value | aim |\n|---|---|---|")
    print(f"| 1 hop / primary-key lookup, medians | {mine['1 hop, top 100'] / one['primary-key lookup'].median():.1f} | 3 |")
    print(f"| 2 hops: recursive CTE / pg_recommend, medians | {ratio(two[RECURSIVE], two[OURS])} | 20 |")
    print(f"| 3 hops, pruned, median ms | {milliseconds(mine['3 hops, pruned'])} | 10 |", flush=True)
    embed(newest)
    first_answers(newest, hub)
    if log.isdigit():
        medians.append((log, mine))
    os.environ["PGDATABASE"] = "postgres"
    subprocess.run(["dropdb", "bench"], check=True)
    return all(one.differ == 0 for rows in found.values() for one in rows.values())


def embed(newest):
    """How long vectors of all nodes take, with writing them."""
    session = Postgres("bench")
    session.run("CREATE TABLE vectors (node_type text, node int, embedding real[])")
    began = time.perf_counter()
    vectors = session.run(f"SELECT embed_graph('peer', 128, into_table => 'vectors', as_of => '{newest}')")[0][0]
    print(f"| `embed_graph`, 128 dimensions, {int(vectors):,} vectors, seconds | {time.perf_counter() - began:.1f} | |", flush=True)
    session.close()


def main():
    medians, same = [], True
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="pg_recommend-bench.") as work:
        os.chdir(work)
        for log in sys.argv[1:]:
            with tempfile.TemporaryDirectory(dir=work) as folder:
                same = bench(log, folder, medians) and same
    if len(medians) > 1:
        (first, before), (last, after) = medians[0], medians[-1]
        print(f"\n| medians of pg_recommend, {int(last):,} events / {int(first):,} events | times | aim |\n|---|---|---|")
        for name, value in after.items():
            print(f"| {name} | {value / before[name]:.2f} | 1.3 |")
    if not same:
        sys.exit("bench-graph: answers differ")


if __name__ == "__main__":
    main()
