#!/usr/bin/env python3
"""Write the models that must be refused, or stopped, into a directory: hostile.py DIRECTORY. It needs the package onnx."""
import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

OUT = Path(sys.argv[1])
FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def info(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def node(*args, **attributes):
    return helper.make_node(*args, **attributes)


def tensor(name, array):
    return numpy_helper.from_array(array, name)


X, P = info("x", FLOAT, ["n", 2]), info("p", FLOAT, ["n", 1])
SUM = tensor("sum", np.ones((2, 1), np.float32))


def write(name, nodes, initializers=(), inputs=(X,), outputs=(P,), opset=17, extra=(), change=None):
    graph = helper.make_graph(list(nodes), name, list(inputs), list(outputs), list(initializers))
    opsets = [helper.make_opsetid("", opset)] + [helper.make_opsetid(domain, 1) for domain in extra]
    model = helper.make_model(graph, opset_imports=opsets)
    model.ir_version = 8
    if change:
        change(model)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.onnx").write_bytes(model.SerializeToString())


def external(location):
    def change(model):
        weights = model.graph.initializer[0]
        weights.ClearField("raw_data")
        weights.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", "0"), ("length", "8")):
            entry = weights.external_data.add()
            entry.key, entry.value = key, value
    return change


MATMUL = node("MatMul", ["x", "sum"], ["p"])
write("good", [MATMUL], [SUM])
write("external_absolute", [MATMUL], [SUM], change=external("/etc/passwd"))
write("external_parent", [MATMUL], [SUM], change=external("../../postgresql.conf"))
write("external_weights", [MATMUL], [SUM], change=external("weights"))

# A tensor of 16 GB in 100 bytes of a file.
huge = tensor("shape", np.array([4, 1 << 30], np.int64))
write("huge_constant", [node("ConstantOfShape", ["shape"], ["big"]), node("ReduceSum", ["big"], ["s"], keepdims=1), MATMUL, ], [SUM, huge])


def declare_huge(model):
    model.graph.initializer[0].dims[:] = [1 << 40, 1 << 20]


write("huge_initializer", [MATMUL], [SUM], change=declare_huge)
write("wrong_size", [MATMUL], [SUM], change=lambda model: model.graph.initializer[0].dims.__setitem__(slice(None), [200, 1]))
# 16 GB as soon as the runtime folds what is constant: the shape is computed.
part = tensor("part", np.array([1 << 16], np.int64))
write("huge_folded", [node("Mul", ["part", "part"], ["shape"]), node("ConstantOfShape", ["shape"], ["big"]),
                      node("ReduceSum", ["big"], ["s"], keepdims=1), node("MatMul", ["x", "sum"], ["q"]), node("Add", ["q", "s"], ["p"])],
      [SUM, part])
# As much as the first feature says.
one = tensor("one", np.array([1], np.int64))
column = [tensor("start", np.array([0, 0], np.int64)), tensor("stop", np.array([1, 1], np.int64)), one]
first = [node("Slice", ["x", "start", "stop"], ["x00"]), node("Reshape", ["x00", "one"], ["count_f"]), node("Cast", ["count_f"], ["count"], to=INT64)]
write("grows", first + [node("ConstantOfShape", ["count"], ["big"]), node("Add", ["big", "big"], ["bigger"]),
                        node("ReduceSum", ["bigger"], ["s"], keepdims=1), node("MatMul", ["x", "sum"], ["q"]), node("Add", ["q", "s"], ["p"])],
      [SUM] + column)


def field(number, content):
    """A field of bytes, as protobuf writes it."""
    length, size = len(content), b""
    while length >= 0x80:
        size += bytes([length & 0x7F | 0x80])
        length >>= 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + content


# Graphs in attributes of nodes of graphs, deeper than any decoder follows.
nodes = b""
for _ in range(5000):
    nodes = field(1, field(5, field(6, nodes)) + field(4, b"If"))
(OUT / "deep.onnx").write_bytes(b"\x08\x08" + field(8, b"\x10\x11") + field(7, nodes))


def loop(times, condition):
    """A loop whose condition is `condition` each time round."""
    body = helper.make_graph([node("Identity", [condition], ["go_on"]), node("Add", ["v", "v0"], ["v_out"])], "body",
                             [info("i", INT64, []), info("c", BOOL, []), info("v", FLOAT, None)], [info("go_on", BOOL, []), info("v_out", FLOAT, None)])
    return node("Loop", [times, condition, "v0"], ["v_end"], body=body)


zero = tensor("zero", np.array([0], np.float32))
write("endless", [node("MatMul", ["x", "sum"], ["v0"]), node("Abs", ["v0"], ["a"]), node("ReduceSum", ["a"], ["t"], keepdims=0),
                  node("GreaterOrEqual", ["t", "nought"], ["on"]), loop("", "on"), node("Identity", ["v_end"], ["p"])],
      [SUM, tensor("nought", np.array(0, np.float32))])
# Ends at once for zeros, and never where a feature is above 0.
write("loops", [node("MatMul", ["x", "sum"], ["v0"]), node("ReduceSum", ["v0"], ["t"], keepdims=0), node("Greater", ["t", "nought"], ["on"]),
                loop("", "on"), node("Identity", ["v_end"], ["p"])], [SUM, tensor("nought", np.array(0, np.float32))])

write("custom_operator", [node("Mine", ["x"], ["p"], domain="com.example")], extra=["com.example"])
write("contrib_operator", [node("FusedGemm", ["x", "sum"], ["p"], domain="com.microsoft")], [SUM], extra=["com.microsoft"])
write("unknown_operator", [node("NoSuchThing", ["x"], ["p"])])
write("random", [node("RandomUniformLike", ["x"], ["r"]), node("MatMul", ["r", "sum"], ["p"])], [SUM])
write("wrong_opset", [MATMUL], [SUM], opset=999)
write("no_opset", [MATMUL], [SUM], change=lambda model: model.ClearField("opset_import"))
write("no_graph", [MATMUL], [SUM], change=lambda model: model.ClearField("graph"))
write("no_nodes", [], [], outputs=[])
write("dangling", [node("MatMul", ["nowhere", "sum"], ["p"])], [SUM])
write("cycle", [node("Add", ["b", "x"], ["a"]), node("Add", ["a", "x"], ["b"]), node("MatMul", ["b", "sum"], ["p"])], [SUM])
write("mismatch", [node("MatMul", ["x", "wide"], ["p"])], [tensor("wide", np.ones((3, 1), np.float32))])
write("gives_nan", [node("Mul", ["x", "x"], ["q"]), node("Neg", ["q"], ["m"]), node("Sub", ["m", "one"], ["l"]), node("Log", ["l"], ["o"]),
                    node("MatMul", ["o", "sum"], ["p"])], [SUM, tensor("one", np.array(1, np.float32))])
# The square root of a negative feature is no number.
write("roots", [node("Sqrt", ["x"], ["o"]), node("MatMul", ["o", "sum"], ["p"])], [SUM])
write("giant_input", [node("MatMul", ["x", "sum"], ["p"])], [SUM], inputs=[info("x", FLOAT, ["n", 1 << 40])])
write("image_input", [node("Flatten", ["x"], ["f"]), node("ReduceSum", ["f"], ["p"])], inputs=[info("x", FLOAT, ["n", 3, "h", "w"])])
write("sparse", [MATMUL], [SUM], change=lambda model: model.graph.sparse_initializer.add())
write("batch_of_four", [MATMUL], [SUM], inputs=[info("x", FLOAT, [4, 2])], outputs=[info("p", FLOAT, [4, 1])])
write("half", [node("Cast", ["x"], ["f"], to=FLOAT), node("MatMul", ["f", "sum"], ["p"])], [SUM], inputs=[info("x", TensorProto.FLOAT16, ["n", 2])])
write("text_output", [node("Cast", ["x"], ["p"], to=TensorProto.STRING)], outputs=[info("p", TensorProto.STRING, ["n", 2])])
write("two_outputs", [MATMUL, node("Neg", ["p"], ["q"])], [SUM], outputs=[P, info("q", FLOAT, ["n", 1])])
# Says that it takes any number of rows, and mixes them.
write("mixes", [node("MatMul", ["x", "sum"], ["m"]), node("Softmax", ["m"], ["p"], axis=0)], [SUM])


def functions(model):
    function = model.functions.add()
    function.name, function.domain = "Mine", "com.example"
    function.node.add().op_type = "Mine"


write("functions", [MATMUL], [SUM], change=functions)
