"""YAML, TOML and JSON files: their values and keys."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from schedlang.cli.output import UsageError
from schedlang.errors import did_you_mean, quoted


class ConfigFile(NamedTuple):
    """A YAML, TOML or JSON text.

    Attributes:
        name: its name in messages.
        text: its text, with its line ends, without a byte-order mark.
        suffix: the suffix of its format.
        path: None for standard input.
    """

    name: str
    text: str
    suffix: str
    path: Path | None = None


def read_file(path: Path, name: str | None = None) -> ConfigFile:
    """A file.

    Raises:
        UsageError: if it cannot be read, or is not UTF-8.
    """
    try:
        text = decoded(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    return ConfigFile(name or str(path), text, path.suffix.lower(), path)


def at_revision(name: str) -> ConfigFile:
    """A file in git at a revision, such as ``HEAD~1:config.yaml``.

    Raises:
        UsageError: if git has no such file.
    """
    import subprocess

    command = ["git", "show", "--end-of-options", name]
    try:
        shown = subprocess.run(command, capture_output=True, check=True)  # noqa: S603  # no shell
    except FileNotFoundError:
        raise UsageError(f"cannot read {name}: git is not installed") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise UsageError(f"cannot read {name}: {said}") from None
    return ConfigFile(name, decoded(shown.stdout, name), Path(name).suffix.lower())


def load(file: ConfigFile) -> Any:
    """The values of a file; several YAML documents are a list, no document is None.

    Raises:
        UsageError: if it is not valid.
    """
    try:
        return parsed(file.text, file.suffix) if file.text.strip() else None
    except (ValueError, RecursionError) as error:
        kind = file.suffix.removeprefix(".")
        message, *place = _what_and_where(error)
        where = ":".join(map(str, [file.name or "the text", *place]))
        raise UsageError(f"{where}: this is not valid {kind}: {message}", tuple(place)) from None


def parsed(text: str, suffix: str) -> Any:
    """The values of a text.

    Raises:
        ValueError: if it is not valid.
    """
    match suffix:
        case ".json":
            return json.loads(text)
        case ".toml":
            if sys.version_info >= (3, 11):
                import tomllib
            else:
                import tomli as tomllib
            return tomllib.loads(text)
        case _:
            from schedlang.cli.yaml import documents

            found = documents(text)
            return found if len(found) > 1 else next(iter(found), None)


def _what_and_where(error: Exception) -> tuple[str, int, int] | tuple[str]:
    """The problem with a text, and its line and column if they are known."""
    match error:
        case json.JSONDecodeError(msg=message, lineno=line, colno=column):
            return message, line, column
        case ValueError(args=(str(message), int(line), int(column))):
            return message, line, column
    toml = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", str(error), re.DOTALL)
    return (toml[1], int(toml[2]), int(toml[3])) if toml else (str(error),)


def decoded(data: bytes, name: str) -> str:
    """The text of UTF-8 bytes, without a byte-order mark.

    Raises:
        UsageError: if they are something else.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{name} is not UTF-8 text") from None


# ── Keys ─────────────────────────────────────────────────────────────────────────────────────────

_STEP = re.compile(
    r"""\.?(?: (?P<bare>[^.\["'\]][^.\[]*)
      | \[ (?P<index>\d+) \]
      | \[ (?P<double>"(?:[^"\\]|\\.)*") \]
      | \[ ' (?P<single>[^']*) ' \] )""",
    re.VERBOSE | re.DOTALL,
)


def steps_of(key: str) -> list[str]:
    """The names and indexes of a key such as ``runs[0].lr``, ``runs.0.lr`` or ``["a.b"].lr``.

    Raises:
        UsageError: if it is no such key.
    """
    steps: list[str] = []
    position = 0
    while position < len(key) or not steps:
        match = _STEP.match(key, position)
        if match is None or key.startswith("."):
            message = 'write it as in train.lr, runs[0].lr or ["a.b"].lr'
            raise UsageError(f"--key: {quoted(key)} is not a key; {message}")
        double = match["double"]
        steps.append(json.loads(double) if double else next(filter(None, match.groups()), ""))
        position = match.end()
    return steps


def key_of(path: Sequence[str | int]) -> str:
    """The key with these steps; names with dots and other signs are in quotes and brackets."""
    steps = map(str, path)
    return "".join(
        f".{step}" if re.fullmatch(r"\w[\w-]*", step) else f"[{json.dumps(step)}]" for step in steps
    ).removeprefix(".")


def suggestion(path: Sequence[str | int]) -> str:
    """The option, quoted for a shell."""
    return f"--key {shlex.quote(key_of(path))}"


def value_at(content: Any, key: str, name: str) -> Any:
    """The value at a key of the content of a file.

    Raises:
        UsageError: if there is none.
    """
    node, steps = content, steps_of(key)
    for i, step in enumerate(steps):
        choices = dict(entries(node))
        if step not in choices:
            where = quoted(key_of(steps[:i])) if i else name
            raise UsageError(f"{where} has no {quoted(step)}: {_nearest(steps[i:], choices)}")
        node = choices[step]
    return node


def _nearest(steps: list[str], choices: Iterable[str]) -> str:
    known = [key_of([choice]) for choice in choices]
    if not known:
        return "nothing is inside it"
    # `optim.lr` may be a single name that contains a dot.
    advice = (did_you_mean(key_of(typed), known) for typed in (steps[:1], steps))
    return next((each for each in advice if each.startswith("did")), did_you_mean("", known))


def entries(node: Any) -> Iterator[tuple[str, Any]]:
    """The items of a mapping or list, with their names in a key."""
    match node:
        case dict():
            yield from ((str(key), value) for key, value in node.items())
        case list():
            yield from ((str(i), value) for i, value in enumerate(node))
