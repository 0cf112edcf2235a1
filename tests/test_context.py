"""What a phase's formula depends on: levels, periods and positions as the phase reads them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from schedlang import ScheduleError
from schedlang.formula.expressions import BASE, ONE, ZERO, Expr, Lookup, Named, Number, T
from schedlang.formula.notation import infix
from schedlang.language.quantities import Length, Level
from schedlang.phases.base import Context, at_end

HERE = Context(BASE, BASE, ticks=9, skip=2, origin=Fraction(-5, 2), convert=lambda x: 2 * x.value)
IN_A_PRODUCT = Context(ONE, ONE)


@pytest.mark.parametrize(
    ("context", "level", "rate"),
    [
        (HERE, "1e-4", Number(1e-4)),
        (HERE, "10%", 0.1 * BASE),
        (HERE, "1x", BASE),
        (HERE, "0", ZERO),
        (HERE, "0%", ZERO),
        (HERE, "0x", ZERO),
        (IN_A_PRODUCT, "10%", Number(0.1)),
        (IN_A_PRODUCT, "1x", ONE),
        (IN_A_PRODUCT, "0", ZERO),
    ],
)
def test_rates(context: Context, level: str, rate: Expr) -> None:
    assert context.rate(Level.read(level)) == rate


def test_time() -> None:
    assert infix(HERE.t) == "t + 2"
    assert HERE.p == Named("progress", (T + 2) / 9.0)
    assert IN_A_PRODUCT.t == T


@pytest.mark.parametrize(
    ("every", "stairs"),
    [
        (Fraction(3), "(t + 2) // 3 / 3"),
        (Fraction(9, 2), "(t + 2) * 2 // 9 / 2"),
        (Fraction(5, 2), "(t + 2) * 2 // 5 * 5 / 18"),  # of whole numbers, so that it is exact
    ],
)
def test_stairs(every: Fraction, stairs: str) -> None:
    assert infix(HERE.stairs(every)) == stairs


def test_positions_and_periods() -> None:
    assert HERE.position(Length.read(10)) == 17.5
    assert HERE.period(Length.read("1/2"), "every") == 1
    with pytest.raises(ScheduleError) as caught:
        HERE.period(Length.read("0.4"), "every")
    (mistake,) = caught.value.mistakes
    assert (mistake.code, mistake.message) == ("out-of-range", "`0.4` is shorter than a tick")
    assert mistake.path == ("every",)
    with pytest.raises(ScheduleError, match="this needs a duration"):
        assert IN_A_PRODUCT.length


@pytest.mark.parametrize(
    ("x", "y", "ratio"),
    [
        (0.5 * BASE, 2 * BASE, Number(0.25)),
        (Number(3.0), Number(2.0), Number(1.5)),
        (BASE, BASE, ONE),
        (Number(3.0), ZERO, Number(3.0) / 0),
        (BASE, 0 * BASE, BASE / (0 * BASE)),
        (Number(3.0), BASE, 3 / BASE),
        (BASE + 1, BASE, (BASE + 1) / BASE),
    ],
)
def test_ratios(x: Expr, y: Expr, ratio: Expr) -> None:
    """Without the base where it cancels out."""
    assert HERE.ratio(x, y) == ratio


@pytest.mark.parametrize(
    ("curve", "left", "level"),
    [
        (T, False, Number(7.0)),  # 9 ticks, 2 of them skipped
        (Lookup(T, (7.0,), (1.0, 2.0)), True, ONE),
        (Lookup(T, (7.0,), (1.0, 2.0)), False, Number(2.0)),
        ((T + 1) * (T + 2), False, Number(72.0)),
        (BASE * T, False, 7 * BASE),
        (BASE * T + 1, False, 7 * BASE + 1),
    ],
)
def test_at_end(curve: Expr, level: Expr, *, left: bool) -> None:
    assert at_end(curve, HERE, left=left) == level
