"""The arithmetic on its own: built, evaluated, folded, written, and split by the base rate."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedlang.formula import expressions as formula
from schedlang.formula.evaluate import block, fold_constants, function, value
from schedlang.formula.expressions import (
    BASE,
    ONE,
    OPERATIONS,
    PI,
    ZERO,
    Apply,
    Expr,
    Lookup,
    Named,
    Number,
    Operation,
    Symbol,
    T,
)
from schedlang.formula.intervals import ANYTHING, Interval, interval_of
from schedlang.formula.levels import at_tick, compare_levels, of_pair, pair, shown, times
from schedlang.formula.notation import infix, number, tidy

INF, NAN = math.inf, math.nan
STEPS = Lookup(T, (3.0, 7.0), (1.0, 0.5, 0.25))

# What is left out when a formula is built.
BUILT: list[tuple[Expr, Expr]] = [
    (T + 0, T),
    (0 + T, T),
    (T - 0, T),
    (0 - T, Apply("sub", (ZERO, T))),
    (T * 1, T),
    (1 * T, T),
    (T * 0, Apply("mul", (T, ZERO))),
    (T / 1, T),
    (1 / T, Apply("div", (ONE, T))),
    (T**1, T),
    (1**T, Apply("pow", (ONE, T))),
    (-T, Apply("neg", (T,))),
    (T + Fraction(1, 4), Apply("add", (T, Number(0.25)))),
    (formula.per(T, Fraction(2, 3)), Apply("div", (T * 3, Number(2.0)))),
    (formula.per(T, Fraction(5)), Apply("div", (T, Number(5.0)))),
    (formula.rounds(T, Fraction(2, 3)), Apply("floordiv", (T * 3, Number(2.0)))),
    (formula.within(T, Fraction(2, 3)), Apply("mod", (T * 3, Number(2.0)))),
]


@pytest.mark.parametrize(("built", "expected"), BUILT, ids=infix)
def test_built(built: Expr, expected: Expr) -> None:
    assert built == expected


# Doubles as IEEE has them: nothing raises.
EVALUATED: list[tuple[Operation, tuple[float, ...], float]] = [
    ("add", (2, 3), 5),
    ("sub", (2, 3), -1),
    ("mul", (2, 3), 6),
    ("div", (3, 2), 1.5),
    ("div", (1, 0), INF),
    ("div", (-1, 0), -INF),
    ("div", (1, -0.0), -INF),
    ("div", (0, 0), NAN),
    ("floordiv", (7, 2), 3),
    ("mod", (7, 2), 1),
    ("pow", (2, 3), 8),
    ("pow", (0, -1), INF),
    ("pow", (-8, 0.5), NAN),
    ("pow", (10, 400), INF),
    ("pow", (-10, 401), -INF),
    ("pow", (-10, 400), INF),
    ("neg", (2,), -2),
    ("sin", (0,), 0),
    ("sin", (INF,), NAN),
    ("cos", (0,), 1),
    ("cos", (-INF,), NAN),
    ("tan", (0,), 0),
    ("tanh", (INF,), 1),
    ("exp", (0,), 1),
    ("exp", (1000,), INF),
    ("exp", (-1000,), 0),
    ("log", (1,), 0),
    ("log", (0,), -INF),
    ("log", (-1,), NAN),
    ("log", (NAN,), NAN),
    ("sqrt", (4,), 2),
    ("sqrt", (0,), 0),
    ("sqrt", (-1,), NAN),
    ("floor", (1.5,), 1),
    ("floor", (-1.5,), -2),
    ("floor", (INF,), INF),
    ("ceil", (1.5,), 2),
    ("ceil", (-INF,), -INF),
    ("abs", (-2,), 2),
    ("min", (1, 2), 1),
    ("min", (2, 1), 1),
    ("min", (NAN, 1), NAN),
    ("max", (1, 2), 2),
    ("max", (2, 1), 2),
    ("max", (NAN, 1), NAN),
    ("where", (1, 5, 6), 5),
    ("where", (0, 5, 6), 6),
    ("lt", (1, 2), 1),
    ("lt", (2, 2), 0),
    ("le", (2, 2), 1),
    ("le", (3, 2), 0),
    ("gt", (3, 2), 1),
    ("gt", (2, 2), 0),
    ("ge", (2, 2), 1),
    ("ge", (1, 2), 0),
    ("eq", (2, 2), 1),
    ("eq", (1, 2), 0),
    ("eq", (2, 1), 0),
    ("ne", (1, 2), 1),
    ("ne", (2, 1), 1),
    ("ne", (2, 2), 0),
    ("and", (1, 1), 1),
    ("and", (1, 0), 0),
    ("or", (0, 1), 1),
    ("or", (0, 0), 0),
    ("not", (0,), 1),
    ("not", (1,), 0),
]


@pytest.mark.parametrize(("op", "numbers", "expected"), EVALUATED)
def test_evaluated(op: Operation, numbers: tuple[float, ...], expected: float) -> None:
    """One at a time, compiled, as an array, and folded."""
    symbols = tuple(Symbol(f"s{i}") for i in range(len(numbers)))
    names = {symbol.name: float(x) for symbol, x in zip(symbols, numbers, strict=True)}
    e = Apply(op, symbols)
    arrays = {name: np.array([x]) for name, x in names.items()}
    with np.errstate(all="ignore"):
        (in_a_block,) = np.atleast_1d(block(e, arrays))
    known = fold_constants(e, {name: Number(x) for name, x in names.items()})
    assert value(e, names) == pytest.approx(expected, nan_ok=True)
    assert function(e, tuple(names))(*names.values()) == pytest.approx(expected, nan_ok=True)
    assert float(in_a_block) == pytest.approx(expected, nan_ok=True)
    assert value(known, {}) == pytest.approx(expected, nan_ok=True)


def test_every_operation_is_evaluated() -> None:
    assert {op for op, _, _ in EVALUATED} == set(OPERATIONS)


# a formula, t, its value there, its limit from the left
LIMITS: list[tuple[Expr, float, float, float]] = [
    (STEPS, 2, 1, 1),
    (STEPS, 3, 0.5, 1),
    (STEPS, 7, 0.25, 0.5),
    (STEPS, 8, 0.25, 0.25),
    (Apply("floor", (T,)), 3, 3, 2),
    (Apply("floor", (T / 2,)), 3, 1, 1),
    (formula.rounds(T, Fraction(3)), 6, 2, 1),
    (formula.rounds(T, Fraction(3)), 7, 2, 2),
    (formula.within(T, Fraction(3)), 6, 0, 3),
    (formula.within(T, Fraction(3)), 7, 1, 1),
    (formula.within(Apply("floor", (T,)), Fraction(2)), 4, 0, 1),
    (formula.where(formula.less(T, 3), T, 0), 3, 0, 0),
    (Named("cycle", formula.rounds(T, Fraction(3))), 3, 1, 0),
]


@pytest.mark.parametrize(("e", "t", "here", "before"), LIMITS)
def test_limits_from_the_left(e: Expr, t: float, here: float, before: float) -> None:
    assert value(e, {"t": t}) == here
    assert value(e, {"t": t}, left=True) == before
    assert at_tick(e, t, left=False) == Number(here)
    assert at_tick(e, t, left=True) == Number(before)


A, B = Symbol("a"), Symbol("b")
FOLDED: list[tuple[Expr, Expr]] = [
    (Number(2.0) * A, Number(6.0)),
    (A * B, Number(3.0) * B),
    (A - 1, Apply("sub", (Number(3.0), ONE))),  # a difference is kept
    (Named("n", A + 1), Number(4.0)),
    (Named("n", B + 1), Named("n", B + 1)),
    (formula.where(formula.less(A, 5), B, T), B),
    (formula.where(formula.less(A, 2), B, T), T),
    (formula.where(formula.less(B, 2), A, T), formula.where(formula.less(B, 2), Number(3.0), T)),
    (Lookup(A, (3.0,), (5.0, 6.0)), Number(6.0)),
    (Lookup(B, (3.0,), (5.0, 6.0)), Lookup(B, (3.0,), (5.0, 6.0))),
    (Apply("mul", (ONE, B)), B),
]


@pytest.mark.parametrize(("e", "expected"), FOLDED)
def test_folded(e: Expr, expected: Expr) -> None:
    assert fold_constants(e, {"a": Number(3.0)}) == expected


# A formula and its text, as `fn` reads it.
WRITTEN: list[tuple[Expr, str]] = [
    (A + B + T, "a + b + t"),
    (A + (B + T), "a + (b + t)"),
    (A - (B - T), "a - (b - t)"),
    (A * B / T, "a * b / t"),
    (A / (B * T), "a / (b * t)"),
    ((A + B) * T, "(a + b) * t"),
    (A * B + T, "a * b + t"),
    (A ** (B**T), "a ** b ** t"),
    ((A**B) ** T, "(a ** b) ** t"),
    (-(A**B), "-a ** b"),
    ((-A) ** B, "(-a) ** b"),
    (A**-B, "a ** -b"),
    (A * -B, "a * -b"),
    (-(A * B), "-(a * b)"),
    (Number(-2.0) ** A, "(-2) ** a"),
    (Number(-0.5) ** A, "(-0.5) ** a"),
    (A - Number(-2.0), "a - -2"),
    (formula.rounds(T, Fraction(3)), "t // 3"),
    (formula.within(T, Fraction(3, 2)), "t * 2 % 3"),
    (formula.sin(A + B), "sin(a + b)"),
    (formula.maximum(A, B), "max(a, b)"),
    (formula.where(formula.less(A, B), A, B), "a if a < b else b"),
    (
        formula.where(formula.less(A, B), formula.where(A, A, B), formula.where(B, A, T)),
        "(a if a else b) if a < b else a if b else t",
    ),
    (formula.where(A, B, T) + 1, "(b if a else t) + 1"),
    (Apply("and", (Apply("or", (A, B)), T)), "(a or b) and t"),
    (Apply("or", (A, Apply("or", (B, T)))), "a or (b or t)"),
    (Apply("or", (Apply("and", (A, B)), T)), "a and b or t"),
    (Apply("not", (Apply("and", (A, B)),)), "not (a and b)"),
    (Apply("and", (Apply("not", (A,)), B)), "not a and b"),
    (Apply("not", (formula.at_most(A, B),)), "not a <= b"),
    (STEPS, "lookup(t, [3.0, 7.0], [1.0, 0.5, 0.25])"),
    (Named("progress", A + B) * T, "(a + b) * t"),
    (PI * T, "pi * t"),
]


@pytest.mark.parametrize(("e", "text"), WRITTEN, ids=[text for _, text in WRITTEN])
def test_written(e: Expr, text: str) -> None:
    assert infix(e) == text


def test_written_with_other_names() -> None:
    names = {"sin": "np.sin", "t": "step", "pi": "math.pi"}
    assert infix(formula.sin(PI * T), names) == "np.sin(math.pi * step)"


def test_a_spelling_comes_first() -> None:
    assert infix(A + B, override=lambda e, _: ("c", 9) if e == B else None) == "a + c"


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.0, "0"),
        (5.0, "5"),
        (-5.0, "-5"),
        (0.1, "0.1"),
        (1e15, "1000000000000000"),
        (1e16, "1e16"),
        (0.001, "0.001"),
        (0.00025, "2.5e-4"),
        (-0.0001, "-1e-4"),
        (1e-7, "1e-7"),
        (1.5e300, "1.5e300"),
        (math.pi, "pi"),
    ],
)
def test_numbers_are_written(x: float, text: str) -> None:
    assert number(x) == text
    assert x == math.pi or float(text) == x


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_is_read_as_it_was(x: float) -> None:
    assert number(x) == "pi" or float(number(x)) == x


@pytest.mark.parametrize(
    ("x", "short"),
    [
        (0.007000000000000001, 0.007),
        (0.1 + 0.2, 0.3),
        (1 / 3, 1 / 3),
        (1.00000000001, 1.00000000001),
    ],
)
def test_tidy(x: float, short: float) -> None:
    assert tidy(x) == short


LEVEL_0 = Symbol("level_0")
# A formula, and (relative, absolute) if it is relative·base + absolute.
AFFINE: list[tuple[Expr, tuple[Expr, Expr] | None]] = [
    (Number(2.0), (ZERO, Number(2.0))),
    (BASE, (ONE, ZERO)),
    (T, (ZERO, T)),
    (LEVEL_0, None),
    (BASE + 2, (ONE, Number(2.0))),
    (2 - BASE, (Apply("sub", (ZERO, ONE)), Number(2.0))),
    (BASE - BASE, (ZERO, ZERO)),
    (-BASE, (Apply("neg", (ONE,)), Apply("neg", (ZERO,)))),
    (BASE * T, (T, ZERO)),
    (T * BASE, (T, ZERO)),
    (BASE * BASE, None),
    (BASE / 4, (ONE / 4, ZERO)),
    (1 / BASE, None),
    (formula.maximum(BASE, BASE * 2), (formula.maximum(1, 2), ZERO)),
    (formula.minimum(BASE, BASE * T), (formula.minimum(1, T), ZERO)),
    (formula.maximum(BASE, 2), None),
    (formula.where(formula.less(T, 3), BASE, 5), (formula.where(formula.less(T, 3), 1, 0),
                                                  formula.where(formula.less(T, 3), 0, 5))),
    (formula.where(formula.less(BASE, 3), 1, 5), None),
    (formula.sqrt(BASE), None),
    (formula.sqrt(T), (ZERO, formula.sqrt(T))),
    (STEPS, (ZERO, STEPS)),
    (Lookup(BASE, (3.0,), (1.0, 2.0)), None),
    (Named("progress", T / 2), (ZERO, Named("progress", T / 2))),
    (Named("level", BASE * T), (T, ZERO)),
    (Named("level", LEVEL_0), None),
]  # fmt: skip


@pytest.mark.parametrize(("e", "parts"), AFFINE)
def test_affine(e: Expr, parts: tuple[Expr, Expr] | None) -> None:
    assert formula.affine(e) == parts


def test_skeletons() -> None:
    one, numbers = formula.skeleton(2 * T + 3)
    assert (infix(one), numbers) == ("c0 * t + c1", (2.0, 3.0))
    assert formula.skeleton(5 * T + 6)[0] == one
    by_zero = Apply("div", (Number(2.0), ZERO))
    assert formula.skeleton(by_zero) == (Apply("div", (Symbol("c0"), ZERO)), (2.0,))


def test_parts() -> None:
    e = Named("progress", formula.where(formula.less(T, A), B * 2, STEPS))
    assert formula.symbols(e) == {"t", "a", "b"}
    assert formula.substitute(e, {"a": ONE, "b": T}) == Named(
        "progress", formula.where(formula.less(T, 1), T * 2, STEPS)
    )
    assert [type(part).__name__ for part in formula.walk(STEPS * A)] == [
        "Apply", "Lookup", "Symbol", "Symbol",
    ]  # fmt: skip


# ── Levels ──

PAIRS: list[tuple[Expr, tuple[float, float] | None, str]] = [
    (Number(0.1), (0.0, 0.1), "0.1"),
    (ZERO, (0.0, 0.0), "0"),
    (BASE, (1.0, 0.0), "1x"),
    (0.5 * BASE, (0.5, 0.0), "0.5x"),
    (BASE * 0.5, (0.5, 0.0), "0.5x"),
    (0.5 * BASE + 0.1, (0.5, 0.1), "an unknown level"),
    (LEVEL_0, None, "an unknown level"),
    (T * BASE, None, "an unknown level"),
    (formula.maximum(BASE, 1), None, "an unknown level"),
]


@pytest.mark.parametrize(("level", "parts", "text"), PAIRS)
def test_pairs(level: Expr, parts: tuple[float, float] | None, text: str) -> None:
    assert pair(level) == parts
    assert shown(level) == text
    assert parts is None or pair(of_pair(*parts)) == parts


@pytest.mark.parametrize(
    ("x", "y", "sign"),
    [
        (Number(0.2), Number(0.1), 1),
        (Number(0.1), Number(0.2), -1),
        (Number(0.1), Number(0.1 * (1 + 1e-13)), 0),
        (Number(0.1), Number(0.1 * (1 + 1e-11)), -1),
        (0.5 * BASE, 0.25 * BASE, 1),
        (0.5 * BASE, ZERO, 1),
        (ZERO, ZERO, 0),
        (0.5 * BASE, Number(0.1), None),
        (0.5 * BASE + 0.1, 0.5 * BASE, None),
        (LEVEL_0, ZERO, None),
    ],
)
def test_levels_are_compared(x: Expr, y: Expr, sign: int | None) -> None:
    found = compare_levels(x, y)
    assert (
        found == sign
        if sign is None or found is None
        else math.copysign(1, found) * (found != 0) == sign
    )


@pytest.mark.parametrize(
    ("level", "share", "product"),
    [
        (0.5 * BASE, Number(0.5), (0.25, 0.0)),
        (0.5 * BASE + 0.1, Number(2.0), (1.0, 0.2)),
        (ZERO, Number(2.0), (0.0, 0.0)),
    ],
)
def test_a_level_times_a_share(level: Expr, share: Expr, product: tuple[float, float]) -> None:
    assert pair(times(level, share)) == product


def test_a_level_times_what_is_not_known() -> None:
    assert times(LEVEL_0, Number(2.0)) == formula.mul(LEVEL_0, 2)
    assert times(BASE, LEVEL_0) == formula.mul(BASE, LEVEL_0)


# ── Ranges ───────────────────────────────────────────────────────────────────────────────────────

U, V, FOUR = Symbol("u"), Symbol("v"), Symbol("four")
RANGES = {
    "t": Interval(0, 10, whole=True),
    "u": Interval(-2.5, 1.5),
    "v": Interval(2, 3),
    "four": Interval(4, 4, whole=True),
}


def _of(op: Operation, *args: Expr) -> Expr:
    return Apply(op, args)


BETWEEN = _of("and", _of("ge", T, Number(2.0)), _of("lt", T, Number(5.0)))

# expression, the lowest and the highest value, whether all values are whole
MEASURED: list[tuple[Expr, float, float, bool]] = [
    (Number(2.0), 2, 2, True),
    (Number(2.5), 2.5, 2.5, False),
    (Named("progress", U), 0, 1, False),
    (Named("left", U), 0, 1, False),
    (Named("cycle", U), -2.5, 1.5, False),
    (STEPS, 0.25, 1, False),
    (Lookup(T, (3.0,), (1.0, 2.0)), 1, 2, True),
    (_of("where", _of("lt", T, Number(4.0)), T, Number(20.0)), 0, 20, True),
    (_of("where", _of("lt", T, Number(4.0)), T, Number(0.5)), 0, 3, False),
    (_of("where", _of("ge", T, Number(4.0)), T, Number(5.0)), 4, 10, True),
    (_of("where", _of("le", T, Number(4.0)), T, ONE), 0, 4, True),
    (_of("where", _of("gt", T, Number(4.0)), T, Number(6.0)), 5, 10, True),
    (_of("where", _of("gt", Number(4.0), T), T, ONE), 0, 3, True),
    (_of("where", _of("gt", T, Number(3.0)), T, Number(6.0)), 4, 10, True),
    (_of("where", _of("lt", T, ONE), T, ZERO), 0, 0, True),
    (_of("where", _of("lt", T, ZERO), T, Number(3.0)), 0, 10, True),
    (_of("where", _of("ne", T, ZERO), T, Number(3.0)), 1, 10, True),
    (_of("where", _of("ne", FOUR, Number(4.0)), FOUR, Number(9.0)), 4, 9, True),
    (_of("where", _of("eq", T, ZERO), Number(3.0), T), 1, 10, True),
    (_of("where", _of("not", _of("lt", T, Number(4.0))), T, Number(5.0)), 4, 10, True),
    (_of("where", BETWEEN, T, Number(3.0)), 2, 4, True),
    (_of("where", BETWEEN, Number(3.0), T), 0, 10, True),
    (_of("where", _of("lt", U, ZERO), U, ZERO), -2.5, 1.5, False),
    (T + U, -2.5, 11.5, False),
    (T - U, -1.5, 12.5, False),
    (T * U, -25, 15, False),
    (T / V, 0, 5, False),
    (U / V, -1.25, 0.75, False),
    (_of("floordiv", T, V), 0, 5, True),
    (_of("mod", T, Number(4.0)), 0, 4, True),
    (-U, -1.5, 2.5, False),
    (_of("abs", U), 0, 2.5, False),
    (_of("abs", -V), 2, 3, False),
    (T**2, 0, 100, True),
    (_of("pow", T, ZERO), 1, 1, True),
    (U**2, 0, 6.25, False),
    (U**3, -15.625, 15.625, False),
    (_of("pow", V, U), 3**-2.5, 3**1.5, False),
    (_of("exp", U), math.exp(-2.5), math.exp(1.5), False),
    (_of("log", V), math.log(2), math.log(3), False),
    (_of("sqrt", T), 0, math.sqrt(10), False),
    (_of("sin", U), -1, 1, False),
    (_of("cos", U), -1, 1, False),
    (_of("tan", U), -1e17, 1e17, False),
    (_of("tanh", U), -1, 1, False),
    (_of("floor", U), -3, 2, True),
    (_of("ceil", U), -3, 2, True),
    (_of("min", T, V), 0, 3, False),
    (_of("max", T, V), 2, 10, False),
    (_of("lt", T, V), 0, 1, False),
]  # fmt: skip


@pytest.mark.parametrize(("e", "low", "high", "whole"), MEASURED, ids=str)
def test_the_range_of_a_formula(e: Expr, low: float, high: float, whole: bool) -> None:
    unsafe: set[Expr] = set()
    found = interval_of(e, RANGES, unsafe)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.whole == whole
    assert not unsafe


# What Python computes otherwise than IEEE's arithmetic somewhere in the range, or not at all.
UNSAFE: list[Expr] = [
    T / U,
    V / T,
    T / -T,
    _of("floordiv", T, U),
    _of("floordiv", V, T),
    _of("mod", V, T),
    _of("exp", T * 69),
    _of("log", T),
    _of("log", U),
    _of("sqrt", U),
    _of("pow", U, V),
    U**-2,
    T**-1,
    T**400,
    _of("sin", _of("exp", T * 690)),
    _of("floor", T * 1e308),
]


@pytest.mark.parametrize("e", UNSAFE, ids=str)
def test_what_python_may_not_compute(e: Expr) -> None:
    unsafe: set[Expr] = set()
    assert interval_of(e, RANGES, unsafe) == ANYTHING
    assert e in unsafe
