"""What torch takes for the k nearest of random vectors by matmul and topk, in milliseconds: the median of some rounds.

    torch_topk.py ROWS DIMENSIONS K QUERIES float32|float16|bfloat16

The batch is cut into pieces whose scores take 4 GB at most. Times are those of the device, without the copies to and from it.
"""
import sys

import torch

rows, dimensions, k, queries = map(int, sys.argv[1:5])
dtype = getattr(torch, sys.argv[5])
torch.backends.cuda.matmul.allow_tf32 = False
vectors = torch.empty(rows, dimensions, dtype=dtype, device="cuda")
for part in vectors.split(1 << 20):
    part.copy_(torch.nn.functional.normalize(torch.randn(part.shape, device="cuda"), dim=1))
asked = torch.nn.functional.normalize(torch.randn(queries, dimensions, device="cuda"), dim=1).to(dtype)
piece = max(1, (4 << 30) // (rows * dtype.itemsize))


def search():
    for some in asked.split(piece):
        torch.topk(some @ vectors.T, k, dim=1)


times = []
for _ in range(33):
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    search()
    end.record()
    torch.cuda.synchronize()
    times.append(begin.elapsed_time(end))
print(sorted(times[3:])[15])
