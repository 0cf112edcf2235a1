"""Lines with their bindings: at least one for every phase, every option and every way to join them.

`CASES` has no `plateau`, whose curve hangs on metrics; those lines are `PLATEAUS`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import schedlang
from schedlang.formula import expressions as formula
from schedlang.program.program import Piece, Program, Track


@dataclass(frozen=True)
class Case:
    """A line of text and what it is bound to."""

    name: str
    text: str
    binding: dict[str, Any] = field(default_factory=dict)
    lr: float = 0.1

    def __str__(self) -> str:
        return self.name

    def bind(self) -> Program:
        return schedlang.parse(self.text).bind(lr=self.lr, **self.binding)


RAMPS = [
    Case("hold", "hold"),
    Case("hold for a while", "hold 10"),
    Case("hold to a share", "hold 10 to=50%"),
    Case("hold to a rate", "hold 10 to=3e-3 -> hold 5 to=0.2x"),
    Case("linear", "linear 10"),
    Case("linear to a share", "linear 10 to=0.1x"),
    Case("linear to a rate", "linear 10 to=1e-3"),
    Case("linear up", "linear 10 from=10% to=2x"),
    Case("linear of one tick", "linear 1 -> hold 3 to=50%"),
    Case("linear with skip", "linear 20 skip=5 min=1%"),
    Case("linear all skipped", "linear 20 to=50% skip=20 -> cosine 5"),
    Case("decay alone", "decay 10"),
    Case("decay linear", "decay linear 10 min=10%"),
    Case("cosine", "cosine 20"),
    Case("cosine to a rate", "cosine 20 min=1e-4"),
    Case("cosine up", "cosine 20 from=1% to=1x"),
    Case("decay cosine", "decay cosine 20 from=50% min=1%"),
    Case("cosine with skip", "cosine 30 min=1e-3 skip=7"),
    Case("poly", "poly 20"),
    Case("poly squared", "poly 20 power=2 min=1e-3"),
    Case("poly root", "poly 20 power=0.5 to=5%"),
    Case("poly up", "poly 20 power=3 from=0 to=1x"),
    Case("sqrt", "sqrt 20"),
    Case("decay sqrt", "decay sqrt 20 min=1%"),
    Case("sqrt up", "sqrt 20 from=10% to=1x"),
    Case("exp that stays", "exp 1 to=1x"),
    Case("exp to a share", "exp 20 to=1%"),
    Case("exp to a rate", "exp 20 to=1e-4"),
    Case("exp from a rate to a share", "exp 20 from=0.05 to=1%"),
    Case("exp up", "exp 20 from=1% to=1x"),
    Case("decay exp", "decay exp 20 to=1%"),
    Case("exp with skip", "exp 20 to=1% skip=5"),
    Case("linear in steps", "linear 20 every=4 min=10%"),
    Case("cosine in steps", "cosine 20 every=5 min=1e-3 -> hold 3"),
    Case("cosine in steps that divide nothing", "cosine 20 every=7 min=1% -> linear 5"),
    Case("cosine up in steps", "cosine 20 from=1% to=1x every=2.5"),
    Case("poly in steps", "poly 20 power=2 every=10/3 skip=5"),
    Case("poly root in steps", "poly 20 power=0.5 every=4"),
    Case("sqrt in steps", "decay sqrt 20 min=1% every=3"),
    Case("exp to a rate in steps", "exp 20 to=1e-4 every=4"),
    Case("exp from a rate to a share in steps", "exp 20 from=0.05 to=1% every=3 skip=4"),
    Case("a step longer than its ramp", "linear 5 every=20 to=50% -> linear 5"),
]
WARMUPS = [
    Case("warmup", "warmup 10"),
    Case("warmup from 0", "warmup 10 from=0 -> hold"),
    Case("warmup to a rate", "warmup 10 to=0.05"),
    Case("warmup linear", "warmup linear 10 from=30%"),
    Case("warmup cosine", "warmup cosine 10 -> hold 3"),
    Case("warmup poly", "warmup poly 10 power=2 from=0"),
    Case("warmup sqrt", "warmup sqrt 10 -> decay sqrt 10"),
    Case("warmup exp", "warmup exp 10 from=1%"),
    Case("warmup exp from the default", "warmup exp 10"),
    Case("a second warmup", "warmup 5 -> linear 10 to=20% -> warmup 5 -> cosine 10"),
    Case("warmup with skip", "warmup 10 from=0 skip=1 -> cosine 10"),
    Case("warmup until with skip", "warmup until 10 from=0 skip=1 -> linear 10"),
    Case("warmup cosine with skip", "hold 3 to=10% -> warmup cosine 10 skip=4 -> hold"),
    Case("warmup exp with skip", "warmup exp 10 skip=3"),
    Case("warmup all skipped", "warmup 10 skip=10 -> cosine 5"),
    Case("warmup in steps", "warmup 10 from=0 every=3 -> hold 3"),
    Case("warmup sqrt in steps", "warmup sqrt 12 every=4 skip=2"),
    Case("warmup exp in steps", "warmup exp 12 every=2.5"),
    Case("flagship", "warmup linear 10 -> cosine 90 min=1e-4"),
    Case("warmup-stable-decay", "warmup 5% -> hold rest -> decay sqrt 20% min=1%", {"total": 100}),
]
RATES = [
    Case("exp gamma", "exp gamma=0.95"),
    Case("exp gamma every", "exp gamma=0.5 every=10"),
    Case("exp gamma for a while", "exp 20 gamma=0.9 -> linear 10"),
    Case("exp gamma floored", "exp gamma=0.8 min=1%"),
    Case("exp gamma from", "exp gamma=0.9 from=50% min=1e-3"),
    Case("exp gamma with skip", "exp 20 gamma=0.9 skip=5"),
    Case("exp gamma up", "exp 10 gamma=1.1"),
    Case("step", "step every=7"),
    Case("step gamma", "step every=7 gamma=0.5"),
    Case("step in fractions of a tick", "step every=2.5 gamma=0.9"),
    Case("step by thirds", "step every=10/3 gamma=0.9"),
    Case("step for a while", "step 90 every=30 gamma=0.1 -> hold 5"),
    Case("step floored", "step every=5 gamma=0.3 min=1e-3 from=0.05"),
    Case("step with skip", "step 30 every=10 skip=15"),
    Case("multistep", "multistep at=[10, 20, 40]"),
    Case("multistep gammas", "multistep at=[10, 20, 40] gamma=[0.5, 0.2, 0.1]"),
    Case("multistep of the run", "warmup 5 -> multistep 45 at=[10, 20, 30] gamma=0.3"),
    Case("multistep floored", "multistep at=[3, 6] from=50% min=2%"),
    Case("multistep where it begins", "hold 10 -> multistep 20 at=[10, 20, 30]"),
    Case("piecewise", "piecewise at=[10, 20] values=[1x, 50%, 1e-3]"),
    Case("piecewise in shares", "piecewise 30 at=[5, 15] values=[1, 0.5, 0.1]x -> linear 10"),
    Case("piecewise in rates", "piecewise at=[5] values=[0.05, 0]"),
    Case("inverse_time", "inverse_time rate=0.5"),
    Case("inverse_time every", "inverse_time rate=1 every=10 min=1%"),
    Case("inverse_time staircase", "inverse_time 40 rate=1 every=7 staircase=true from=50%"),
    Case("inverse_time with skip", "inverse_time 20 rate=0.1 skip=4"),
    Case("inverse_sqrt", "inverse_sqrt timescale=100"),
    Case("noam", "warmup 20 from=0 -> inverse_sqrt"),
    Case("inverse_sqrt for a while", "warmup 4 -> inverse_sqrt 30 min=20% -> linear 10"),
    Case("inverse_sqrt with skip", "inverse_sqrt 30 timescale=5 skip=10 from=2x"),
]
CYCLES = [
    Case("restarts", "restarts first=10"),
    Case("restarts growing", "restarts first=5 mult=2 min=1e-4"),
    Case("restarts growing in fractions", "restarts first=5 mult=1.5"),
    Case("restarts shrinking", "restarts first=10 shrink=0.5 min=1%"),
    Case("restarts shrinking to the floor", "restarts first=5 shrink=0.1 min=10%"),
    Case("restarts for a while", "restarts 25 first=10 -> hold 5"),
    Case("restarts counted", "restarts first=8 mult=2 cycles=3 -> linear 5 from=10%"),
    Case("restarts dividing", "restarts 30 cycles=4 -> hold 3"),
    Case("restarts dividing growing", "restarts 35 cycles=3 mult=2 from=50% min=1%"),
    Case("restarts in fractions of a tick", "restarts first=2.5 min=1%"),
    Case("restarts in hundredths of a tick", "restarts first=2.54 min=1%"),
    Case("restarts with skip", "restarts 20 first=8 skip=3"),
    Case("cyclic", "cyclic up=10 min=1e-3 max=0.1"),
    Case("cyclic with down", "cyclic up=4 down=9 min=10%"),
    Case("cyclic triangular2", "cyclic up=5 min=1% mode=triangular2"),
    Case("cyclic exp_range", "cyclic up=5 min=1% max=2x mode=exp_range gamma=0.95"),
    Case("cyclic for a while", "cyclic 25 up=5 min=1% -> hold 3"),
    Case("cyclic in fractions of a tick", "cyclic up=2.5 down=1.5 min=10%"),
    Case("cyclic with skip", "cyclic 30 up=5 min=1% skip=7"),
    Case("onecycle", "onecycle 50"),
    Case("onecycle linear", "onecycle 50 anneal=linear"),
    Case("onecycle three phases", "onecycle 50 three_phase=true"),
    Case("onecycle three phases linear", "onecycle 40 pct=0.4 three_phase=true anneal=linear"),
    Case("onecycle half and half", "onecycle 40 pct=0.5 three_phase=true"),
    Case("onecycle numbers", "onecycle 30 max=0.2 pct=25% div=10 final_div=100"),
    Case("onecycle between ticks", "onecycle 33 pct=0.35"),
    Case("onecycle of one tick", "onecycle 1 -> hold 2"),
    Case("onecycle whose peak is tick 0", "onecycle 10 pct=0.1"),
    Case("onecycle and on", "warmup 5 -> onecycle 30 max=50% -> linear 5 from=1% to=2%"),
    Case("onecycle with skip", "onecycle 40 skip=10"),
]
MOMENTA = [
    Case("cyclic momentum", "cyclic up=10 min=1e-3 momentum=[0.8, 0.9]"),
    Case("cyclic momentum triangular2", "cyclic up=5 min=1% mode=triangular2 momentum=[0.7, 0.9]"),
    Case(
        "cyclic momentum exp_range",
        "cyclic up=5 min=1% mode=exp_range gamma=0.9 momentum=[0.8, 0.9]",
    ),
    Case("onecycle momentum", "onecycle 50 momentum=[0.85, 0.95]"),
    Case("onecycle momentum three phases", "onecycle 50 three_phase=true momentum=[85%, 95%]"),
    Case("momentum in a pipeline", "warmup 5 -> onecycle 30 momentum=[0.85, 0.95] -> hold 5"),
    Case(
        "momentum twice",
        "cyclic 20 up=5 min=1% momentum=[0.8, 0.9] -> hold 5 -> onecycle 20 momentum=[0.6, 0.7]",
    ),
]
EXPRESSIONS = [
    Case("fn", "fn {0.95 ** t}"),
    Case("fn with T", "fn 30 {max(0.05, (1 - t / T) ** 2)}"),
    Case("fn with p", "fn 20 {1 - p if p < 0.5 else 0.25} -> hold 5"),
    Case("fn with start", "linear 10 to=50% -> fn 20 {start * (1 - p)}"),
    Case("fn of every function", "fn 40 {abs(sin(t)) + cos(p) ** 2 + tan(p / 2) + tanh(p) + 0.01}"),
    Case("fn of more functions", "fn 40 {exp(-p) + log(1 + t) / 9 + sqrt(t) + floor(p * 3) / 7}"),
    Case("fn of the rest", "fn 40 {min(1, ceil(t / 9) / 4, 2 - p) + max(p, 1 - p) + pi / 9}"),
    Case(
        "fn with conditions",
        "fn {1 if not (t < 5 or t >= 20) and t != 7 else 0.5 if t == 7 else 0.1}",
    ),
    Case("fn whose other branch is nothing", "fn 20 {1 / t if t > 0 else 1}"),
]
JOINS = [
    Case("a plain group", "warmup 5 -> (hold 5 -> multistep 20 at=[10, 15])"),
    Case("until", "warmup 5 -> cosine until 40 min=10% -> hold"),
    Case("until in a group", "hold 7 -> (linear 5 to=50% -> cosine until 20 min=10%) -> hold 3"),
    Case("rest", "warmup 10 -> cosine rest min=1% -> hold 5", {"total": 60}),
    Case("rest in parentheses", "warmup 10 -> (hold 5 -> cosine rest)", {"total": 60}),
    Case("rest with skip", "warmup 10 from=0 -> linear rest skip=10", {"total": 60}),
    Case("warmup of the rest with skip", "hold 5 to=1% -> warmup rest skip=5", {"total": 20}),
    Case("skip and until", "warmup 10 from=0 -> cosine until 60 skip=10"),
    Case("repeat", "(linear 10 from=1x to=0.1x -> hold 5) x 3"),
    Case("repeat going on", "(linear 5 to=50% -> hold 2 -> exp 4 gamma=0.9) x 4 -> linear 6"),
    Case("repeat with warm-ups", "(warmup 3 -> decay 6 min=20%) x 3"),
    Case(
        "repeat in fractions of ticks",
        "(linear 2.5ep to=50% -> hold 0.8ep) x 5",
        {"steps_per_epoch": 7},
    ),
    Case("repeat of a repeat", "((linear 3 to=50% -> linear 3 to=1x) x 2 -> hold 2) x 3 -> hold"),
    Case("repeat with until and at", "hold 3 -> (hold 2 -> step until 12 every=4 gamma=0.5) x 2"),
    Case("wave", "(cosine 20 min=1% -> cosine 20 to=1x) x inf"),
    Case("wave after a warm-up", "warmup 5 -> (linear 7 to=10% -> linear 3 to=1x) x inf"),
    Case("endless first round", "(warmup 4 -> linear 6 to=10%) x inf"),
    Case(
        "endless in fractions",
        "(linear 2.5ep to=50% -> linear 0.7ep to=1x) x inf",
        {"steps_per_epoch": 9},
    ),
    Case("endless with jumps", "(linear 3 from=1x to=20% -> hold 2) x inf"),
    Case("product", "(warmup 5 from=0 -> hold) * (step every=10 gamma=0.5)"),
    Case("chained", "(linear 10 from=50% to=1x) * (exp gamma=0.9)"),
    Case(
        "product that ends",
        "linear 10 to=50% -> (cosine 20 min=10%) * (linear 10 to=50%) -> hold 5",
    ),
    Case(
        "product of three",
        "(linear 8 to=50%) * cosine 16 min=20% * step 12 every=4 gamma=0.9 -> linear 6",
    ),
    Case("product in a repeat", "((linear 4 to=50%) * hold 6 -> linear 4 to=1x) x 3"),
    Case("product in a wave", "(linear 4 to=50% * hold 6 -> linear 4 to=1x) x inf"),
    Case("repeat in a product", "((linear 4 to=50% -> linear 4 to=1x) x inf) * linear 30 to=10%"),
    Case(
        "product in a product",
        "(hold 3 -> (linear 5 to=50%) * (hold 2 -> linear 9 to=80%)) * hold 20",
    ),
    Case("product with 1", "cosine 20 min=1% * hold"),
    Case(
        "a later product",
        "hold 3 -> (linear 4 to=50%) * hold 2 -> hold 3 -> (hold 2) * (linear 3 to=10%)",
    ),
    Case("no length", "linear 0 to=50% -> hold 5 -> cosine 0 -> hold 5 to=20%"),
    Case("no length, rounded", "linear 0.1ep to=50% -> linear 10ep", {"steps_per_epoch": 3}),
    Case("nothing at all", "linear 0 to=50%"),
    Case("products of no length", "hold 0 * hold 0 * (hold 0 * linear 4 to=50%) -> hold 3"),
    Case("no length with skip", "linear 0 skip=3 -> step 0 every=3 skip=1 -> warmup 0 skip=2"),
    Case("wave in steps", "(cosine 12 min=1% every=5 -> cosine 12 to=1x every=4) x inf"),
    Case("product in steps", "(warmup 8 from=0 every=3) * (linear 20 every=6)"),
    Case("onecycle of no length", "onecycle 0 -> hold 5"),
    Case(
        "rates of no length", "step 0 every=3 -> exp 0 gamma=0.5 -> restarts 0 first=3 -> linear 5"
    ),
    Case("comments and lines", "warmup 5  # a first phase\n  -> cosine 10\n"),
]
UNITS = [
    Case("settings", "lr=0.2 total=50 | warmup 10% -> cosine rest min=1%", lr=0.2),
    Case("epochs", "warmup 2ep -> cosine 8ep min=1%"),
    Case("epochs in steps", "warmup 2ep -> cosine 8.5ep min=1%", {"steps_per_epoch": 5}),
    Case(
        "epochs held", "warmup 2ep -> cosine 8ep min=1%", {"steps_per_epoch": 5, "clock": "epoch"}
    ),
    Case("steps in epochs", "warmup 10st -> cosine 8ep", {"steps_per_epoch": 5, "clock": "epoch"}),
    Case("tokens", "warmup 8k tok -> cosine until 50k tok min=10%", {"tokens_per_step": 1000}),
    Case("examples", "warmup 80ex -> linear 0.5k ex", {"samples_per_step": 16}),
    Case(
        "units together",
        "warmup 10st -> hold 2ep -> linear 64ex",
        {"steps_per_epoch": 5, "samples_per_step": 4},
    ),
    Case("percent of epochs", "warmup 10% -> cosine rest", {"total": "9ep", "steps_per_epoch": 7}),
    Case("percent that divides nothing", "warmup 10% -> hold 33% -> linear rest", {"total": 123}),
    Case(
        "percent inside", "(linear 7% to=50% -> linear 3% to=1x) x 5 -> linear rest", {"total": 97}
    ),
    Case(
        "positions in epochs",
        "warmup 2ep -> multistep 18ep at=[5, 10, 15]ep",
        {"steps_per_epoch": 3},
    ),
    Case("positions in percent", "multistep at=[30, 60, 80]%", {"total": 55}),
    Case("periods in epochs", "step every=2.4ep gamma=0.97", {"steps_per_epoch": 11}),
    Case(
        "efficientnet",
        "warmup 5ep from=0 -> step every=2.4ep gamma=0.9 skip=5ep",
        {"steps_per_epoch": 7},
    ),
    Case(
        "epochs of a curve in updates",
        "warmup 2ep -> cosine 8ep min=1e-3 every=1ep",
        {"steps_per_epoch": 7},
    ),
    Case("steps of tokens", "linear 50k tok every=7k tok skip=3k tok", {"tokens_per_step": 1000}),
    Case("a clock for bare numbers", "clock=epoch | warmup 5 -> cosine 10ep"),
    Case(
        "bare steps in epochs known", "clock=step | warmup 5 -> cosine 20", {"steps_per_epoch": 4}
    ),
]
VALUES = [
    Case("a teacher's momentum", "cosine 20 from=0.996 to=1"),
    Case("a weight of a loss", "linear 20 to=1 from=0"),
    Case("a batch size", "exp 20 from=32 to=2048"),
    Case("a wave of values", "cyclic up=3 min=0.1 max=0.5"),
    Case("one cycle of values", "onecycle 10 max=0.5"),
    Case("a warm-up of values", "warmup 5 from=0 to=0.3 -> cosine 10"),
    Case("a temperature", "warmup 5ep from=0.04 to=0.07 every=1ep -> hold", {"steps_per_epoch": 3}),
    Case("values that drop", "step every=5 gamma=0.5 from=0.3 min=0.05"),
    Case("values again and again", "(linear 5 from=0.1 to=0.2) x 3 -> cosine 5"),
]
"""Lines that need no base rate."""
CASES: list[Case] = [
    *RAMPS, *WARMUPS, *RATES, *CYCLES, *MOMENTA, *EXPRESSIONS, *JOINS, *UNITS, *VALUES,
]  # fmt: skip

PLATEAUS: list[Case] = [
    Case("plateau", "plateau factor=0.5 patience=10"),
    Case("plateau after a warm-up", "warmup 5 -> plateau factor=0.5 patience=2 min=1e-6"),
    Case("plateau of a score", "plateau mode=max monitor=val/acc-1.top patience=3 cooldown=2"),
    Case("plateau by difference", "plateau threshold=0.01 threshold_mode=abs eps=0 patience=0"),
    Case("plateau by share", "hold 3 -> (linear 5 to=50% -> plateau min=1% patience=1)"),
]


@cache
def golden() -> tuple[dict[str, Any], ...]:
    """What PyTorch and Keras return for every scheduler of two articles on the subject."""
    path = Path(__file__).parent / "golden" / "seeds.json"
    return tuple(json.loads(path.read_text(encoding="utf-8")))


FAR = 10**6


def ticks_of(program: Program) -> list[int]:
    """The telling ticks in order: the first two, around each boundary and jump, far beyond."""
    ticks = {0, 1, FAR}
    tracks = [*program.tracks, *([program.momentum] if program.momentum is not None else [])]
    for moment in (moment for track in tracks for moment in _moments(track)):
        ticks |= {moment - 1, moment, moment + 1}
    if program.length is not None:
        ticks |= {program.length - 1, program.length, program.length + 1}
    return sorted(tick for tick in ticks if tick >= 0)


def _moments(track: Track) -> Iterator[int]:
    """Where something changes: in a loop's first three rounds too."""
    for piece in track.pieces:
        inside = [piece.begin, *_jumps(piece)]
        yield from inside
        if track.loop is not None and piece.begin >= track.loop.begin:
            for again in (1, 2):
                yield from (moment + again * track.loop.period for moment in inside)
        if piece.end is not None:
            yield (piece.begin + piece.end) // 2
            yield piece.end


def _jumps(piece: Piece) -> Iterator[int]:
    """The first few positions and periods inside a piece."""
    for part in formula.walk(piece.curve):
        if isinstance(part, formula.Lookup):
            yield from (piece.begin + math.ceil(edge) for edge in part.edges[:8])
    for name in ("every", "first", "up"):
        period = piece.arguments.get(name)
        if isinstance(period, float):
            for i in (1, 2, 3):
                if piece.end is None or i * period < piece.end - piece.begin:
                    yield piece.begin + math.ceil(i * period)


class Refused(NamedTuple):
    """A line with a mistake: a title, the line, its binding, and the whole message."""

    title: str
    text: str
    binding: dict[str, Any]
    message: str


def refused(name: str) -> list[Refused]:
    """The blocks of a file of tests/golden: title, line, binding, message."""
    path = Path(__file__).parent / "golden" / name
    blocks = re.split(r"^=== ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    found = []
    for block in blocks:
        title, rest = block.split("\n", 1)
        text, rest = re.split(r"\n?^---", rest, maxsplit=1, flags=re.MULTILINE)
        head, message = rest.split("\n", 1)
        binding: dict[str, Any] = {} if "lr=" in text else {"lr": 0.1}
        for word in head.split():
            name, value = word.split("=")
            binding[name] = None if value == "None" else value
        found.append(Refused(title, text, binding, message.rstrip("\n")))
    return found
