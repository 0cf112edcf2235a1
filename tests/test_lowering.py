"""Timed stages to timelines on their own: parts, levels, and where a formula is evaluated."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from schedlang import ScheduleError, parse
from schedlang.formula.expressions import BASE, LAST_TICK, Expr, Number
from schedlang.formula.levels import shown
from schedlang.formula.notation import infix
from schedlang.phases.base import Context
from schedlang.program.lowering import _sampled_ticks
from schedlang.program.program import Part, Piece


def parts(track: tuple[Part, ...]) -> list[Any]:
    """The parts as (begin, end, kind), or (begin, end, period, the parts of a round)."""
    found: list[Any] = []
    for part in track:
        if isinstance(part, Piece):
            found.append((part.begin, part.end, part.kind))
        else:
            found.append((part.begin, part.end, part.period, parts(part.parts)))
    return found


# a line, its binding, the parts of each of its tracks
TRACKS: list[tuple[str, dict[str, Any], list[list[Any]]]] = [
    (
        "warmup 10 -> cosine 90",
        {},
        [[(0, 10, "linear"), (10, 100, "cosine"), (100, None, "hold")]],
    ),
    ("hold 0 -> hold 5", {}, [[(0, 5, "hold"), (5, None, "hold")]]),
    ("hold", {}, [[(0, None, "hold")]]),
    (
        "(linear 3 -> hold 2 to=1x) x 3",
        {},
        [[(0, 15, 5, [(0, 3, "linear"), (3, 5, "hold")]), (15, None, "hold")]],
    ),
    (
        "hold 4 -> (linear 3 -> hold 2 to=1x) x inf",
        {},
        [[(0, 4, "hold"), (4, None, 5, [(0, 3, "linear"), (3, 5, "hold")])]],
    ),
    (  # the first round enters on another level
        "hold 1 to=0.5x -> (hold 2 -> hold 1 to=1x) x 3",
        {},
        [
            [
                (0, 1, "hold"),
                (1, 3, "hold"),
                (3, 4, "hold"),
                (4, 10, 3, [(0, 2, "hold"), (2, 3, "hold")]),
                (10, None, "hold"),
            ]
        ],
    ),
    (  # 2.5 ticks: rounds of 3 and 2
        "(linear 0.5ep from=1x) x 4",
        {"steps_per_epoch": 5},
        [[(a, b, "linear") for a, b in ((0, 3), (3, 5), (5, 8), (8, 10))] + [(10, None, "hold")]],
    ),
    (
        "(linear 0.5ep from=1x) x 8",
        {"steps_per_epoch": 5},
        [
            [
                (0, 3, "linear"),
                (3, 18, 5, [(0, 2, "linear"), (2, 5, "linear")]),
                (18, 20, "linear"),
                (20, None, "hold"),
            ]
        ],
    ),
    (
        "(linear 0.5ep from=1x) x 3",
        {"steps_per_epoch": 5},
        [[(0, 3, "linear"), (3, 5, "linear"), (5, 8, "linear"), (8, None, "hold")]],
    ),
    (  # a repeat in a repeat
        "(hold 2 to=1x -> (linear 2 to=50% -> hold 1 to=1x) x 3) x 2",
        {},
        [
            [
                (0, 22, 11, [(0, 2, "hold"), (2, 11, 3, [(0, 2, "linear"), (2, 3, "hold")])]),
                (22, None, "hold"),
            ]
        ],
    ),
    (  # one that drifts, and comes back to its level each time
        "(hold 2 to=1x -> (exp 2 gamma=0.5) x 3) x 3",
        {},
        [
            [
                (0, 24, 8, [(0, 2, "hold"), (2, 4, "exp"), (4, 6, "exp"), (6, 8, "exp")]),
                (24, None, "hold"),
            ]
        ],
    ),
    (  # a product in a factor
        "(hold 2 to=1x -> (hold 1 -> (linear 2 to=50% * hold 2)) * hold 3) x 3",
        {},
        [
            [(0, 15, 5, [(0, 2, "hold"), (2, 3, "hold"), (3, 5, last)]), (15, None, "hold")]
            for last in ("linear", "hold")
        ]
        + [[(0, 15, 5, [(0, 2, "hold"), (2, 5, "hold")]), (15, None, "hold")]],
    ),
    (
        "hold 2 -> linear 3 * step 5 every=2",
        {},
        [
            [(0, 2, "hold"), (2, 5, "linear"), (5, 7, "hold"), (7, None, "hold")],
            [(0, 2, "hold"), (2, 7, "step"), (7, None, "hold")],
        ],
    ),
    (
        "hold 2 -> (linear 3 * step every=2)",
        {},
        [
            [(0, 2, "hold"), (2, 5, "linear"), (5, None, "hold")],
            [(0, 2, "hold"), (2, None, "step")],
        ],
    ),
]


@pytest.mark.parametrize(("line", "binding", "tracks"), TRACKS, ids=[line for line, _, _ in TRACKS])
def test_tracks(line: str, binding: dict[str, Any], tracks: list[list[Any]]) -> None:
    program = parse(line).bind(lr=0.1, **binding)
    assert [parts(track.parts) for track in program.symbolic] == tracks


# a line that ends in `hold`, and the level at which each phase after the first begins
LEAVES: list[tuple[str, list[str]]] = [
    ("linear 3 to=10% -> hold 2 -> cosine 5 -> hold", ["0.1x", "0.1x", "0"]),
    ("step 90 every=30 -> hold", ["0.01x"]),
    ("multistep 9 at=[3, 9] gamma=0.5 -> hold", ["0.5x"]),
    ("restarts 20 first=10 min=5% -> hold", ["0.05x"]),
    ("warmup 5 to=1e-3 -> hold", ["0.001"]),
    ("hold 1 -> linear 0 to=10% -> hold", ["0.1x"]),
    ("hold 1 -> step 0 every=3 -> hold", ["1x"]),
]


@pytest.mark.parametrize(("line", "levels"), LEAVES)
def test_levels(line: str, levels: list[str]) -> None:
    (track,) = parse(line).bind(lr=0.1).symbolic
    assert [shown(piece.arguments["entry"]) for piece in track.pieces[1:]] == levels


def context(ticks: int | None, skip: int = 0) -> Context:
    level: Expr = BASE
    return Context(level, Number(1.0), ticks, skip)


@pytest.mark.parametrize(("ticks", "skip"), [(1, 0), (100, 0), (150, 0), (200, 0), (9, 4)])
def test_a_short_formula_is_evaluated_at_every_tick(ticks: int, skip: int) -> None:
    assert _sampled_ticks(context(ticks, skip)) == tuple(range(ticks - skip + 1))


@pytest.mark.parametrize("ticks", [1_300, 10_000, 10**9])
def test_a_long_formula_is_evaluated_at_its_ends_and_between(ticks: int) -> None:
    found = _sampled_ticks(context(ticks))
    assert found[:100] == tuple(range(100))
    assert found[-101:] == tuple(range(ticks - 100, ticks + 1))
    between = found[100:-101]
    assert len(between) == 1000
    step = (ticks - 200) / 1001
    gaps = [after - before for before, after in pairwise((100, *between, ticks - 100))]
    assert all(abs(gap - step) <= 1 for gap in gaps)


def test_an_endless_formula_is_evaluated_ever_more_rarely() -> None:
    found = _sampled_ticks(context(None))
    assert found[:100] == tuple(range(100))
    assert found[-101:] == tuple(range(LAST_TICK - 100, LAST_TICK + 1))
    between = [tick for tick in found if 2_000 < tick < LAST_TICK - 100]
    ratios = [after / before for before, after in pairwise(between)]
    assert all(
        ratio == pytest.approx((LAST_TICK / 100) ** (1 / 1001), rel=1e-3) for ratio in ratios
    )
    assert len(between) > 850


@pytest.mark.parametrize(
    ("line", "curve"),
    [
        ("fn {1 + t}", "base * (1 + t)"),
        ("fn 10 {1 - p}", "base * (1 - t / 10)"),
        ("fn 10 {1 - p - 1e-15}", "max(0, base * (1 - t / 10 - 1e-15))"),
    ],
)
def test_only_a_formula_that_falls_below_0_is_cut_there(line: str, curve: str) -> None:
    (track,) = parse(line).bind(lr=0.1).symbolic
    assert infix(track.pieces[0].curve) == curve


def test_a_level_that_is_no_share_and_no_rate_has_a_symbol() -> None:
    program = parse("step 4 every=2 min=1e-3 -> linear 4").bind(lr=0.1)
    (track,) = program.symbolic
    assert infix(track.pieces[1].arguments["entry"]) == "level_0"
    assert [infix(level) for level in program.levels] == ["max(0.001, base * 0.1)"]


def test_a_factor_without_a_base_that_overflows_is_named_with_its_tick() -> None:
    with pytest.raises(ScheduleError) as caught:
        parse("exp 8000 gamma=1.1 * hold 8000").bind()
    (mistake,) = caught.value.mistakes
    assert mistake.message == "the rate at tick 8000 of this phase does not fit into a double"
    assert mistake.advice == "give it a shorter duration"
