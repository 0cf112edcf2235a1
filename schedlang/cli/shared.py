"""What the commands share: settings, and messages about one schedule."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from schedlang.cli.advice import option, with_options
from schedlang.cli.inputs import Input, find
from schedlang.cli.options import SETTINGS
from schedlang.cli.output import Misuse, complain, put
from schedlang.errors import ScheduleError, ScheduleWarning
from schedlang.language.tree import Settings
from schedlang.language.validate import translate

if TYPE_CHECKING:
    from schedlang.program.program import Program


class Wrong(Exception):  # noqa: N818  # not an error of the program: its message has been printed
    """A schedule is wrong: exit status 1."""


def bound(options: argparse.Namespace) -> tuple[Input, Program]:
    """The schedule that a command is given, and its program under the settings."""
    given = settings(options)
    found = found_in(options, given)
    with reported(found):
        return found, found.schedule().bind(**given)


def found_in(options: argparse.Namespace, given: dict[str, Any]) -> Input:
    """The schedule that a command is given."""
    (argument,) = options.schedules
    return find(argument, options.key).with_clock(given.get("clock"))


def settings(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that are given, as they are written.

    Raises:
        Misuse: if one has no such value.
    """
    options_given = ((name, getattr(options, name)) for name in SETTINGS)
    given = {name: text for name, text in options_given if text is not None}
    try:
        Settings.model_validate(given)
    except ValidationError as error:
        mistake = next(translate(error, (), given))
        advice = f" ({mistake.advice})" if mistake.advice else ""
        raise Misuse(f"{option(str(mistake.path[0]))}: {mistake.message}{advice}") from None
    return given


@contextmanager
def reported(found: Input) -> Iterator[None]:
    """Print warnings, and what is wrong with a schedule, on standard error.

    Raises:
        Wrong: if something is.
    """
    prefix = f"{found.place}: " if found.place else ""
    with caught_warnings() as caught:
        try:
            yield
        except ScheduleError as error:
            from schedlang.cli.report import remarks, rendered

            complain(rendered(remarks("error", error, found)))
            raise Wrong from None
        except ValueError as error:  # what a target cannot do
            complain(f"{prefix}error: {with_options(str(error), found)}")
            raise Wrong from None
        finally:
            for warning in caught:
                complain(f"{prefix}warning: {warning.message}")


@contextmanager
def caught_warnings() -> Iterator[list[warnings.WarningMessage]]:
    """The warnings about schedules, instead of printing them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ScheduleWarning)
        yield caught


def put_json(value: Any) -> None:
    """Print JSON."""
    import json

    put(json.dumps(value, indent=2))
