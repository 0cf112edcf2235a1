"""One training under Accelerate, for one process or under torchrun; prints what was seen as JSON.

Takes a folder for checkpoints, the engine, how the scheduler is stepped, the first epoch and the
last; and for another length than 4 epochs that length, and what to keep of a state.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

import torch
from accelerate import Accelerator

import schedlang
from tests.integrations.following import LINE, METRIC


def main(
    folder: str, engine: Any, how: str, begin: int, end: int, epochs: str, policy: Any
) -> None:
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    model: Any = torch.nn.Linear(2, 1)
    optimizer: Any = torch.optim.SGD(model.parameters(), lr=0.1)
    loader: Any = torch.utils.data.DataLoader(torch.randn(80, 2), batch_size=4)  # type: ignore[arg-type]  # a tensor has all that is needed
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    per_epoch = -(-len(loader) // 2)
    line = schedlang.parse(METRIC if how == "plateau" else LINE)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", schedlang.ScheduleWarning)
        scheduler: Any = line.to_torch(
            optimizer,
            engine=engine,
            total=None if how == "plateau" else f"{epochs}ep",
            steps_per_epoch=per_epoch,
            on_mismatch=policy,
        )
        if how == "prepared":
            scheduler = accelerator.prepare(scheduler)
        else:
            accelerator.register_for_checkpointing(scheduler)
        if begin:
            accelerator.load_state(folder)
        rates = []
        for epoch in range(begin, end):
            for batch in loader:
                with accelerator.accumulate(model):
                    if accelerator.sync_gradients:
                        rates.append(optimizer.param_groups[0]["lr"])
                    accelerator.backward(model(batch).square().mean())
                    optimizer.step()
                    if how == "prepared" or (
                        accelerator.sync_gradients and not accelerator.optimizer_step_was_skipped
                    ):
                        scheduler.step()
                    optimizer.zero_grad()
            if how == "plateau":
                # Rank 0 alone improves, and the mean over both does not.
                sign = 1 if accelerator.is_main_process else -1
                metric = torch.tensor(100.0 - sign * epoch)
                scheduler.observe(accelerator.reduce(metric, reduction="mean"))
        accelerator.save_state(folder)
    if accelerator.is_main_process:
        ours = [str(each.message) for each in caught if each.category is schedlang.ScheduleWarning]
        sys.stdout.write(
            json.dumps({"per_epoch": per_epoch, "rates": rates, "warnings": ours}) + "\n"
        )


if __name__ == "__main__":
    folder, engine, how, begin, end, *other = sys.argv[1:]
    main(folder, engine, how, int(begin), int(end), *(other or ("4", "raise")))
