"""Replaces arguments by options of the command line in messages: `--total` for `total=`."""

from __future__ import annotations

import re

from schedlang.cli.inputs import Input
from schedlang.cli.options import SETTINGS, option_of
from schedlang.errors import ScheduleError


def naming_options(error: ScheduleError, found: Input) -> ScheduleError:
    """The error with command-line options instead of arguments in its advice."""
    mistakes = (
        mistake._replace(
            message=with_options(mistake.message, found),
            advice=with_options(mistake.advice, found),
        )
        for mistake in error.mistakes
    )
    return ScheduleError(mistakes, error.text)


def with_options(message: str, found: Input) -> str:
    """The message with ``--total`` instead of ``total=``, unless the line itself has it."""
    names = "|".join(SETTINGS)

    def replaced(match: re.Match[str]) -> str:
        name = match["name"]
        if match["elsewhere"] == " in the line":
            return option_of(name)
        if match["elsewhere"]:
            return f"{name}= in the line, or {option_of(name)}"
        return match[0] if _has_setting(found, name) else option_of(name)

    message = re.sub(
        rf"\b(?P<name>{names})=(?P<value>\S+) in the call",
        lambda m: f"{option_of(m['name'])} {m['value']} as an option",
        message,
    )
    return re.sub(
        rf"(?<![\w`-])(?P<name>{names})="
        r"(?P<elsewhere> in the line(?: or when binding)?)?(?=[\s,.;)]|$)",
        replaced,
        message,
    )


def _has_setting(found: Input, name: str) -> bool:
    if not isinstance(found.value, str):
        return name in found.value
    settings, bar, _ = found.value.partition("|")
    return bool(bar) and re.search(rf"\b{name}\s*=", settings) is not None
