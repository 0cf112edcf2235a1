"""Trainers on two processes: stopped and resumed, also with another length, every update."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.integrations.following import assert_follows, halvings
from tests.integrations.launching import launch

SCRIPT = Path(__file__).with_name("two_ranks.py")


# DeepSpeed compiles C++ when it is used first, so that `make integrations` does not install it.
DEEPSPEED = pytest.param(
    "deepspeed", marks=pytest.mark.skipif(not find_spec("deepspeed"), reason="no DeepSpeed")
)


@pytest.fixture(scope="module", params=["lightning", "transformers", "ignite", DEEPSPEED])
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp(request.param)
    return json.loads(launch(2, SCRIPT, request.param, folder).splitlines()[-1])


@pytest.mark.parametrize(
    ("name", "begin", "end", "epochs"),
    [("whole", 0, 40, 4), ("resumed", 20, 40, 4), ("keep-step", 20, 80, 8)],
)
def test_every_update(seen: Any, name: str, begin: int, end: int, epochs: int) -> None:
    binding: dict[str, Any] = {"total": f"{epochs}ep", "steps_per_epoch": 10}
    assert_follows(seen[name], begin=begin, end=end, **binding)


def test_the_share_that_is_over(seen: Any) -> None:
    """After half of the updates, what the trainer then has left is more than the other half."""
    assert len(seen["keep-fraction"]) == 60
    binding: dict[str, Any] = {"total": "8ep", "steps_per_epoch": 10}
    assert_follows(seen["keep-fraction"][:40], begin=40, end=80, **binding)


def test_another_length_is_refused(seen: Any) -> None:
    total = r"total is (40st there, 80st|4ep there, 8ep) here"
    assert re.match(f"this state belongs to another schedule: {total}", seen["longer"])


def test_a_plateau_takes_the_mean(seen: Any) -> None:
    assert seen["plateau"] == pytest.approx(halvings(40, [30]))
