"""Random schedules from the whole language, and random texts that are almost schedules.

A schedule is drawn left to right, keeping track of what makes it valid: the level (so that warm-ups
go up and decays down), the exact time (so that positions lie ahead), and which units are known.
"""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeVar

from hypothesis import assume
from hypothesis import strategies as st

import schedlang
from tests.cases import CASES, PLATEAUS, Case

_T = TypeVar("_T")

SHARES = [Fraction(n, 100) for n in (0, 1, 5, 10, 20, 25, 50, 80, 100, 150, 200)]
RATES = ["0.1", "1e-3", "3e-4", "0.25", "1"]


@dataclass(frozen=True)
class _Units:
    """The units of one line: ticks in each, and the grid of numbers that is written in it."""

    ticks: dict[str, Fraction]

    @property
    def names(self) -> list[str]:
        return sorted(self.ticks)


_GRID = {
    "": Fraction(1),
    "st": Fraction(1),
    "ep": Fraction(1, 4),
    "tok": Fraction(100),
    "ex": Fraction(10),
    "%": Fraction(1),
}
_SPELLED = {
    "": [""],
    "st": ["st", " steps", "step"],
    "ep": ["ep", " epochs", "epoch"],
    "tok": [" tok", " tokens"],
    "ex": [" ex", " samples", "examples"],
    "%": ["%"],
}


@dataclass(frozen=True)
class _Place:
    """Where a phase is drawn."""

    level: Fraction | None
    """The share of the base at entry, if it is known."""
    elapsed: Fraction | None
    """Exact ticks since the start of the enclosing pipeline, if they are known."""
    shares_only: bool = False
    """Inside a product."""
    may_never_end: bool = False
    top: bool = False
    """In the top-level pipeline, where `rest` may stand."""
    first: bool = False


@dataclass(frozen=True)
class _Out:
    text: str
    level: Fraction | None
    ticks: Fraction | None
    """How long it takes, if that is known."""
    ends: bool = True


class _Artist:
    """Draws one line."""

    def __init__(
        self, draw: Callable[[st.SearchStrategy[Any]], Any], units: _Units, lr: str
    ) -> None:
        self.draw = draw
        self.units = units
        self.lr = Fraction(lr)
        self.has_total = "%" in units.ticks
        self.rest_is_free = self.has_total
        self.momentum = False
        self.smooth = False

    # ── Small things ──

    def pick(self, choices: Sequence[_T]) -> _T:
        return choices[self.whole(0, len(choices) - 1)]

    def chance(self, of: int = 2) -> bool:
        return bool(self.draw(st.integers(0, of - 1)) == of - 1)

    def whole(self, least: int, most: int) -> int:
        return int(self.draw(st.integers(least, most)))

    def number(self, value: Fraction) -> str:
        """One of the ways to write it."""
        spellings = [str(value) if value.denominator != 1 else str(value.numerator)]
        decimal = f"{float(value):.12f}".rstrip("0").rstrip(".")
        if Fraction(decimal) == value:
            spellings.insert(0, decimal)
            if value and value < 1:
                spellings.append(decimal[1:])
            if value >= 1000 and value % 100 == 0:
                spellings.append(f"{float(value) / 1000:g}k")
        return self.pick(spellings)

    def length(
        self, least: Fraction, most: Fraction, unit: str | None = None
    ) -> tuple[str, Fraction]:
        """A length of about so many ticks, at least the least: its text, and its exact ticks."""
        unit = self.pick(self.units.names) if unit is None else unit
        size = self.units.ticks[unit] * _GRID[unit]
        low = math.ceil(least / size)
        count = self.whole(low, max(low, math.floor(most / size)))
        text = self.number(count * _GRID[unit]) + self.pick(_SPELLED[unit])
        return text, count * size

    def period(self) -> str:
        """At least a tick; in half ticks where there are no units."""
        if "" in self.units.ticks and self.chance(3):
            return self.number(Fraction(self.whole(2, 24), 2))
        return self.length(Fraction(1), Fraction(12))[0]

    def positions(self, elapsed: Fraction) -> tuple[str, int]:
        """A list of positions from the phase's begin on, and how many."""
        unit = self.pick(self.units.names)
        size = self.units.ticks[unit] * _GRID[unit]
        at = math.ceil(elapsed / size)
        found: list[str] = []
        for _ in range(self.whole(1, 3)):
            at += self.whole(0 if not found else 1, max(1, math.floor(10 / size)))
            found.append(self.number(at * _GRID[unit]))
        return f"[{', '.join(found)}]{self.pick(_SPELLED[unit])}", len(found)

    def level(self, share: Fraction, place: _Place) -> str:
        """A share of the base as one of: a share, a percentage, a rate."""
        if share == 0:
            return self.pick(["0", "0%", "0x"])
        ways = [f"{self.number(share)}x", f"{self.number(share * 100)}%"]
        rate = share * self.lr
        if not place.shares_only:
            ways.append(f"{float(rate):.12g}")
        return self.pick(ways)

    def share(self, least: int = 0, most: Fraction | None = None) -> Fraction:
        choices = [x for x in SHARES[least:] if most is None or x <= most]
        return self.pick(choices or SHARES[:1])

    # ── Phases ──

    def duration(self, place: _Place) -> tuple[str, Fraction | None]:
        """The duration's text, and how long it is."""
        how = self.whole(0, 7)
        if how == 7 and place.top and self.rest_is_free:
            self.rest_is_free = False
            return "rest", None
        text, ticks = self.length(Fraction(0), Fraction(25))
        if how == 6 and place.elapsed is not None:
            unit = self.pick(self.units.names)
            size = self.units.ticks[unit] * _GRID[unit]
            count = math.ceil((place.elapsed + ticks) / size)
            until = self.number(count * _GRID[unit]) + self.pick(_SPELLED[unit])
            return f"until {until}", count * size - place.elapsed
        return text, ticks

    def skip(self, ticks: Fraction | None) -> tuple[str, int]:
        """Nothing, or `skip=` of at most the duration (any of one without ticks), and its ticks."""
        if ticks is None or not self.chance(5):
            return "", 0
        unit = self.pick(self.units.names)
        size = self.units.ticks[unit] * _GRID[unit]
        most = math.floor(ticks / size) if ticks >= Fraction(1, 2) else 9
        count = self.whole(0, most)
        rounded = math.floor(count * size + Fraction(1, 2))
        return f" skip={self.number(count * _GRID[unit])}{self.pick(_SPELLED[unit])}", rounded

    def phase(self, place: _Place) -> _Out:
        drawers = [self.ramp, self.ramp, self.ramp, self.warmup, self.rate, self.cycle]
        drawers += [self.hold, self.positioned, self.fn]
        return self.pick(drawers)(place)

    def hold(self, place: _Place) -> _Out:
        to = self.share() if self.chance() else None
        said = "" if to is None else f" to={self.level(to, place)}"
        level = place.level if to is None else to
        if place.may_never_end and self.chance(4):
            return _Out(f"hold{said}", level, None, ends=False)
        text, ticks = self.duration(place)
        return _Out(f"hold {text}{said}", level, ticks)

    def ramp(self, place: _Place) -> _Out:
        shape = self.pick(["linear", "cosine", "poly", "sqrt", "exp"])
        duration, ticks = self.duration(place)
        words = [shape, duration]
        start = place.level
        positive = shape == "exp"
        if start is None or (positive and start == 0) or self.chance(4):
            start = self.share(1)
            words.append(f"from={self.level(start, place)}")
        how = self.pick(["to", "decay", "min", "min of a decay", "nothing"])
        end = Fraction(0)
        if how == "to" or positive:
            if positive and how in ("decay", "min of a decay"):
                words.insert(0, "decay")
                end = self.share(1, start) if start >= SHARES[1] else start
            else:
                end = self.share(1 if positive else 0)
            words.append(f"to={self.level(end, place)}")
        elif how in ("min", "min of a decay"):
            end = self.share(0, start)
            words.append(f"min={self.level(end, place)}")
        if how in ("decay", "min of a decay") and not positive:
            words.insert(0, "decay")
            if shape == "linear" and self.chance():
                words.remove("linear")
        if shape == "poly":
            words.append(f"power={self.pick(['2', '0.5', '3', '0.9'])}")
        skip, skipped = self.skip(ticks)
        text = " ".join(words) + skip + self.staircase()
        return _Out(text, end, self._left(ticks, skipped, duration))

    @staticmethod
    def _left(ticks: Fraction | None, skipped: int, duration: str) -> Fraction | None:
        if ticks is None or duration.startswith(("until", "rest")):
            return ticks
        return max(Fraction(0), ticks - skipped)

    def staircase(self) -> str:
        """Nothing, or the `every=` of a ramp."""
        return f" every={self.period()}" if self.chance(4) else ""

    def warmup(self, place: _Place) -> _Out:
        shape = self.pick(["", "linear", "cosine", "poly", "sqrt", "exp"])
        duration, ticks = self.duration(place)
        words = [word for word in ("warmup", shape, duration) if word]
        end = self.share(3)
        start = place.level
        if not place.first and (start is None or start >= end or self.chance(4)):
            start = self.pick([x for x in SHARES if x < end and (x or shape != "exp")])
            words.append(f"from={self.level(start, place)}")
        elif shape == "exp" and not place.first and start == 0:
            words.append(f"from={self.level(SHARES[1], place)}")
        if end != 1 or self.chance(4):
            words.append(f"to={self.level(end, place)}")
        if shape == "poly":
            words.append(f"power={self.pick(['2', '0.5'])}")
        skip, skipped = self.skip(ticks)
        text = " ".join(words) + skip + self.staircase()
        return _Out(text, end, self._left(ticks, skipped, duration))

    def rate(self, place: _Place) -> _Out:
        kind = self.pick(["exp", "step", "inverse_time", "inverse_sqrt"])
        words = [kind]
        ticks: Fraction | None = None
        skip, skipped = "", 0
        endless = place.may_never_end and self.chance()
        if not endless:
            duration, ticks = self.duration(place)
            words.append(duration)
            skip, skipped = self.skip(ticks)
            ticks = self._left(ticks, skipped, duration)
        match kind:
            case "exp":
                words.append(
                    f"gamma={self.pick(['0.9', '0.5', '95%', '1.05' if not endless else '1'])}"
                )
            case "step" if self.chance():
                words.append(f"gamma={self.pick(['0.5', '0.9', '1/3'])}")
            case "inverse_time":
                words.append(f"rate={self.pick(['0.1', '1', '2.5'])}")
                if self.chance():
                    words.append(f"staircase={self.pick(['true', 'false'])}")
        match kind:
            case "step":
                words.append(f"every={self.period()}")
            case "exp" | "inverse_time" if "" not in self.units.ticks or self.chance():
                words.append(f"every={self.period()}")
            case "inverse_sqrt" if not place.elapsed or place.elapsed < 1 or self.chance():
                words.append(f"timescale={self.period()}")
        if self.chance(4):
            words.append(f"from={self.level(self.share(1), place)}")
        if self.chance(4):
            words.append(f"min={self.level(self.share(0, SHARES[4]), place)}")
        return _Out(" ".join(words) + skip, None, ticks, ends=not endless)

    def positioned(self, place: _Place) -> _Out:
        if place.elapsed is None:
            return self.hold(place)
        ticks: Fraction | None = None
        words = [self.pick(["multistep", "piecewise"])]
        endless = place.may_never_end and self.chance()
        if not endless:
            duration, ticks = self.duration(place)
            words.append(duration)
        at, count = self.positions(place.elapsed)
        words.append(f"at={at}")
        if words[0] == "piecewise":
            levels = [self.level(self.share(), place) for _ in range(count + 1)]
            words.append(f"values=[{', '.join(levels)}]")
        else:
            if self.chance():
                words.append(
                    f"gamma=[{', '.join(self.pick(['0.5', '0.3', '2']) for _ in range(count))}]"
                )
            elif self.chance():
                words.append("gamma=0.4")
            if self.chance(4):
                words.append(f"min={self.level(self.share(0, SHARES[4]), place)}")
        return _Out(" ".join(words), None, ticks, ends=not endless)

    def cycle(self, place: _Place) -> _Out:
        kind = self.pick(["restarts", "cyclic", "onecycle"])
        words = [kind]
        ticks: Fraction | None = None
        endless = place.may_never_end and kind != "onecycle" and self.chance()
        skip, skipped = "", 0
        bounded_by_cycles = kind == "restarts" and not endless and self.chance(3)
        if not endless and not bounded_by_cycles:
            duration, ticks = self.duration(place)
            words.append(duration)
            skip, skipped = self.skip(ticks)
            ticks = self._left(ticks, skipped, duration)
        level: Fraction | None = None
        match kind:
            case "restarts":
                if bounded_by_cycles:
                    words += [f"first={self.period()}", f"cycles={self.whole(1, 3)}"]
                    level = SHARES[0]
                elif endless or self.chance():
                    words.append(f"first={self.period()}")
                else:
                    words.append(f"cycles={self.whole(1, 4)}")
                if self.chance(3):
                    words.append(f"mult={self.pick(['2', '1.5', '1.25'])}")
                if self.chance(3):
                    words.append(f"shrink={self.pick(['0.5', '0.8', '110%'])}")
                if self.chance():
                    words.append(f"min={self.level(self.share(0, SHARES[4]), place)}")
                    level = None
                if self.chance(4):
                    words.append(f"from={self.level(self.share(1), place)}")
            case "cyclic":
                high = self.share(2)
                words += [f"up={self.period()}", f"min={self.level(self.share(0, high), place)}"]
                words.append(f"max={self.level(high, place)}")
                if self.chance(3):
                    words.append(f"down={self.period()}")
                mode = self.pick(["", "triangular2", "exp_range"])
                if mode:
                    words.append(f"mode={mode}")
                if mode == "exp_range":
                    words.append("gamma=0.95")
                words += self.momenta(place)
            case "onecycle":
                three = self.chance(3)
                words.append(
                    f"pct={self.pick(['0.3', '25%', '0.1', '0.5'] + ['0.7'] * (not three))}"
                )
                if three:
                    words.append("three_phase=true")
                if self.chance(3):
                    words.append("anneal=linear")
                if self.chance(3):
                    words += [f"max={self.level(self.share(2), place)}", "div=10", "final_div=100"]
                words += self.momenta(place)
        return _Out(" ".join(words) + skip, level, ticks, ends=not endless)

    def momenta(self, place: _Place) -> list[str]:
        if not self.momentum or place.shares_only or not self.chance():
            return []
        return [f"momentum={self.pick(['[0.85, 0.95]', '[0, 90%]'])}"]

    def fn(self, place: _Place) -> _Out:
        endless = place.may_never_end and self.chance()
        if endless:
            return _Out(f"fn {{{self.expression(2, bounded=False)}}}", None, None, ends=False)
        duration, ticks = self.duration(place)
        if ticks is not None and ticks >= 1 and not self.smooth and self.chance(4):
            # 0 at its end but for the rounding, which is now above 0 and now below.
            high, last = self.pick(["0.3", "0.7", "1.1"]), math.floor(ticks + Fraction(1, 2))
            slope = f"{float(high) / last:.17g}"
            return _Out(f"fn {duration} {{{high} - {slope} * t}}", None, ticks)
        return _Out(f"fn {duration} {{{self.expression(2, bounded=True)}}}", None, ticks)

    def exact(self, bounded: bool) -> str:
        """Arithmetic that every machine rounds alike, so that a jump falls on the same tick."""
        x = self.pick(["p", "p * 3", "t / T"]) if bounded else self.pick(["t", "t / 8", "t - 5"])
        return self.pick([x, f"{x} + 0.5", f"2 * ({x})"])

    def expression(self, depth: int, *, bounded: bool) -> str:
        """An expression that is never negative and never large; over p where that is known."""
        if depth == 0:
            simple = ["0.5", "1", "1e-2", "pi / 4"]
            return self.pick(
                [*simple, "p", "1 - p", "t / T"] if bounded else [*simple, "1 / (1 + t)"]
            )
        part = self.expression(depth - 1, bounded=bounded)
        other = self.expression(depth - 1, bounded=bounded)
        ways = [
            f"({part}) + ({other})", f"({part}) * ({other})", f"({part}) / (1 + {other})",
            f"sqrt({part})", f"exp(-({part}))", f"log(1 + ({part}))", f"tanh({part})",
            f"min({part}, {other})", f"max({part}, {other}, 0.1)", f"abs(({part}) - ({other}))",
            f"({part}) ** 2", f"1 - cos({part})", f"abs(sin({part}))", f"abs(-({part}))",
        ]  # fmt: skip
        if not self.smooth:
            a, b = self.exact(bounded), self.exact(bounded)
            sign = self.pick(["<", "<=", ">", ">=", "==", "!="])
            ways += [
                f"({part}) if {a} {sign} {b} else ({other})",
                f"{part} if not ({a} {sign} 1 and {b} < 2) or {b} > 3 else {other}",
                f"abs(floor({a})) / 9 + {part}", f"abs(ceil({a})) / 9", f"abs(tan({part}) / 2)",
            ]  # fmt: skip
        return self.pick(ways)

    # ── Joins ──

    def pipeline(self, place: _Place, depth: int, most: int = 3) -> _Out:
        count = self.whole(1, most)
        texts: list[str] = []
        out = _Out("", place.level, Fraction(0))
        elapsed: Fraction | None = place.elapsed
        total: Fraction | None = Fraction(0)
        for i in range(count):
            here = replace(
                place,
                level=out.level,
                elapsed=elapsed,
                may_never_end=place.may_never_end and i == count - 1,
                first=place.first and i == 0,
            )
            out = self.stage(here, depth)
            texts.append(out.text)
            elapsed = None if elapsed is None or out.ticks is None else elapsed + out.ticks
            total = None if total is None or out.ticks is None else total + out.ticks
        return _Out(" -> ".join(texts), out.level, total, out.ends)

    def stage(self, place: _Place, depth: int) -> _Out:
        if depth == 0:
            return self.phase(place)
        draw = self.pick([self.phase, self.phase, self.phase, None, None, None])
        if draw is not None:
            return draw(place)
        inner = replace(place, elapsed=Fraction(0))
        match self.pick(
            ["group", "repeat", "product", *(["endless"] if place.may_never_end else [])]
        ):
            case "group":
                out = self.pipeline(inner, depth - 1)
                return replace(out, text=f"({out.text})")
            case "repeat":
                times = self.whole(1, 3)
                once = replace(inner, level=None, first=False, may_never_end=False, top=False)
                out = self.pipeline(once, depth - 1, most=2)
                taken = None if out.ticks is None else out.ticks * times
                return _Out(f"({out.text}) x{self.pick([' ', ''])}{times}", out.level, taken)
            case "endless":
                return self.endless(inner, depth)
            case _:
                return self.product(inner, depth)

    def endless(self, place: _Place, depth: int) -> _Out:
        """Rounds that end on a written level, so that all enter alike."""
        once = replace(place, level=None, first=False, may_never_end=False, top=False)
        body = self.pipeline(once, depth - 1, most=2)
        length, _ = self.length(Fraction(2), Fraction(12))
        last = f"linear {length} to={self.level(self.share(1), place)}"
        return _Out(f"({body.text} -> {last}) x inf", None, None, ends=False)

    def product(self, place: _Place, depth: int) -> _Out:
        outs = []
        for _ in range(self.whole(2, 3)):
            inner = replace(
                place,
                level=Fraction(1),
                elapsed=Fraction(0),
                shares_only=True,
                top=False,
                first=True,
            )
            if self.chance():
                out = self.phase(inner)
            else:
                out = self.pipeline(inner, depth - 1)
                out = replace(out, text=f"({out.text})")
            outs.append(out)
        ends = all(out.ends for out in outs)
        known = [out.ticks for out in outs if out.ticks is not None]
        ticks = max(known) if len(known) == len(outs) else None
        return _Out(" * ".join(out.text for out in outs), None, ticks, ends)


def _units(draw: Callable[[st.SearchStrategy[Any]], Any]) -> tuple[_Units, dict[str, Any]]:
    """What the line counts in, with the settings that its units need."""
    settings: dict[str, Any] = {}
    way = draw(
        st.sampled_from(["bare", "bare", "bare of a total", "steps", "epochs", "all", "held"])
    )
    one = Fraction(1)
    ticks = {"": one}
    match way:
        case "steps":
            ticks = {"st": one}
        case "epochs":
            ticks = {"ep": one}
        case "all" | "held":
            per_epoch = draw(st.integers(2, 9))
            settings["steps_per_epoch"] = per_epoch
            settings["tokens_per_step"] = draw(st.sampled_from([100, 250, "300"]))
            settings["samples_per_step"] = draw(st.sampled_from([16, 10]))
            ticks = {
                "st": one,
                "ep": Fraction(per_epoch),
                "tok": 1 / Fraction(settings["tokens_per_step"]),
                "ex": 1 / Fraction(settings["samples_per_step"]),
            }
            if way == "held":
                settings["clock"] = "epoch"
                ticks = {unit: size / per_epoch for unit, size in ticks.items()}
    if way != "bare" and draw(st.booleans()):
        unit = "" if "" in ticks else "ep" if "ep" in ticks else "st"
        total = draw(st.integers(150, 350)) if ticks[unit] == 1 else draw(st.integers(30, 60))
        bare = way == "held" and draw(st.booleans())  # the clock is set
        settings["total"] = f"{total}{'' if bare else unit}"
        ticks["%"] = total * ticks[unit] / 100
    return _Units(ticks), settings


@st.composite
def schedules(
    draw: st.DrawFn,
    *,
    max_depth: int = 2,
    plateau: bool = False,
    momentum: bool = False,
    smooth: bool = False,
    lr_in_line: bool = True,
) -> Case:
    """A line that binds, drawn from the whole language, with its binding.

    Args:
        draw: hypothesis' own.
        max_depth: how deep parentheses and products nest.
        plateau: whether it ends in a `plateau`.
        momentum: whether `momentum=` may stand in it.
        smooth: whether to leave jumps out of `fn`, where float32 may fall on the other side.
        lr_in_line: whether `lr=` may stand in it.
    """
    units, settings = _units(draw)
    lr = draw(st.sampled_from(RATES))
    artist = _Artist(draw, units, lr)
    text = _line(artist, max_depth, plateau=plateau, momentum=momentum, smooth=smooth)
    settings["lr"] = lr
    names = [name for name in settings if name != "lr" or lr_in_line]
    in_line = {name: settings[name] for name in names if artist.chance(3)}
    binding = {
        name: value for name, value in settings.items() if name not in in_line and name != "lr"
    }
    if in_line:
        text = " ".join(f"{name}={value}" for name, value in in_line.items()) + f" | {text}"
    case = Case(text, text, binding, float(lr))
    try:
        case.bind()
    except (schedlang.ScheduleError, schedlang.ScheduleWarning):
        assume(False)
    return case


@st.composite
def lines_of_a_run(
    draw: st.DrawFn, keys: Sequence[str], *, smooth: bool = False
) -> dict[str, Case]:
    """A line for some of the keys, all of one run: with the same units and the same binding."""
    units, binding = _units(draw)
    cases = {}
    for key in draw(st.lists(st.sampled_from(keys), min_size=1, max_size=4, unique=True)):
        lr = draw(st.sampled_from(RATES))
        text = _line(_Artist(draw, units, lr), 1, smooth=smooth)
        cases[key] = Case(text, text, binding, float(lr))
    try:
        ticks = {case.bind().tick for case in cases.values()}
    except (schedlang.ScheduleError, schedlang.ScheduleWarning):
        assume(False)
    assume(len(ticks) == 1)  # else a bare length means something else in the plan
    return cases


def assembled(cases: dict[str, Case]) -> dict[str, Any]:
    """The plan of lines by place; what a pattern leaves has a line that holds."""
    plan: dict[str, Any] = {}
    for place, case in cases.items():
        key, _, pattern = place.partition(".")
        if pattern:
            plan[key] = {pattern: case.text, "*": cases[key].text if key in cases else "hold"}
        elif key not in plan:
            plan[key] = case.text
    return plan


def _line(
    artist: _Artist,
    max_depth: int,
    *,
    plateau: bool = False,
    momentum: bool = False,
    smooth: bool = False,
) -> str:
    """The text of one line, without settings."""
    artist.momentum = momentum
    artist.smooth = smooth
    place = _Place(
        level=Fraction(1), elapsed=Fraction(0), may_never_end=not plateau, top=True, first=True
    )
    text = artist.pipeline(place, max_depth).text
    if not plateau and artist.chance(
        6
    ):  # what follows something endless is not drawn: it is refused
        closing = ["cosine 0", "linear 0 to=20%", "hold 0 to=1x", "step 0 every=3"]
        text += " -> " + artist.pick([*closing, *(["decay 0%"] if artist.has_total else [])])
    if plateau:
        text += f" -> plateau patience={artist.whole(0, 3)} factor=0.5"
    return text


_TOKEN = re.compile(r"->|\*\*|[<>=!]=|\w+|[^\w\s]|\s+")
_STRANGE = ["", "->", "(", ")", "[", "]", "{", "}", "=", "|", "*", "x", "x inf", "inf", "rest", "%"]
_STRANGE += ["until", "warmup", "decay", "fn", "0", "-1", "1e999", "nan", "0.5", "lr=1", "ep", "#"]
_STRANGE += ["\n", "\t", "\x00", "é", "漢", "\u2028", "\u202e", "_", "9" * 30, "**", "if", "else"]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A valid line in which a few tokens were lost, doubled, swapped or replaced."""
    text = draw(st.sampled_from([case.text for case in (*CASES, *PLATEAUS)]))
    tokens: list[str] = _TOKEN.findall(text)
    for _ in range(draw(st.integers(1, 4))):
        i = draw(st.integers(0, max(0, len(tokens) - 1)))
        j = draw(st.integers(0, max(0, len(tokens) - 1)))
        match draw(st.integers(0, 3)):
            case 0:
                del tokens[i : i + 1]
            case 1:
                tokens.insert(i, draw(st.sampled_from(_STRANGE + tokens)))
            case 2 if tokens:
                tokens[i], tokens[j] = tokens[j], tokens[i]
            case _ if tokens:
                tokens[i] = draw(st.sampled_from(_STRANGE))
    return "".join(tokens)


def texts() -> st.SearchStrategy[str]:
    """Any text at all: noise, words of the language in any order, lines that are almost right."""
    words = st.lists(st.sampled_from(_STRANGE + _TOKEN.findall(" ".join(c.text for c in CASES))))
    return st.one_of(st.text(), mutated(), words.map(" ".join))


# ── The dict form ────────────────────────────────────────────────────────────────────────────────

_WORDS = (  # noqa: SIM905  # words are read best as words
    "kind stages factors times duration role from to min skip at gamma every lr total clock hold "
    "cosine group product broken step inf rest 5ep 10% 0.1x 1/3 a/b 1e999 nan -1 -0 true "
    "expression at= phase registered function-wrap _5 1_ 1. . epoch max \ud800"
).split()
_WORDS += ["", " ", "until 5", "1 - p", "10k ex", "5 parsecs"]


def json_values() -> st.SearchStrategy[Any]:
    """Anything that a JSON or YAML file may hold, keys and words of the dict form among it."""
    words = st.one_of(st.sampled_from(_WORDS), st.text(max_size=8))
    numbers = st.one_of(st.integers(-2, 9), st.floats(), st.just(10**400))
    leaves = st.one_of(st.none(), st.booleans(), numbers, words)
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.dictionaries(words, inner, max_size=4),
            st.builds(lambda stages: {"stages": stages}, st.lists(inner, max_size=3)),
            st.builds(
                lambda kind, rest: {**rest, "kind": kind}, words, st.dictionaries(words, inner)
            ),
        ),
        max_leaves=12,
    )


_DICTS = [json.loads(schedlang.parse(case.text).model_dump_json()) for case in (*CASES, *PLATEAUS)]


@st.composite
def dict_forms(draw: st.DrawFn) -> Any:
    """A dict form, whole or with a few values lost, replaced, moved or wrapped."""
    tree = copy.deepcopy(draw(st.sampled_from(_DICTS)))
    for _ in range(draw(st.integers(0, 3))):
        places = list(_containers(tree)) or [tree]
        node = draw(st.sampled_from(places))
        keys: list[Any] = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = draw(st.sampled_from(keys)) if keys else None
        value = draw(st.one_of(json_values(), st.sampled_from(places).map(copy.deepcopy)))
        match draw(st.integers(0, 5)):
            case 0 if key is not None:
                del node[key]
            case 1 if isinstance(node, list):
                node.append(value)
            case 1:
                node[draw(st.sampled_from(_WORDS))] = value
            case 2 if key is not None and isinstance(node, list):
                node[key] = {"kind": "group", "stages": [node[key]]}
            case 3 if key is not None and isinstance(node, list):
                factors = [node[key]] * draw(st.integers(0, 3))
                node[key] = {"kind": "product", "factors": factors}
            case _ if key is not None:
                node[key] = value
    return tree


def _containers(node: Any) -> Iterator[Any]:
    if isinstance(node, dict | list) and node:
        yield node
        for child in list(node.values()) if isinstance(node, dict) else node:
            yield from _containers(child)
