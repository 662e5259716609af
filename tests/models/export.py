#!/usr/bin/env python3
"""Export small models with the libraries that people train with, and write down what they score.

    export.py DIRECTORY     writes DIRECTORY/NAME.onnx and DIRECTORY/NAME.json for each model: its features, some rows, and the scores that the
                            library itself (not ONNX Runtime) gives for them

It needs: numpy scikit-learn skl2onnx lightgbm xgboost onnxmltools onnx pandas. PyTorch's are in export_torch.py.
"""
import numpy as np
from fixture import rows_of, write

RNG = np.random.default_rng(42)


def numbers(n, d):
    x = RNG.normal(size=(n, d)).astype(np.float32)
    y = (x[:, 0] + 0.5 * x[:, 1] * x[:, 2] + 0.3 * RNG.normal(size=n) > 0.2).astype(int)
    return x, y


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


if __name__ == "__main__":
    sklearn_logistic()
    sklearn_columns()
    lightgbm()
    xgboost()
    three_classes()
