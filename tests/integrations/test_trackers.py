"""The numbers of a schedule in TensorBoard, W&B, MLflow and CSV, read back from their files."""

from __future__ import annotations

import csv
import json
import re
import struct
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import accelerate
import keras
import lightning.pytorch as pl
import mlflow
import numpy as np
import pytest
import torch
import transformers
import wandb
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter
from wandb.integration.keras import WandbMetricsLogger
from wandb.proto import wandb_internal_pb2

import schedlang
from schedlang.integrations import keras as ours_of_keras
from schedlang.integrations import lightning as ours_of_lightning
from schedlang.integrations import transformers as ours_of_transformers
from schedlang.integrations.tracking import config, scalars

pytestmark = pytest.mark.filterwarnings("default", "error::schedlang.ScheduleWarning")

LINE = "warmup 3st -> cosine rest min=1%"
PROGRAM = schedlang.parse(LINE).bind(lr=0.1, total="12st")
NUMBERS = [
    {
        "schedule/lr": PROGRAM.at(tick),
        "schedule/phase": int(tick >= 3),
        "schedule/progress": tick / 12,
    }
    for tick in range(12)
]
"""What is to be found of each update."""

CONFIG = {
    "schedule/line": "warmup linear 3st -> cosine rest min=1%",
    "schedule/phases": "0: warmup linear 3st, 1: cosine rest min=1%, 2: (end level)",
    "schedule/base": 0.1,
    "schedule/total": "12st",
}


def assert_found(found: list[dict[str, float]], ticks: list[int]) -> None:
    """The numbers of those updates, in the precision of a float32, and no others."""
    assert found == [pytest.approx(NUMBERS[tick], rel=1e-6) for tick in ticks]


# ------------------------------------------------------------------ what the trackers have written


def of_tensorboard(folder: Path, prefix: str = "") -> tuple[dict[int, dict[str, float]], set[str]]:
    """The scalars by step, and the texts."""
    events = EventAccumulator(str(folder))
    events.Reload()
    found: dict[int, dict[str, float]] = {}
    for tag in events.Tags()["scalars"]:
        if tag.startswith(f"{prefix}schedule"):
            for event in events.Scalars(tag):
                found.setdefault(event.step, {})[tag.removeprefix(prefix)] = event.value
    texts = set()
    for tag in events.Tags()["tensors"]:
        for text in events.Tensors(tag):
            texts.add(f"{tag} {text.tensor_proto.string_val[0].decode()}")
    return found, texts


def hyperparameters(folder: Path) -> bytes:
    """The hyperparameters of the run, as TensorBoard's events have them."""
    events = EventAccumulator(str(folder))
    events.Reload()
    found: bytes = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    return found


def records(data: bytes) -> Iterator[bytes]:
    """The records of an offline run's file: LevelDB's log format, behind 7 bytes of W&B's own."""
    at, parts = 7, b""
    while at < len(data):
        left = 32768 - at % 32768
        if left < 7:
            at += left  # the rest of a block is too short for a header
            continue
        length, kind = struct.unpack("<xxxxHB", data[at : at + 7])
        at += 7 + length
        parts += data[at - length : at]
        if kind in {1, 4}:  # a whole record, or the last part of one
            yield parts
            parts = b""


def of_wandb(folder: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The history and the config of the only offline run."""
    wandb.teardown()  # its service then has written all of the file
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    history, run_config = [], {}
    for data in records(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        for item in (*record.run.config.update, *record.config.update):
            run_config[item.key] = json.loads(item.value_json)
        row = {
            item.key or "/".join(item.nested_key): json.loads(item.value_json)
            for item in record.history.item
        }
        if row:
            history.append(row)
    return history, run_config


def of_mlflow(run_id: str) -> tuple[dict[int, dict[str, float]], dict[str, str]]:
    """The metrics by step, and the parameters."""
    client = mlflow.MlflowClient()
    run = client.get_run(run_id)
    found: dict[int, dict[str, float]] = {}
    for name in run.data.metrics:
        if name.startswith("schedule"):
            for metric in client.get_metric_history(run_id, name):
                found.setdefault(metric.step, {})[name] = metric.value
    return found, run.data.params


@pytest.fixture
def _mlflow_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """MLflow's runs in files, until the test ends."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    yield
    mlflow.end_run()


# ------------------------------------------------------------------ a loop of one's own


def loop(log: Any, every_n: int = 1) -> None:
    """A training of 12 updates that logs each n-th."""
    parameter = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    scheduler = schedlang.to_torch(optimizer, LINE, total="12st")
    for update in range(12):
        optimizer.step()
        if (update + 1) % every_n == 0:
            log(scalars(scheduler), update)
        scheduler.step()


def test_tensorboard(tmp_path: Path) -> None:
    def log(found: dict[str, float], step: int) -> None:
        for name, value in found.items():
            writer.add_scalar(name, value, step)

    with SummaryWriter(tmp_path) as writer:
        for name, value in config(PROGRAM).items():
            writer.add_text(name, str(value))
        loop(log, every_n=3)
    found, texts = of_tensorboard(tmp_path)
    assert list(found) == [2, 5, 8, 11]
    assert_found(list(found.values()), [2, 5, 8, 11])
    assert f"schedule/line/text_summary {CONFIG['schedule/line']}" in texts


def test_wandb(tmp_path: Path) -> None:
    with wandb.init(mode="offline", dir=tmp_path, config=config(PROGRAM)) as run:
        loop(run.log)
    history, run_config = of_wandb(tmp_path)
    assert [row["_step"] for row in history] == list(range(12))
    assert_found([{name: row[name] for name in NUMBERS[0]} for row in history], list(range(12)))
    assert {name: run_config[name] for name in CONFIG} == CONFIG


@pytest.mark.usefixtures("_mlflow_files")
def test_mlflow() -> None:
    with mlflow.start_run() as run:
        mlflow.log_params(config(PROGRAM))
        loop(mlflow.log_metrics)
    found, parameters = of_mlflow(run.info.run_id)
    assert list(found) == list(range(12))
    assert_found(list(found.values()), list(range(12)))
    assert {name: parameters[name] for name in CONFIG} == {n: str(x) for n, x in CONFIG.items()}


def test_accelerate(tmp_path: Path) -> None:
    accelerator = accelerate.Accelerator(cpu=True, log_with="tensorboard", project_dir=tmp_path)
    accelerator.init_trackers("run", config(PROGRAM))
    loop(accelerator.log)
    accelerator.end_training()
    found, _ = of_tensorboard(tmp_path / "run")
    assert list(found) == list(range(12))
    assert_found(list(found.values()), list(range(12)))
    (written,) = tmp_path.glob("run/*/hparams.yml")
    assert "schedule/line: warmup linear 3st -> cosine rest min=1%" in written.read_text()


def test_csv(tmp_path: Path) -> None:
    with (tmp_path / "rates.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, NUMBERS[0])
        writer.writeheader()
        loop(lambda found, _: writer.writerow(found))
    with (tmp_path / "rates.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert_found([{n: float(x) for n, x in row.items()} for row in rows], list(range(12)))


@pytest.mark.parametrize("every_n", [0, -2, 1.5, "3"])
@pytest.mark.parametrize(
    "tracker",
    [
        ours_of_lightning.ScheduleTracker,
        partial(ours_of_transformers.ScheduleTracker, None),
        partial(ours_of_keras.ScheduleTracker, PROGRAM),
    ],
)
def test_a_wrong_number_of_updates(tracker: Any, every_n: Any) -> None:
    message = f"every_n must be a whole number of at least 1, not {every_n!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        tracker(every_n=every_n)


# ------------------------------------------------------------------ Lightning


class Model(pl.LightningModule):
    def __init__(self, schedule: Any = LINE) -> None:
        super().__init__()
        self.net, self.schedule = torch.nn.Linear(2, 1), schedule

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        loss: torch.Tensor = self.net(batch).square().mean()
        return loss

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1, weight_decay=0.01)
        return ours_of_lightning.configure(self, optimizer, self.schedule)


def fit(model: Any, tracker: pl.Callback, loggers: Any, **options: Any) -> None:
    trainer = pl.Trainer(
        accelerator="cpu",
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        callbacks=[tracker],
        logger=loggers,
        **{"max_epochs": 3, "log_every_n_steps": 2, **options},
    )
    data: Any = torch.randn(16, 2)
    trainer.fit(model, DataLoader(data, batch_size=4))


@pytest.mark.parametrize(
    ("every_n", "options", "ticks"),
    [
        (1, {}, list(range(12))),
        (None, {}, [1, 3, 5, 7, 9, 11]),
        (5, {"accumulate_grad_batches": 2, "max_epochs": 6}, [4, 9]),
    ],
)
def test_lightning(
    every_n: int | None, options: dict[str, Any], ticks: list[int], tmp_path: Path
) -> None:
    loggers = [CSVLogger(tmp_path, "csv", ""), TensorBoardLogger(tmp_path, "board", "")]
    fit(Model(), ours_of_lightning.ScheduleTracker(every_n), loggers, **options)
    with (tmp_path / "csv" / "metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["schedule/lr"]]
    assert [int(row["step"]) for row in rows] == ticks
    assert_found([{name: float(row[name]) for name in NUMBERS[0]} for row in rows], ticks)
    found, _ = of_tensorboard(tmp_path / "board")
    assert_found(list(found.values()), ticks)
    assert "schedule/line: warmup linear 3st" in (tmp_path / "csv" / "hparams.yaml").read_text()
    assert b"schedule/line" in hyperparameters(tmp_path / "board")


PLAN = {"lr": LINE, "weight_decay": "linear 100% to=13x"}
OF_PLAN = [
    {
        **numbers,
        "schedule/weight_decay": 0.01 * (1 + tick),
        "schedule/phase.weight_decay": 0,
    }
    for tick, numbers in enumerate(NUMBERS)
]


def test_lightning_with_a_plan(tmp_path: Path) -> None:
    fit(Model(PLAN), ours_of_lightning.ScheduleTracker(1), CSVLogger(tmp_path, "csv", ""))
    with (tmp_path / "csv" / "metrics.csv").open() as file:
        rows = [{name: float(row[name]) for name in OF_PLAN[0]} for row in csv.DictReader(file)]
    assert rows == [pytest.approx(each, rel=1e-6) for each in OF_PLAN]
    written = (tmp_path / "csv" / "hparams.yaml").read_text()
    assert "schedule/line.weight_decay: linear 100% to=13x" in written


class Two(Model):
    """Two optimizers by hand, each with its line."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.other = torch.nn.Linear(2, 1)

    def training_step(self, batch: torch.Tensor, index: int) -> Any:
        for net, optimizer, scheduler in zip(
            (self.net, self.other), self.optimizers(), self.lr_schedulers(), strict=True
        ):
            optimizer.zero_grad()
            self.manual_backward(net(batch).square().mean())
            optimizer.step()
            scheduler.step()

    def configure_optimizers(self) -> Any:
        first = torch.optim.SGD(self.net.parameters(), lr=0.1)
        second = torch.optim.SGD(self.other.parameters(), lr=0.1)
        return [first, second], [
            schedlang.to_torch(first, LINE, total="12st"),
            schedlang.to_torch(second, "linear 24"),
        ]


def test_lightning_with_two_schedulers(tmp_path: Path) -> None:
    fit(Two(), ours_of_lightning.ScheduleTracker(1), CSVLogger(tmp_path, "csv", ""))
    with (tmp_path / "csv" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert_found(
        [{n: float(row[n]) for n in NUMBERS[0]} for row in rows if row["schedule/lr"]],
        list(range(12)),
    )
    second = [float(row["schedule1/lr"]) for row in rows if row["schedule1/lr"]]
    assert second == pytest.approx([0.1 * (1 - tick / 24) for tick in range(12)])


class Foreign(Model):
    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_lightning_without_a_schedule() -> None:
    with pytest.raises(ValueError, match=r"^the module has no scheduler of schedlang, whose"):
        fit(Foreign(), ours_of_lightning.ScheduleTracker(), loggers=False)


# ------------------------------------------------------------------ transformers


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = torch.nn.Linear(2, 1)

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> dict[str, Any]:
        return {"loss": self.net(x).square().mean()}


def of_first_group(found: dict[str, float]) -> dict[str, float]:
    """The numbers without those of the second of the Trainer's groups, which are the same."""
    second = found.pop("schedule/lr.1")
    assert second == found["schedule/lr"]
    return found


def train(
    folder: Path, every_n: int | None, reporters: list[str], schedule: Any = LINE, **options: Any
) -> Any:
    arguments = transformers.TrainingArguments(
        str(folder / "run"),
        learning_rate=0.1,
        num_train_epochs=3,
        per_device_train_batch_size=4,
        use_cpu=True,
        disable_tqdm=True,
        save_strategy="no",
        report_to=reporters,
        **{"logging_steps": 4, **options},
    )
    data = [{"x": torch.randn(2), "labels": torch.zeros(1)} for _ in range(16)]
    trainer = ours_of_transformers.ScheduledTrainer(
        Net(), arguments, train_dataset=data, schedule=schedule
    )
    trainer.add_callback(ours_of_transformers.ScheduleTracker(trainer, every_n))
    trainer.train()
    return trainer


@pytest.mark.parametrize(
    ("every_n", "ticks"), [(1, list(range(12))), (None, [3, 7, 11]), (5, [4, 9])]
)
@pytest.mark.usefixtures("_mlflow_files")
def test_transformers(every_n: int | None, ticks: list[int], tmp_path: Path) -> None:
    mlflow_run = mlflow.start_run()
    with wandb.init(mode="offline", dir=tmp_path):
        train(tmp_path, every_n, ["tensorboard", "wandb", "mlflow"])

    steps = [tick + 1 for tick in ticks]  # the Trainer counts the update that it reports
    board = next(tmp_path.rglob("events.out.tfevents.*")).parent
    found, texts = of_tensorboard(board, "train/")
    assert sorted(found) == steps
    assert_found([of_first_group(found[step]) for step in steps], ticks)
    assert f"schedule/line/text_summary {CONFIG['schedule/line']}" in texts

    history, run_config = of_wandb(tmp_path)
    rows = [row for row in history if "train/schedule/lr" in row]
    assert [row["train/global_step"] for row in rows] == steps
    assert_found([{name: row[f"train/{name}"] for name in NUMBERS[0]} for row in rows], ticks)
    assert {name: run_config[name] for name in CONFIG} == CONFIG

    found, parameters = of_mlflow(mlflow_run.info.run_id)
    assert sorted(found) == steps
    assert_found([of_first_group(found[step]) for step in steps], ticks)
    assert {name: parameters[name] for name in CONFIG} == {n: str(x) for n, x in CONFIG.items()}


def test_transformers_with_a_plan(tmp_path: Path) -> None:
    """The Trainer's second group, of the bias, has no weight decay."""
    history = train(tmp_path, 1, [], PLAN, weight_decay=0.01).state.log_history
    found = [each for each in history if "schedule/lr" in each]
    assert len(found) == 12
    assert [{name: each[name] for name in OF_PLAN[0]} for each in found] == [
        pytest.approx(each, rel=1e-6) for each in OF_PLAN
    ]
    assert [each["schedule/weight_decay.1"] for each in found] == 12 * [0.0]


def test_the_trainer_goes_on_logging(tmp_path: Path) -> None:
    history = train(tmp_path, None, []).state.log_history
    for name in ("loss", "schedule/lr"):
        assert [each["step"] for each in history if name in each] == [4, 8, 12]


def test_transformers_with_another_scheduler(tmp_path: Path) -> None:
    trainer = transformers.Trainer(
        Net(), transformers.TrainingArguments(str(tmp_path), use_cpu=True, report_to=[]),
        train_dataset=[{"x": torch.randn(2), "labels": torch.zeros(1)}],
    )  # fmt: skip
    trainer.add_callback(ours_of_transformers.ScheduleTracker(trainer))
    with pytest.raises(TypeError, match=r"^expected a scheduler that schedlang made, .* LambdaLR$"):
        trainer.train()


# ------------------------------------------------------------------ Keras


def test_keras(tmp_path: Path) -> None:
    """The callbacks that follow ours find the numbers of each update."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    rate = schedlang.parse(LINE).to_keras(lr=0.1, total="12st")
    model.compile(keras.optimizers.SGD(rate), "mse")
    with wandb.init(mode="offline", dir=tmp_path, config=config(PROGRAM)):
        every = [
            ours_of_keras.ScheduleTracker(PROGRAM),
            keras.callbacks.TensorBoard(tmp_path / "board", write_graph=False, update_freq=1),
            WandbMetricsLogger("batch"),
        ]
        x, y = np.ones((16, 2)), np.ones((16, 1))
        model.fit(x, y, batch_size=4, epochs=3, verbose=0, callbacks=every)

    events = EventAccumulator(str(tmp_path / "board" / "train"), {"tensors": 0})  # all
    events.Reload()
    columns = {
        name: [float(make_ndarray(each.tensor_proto)) for each in events.Tensors(f"batch_{name}")]
        for name in NUMBERS[0]
    }
    rows = zip(*columns.values(), strict=True)
    assert_found([dict(zip(columns, row, strict=True)) for row in rows], list(range(12)))

    history, run_config = of_wandb(tmp_path)
    batches = [row for row in history if "batch/schedule/lr" in row]
    assert_found(
        [{name: row[f"batch/{name}"] for name in NUMBERS[0]} for row in batches], list(range(12))
    )
    assert {name: run_config[name] for name in CONFIG} == CONFIG
