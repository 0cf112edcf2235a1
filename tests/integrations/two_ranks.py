"""One rank of trainings under a trainer, which its argument names; started by `test_two_processes`.

Rank 0 prints the rates of each update, or the error, of each training as JSON.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

import schedlang
from tests.integrations.following import LINE, METRIC

EXAMPLES = 80  # 10 updates of two batches of 4


def lightning(
    folder: Path, line: str, epochs: int, *, resumed: bool = False, on_mismatch: Any = "raise"
) -> list[float]:
    import lightning.pytorch as pl
    from lightning.pytorch.callbacks import ModelCheckpoint
    from torch.utils.data import DataLoader

    from schedlang.integrations.lightning import configure

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Model(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = torch.nn.Linear(2, 1)
            self.rates: list[float] = []

        def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
            self.rates.append(self.trainer.optimizers[0].param_groups[0]["lr"])
            loss: torch.Tensor = self.net(batch).square().mean()
            return loss

        def validation_step(self, batch: torch.Tensor, index: int) -> None:
            # Rank 1 alone improves, and the mean over both does not.
            sign = 1 if self.global_rank else -1
            self.log("val_loss", 100.0 - sign * self.current_epoch)

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
            return configure(self, optimizer, line, on_mismatch=on_mismatch)

    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        devices=2,
        strategy="ddp",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[ModelCheckpoint(folder, "{epoch}", save_top_k=-1)],
    )
    model = Model()
    train: Any = DataLoader(torch.randn(EXAMPLES, 2), batch_size=4)  # type: ignore[arg-type]  # a tensor has all that is needed
    validate: Any = DataLoader(torch.randn(8, 2), batch_size=4)  # type: ignore[arg-type]  # likewise
    path = folder / "epoch=1.ckpt" if resumed else None
    trainer.fit(model, train, validate, ckpt_path=path)
    return model.rates


def transformers(
    folder: Path, line: str, epochs: int, *, resumed: bool = False, on_mismatch: Any = "raise"
) -> list[float]:
    from transformers import TrainerCallback, TrainingArguments

    from schedlang.integrations.transformers import ScheduledTrainer

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = torch.nn.Linear(2, 1)

        def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> dict[str, Any]:
            return {"loss": self.net(x).square().mean(), "logits": self.net(x)}

    class Rates(TrainerCallback):
        seen: list[float] = []  # noqa: RUF012  # of this call's class

        def on_pre_optimizer_step(self, *_: Any, lr_scheduler: Any, **others: Any) -> None:
            self.seen.append(lr_scheduler.optimizer.param_groups[0]["lr"])

    data = [{"x": torch.randn(2), "labels": torch.zeros(1)} for _ in range(EXAMPLES)]
    arguments = TrainingArguments(
        str(folder),
        num_train_epochs=epochs,
        learning_rate=0.1,
        per_device_train_batch_size=4,
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
        logging_strategy="no",
        save_strategy="no" if resumed else "epoch",
        eval_strategy="epoch" if line == METRIC else "no",
    )
    trainer = ScheduledTrainer(
        Model(),
        arguments,
        train_dataset=data,
        eval_dataset=data[:8],
        callbacks=[Rates],
        schedule=line,
        on_mismatch=on_mismatch,
        compute_metrics=lambda _: {"val_loss": 1.0},
    )
    trainer.train(resume_from_checkpoint=str(folder / "checkpoint-20") if resumed else None)
    return Rates.seen


def ignite(
    folder: Path, line: str, epochs: int, *, resumed: bool = False, on_mismatch: Any = "raise"
) -> list[float]:
    import ignite.distributed as idist
    from ignite.engine import Engine, Events
    from ignite.handlers import Checkpoint, DiskSaver

    if not dist.is_initialized():
        idist.initialize("gloo")
    model = idist.auto_model(torch.nn.Linear(2, 1))
    optimizer = idist.auto_optim(torch.optim.SGD(model.parameters(), lr=0.1))
    scheduler: Any = schedlang.to_torch(
        optimizer, line, total=f"{epochs}ep", steps_per_epoch=10, on_mismatch=on_mismatch
    )
    rates = []

    def update(_: Engine, batch: torch.Tensor) -> None:
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.zero_grad()
        model(batch).square().mean().backward()
        optimizer.step()

    trainer = Engine(update)
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda _: scheduler.step())
    parts = {"trainer": trainer, "optimizer": optimizer, "scheduler": scheduler}
    if resumed:
        Checkpoint.load_objects(parts, torch.load(folder / "parts.pt", weights_only=True))
    else:
        saver = Checkpoint(
            parts, DiskSaver(folder, require_empty=False), filename_pattern="parts.pt"
        )
        trainer.add_event_handler(Events.EPOCH_COMPLETED(once=2), saver)

    def observe(_: Engine) -> None:
        improves = trainer.state.epoch * (1 if idist.get_rank() else -1)
        scheduler.observe(idist.all_reduce(100.0 - improves) / idist.get_world_size())

    if line == METRIC:
        trainer.add_event_handler(Events.EPOCH_COMPLETED, observe)
    trainer.run(torch.randn(10, 4, 2), max_epochs=epochs)
    return rates


def deepspeed(
    folder: Path, line: str, epochs: int, *, resumed: bool = False, on_mismatch: Any = "raise"
) -> list[float]:
    os.environ["DS_ACCELERATOR"] = "cpu"
    import deepspeed

    if not dist.is_initialized():
        deepspeed.init_distributed("gloo")
    model = torch.nn.Linear(2, 1)
    binding: Any = {"total": f"{epochs}ep", "steps_per_epoch": 10, "on_mismatch": on_mismatch}
    engine, optimizer, _, scheduler = deepspeed.initialize(
        model=model,
        optimizer=torch.optim.AdamW(model.parameters(), lr=0.1),
        lr_scheduler=lambda optimizer: schedlang.to_torch(optimizer, line, **binding),
        config={
            "train_micro_batch_size_per_gpu": 4,
            "gradient_accumulation_steps": 2,
            "zero_optimization": {"stage": 2},
            "zero_allow_untested_optimizer": True,
        },
    )
    if resumed:
        engine.load_checkpoint(str(folder))
        scheduler.jump(scheduler.last_epoch)  # ZeRO loads the rates after the scheduler
    rates = []
    for epoch in range(2 if resumed else 0, epochs):
        for _ in range(10):
            rates.append(optimizer.param_groups[0]["lr"])
            for _ in range(2):
                engine.backward(engine(torch.randn(4, 2)).square().mean())
                engine.step()
        if epoch == 1 and line != METRIC:
            engine.save_checkpoint(str(folder))
        if line == METRIC:
            scheduler.observe(1.0)
    return rates


def main(library: str, folder: Path) -> None:
    trainers = (lightning, transformers, ignite, deepspeed)
    train: Any = next(each for each in trainers if each.__name__ == library)
    found: dict[str, Any] = {"whole": train(folder, LINE, 4)}
    found["resumed"] = train(folder, LINE, 4, resumed=True)
    try:
        train(folder, LINE, 8, resumed=True)
    except ValueError as error:
        found["longer"] = str(error)
    for policy in ("keep-step", "keep-fraction"):
        found[policy] = train(folder, LINE, 8, resumed=True, on_mismatch=policy)
    found["plateau"] = train(folder, METRIC, 4)
    every: list[Any] = [None, None]
    dist.all_gather_object(every, found)
    if dist.get_rank() == 0:
        assert every[0] == every[1]
        sys.stdout.write("\n" + json.dumps(found) + "\n")
        sys.stdout.flush()
    dist.barrier()  # or one may leave while the other still listens
    os._exit(0)  # taking gloo's threads down at the interpreter's end now and then aborts


if __name__ == "__main__":
    warnings.simplefilter("error", schedlang.ScheduleWarning)
    # PyTorch 2.4 cannot load to "cpu:0", where transformers 4 resumes.
    torch.serialization.register_package(
        100, lambda _: None, lambda storage, place: storage if place == "cpu:0" else None
    )
    main(sys.argv[1], Path(sys.argv[2]))
