"""Numbers, lengths and levels: exact values and their shortest spelling."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache, lru_cache
from numbers import Rational, Real
from typing import Any, Literal, TypeAlias

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema
from typing_extensions import Self, assert_never

from schedlang.errors import did_you_mean, quoted, refuse

Unit: TypeAlias = Literal["", "st", "ep", "tok", "ex", "%"]
"""The unit of a length; the empty one is a tick of the schedule's clock."""

UNITS: dict[str, Unit] = {
    "": "", "%": "%",
    "st": "st", "step": "st", "steps": "st",
    "ep": "ep", "epoch": "ep", "epochs": "ep",
    "tok": "tok", "token": "tok", "tokens": "tok",
    "ex": "ex", "example": "ex", "examples": "ex", "sample": "ex", "samples": "ex",
}  # fmt: skip
LevelUnit: TypeAlias = Literal["", "%", "x"]
"""The unit of a level: without one it is a rate, with one a share of the base rate."""

LEVEL_UNITS: dict[str, LevelUnit] = {"": "", "%": "%", "x": "x"}
NUMBER_SUFFIXES = {"k": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}

LONGEST_NUMBER = 100
LONGEST_INTEGER = 14_284
"""In bits; Python prints no integer of more than 4,300 digits."""
_LEAST, _MOST = 1e-300, 1e300


@cache
def _quantity() -> re.Pattern[str]:
    """The pattern of a number and its unit in the grammar."""
    from schedlang.language.grammar import terminal  # slow to import; plain numbers do not need it

    return re.compile(rf"({terminal('NUMBER')})\s*({terminal('UNIT')})?")


def read_quantity(value: object) -> tuple[Fraction, str]:
    """The exact number and the unit as written, from a number or a text such as ``2.5ep``."""
    if isinstance(value, list | tuple):
        refuse("wrong-type", "expected one value, not a list")
    if isinstance(value, bool) or not isinstance(value, str | Real | Decimal):
        refuse("wrong-type", f"expected a number, not {quoted(value)}")
    if isinstance(value, str):
        return _read_text(value.strip())
    if isinstance(value, Rational):  # including NumPy's integers
        return _in_range(Fraction(int(value.numerator), int(value.denominator)), value), ""
    # The shortest decimal, so that 0.1 in single precision is also exactly a tenth.
    return _read_text(str(value)) if value else (Fraction(0), "")


def _read_text(text: str) -> tuple[Fraction, str]:
    if len(text) > LONGEST_NUMBER:
        refuse("bad-number", f"the number {quoted(text)} is too long")
    if text.isascii() and text.isdigit():
        return _in_range(Fraction(int(text)), text), ""
    match = _quantity().fullmatch(text)
    if match is None:
        refuse("wrong-type", f"expected a number, not {quoted(text)}")
    digits, unit = match[1].replace("_", ""), match[2] or ""
    if digits[0] == "-":
        refuse("out-of-range", f"{quoted(text)} is negative", "write a number of at least 0")
    scale = NUMBER_SUFFIXES.get(digits[-1], 1)
    digits, _, denominator = digits.rstrip("kMBT").partition("/")
    digits, _, exponent = digits.lower().partition("e")
    whole, _, part = digits.partition(".")
    power = int(exponent or 0)
    if abs(power) > 999:
        refuse("overflow", f"the exponent of {quoted(text)} has more than three digits")
    below = int(denominator or 1)
    if below == 0:
        refuse("bad-number", f"the number {quoted(text)} divides by zero")
    power -= len(part)
    number = Fraction(int(whole + part) * scale * 10 ** max(power, 0), below * 10 ** max(-power, 0))
    return _in_range(number, text), unit


def _in_range(number: Fraction, written: object) -> Fraction:
    if max(number.numerator.bit_length(), number.denominator.bit_length()) > LONGEST_INTEGER:
        what = "an integer" if number.denominator == 1 else "a fraction"
        refuse("overflow", f"{what} of more than 4,300 digits does not fit into a double")
    if number.numerator < 0:
        refuse("out-of-range", f"{quoted(written)} is negative", "write a number of at least 0")
    try:
        size = number.numerator / number.denominator
    except OverflowError:
        size = math.inf
    if number.numerator and not _LEAST <= size <= _MOST:
        refuse("overflow", f"the number {quoted(written)} does not fit into a double")
    text = str(written)
    # Short numbers always have a short spelling; others must be readable in the spelling written.
    if (len(text) > 20 or "/" in text) and len(format_number(number)) > LONGEST_NUMBER - 10:
        refuse("bad-number", f"the number {quoted(written)} is too long")
    return number


@lru_cache(maxsize=1024)
def format_number(number: Fraction) -> str:
    """The shortest exact spelling: ``0.1``, ``1e-4``, ``100k``, ``1/3``."""
    odd, tens = number.denominator, 0
    for prime in (2, 5):
        count = 0
        while odd % prime == 0:
            odd, count = odd // prime, count + 1
        tens = max(tens, count)
    if odd != 1:
        return f"{number.numerator}/{number.denominator}"
    digits = str(number.numerator * 10**tens // number.denominator).rstrip("0")
    exponent = len(str(number.numerator * 10**tens // number.denominator)) - len(digits) - tens
    spellings = [_decimal(digits, exponent)]
    if number >= 10_000:
        spellings += [_decimal(digits, exponent - 3 * i) + "kMBT"[i - 1] for i in (1, 2, 3, 4)]
    if number >= 10**16 or exponent < -3:
        point = digits[0] + ("." + digits[1:] if digits[1:] else "")
        spellings.append(f"{point}e{exponent + len(digits) - 1}")
    return min(spellings, key=len)


def _decimal(digits: str, exponent: int) -> str:
    if exponent >= 0:
        return digits + "0" * exponent
    digits = digits.rjust(1 - exponent, "0")
    return f"{digits[:exponent]}.{digits[exponent:]}"


class AsText:
    """A value that pydantic validates with `read` and dumps as text."""

    __slots__ = ()

    @classmethod
    def read(cls, value: object) -> Self:
        """The value of a user's input.

        Raises:
            ScheduleError: if it is wrong.
        """
        raise NotImplementedError

    @classmethod
    def json_schema(cls) -> JsonSchemaValue:
        """The JSON Schema of the values that `read` accepts."""
        raise NotImplementedError

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        as_str = core_schema.plain_serializer_function_ser_schema(
            str, return_schema=core_schema.str_schema()
        )
        # Equal texts share one object: a line of thousands of phases repeats its lengths.
        of_text = lru_cache(maxsize=1024)(cls.read)
        return core_schema.no_info_plain_validator_function(
            lambda value: of_text(value) if type(value) is str else cls.read(value),
            serialization=as_str,
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return cls.json_schema()


@dataclass(frozen=True, slots=True)
class Length(AsText):
    """A duration or a position in training: ``10``, ``10ep``, ``2B tok``, ``10%``."""

    value: Fraction
    unit: Unit = ""

    def __str__(self) -> str:
        number = format_number(self.value)
        apart = " " if self.unit and number[-1] in NUMBER_SUFFIXES else ""
        return f"{number}{apart}{self.unit}"

    @classmethod
    def read(cls, value: object) -> Self:
        """The length of a number or a text with one of `UNITS`."""
        if isinstance(value, cls):
            return value
        number, unit = read_quantity(value)
        if unit not in UNITS:
            refuse("unknown-unit", f"there is no unit called {quoted(unit)}", _unit_advice(unit))
        return cls(number, UNITS[unit])

    @classmethod
    def json_schema(cls) -> JsonSchemaValue:
        return quantity_schema(LENGTH, UNITS)


@lru_cache(maxsize=4096)
def _hundredth(percent: Fraction) -> Fraction:
    return percent / 100


@dataclass(frozen=True, slots=True)
class Level(AsText):
    """A learning rate: absolute (``1e-4``) or a share of the base rate (``10%``, ``0.1x``)."""

    value: Fraction
    unit: LevelUnit = ""

    @property
    def share(self) -> Fraction | None:
        """The factor relative to the base; None if the level is absolute."""
        match self.unit:
            case "%":
                return _hundredth(self.value)
            case "x":
                return self.value
            case "":
                return None if self.value else self.value
            case _:
                assert_never(self.unit)

    def __str__(self) -> str:
        return f"{format_number(self.value)}{self.unit}"

    @classmethod
    def read(cls, value: object) -> Self:
        """The level of a number or a text such as ``10%``."""
        if isinstance(value, cls):
            return value
        number, unit = read_quantity(value)
        if unit not in LEVEL_UNITS:
            message = f"there is no unit called {quoted(unit)}"
            if unit in UNITS:
                message = f"a level cannot be a length: {quoted(value)}"
            refuse("unknown-unit", message, LEVEL_ADVICE)
        return cls(number, LEVEL_UNITS[unit])

    @classmethod
    def json_schema(cls) -> JsonSchemaValue:
        return quantity_schema("a level: 1e-4, 10%, 0.1x", ("x", "%"))


LENGTH = "a length: 10, 10st, 10ep, 2B tok, 50k ex, 10%"
LEVEL_ADVICE = "write a rate (1e-4) or a share of the base (10%, 0.1x)"


def read_ratio(value: object) -> Fraction:
    """A plain number; ``30%`` is 0.3."""
    number, unit = read_quantity(value)
    if unit not in ("", "%"):
        refuse("unknown-unit", f"expected a plain number, not {quoted(value)}", "write 0.3 or 30%")
    return number / 100 if unit else number


def _unit_advice(unit: str) -> str:
    if unit == "x":
        return "`x` is a unit of levels; a tenth of the total is 10%"
    return did_you_mean(unit, [name for name in UNITS if name.isalpha()])


def quantity_schema(
    description: str,
    units: Iterable[str] = (),
    *,
    whole: bool = False,
    before: str = "",
    bounds: Mapping[str, float] | None = None,
) -> JsonSchemaValue:
    """The JSON Schema of a number, or of a text with a number and a unit.

    Args:
        description: the description of the value.
        units: the units that may follow the number in a text.
        whole: whether a number without a unit is an integer.
        before: a regular expression for text that may precede the number.
        bounds: JSON Schema's keywords for a number; by default it is at least 0.
    """
    from schedlang.language.grammar import terminal

    names = "|".join(sorted(filter(None, units), key=len, reverse=True))
    unit = rf"(?:{names})?" if names else ""
    return {
        "anyOf": [
            {"type": "integer" if whole else "number", **(bounds or {"minimum": 0})},
            {"type": "string", "pattern": rf"^\s*{before}(?!-){terminal('NUMBER')}\s*{unit}\s*$"},
        ],
        "description": description,
    }


@dataclass(frozen=True, slots=True)
class Described:
    """A pydantic annotation: the JSON Schema of a type, made on demand."""

    make: Callable[[], JsonSchemaValue]

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return self.make()
