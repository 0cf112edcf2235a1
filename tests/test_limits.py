"""The last that is allowed, and the first that is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from schedlang import Schedule, ScheduleError, parse
from schedlang.formula.expressions import LAST_TICK
from schedlang.language.consistency import MOST_PHASES
from schedlang.language.grammar import DEEPEST, LONGEST
from schedlang.language.tree import MOST_REFUSED, MOST_REPEATS
from schedlang.phases import kinds
from schedlang.phases.arguments import LARGEST_INTEGER
from schedlang.phases.base import Ramp
from schedlang.program.clock import MOST_TICKS
from schedlang.program.lowering import MOST_PHASES_IN_BLOCK


def test_the_limits() -> None:
    assert (LONGEST, DEEPEST, MOST_PHASES, MOST_REFUSED) == (1_000_000, 64, 1_000_000, 1_000)
    assert (MOST_REPEATS, LARGEST_INTEGER, LAST_TICK) == (10_000, 2**53, 2**53)
    assert (int(MOST_TICKS), MOST_PHASES_IN_BLOCK) == (10**300, 200_000)


def _nested(depth: int) -> str:
    return "(" * depth + "hold 1" + ")" * depth


def _branches(count: int) -> str:
    return "fn {" + "1 if t < 1 else " * count + "t}"


def _minuses(count: int) -> str:
    return "fn {" + "-" * count + "(0 * t)}"


def _padded(length: int) -> str:
    return "hold 1" + " " * (length - 6)


RAMPS = [name for name, kind in kinds().items() if issubclass(kind, Ramp)]

# the last that is read, the first that is not, the code of its mistake
READ: list[tuple[str, str, str]] = [
    (_padded(LONGEST), _padded(LONGEST + 1), "too-long"),
    (_nested(DEEPEST), _nested(DEEPEST + 1), "too-deep"),
    (_branches(DEEPEST - 1), _branches(DEEPEST), "too-deep"),
    (_minuses(DEEPEST - 1), _minuses(DEEPEST), "too-deep"),
    ("(hold 1) x 1", "(hold 1) x 0", "out-of-range"),
    ("(hold 1) x 10000", "(hold 1) x 10001", "out-of-range"),
    ("((hold 1) x 1000) x 1000", "((hold 1) x 1000) x 1001", "too-long"),
    ("(hold 1 * hold 1) x 2 -> ((hold 1) x 9999) x 100", "((hold 1 * hold 1) x 5001) x 100",
     "too-long"),
    ("(warmup 9 -> hold 1 to=50%) x 2", "(warmup 9 -> hold 1) x 2", "warmup-falls"),
    ("restarts first=9 mult=1", "restarts first=9 mult=1.009", "out-of-range"),
    ("restarts first=9 mult=1.01", "restarts first=9 mult=0.99", "out-of-range"),
    ("restarts first=9 shrink=1e-9", "restarts first=9 shrink=0", "out-of-range"),
    ("restarts first=9 cycles=1", "restarts first=9 cycles=0", "out-of-range"),
    ("restarts 9 cycles=9007199254740992", "restarts 9 cycles=9007199254740993", "overflow"),
    ("onecycle 9 pct=0.999", "onecycle 9 pct=1", "out-of-range"),
    ("onecycle 9 pct=0.001", "onecycle 9 pct=0", "out-of-range"),
    ("onecycle 9 pct=0.5 three_phase=true", "onecycle 9 pct=0.51 three_phase=true", "out-of-range"),
    ("onecycle 9 momentum=[0, 0.99]", "onecycle 9 momentum=[0, 1]", "out-of-range"),
    ("onecycle 9 momentum=[0.5, 0.5]", "onecycle 9 momentum=[0.6, 0.5]", "out-of-range"),
    ("plateau factor=0.99", "plateau factor=1", "out-of-range"),
    ("plateau factor=0.01", "plateau factor=0", "out-of-range"),
    ("plateau patience=0", "plateau patience=0.5", "out-of-range"),
    ("step every=1e-9", "step every=0", "out-of-range"),
    ("multistep at=[3, 4]", "multistep at=[3, 3]", "out-of-order"),
    ("multistep at=[3, 4] gamma=[1, 2]", "multistep at=[3, 4] gamma=[1, 2, 3]", "wrong-type"),
    ("piecewise at=[3] values=[1x, 0]", "piecewise at=[3] values=[1x]", "wrong-type"),
    ("hold 1.5ep", "hold 1.5", "not-whole"),
    ("total=1 | hold", "total=0 | hold", "out-of-range"),
    ("steps_per_epoch=1 clock=step | hold", "steps_per_epoch=0 clock=step | hold", "out-of-range"),
    ("tokens_per_step=1e-9 | hold", "tokens_per_step=0 | hold", "out-of-range"),
    *((f"{kind} 9 to=50% -> warmup 9 to=51%", f"{kind} 9 to=50% -> warmup 9 to=50%", "warmup-falls")
      for kind in RAMPS),
    ("lr=0.1 | warmup 9 from=0.049 to=50%", "lr=0.1 | warmup 9 from=0.051 to=50%", "warmup-falls"),
    ("lr=0.1 | decay 9 from=50% to=0.049", "lr=0.1 | decay 9 from=50% to=0.051", "decay-rises"),
]  # fmt: skip


@pytest.mark.parametrize(("last", "first", "code"), READ, ids=[row[1][:40] for row in READ])
def test_read(last: str, first: str, code: str) -> None:
    parse(last)
    with pytest.raises(ScheduleError) as caught:
        parse(first)
    assert {mistake.code for mistake in caught.value.mistakes} == {code}


def _groups(count: int) -> dict[str, Any]:
    node: dict[str, Any] = {"kind": "hold", "duration": "1"}
    for _ in range(count):
        node = {"kind": "group", "stages": [node]}
    return {"stages": [node]}


def _products(count: int) -> dict[str, Any]:
    node: dict[str, Any] = {"kind": "hold", "duration": "1"}
    for _ in range(count):
        inside = {"kind": "group", "stages": [node]}
        node = {"kind": "product", "factors": [{"kind": "hold", "duration": "1"}, inside]}
    return {"stages": [node]}


@pytest.mark.parametrize("make", [_groups, _products])
def test_the_dict_form_is_as_deep_as_a_text(make: Callable[[int], dict[str, Any]]) -> None:
    schedule = Schedule.model_validate(make(DEEPEST))
    assert parse(str(schedule)) == schedule
    assert Schedule.model_validate(schedule.model_dump()) == schedule
    with pytest.raises(ScheduleError) as caught:
        Schedule.model_validate(make(DEEPEST + 1))
    assert str(caught.value) == (
        "error[too-deep]: this is nested deeper than 64 levels\n  reduce the nesting"
    )


def _lists(depth: int) -> dict[str, Any]:
    node: list[Any] = []
    for _ in range(depth - 2):  # in the list of stages, in the form
        node = [node]
    return {"stages": node}


def _parts(count: int) -> dict[str, Any]:
    return {"stages": [{"kind": "hold"}], "lr": [[]] * (count - 4)}


@pytest.mark.parametrize(
    ("make", "last", "code"),
    [(_lists, 4 * DEEPEST + 8, "too-deep"), (_parts, LONGEST, "too-long")],
)
def test_a_dict_form_of_other_values(
    make: Callable[[int], dict[str, Any]], last: int, code: str
) -> None:
    with pytest.raises(ScheduleError, match="wrong-type"):
        Schedule.model_validate(make(last))
    with pytest.raises(ScheduleError, match=code):
        Schedule.model_validate(make(last + 1))


# the last that is bound, the first that is not, the binding, the code of its mistake
BOUND: list[tuple[str, str, dict[str, Any], str]] = [
    ("step every=1", "step every=0.999", {}, "out-of-range"),
    ("restarts first=1", "restarts first=1/2", {}, "out-of-range"),
    ("cyclic up=1 min=0", "cyclic up=0.9 min=0", {}, "out-of-range"),
    ("cyclic up=1 down=1 min=0", "cyclic up=1 down=0.9 min=0", {}, "out-of-range"),
    ("cyclic up=1 min=1x", "cyclic up=1 min=1.01x", {}, "out-of-order"),
    ("linear 9 skip=9", "linear 9 skip=10", {}, "out-of-range"),
    ("hold 9 -> hold until 9", "hold 9 -> hold until 8", {}, "out-of-order"),
    ("hold 1 -> inverse_sqrt", "hold 0 -> inverse_sqrt", {}, "missing-argument"),
    ("hold 5 -> multistep at=[5, 9]", "hold 5 -> multistep at=[4, 9]", {}, "out-of-order"),
    ("total=9 | hold 9", "total=9 | hold 10", {}, "total-exceeded"),
    ("warmup 9 to=1.01x -> linear 0 to=1x -> warmup 5 to=1.001x",
     "warmup 9 to=1x -> warmup 5 to=1x", {}, "warmup-falls"),
    ("linear 3 to=0.5x -> decay 3 to=0.5x", "linear 3 to=0.5x -> decay 3 to=0.51x", {},
     "decay-rises"),
    ("(step 2 every=1 gamma=0.5 from=1x) x inf", "(step 2 every=1 gamma=0.5) x inf", {},
     "repeat-differs"),
]  # fmt: skip


@pytest.mark.parametrize(("last", "first", "binding", "code"), BOUND)
def test_bound(last: str, first: str, binding: dict[str, Any], code: str) -> None:
    parse(last).bind(lr=0.1, **binding)
    with pytest.raises(ScheduleError) as caught:
        parse(first).bind(lr=0.1, **binding)
    assert {mistake.code for mistake in caught.value.mistakes} == {code}
