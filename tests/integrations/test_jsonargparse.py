"""A `Schedule` and a `Plan` in jsonargparse's parsers and in LightningCLI."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
import yaml
from jsonargparse import ArgumentParser
from lightning.pytorch.cli import LightningCLI

import schedlang
from schedlang import Plan, Schedule
from schedlang.integrations.lightning import configure
from tests.integrations.following import (
    LINE,
    PLAN,
    assert_follows,
    assert_follows_plan,
    groups_of,
    numbers_of,
)

pytestmark = pytest.mark.filterwarnings("default", "error::schedlang.ScheduleWarning")


def parser_of(kind: Any, **options: Any) -> Any:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--schedule", type=kind, **options)
    return parser


@pytest.mark.parametrize("kind", [Schedule, Schedule | None])
@pytest.mark.parametrize(
    "text",
    [
        "schedule: warmup 5 -> cosine 90",
        (
            "schedule: {stages: [{kind: linear, role: warmup, duration: 5}, "
            "{kind: cosine, duration: 90}]}"
        ),
    ],
)
def test_yaml(text: str, kind: Any) -> None:
    parser = parser_of(kind)
    parsed = parser.parse_string(text)
    assert parsed.schedule == schedlang.parse("warmup 5 -> cosine 90")
    assert parser.dump(parsed) == "schedule: warmup linear 5 -> cosine 90\n"


def test_a_mistake_has_its_marker() -> None:
    with pytest.raises(Exception, match="Not of type Schedule") as refused:
        parser_of(Schedule).parse_args(["--schedule", "cosin 90"])
    assert str(refused.value) == (
        'Parser key "schedule":\n'
        "  Not of type Schedule: error[unknown-phase]: there is no phase called `cosin`\n"
        "    |\n  1 | cosin 90\n    | ^^^^^ did you mean `cosine`?"
    )


@pytest.mark.parametrize(
    "text",
    [
        "schedule: {total: 100ep, lr: {b*: hold, '*': cosine rest}, eps: hold}",
        "schedule: |\n  total: 100ep\n  lr: {b*: hold, '*': cosine rest}\n  eps: hold",
    ],
)
@pytest.mark.parametrize("kind", [Plan, Plan | None])
def test_yaml_of_a_plan(text: str, kind: Any) -> None:
    parser = parser_of(kind)
    parsed = parser.parse_string(text)
    assert parsed.schedule == Plan(total="100ep", lr={"b*": "hold", "*": "cosine rest"}, eps="hold")
    assert parser.dump(parsed) == (
        "schedule:\n  total: 100ep\n  lr:\n    b*: hold\n    '*': cosine rest\n  eps: hold\n"
    )


def test_a_mistake_in_a_plan_has_its_marker() -> None:
    with pytest.raises(Exception, match="Not of type Plan") as refused:
        parser_of(Plan).parse_args(["--schedule", "{lr: cosine 90, weight_decay: cosin 90}"])
    assert str(refused.value) == (
        'Parser key "schedule":\n'
        "  Not of type Plan: error[unknown-phase]: there is no phase called `cosin`\n"
        "    at weight_decay\n"
        "    |\n  1 | cosin 90\n    | ^^^^^ did you mean `cosine`?"
    )


@pytest.mark.parametrize(
    ("default", "shown"),
    [
        ("cosine 90", "cosine 90"),
        (Schedule("total=100ep | cosine rest"), "total=100ep | cosine rest"),
        (Plan(total="100ep", lr="hold"), "{'total': '100ep', 'lr': 'hold'}"),
    ],
)
def test_a_default(default: Any, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    kind = Plan if isinstance(default, Plan) else Schedule
    parser = parser_of(kind, default=default, help="the rate")
    parser.print_help()
    text = " ".join(capsys.readouterr().out.split())
    kinds = f"<class '{kind.__name__}'>"
    assert text.endswith(f"--schedule SCHEDULE the rate (type: {kinds}, default: {shown})")
    assert kind.model_validate(parser.parse_args([]).schedule) == kind.model_validate(default)


class Model(pl.LightningModule):
    def __init__(
        self,
        schedule: Schedule = Schedule("cosine rest"),  # noqa: B008  # frozen
        lr: float = 0.1,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.schedule, self.lr = schedule, lr
        self.net = torch.nn.Linear(2, 1)
        self.rates: list[float] = []

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        self.rates.append(self.trainer.optimizers[0].param_groups[0]["lr"])
        loss: torch.Tensor = self.net(batch).square().mean()
        return loss

    def train_dataloader(self) -> Any:
        return torch.utils.data.DataLoader(torch.randn(40, 2), batch_size=4)  # type: ignore[arg-type]  # a tensor has all that is needed

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=self.lr)
        return configure(self, optimizer, self.schedule)


class Planned(Model):
    def __init__(self, schedule: Plan) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.schedule: Any = schedule
        self.body, self.seen = torch.nn.Linear(2, 2), list[dict[str, float]]()

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        self.seen.append(numbers_of(self.trainer.optimizers[0]))
        return super().training_step(self.body(batch), index)

    def configure_optimizers(self) -> Any:
        return configure(self, torch.optim.SGD(groups_of(self.body, self.net)), self.schedule)


def run(folder: Path, *arguments: str, model: Any = Model) -> Any:
    return LightningCLI(
        model,
        args=["fit", "--config", str(folder / "train.yaml"), *arguments],
        save_config_kwargs={"overwrite": True},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    trainer: dict[str, Any] = {"max_epochs": 4, "accelerator": "cpu", "logger": False}
    trainer |= {"enable_progress_bar": False, "default_root_dir": str(tmp_path / "run")}
    save = {"save_top_k": -1, "filename": "{epoch}"}
    trainer["callbacks"] = [
        {"class_path": "lightning.pytorch.callbacks.ModelCheckpoint", "init_args": save}
    ]
    config = {"trainer": trainer, "model": {"schedule": LINE}}
    (tmp_path / "train.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return tmp_path


def test_lightning_cli(folder: Path) -> None:
    binding: dict[str, Any] = {"total": "40st", "steps_per_epoch": 10}
    assert_follows(run(folder).model.rates, end=40, **binding)
    (checkpoint,) = folder.rglob("epoch=1.ckpt")
    rest = run(folder, "--ckpt_path", str(checkpoint))
    assert_follows(rest.model.rates, begin=20, end=40, **binding)
    other = run(folder, "--model.schedule", "cosine rest")
    assert_follows(other.model.rates, "cosine rest", end=40, total=40)


def test_print_config(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(folder, "--print_config")
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["model"]["schedule"] == str(schedlang.parse(LINE))
    (folder / "train.yaml").write_text("model: {lr: 0.2}", encoding="utf-8")
    with pytest.raises(SystemExit):
        run(folder, "--print_config")
    assert yaml.safe_load(capsys.readouterr().out)["model"]["schedule"] == "cosine rest"


class WithADefault(Planned):
    def __init__(self, schedule: Plan = Plan(total="9ep", lr="hold")) -> None:  # noqa: B008  # frozen
        super().__init__(schedule)


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        (Model, "(type: <class 'Schedule'>, default: cosine rest)"),
        (Planned, "(required, type: <class 'Plan'>)"),
        (WithADefault, "(type: <class 'Plan'>, default: {'total': '9ep', 'lr': 'hold'})"),
    ],
)
def test_the_help_of_lightning_cli(
    model: Any, shown: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        LightningCLI(model, args=["fit", "--help"])
    lines = re.findall(r"  --model\.schedule SCHEDULE\n +(.*)", capsys.readouterr().out)
    assert lines == [shown]


def test_lightning_cli_with_a_plan(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = yaml.safe_load((folder / "train.yaml").read_text(encoding="utf-8"))
    text = yaml.safe_dump({**config, "model": {"schedule": PLAN}}, sort_keys=False)
    (folder / "train.yaml").write_text(text, encoding="utf-8")
    binding: dict[str, Any] = {"total": "40st", "steps_per_epoch": 10}
    assert_follows_plan(run(folder, model=Planned).model.seen, end=40, **binding)
    (checkpoint,) = folder.rglob("epoch=1.ckpt")
    rest = run(folder, "--ckpt_path", str(checkpoint), model=Planned)
    assert_follows_plan(rest.model.seen, begin=20, end=40, **binding)
    capsys.readouterr()
    with pytest.raises(SystemExit):
        run(folder, "--print_config", model=Planned)
    assert Plan(yaml.safe_load(capsys.readouterr().out)["model"]["schedule"]) == Plan(PLAN)


def test_an_older_release_is_refused_and_lightning_does_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: "4.45.0")
    monkeypatch.delitem(sys.modules, "schedlang.integrations.jsonargparse")
    with pytest.raises(ImportError) as refused:
        import_module("schedlang.integrations.jsonargparse")
    assert str(refused.value) == (
        "a Schedule as an argument needs jsonargparse 4.46 or later; 4.45.0 is installed: "
        "python -m pip install --upgrade jsonargparse"
    )
    monkeypatch.delitem(sys.modules, "schedlang.integrations.lightning")
    assert import_module("schedlang.integrations.lightning").configure is not configure
