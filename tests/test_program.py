"""What a program is made of: pieces and repeats, levels over the base, and checks of a base."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

import schedlang
from schedlang.formula.expressions import Expr
from schedlang.phases.base import Context
from schedlang.phases.ramps import Linear
from schedlang.program.program import Part, Piece

# text, binding, its timelines
STRUCTURE: list[tuple[str, dict[str, Any], list[str]]] = [
    ("warmup 10 -> cosine 90", {}, ["linear 10 -> cosine 90 -> hold"]),
    (
        "(linear 3 from=1x -> cosine 5 to=1x) x 10000",
        {},
        ["(linear 3 -> cosine 5) x 10000 -> hold"],
    ),
    ("(linear 3 from=1x) x 2 -> hold 5", {}, ["(linear 3) x 2 -> hold 5 -> hold"]),
    # The first round enters on another level than the later ones.
    (
        "(linear 3 -> hold 2) x 4",
        {},
        ["linear 3 -> hold 2 -> (linear 3 -> hold 2) x 3 -> hold"],
    ),
    ("(warmup 4 -> linear 4) x inf", {}, ["linear 4 -> linear 4 -> (linear 4 -> linear 4) x inf"]),
    ("(warmup 4 from=0 -> linear 4) x inf", {}, ["(linear 4 -> linear 4) x inf"]),
    # Each round enters on a level of its own.
    ("(step 4 every=2) x 3", {}, ["step 4 -> step 4 -> step 4 -> hold"]),
    (
        "(((linear 2 from=1x) x 5 -> hold 3 to=1x) x 4 -> linear 1) x 2 -> hold",
        {},
        ["(((linear 2) x 5 -> hold 3) x 4 -> linear 1) x 2 -> hold"],
    ),
    (
        "((linear 2 from=1x) x 5 -> hold 3 to=1x) x 4",
        {},
        ["((linear 2) x 5 -> hold 3) x 4 -> hold"],
    ),
    # A round of 2.5 ticks is rounded in two ways, and two of them repeat.
    (
        "(linear 0.5ep from=1x) x 6",
        {"steps_per_epoch": 5},
        ["linear 3 -> (linear 2 -> linear 3) x 2 -> linear 2 -> hold"],
    ),
    (
        "clock=step | hold 1 -> (linear 0.5ep from=1x) x inf",
        {"steps_per_epoch": 5},
        ["hold 1 -> linear 3 -> (linear 2 -> linear 3) x inf"],
    ),
    (
        "((linear 4 to=50%) * hold 6 -> hold 1 to=1x) x 5",
        {},
        ["(linear 4 -> hold 2 -> hold 1) x 5 -> hold", "(hold 6 -> hold 1) x 5 -> hold"],
    ),
    (
        "hold 3 -> ((linear 4 to=50%) * hold 6 -> hold 1 to=1x) x inf",
        {},
        ["hold 3 -> (linear 4 -> hold 2 -> hold 1) x inf", "hold 3 -> (hold 6 -> hold 1) x inf"],
    ),
]


def _shape(parts: Iterable[Part]) -> str:
    def one(part: Part) -> str:
        if isinstance(part, Piece):
            return part.kind if part.end is None else f"{part.kind} {part.end - part.begin}"
        rounds = "inf" if part.end is None else (part.end - part.begin) // part.period
        return f"({_shape(part.parts)}) x {rounds}"

    return " -> ".join(map(one, parts))


@pytest.mark.parametrize(("text", "binding", "timelines"), STRUCTURE, ids=lambda x: str(x)[:50])
def test_structure_is_kept(text: str, binding: dict[str, Any], timelines: list[str]) -> None:
    program = schedlang.parse(text).bind(lr=0.1, **binding)
    assert [_shape(track.parts) for track in program.tracks] == timelines


@pytest.mark.parametrize(
    "text",
    [
        "(cyclic 8 up=2 min=1% momentum=[0.5, 0.9] -> hold 3 to=1x) x 4",
        "hold 3 -> (hold 2 to=1x -> cyclic 8 up=2 min=1% momentum=[0.5, 0.9]) x inf",
        "(onecycle 9 momentum=[0.5, 0.9] -> hold 3 to=1x) x 3 -> hold 4",
    ],
)
def test_momentum_in_repeats_is_that_of_the_rounds_written_out(text: str) -> None:
    """Between two phases that move it, it stays where it was, from one round to the next too."""
    times = int(text.partition(") x ")[2].replace("inf", "5")[:1])
    before, _, round_ = text.partition("(")[0], None, text[text.index("(") + 1 : text.index(") x")]
    after = text.partition(") x ")[2][1:] if "inf" not in text else ""
    written_out = before + " -> ".join([round_] * times) + after
    one, other = (schedlang.parse(t).bind(lr=0.1).momentum for t in (text, written_out))
    assert one is not None
    assert other is not None
    first = one.begins[0]
    assert first == other.begins[0]
    last = first + 40
    np.testing.assert_array_equal(one.fill(first, last), other.fill(first, last))
    assert [one.at(tick) for tick in range(first, last)] == one.fill(first, last).tolist()


LONG_REPEAT = schedlang.parse("hold 7 -> (linear 3 from=1x -> cosine 5 to=1x) x 10000").bind(lr=0.1)


@pytest.mark.parametrize(
    ("first", "last"),
    [(0, 5), (6, 9), (9, 40), (1000, 1003), (1005, 1015), (40_001, 60_010), (80_000, 80_100)],
)
def test_a_range_of_ticks_anywhere(first: int, last: int) -> None:
    """A long repeat is evaluated a round at a time, from wherever the range begins."""
    curve = LONG_REPEAT.curve(80_100)
    np.testing.assert_array_equal(LONG_REPEAT.between(first, last), curve[first:last])


def test_ticks_far_into_a_repeat() -> None:
    rates = [LONG_REPEAT.at(tick) for tick in range(80_000, 80_020)]
    assert rates == LONG_REPEAT.between(80_000, 80_020).tolist()


@pytest.mark.parametrize(("first", "last"), [(-5, 2), (0, -1), (-3, -2)])
def test_a_range_begins_at_tick_0(first: int, last: int) -> None:
    program = schedlang.parse("cosine 9").bind(lr=0.1)
    with pytest.raises(ValueError, match=f"^a tick must be at least 0, not {min(first, last)}$"):
        program.between(first, last)


# A line whose levels are no multiple of the base and a number, and what it is at other bases.
BASES = [
    ("step 4 every=2 min=1e-3 -> linear 4 to=1x -> cosine 4 min=1e-4", [1e-3, 0.01, 0.1, 1.0]),
    ("exp 10 from=1e-3 to=1x -> (step 5 every=2 min=2e-3) x 3", [2e-3, 0.1]),
    ("linear 4 to=1e-3 -> fn 4 {start * 0.5} -> restarts 9 first=3 min=1e-4", [0.01, 0.1]),
    ("restarts first=3 min=1e-3 shrink=0.5", [1e-3, 0.1]),
]


@pytest.mark.parametrize(
    ("text", "base"), [(text, base) for text, bases in BASES for base in bases]
)
def test_another_base_is_an_evaluation(text: str, base: float) -> None:
    program = schedlang.parse(text).bind(lr=0.05)
    again = schedlang.parse(text).bind(lr=base)
    np.testing.assert_allclose(program.rebase(base).curve(60), again.curve(60), rtol=1e-12)


def test_pickled() -> None:
    program = schedlang.parse("(warmup 4 -> step 9 every=2 min=1e-4) x 3").bind(lr=0.1)
    program.at(3)
    again = pickle.loads(pickle.dumps(program))
    np.testing.assert_array_equal(again.curve(50), program.curve(50))
    np.testing.assert_array_equal(again.rebase(0.2).curve(50), program.rebase(0.2).curve(50))


@pytest.mark.parametrize(
    ("text", "binding", "most"),
    [
        ("(linear 3 from=1x -> hold 2) x 10000", {}, 2),
        ("((linear 3 from=1x -> hold 2) x 10000) x 50", {}, 2),
        ("(linear 1 from=1x * linear 1) x 10000", {}, 3),
        # 3.5 ticks are 3 or 4; both are computed once.
        ("(linear 0.5ep from=1x) x 10000", {"steps_per_epoch": 7}, 3),
        ("(linear 1B tok from=1x to=50%) x inf", {"tokens_per_step": 99_991}, 3),
    ],
)
def test_equal_rounds_are_computed_once(
    text: str, binding: dict[str, Any], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    curve = Linear.curve
    computed: list[object] = []

    def counted(phase: Linear, context: Context) -> Expr:
        computed.append(phase)
        return curve(phase, context)

    monkeypatch.setattr(Linear, "curve", counted)
    schedlang.parse(text).bind(lr=0.1, **binding)
    assert 1 <= len(computed) <= most


def test_the_product_of_many_factors() -> None:
    gammas = [0.5, 2] * 500
    at = [*range(1, 1001)]
    program = schedlang.parse(f"multistep at={at} gamma={gammas}").bind(lr=1)
    assert [program.at(tick) for tick in (0, 1, 2, 999, 1000)] == [1, 0.5, 1, 0.5, 1]
