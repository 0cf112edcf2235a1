"""What a command is given: a line of text, or a value inside a YAML, TOML or JSON file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

from schedlang.cli.output import Misuse
from schedlang.errors import ScheduleError, quoted
from schedlang.schedule import Schedule, parse

SUFFIXES = (".json", ".toml", ".yaml", ".yml")
STDIN = "-"


class Input(NamedTuple):
    """A schedule before it is validated.

    Attributes:
        value: a line of text, or its dict form.
        argument: what was given on the command line: the line itself, a file, or ``-``.
        key: where it is in the file; None for a line, or where the file is nothing but a schedule.
        path: the file; None for a line and for standard input.
    """

    value: Any
    argument: str
    key: str | None = None
    path: Path | None = None

    @property
    def place(self) -> str:
        """The file and the key in it; empty for a line from the command line."""
        if self.path is None and self.argument != STDIN:
            return ""
        name = "standard input" if self.path is None else self.argument
        return name if self.key is None else f"{name}: {self.key}"

    @property
    def text(self) -> str | None:
        """The line into which a mistake's marker points, where there is one."""
        return self.value if isinstance(self.value, str) else None

    def schedule(self) -> Schedule:
        """The schedule.

        Raises:
            ScheduleError: with everything that is wrong with it.
        """
        if isinstance(self.value, str):
            return parse(self.value)  # needs no schema of `Schedule`, which takes long to make
        return Schedule.model_validate(self.value)

    def with_clock(self, clock: str | None) -> Input:
        """The same with ``clock=`` written in the line, if the line needs it to be read.

        Whether bare lengths may stand beside units is decided when a line is read, before any
        binding, so that an option alone would come too late.
        """
        if clock is None or not _clock_is_missing(self.value):
            return self
        if not isinstance(self.value, str):
            return self._replace(value={**self.value, "clock": clock})
        lines = (f"clock={clock} | {self.value}", f"clock={clock} {self.value}")
        return self._replace(value=next((line for line in lines if _is_a_sentence(line)), lines[0]))


def find(argument: str, key: str | None) -> Input:
    """The schedule that an argument of the command line names.

    Raises:
        Misuse: if there is no such file or key, or if it is not clear which value of the file is
            the schedule.
    """
    if argument == STDIN:
        return _in_standard_input(key)
    path = Path(argument)
    if path.suffix.lower() not in SUFFIXES:
        if _is_file(path):
            raise Misuse(f"{argument} is not a {', '.join(SUFFIXES)} file")
        if key is not None:
            raise Misuse(f"--key goes with a file, not with the line {quoted(argument)}")
        return Input(argument, argument)
    from schedlang.cli.files import chosen, load, read

    content = load(read(path), path.suffix.lower(), argument)
    value, key = chosen(content, key, argument)
    return Input(value, argument, key, path)


def _in_standard_input(key: str | None) -> Input:
    from schedlang.cli.files import chosen, decoded, load

    text = decoded(sys.stdin.buffer.read(), "standard input") if sys.stdin else ""
    if not text.strip():
        raise Misuse("standard input is empty")
    if key is None and not text.lstrip().startswith("{"):
        return Input(text, STDIN)
    value, key = chosen(load(text, ".yaml", "standard input"), key, "standard input")
    return Input(value, STDIN, key)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a line of text can be no name of a file: too long, a NUL
        return False


def _clock_is_missing(value: Any) -> bool:
    try:
        Schedule.model_validate(value)
    except ScheduleError as error:
        return any(mistake.code in ("mixed-units", "ambiguous-ticks") for mistake in error.mistakes)
    return False


def _is_a_sentence(text: str) -> bool:
    try:
        Schedule.model_validate(text)
    except ScheduleError as error:
        return all(mistake.code != "syntax" for mistake in error.mistakes)
    return True
