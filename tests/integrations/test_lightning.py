"""`configure` in small real trainings."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import BackboneFinetuning, LearningRateFinder, ModelCheckpoint
from torch.utils.data import DataLoader, IterableDataset

import schedlang
from schedlang import ScheduleError, ScheduleWarning
from schedlang.integrations.lightning import configure
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

# Lightning warns of small data sets and of its own deprecations; a warning of ours is an error.
pytestmark = pytest.mark.filterwarnings("default", "error::schedlang.ScheduleWarning")


class Model(pl.LightningModule):
    def __init__(self, line: Any = LINE, lr: float = 0.1, **options: Any) -> None:
        super().__init__()
        self.line, self.lr, self.options = line, lr, options
        self.backbone, self.net = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
        self.rates: list[float] = []

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        loss: torch.Tensor = self.net(self.backbone(batch)).square().mean()
        self.log("train_loss", 0 * loss + 1)
        return loss

    def validation_step(self, batch: torch.Tensor, index: int) -> None:
        self.log("val_loss", 1.0)

    def trained(self) -> Any:
        return self.parameters()

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.trained(), lr=self.lr)
        return configure(self, optimizer, self.line, **self.options)

    def optimizer_step(self, *arguments: Any, **keywords: Any) -> None:
        self.rates.append(self.trainer.optimizers[0].param_groups[0]["lr"])
        super().optimizer_step(*arguments, **keywords)


class Unsized(IterableDataset[torch.Tensor]):
    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter([torch.ones(4, 2)] * 10)


def batches(examples: int = 40) -> DataLoader[torch.Tensor]:
    return DataLoader(torch.randn(examples, 2), batch_size=4)  # type: ignore[arg-type]  # a tensor has all that is needed


def fit(
    model: Model,
    folder: Path,
    epochs: int = 4,
    data: Any = None,
    ckpt_path: Path | None = None,
    **options: Any,
) -> list[float]:
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        **{"enable_checkpointing": False, **options},
    )
    trainer.fit(model, batches() if data is None else data, batches(8), ckpt_path=ckpt_path)
    return model.rates


@pytest.mark.parametrize(
    ("line", "options", "end", "binding"),
    [
        (LINE, {}, 40, {"total": 40, "steps_per_epoch": 10, "clock": "step"}),
        (
            LINE,
            {"accumulate_grad_batches": 3},
            16,
            {"total": "16st", "steps_per_epoch": 4},
        ),
        (LINE, {"max_steps": 25}, 25, {"total": "25st", "steps_per_epoch": 10}),
        ("warmup 10% -> cosine rest", {"limit_train_batches": 5}, 20, {"total": 20}),
        ("warmup 5st -> step every=1ep", {}, 40, {"steps_per_epoch": 10}),
    ],
)
def test_every_update(
    line: str, options: dict[str, Any], end: int, binding: dict[str, Any], tmp_path: Path
) -> None:
    assert_follows(fit(Model(line), tmp_path, **options), line, end=end, **binding)


def test_an_epoch_clock(tmp_path: Path) -> None:
    line = "clock=epoch | warmup 1 -> cosine rest"
    program = schedlang.parse(line).bind(lr=0.1, total=4)
    rates = fit(Model(line), tmp_path)
    assert rates == pytest.approx([program.at(tick) for tick in range(4) for _ in range(10)])


@pytest.mark.parametrize(
    ("line", "options", "epochs"),
    [
        ("warmup 5st -> cosine rest", {"max_steps": 35}, -1),
        ("warmup 10% -> cosine rest", {"max_steps": 35}, 4),
    ],
)
def test_data_of_unknown_length(
    line: str, options: dict[str, Any], epochs: int, tmp_path: Path
) -> None:
    rates = fit(Model(line), tmp_path, epochs, DataLoader(Unsized(), batch_size=None), **options)
    assert_follows(rates, line, end=35, total="35st")


def test_epochs_of_unknown_length(tmp_path: Path) -> None:
    line = "warmup 1ep -> cosine rest"
    program = schedlang.parse(line).bind(lr=0.1, total=4, clock="epoch")
    rates = fit(Model(line), tmp_path, data=DataLoader(Unsized(), batch_size=None))
    assert rates == pytest.approx([program.at(tick) for tick in range(4) for _ in range(10)])


@pytest.mark.parametrize(
    ("monitor", "options", "reduced_at"),
    [
        # The first metric that counts is that of epoch 2, an improvement.
        ("", {}, [30]),
        (" monitor=train_loss", {}, [30]),
        ("", {"val_check_interval": 5}, [20, 25, 30, 35]),
        ("", {"check_val_every_n_epoch": 2}, []),
    ],
)
def test_a_plateau(
    monitor: str, options: dict[str, Any], reduced_at: list[int], tmp_path: Path
) -> None:
    rates = fit(Model(METRIC + monitor), tmp_path, **options)
    assert rates == pytest.approx(halvings(40, reduced_at))


def test_a_metric_that_is_not_logged(tmp_path: Path) -> None:
    with pytest.warns(ScheduleWarning) as caught:
        fit(Model("plateau monitor=loss"), tmp_path)
    assert [str(each.message) for each in caught if each.category is ScheduleWarning] == [
        (
            "the plateau monitors `loss`, and the module logs no such metric (logged: train_loss, "
            "val_loss): set monitor= in the line, or self.log('loss', …)"
        )
    ]


def test_a_plateau_of_epochs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole text is compared
        fit(Model("clock=epoch | plateau"), tmp_path)
    assert str(refused.value) == (
        "Lightning ends an epoch before its validation, so that `plateau` cannot tick epochs: "
        "leave clock=epoch out, or give steps_per_epoch= if the length of the training data is "
        "not known"
    )


def test_bare_lengths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ScheduleError, match="500st or 500ep"):
        fit(Model("warmup 500 -> cosine rest"), tmp_path)


@pytest.mark.parametrize("engine", ["chain", "fused"])
@pytest.mark.parametrize("line", [LINE, METRIC])
def test_stopped_and_resumed(line: str, engine: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {} if line == METRIC else {"engine": engine}
    whole = fit(Model(line, **options), tmp_path)
    save = ModelCheckpoint(tmp_path, "{epoch}", monitor="val_loss", save_top_k=-1)
    fit(Model(line, **options), tmp_path, callbacks=[save], enable_checkpointing=True)
    for epoch in (0, 1, 2):
        rest = fit(Model(line, **options), tmp_path, ckpt_path=tmp_path / f"epoch={epoch}.ckpt")
        assert rest == pytest.approx(whole[10 * (epoch + 1) :], rel=1e-12)


@pytest.mark.parametrize(("policy", "tick"), [("keep-step", 20), ("keep-fraction", 40)])
def test_resumed_with_another_length(policy: str, tick: int, tmp_path: Path) -> None:
    save = ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1)
    fit(Model(), tmp_path, callbacks=[save], enable_checkpointing=True)
    middle = tmp_path / "epoch=1.ckpt"
    with pytest.raises(ValueError, match="total is 40st there, 80st here"):
        fit(Model(), tmp_path, 8, ckpt_path=middle)
    rest = fit(Model(on_mismatch=policy), tmp_path, 8, ckpt_path=middle)
    binding: dict[str, Any] = {"total": "80st", "steps_per_epoch": 10}
    assert_follows(rest[: 80 - tick], begin=tick, end=min(80, tick + 60), **binding)


# Lightning 2.3 leaves out an epoch after the finder.
AFTER_FINDER = 30 if pl.__version__.startswith("2.3.") else 40


def test_the_result_of_the_finder_is_the_base(tmp_path: Path) -> None:
    finder = LearningRateFinder(num_training_steps=20, early_stop_threshold=None)
    model = Model()
    rates = fit(model, tmp_path, callbacks=[finder], enable_checkpointing=True)[20:]
    assert finder.optimal_lr is not None
    assert model.lr == finder.optimal_lr.suggestion() != 0.1
    shares = [0.1 * rate / model.lr for rate in rates]
    assert_follows(shares, end=AFTER_FINDER, total="40st", steps_per_epoch=10)


class Head(Model):
    def trained(self) -> Any:
        return self.net.parameters()


def test_backbone_finetuning_goes_on(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ScheduleWarning)
        rates = fit(Head(), tmp_path, callbacks=[BackboneFinetuning(unfreeze_backbone_at_epoch=1)])
    assert_follows(rates, end=40, total="40st", steps_per_epoch=10)
    ours = [str(each.message) for each in caught if each.category is ScheduleWarning]
    assert ours[1:] == [
        "parameter group 1 is no longer scheduled: other code keeps setting its learning rate"
    ]


class ByHand(Model):
    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        total = f"{int(self.trainer.estimated_stepping_batches)}st"
        scheduler = schedlang.to_torch(optimizer, self.line, total=total, steps_per_epoch=10)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, **self.options}}


def test_a_wrong_interval_is_noticed(tmp_path: Path) -> None:
    with pytest.warns(ScheduleWarning) as caught:
        fit(ByHand(), tmp_path)  # Lightning's default interval is the epoch
    assert [str(each.message) for each in caught if each.category is ScheduleWarning] == [
        (
            "there were 10 optimizer updates in one tick of the schedule, and one tick is one "
            "optimizer update: call scheduler.step() after each optimizer.step(). Lightning does "
            'so only with {"scheduler": scheduler, "interval": "step"}, which '
            "schedlang.integrations.lightning.configure(self, optimizer, line) returns"
        )
    ]
    assert_follows(fit(ByHand(interval="step"), tmp_path), end=40, total="40st", steps_per_epoch=10)


def test_a_total_of_its_own(tmp_path: Path) -> None:
    with pytest.warns(ScheduleWarning) as caught:
        rates = fit(Model(f"total=8ep | {LINE}"), tmp_path)
    assert [str(each.message) for each in caught if each.category is ScheduleWarning] == [
        "the schedule's total is 80 updates, and the trainer makes 40 optimizer updates"
    ]
    assert_follows(rates, end=40, total="80st", steps_per_epoch=10)


def test_a_line_that_is_longer_than_the_run(tmp_path: Path) -> None:
    line = "warmup 500st -> cosine 500st"
    with pytest.warns(ScheduleWarning) as caught:
        rates = fit(Model(line), tmp_path, max_steps=7)
    assert [str(each.message) for each in caught if each.category is ScheduleWarning] == [
        (
            "the schedule takes 1000 updates, and the trainer makes 7 optimizer updates: training "
            "ends first"
        )
    ]
    assert_follows(rates, line, end=7)


# ── Plans ────────────────────────────────────────────────────────────────────────────────────────


class Planned(Model):
    def __init__(self, plan: Any = PLAN, **options: Any) -> None:
        super().__init__(plan, **options)
        self.seen: list[dict[str, float]] = []

    def trained(self) -> Any:
        return groups_of(self.backbone, self.net)

    def optimizer_step(self, *arguments: Any, **keywords: Any) -> None:
        self.seen.append(numbers_of(self.trainer.optimizers[0]))
        super().optimizer_step(*arguments, **keywords)


def test_a_plan_stopped_and_resumed(tmp_path: Path) -> None:
    save = ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1)
    first, rest = Planned(), Planned()
    fit(first, tmp_path, callbacks=[save], enable_checkpointing=True)
    binding: dict[str, Any] = {"total": "40st", "steps_per_epoch": 10}
    assert_follows_plan(first.seen, end=40, **binding)
    fit(rest, tmp_path, ckpt_path=tmp_path / "epoch=1.ckpt")
    assert_follows_plan(rest.seen, begin=20, end=40, **binding)


@pytest.mark.parametrize(("policy", "tick"), [("keep-step", 20), ("keep-fraction", 40)])
def test_a_plan_resumed_with_another_length(policy: str, tick: int, tmp_path: Path) -> None:
    save = ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1)
    fit(Planned(), tmp_path, callbacks=[save], enable_checkpointing=True)
    middle = tmp_path / "epoch=1.ckpt"
    with pytest.raises(ValueError, match="total is 40st there, 80st here"):
        fit(Planned(), tmp_path, 8, ckpt_path=middle)
    rest = Planned(on_mismatch=policy)
    fit(rest, tmp_path, 8, ckpt_path=middle)
    binding: dict[str, Any] = {"total": "80st", "steps_per_epoch": 10}
    assert_follows_plan(rest.seen[: 80 - tick], begin=tick, end=min(80, tick + 60), **binding)


@pytest.mark.parametrize("key", ["lr", "weight_decay"])
def test_a_plateau_in_a_plan(key: str, tmp_path: Path) -> None:
    model = Planned({"lr": "hold", "weight_decay": "hold", key: METRIC})
    fit(model, tmp_path)
    base = model.seen[-1][f"{key}.head"] * 2
    shares = [0.1 * numbers[f"{key}.head"] / base for numbers in model.seen]
    assert base == {"lr": 0.1, "weight_decay": 0.04}[key]
    assert shares == pytest.approx(halvings(40, [30]))


def test_a_plan_with_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ScheduleError) as refused:
        fit(Planned({"lr": "cosine rest", "eps": "hold"}), tmp_path)
    assert str(refused.value) == (
        "error[unknown-name]: parameter group 0 `body` has no number called `eps`\n  at eps\n"
        "  it has lr, weight_decay, momentum, dampening"
    )


def test_the_result_of_the_finder_is_the_base_of_a_plan(tmp_path: Path) -> None:
    finder = LearningRateFinder(num_training_steps=20, early_stop_threshold=None)
    model = Planned()
    fit(model, tmp_path, callbacks=[finder], enable_checkpointing=True)
    shares = [0.1 * numbers["lr.head"] / model.lr for numbers in model.seen[20:]]
    assert model.lr != 0.1
    binding: dict[str, Any] = {"total": "40st", "steps_per_epoch": 10}
    assert_follows(shares, end=AFTER_FINDER, **binding)
    decays = [0.1 * numbers["weight_decay.head"] / 0.04 for numbers in model.seen[20:]]
    assert_follows(decays, "cosine 100% to=10x", end=AFTER_FINDER, **binding)


class Named(Model):
    def trained(self) -> Any:
        return groups_of(self.backbone, self.net)[1:]


def test_backbone_finetuning_of_a_plan(tmp_path: Path) -> None:
    plan = {"lr": {1: "cosine rest", "*": LINE}, "weight_decay": "hold"}
    tuning = BackboneFinetuning(unfreeze_backbone_at_epoch=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ScheduleWarning)
        rates = fit(Named(plan, later=(1,)), tmp_path, callbacks=[tuning])
    assert_follows(rates, end=40, total="40st", steps_per_epoch=10)
    ours = [str(each.message) for each in caught if each.category is ScheduleWarning]
    assert ours[1:] == [
        "parameter group 1 is no longer scheduled: other code keeps setting its learning rate"
    ]
