"""One rank of trainings under FSDP2, with their states in torch.distributed.checkpoint.

Started by torchrun from `test_sharded`, which gives the trainings as JSON; rank 0 prints the
numbers of each update, or the error, of each training.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.checkpoint.state_dict_loader import load as load_shards
from torch.distributed.checkpoint.state_dict_saver import save as save_shards
from torch.distributed.device_mesh import init_device_mesh

import schedlang


def train(
    *,
    schedule: Any,
    binding: dict[str, Any],
    begin: int,
    end: int,
    load: str = "",
    save: str = "",
    form: str = "text",
) -> list[dict[str, list[float]]]:
    """The learning rates and weight decays of the updates from ``begin`` to ``end``."""
    from torch.distributed.fsdp import fully_shard  # since PyTorch 2.6

    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 2))
    for layer in model:
        fully_shard(layer)
    fully_shard(model)
    optimizer = torch.optim.AdamW(
        [
            {"params": model[0].parameters(), "name": "body", "lr": 0.01, "weight_decay": 0.1},
            {"params": model[1].parameters(), "name": "head", "lr": 0.1, "weight_decay": 0.04},
        ]
    )
    scheduler: Any = schedlang.to_torch(optimizer, schedule, **binding)

    def state_dict() -> dict[str, Any]:
        of_model, of_optimizer = get_state_dict(model, optimizer)
        own = json.dumps(scheduler.state_dict()) if form == "text" else scheduler
        return {"model": of_model, "optimizer": of_optimizer, "scheduler": own}

    if load:
        state = state_dict()
        load_shards(state, checkpoint_id=load)
        states = {"model_state_dict": state["model"], "optim_state_dict": state["optimizer"]}
        set_state_dict(model, optimizer, **states)
        if form == "text":
            scheduler.load_state_dict(json.loads(state["scheduler"]))
    seen = []
    for _ in range(begin, end):
        groups = optimizer.param_groups
        seen.append({key: [group[key] for group in groups] for key in ("lr", "weight_decay")})
        optimizer.zero_grad()
        model(torch.randn(8, 4)).square().mean().backward()
        optimizer.step()
        scheduler.step()
    if save:
        save_shards(state_dict(), checkpoint_id=save)
    return seen


def train_or_refuse(**training: Any) -> Any:
    try:
        return train(**training)
    except ValueError as error:  # on both ranks alike
        return str(error)


def main(trainings: dict[str, Any]) -> None:
    init_device_mesh("cpu", (2,))
    torch.manual_seed(dist.get_rank())
    found = {name: train_or_refuse(**training) for name, training in trainings.items()}
    every: list[Any] = [None, None]
    dist.all_gather_object(every, found)
    if dist.get_rank() == 0:
        assert every[0] == every[1]
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()
    dist.barrier()  # or one may leave while the other still listens
    os._exit(0)  # taking gloo's threads down at the interpreter's end now and then aborts


if __name__ == "__main__":
    warnings.simplefilter("error", schedlang.ScheduleWarning)
    main(json.loads(sys.argv[1]))
