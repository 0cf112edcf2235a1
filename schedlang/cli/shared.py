"""Functions that commands share: settings, and messages about a schedule."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from schedlang.cli.inputs import Input, find
from schedlang.cli.options import SETTINGS, option_of
from schedlang.cli.output import InvalidSchedule, UsageError, write_stderr
from schedlang.errors import ScheduleError, ScheduleWarning
from schedlang.language.tree import Settings
from schedlang.language.validate import translate

if TYPE_CHECKING:
    from schedlang.plan.model import Plan
    from schedlang.plan.reading import Line
    from schedlang.program.program import Program


def bound(found: Input, options: argparse.Namespace) -> Program:
    """The program of a schedule under the given settings."""
    given = settings(options)
    with reported(found):
        return found.schedule().bind(**given)


def bound_plan(found: Input, given: Mapping[str, Any]) -> tuple[Plan, list[tuple[Line, Program]]]:
    """A plan, and the program of each of its lines under the given settings."""
    from schedlang.plan.binding import by_line

    with reported(found):
        plan = found.plan()
        return plan, by_line(plan, settings_of_plan(plan, given))


def settings_of_plan(plan: Plan, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The given settings, with the base of `lr` as a number.

    Raises:
        UsageError: if a base is given, and the plan has no line for it.
    """
    if "lr" not in given:
        return given
    if "lr" not in plan.hyperparameters:
        raise UsageError("--lr is the base of `lr`, but the plan has no line for it")
    return {**given, "lr": Settings.model_validate(given).lr}


def given_input(options: argparse.Namespace) -> Input:
    """The schedule or plan given to a command."""
    given = settings(options)
    (argument,) = options.schedules
    return find(argument, options.key).with_clock(given.get("clock"))


def settings(options: argparse.Namespace) -> dict[str, Any]:
    """The given settings, as written.

    Raises:
        UsageError: if one has no such value.
    """
    options_given = ((name, getattr(options, name)) for name in SETTINGS)
    given = {name: text for name, text in options_given if text is not None}
    try:
        if given:  # without settings, pydantic need not build a validator
            Settings.model_validate(given)
    except ValidationError as error:
        mistake = next(translate(error, (), given))
        advice = f" ({mistake.advice})" if mistake.advice else ""
        raise UsageError(f"{option_of(str(mistake.path[0]))}: {mistake.message}{advice}") from None
    return given


@contextmanager
def reported(found: Input) -> Iterator[None]:
    """Print warnings and mistakes of a schedule on standard error.

    Raises:
        InvalidSchedule: if something is.
    """
    prefix = f"{found.place}: " if found.place else ""
    with caught_warnings() as caught:
        try:
            yield
        except ScheduleError as error:
            from schedlang.cli.report import remarks, rendered

            write_stderr(rendered(remarks("error", error, found)))
            raise InvalidSchedule from None
        except ValueError as error:  # a target does not support it
            from schedlang.cli.advice import with_options

            write_stderr(f"{prefix}error: {with_options(str(error), found)}")
            raise InvalidSchedule from None
        finally:
            for warning in caught:
                write_stderr(f"{prefix}warning: {warning.message}")


@contextmanager
def caught_warnings() -> Iterator[list[warnings.WarningMessage]]:
    """Collect the warnings about schedules instead of printing them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ScheduleWarning)
        yield caught
