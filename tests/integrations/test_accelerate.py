"""The documented way under Accelerate, on one process and on two, and the one that is too fast."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.integrations.following import LINE, assert_follows, halvings
from tests.integrations.launching import launch

SCRIPT = Path(__file__).with_name("accelerate_ranks.py")


def train(processes: int, *arguments: object) -> dict[str, Any]:
    printed: dict[str, Any] = json.loads(launch(processes, SCRIPT, *arguments).splitlines()[-1])
    return printed


@pytest.mark.parametrize(
    ("processes", "engine", "per_epoch"), [(1, "chain", 10), (2, "chain", 5), (2, "fused", 5)]
)
def test_stopped_and_resumed(processes: int, engine: str, per_epoch: int, tmp_path: Path) -> None:
    first = train(processes, tmp_path, engine, "stepped", 0, 2)
    second = train(processes, tmp_path, engine, "stepped", 2, 4)
    assert first["warnings"] == second["warnings"] == []
    assert first["per_epoch"] == per_epoch
    binding: dict[str, Any] = {"total": "4ep", "steps_per_epoch": per_epoch}
    assert_follows(first["rates"] + second["rates"], LINE, end=4 * per_epoch, **binding)


@pytest.fixture(scope="module", params=[1, 2])
def stopped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """How many processes, the updates of an epoch, and the checkpoint of two epochs."""
    folder = tmp_path_factory.mktemp("stopped")
    seen = train(request.param, folder, "auto", "stepped", 0, 2)
    return request.param, seen["per_epoch"], folder


@pytest.mark.parametrize(("policy", "epoch"), [("keep-step", 2), ("keep-fraction", 4)])
def test_resumed_with_another_length(stopped: Any, policy: str, epoch: int, tmp_path: Path) -> None:
    processes, per_epoch, folder = stopped
    copy = shutil.copytree(folder, tmp_path / "copy")
    seen = train(processes, copy, "auto", "stepped", epoch, 8, 8, policy)
    begin, end = epoch * per_epoch, 8 * per_epoch
    binding: dict[str, Any] = {"total": "8ep", "steps_per_epoch": per_epoch}
    assert_follows(seen["rates"], LINE, begin=begin, end=end, **binding)


def test_a_plateau_takes_the_mean(tmp_path: Path) -> None:
    seen = train(2, tmp_path, "auto", "plateau", 0, 4)
    assert seen["warnings"] == []
    assert seen["rates"] == pytest.approx(halvings(20, [15], warmup=5))


@pytest.mark.parametrize("engine", ["chain", "fused"])
def test_a_prepared_scheduler_that_runs_too_fast_is_noticed(engine: str, tmp_path: Path) -> None:
    assert train(2, tmp_path, engine, "prepared", 0, 4)["warnings"] == [
        (
            "the schedule advanced by 2 ticks at a time, 3 times: call scheduler.step() once for "
            "each optimizer.step(). Accelerate steps a prepared scheduler once for each process: "
            "do not pass it to accelerator.prepare(), and call it yourself, "
            "`if accelerator.sync_gradients: scheduler.step()`"
        )
    ]


def test_a_prepared_scheduler_of_one_process_is_right(tmp_path: Path) -> None:
    seen = train(1, tmp_path, "fused", "prepared", 0, 4)
    assert seen["warnings"] == []
    assert_follows(seen["rates"], LINE, end=40, total="4ep", steps_per_epoch=10)
