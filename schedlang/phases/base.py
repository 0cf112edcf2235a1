"""The base classes of phases: validated fields, and a formula for a given context."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from functools import lru_cache
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias
from warnings import catch_warnings, simplefilter

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue, PydanticJsonSchemaWarning
from pydantic_core import CoreSchema
from typing_extensions import Self

from schedlang.errors import Mistake, ScheduleError, refuse
from schedlang.formula import expressions as formula
from schedlang.formula.evaluate import value
from schedlang.formula.expressions import ZERO, Apply, Expr, Named, Number, rounds
from schedlang.formula.levels import (
    Check,
    above,
    at_tick,
    compare_levels,
    normal,
    of_pair,
    pair,
    shown,
)
from schedlang.language.placed import Placed
from schedlang.language.quantities import Length, Level
from schedlang.phases.arguments import Duration, PositiveLength

Role: TypeAlias = Literal["warmup", "decay"]
Resolved: TypeAlias = (
    Expr
    | float
    | str
    | bool
    | tuple[Expr, ...]
    | tuple[float, ...]
    | tuple[Fraction, ...]
    | frozenset[str]
    | None
)

INITIAL_LEVEL = Level(Fraction(1, 1000), "x")
"""The start of the first warm-up: an update at rate 0 would be wasted."""
BASE_LEVEL = Level(Fraction(1), "x")
ZERO_LEVEL = Level(Fraction(0))
NO_ARGUMENTS = {"kind", "duration"}
"""The fields of a phase that are not arguments: its name and its duration."""


class Context(NamedTuple):
    """The context of a phase: everything apart from its fields that its formula may depend on."""

    level: Expr
    """``L``: the level on which the previous phase ended."""
    base: Expr
    """The base rate: the symbol `formula.BASE`, or 1 inside a product."""
    ticks: int | None = None
    """``T``, the ticks of the whole curve (those skipped too); None if it never ends."""
    skip: int = 0
    """The number of those ticks that are skipped."""
    first: bool = False
    """Whether this is the first phase of the run, or of a factor of a product."""
    elapsed: Fraction = Fraction(0)
    """The exact ticks from the start of the enclosing pipeline to the start of the phase."""
    origin: Fraction = Fraction(0)
    """Position 0 of the enclosing pipeline, in ticks from the start of the phase (at most 0)."""
    convert: Callable[[Length], Fraction] = lambda length: length.value
    """Converts a length to exact ticks."""

    @property
    def t(self) -> Expr:
        """The ticks since the curve began: 0, 1, …, or from ``skip`` on."""
        return formula.T + self.skip

    @property
    def p(self) -> Expr:
        """The progress of the phase: ``t / T``, from 0 to 1."""
        return _progress(self.length, self.skip)

    @property
    def length(self) -> int:
        """``T`` of a phase that must have a duration."""
        if self.ticks is None:
            refuse("no-duration", "this needs a duration")
        return self.ticks

    def rate(self, level: Level) -> Expr:
        """A level as a rate."""
        share = level.share
        if share is None:
            return Number(float(level.value))
        if isinstance(self.base, Number):
            return Number(float(share))
        return of_pair(float(share), 0.0)

    def start(self, level: Level | None) -> Expr:
        """The rate at which a phase starts: its ``from=``, or the level at entry."""
        return self.level if level is None else self.rate(level)

    def floored(self, rate: Expr, least: Level | None) -> Expr:
        """The maximum of the rate and the phase's ``min``."""
        return rate if least is None else formula.maximum(self.rate(least), rate)

    def period(self, length: Length | None, argument: str) -> Fraction:
        """A period in ticks, which must be at least one; by default, one tick."""
        ticks = Fraction(1) if length is None else self.convert(length)
        if ticks < 1:
            refuse("out-of-range", f"`{length}` is shorter than a tick", argument=argument)
        return ticks

    def stairs(self, every: Fraction) -> Expr:
        """``p`` as a staircase with a step every ``every`` ticks: ``⌊t / every⌋·every / T``."""
        stairs, steps = rounds(self.t, every), self.length / every
        over = self.length * every.denominator
        if steps.denominator == 1 or over >= 2**31:  # does not fit into an array library's int32
            return Named("progress", stairs / float(steps))
        return Named("progress", stairs * every.numerator / over)

    def position(self, at: Length) -> float:
        """A position in the enclosing pipeline, in ticks from the start of the phase."""
        return float(self.origin + self.convert(at))

    def ratio(self, x: Expr, y: Expr) -> Expr:
        """``x / y``, without the base if it cancels out."""
        parts = [formula.affine(e) for e in (x, y)]
        match parts:
            case [(Number(a), Number(0.0)), (Number(b), Number(0.0))] if b:
                return Number(a / b)
            case [(Number(0.0), Number(a)), (Number(0.0), Number(b))] if b:
                return Number(a / b)
        return x / y


@lru_cache(maxsize=1024)
def _progress(length: int, skip: int) -> Expr:
    """``p``, cached, since many phases of a line have the same length."""
    return Named("progress", (formula.T + skip) / float(length))


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Complete the JSON Schema: no doctest, defaults as dumped, the duration if it is required."""
    schema["description"] = schema.get("description", "").partition(">>>")[0].strip()
    for name, default in model.model_construct().model_dump(mode="json", by_alias=True).items():
        schema["properties"][name]["default"] = default
    if issubclass(model, Phase) and not model.endless:
        schema["required"] = [*schema.get("required", []), "duration"]


class Phase(Placed):
    """One phase of a schedule. A subclass has its arguments as fields, and `curve`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", defer_build=True, json_schema_extra=_describe
    )

    kind: str
    duration: Duration | None = None

    endless: ClassVar[bool] = False
    """Whether the duration may be omitted, in which case the phase never ends."""

    depends_on_place: ClassVar[bool] = True
    """Whether the curve depends on the position of the phase in the line."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        with catch_warnings():  # pydantic before 2.12 cannot write a Fraction; `_describe` does
            simplefilter("ignore", PydanticJsonSchemaWarning)
            return super().__get_pydantic_json_schema__(schema, handler)

    @model_validator(mode="after")
    def _has_duration(self) -> Self:
        if self.duration is None and not self.endless:
            advice = f"write {self.kind} 90, or {self.kind} rest"
            refuse("no-duration", f"`{self.kind}` needs a duration", advice)
        return self

    def bounded(self) -> bool:
        """Whether the phase ends."""
        return self.duration is not None

    def natural_length(self, convert: Callable[[Length], Fraction]) -> Fraction | None:
        """The exact ticks of a phase that ends without a given duration."""
        return None

    def curve(self, context: Context) -> Expr:
        """The rate as a function of ``t``, the ticks since the phase began."""
        raise NotImplementedError

    def end(self, context: Context, curve: Expr) -> Expr:
        """The level on which the phase ends: the limit of its curve from the left at ``t = T``."""
        return at_end(curve, context, left=True)

    def skipped(self, context: Context) -> Expr:
        """The level after the phase if it has no length."""
        return context.level

    def check(self, context: Context) -> Iterator[Check]:
        """The conditions between the levels that depend on the base rate.

        Raises:
            ScheduleError: if the levels alone decide that a condition fails.
        """
        yield from ()

    def grows(self) -> bool:
        """Whether the rate grows over time, so that it may overflow."""
        return False

    def momentum_curve(self, context: Context) -> Expr | None:
        """The momentum as a function of ``t``, or None if this phase does not change it."""
        return None

    def momentum_end(self, context: Context, momentum: Expr) -> Expr:
        """The momentum after the phase."""
        return Number(value(momentum, {"t": float(context.length - context.skip)}, left=True))

    def derived_arguments(self, context: Context) -> dict[str, Resolved]:
        """The numbers that follow from the arguments and the context."""
        own: dict[str, Resolved] = {"entry": context.level, "skip": context.skip}
        return own if context.ticks is None else {**own, "T": context.ticks}


def resolved_arguments(phase: Phase, context: Context) -> dict[str, Resolved]:
    """The arguments by name, as numbers, for targets with a counterpart of the phase.

    They do not depend on the level at entry. ``given`` has the names of those that differ from
    their default, so that a target can check whether it supports them all. It does not have a
    ``skip`` of no ticks.
    """
    names = given(phase) if context.skip else given(phase) - {"skip"}
    arguments: dict[str, Resolved] = {"given": _same(names)}
    for name, written in vars(phase).items():
        if written is not None:
            arguments[name] = _resolved(written, context)
    return arguments


def given(phase: Phase) -> frozenset[str]:
    """The arguments that differ from their default, by their names in the text."""
    fields = type(phase).model_fields
    written = [(name, fields[name]) for name in phase.model_fields_set - NO_ARGUMENTS]
    return frozenset(
        field.alias or name
        for name, field in written
        if field.is_required() or getattr(phase, name) != field.get_default()
    )


@lru_cache(maxsize=256)
def _same(names: frozenset[str]) -> frozenset[str]:
    """A set equal to ``names`` that phases with the same arguments share."""
    return names


def at_end(curve: Expr, context: Context, *, left: bool) -> Expr:
    """The value of the curve at its end, as an expression that depends only on the base."""
    t = float(context.length - context.skip)
    match curve:
        case Apply("mul", (level, factor)) if (known := pair(level)) is not None:
            with suppress(KeyError):  # the factor also depends on the base
                share = value(factor, {"t": t}, left=left)
                return of_pair(known[0] * share, known[1] * share)
    parts = formula.affine(curve)
    if parts is None:
        return normal(at_tick(curve, t, left=left))
    relative, absolute = (value(part, {"t": t}, left=left) for part in parts)
    return of_pair(relative, absolute)


def _resolved(value: Any, context: Context) -> Any:
    match value:
        case str():
            return value
        case Level():
            return context.rate(value)
        case Length():
            return float(context.convert(value))
        case Fraction():
            return float(value)
        case tuple() if value and isinstance(value[0], Length):
            return tuple(context.position(item) for item in value)
        case tuple():
            return tuple(_resolved(item, context) for item in value)
        case Duration():
            return str(value)
        case _:
            return value


class Ramp(Phase):
    """A phase that moves from one level to another over a given duration.

    A registered ramp defines `progress`, and may have additional fields.
    """

    depends_on_place: ClassVar[bool] = False
    arrives: ClassVar[bool] = False
    """Whether the progress is exactly 1 at the end, so that the ramp ends exactly on its level."""

    role: Role | None = None
    start: Level | None = Field(None, alias="from")
    to: Level | None = None
    min: Level | None = None
    skip: Length | None = None
    every: PositiveLength | None = None

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.to is not None and self.min is not None:
            refuse("does-not-apply", "`to` and `min` both set the end level", "write one of them")
        if self.role == "warmup" and self.min is not None:
            refuse("does-not-apply", "a warm-up cannot have `min`")
        return self

    def progress(self, p: Expr) -> Expr:
        """The fraction of the change from start to end that is reached at ``p`` (0 to 1)."""
        raise NotImplementedError

    def warmup_progress(self, p: Expr) -> Expr:
        """The same for a warm-up: the decay from end to start, reversed in time."""
        return 1 - self.progress(1 - p)

    def ends(self, *, first: bool) -> tuple[Level | None, Level]:
        """``a`` and ``b`` as written; ``a`` is None if it is the level at entry."""
        if self.role == "warmup":
            return self.start or (INITIAL_LEVEL if first else None), self.to or BASE_LEVEL
        return self.start, self.to or self.min or ZERO_LEVEL

    def levels(self, context: Context) -> tuple[Expr, Expr]:
        """``a`` and ``b``: the rates at the start and the end."""
        a, b = self.ends(first=context.first)
        return context.start(a), context.rate(b)

    def time(self, context: Context) -> Expr:
        """``p``, from 0 to 1: linear, or a staircase with ``every``."""
        if self.every is None:
            return context.p
        return context.stairs(context.period(self.every, "every"))

    def curve(self, context: Context) -> Expr:
        a, b = self.levels(context)
        progress = self.warmup_progress if self.role == "warmup" else self.progress
        part = progress(self.time(context))
        if a == ZERO:
            return b * part
        return a - a * part if b == ZERO else a + formula.sub(b, a) * part

    def end(self, context: Context, curve: Expr) -> Expr:
        return self.skipped(context)

    def skipped(self, context: Context) -> Expr:
        if self.arrives:
            return context.rate(self.ends(first=context.first)[1])
        a, b = self.levels(context)
        part = (
            self.warmup_progress(formula.ONE)
            if self.role == "warmup"
            else self.progress(formula.ONE)
        )
        done = value(part, {})
        return at_end(a + formula.sub(b, a) * done, Context(a, context.base, 0), left=False)

    def check(self, context: Context) -> Iterator[Check]:
        if self.role is None and self.min is None:
            return  # it may go up or down
        a, b = self.levels(context)
        rises = compare_levels(b, a)
        if rises is not None:
            self.check_direction(rises, shown(a), shown(b))
            return
        mistake = self.wrong_direction("{a}", "{b}")
        if mistake is not None:
            fails = above(b, a)
            if self.role == "warmup":
                fails = Apply("not", (fails,))
            yield Check(fails, mistake, (("a", a), ("b", b)))

    def check_direction(self, rises: float, a: str, b: str) -> None:
        """Raise an error for a warm-up that does not rise, or a decay (or `min`) that does.

        It is called when a line is parsed, or when it is bound if the base rate decides.

        Raises:
            ScheduleError: naming both levels, ``a`` and ``b``.
        """
        mistake = self.wrong_direction(a, b)
        if mistake is not None and (rises <= 0 if self.role == "warmup" else rises > 0):
            raise ScheduleError([mistake])

    def wrong_direction(self, a: str, b: str) -> Mistake | None:
        """The mistake of a ramp in the wrong direction; None if it may go up or down."""
        if self.role == "warmup":
            message = f"this warm-up does not go up: from {a} to {b}"
            return Mistake("warmup-falls", message, "a phase that goes down is a `decay`")
        if self.role == "decay" or self.min is not None:
            what = "decay" if self.role == "decay" else "phase with `min=`"
            advice = "write `to=`, which may go up" if self.min is not None else ""
            message = f"this {what} goes up: from {a} to {b}"
            return Mistake("decay-rises", message, advice, ("min",) if self.min is not None else ())
        return None

    def derived_arguments(self, context: Context) -> dict[str, Resolved]:
        a, b = self.levels(context)
        return {"a": a, "b": b, **super().derived_arguments(context)}


class Rate(Phase):
    """A phase that multiplies the level at entry by a factor that changes with time.

    A registered rate defines `factor`, and may have additional fields.
    """

    endless: ClassVar[bool] = True

    start: Level | None = Field(None, alias="from")
    min: Level | None = None
    skip: Length | None = None

    def factor(self, context: Context) -> Expr:
        """The factor by which the level at entry is multiplied."""
        raise NotImplementedError

    def curve(self, context: Context) -> Expr:
        return context.floored(context.start(self.start) * self.factor(context), self.min)

    def derived_arguments(self, context: Context) -> dict[str, Resolved]:
        return {"a": context.start(self.start), **super().derived_arguments(context)}
