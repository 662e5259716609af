"""Scoring inside Postgres beside Python's onnxruntime, on the same files and rows, one thread each, and training beside scikit-learn. Prints a Markdown table."""
import io
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
import pandas
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "graph"))
from clients import Postgres  # noqa: E402

FILES, ROWS, ROUNDS = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
RNG = np.random.default_rng(3)
AT_ONCE = 512


def options():
    made = onnxruntime.SessionOptions()
    made.intra_op_num_threads = made.inter_op_num_threads = 1
    made.log_severity_level = 4
    return made


def session(name):
    return onnxruntime.InferenceSession((FILES / f"{name}.onnx").read_bytes(), options(), providers=["CPUExecutionProvider"])


def scorer(made):
    """Scores of a matrix: of the last output, the probabilities' second column where there are two."""
    source, output = made.get_inputs()[0].name, made.get_outputs()[-1].name

    def score(x):
        result = made.run([output], {source: x})[0]
        if isinstance(result, list):
            return np.array([row[1] for row in result], dtype=np.float32)
        return result[:, -1]
    return score


def median(measure):
    return statistics.median(measure() for _ in range(ROUNDS))


def seconds(work):
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def array(rows):
    return "{" + ",".join("{" + ",".join(map(repr, row)) + "}" for row in rows.tolist()) + "}"


def psql(sql, stdin=None):
    return subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql], check=True, input=stdin, capture_output=True).stdout


def row(work, ours, theirs, ratio, goal):
    print(f"| {work} | {ours} | {theirs} | {ratio} | {goal} |", flush=True)


def deploy(pg):
    pg.run("CREATE FUNCTION timed(model text, rows real[], n int) RETURNS float8 LANGUAGE plpgsql AS $$ DECLARE begun timestamptz; s real[]; BEGIN "
           "s := ctr_predict_batch(model, rows); begun := clock_timestamp(); "
           "FOR i IN 1..n LOOP s := ctr_predict_batch(model, rows); END LOOP; "
           "RETURN extract(epoch FROM clock_timestamp() - begun) / n; END $$")
    for name in ("mlp", "wide", "lightgbm", "small"):
        hexed = (FILES / f"{name}.onnx").read_bytes().hex()
        pg.run("CREATE TEMP TABLE file (part text)")
        for start in range(0, len(hexed), 1 << 24):
            pg.run(f"INSERT INTO file VALUES ('{hexed[start:start + (1 << 24)]}')")
        pg.run(f"SELECT deploy_model('{name}', decode(string_agg(part, '' ORDER BY ctid), 'hex')) FROM file")
        pg.run("DROP TABLE file")


def batches(pg):
    for name, width, times in (("mlp", 429, 100), ("lightgbm", 30, 100)):
        x = RNG.normal(size=(AT_ONCE, width)).astype(np.float32)
        literal, score = array(x), scorer(session(name))
        found = np.array(pg.run(f"SELECT unnest(ctr_predict_batch('{name}', '{literal}'))"), dtype=np.float32)[:, 0]
        assert np.abs(found - score(x)).max() < 1e-5, name
        pairs = [(float(pg.run(f"SELECT timed('{name}', '{literal}', {times})")[0][0]), seconds(lambda: [score(x) for _ in range(times)]) / times)
                 for _ in range(ROUNDS)]
        ours, theirs = (statistics.median(side) for side in zip(*pairs))
        row(f"{AT_ONCE} rows, {name}", f"{AT_ONCE / ours:,.0f} rows/s", f"{AT_ONCE / theirs:,.0f} rows/s", f"{theirs / ours:.2f} of its rate", "at least 0.8")


def single(pg):
    x = RNG.normal(size=(1, 429)).astype(np.float32)
    pg.run("CREATE TABLE one (id int PRIMARY KEY, f real[])")
    pg.run(f"INSERT INTO one VALUES (1, '{array(x)[1:-1]}')")
    score = scorer(session("mlp"))
    ask, plain = pg.prepared("score", "SELECT ctr_predict('mlp', f) FROM one"), pg.prepared("plain", "SELECT f[1] FROM one")

    # In turns, so that whatever else goes on meets all three.
    times = [(ask()[0], plain()[0], seconds(lambda: score(x))) for _ in range(5000)]
    with_model, without, bare = (statistics.median(side) * 1e6 for side in zip(*times[1000:]))
    row("one row, prepared", f"{with_model - without:.1f} us beyond a query without a model", f"{bare:.1f} us, the bare run",
        f"{with_model - without - bare:+.1f} us", "under 15 us more")


def table(pg, name, width):
    columns = [f"f{n}" for n in range(width)]
    pg.run(f"CREATE TABLE shown_{name} (id bigint, {', '.join(c + ' real' for c in columns)})")
    pg.run(f"INSERT INTO shown_{name} SELECT n, {', '.join(f'sin(n * {k + 1})' for k in range(width))} FROM generate_series(1, {ROWS}) n")
    pg.run(f"CREATE TABLE scores_{name} (id bigint, score real)")
    pg.run(f"VACUUM ANALYZE shown_{name}")
    score = scorer(session(name))

    def inside():
        pg.run(f"TRUNCATE scores_{name}")
        names = [name for name, in pg.run(f"SELECT unnest(features) FROM models WHERE name = '{name}'")]
        features = ", ".join(f"{column} AS {feature}" for column, feature in zip(columns, names))
        return seconds(lambda: pg.run(f"INSERT INTO scores_{name} SELECT * FROM ctr_predict_rows('{name}', 'SELECT id, {features} FROM shown_{name}')"))

    def outside():
        pg.run(f"TRUNCATE scores_{name}")
        begin = time.perf_counter()
        frame = pandas.read_csv(io.BytesIO(psql(f"COPY shown_{name} TO STDOUT (FORMAT csv)")), header=None,
                                dtype={0: np.int64} | {n + 1: np.float32 for n in range(width)})
        x = np.ascontiguousarray(frame.iloc[:, 1:].to_numpy(dtype=np.float32))
        scores = np.concatenate([score(x[start:start + AT_ONCE]) for start in range(0, len(x), AT_ONCE)])
        psql(f"COPY scores_{name} FROM STDIN (FORMAT csv)", pandas.DataFrame({"id": frame[0], "score": scores}).to_csv(header=False, index=False).encode())
        return time.perf_counter() - begin
    pairs = []
    for _ in range(ROUNDS):
        ours = inside()
        pg.run(f"CREATE TABLE kept_{name} AS TABLE scores_{name}")
        theirs = outside()
        differ = pg.run(f"SELECT count(*), max(abs(a.score - b.score)) FROM scores_{name} a JOIN kept_{name} b USING (id)")[0]
        assert int(differ[0]) == ROWS and float(differ[1]) < 1e-5, differ
        pg.run(f"DROP TABLE kept_{name}")
        pairs.append((ours, theirs))
    ours, theirs = (statistics.median(side) for side in zip(*pairs))
    row(f"{ROWS:,} rows of a table, {name}", f"{ours:.2f} s", f"{theirs:.2f} s by COPY, pandas, COPY", f"{theirs / ours:.1f} times", "at least 3 times")


def first_call():
    features = "array_fill(0.5::real, ARRAY[512])"

    def ours():
        pg = Postgres("postgres")
        pg.run("SELECT ctr_predict('small', array_fill(0::real, ARRAY[30]))")
        taken = seconds(lambda: pg.run(f"SELECT ctr_predict('wide', {features})"))
        pg.close()
        return taken
    code = ("import sys, time, numpy, onnxruntime; o = onnxruntime.SessionOptions(); o.intra_op_num_threads = 1; model = open(sys.argv[1], 'rb').read(); "
            "b = time.perf_counter(); s = onnxruntime.InferenceSession(model, o); s.run(None, {'x': numpy.full((1, 512), .5, numpy.float32)}); "
            "print(time.perf_counter() - b)")

    def theirs():
        return float(subprocess.run([sys.executable, "-c", code, str(FILES / "wide.onnx")], check=True, capture_output=True).stdout)
    pairs = [(ours(), theirs()) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(side) for side in zip(*pairs))
    row("first call of a session, 130 MB", f"{ours * 1e3:.0f} ms", f"{theirs * 1e3:.0f} ms, the file loaded inline", f"{theirs / ours:.1f} times",
        "at least 10 times")


def training(pg, width):
    """A log whose truth is linear in some columns and bent in others; its last tenth is held out from both sides."""
    held_out = ROWS // 10
    columns = [f"f{n}" for n in range(width)]
    pg.run(f"CREATE TABLE log ({', '.join(c + ' real' for c in columns)}, clicked bool)")
    normal = "sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())"
    truth = " + ".join(f"{0.8 / (n + 1):.3f} * f{n}" for n in range(width - 4)) + "".join(f" + 0.4 * abs(f{n})" for n in range(width - 4, width))
    pg.run("SELECT setseed(0.5)")
    pg.run(f"INSERT INTO log SELECT *, random() < 1 / (1 + exp(2 - ({truth}))) FROM (SELECT {', '.join(f'({normal})::real AS {c}' for c in columns)} "
           f"FROM generate_series(1, {ROWS})) r")
    pg.run("VACUUM ANALYZE log")

    def inside(method):
        begin = time.perf_counter()
        auc, passes = pg.run(f"SELECT auc, best_passes FROM train_ctr('{method}', 'SELECT * FROM log', 'clicked', method => '{method}')")[0]
        return time.perf_counter() - begin, float(auc), passes

    def outside():
        begin = time.perf_counter()
        frame = pandas.read_csv(io.BytesIO(psql("COPY (SELECT *, clicked::int FROM log) TO STDOUT (FORMAT csv)")), header=None,
                                usecols=[*range(width), width + 1], dtype=np.float32)
        x, y = np.ascontiguousarray(frame.iloc[:, :width].to_numpy()), frame.iloc[:, width].to_numpy()
        read = time.perf_counter()
        model = make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0)).fit(x[:-held_out], y[:-held_out])
        fitted = time.perf_counter()
        auc = roc_auc_score(y[-held_out:], model.decision_function(x[-held_out:]))
        return time.perf_counter() - begin, auc, fitted - read
    # One round outside for all methods inside.
    theirs = [outside() for _ in range(ROUNDS)]
    total, fit = (statistics.median(of(side) for side in theirs) for of in (lambda side: side[0], lambda side: side[2]))
    for method in ("logistic", "fwfm"):
        ours = [inside(method) for _ in range(ROUNDS)]
        taken = statistics.median(side[0] for side in ours)
        row(f"train_ctr, {ROWS:,} rows x {width}, {method}", f"{taken:.1f} s, AUC {ours[0][1]:.4f}, {ours[0][2]} passes",
            f"{total:.1f} s by COPY and SGDClassifier, whose fit alone takes {fit:.1f} s, AUC {theirs[0][1]:.4f}",
            f"{total / taken:.1f} times, AUC {ours[0][1] - theirs[0][1]:+.4f}", "no slower, AUC no worse")


def main():
    pg = Postgres("postgres")
    deploy(pg)
    print("| work | pg_recommend | Python onnxruntime 1.28 | ratio | goal |\n|---|---|---|---|---|", flush=True)
    batches(pg)
    single(pg)
    table(pg, "small", 30)
    table(pg, "lightgbm", 30)
    first_call()
    training(pg, 30)
    pg.close()


main()
