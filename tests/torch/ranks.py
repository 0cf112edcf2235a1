"""One rank of a run on two: started by torchrun from `test_distributed`; prints its rates.

Its argument says what it does with a plateau's metric: its ``own``, or ``reduced`` over the ranks.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

import schedlang


def main(how: str) -> None:
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    torch.manual_seed(rank)
    model = DistributedDataParallel(torch.nn.Linear(2, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    line = (
        "warmup 3 -> cosine 10 min=10%"
        if how == "none"
        else "warmup 3 -> plateau factor=0.5 patience=1"
    )
    scheduler: Any = schedlang.parse(line).to_torch(optimizer)
    rates = []
    for epoch in range(14):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.zero_grad()
        model(torch.randn(4, 2)).square().mean().backward()
        optimizer.step()
        metric = torch.tensor(1.0 / (epoch + 1) if rank else 1.0)  # only rank 1 gets better
        if how == "reduced":
            dist.all_reduce(metric)
            metric /= dist.get_world_size()
        scheduler.step(*([] if how == "none" else [metric]))
    every: list[Any] = [None, None]
    dist.all_gather_object(every, rates)
    if rank == 0:
        sys.stdout.write(json.dumps(every))
        sys.stdout.flush()
    dist.barrier()  # or one may leave while the other still listens
    os._exit(0)  # taking gloo's threads down at the interpreter's end now and then aborts


if __name__ == "__main__":
    main(sys.argv[1])
