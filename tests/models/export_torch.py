#!/usr/bin/env python3
"""Export a perceptron, a DeepFM and a DCN by PyTorch's own exporter, and write down what PyTorch scores.

    export_torch.py DIRECTORY     writes DIRECTORY/NAME.onnx and DIRECTORY/NAME.json for each model, as export.py does

It needs: numpy onnx torch.
"""
import io

import torch
from fixture import rows_of, write
from torch import nn

VOCABULARY, ROWS = 50, 20


class DeepFM(nn.Module):
    """Guo et al. 2017: first-order weights, the products of all pairs of embeddings, and a perceptron over embeddings and numbers."""

    def __init__(self, fields, dense, size):
        super().__init__()
        self.embedding, self.first = nn.Embedding(VOCABULARY, size), nn.Embedding(VOCABULARY, 1)
        self.deep = nn.Sequential(nn.Linear(fields * size + dense, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, ids, dense):
        e = self.embedding(ids)
        pairs = 0.5 * (e.sum(1) ** 2 - (e ** 2).sum(1)).sum(1, keepdim=True)
        logit = self.first(ids).sum(1) + pairs + self.deep(torch.cat([e.flatten(1), dense], 1))
        return torch.sigmoid(logit).squeeze(1)


class DCN(nn.Module):
    """Wang et al. 2021 (version 2): x0 * (W x + b) + x, twice. Many named inputs; the score is a logit."""

    def __init__(self, size):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, size)
        self.crosses = nn.ModuleList(nn.Linear(size + 2, size + 2) for _ in range(2))
        self.head = nn.Linear(size + 2, 1)

    def forward(self, item, price, hour):
        x0 = x = torch.cat([self.embedding(item).flatten(1), price, hour], 1)
        for cross in self.crosses:
            x = x0 * cross(x) + x
        return self.head(x)


def export(name, model, inputs, output, features, rows, dynamic=True):
    """`inputs` are tensors by name, of as many rows as `rows`; without `dynamic` the file takes one row at a time."""
    model = model.eval()
    given = tuple(inputs.values())
    axes = {key: {0: "n"} for key in [*inputs, output]} if dynamic else None
    file = io.BytesIO()
    torch.onnx.export(model, given if dynamic else tuple(tensor[:1] for tensor in given), file, input_names=list(inputs), output_names=[output],
                      dynamic_axes=axes, opset_version=17, dynamo=False)
    with torch.no_grad():
        write(name, file.getvalue(), features, rows, model(*given).numpy())


def main():
    torch.manual_seed(42)
    x = torch.randn(ROWS, 8)
    mlp = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4), nn.ReLU(), nn.Linear(4, 1), nn.Sigmoid())
    for name, dynamic in (("mlp", True), ("mlp_single_row", False)):
        export(name, mlp, {"features": x}, "p", [f"x{i}" for i in range(8)], rows_of(x), dynamic)

    ids, dense = torch.randint(VOCABULARY, (ROWS, 3)), torch.randn(ROWS, 2)
    rows = [[*map(int, a), *map(float, b)] for a, b in zip(ids, dense)]
    export("deepfm", DeepFM(3, 2, 4), {"ids": ids, "dense": dense}, "p", ["user", "item", "shop", "price", "age"], rows)

    item, price, hour = torch.randint(VOCABULARY, (ROWS, 1)), torch.randn(ROWS, 1), torch.randn(ROWS, 1)
    rows = [[int(a), float(b), float(c)] for a, b, c in zip(item, price, hour)]
    export("dcn", DCN(4), {"item": item, "price": price, "hour": hour}, "logit", ["item", "price", "hour"], rows)


if __name__ == "__main__":
    main()
