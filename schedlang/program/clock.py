"""The clock: what one tick is, and the conversion of lengths to ticks."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal

from pydantic import ValidationError
from typing_extensions import assert_never

from schedlang.errors import ScheduleError, refuse
from schedlang.language import consistency
from schedlang.language.consistency import lengths
from schedlang.language.quantities import Length
from schedlang.language.text import set_values, value_text
from schedlang.language.tree import Settings, Tree
from schedlang.language.validate import translate, twice

MOST_TICKS = Fraction(10) ** 300


def merge(tree: Tree, given: dict[str, Any]) -> Settings:
    """The settings of the line and the caller, merged.

    Raises:
        ScheduleError: if one is wrong, is given twice with different values, or makes the unit of
            a bare length ambiguous.
    """
    values = {name: value for name, value in given.items() if value is not None}
    try:  # without values, pydantic need not build a validator
        caller = Settings.model_validate(values) if values else Settings.model_construct()
    except ValidationError as error:
        raise ScheduleError(translate(error, (), values)) from None
    merged = dict(set_values(tree))
    mistakes = []
    for name, value in set_values(caller):
        if name in merged and not _agree(name, merged[name], value):
            ours, theirs = value_text(merged[name]), value_text(value)
            mistakes.append(twice(name, ours, theirs))
        merged.setdefault(name, value)
    settings = Settings.model_construct(**merged)
    mistakes += consistency.clock(tree, settings, "set clock=")
    if mistakes:
        raise ScheduleError(mistakes)
    return settings


def _agree(name: str, ours: Any, theirs: Any) -> bool:
    if name == "lr":
        return abs(float(ours) - float(theirs)) <= 1e-6 * float(ours)
    return bool(ours == theirs)


@dataclass(frozen=True)
class Clock:
    """Converts lengths to ticks.

    Attributes:
        tick: what one tick is; None if the caller's calls of `step` define it.
        settings: the merged settings.
    """

    tick: Literal["step", "epoch"] | None
    settings: Settings

    @classmethod
    def of(cls, tree: Tree, settings: Settings) -> Clock:
        """The clock of a line under a binding."""
        units = {length.unit for _, length in lengths(tree)}
        if settings.total is not None:
            units.add(settings.total.unit)
        if settings.clock is not None:
            return cls(settings.clock, settings)
        if units & {"st", "tok", "ex"} or settings.steps_per_epoch is not None:
            return cls("step", settings)
        return cls("epoch" if "ep" in units else None, settings)

    @cached_property
    def total(self) -> Fraction | None:
        """The exact total in ticks."""
        return None if self.settings.total is None else self.ticks(self.settings.total)

    def ticks(self, length: Length) -> Fraction:
        """The exact number of ticks of a length.

        Raises:
            ScheduleError: if the unit needs a setting that is missing, or the number overflows.
        """
        ticks = self._exact(length)
        if ticks > MOST_TICKS:
            refuse("overflow", f"`{length}` in ticks does not fit into a double")
        return ticks

    def _exact(self, length: Length) -> Fraction:
        value = length.value
        match length.unit:
            case "":
                return value
            case "%":
                if self.total is None:
                    refuse("missing-setting", f"`{length}` needs a total", "set total=")
                return value / 100 * self.total
            case "ep":
                return value if self.tick == "epoch" else value * self._per_epoch(length)
            case "st":
                steps = value
            case "tok":
                steps = value / self._needed("tokens_per_step", length)
            case "ex":
                steps = value / self._needed("samples_per_step", length)
            case _:
                assert_never(length.unit)
        return steps / self._per_epoch(length) if self.tick == "epoch" else steps

    def _per_epoch(self, length: Length) -> Fraction:
        return self._needed("steps_per_epoch", length)

    def _needed(self, name: str, length: Length) -> Fraction:
        value = getattr(self.settings, name)
        if value is None:
            message = f"`{length}` needs `{name}`"
            refuse("missing-setting", message, f"set {name}= in the line or when binding")
        return Fraction(value)


def nearest_tick(exact: Fraction) -> int:
    """The tick nearest to an exact position; a half is rounded up."""
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)
