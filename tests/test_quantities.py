"""Numbers, lengths and levels on their own: read exactly, written as short as can be."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedlang import ScheduleError
from schedlang.language.quantities import (
    Length,
    Level,
    format_number,
    read_quantity,
    read_ratio,
)
from schedlang.phases.arguments import Duration

READ: list[tuple[object, Fraction, str]] = [
    (10, Fraction(10), ""),
    (0.1, Fraction(1, 10), ""),
    (0.0, Fraction(0), ""),
    (np.float32(0.1), Fraction(1, 10), ""),
    (np.int64(7), Fraction(7), ""),
    (Decimal("0.30"), Fraction(3, 10), ""),
    (Fraction(1, 3), Fraction(1, 3), ""),
    ("10", Fraction(10), ""),
    (" 10 ", Fraction(10), ""),
    ("10_000", Fraction(10_000), ""),
    ("1.5", Fraction(3, 2), ""),
    (".5", Fraction(1, 2), ""),
    ("1.e-4", Fraction(1, 10_000), ""),
    ("3E+2", Fraction(300), ""),
    ("1e0", Fraction(1), ""),
    ("2/3", Fraction(2, 3), ""),
    ("1.5/3", Fraction(1, 2), ""),
    ("2k", Fraction(2_000), ""),
    ("1.5M", Fraction(1_500_000), ""),
    ("2B tok", Fraction(2 * 10**9), "tok"),
    ("2T", Fraction(2 * 10**12), ""),
    ("1/2k", Fraction(500), ""),
    ("10%", Fraction(10), "%"),
    ("0.1x", Fraction(1, 10), "x"),
    ("10ep", Fraction(10), "ep"),
    ("10  epochs", Fraction(10), "epochs"),
]


@pytest.mark.parametrize(("value", "number", "unit"), READ, ids=repr)
def test_read(value: object, number: Fraction, unit: str) -> None:
    assert read_quantity(value) == (number, unit)


BIG = 10**4_299
REFUSED: list[tuple[object, str, str]] = [
    ([1], "wrong-type", "expected one value, not a list"),
    ((), "wrong-type", "expected one value, not a list"),
    (True, "wrong-type", "expected a number, not `True`"),
    (None, "wrong-type", "expected a number, not `None`"),
    ("ten", "wrong-type", "expected a number, not `ten`"),
    ("", "wrong-type", "expected a number, not ``"),
    ("٣", "wrong-type", "expected a number, not `٣`"),
    ("-1", "out-of-range", "`-1` is negative"),
    (-1, "out-of-range", "`-1` is negative"),
    (float("nan"), "wrong-type", "expected a number, not `nan`"),
    (float("inf"), "wrong-type", "expected a number, not `inf`"),
    ("1e1000", "overflow", "the exponent of `1e1000` has more than three digits"),
    ("1e999", "overflow", "the number `1e999` does not fit into a double"),
    ("1e-999", "overflow", "the number `1e-999` does not fit into a double"),
    ("1.1e300", "overflow", "the number `1.1e300` does not fit into a double"),
    ("0.9e-300", "overflow", "the number `0.9e-300` does not fit into a double"),
    ("1/0", "bad-number", "the number `1/0` divides by zero"),
    ("9" * 101, "bad-number", f"the number `{'9' * 39}…` is too long"),
    ("9" * 91, "bad-number", f"the number `{'9' * 39}…` is too long"),
    ("1/" + "3" * 89, "bad-number", f"the number `1/{'3' * 37}…` is too long"),
    (10**4_300, "overflow", "an integer of more than 4,300 digits does not fit into a double"),
    (
        Fraction(1, 10**4_300),
        "overflow",
        "a fraction of more than 4,300 digits does not fit into a double",
    ),
]


@pytest.mark.parametrize(("value", "code", "message"), REFUSED, ids=lambda x: str(type(x)))
def test_refused(value: object, code: str, message: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        read_quantity(value)
    assert [(found.code, found.message) for found in caught.value.mistakes] == [(code, message)]


@pytest.mark.parametrize("text", ["1e300", "1e-300", "1.23e-299", "9" * 90, "1/" + "3" * 87])
def test_the_last_that_are_read(text: str) -> None:
    assert format_number(read_quantity(text)[0])


FORMATTED: list[tuple[Fraction, str]] = [
    (Fraction(0), "0"),
    (Fraction(7), "7"),
    (Fraction(9_999), "9999"),
    (Fraction(10_000), "10k"),
    (Fraction(10_500), "10500"),
    (Fraction(12_345), "12345"),
    (Fraction(100_000), "100k"),
    (Fraction(1_500_000), "1.5M"),
    (Fraction(2 * 10**9), "2B"),
    (Fraction(2 * 10**12), "2T"),
    (Fraction(10**15), "1000T"),
    (Fraction(10**16), "1e16"),
    (Fraction(10_000, 1) + Fraction(1, 2), "10000.5"),
    (Fraction(1, 2), "0.5"),
    (Fraction(1, 1000), "0.001"),
    (Fraction(1, 10_000), "1e-4"),
    (Fraction(15, 100_000), "1.5e-4"),
    (Fraction(12, 10_000), "0.0012"),
    (Fraction(1, 3), "1/3"),
    (Fraction(20_000, 3), "20000/3"),
    (Fraction(7, 64), "0.109375"),
]


@pytest.mark.parametrize(("number", "text"), FORMATTED, ids=str)
def test_format_number(number: Fraction, text: str) -> None:
    assert format_number(number) == text


@given(st.fractions(0, 10**20, max_denominator=10**15))
def test_what_is_written_is_read_again(number: Fraction) -> None:
    assert read_quantity(format_number(number)) == (number, "")


@pytest.mark.parametrize(
    ("text", "ratio"), [("30%", Fraction(3, 10)), ("0.3", Fraction(3, 10)), ("5", Fraction(5))]
)
def test_read_ratio(text: str, ratio: Fraction) -> None:
    assert read_ratio(text) == ratio


@pytest.mark.parametrize(
    ("text", "length", "canonical"),
    [
        ("10", Length(Fraction(10)), "10"),
        ("10 steps", Length(Fraction(10), "st"), "10st"),
        ("2k epochs", Length(Fraction(2000), "ep"), "2000ep"),
        ("2Bsamples", Length(Fraction(2 * 10**9), "ex"), "2B ex"),
        ("5%", Length(Fraction(5), "%"), "5%"),
        ("20k%", Length(Fraction(20_000), "%"), "20k %"),
    ],
)
def test_lengths(text: str, length: Length, canonical: str) -> None:
    assert Length.read(text) == length
    assert str(length) == canonical
    assert Length.read(canonical) == length


@pytest.mark.parametrize(
    ("text", "share"),
    [("10%", Fraction(1, 10)), ("2x", Fraction(2)), ("1e-4", None), ("0", Fraction(0))],
)
def test_levels(text: str, share: Fraction | None) -> None:
    assert Level.read(text).share == share
    assert Level.read(str(Level.read(text))) == Level.read(text)


TENTH = "`x` is a unit of levels; a tenth of the total is 10%"
RATE_OR_SHARE = "write a rate (1e-4) or a share of the base (10%, 0.1x)"
UNITS: list[tuple[object, str, str, str]] = [
    (Length.read, "1x", "there is no unit called `x`", TENTH),
    (Length.read, "5 epohcs", "there is no unit called `epohcs`", "did you mean `epochs`?"),
    (Level.read, "5ep", "a level cannot be a length: `5ep`", RATE_OR_SHARE),
    (Level.read, "5 parsecs", "there is no unit called `parsecs`", RATE_OR_SHARE),
    (read_ratio, "5ep", "expected a plain number, not `5ep`", "write 0.3 or 30%"),
    (Duration.read, "1.5", "`1.5` is not whole", "ticks and steps are whole numbers"),
    (Duration.read, "0.5", "`0.5` is a fraction of a tick", "did you mean 50%?"),
    (Duration.read, "until 0.5st", "`0.5st` is not whole", "ticks and steps are whole numbers"),
]


@pytest.mark.parametrize(("read", "text", "message", "advice"), UNITS)
def test_units_that_do_not_fit(read: object, text: str, message: str, advice: str) -> None:
    assert callable(read)
    with pytest.raises(ScheduleError) as caught:
        read(text)
    (mistake,) = caught.value.mistakes
    assert (mistake.message, mistake.advice) == (message, advice)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("rest", Duration("rest")),
        ("until 90", Duration("until", Length(Fraction(90)))),
        ("until  2.5ep", Duration("until", Length(Fraction(5, 2), "ep"))),
        ("2.5ep", Duration("for", Length(Fraction(5, 2), "ep"))),
        (5, Duration("for", Length(Fraction(5)))),
    ],
)
def test_durations(text: object, duration: Duration) -> None:
    assert Duration.read(text) == duration
    assert Duration.read(str(duration)) == duration
