"""YAML, TOML and JSON files: their values, and the keys that lead to one."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from schedlang.cli.output import Misuse
from schedlang.errors import ScheduleError, nearest, quoted
from schedlang.schedule import Schedule

MOST_SUGGESTIONS = 5


def read(path: Path) -> str:
    """The text of a file, with its line ends, without a byte-order mark.

    Raises:
        Misuse: if it cannot be read, or is not UTF-8.
    """
    try:
        return decoded(path.read_bytes(), str(path))
    except OSError as error:
        raise Misuse(f"cannot read {path}: {error.strerror}") from None


def load(text: str, suffix: str, name: str) -> Any:
    """The values of a YAML, TOML or JSON text; several documents of YAML are a list.

    Raises:
        Misuse: if it is empty or not valid.
    """
    try:
        content = _parsed(text, suffix) if text.strip() else None
    except (ValueError, RecursionError) as error:
        kind = suffix.removeprefix(".")
        raise Misuse(f"{name} is not valid {kind}: {error}") from None
    if content is None or content == {}:
        raise Misuse(f"{name} is empty")
    return content


def _parsed(text: str, suffix: str) -> Any:
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

            found = [document for document in documents(text) if document is not None]
            return found if len(found) > 1 else next(iter(found), None)


def decoded(data: bytes, name: str) -> str:
    """The text of bytes in UTF-8, without a byte-order mark.

    Raises:
        Misuse: if they are something else.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Misuse(f"{name} is not UTF-8 text") from None


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
        Misuse: if it is no such key.
    """
    steps: list[str] = []
    position = 0
    while position < len(key) or not steps:
        match = _STEP.match(key, position)
        if match is None or key.startswith("."):
            message = 'write it as in train.lr, runs[0].lr or ["a.b"].lr'
            raise Misuse(f"--key: {quoted(key)} is no key; {message}")
        double = match["double"]
        steps.append(json.loads(double) if double else next(filter(None, match.groups()), ""))
        position = match.end()
    return steps


def key_of(path: Sequence[str | int]) -> str:
    """The key whose steps these are: names with dots and the like are in quotes and brackets."""
    steps = map(str, path)
    return "".join(
        f".{step}" if re.fullmatch(r"\w[\w-]*", step) else f"[{json.dumps(step)}]" for step in steps
    ).removeprefix(".")


def suggestion(path: Sequence[str | int]) -> str:
    """The option as it can be typed in a shell."""
    return f"--key {shlex.quote(key_of(path))}"


def value_at(content: Any, key: str, name: str) -> Any:
    """The value at a key of the content of a file.

    Raises:
        Misuse: if there is none.
    """
    node, steps = content, steps_of(key)
    for i, step in enumerate(steps):
        choices = dict(entries(node))
        if step not in choices:
            where = quoted(key_of(steps[:i])) if i else name
            raise Misuse(f"{where} has no {quoted(step)}: {_nearest(steps[i:], choices)}")
        node = choices[step]
    return node


def _nearest(steps: list[str], choices: Iterable[str]) -> str:
    known = [key_of([choice]) for choice in choices]
    if not known:
        return "nothing is inside it"
    # `optim.lr` may be one name with a dot in it.
    advice = (nearest(key_of(typed), known) for typed in (steps[:1], steps))
    return next((each for each in advice if each.startswith("did")), nearest("", known))


def entries(node: Any) -> Iterator[tuple[str, Any]]:
    """The values inside a mapping or a list, by the name that a key has for them."""
    match node:
        case dict():
            yield from ((str(key), value) for key, value in node.items())
        case list():
            yield from ((str(i), value) for i, value in enumerate(node))


def chosen(content: Any, key: str | None, name: str) -> tuple[Any, str | None]:
    """The schedule of a file and its key.

    Raises:
        Misuse: if there is no such key, or if it is not clear which value is the schedule.
    """
    if key is not None:
        return value_at(content, key, name), key
    if isinstance(content, str) or _is_dict_form(content):
        return content, None
    found = list(_candidates(content))
    match found:
        case [(path, value)]:
            return value, key_of(path)
        case []:
            advice = "name its place, such as --key train.lr_schedule"
            raise Misuse(f"{name} holds nothing that looks like a schedule; {advice}")
        case _:
            keys = [suggestion(path) for path, _ in islice(found, MOST_SUGGESTIONS)]
            if len(found) > MOST_SUGGESTIONS:
                keys.append(f"{len(found) - MOST_SUGGESTIONS} more")
            raise Misuse(f"{name} holds several schedules; choose one: {' or '.join(keys)}")


def _is_dict_form(value: Any) -> bool:
    return isinstance(value, dict) and "stages" in value


def _candidates(content: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What seems a schedule, with its path; what aliases of YAML repeat is looked at once."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), content)]
    seen: set[int] = set()
    while waiting:
        path, node = waiting.pop()
        if _is_dict_form(node) or (isinstance(node, str) and _seems_a_schedule(node)):
            yield path, node
        elif id(node) not in seen:
            seen.add(id(node))
            waiting += reversed([((*path, key), value) for key, value in entries(node)])


def _seems_a_schedule(text: str) -> bool:
    """Whether this is a schedule, or one with a mistake; not a word that means something else."""
    try:
        Schedule.model_validate(text)
    except ScheduleError as error:
        codes = {mistake.code for mistake in error.mistakes}
        phases = " " in text and not codes & {"syntax", "unknown-phase", "too-long", "too-deep"}
        return phases or "->" in text
    return True
