"""A space of 9,600 lines beside parsing its lines one by one. Read the ratio."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

import schedlang

SHARES = [f"{number}%" for number in range(1, 41)]
KINDS = ["cosine", "linear", "poly", "sqrt"]
FLOORS = SHARES[:30]
LINE = "warmup {} -> {} rest to={} -> hold 1% to={}"
SPACE = LINE.format(
    f"<{', '.join(SHARES)}>", f"<{', '.join(KINDS)}>", f"<{', '.join(FLOORS)}>", "<0 .. 2x>"
)


@pytest.mark.benchmark(group="a space of 9,600 lines: at most twice parsing them one by one")
@pytest.mark.parametrize("who", ["one by one", "space"])
def test_space(benchmark: Any, who: str) -> None:
    lines = [LINE.format(*chosen) for chosen in product(SHARES, KINDS, FLOORS, ["0x", "2x"])]
    assert len(lines) == 9_600

    def one_by_one() -> None:
        for line in lines:
            schedlang.parse(line)

    made = one_by_one if who == "one by one" else lambda: schedlang.Space(SPACE)
    benchmark.pedantic(made, rounds=3, warmup_rounds=0)
