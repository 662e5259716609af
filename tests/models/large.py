#!/usr/bin/env python3
"""Write the models that benches and cluster tests score: large.py DIRECTORY [NAME...]

    mlp         429-256-128-1, as for dense features
    small       30-32-16-1
    wide        a multilayer perceptron of 130 MB
    lightgbm    200 trees of 31 leaves over 30 features (needs the package lightgbm, and onnxmltools)

It needs numpy, and no other package but for lightgbm: an ONNX file is a few protobuf messages.
"""
import sys
from pathlib import Path

OUT = Path(sys.argv[1])
WANTED = sys.argv[2:] or ["mlp", "small", "wide", "lightgbm"]


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, content):
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    if isinstance(content, str):
        content = content.encode()
    return varint(number << 3 | 2) + varint(len(content)) + content


def tensor(name, dims, data):
    return b"".join(field(1, dim) for dim in dims) + field(2, 1) + field(8, name) + field(9, data)


def value(name, dims):
    shape = b"".join(field(1, field(2, dim) if isinstance(dim, str) else field(1, dim)) for dim in dims)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def node(operator, inputs, output, attributes=b""):
    return b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, operator) + attributes


def mlp(widths):
    import numpy as np
    rng = np.random.default_rng(7)
    graph, last = b"", "x"
    for layer, (width, height) in enumerate(zip(widths, widths[1:])):
        weights = (rng.normal(size=(height, width)) / width ** 0.5).astype("<f4")
        graph += field(5, tensor(f"w{layer}", [height, width], weights.tobytes()))
        graph += field(5, tensor(f"b{layer}", [height], np.zeros(height, "<f4").tobytes()))
        transposed = field(5, field(1, "transB") + field(3, 1) + field(20, 2))
        graph += field(1, node("Gemm", [last, f"w{layer}", f"b{layer}"], f"h{layer}", transposed))
        operator = "Relu" if layer + 2 < len(widths) else "Sigmoid"
        last = f"r{layer}"
        graph += field(1, node(operator, [f"h{layer}"], last))
    graph += field(2, "mlp") + field(11, value("x", ["n", widths[0]])) + field(12, value(last, ["n", 1]))
    return field(1, 8) + field(8, field(2, 17)) + field(7, graph)


def lightgbm():
    import numpy as np
    import lightgbm as lgb
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType
    rng = np.random.default_rng(7)
    x = rng.normal(size=(20000, 30)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(size=len(x)) > 0.5).astype(int)
    model = lgb.LGBMClassifier(n_estimators=200, num_leaves=31, verbose=-1, num_threads=1).fit(x, y)
    return convert_lightgbm(model, initial_types=[("input", FloatTensorType([None, 30]))], target_opset=15).SerializeToString()


OUT.mkdir(parents=True, exist_ok=True)
for name in WANTED:
    model = {"mlp": lambda: mlp([429, 256, 128, 1]), "small": lambda: mlp([30, 32, 16, 1]), "wide": lambda: mlp([512, 5600, 5120, 64, 1]), "lightgbm": lightgbm}[name]()
    (OUT / f"{name}.onnx").write_bytes(model)
    print(f"{name}: {len(model)} bytes")
