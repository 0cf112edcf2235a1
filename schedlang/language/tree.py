"""The tree of a line: frozen and validated, with units and percentages as written."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal, NoReturn, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    Tag,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from schedlang.errors import quoted, refuse
from schedlang.language.placed import ParsedNode, Placed, set_place
from schedlang.language.quantities import (
    LENGTH,
    UNITS,
    Described,
    Length,
    format_number,
    quantity_schema,
    read_quantity,
)
from schedlang.phases import BUILT_IN, REGISTERED, kinds
from schedlang.phases.arguments import PositiveInt, WholeLength
from schedlang.phases.base import Phase

MOST_REPEATS = 10_000
MOST_REFUSED = 1_000


class Broken(Phase):
    """A placeholder for an invalid phase, so that the rest of the line can still be checked."""

    kind: Literal["broken"] = "broken"
    endless = True

    def bounded(self) -> bool:
        return True


class Refused:
    """Context of a validation that continues after mistakes: the errors of each invalid node."""

    def __init__(self) -> None:
        self.nodes: list[tuple[Any, ValidationError]] = []


def _class_of(value: Any) -> type[Phase] | None:
    """The phase class of a dict form; None if it has no known kind."""
    kind = value.get("kind") if isinstance(value, dict) else None
    return BUILT_IN.get(kind) or REGISTERED.get(kind) if isinstance(kind, str) else None


def _phase(value: Any) -> Any:
    """A phase, unchanged; a dict form gets here only if its kind is unknown.

    Raises:
        ScheduleError: if it is not a phase.
    """
    if not isinstance(value, Phase):
        _refuse_unknown_phase(value.get("kind") if isinstance(value, dict) else None, value)
    return value


def _refuse_unknown_phase(kind: object, value: object) -> NoReturn:
    if not isinstance(kind, str):
        refuse("wrong-type", f"expected a phase with its `kind`, not {quoted(value)}")
    from schedlang.language.aliases import nearest_name  # only an error needs it

    message = f"there is no phase called {quoted(kind)}"
    refuse("unknown-phase", message, nearest_name(kind, kinds()), "kind")


def _node(value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    """Validate a node and keep its place; under `Refused`, record its mistakes and continue."""
    if isinstance(info.context, Refused) and len(info.context.nodes) >= MOST_REFUSED:
        return Broken()  # enough mistakes are recorded
    own = _class_of(value)
    try:  # by the class itself, so that schemas are built only for the kinds in use
        node = own.model_validate(value) if own is not None else handler(value)
    except ValidationError as error:
        if not isinstance(info.context, Refused):
            raise
        info.context.nodes.append((value, error))
        return Broken()
    if isinstance(value, ParsedNode):
        set_place(node, value.place)
    return node


_REGISTERED_SCHEMA = {
    "type": "object",
    "required": ["kind"],
    "properties": {"kind": {"type": "string", "not": {"enum": [*BUILT_IN, "group", "product"]}}},
    "description": "a registered phase",
}


class _OfAnyKind:
    """A pydantic annotation for phases: `_node` validates them; it also makes their JSON Schema."""

    def __get_pydantic_core_schema__(self, source: Any, handler: object) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_phase)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        built_in = []
        for phase in BUILT_IN.values():
            phase.model_rebuild()
            ref = f"{phase.__name__}:{id(phase)}"  # makes it one of the definitions
            own: Any = {**phase.__pydantic_core_schema__, "ref": ref}
            reference = core_schema.definition_reference_schema(ref)
            built_in.append(handler(core_schema.definitions_schema(reference, [own])))
        return {"oneOf": [*built_in, _REGISTERED_SCHEMA]}


AnyPhase: TypeAlias = Annotated[Phase, _OfAnyKind()]


def _read_times(value: object) -> int | str:
    if isinstance(value, str) and value == "inf":
        return "inf"
    number, unit = read_quantity(value)
    if unit or number.denominator != 1 or not 1 <= number <= MOST_REPEATS:
        advice = f"a whole number from 1 to {MOST_REPEATS:,}, or inf"
        refuse("out-of-range", f"cannot repeat {quoted(value)} times", advice)
    return int(number)


def _times_schema() -> JsonSchemaValue:
    number = quantity_schema(
        "how often", whole=True, bounds={"minimum": 1, "maximum": MOST_REPEATS}
    )
    return {**number, "anyOf": [*number["anyOf"], {"const": "inf"}]}


Times: TypeAlias = Annotated[
    int | Literal["inf"],
    PlainValidator(_read_times),
    PlainSerializer(lambda times: times),
    Described(_times_schema),
]


def _as_stages(value: object) -> object:
    if not isinstance(value, list | tuple):
        refuse("wrong-type", f"expected a list of stages, not {quoted(value)}")
    if not value:
        refuse("empty", "there is no schedule here", "write one: cosine 90")
    return value


def _as_factors(value: object) -> object:
    if not isinstance(value, list | tuple):
        refuse("wrong-type", f"expected a list of factors, not {quoted(value)}")
    if len(value) < 2:
        advice = "write a single factor as a stage"
        refuse("wrong-type", f"a product needs at least two factors, not {len(value)}", advice)
    return value


class Group(Placed):
    """``( … )``, ``( … ) x 3``, ``( … ) x inf``; ``times`` is None for plain parentheses."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    kind: Literal["group"]
    stages: Stages
    times: Times | None = None


class Product(Placed):
    """``A * B``: two or more factors that run at the same time and are multiplied."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    kind: Literal["product"]
    factors: Annotated[
        tuple[Factor, ...], BeforeValidator(_as_factors), Field(json_schema_extra={"minItems": 2})
    ]


def _shape_of(value: Any) -> str:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind if kind in ("group", "product") else "phase"


Factor: TypeAlias = Annotated[
    Annotated[AnyPhase, Tag("phase")] | Annotated[Group, Tag("group")],
    Discriminator(_shape_of),
    WrapValidator(_node),
]
Stage: TypeAlias = Annotated[
    Annotated[AnyPhase, Tag("phase")]
    | Annotated[Group, Tag("group")]
    | Annotated[Product, Tag("product")],
    Discriminator(_shape_of),
    WrapValidator(_node),
]
Stages: TypeAlias = Annotated[
    tuple[Stage, ...], BeforeValidator(_as_stages), Field(json_schema_extra={"minItems": 1})
]


def _read_above_zero(value: object) -> Fraction:
    number, unit = read_quantity(value)
    if unit:
        refuse("unknown-unit", f"expected a plain number, not {quoted(value)}")
    if not number:
        refuse("out-of-range", f"{quoted(value)} is not above 0")
    return number


PositiveNumber: TypeAlias = Annotated[
    Fraction,
    PlainValidator(_read_above_zero),
    PlainSerializer(format_number, return_type=str),
    Described(lambda: quantity_schema("a number above 0", bounds={"exclusiveMinimum": 0})),
]


def _no_share(total: Length) -> Length:
    if total.unit == "%" or not total.value:
        refuse("out-of-range", f"the total cannot be `{total}`", "write total=100ep")
    return total


def _total_schema() -> JsonSchemaValue:
    units = [unit for unit in UNITS if unit != "%"]
    return quantity_schema(
        LENGTH.replace(", 10%", ""), units, whole=True, bounds={"exclusiveMinimum": 0}
    )


Total: TypeAlias = Annotated[WholeLength, AfterValidator(_no_share), Described(_total_schema)]
ClockName: TypeAlias = Literal["step", "epoch"]


class Settings(Placed):
    """The settings before the ``|``, which can also be given when binding."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    lr: PositiveNumber | None = None
    total: Total | None = None
    steps_per_epoch: PositiveInt | None = None
    samples_per_step: PositiveNumber | None = None
    tokens_per_step: PositiveNumber | None = None
    clock: ClockName | None = None


class Tree(Settings):
    """A whole line."""

    stages: Stages = Field(...)


Node: TypeAlias = Phase | Group | Product
