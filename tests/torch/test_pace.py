"""A scheduler that is stepped more or less often than once an update is warned of, once."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import schedlang
from schedlang import ScheduleWarning
from tests.torch.rig import ENGINES, sgd


def heard(line: str, engine: str, pattern: list[tuple[int, int]]) -> list[str]:
    """The beginnings of the warnings, for pairs of updates and the steps after them."""
    optimizer = sgd(0.1)
    schedule: Any = line
    if engine == "plan":
        schedule, engine = {"lr": line, "values": {"share": "hold to=1"}}, "fused"
    scheduler = schedlang.to_torch(optimizer, schedule, engine=engine)  # type: ignore[arg-type]  # one of the two
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ScheduleWarning)
        for updates, steps in pattern:
            for _ in range(updates):
                optimizer.step()
            for _ in range(steps):
                scheduler.step()
    return [str(each.message).partition(":")[0] for each in caught]


FAST = "the schedule advanced by 2 ticks at a time, 3 times"
SLOW = (
    "there were {} optimizer updates in one tick of the schedule, and one tick is one optimizer "
    "update"
)


@pytest.mark.parametrize("engine", [*ENGINES, "plan"])
@pytest.mark.parametrize(
    ("line", "pattern", "warned"),
    [
        ("cosine 90", [(1, 1)] * 9, []),
        ("cosine 90st", [(1, 1)] * 9, []),
        ("cosine 90", [(1, 2)] * 9, [FAST]),
        ("cosine 90st", [(1, 2)] * 9, [FAST]),
        ("cosine 90st", [(5, 1)] * 9, [SLOW.format(5)]),
        ("cosine 90", [(5, 1)] * 9, []),  # a tick may be an epoch
        ("cosine 90ep", [(5, 1)] * 9, []),
        ("cosine 90st", [(1001, 0)], [SLOW.format(1000)]),
        ("cosine 90st", [(2, 1), *[(1, 1)] * 9], []),  # one that makes the optimizer's state
        ("cosine 90st", [(0, 3), (1, 1), (0, 1), (1, 1), (1, 2), *[(1, 1)] * 9], []),  # overflows
    ],
)
@pytest.mark.filterwarnings("ignore:Detected call of:UserWarning")
def test_pace(line: str, pattern: list[tuple[int, int]], warned: list[str], engine: str) -> None:
    assert heard(line, engine, pattern) == warned
