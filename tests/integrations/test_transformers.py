"""`ScheduledTrainer` and `ScheduleCallback` in small real trainings."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
import yaml
from transformers import HfArgumentParser, Trainer, TrainerCallback, TrainingArguments

import schedlang
from schedlang import Plan, Schedule, ScheduleError, ScheduleWarning
from schedlang.integrations.transformers import ScheduleCallback, ScheduledTrainer
from tests.integrations.following import (
    LINE,
    METRIC,
    PLAN,
    assert_follows,
    assert_follows_plan,
    groups_of,
    halvings,
    numbers_of,
)

pytestmark = pytest.mark.filterwarnings("default", "error::schedlang.ScheduleWarning")

DATA = [{"x": torch.randn(2), "labels": torch.zeros(1)} for _ in range(40)]
ROUNDS_DOWN = tuple(map(int, transformers.__version__.split(".")[:2])) < (4, 52)
"""Whether the Trainer counts no update for the last batches of an epoch, if they are too few."""


def updates(accumulated: int) -> int:
    """The updates in 4 epochs of 10 batches."""
    return 4 * (10 // accumulated if ROUNDS_DOWN else math.ceil(10 / accumulated))


class Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.net = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> dict[str, Any]:
        logits = self.net(self.body(x))
        return {"loss": 0 * logits.mean() + 1, "logits": logits}


class Rates(TrainerCallback):
    def __init__(self) -> None:
        self.seen: list[float] = []
        self.numbers: list[dict[str, float]] = []

    def on_pre_optimizer_step(self, *_: Any, lr_scheduler: Any, **others: Any) -> None:
        optimizer = lr_scheduler.optimizer
        self.seen.append(optimizer.param_groups[0]["lr"])
        if "name" in optimizer.param_groups[0]:
            self.numbers.append(numbers_of(optimizer))


def arguments(folder: Path, epochs: int = 4, **options: Any) -> TrainingArguments:
    return TrainingArguments(
        str(folder),
        num_train_epochs=epochs,
        learning_rate=0.1,
        per_device_train_batch_size=4,
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
        logging_strategy="no",
        **{"save_strategy": "no", **options},
    )


def train(
    folder: Path,
    line: str = LINE,
    *,
    resume: str | None = None,
    on_mismatch: Any = "raise",
    data: Any = DATA,
    **options: Any,
) -> list[float]:
    rates = Rates()
    trainer = ScheduledTrainer(
        Model(),
        arguments(folder, **options),
        train_dataset=data,
        eval_dataset=DATA[:8],
        callbacks=[rates],
        schedule=line,
        on_mismatch=on_mismatch,
    )
    trainer.train(resume_from_checkpoint=None if resume is None else str(folder / resume))
    return rates.seen


@pytest.mark.parametrize(
    ("line", "options", "end", "binding"),
    [
        (LINE, {}, 40, {"total": "40st", "steps_per_epoch": 10}),
        (
            LINE,
            {"gradient_accumulation_steps": 3},
            updates(3),
            {"total": f"{updates(3)}st", "steps_per_epoch": updates(3) // 4},
        ),
        (LINE, {"max_steps": 25}, 25, {"total": "25st", "steps_per_epoch": 10}),
        (
            "warmup 36 ex -> cosine rest",
            {"gradient_accumulation_steps": 3},
            updates(3),
            {"total": f"{updates(3)}st", "samples_per_step": 12},
        ),
    ],
)
def test_every_update(
    line: str, options: dict[str, Any], end: int, binding: dict[str, Any], tmp_path: Path
) -> None:
    assert_follows(train(tmp_path, line, **options), line, end=end, **binding)


class Unsized(torch.utils.data.IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter(DATA)


def test_data_of_unknown_length(tmp_path: Path) -> None:
    line = "warmup 5 -> step every=9"
    assert_follows(train(tmp_path, line, data=Unsized(), max_steps=25), line, end=25)


@pytest.mark.parametrize("monitor", ["", " monitor=eval_loss", " monitor=loss"])
def test_a_plateau_stopped_and_resumed(monitor: str, tmp_path: Path) -> None:
    line = METRIC + monitor
    options: dict[str, Any] = {"eval_strategy": "epoch", "save_strategy": "epoch"}
    whole = train(tmp_path, line, **options)
    assert whole == pytest.approx(halvings(40, [30]))
    rest = train(tmp_path, line, resume="checkpoint-20", **options)
    assert rest == pytest.approx(whole[20:])


def test_a_plateau_without_its_metric(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"^`plateau mode=max monitor=accuracy` monitors `accuracy`"
    ):
        train(tmp_path, "plateau monitor=accuracy mode=max", eval_strategy="epoch")
    with pytest.warns(ScheduleWarning) as caught:
        train(tmp_path, "plateau")
    assert [str(each.message) for each in caught if each.category is ScheduleWarning] == [
        (
            "`plateau` gets no metric, since the Trainer does not evaluate: set eval_strategy in "
            "the TrainingArguments"
        )
    ]


def test_stopped_and_resumed(tmp_path: Path) -> None:
    whole = train(tmp_path, save_strategy="epoch")
    assert_follows(whole, end=40, total="40st", steps_per_epoch=10)
    assert train(tmp_path, resume="checkpoint-20") == pytest.approx(whole[20:], rel=1e-12)
    with pytest.raises(ValueError, match="total is 40st there, 80st here"):
        train(tmp_path, resume="checkpoint-20", epochs=8)
    rest = train(tmp_path, resume="checkpoint-20", epochs=8, on_mismatch="keep-step")
    assert_follows(rest, begin=20, end=80, total="80st", steps_per_epoch=10)
    rest = train(tmp_path, resume="checkpoint-20", epochs=8, on_mismatch="keep-fraction")
    assert_follows(rest[:40], begin=40, end=80, total="80st", steps_per_epoch=10)


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScheduleError, match="did you mean `cosine`"):
        train(tmp_path, "cosin rest")
    with pytest.raises(ScheduleError, match="500st or 500ep"):
        train(tmp_path, "warmup 500 -> cosine rest")
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole text is compared
        train(tmp_path, "clock=epoch | cosine rest")
    assert str(refused.value) == (
        "the Trainer steps a scheduler at each update, and a tick of this schedule is an epoch: "
        'leave clock=epoch out, or give binding={"steps_per_epoch": …} if the length of the '
        "training data is not known"
    )


def test_a_total_that_misses_the_accumulation(tmp_path: Path) -> None:
    def by_hand(total: int) -> list[float]:
        model, rates = Model(), Rates()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scheduler = schedlang.to_torch(optimizer, "warmup 10% -> cosine rest", total=total)
        Trainer(
            model,
            arguments(tmp_path, gradient_accumulation_steps=4),
            train_dataset=DATA,
            optimizers=(optimizer, scheduler),
            callbacks=[ScheduleCallback, rates],
        ).train()
        return rates.seen

    with pytest.warns(ScheduleWarning) as caught:
        by_hand(40)
    assert [str(each.message) for each in caught if each.category is ScheduleWarning] == [
        (
            f"the schedule's total is 40 updates, and the Trainer makes {updates(4)} (one for each "
            f"4 batches, its gradient_accumulation_steps): set total={updates(4)}, or use "
            "schedlang.integrations.transformers.ScheduledTrainer(…, schedule=line), which takes "
            "the total from the Trainer"
        )
    ]
    total = updates(4)
    assert_follows(by_hand(total), "warmup 10% -> cosine rest", end=total, total=total)


def test_with_another_trainer(tmp_path: Path) -> None:
    class Own(Trainer):
        pass

    class Scheduled(ScheduledTrainer, Own):
        pass

    rates = Rates()
    trainer = Scheduled(
        Model(), arguments(tmp_path), train_dataset=DATA, callbacks=[rates], schedule=LINE
    )
    trainer.train()
    assert_follows(rates.seen, end=40, total="40st", steps_per_epoch=10)


# ── Plans ────────────────────────────────────────────────────────────────────────────────────────


def train_plan(
    folder: Path,
    plan: Any = PLAN,
    *,
    resume: str | None = None,
    on_mismatch: Any = "raise",
    **options: Any,
) -> list[dict[str, float]]:
    model, rates = Model(), Rates()
    trainer = ScheduledTrainer(
        model,
        arguments(folder, **options),
        train_dataset=DATA,
        eval_dataset=DATA[:8],
        callbacks=[rates],
        optimizers=(torch.optim.SGD(groups_of(model.body, model.net)), None),
        schedule=plan,
        on_mismatch=on_mismatch,
    )
    trainer.train(resume_from_checkpoint=None if resume is None else str(folder / resume))
    return rates.numbers


def test_a_plan_stopped_and_resumed(tmp_path: Path) -> None:
    whole = train_plan(tmp_path, save_strategy="epoch")
    binding: dict[str, Any] = {"total": "40st", "steps_per_epoch": 10}
    assert_follows_plan(whole, end=40, **binding)
    rest = train_plan(tmp_path, resume="checkpoint-20")
    assert_follows_plan(rest, begin=20, end=40, **binding)
    with pytest.raises(ValueError, match="total is 40st there, 80st here"):
        train_plan(tmp_path, resume="checkpoint-20", epochs=8)


@pytest.mark.parametrize(("policy", "tick"), [("keep-step", 20), ("keep-fraction", 40)])
def test_a_plan_resumed_with_another_length(policy: str, tick: int, tmp_path: Path) -> None:
    train_plan(tmp_path, save_strategy="epoch")
    rest = train_plan(tmp_path, resume="checkpoint-20", epochs=8, on_mismatch=policy)
    binding: dict[str, Any] = {"total": "80st", "steps_per_epoch": 10}
    assert_follows_plan(rest[: 80 - tick], begin=tick, end=min(80, tick + 60), **binding)


def test_a_plateau_in_a_plan(tmp_path: Path) -> None:
    plan = {"lr": "hold", "weight_decay": METRIC}
    seen = train_plan(tmp_path, plan, eval_strategy="epoch")
    shares = [0.1 * numbers["weight_decay.head"] / 0.04 for numbers in seen]
    assert shares == pytest.approx(halvings(40, [30]))


def test_a_plan_for_the_groups_of_the_trainer(tmp_path: Path) -> None:
    """With the Trainer's own optimizer: one group decays, and the biases do not."""
    rates = Rates()
    plan = {"lr": {0: LINE, "*": "cosine rest"}, "beta1": "hold"}
    options = arguments(tmp_path, weight_decay=0.1)
    model = Model()
    ScheduledTrainer(model, options, train_dataset=DATA, callbacks=[rates], schedule=plan).train()
    assert_follows(rates.seen, end=40, total="40st", steps_per_epoch=10)


def test_a_total_of_a_plan_that_misses_the_accumulation(tmp_path: Path) -> None:
    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    plan = {"total": 40, "lr": "cosine rest", "weight_decay": "hold"}
    expected = f"total is 40 updates, and the Trainer makes {updates(4)} "
    with pytest.warns(ScheduleWarning, match=expected):
        Trainer(
            model,
            arguments(tmp_path, gradient_accumulation_steps=4),
            train_dataset=DATA,
            optimizers=(optimizer, schedlang.to_torch(optimizer, plan)),
            callbacks=[ScheduleCallback],
        ).train()


# ── The argument parser ──────────────────────────────────────────────────────────────────────────


@dataclass
class Arguments:
    schedule: Schedule


@dataclass
class WithMetadata:
    schedule: Schedule = field(metadata={"type": Schedule, "help": "the rate"})


@dataclass
class WithADefault:
    schedule: Schedule = Schedule("linear 5")  # noqa: RUF009  # frozen


@dataclass
class OrNone:
    schedule: Schedule | None = None


@pytest.mark.parametrize("fields", [Arguments, WithMetadata, WithADefault, OrNone])
def test_the_argument_parser(fields: Any, capsys: pytest.CaptureFixture[str]) -> None:
    parser = HfArgumentParser(fields)
    (parsed,) = parser.parse_args_into_dataclasses(["--schedule", "cosine 90"])
    assert parsed.schedule == schedlang.parse("cosine 90")
    with pytest.raises(SystemExit):
        parser.parse_args_into_dataclasses(["--schedule", "cosin 90"])
    assert capsys.readouterr().err.partition("error: ")[2] == (
        "argument --schedule: error[unknown-phase]: there is no phase called `cosin`\n"
        "  |\n1 | cosin 90\n  | ^^^^^ did you mean `cosine`?\n"
    )


@dataclass
class PlanArguments:
    schedule: Plan


@pytest.mark.parametrize("text", ["{lr: cosine 90, weight_decay: hold}", "cosine 90"])
def test_a_plan_among_the_arguments(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = HfArgumentParser(PlanArguments)
    (parsed,) = parser.parse_args_into_dataclasses(["--schedule", text])
    assert parsed.schedule == Plan(text)
    with pytest.raises(SystemExit):
        parser.parse_args_into_dataclasses(["--schedule", text.replace("cosine", "cosin")])
    assert "error[unknown-phase]: there is no phase called `cosin`" in capsys.readouterr().err


def test_a_plan_in_a_config_file(tmp_path: Path) -> None:
    """HfArgumentParser checks no types there: the trainer takes what it reads."""
    file = tmp_path / "train.yaml"
    file.write_text(yaml.safe_dump({"schedule": PLAN}, sort_keys=False), encoding="utf-8")
    (parsed,) = HfArgumentParser(PlanArguments).parse_yaml_file(str(file))
    seen = train_plan(tmp_path, parsed.schedule)
    assert_follows_plan(seen, end=40, total="40st", steps_per_epoch=10)
