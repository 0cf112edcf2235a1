"""What a command is given: a line of text, or a value inside a YAML, TOML or JSON file."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from schedlang.errors import ScheduleError, nearest, quoted
from schedlang.schedule import Schedule

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def _yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


READERS: dict[str, Callable[[str], Any]] = {
    ".json": json.loads,
    ".toml": tomllib.loads,
    ".yaml": _yaml,
    ".yml": _yaml,
}


@dataclass(frozen=True)
class Input:
    """A schedule before it is validated.

    Attributes:
        value: a line of text, or its dict form.
        place: the file and the key in it; empty for a line from the command line.
    """

    value: Any
    place: str = ""

    @property
    def text(self) -> str | None:
        """The line into which a mistake's marker points, where there is one."""
        return self.value if isinstance(self.value, str) else None

    def schedule(self) -> Schedule:
        """The schedule.

        Raises:
            ScheduleError: with everything that is wrong with it.
        """
        return Schedule.model_validate(self.value)


def find(argument: str, key: str | None) -> Input:
    """The schedule that an argument of the command line names.

    Raises:
        typer.BadParameter: if there is no such file or key, or if it is not clear which value of
            the file is the schedule.
    """
    path = Path(argument)
    if path.suffix.lower() not in READERS:
        if _is_file(path):
            raise typer.BadParameter(f"{argument} is not a {', '.join(READERS)} file")
        if key is not None:
            raise typer.BadParameter(
                f"--key goes with a file, not with the line {quoted(argument)}"
            )
        return Input(argument)
    content = _read(path)
    if key is None:
        if isinstance(content, str) or _is_dict_form(content):
            return Input(content, argument)
        raise typer.BadParameter(f"{argument} holds more than a schedule; {_which(content)}")
    return Input(_descend(content, key, argument), f"{argument}: {key}")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a line of text can be too long to be a file's name
        return False


def _read(path: Path) -> Any:
    try:
        return READERS[path.suffix.lower()](path.read_text(encoding="utf-8"))
    except OSError as error:
        raise typer.BadParameter(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        kind = path.suffix.lower().removeprefix(".")
        raise typer.BadParameter(f"{path} is not valid {kind}: {error}") from None


def _is_dict_form(value: Any) -> bool:
    return isinstance(value, dict) and "stages" in value


def _descend(content: Any, key: str, name: str) -> Any:
    """The value at a dotted key such as ``train.runs[0].schedule`` or ``train.runs.0.schedule``."""
    node, gone = content, ""
    for step in re.sub(r"\[(\d+)\]", r".\1", key).split("."):
        choices = dict(_entries(node))
        if step not in choices:
            where = quoted(gone) if gone else name
            has = nearest(step, choices) if choices else "nothing is inside it"
            raise typer.BadParameter(f"{where} has no {quoted(step)}: {has}")
        node = choices[step]
        gone = f"{gone}.{step}".lstrip(".")
    return node


def _entries(node: Any) -> Iterator[tuple[str, Any]]:
    match node:
        case dict():
            yield from ((str(key), value) for key, value in node.items())
        case list():
            yield from ((str(i), value) for i, value in enumerate(node))


def _which(content: Any) -> str:
    """The advice for a file without ``--key``: the keys that seem to hold a schedule."""
    keys = list(_candidates(content))
    if not keys:
        return "say which value it is: --key train.lr_schedule"
    return f"say which value it is: {' or '.join(f'--key {key}' for key in keys)}"


def _candidates(content: Any) -> Iterator[str]:
    """The keys of what seems a schedule; what aliases of YAML repeat is looked at once."""
    waiting = [("", content)]
    seen: set[int] = set()
    while waiting:
        path, node = waiting.pop()
        if _is_dict_form(node) or (isinstance(node, str) and _seems_a_schedule(node)):
            yield path
        elif id(node) not in seen:
            seen.add(id(node))
            inside = [(f"{path}.{key}".lstrip("."), value) for key, value in _entries(node)]
            waiting += reversed(inside)


def _seems_a_schedule(text: str) -> bool:
    """Whether this is a schedule, or one with a mistake; not a word that means something else."""
    try:
        Schedule.model_validate(text)
    except ScheduleError as error:
        codes = {mistake.code for mistake in error.mistakes}
        phases = " " in text and not codes & {"syntax", "unknown-phase", "too-long", "too-deep"}
        return phases or "->" in text
    return True
