#!/usr/bin/env python3
"""Export small models with the libraries that people train with, and write down what they score.

    export.py DIRECTORY     writes DIRECTORY/NAME.onnx and DIRECTORY/NAME.json for each model: its features, some rows, and the scores that the
                            library itself (not ONNX Runtime) gives for them

It needs: numpy scikit-learn skl2onnx lightgbm xgboost onnxmltools onnx pandas; PyTorch where it is there.
"""
import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RNG = np.random.default_rng(42)
OUT = Path(sys.argv[1])


def write(name, model, features, rows, scores, **options):
    """`options` are arguments of deploy_model()."""
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.onnx").write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    scores = [float(score) for score in np.asarray(scores, dtype=np.float64).reshape(-1)]
    (OUT / f"{name}.json").write_text(json.dumps({"features": features, "rows": rows, "scores": scores, "options": options}) + "\n")
    print(f"{name}: {(OUT / f'{name}.onnx').stat().st_size} bytes")


def numbers(n, d):
    x = RNG.normal(size=(n, d)).astype(np.float32)
    y = (x[:, 0] + 0.5 * x[:, 1] * x[:, 2] + 0.3 * RNG.normal(size=n) > 0.2).astype(int)
    return x, y


def rows_of(x):
    return [[float(value) for value in row] for row in x]


def sklearn_logistic():
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = numbers(400, 5)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    expected = model.predict_proba(x[:20])[:, 1]
    names = [f"x{i}" for i in range(5)]
    inputs = [("input", FloatTensorType([None, 5]))]
    write("sklearn_zipmap", convert_sklearn(model, initial_types=inputs, target_opset=17), names, rows_of(x[:20]), expected)
    write("sklearn_tensor", convert_sklearn(model, initial_types=inputs, target_opset=17, options={id(model): {"zipmap": False}}),
          names, rows_of(x[:20]), expected)
    open_inputs = [("input", FloatTensorType([None, None]))]
    write("sklearn_open", convert_sklearn(model, initial_types=open_inputs, target_opset=17), names, rows_of(x[:20]), expected)


def sklearn_columns():
    """Many named inputs, numbers and texts."""
    import pandas as pd
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    n = 400
    frame = pd.DataFrame({
        "age": RNG.integers(18, 80, n).astype(np.int64), "price": RNG.gamma(2, 20, n).astype(np.float32),
        "country": RNG.choice(["DE", "FR", "US"], n), "device": RNG.choice(["mobile", "desktop"], n)})
    y = ((frame.country == "DE") + (frame.device == "mobile") * 0.7 + frame.price / 60 + 0.3 * RNG.normal(size=n) > 1.4).astype(int)
    columns = ColumnTransformer([("numbers", StandardScaler(), ["age", "price"]),
                                 ("texts", OneHotEncoder(handle_unknown="ignore"), ["country", "device"])])
    model = Pipeline([("columns", columns), ("model", LogisticRegression())]).fit(frame, y)
    inputs = [("age", Int64TensorType([None, 1])), ("price", FloatTensorType([None, 1])), ("country", StringTensorType([None, 1])),
              ("device", StringTensorType([None, 1]))]
    rows = [[int(r.age), float(r.price), str(r.country), str(r.device)] for r in frame.head(20).itertuples()]
    rows.append([30, 12.5, "nowhere", "mobile"])
    test = pd.DataFrame(rows, columns=frame.columns).astype({"age": np.int64, "price": np.float32})
    write("sklearn_columns", convert_sklearn(model, initial_types=inputs, target_opset=17), list(frame.columns), rows,
          model.predict_proba(test)[:, 1])


def lightgbm():
    import lightgbm as lgb
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    x, y = numbers(600, 6)
    x[::7, 3] = np.nan
    model = lgb.LGBMClassifier(n_estimators=20, num_leaves=8, verbose=-1, deterministic=True, num_threads=1).fit(x, y)
    rows = [[None if np.isnan(v) else float(v) for v in row] for row in x[:20]]
    converted = convert_lightgbm(model, initial_types=[("input", FloatTensorType([None, 6]))], target_opset=15)
    write("lightgbm", converted, [f"f{i}" for i in range(6)], rows, model.predict_proba(x[:20])[:, 1], missing="NaN")
    x, y = numbers(600, 6)
    regressor = lgb.LGBMRegressor(n_estimators=10, num_leaves=8, verbose=-1, deterministic=True, num_threads=1).fit(x, x[:, 0] * 3 + y)
    converted = convert_lightgbm(regressor, initial_types=[("input", FloatTensorType([None, 6]))], target_opset=15)
    write("lightgbm_regression", converted, [f"f{i}" for i in range(6)], rows_of(x[:20]), regressor.predict(x[:20]))


def xgboost():
    import xgboost as xgb
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    x, y = numbers(600, 6)
    model = xgb.XGBClassifier(n_estimators=20, max_depth=4, nthread=1).fit(x, y)
    converted = convert_xgboost(model, initial_types=[("input", FloatTensorType([None, 6]))], target_opset=15)
    write("xgboost", converted, [f"f{i}" for i in range(6)], rows_of(x[:20]), model.predict_proba(x[:20])[:, 1])


def three_classes():
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.linear_model import LogisticRegression

    x, _ = numbers(300, 3)
    labels = np.array(["hate", "like", "buy"])[(x[:, 0] > 0).astype(int) + (x[:, 1] > 0.5)]
    model = LogisticRegression().fit(x, labels)
    converted = convert_sklearn(model, initial_types=[("input", FloatTensorType([None, 3]))], target_opset=17)
    write("three_classes", converted, ["x0", "x1", "x2"], rows_of(x[:20]), model.predict_proba(x[:20])[:, list(model.classes_).index("buy")],
          output_class="buy")


# Graphs as PyTorch's exporter writes them. Their scores come from numpy.

def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def tensor(name, array):
    return numpy_helper.from_array(np.ascontiguousarray(array), name)


def graph(name, nodes, inputs, outputs, initializers, opset=17):
    made = helper.make_graph(nodes, name, inputs, outputs, initializers)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], producer_name="pytorch")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


def info(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def mlp_parts(widths, scale=0.4):
    return [(RNG.normal(size=(b, a)).astype(np.float32) * scale, RNG.normal(size=b).astype(np.float32) * 0.1)
            for a, b in zip(widths, widths[1:])]


def mlp_nodes(parts, source, prefix=""):
    """Gemm and Relu in turn; gives nodes, initializers and the name of the last value."""
    nodes, initializers, value = [], [], source
    for layer, (weight, bias) in enumerate(parts):
        initializers += [tensor(f"{prefix}w{layer}", weight), tensor(f"{prefix}b{layer}", bias)]
        nodes.append(helper.make_node("Gemm", [value, f"{prefix}w{layer}", f"{prefix}b{layer}"], [f"{prefix}h{layer}"], transB=1))
        value = f"{prefix}h{layer}"
        if layer + 1 < len(parts):
            nodes.append(helper.make_node("Relu", [value], [f"{prefix}r{layer}"]))
            value = f"{prefix}r{layer}"
    return nodes, initializers, value


def mlp_score(parts, x):
    for layer, (weight, bias) in enumerate(parts):
        x = x @ weight.T + bias
        if layer + 1 < len(parts):
            x = np.maximum(x, 0)
    return x


def torch_style():
    x, _ = numbers(20, 8)
    parts = mlp_parts([8, 16, 4, 1])
    nodes, initializers, last = mlp_nodes(parts, "features")
    nodes.append(helper.make_node("Sigmoid", [last], ["p"]))
    names, expected = [f"x{i}" for i in range(8)], sigmoid(mlp_score(parts, x))
    for name, rows in (("mlp", "batch"), ("mlp_single_row", 1)):
        made = graph(name, nodes, [info("features", TensorProto.FLOAT, [rows, 8])], [info("p", TensorProto.FLOAT, [rows, 1])], initializers)
        write(name, made, names, rows_of(x), expected)

    # DeepFM: embeddings of three id columns, their pairwise products, first-order weights, and an MLP over all.
    fields, size, dense, vocabulary = 3, 4, 2, 50
    embedding = RNG.normal(size=(vocabulary, size)).astype(np.float32) * 0.3
    first = RNG.normal(size=(vocabulary, 1)).astype(np.float32) * 0.3
    parts = mlp_parts([fields * size + dense, 16, 1])
    ids = RNG.integers(0, vocabulary, (20, fields))
    numbers_ = RNG.normal(size=(20, dense)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["embedding", "ids"], ["e"]),
        helper.make_node("Gather", ["first", "ids"], ["f3"]),
        helper.make_node("ReduceSum", ["f3", "one"], ["f"], keepdims=0),
        helper.make_node("ReduceSum", ["e", "one"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "sum"], ["square_of_sum"]),
        helper.make_node("Mul", ["e", "e"], ["squares"]),
        helper.make_node("ReduceSum", ["squares", "one"], ["sum_of_squares"], keepdims=0),
        helper.make_node("Sub", ["square_of_sum", "sum_of_squares"], ["cross2"]),
        helper.make_node("ReduceSum", ["cross2", "one"], ["cross1"], keepdims=1),
        helper.make_node("Mul", ["cross1", "half"], ["cross"]),
        helper.make_node("Reshape", ["e", "flat_shape"], ["flat"]),
        helper.make_node("Concat", ["flat", "dense"], ["deep_in"], axis=1),
    ]
    deep, initializers, last = mlp_nodes(parts, "deep_in")
    nodes += deep + [helper.make_node("Add", ["f", "cross"], ["wide"]), helper.make_node("Add", ["wide", last], ["logit"]),
                     helper.make_node("Sigmoid", ["logit"], ["p2"]), helper.make_node("Squeeze", ["p2", "one"], ["p"])]
    initializers += [tensor("embedding", embedding), tensor("first", first), tensor("one", np.array([1], np.int64)),
                     tensor("half", np.array(0.5, np.float32)), tensor("flat_shape", np.array([-1, fields * size], np.int64))]
    made = graph("deepfm", nodes, [info("ids", TensorProto.INT64, ["n", fields]), info("dense", TensorProto.FLOAT, ["n", dense])],
                 [info("p", TensorProto.FLOAT, ["n"])], initializers)
    e = embedding[ids]
    cross = 0.5 * ((e.sum(1) ** 2) - (e ** 2).sum(1)).sum(1)
    logit = first[ids][:, :, 0].sum(1) + cross + mlp_score(parts, np.hstack([e.reshape(20, -1), numbers_]))[:, 0]
    rows = [[int(i) for i in a] + [float(v) for v in b] for a, b in zip(ids, numbers_)]
    write("deepfm", made, ["user", "item", "shop", "price", "age"], rows, sigmoid(logit))

    # DCN: two cross layers over an embedding and numbers; many named inputs, a logit as the score.
    size, width = 4, 6
    embedding = RNG.normal(size=(vocabulary, size)).astype(np.float32) * 0.3
    crosses = [(RNG.normal(size=(width, width)).astype(np.float32) * 0.3, RNG.normal(size=width).astype(np.float32) * 0.1) for _ in range(2)]
    head = mlp_parts([width, 1])
    nodes = [helper.make_node("Gather", ["embedding", "item"], ["e3"]), helper.make_node("Reshape", ["e3", "flat_shape"], ["e"]),
             helper.make_node("Concat", ["e", "price", "hour"], ["x0"], axis=1)]
    value, initializers = "x0", [tensor("embedding", embedding), tensor("flat_shape", np.array([-1, size], np.int64))]
    for layer, (weight, bias) in enumerate(crosses):
        initializers += [tensor(f"cw{layer}", weight), tensor(f"cb{layer}", bias)]
        nodes += [helper.make_node("Gemm", [value, f"cw{layer}", f"cb{layer}"], [f"g{layer}"], transB=1),
                  helper.make_node("Mul", ["x0", f"g{layer}"], [f"m{layer}"]), helper.make_node("Add", [f"m{layer}", value], [f"x{layer + 1}"])]
        value = f"x{layer + 1}"
    more, others, last = mlp_nodes(head, value, "head_")
    nodes += more + [helper.make_node("Identity", [last], ["logit"])]
    made = graph("dcn", nodes, [info("item", TensorProto.INT64, ["n", 1]), info("price", TensorProto.FLOAT, ["n", 1]),
                                info("hour", TensorProto.FLOAT, ["n", 1])], [info("logit", TensorProto.FLOAT, ["n", 1])], initializers + others)
    ids = RNG.integers(0, vocabulary, (20, 1))
    numbers_ = RNG.normal(size=(20, 2)).astype(np.float32)
    x0 = np.hstack([embedding[ids[:, 0]], numbers_])
    x = x0
    for weight, bias in crosses:
        x = x0 * (x @ weight.T + bias) + x
    write("dcn", made, ["item", "price", "hour"], [[int(i[0])] + [float(v) for v in r] for i, r in zip(ids, numbers_)], mlp_score(head, x))


if __name__ == "__main__":
    sklearn_logistic()
    sklearn_columns()
    lightgbm()
    xgboost()
    three_classes()
    torch_style()
