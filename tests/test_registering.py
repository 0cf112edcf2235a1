"""Phases of one's own: the register, and a class that is registered again, as in a notebook."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Literal

import pytest

import schedlang
from schedlang import Schedule, ScheduleError, parse
from schedlang.formula import expressions as formula
from schedlang.formula.expressions import Expr
from schedlang.phases import REGISTERED
from schedlang.schedule import restore


@pytest.fixture(autouse=True)
def _own_register() -> Iterator[None]:
    before = dict(REGISTERED)
    yield
    REGISTERED.clear()
    REGISTERED.update(before)


def _define(share: float) -> type[schedlang.Rate]:
    """What a notebook's cell does when it is run again."""

    @schedlang.register
    class Mine(schedlang.Rate):
        kind: Literal["mine"]

        def factor(self, context: object) -> Expr:
            return formula.Number(share)

    return Mine


def test_a_phase_that_is_registered_again_takes_the_place_of_the_old_one() -> None:
    text, binding = "mine 10", {"lr": "1"}
    tree = {"stages": [{"kind": "mine", "duration": 10}]}
    rates = []
    for share in (0.5, 0.75):
        _define(share)
        programs = [
            parse(text).bind(lr=1),
            Schedule.model_validate(tree).bind(lr=1),
            Schedule.model_validate_json('"mine 10"').bind(lr=1),
            restore(text, binding),
            restore(text, {}, 1.0),
            copy.deepcopy(parse(text)).bind(lr=1),
        ]
        rates.append([program.at(3) for program in programs])
    assert rates == [[0.5] * 6, [0.75] * 6]


def test_a_ramp_that_overshoots_is_refused_when_it_is_bound() -> None:
    """Where it goes below 0 between its ends, and on the tick whose value then holds."""

    @schedlang.register
    class Over(schedlang.Ramp):
        kind: Literal["over"]

        def progress(self, p: Expr) -> Expr:
            return 2 * p * (2 - p) - p

    assert parse("over 10 to=50%").bind(lr=0.1).at(10) == 0.05
    with pytest.raises(ScheduleError) as caught:
        parse("over 10").bind(lr=0.1)
    assert str(caught.value) == (
        "error[not-finite]: the value at tick 6 of this phase is -0.08x\n"
        "  |\n"
        "1 | over 10\n"
        "  | ^^^^^^^ a rate must be finite and not negative"
    )
    with pytest.raises(ScheduleError) as caught:
        parse("over 10 to=1e-3").bind(lr=0.1)
    assert "the value at tick 6 of this phase is -0.00692" in str(caught.value)


def test_a_ramp_of_ones_own_has_the_arguments_of_all() -> None:
    @schedlang.register
    class Squared(schedlang.Ramp):
        kind: Literal["squared"]

        def progress(self, p: Expr) -> Expr:
            return p * p

    line = "warmup squared 5 from=0 skip=1 -> squared 9 every=4 skip=1 min=10%"
    program = parse(line).bind(lr=1)
    down = [1 - 0.9 * (4 * (t // 4) / 9) ** 2 for t in range(1, 9)]
    want = [1 - (4 - t) ** 2 / 25 for t in range(4)] + down + [0.1, 0.1]
    assert [program.at(tick) for tick in range(14)] == pytest.approx(want)
    assert str(parse(line)) == "warmup squared 5 from=0 skip=1 -> squared 9 min=10% skip=1 every=4"


def test_a_phase_that_is_no_longer_registered_is_not_restored() -> None:
    _define(0.5)
    assert restore("mine 10", {"lr": "1"}).at(0) == 0.5
    del REGISTERED["mine"]
    with pytest.raises(schedlang.ScheduleError, match="there is no phase called `mine`"):
        restore("mine 10", {"lr": "1"})


def test_a_schedule_keeps_the_class_with_which_it_was_read() -> None:
    _define(0.5)
    schedule = parse("mine 10")
    _define(0.75)
    assert schedule.bind(lr=1).at(3) == 0.5
    assert schedule != parse("mine 10")


REFUSED: list[tuple[str, str]] = [
    ("hold", "there is a phase called 'hold' already"),
    ("warmup", "a phase cannot be called 'warmup'"),
    ("group", "a phase cannot be called 'group'"),
    ("fn", "there is a phase called 'fn' already"),
    ("epoch", "a phase cannot be called 'epoch'"),
    ("Mine", "a phase cannot be called 'Mine'"),
    ("broken", "a phase cannot be called 'broken'"),
]


@pytest.mark.parametrize(("name", "message"), REFUSED)
def test_names_that_are_refused(name: str, message: str) -> None:
    namespace = {"__annotations__": {"kind": Literal[name]}, "__module__": __name__}
    phase = type("Mine", (schedlang.Rate,), namespace)
    with pytest.raises(ValueError, match=f"^{message}$"):
        schedlang.register(phase)


def test_another_class_of_a_taken_name() -> None:
    _define(0.5)

    class Other(schedlang.Rate):
        kind: Literal["mine"]

    with pytest.raises(ValueError, match=r"^there is a phase called 'mine' already$"):
        schedlang.register(Other)


def test_a_class_without_a_kind() -> None:
    class Nameless(schedlang.Rate):
        pass

    with pytest.raises(TypeError, match=r'^Nameless needs a field `kind: Literal\["its_name"\]`$'):
        schedlang.register(Nameless)
