"""A model with the scores that its own library gives, as files: NAME.onnx and NAME.json, in the directory that the command line names."""
import json
import sys
from pathlib import Path

import numpy as np

OUT = Path(sys.argv[1])


def write(name, model, features, rows, scores, **options):
    """`options` are arguments of deploy_model()."""
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.onnx").write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    scores = [float(score) for score in np.asarray(scores, dtype=np.float64).reshape(-1)]
    (OUT / f"{name}.json").write_text(json.dumps({"features": features, "rows": rows, "scores": scores, "options": options}) + "\n")
    print(f"{name}: {(OUT / f'{name}.onnx').stat().st_size} bytes")


def rows_of(x):
    return [[float(value) for value in row] for row in x]
