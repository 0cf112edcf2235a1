"""The core beside what it builds on: import, parse, bind and curve. Read each group's ratios."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
from typing import Any

import lark
import numpy as np
import pytest

import schedlang
from schedlang.language.parser import grammar_path

FLAGSHIP = "warmup linear 10 -> cosine 90 min=1e-4"
MODEL = "import pydantic, lark\nclass Model(pydantic.BaseModel):\n    number: int"


@pytest.mark.benchmark(group="import: at most 1.3 times pydantic, lark and one model")
@pytest.mark.parametrize("code", [MODEL, "import schedlang"], ids=["pydantic+lark", "schedlang"])
def test_import(benchmark: Any, code: str) -> None:
    command = [sys.executable, "-c", code]
    benchmark.pedantic(subprocess.run, (command,), {"check": True}, rounds=15, warmup_rounds=2)


LARK = [sys.executable, "-c", "import pydantic, lark"]
CHECK = [sys.executable, "-m", "schedlang", "check", FLAGSHIP]


@pytest.mark.benchmark(group="a line checked by a new process: at most 2.5 times pydantic, lark")
@pytest.mark.parametrize("command", [LARK, CHECK], ids=["pydantic+lark", "schedlang"])
def test_check(benchmark: Any, command: list[str]) -> None:
    run = {"check": True, "stdout": subprocess.DEVNULL}
    benchmark.pedantic(subprocess.run, (command,), run, rounds=15, warmup_rounds=2)


@pytest.mark.benchmark(group="parse a fresh text: at most 4 times lark's bare parse")
@pytest.mark.parametrize("who", ["lark", "schedlang"])
def test_parse(benchmark: Any, who: str) -> None:
    bare = lark.Lark(
        grammar_path().read_text(encoding="utf-8"), parser="lalr", start=["start", "expression"]
    )
    numbers = itertools.count(10)

    def fresh() -> tuple[tuple[str], dict[str, str]]:
        return (f"warmup linear {next(numbers)} -> cosine {next(numbers)} min=1e-4",), {}

    parse = schedlang.parse if who == "schedlang" else lambda text: bare.parse(text, start="start")
    benchmark.pedantic(parse, setup=fresh, rounds=2000, warmup_rounds=20)


def by_hand(ticks: int) -> np.ndarray:
    t = np.arange(ticks, dtype=np.float64)
    warm, rest = ticks // 10, ticks - ticks // 10
    rise = 1e-4 + (0.1 - 1e-4) * t / warm
    fall = 1e-4 + (0.1 - 1e-4) * (1 + np.cos(np.pi * (t - warm) / rest)) / 2
    return np.where(t < warm, rise, fall)


@pytest.mark.benchmark(group="curve of a million ticks: at most 1.2 times NumPy by hand")
@pytest.mark.parametrize("who", ["NumPy", "schedlang"])
def test_curve(benchmark: Any, who: str) -> None:
    ticks = 1_000_000
    text = f"warmup {ticks // 10} from=1e-4 -> cosine {ticks - ticks // 10} min=1e-4"
    program = schedlang.parse(text).bind(lr=0.1)
    np.testing.assert_allclose(program.curve(), by_hand(ticks), rtol=1e-9)
    benchmark(program.curve if who == "schedlang" else lambda: by_hand(ticks))


def line(phases: int) -> str:
    return " -> ".join(f"linear {10 + i % 7} to={50 + i % 50}%" for i in range(phases))


@pytest.mark.benchmark(group="text to curve: 10,000 phases at most 14 times 1,000")
@pytest.mark.parametrize("phases", [1_000, 10_000])
def test_scaling(benchmark: Any, phases: int) -> None:
    text = line(phases)
    benchmark.pedantic(
        lambda: schedlang.parse(text).bind(lr=0.1).curve(), rounds=5, warmup_rounds=1
    )


@pytest.mark.benchmark(group="at: among 10,000 phases at most 3 times among 2")
@pytest.mark.parametrize("phases", [2, 10_000])
def test_at(benchmark: Any, phases: int) -> None:
    program = schedlang.parse(line(phases)).bind(lr=0.1)
    assert program.length is not None
    ticks = random.Random(0).sample(range(program.length), min(program.length, 1000))
    benchmark(lambda: [program.at(tick) for tick in itertools.islice(itertools.cycle(ticks), 1000)])


@pytest.mark.benchmark(group="a repeat of whole rounds: x 10000 at most twice x 10")
@pytest.mark.parametrize("times", [10, 10_000])
def test_repeat(benchmark: Any, times: int) -> None:
    text = f"(linear 3 from=1x -> cosine 5 to=1x) x {times}"
    benchmark.pedantic(
        lambda: schedlang.parse(text).bind(lr=0.1), rounds=200, iterations=5, warmup_rounds=5
    )


ROUNDS: dict[str, tuple[str, dict[str, Any]]] = {
    "another level each": ("(step 4 every=2 gamma=0.999) x {}", {}),
    "rounds of broken ticks": ("(linear 3.1003ep to=1x from=0) x {}", {"steps_per_epoch": 7}),
    "a product": ("(linear 1 to=0.999x * linear 1 to=0.999x) x {}", {}),
}


@pytest.mark.benchmark(
    group="to parse and bind 10,000 phases once: at most 1.05 times ten times 1,000"
)
@pytest.mark.parametrize(("phases", "times"), [(1_000, 10), (10_000, 1)])
@pytest.mark.parametrize("what", ["a text", *ROUNDS])
def test_written_out(benchmark: Any, what: str, phases: int, times: int) -> None:
    rounds, binding = ROUNDS.get(what, ("", {}))
    ramps = " -> ".join(f"linear {10 + i % 7} to={50 + i % 50}%" for i in range(phases))
    text = rounds.format(phases) or ramps

    def run() -> None:
        for _ in range(times):
            schedlang.parse(text).bind(lr=0.1, **binding)

    benchmark.pedantic(run, rounds=7, warmup_rounds=1)
