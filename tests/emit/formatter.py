"""Random values that are always the same, and what ruff makes of code."""

from __future__ import annotations

import difflib
import subprocess
import sys
from collections.abc import Sequence
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

T = TypeVar("T")


def drawn(strategy: st.SearchStrategy[T], count: int) -> list[T]:
    """So many values of a strategy, the same in every run."""
    found: list[T] = []

    @seed(7)
    @settings(
        max_examples=count,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(value: T) -> None:
        found.append(value)

    draw()
    return found


def assert_formatted(blocks: Sequence[Sequence[str]]) -> None:
    """Ruff leaves each of these blocks of lines as it is."""
    lines = [line for i, block in enumerate(blocks) for line in (f"# {i}", *block)]
    source = "\n".join([*lines, ""])
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", "100", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=True)
    changed = "\n".join(difflib.unified_diff(lines, done.stdout.splitlines(), lineterm=""))
    assert not changed, changed[:3000]
