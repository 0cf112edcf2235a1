"""Lengths in ticks on their own: the clock, the walk over a line, and what `rest` gets."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from schedlang import ScheduleError, parse
from schedlang.errors import Mistake
from schedlang.language.quantities import Length
from schedlang.program.clock import Clock, merge, nearest_tick
from schedlang.program.timing import (
    Timed,
    TimedGroup,
    TimedPhase,
    TimedProduct,
    give_rest,
    rests,
    taken,
    time,
)


@pytest.mark.parametrize(
    ("exact", "tick"),
    [("0", 0), ("1/2", 1), ("49/100", 0), ("3/2", 2), ("5/2", 3), ("-1/2", 0), ("-3/4", -1)],
)
def test_nearest_tick(exact: str, tick: int) -> None:
    """A half goes up."""
    assert nearest_tick(Fraction(exact)) == tick


def clock_of(line: str, binding: dict[str, Any]) -> Clock:
    tree = parse(line)
    return Clock.of(tree, merge(tree, binding))


ALL = {"steps_per_epoch": 10, "tokens_per_step": "2k", "samples_per_step": 8}
# a length, the binding, its ticks
CONVERTED: list[tuple[str, dict[str, Any], str]] = [
    ("7", {}, "7"),
    ("7st", {"clock": "step"}, "7"),
    ("7st", {"clock": "epoch", **ALL}, "7/10"),
    ("7ep", {"clock": "epoch"}, "7"),
    ("7ep", {"clock": "step", **ALL}, "70"),
    ("0.25ep", {"clock": "step", **ALL}, "5/2"),
    ("3k tok", {"clock": "step", **ALL}, "3/2"),
    ("3k tok", {"clock": "epoch", **ALL}, "3/20"),
    ("20 ex", {"clock": "step", **ALL}, "5/2"),
    ("20 ex", {"clock": "epoch", **ALL}, "1/4"),
    ("10%", {"total": 1234}, "617/5"),
    ("10%", {"total": "5ep", "clock": "step", **ALL}, "5"),
    ("10%", {"total": "5ep", "clock": "epoch"}, "1/2"),
    ("1e300", {}, str(10**300)),
]


@pytest.mark.parametrize(("length", "binding", "ticks"), CONVERTED)
def test_ticks(length: str, binding: dict[str, Any], ticks: str) -> None:
    assert clock_of("hold", binding).ticks(Length.read(length)) == Fraction(ticks)


NO_TICKS: list[tuple[str, dict[str, Any], str, str]] = [
    ("10%", {}, "`10%` needs a total", "set total="),
    ("5ep", {"clock": "step"}, "`5ep` needs `steps_per_epoch`", "set steps_per_epoch="),
    ("5st", {"clock": "epoch"}, "`5st` needs `steps_per_epoch`", "set steps_per_epoch="),
    ("5 tok", {"clock": "step"}, "`5tok` needs `tokens_per_step`", "set tokens_per_step="),
    ("5 ex", {"clock": "step"}, "`5ex` needs `samples_per_step`", "set samples_per_step="),
    ("1e300ep", {"clock": "step", **ALL}, "`1e300ep` in ticks does not fit into a double", ""),
]  # fmt: skip


@pytest.mark.parametrize(("length", "binding", "message", "missing"), NO_TICKS)
def test_no_ticks(length: str, binding: dict[str, Any], message: str, missing: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        clock_of("hold", binding).ticks(Length.read(length))
    (mistake,) = caught.value.mistakes
    assert (mistake.message, mistake.path) == (message, ())
    assert mistake.advice.removesuffix(" in the line or when binding") == missing


@pytest.mark.parametrize(
    ("line", "binding", "tick"),
    [
        ("hold", {}, None),
        ("hold 5", {"total": 9}, None),
        ("hold 5st", {}, "step"),
        ("hold 5 tok", {}, "step"),
        ("hold 5 ex", {}, "step"),
        ("hold 5ep", {}, "epoch"),
        ("hold 5ep", {"steps_per_epoch": 9}, "step"),
        ("hold 5ep -> hold 5st", {}, "step"),
        ("hold 5%", {"total": "9st"}, "step"),
        ("hold 5%", {"total": "9ep"}, "epoch"),
        ("hold 5st", {"clock": "epoch"}, "epoch"),
        ("hold 5ep", {"clock": "step"}, "step"),
    ],
)
def test_what_a_tick_is(line: str, binding: dict[str, Any], tick: str | None) -> None:
    assert clock_of(line, binding).tick == tick


@pytest.mark.parametrize(
    ("line", "given", "merged"),
    [
        ("lr=0.1 | hold", {"lr": 0.1}, Fraction(1, 10)),
        ("lr=0.1 | hold", {"lr": "0.10000009"}, Fraction(1, 10)),
        ("lr=0.1 | hold", {}, Fraction(1, 10)),
        ("hold", {"lr": 0.2}, Fraction(1, 5)),
        ("hold", {"lr": None}, None),
    ],
)
def test_merged(line: str, given: dict[str, Any], merged: Fraction | None) -> None:
    assert merge(parse(line), given).lr == merged


@pytest.mark.parametrize(
    ("line", "given", "message"),
    [
        ("lr=0.1 | hold", {"lr": "0.1000002"}, "lr=0.1 in the line, lr=0.1000002 in the call"),
        ("total=9 | hold", {"total": "9st"}, "total=9 in the line, total=9st in the call"),
    ],
)
def test_given_twice(line: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        merge(parse(line), given)
    assert caught.value.mistakes[0].code == "conflicting-settings"
    assert caught.value.mistakes[0].message.endswith(f" is given twice: {message}")


# ── The walk ──


def timed(line: str, mistakes: list[Mistake] | None = None, **binding: Any) -> list[Timed]:
    tree = parse(line)
    found: list[Mistake] = []
    stages = time(tree.stages, Clock.of(tree, merge(tree, binding)), found)
    assert mistakes is not None or not found
    if mistakes is not None:
        mistakes += found
    return stages


def lengths(stages: list[Timed]) -> Any:
    """The exact lengths, those inside of a group or a product in a list of their own."""
    found: list[Any] = []
    for stage in stages:
        length = None if stage.length is None else str(stage.length)
        match stage:
            case TimedPhase(skip=skip):
                found.append(f"{length} after {skip}" if skip else length)
            case TimedGroup(stages=inside, times=times):
                found.append((times, length, lengths(inside)))
            case TimedProduct(factors=inside):
                found.append(("*", length, lengths(inside)))
    return found


WALKED: list[tuple[str, dict[str, Any], list[Any]]] = [
    ("warmup 10 -> cosine 90", {}, ["10", "90"]),
    ("hold 10 -> hold until 25 -> hold", {}, ["10", "15", None]),
    ("hold 10 -> (hold 5 -> hold until 25)", {}, ["10", (1, "25", ["5", "20"])]),
    ("(hold 2.5ep) x 3 -> hold 1st", {"steps_per_epoch": 3, "clock": "step"},
     [(3, "45/2", ["15/2"]), "1"]),
    ("(hold 5) x inf", {}, [(None, None, ["5"])]),
    ("hold 5 * hold 9", {}, [("*", "9", ["5", "9"])]),
    ("hold 5 * hold", {}, [("*", None, ["5", None])]),
    ("hold 3 -> (hold 5 -> hold until 7) * hold 9", {},
     ["3", ("*", "9", [(1, "7", ["5", "2"]), "9"])]),
    ("linear 10 skip=4", {}, ["6 after 4"]),
    ("linear 10 skip=10", {}, ["0 after 10"]),
    ("linear until 10 skip=4", {}, ["10 after 4"]),
    ("linear 1ep skip=0.25ep", {"steps_per_epoch": 10}, ["7 after 3"]),
    ("exp gamma=0.9 skip=4", {}, ["None after 4"]),
    ("restarts first=10 cycles=3", {}, ["30"]),
    ("restarts first=10 mult=2 cycles=3 skip=5", {}, ["65 after 5"]),
    ("hold 5 -> plateau", {}, ["5", None]),
]  # fmt: skip


@pytest.mark.parametrize(("line", "binding", "expected"), WALKED)
def test_walked(line: str, binding: dict[str, Any], expected: list[Any]) -> None:
    assert lengths(timed(line, **binding)) == expected


NOT_TIMED: list[tuple[str, str, tuple[str | int, ...], list[Any]]] = [
    (
        "hold 10 -> hold until 5",
        "position `5` lies before the phase begins",
        ("stages", 1, "duration"),
        ["10", "0"],
    ),
    (
        "linear 10 skip=11 -> hold 5",
        "`skip` is longer than the phase",
        ("stages", 0, "skip"),
        ["0", "5"],
    ),
    (
        "hold 5 -> hold 9007199254740992",
        "this ends after more than 2^53 ticks",
        ("stages", 1),
        ["5", "0"],
    ),
    ("(hold 5%) x 2", "`5%` needs a total", ("stages", 0, "stages", 0), [(2, "0", ["0"])]),
]


@pytest.mark.parametrize(("line", "message", "path", "expected"), NOT_TIMED)
def test_a_mistake_has_no_length(
    line: str, message: str, path: tuple[str | int, ...], expected: list[Any]
) -> None:
    mistakes: list[Mistake] = []
    stages = timed(line, mistakes)
    assert [(mistake.message, mistake.path) for mistake in mistakes] == [(message, path)]
    assert lengths(stages) == expected


def test_the_last_tick() -> None:
    assert lengths(timed("hold 5 -> hold 9007199254740987")) == ["5", "9007199254740987"]


# a line with `rest`, what its other stages take, whether all end, its lengths with 100 for the rest
REST: list[tuple[str, int, bool, list[Any]]] = [
    ("hold 5 -> hold rest", 5, True, ["5", "100"]),
    ("hold 5 -> (hold rest -> hold 7)", 12, True, ["5", (1, "107", ["100", "7"])]),
    ("hold 5 -> hold rest -> plateau", 5, False, ["5", "100", None]),
    ("hold rest -> (hold 3 -> hold)", 3, False, ["100", (1, None, ["3", None])]),
    ("hold rest -> (hold 3) x inf", 0, False, ["100", (None, None, ["3"])]),
    ("hold rest -> hold 3 * hold", 0, False, ["100", ("*", None, ["3", None])]),
    ("hold rest -> (hold 3) x 2", 6, True, ["100", (2, "6", ["3"])]),
]


@pytest.mark.parametrize(("line", "others", "ends", "expected"), REST)
def test_rest(line: str, others: int, *, ends: bool, expected: list[Any]) -> None:
    stages = timed(line, total=1000)
    assert taken(stages) == (Fraction(others), ends)
    assert [str(phase.phase.duration) for phase in rests(stages)] == ["rest"]
    give_rest(stages, Fraction(100))
    assert lengths(stages) == expected
