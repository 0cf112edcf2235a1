"""Bodies of emitted functions: locals, choices, repeats and levels, line by line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import schedlang


def body(text: str, **binding: Any) -> list[str]:
    """The lines of the body, less its docstring."""
    source = schedlang.parse(text).emit("python", **binding)
    _, _, code = source.rpartition('"""\n')
    return [line.removeprefix("    ") for line in code.splitlines()]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param(
            "piecewise at=[10, 20] values=[1x, 50%, 1e-3]",
            [
                "# piecewise at=[10, 20] values=[1x, 50%, 0.001]",
                "reached = bisect_right([10, 20], step)",
                "return [1.0, 0.5, 0.0][reached] * lr + [0.0, 0.0, 0.001][reached]",
            ],
            id="constants are looked up",
        ),
        pytest.param(
            "step 99 every=30 -> multistep at=[130, 160]",
            [
                "if step < 99:  # step 99 every=30",
                "    drops = step // 30",
                "    return lr * 0.1**drops",
                "# multistep at=[130, 160]",
                "drops = bisect_right([31, 61], step - 99)",
                "return lr * 0.001 * 0.1**drops",
            ],
            id="named quantities are locals",
        ),
        pytest.param(
            "((linear 10 from=1x to=0.1x -> hold 5) x 3 -> cosine 10) x inf",
            [
                "# rounds of 55",
                "tick = step % 55",
                "if tick < 45:  # 3 rounds of 15",
                "    tick = tick % 15",
                "    if tick < 10:  # linear 10 from=1x to=0.1x",
                "        progress = tick / 10",
                "        return lr * (1 + (0.1 - 1) * progress)",
                "    # hold 5",
                "    return 0.1 * lr",
                "# cosine 10",
                "progress = (tick - 45) / 10",
                "return lr * 0.1 * (1 + math.cos(math.pi * progress)) / 2",
            ],
            id="a repeat inside of a repeat",
        ),
        pytest.param(
            "hold 5 -> restarts 40 cycles=3 mult=1.5 shrink=0.8",
            [
                "if step < 5:  # hold 5",
                "    return lr",
                "if step < 45:  # restarts 40 mult=1.5 shrink=0.8 cycles=3",
                "    t = step - 5",
                "    reached = bisect_right(_EDGES, t) - 1",
                "    progress = (t - _BEGINS[reached]) / (8.421052631578947 * 1.5**reached)",
                "    return lr * max(0.0, 0.8**reached) * (1 + math.cos(math.pi * progress)) / 2",
                "return 0.0",
            ],
            id="growing cycles are looked up",
        ),
        pytest.param(
            "restarts 15 first=10 min=1e-3 -> linear 10",
            [
                "level_0 = 0.001 + (max(0.001, lr) - 0.001) * 1 / 2",
                "if step < 15:  # restarts 15 first=10 min=0.001",
                "    progress = step % 10 / 10",
                (
                    "    return 0.001 + (max(0.001, lr) - 0.001)"
                    " * (1 + math.cos(math.pi * progress)) / 2"
                ),
                "if step < 25:  # linear 10",
                "    progress = (step - 15) / 10",
                "    return level_0 * (1 - progress)",
                "return 0.0",
            ],
            id="a level that is no multiple of the base is a local",
        ),
        pytest.param(
            "hold 5 -> cosine 300 skip=200 min=1%",
            [
                "if step < 5:  # hold 5",
                "    return lr",
                "if step < 105:  # cosine 300 min=1% skip=200",
                "    progress = (step + 195) / 300",
                "    return lr * (0.01 + (1 - 0.01) * (1 + math.cos(math.pi * progress)) / 2)",
                "return 0.01 * lr",
            ],
            id="skipped ticks move the clock",
        ),
        pytest.param(
            "hold 5 -> fn 90 {sqrt(p) if t < 10 else log(t)}",
            [
                "if step < 5:  # hold 5",
                "    return lr",
                "if step < 15:  # fn 90 {sqrt(p) if t < 10 else log(t)}",
                "    progress = (step - 5) / 90",
                "    return lr * math.sqrt(progress)",
                "if step < 95:",
                "    return lr * math.log(step - 5)",
                "return 4.499809670330265 * lr",
            ],
            id="a choice is an if, and a helper is used only where Python may raise",
        ),
        pytest.param(
            "fn 9 {1 if t * t < 20 or t < 3 else 2}",
            [
                "if step < 3:  # fn 9 {1 if t * t < 20 or t < 3 else 2}",
                "    return lr",
                "if step < 9:",
                "    return lr * (1.0 if step * step < 20 else 2.0)",
                "return 2 * lr",
            ],
            id="a condition that is no line is evaluated at each step",
        ),
        pytest.param(
            "(hold 5 to=50%) x 3 -> linear 2 * hold",
            [
                "if step < 15:  # hold 5 to=50%",
                "    return 0.5 * lr",
                "if step < 17:  # linear 2",
                "    progress = (step - 15) / 2",
                "    return lr * 0.5 * (1 - progress)",
                "return 0.0",
            ],
            id="a round of one level is a level, and a factor of 1 is none",
        ),
        pytest.param(
            "fn {1 / (1 + exp(t - 10))}",
            ["# fn {1 / (1 + exp(t - 10))}", "return _divide(lr, 1 + _exp(step - 10))"],
            id="helpers where Python raises",
        ),
        pytest.param(
            "inverse_time 9 rate=1 every=3 staircase=true -> inverse_time 9 rate=1 every=2",
            [
                "if step < 9:  # inverse_time 9 rate=1 every=3 staircase=true",
                "    periods = step // 3",
                "    return lr / (1 + periods)",
                "if step < 18:  # inverse_time 9 rate=1 every=2",
                "    periods_2 = (step - 9) / 2",
                "    return lr * 0.3333333333333333 / (1 + periods_2)",
                "return 0.06060606060606061 * lr",
            ],
            id="a local has one type",
        ),
    ],
)
def test_bodies(text: str, lines: list[str]) -> None:
    assert body(text) == lines


def test_locals_have_one_type(tmp_path: Path) -> None:
    """The same name in two phases, with integers, floats and fractions."""
    lines = [
        "inverse_time 9 rate=1 every=3 staircase=true -> inverse_time 9 rate=1 every=2",
        "linear 1 -> linear 9 to=1x -> restarts 9 first=1 from=1x",
        "restarts 30 first=10 mult=2 from=1x -> restarts 9 cycles=3 mult=1.5 from=1x",
        "restarts 9 cycles=3 mult=1.5 from=1x -> restarts 30 first=10 mult=2 from=1x shrink=0.5",
    ]
    for i, text in enumerate(lines):
        source = schedlang.parse(text).emit("python")
        (tmp_path / f"locals_{i}.py").write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "."],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.stdout == f"Success: no issues found in {len(lines)} source files\n"
