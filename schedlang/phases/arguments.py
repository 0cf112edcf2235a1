"""The types of arguments: how each is parsed, checked, written, and described in JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from typing_extensions import Self, assert_never

from schedlang.errors import quoted, refuse
from schedlang.language.quantities import (
    LENGTH,
    UNITS,
    AsText,
    Described,
    Length,
    Level,
    format_number,
    quantity_schema,
    read_quantity,
    read_ratio,
)

# ── Plain numbers ────────────────────────────────────────────────────────────────────────────────


def _check(holds: Callable[[Fraction], bool], wanted: str) -> AfterValidator:
    def check(number: Fraction) -> Fraction:
        if not holds(number):
            refuse("out-of-range", f"`{format_number(number)}` is not {wanted}")
        return number

    return AfterValidator(check)


def _ratio_schema(description: str, **bounds: float) -> JsonSchemaValue:
    return quantity_schema(f"{description}; 30% is 0.3", ["%"], bounds=bounds)


def _list_schema(items: JsonSchemaValue, **keywords: object) -> JsonSchemaValue:
    return {"type": "array", "items": items, "minItems": 1, **keywords}


Ratio: TypeAlias = Annotated[
    Fraction,
    PlainValidator(read_ratio),
    PlainSerializer(format_number, return_type=str),
    Described(lambda: _ratio_schema("a number of at least 0")),
]
Positive: TypeAlias = Annotated[
    Ratio,
    _check(lambda n: n > 0, "above 0"),
    Described(lambda: _ratio_schema("a number above 0", exclusiveMinimum=0)),
]
BetweenZeroAndOne: TypeAlias = Annotated[
    Ratio,
    _check(lambda n: 0 < n < 1, "between 0 and 1"),
    Described(
        lambda: _ratio_schema("a number between 0 and 1", exclusiveMinimum=0, exclusiveMaximum=1)
    ),
]
GrowthFactor: TypeAlias = Annotated[
    Ratio,
    _check(lambda n: n == 1 or n >= Fraction(101, 100), "1 or at least 1.01"),
    Described(lambda: _ratio_schema("1, or a number of at least 1.01", minimum=1)),
]


def _read_ratios(value: object) -> Fraction | tuple[Fraction, ...]:
    if isinstance(value, list | tuple):
        return tuple(map(_read_positive, value))
    return _read_positive(value)


def _read_positive(value: object) -> Fraction:
    number = read_ratio(value)
    if number == 0:
        refuse("out-of-range", "`0` is not above 0")
    return number


def _write_ratios(value: Fraction | tuple[Fraction, ...]) -> str | list[str]:
    if isinstance(value, tuple):
        return list(map(format_number, value))
    return format_number(value)


def _ratios_schema() -> JsonSchemaValue:
    one = _ratio_schema("a factor above 0", exclusiveMinimum=0)
    return {"anyOf": [one, _list_schema(one)], "description": "one factor, or a list of them"}


Ratios: TypeAlias = Annotated[
    Fraction | tuple[Fraction, ...],
    PlainValidator(_read_ratios),
    PlainSerializer(_write_ratios),
    Described(_ratios_schema),
]


LARGEST_INTEGER = 2**53
"""The maximum of ticks and other counts: not every larger integer is a double."""


def _read_whole(least: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        number, unit = read_quantity(value)
        if unit or number.denominator != 1 or number < least:
            refuse("out-of-range", f"{quoted(value)} is not a whole number of at least {least}")
        if number > LARGEST_INTEGER:
            refuse("overflow", f"{quoted(value)} is more than 2^53")
        return int(number)

    return read


PositiveInt: TypeAlias = Annotated[
    int,
    PlainValidator(_read_whole(1)),
    Described(lambda: quantity_schema("a whole number above 0", whole=True, bounds={"minimum": 1})),
]
NonNegativeInt: TypeAlias = Annotated[
    int,
    PlainValidator(_read_whole(0)),
    Described(lambda: quantity_schema("a whole number, or 0", whole=True)),
]


def _read_flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value not in {"true", "false"}:
        refuse("wrong-type", f"expected true or false, not {quoted(value)}")
    return value == "true"


Flag: TypeAlias = Annotated[
    bool,
    PlainValidator(_read_flag),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"enum": ["true", "false"]}]}),
]


def _read_monitor(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        refuse("wrong-type", f"expected the name of a metric, not {quoted(value)}")
    if not re.fullmatch(_MONITOR, value):
        refuse("wrong-type", f"{quoted(value)} is not a name of letters, digits and `_ . / -`")
    return value


_MONITOR = r"[A-Za-z_]([A-Za-z0-9_./-]*[A-Za-z0-9_./])?"
Monitor: TypeAlias = Annotated[
    str,
    PlainValidator(_read_monitor),
    WithJsonSchema({"type": "string", "pattern": f"^{_MONITOR}$", "description": "a metric"}),
]


def _read_momentum(value: object) -> tuple[Fraction, Fraction]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        refuse("wrong-type", "momentum takes two numbers", "write momentum=[0.85, 0.95]")
    low, high = map(read_ratio, value)
    if not low <= high < 1:
        refuse("out-of-range", "momentum must be [LOW, HIGH] with LOW ≤ HIGH < 1")
    return low, high


Momentum: TypeAlias = Annotated[
    tuple[Fraction, Fraction],
    PlainValidator(_read_momentum),
    PlainSerializer(lambda pair: list(map(format_number, pair))),
    Described(lambda: _list_schema(_ratio_schema("below 1"), minItems=2, maxItems=2)),
]

# ── Lengths ──────────────────────────────────────────────────────────────────────────────────────


def whole(length: Length) -> Length:
    """The length; one in ticks or steps must be a whole number."""
    if length.unit in ("", "st") and length.value.denominator != 1:
        if length.unit == "" and length.value < 1:
            share = format_number(length.value * 100)
            refuse("not-whole", f"`{length}` is a fraction of a tick", f"did you mean {share}%?")
        refuse("not-whole", f"`{length}` is not whole", "ticks and steps are whole numbers")
    return length


def _above_zero(length: Length) -> Length:
    if not length.value:
        refuse("out-of-range", f"`{length}` is not above 0")
    return length


def _as_list(value: object) -> object:
    if not isinstance(value, list | tuple):
        advice = f"write [{quoted(value)[1:-1]}]" if isinstance(value, str | int | float) else ""
        refuse("wrong-type", f"expected a list, not {quoted(value)}", advice)
    if not value:
        refuse("wrong-type", "the list is empty")
    return value


def _increasing(positions: tuple[Length, ...]) -> tuple[Length, ...]:
    for before, after in pairwise(positions):
        if before.unit == after.unit and before.value >= after.value:
            refuse("out-of-order", f"`{after}` does not come after `{before}`")
    return positions


def _whole_schema() -> JsonSchemaValue:
    return quantity_schema(LENGTH, UNITS, whole=True)


WholeLength: TypeAlias = Annotated[Length, AfterValidator(whole), Described(_whole_schema)]
PositiveLength: TypeAlias = Annotated[Length, AfterValidator(_above_zero)]
Positions: TypeAlias = Annotated[
    tuple[WholeLength, ...],
    AfterValidator(_increasing),
    BeforeValidator(_as_list),
    Described(lambda: _list_schema(_whole_schema())),
]
LevelList: TypeAlias = Annotated[
    tuple[Level, ...],
    BeforeValidator(_as_list),
    Described(lambda: _list_schema(quantity_schema("a level: 1e-4, 10%, 0.1x", ("x", "%")))),
]


@dataclass(frozen=True, slots=True)
class Duration(AsText):
    """The duration of a phase: a length, ``until`` a position, or the ``rest`` of the total."""

    how: Literal["for", "until", "rest"]
    length: Length | None = None

    def __str__(self) -> str:
        match self.how:
            case "for":
                return str(self.length)
            case "until":
                return f"until {self.length}"
            case "rest":
                return "rest"
            case _:
                assert_never(self.how)

    @classmethod
    def read(cls, value: object) -> Self:
        """The duration of a number or a text: ``10ep``, ``until 90``, ``rest``."""
        if isinstance(value, cls):
            return value
        if isinstance(value, str) and (words := value.split(maxsplit=1)):
            if words == ["rest"]:
                return cls("rest")
            if words[0] == "until" and len(words) == 2:
                return cls("until", whole(Length.read(words[1])))
        return cls("for", whole(Length.read(value)))

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        description = "how long: a length (10, 10ep, 5%), `until` a position, or `rest`"
        described = quantity_schema(description, UNITS, whole=True, before=r"(?:until\s+)?")
        described["anyOf"].append({"type": "string", "pattern": r"^\s*rest\s*$"})
        return described
