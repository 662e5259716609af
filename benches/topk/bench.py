"""Exact top-k by cosine beside others on the same vectors, in turns; run by scripts/bench-topk. Prints Markdown tables.

All of them get vectors of length 1 and answer by inner product, each in one thread. Every answer is compared with that of the engine:
the others compute in f32, so a row may differ where scores are equal up to their rounding.
"""
import os
import statistics
import subprocess
import sys
import tempfile
import time

import faiss
import numpy
from usearch.index import MetricKind, search

ROUNDS = int(os.environ.get("ROUNDS", 5))
BATCH = 512
ALONE = 10
SEED = 1
# Of the sums of the others, which are in f32.
ROUNDING = 3e-6


def normalized(vectors):
    return vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)


def independent(rows, dimensions, rng):
    """Vectors that point anywhere: the greatest of the scores are far from most."""
    return rng.standard_normal((rows, dimensions), dtype=numpy.float32)


def clustered(rows, dimensions, rng):
    """A thousand directions with noise about them of the same length: many scores are close."""
    centers = rng.standard_normal((1000, dimensions), dtype=numpy.float32)
    return centers[rng.integers(0, 1000, rows)] + rng.standard_normal((rows, dimensions), dtype=numpy.float32)


class Engine:
    """topk_answer as a process that is asked line by line."""

    def __init__(self, binary, file, dimensions, kernel="best"):
        self.process = subprocess.Popen([binary, file, str(dimensions), kernel], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        built, self.kernel = self.answer()
        self.built = float(built)

    def answer(self):
        return self.process.stdout.readline().split()

    def ask(self, command):
        """Milliseconds and rows."""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        milliseconds, *rows = self.answer()
        return float(milliseconds), numpy.array(rows, dtype=numpy.int64)

    def queries(self, file):
        self.process.stdin.write(f"queries {file}\n")

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def timed(work):
    started = time.perf_counter()
    rows = work()
    return (time.perf_counter() - started) * 1000, rows


def numpy_search(vectors, queries, k):
    """The product, then the best of each row of it. In slices, whose scores stay in memory that is used again."""
    answers, room = [], numpy.empty((min(len(queries), 32), len(vectors)), dtype=numpy.float32)
    for start in range(0, len(queries), 32):
        scores = numpy.matmul(queries[start : start + 32], vectors.T, out=room[: len(queries) - start])
        best = numpy.argpartition(scores, -k, axis=1)[:, -k:]
        order = numpy.take_along_axis(scores, best, axis=1).argsort(axis=1)[:, ::-1]
        answers.append(numpy.take_along_axis(best, order, axis=1))
    return numpy.concatenate(answers)


def product(vectors, queries):
    """All scores, of which nothing is chosen, in slices that stay in the cache."""
    room = numpy.empty((len(queries), 4096), dtype=numpy.float32)
    for start in range(0, len(vectors), 4096):
        some = vectors[start : start + 4096]
        numpy.matmul(queries, some.T, out=room[:, : len(some)])


def check(name, found, expected, queries, vectors, k):
    """Fails unless the scores of both answers are the same, up to rounding of f32."""
    found, expected = found.reshape(-1, k), expected.reshape(-1, k)
    for query, ours, theirs in zip(queries.astype(numpy.float64), expected, found):
        scores = [vectors[rows].astype(numpy.float64) @ query for rows in (ours, theirs)]
        if numpy.abs(scores[0] - scores[1]).max() > ROUNDING:
            sys.exit(f"bench-topk: {name} gives other rows than the engine")


def run(binary, title, make, rows, dimensions, k):
    rng = numpy.random.default_rng(SEED)
    every = normalized(make(rows + BATCH, dimensions, rng))
    vectors, queries = numpy.ascontiguousarray(every[:rows]), numpy.ascontiguousarray(every[rows:])
    del every
    with tempfile.TemporaryDirectory(prefix="pg_recommend-topk.") as folder:
        for name, what in (("vectors", vectors), ("queries", queries)):
            what.tofile(f"{folder}/{name}")
        engines = {}
        for kernel in ("best", *os.environ.get("KERNELS", "").split()):
            engine = Engine(binary, f"{folder}/vectors", dimensions, kernel)
            engine.queries(f"{folder}/queries")
            engines[engine.kernel] = engine
        best = next(iter(engines.values()))
        index = faiss.IndexFlatIP(dimensions)
        index.add(vectors)
        alone = queries[:ALONE]

        def one_by_one(work):
            return lambda: timed(lambda: numpy.concatenate([work(query[None]) for query in alone]))

        def faiss_search(some, threshold):
            """Batches are faster by BLAS, a query alone without."""
            faiss.cvar.distance_compute_blas_threshold = threshold
            return index.search(some, k)[1]

        contenders = {
            "alone": {
                "faiss-cpu `IndexFlatIP`": one_by_one(lambda query: faiss_search(query, 1000)),
                "numpy": one_by_one(lambda query: numpy_search(vectors, query, k)),
                "usearch, exact": one_by_one(lambda query: search(vectors, query, k, MetricKind.IP, exact=True, threads=1).keys[None]),
                "reading the vectors as f32 once": lambda: (ALONE * best.ask("read")[0], None),
            },
            "batch": {
                "faiss-cpu `IndexFlatIP`": lambda: timed(lambda: faiss_search(queries, 20)),
                "numpy": lambda: timed(lambda: numpy_search(vectors, queries, k)),
                "numpy, the product alone (sgemm)": lambda: timed(lambda: product(vectors, queries)),
            },
        }
        for name, engine in engines.items():
            contenders["alone"][f"pg_recommend, {name}"] = lambda engine=engine: engine.ask(f"one {k} 0 {ALONE}")
            contenders["batch"][f"pg_recommend, {name}"] = lambda engine=engine: engine.ask(f"batch {k} 1")
        ours = f"pg_recommend, {best.kernel}"
        print(f"\n{title}; packing takes {best.built / rows * 1000:.2f} us a row\n")
        print(f"| {rows:,} x {dimensions}, k = {k}, one thread | one query, ms | ratio | {BATCH} queries, ms | ratio |\n|---|---|---|---|---|")
        figures = {}
        for kind, some in contenders.items():
            times = {name: [] for name in some}
            expected = best.ask(f"one {k} 0 {ALONE}" if kind == "alone" else f"batch {k} 1")[1]
            for turn in range(ROUNDS):
                for name, ask in some.items():
                    milliseconds, found = ask()
                    times[name].append(milliseconds / (ALONE if kind == "alone" else 1))
                    if turn == 0 and found is not None:
                        check(name, found, expected, queries, vectors, k)
            for name, values in times.items():
                figures.setdefault(name, {})[kind] = statistics.median(values)
        for name, found in figures.items():
            cells = []
            for kind in ("alone", "batch"):
                cells += [f"{found[kind]:.2f}", f"{found[kind] / figures[ours][kind]:.2f}"] if kind in found else ["-", "-"]
            print(f"| {name} | {' | '.join(cells)} |")
        for engine in engines.values():
            engine.end()


def main():
    binary, rows, dimensions, k = sys.argv[1], *map(int, sys.argv[2:5])
    faiss.omp_set_num_threads(1)
    run(binary, "Directions that are independent", independent, rows, dimensions, k)
    run(binary, "Directions in clusters", clustered, rows, dimensions, k)


main()
