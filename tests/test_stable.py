"""Formulas for single precision: the same values, and digits that differences would lose."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given

import schedlang
from schedlang.arrays.stable import TINY, stable, with_safe_roots
from schedlang.emit.simple import computed
from schedlang.formula.evaluate import block, value
from schedlang.formula.expressions import BASE, PI, Expr, Named, Number, T, cos, sqrt
from schedlang.formula.intervals import Interval, stays_finite
from schedlang.formula.notation import infix
from tests.strategies import schedules

P = Named("progress", T / 20)


def up(a: float, b: float, part: Expr) -> Expr:
    return a + (Number(b) - a) * part


@pytest.mark.parametrize(
    ("curve", "text"),
    [
        (1 - P, "(20 - t) / 20"),
        (1 - (1 - P), "t / 20"),
        (1 - sqrt(P), "(20 - t) / 20 / (1 + sqrt(t / 20))"),
        (1 - (1 - P) ** 2, "t / 20 * (1 + (20 - t) / 20)"),
        (1 - (1 - P) ** 3, "1 - ((20 - t) / 20) ** 3"),
        ((1 + cos(PI * P)) / 2, "cos(pi * (t / 20) / 2) ** 2"),
        ((1 - cos(PI * P)) / 2, "sin(pi * (t / 20) / 2) ** 2"),
        (0.5 + 0.5 * cos(PI * P), "cos(pi * (t / 20) / 2) ** 2"),
        (3 - cos(T) / 2, "2.5 + sin(t / 2) ** 2"),
        (0.25 + cos(T), "0.25 + cos(t)"),
        (up(0.1, 1e-4, P), "1e-4 + (0.1 - 1e-4) * ((20 - t) / 20)"),
        (up(1e-4, 0.1, P), "1e-4 + (0.1 - 1e-4) * (t / 20)"),
        (0.1 - 0.1 * P, "0.1 * ((20 - t) / 20)"),
        (0.1 - 0.1 * sqrt(P), "0.1 * ((20 - t) / 20) / (1 + sqrt(t / 20))"),
        (up(0.1, 1e-4, (1 - cos(PI * P)) / 2), "1e-4 + (0.1 - 1e-4) * cos(pi * (t / 20) / 2) ** 2"),
        (up(0.1, 1e-4, 1 - (1 - P) ** 3), "1e-4 + (0.1 - 1e-4) * ((20 - t) / 20) ** 3"),
        ((T - 26.3) * 10 / 637, "(t * 10 - 263) / 637"),
        (up(0.1, 0.01, P), "0.1 + (0.01 - 0.1) * (t / 20)"),
        (up(0.1, 0.001, sqrt(P)), "0.1 + (0.001 - 0.1) * sqrt(t / 20)"),
        (up(0.1, 1e-4, sqrt(P)), "1e-4 + (0.1 - 1e-4) * ((20 - t) / 20) / (1 + sqrt(t / 20))"),
    ],
)
def test_what_is_written(curve: Expr, text: str) -> None:
    assert infix(stable(curve, near=0.05)) == text


def test_names_are_kept() -> None:
    assert stable(1 - P) == Named("left", (20 - T) / 20)
    assert stable(1 - (1 - P)) == P


def test_the_size_of_the_base_decides() -> None:
    curve = BASE + (Number(1e-3) - BASE) * P
    assert stable(curve) == curve
    assert infix(stable(curve, {"base": 1.0})) == "0.001 + (base - 0.001) * ((20 - t) / 20)"


@given(schedules(smooth=True))
def test_the_values_are_the_same(case: object) -> None:
    program = case.bind()  # type: ignore[attr-defined]  # a case of the strategies
    for piece in program.pieces[:8]:
        length = 40 if piece.end is None else min(piece.end - piece.begin, 40)
        for t in range(length):
            want = value(piece.curve, {"t": float(t)})
            if math.isfinite(want):
                got = value(stable(piece.curve), {"t": float(t)})
                assert got == pytest.approx(want, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "tolerance"),
    [
        ("linear 100000", 1e-6),
        ("cosine 100000 min=1e-6", 1e-3),
        ("sqrt 100000", 1e-6),
        ("poly 100000 power=2 from=0 to=1x", 1e-6),
        ("warmup sqrt 100000 from=0", 1e-6),
        ("restarts first=100000", 3e-3),
    ],
)
def test_the_ends_keep_their_digits(text: str, tolerance: float) -> None:
    """As `float32` computes them; of the formula as it is written, few are left."""
    piece = schedlang.parse(text).bind(lr=1.0).pieces[0]
    ticks = np.array([1, 2, 5, 99_995, 99_998, 99_999], "float32")
    want = [value(piece.curve, {"t": float(tick)}) for tick in ticks]
    curve = computed(stable(piece.curve))
    got = np.asarray(block(curve, {"t": ticks}))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, want, rtol=tolerance)


def test_roots_are_guarded() -> None:
    e = sqrt(1 - P) + (2 + P) ** 0.5
    assert infix(with_safe_roots(e, lambda x: x == 1 - P)) == (
        f"sqrt(max(1 - t / 20, {infix(Number(TINY))})) + (2 + t / 20) ** 0.5"
    )


@pytest.mark.parametrize(
    ("e", "low", "high", "finite"),
    [
        (T * T, -1e6, 1e6, True),
        (0.9**T, 0, 1e9, True),
        (0.9**T, -1e6, 0, False),
        (1 / (T + 1), 0, 1e9, True),
        (1 / (T + 1), -2, 1e9, False),
        (sqrt(T), 0, 9, False),
        (sqrt(T + 1), 0, 9, True),
        (sqrt(1 - P), 0, 21, False),
        (T**8, 0, 1e6, False),
        (cos(T), -1e9, 1e9, True),
        (T - 3, -9, 9, True),
    ],
)
def test_where_formulas_stay_finite(e: Expr, low: float, high: float, finite: bool) -> None:
    assert stays_finite(e, {"t": Interval(low, high, whole=True)}) == finite
