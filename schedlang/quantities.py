"""Numbers, lengths and levels: what is written, kept exactly, and its shortest spelling."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, NoReturn, TypeAlias, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from schedlang.errors import Code, nearest, quoted

Unit: TypeAlias = Literal["", "st", "ep", "tok", "ex", "%"]
"""A length's unit; the empty one is a tick of the schedule's clock."""

UNITS: dict[str, Unit] = {
    "": "", "%": "%",
    "st": "st", "step": "st", "steps": "st",
    "ep": "ep", "epoch": "ep", "epochs": "ep",
    "tok": "tok", "token": "tok", "tokens": "tok",
    "ex": "ex", "example": "ex", "examples": "ex", "sample": "ex", "samples": "ex",
}  # fmt: skip
SUFFIXES = {"k": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}

LONGEST_NUMBER = 100
_QUANTITY = re.compile(
    r"(-?)"
    r"(?=\.?[0-9])([0-9][0-9_]*)?(?:\.([0-9_]*))?(?:[eE]([+-]?[0-9]+))?"
    r"(?:/([0-9][0-9_]*))?([kMBT])?"
    r"\s*(%|[A-Za-z_]\w*)?"
)
_LEAST, _MOST = 1e-300, 1e300


def refuse(code: Code, message: str, advice: str = "") -> NoReturn:
    """Raise what pydantic collects and `schedlang.validate` turns into a mistake."""
    raise PydanticCustomError(code, "{message}", {"message": message, "advice": advice})


def read_quantity(value: object) -> tuple[Fraction, str]:
    """The exact number and the unit as written, from a number or a text such as ``2.5ep``."""
    if isinstance(value, list | tuple):
        refuse("wrong-type", "expected one value, not a list")
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Fraction)):
        refuse("wrong-type", f"expected a number, not {quoted(value)}")
    if isinstance(value, int | Fraction):
        return _in_range(Fraction(value), value), ""
    text = str(value).strip()
    if len(text) > LONGEST_NUMBER:
        refuse("bad-number", f"the number {quoted(text)} is too long")
    match = _QUANTITY.fullmatch(text)
    if match is None:
        refuse("wrong-type", f"expected a number, not {quoted(text)}")
    sign, whole, part, exponent, denominator, suffix, unit = match.groups("")
    numerator = int((whole + part).replace("_", "")) * SUFFIXES.get(suffix, 1)
    power = int(exponent or 0)
    if abs(power) > 999:
        refuse("overflow", f"the number {quoted(text)} has more than three digits of exponent")
    power -= len(part.replace("_", ""))
    below = int(denominator.replace("_", "")) if denominator else 1
    if below == 0:
        refuse("bad-number", f"the number {quoted(text)} divides by zero")
    if power < 0:
        number = Fraction(numerator, below * 10**-power)
    else:
        number = Fraction(numerator * 10**power, below)
    return _in_range(-number if sign else number, text), unit


def _in_range(number: Fraction, written: object) -> Fraction:
    if number.numerator < 0:
        refuse("out-of-range", f"{quoted(written)} is negative", "no number here is below 0")
    try:
        size = number.numerator / number.denominator
    except OverflowError:
        size = math.inf
    if number.numerator and not _LEAST <= size <= _MOST:
        refuse("overflow", f"the number {quoted(written)} does not fit into a double")
    text = str(written)
    # What is short is written short; of the rest, what we write must be read again.
    if (len(text) > 20 or "/" in text) and len(format_number(number)) > LONGEST_NUMBER - 10:
        refuse("bad-number", f"the number {quoted(written)} is too long")
    return number


def format_number(number: Fraction) -> str:
    """The shortest exact spelling: ``0.1``, ``1e-4``, ``100k``, ``1/3``."""
    if number.denominator == 1 and number.numerator < 10_000:
        return str(number.numerator)
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


@dataclass(frozen=True, slots=True)
class Length:
    """A stretch of training, or a position in it: ``10``, ``10ep``, ``2B tok``, ``10%``."""

    value: Fraction
    unit: Unit = ""

    def __str__(self) -> str:
        number = format_number(self.value)
        apart = " " if self.unit and number[-1] in SUFFIXES else ""
        return f"{number}{apart}{self.unit}"

    @classmethod
    def read(cls, value: object) -> Length:
        """From a number or a text; a unit is one of `UNITS`."""
        if isinstance(value, Length):
            return value
        number, unit = read_quantity(value)
        if unit not in UNITS:
            refuse("unknown-unit", f"there is no unit called {quoted(unit)}", _unit_advice(unit))
        return cls(number, UNITS[unit])

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return as_text(cls.read)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return _quantity_schema("a length: 10, 10st, 10ep, 2B tok, 50k ex, 10%", UNITS)


@dataclass(frozen=True, slots=True)
class Level:
    """A learning rate: absolute (``1e-4``) or a share of the base rate (``10%``, ``0.1x``)."""

    value: Fraction
    unit: Literal["", "%", "x"] = ""

    @property
    def share(self) -> Fraction | None:
        """The part that is relative to the base; None where the level is absolute."""
        match self.unit:
            case "%":
                return self.value / 100
            case "x":
                return self.value
            case "":
                return None if self.value else self.value

    def __str__(self) -> str:
        return f"{format_number(self.value)}{self.unit}"

    @classmethod
    def read(cls, value: object) -> Level:
        """From a number or a text such as ``10%``."""
        if isinstance(value, Level):
            return value
        number, unit = read_quantity(value)
        match unit:
            case "" | "%" | "x":
                return cls(number, unit)
            case _ if unit in UNITS:
                refuse("unknown-unit", f"a level is no length: {quoted(value)}", LEVEL_ADVICE)
            case _:
                refuse("unknown-unit", f"there is no unit called {quoted(unit)}", LEVEL_ADVICE)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return as_text(cls.read)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return _quantity_schema("a level: 1e-4, 10%, 0.1x", ("x", "%"))


LEVEL_ADVICE = "write a rate (1e-4) or a share of the base (10%, 0.1x)"


def read_ratio(value: object) -> Fraction:
    """A plain number; ``30%`` is 0.3."""
    number, unit = read_quantity(value)
    if unit not in ("", "%"):
        refuse("unknown-unit", f"expected a plain number, not {quoted(value)}", "write 0.3 or 30%")
    return number / 100 if unit else number


def _unit_advice(unit: str) -> str:
    if unit == "x":
        return "a length has no share: 10% is a tenth of the total"
    return nearest(unit, [name for name in UNITS if name.isalpha()])


_Quantity = TypeVar("_Quantity")


def as_text(read: Callable[[object], _Quantity]) -> CoreSchema:
    """How pydantic reads a value with ``read`` and dumps it as its text."""
    return core_schema.no_info_plain_validator_function(
        read,
        serialization=core_schema.plain_serializer_function_ser_schema(
            str, return_schema=core_schema.str_schema()
        ),
    )


def _quantity_schema(description: str, units: Any) -> JsonSchemaValue:
    number = r"[0-9._]+([eE][+-]?[0-9]+)?(/[0-9_]+)?[kMBT]?"
    unit = "|".join(sorted(filter(None, units), key=len, reverse=True))
    return {
        "anyOf": [
            {"type": "number", "minimum": 0},
            {"type": "string", "pattern": rf"^\s*{number}\s*({unit})?\s*$"},
        ],
        "description": description,
    }
