"""Finds schedules in files: at a given key, by the names of keys, or by their content."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from fnmatch import translate
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from schedlang.cli import options
from schedlang.cli.files import ConfigFile, entries, key_of, load, suggestion, value_at
from schedlang.cli.inputs import FILE_SUFFIXES
from schedlang.cli.output import UsageError
from schedlang.errors import ScheduleError
from schedlang.language.validate import is_valid_line
from schedlang.schedule import parse

PLAIN_KEYS = ("schedule", "lr_schedule")
KEYS = (*PLAIN_KEYS, "*_schedule")
"""The keys that have schedules."""
PLAN_SETTINGS = tuple(name for name in options.SETTINGS if name != "lr")
"""Keys of a plan that are not hyperparameters."""
HYPERPARAMETERS = ("lr", "weight_decay", "momentum", "beta1", "beta2", "eps", "values")
"""Keys that identify a mapping as a plan."""
SKIPPED = ("node_modules", "__pycache__", "site-packages")
"""Folders to skip, in addition to hidden ones."""
MOST_SUGGESTIONS = 5

KeyedValue = tuple[Any, str | None]
"""A schedule in a file and its key; the key is None if the whole file is a schedule."""


def files_in(folder: Path) -> Iterator[Path]:
    """The files in a folder that may contain schedules, sorted by name."""
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(n for n in folders if not n.startswith(".") and n not in SKIPPED)
        for name in sorted(names):
            if name.lower().endswith(FILE_SUFFIXES):
                yield Path(where, name)


def by_key(file: ConfigFile, keys: Sequence[str] = ()) -> list[KeyedValue]:
    """The schedules of a file at the usual keys and at keys with these names.

    Raises:
        UsageError: if the file seems to have such a key and is not valid.
    """
    return _by_key(load(file), keys) if _may_have_key(file.text, keys) else []


def chosen(file: ConfigFile, key: str | None, keys: Sequence[str] = ()) -> list[KeyedValue]:
    """The schedules of a given file: at the key, else by the names of keys, else by content.

    Raises:
        UsageError: if the file is empty or not valid, has no such key, or holds no schedule.
    """
    content = load(file)
    if content is None or content == {}:
        raise UsageError(f"{file.name} is empty")
    if key is not None:
        return [(value_at(content, key, file.name), key)]
    if isinstance(content, str) or _is_dict_form(content):
        return [(content, None)]
    found = _by_key(content, keys)
    if found:
        return found
    if _is_whole_plan(content):
        return [(content, None)]
    looking = list(_candidates(content, _seems_a_schedule))
    if len(looking) > 1:
        raise several(file.name, [path for path, _ in looking])
    if not looking:
        advice = "give its key, such as --key train.lr_schedule"
        raise UsageError(f"{file.name} contains nothing that looks like a schedule; {advice}")
    return [(value, key_of(path)) for path, value in looking]


def several(name: str, paths: Sequence[Sequence[str]]) -> UsageError:
    """The error for a file with several schedules if one is needed."""
    keys = [suggestion(path) for path in islice(paths, MOST_SUGGESTIONS)]
    if len(paths) > MOST_SUGGESTIONS:
        keys.append(f"{len(paths) - MOST_SUGGESTIONS} more")
    return UsageError(f"{name} contains several schedules; choose one: {' or '.join(keys)}")


def _by_key(content: Any, keys: Sequence[str]) -> list[KeyedValue]:
    def has_its_key(path: tuple[str, ...], value: Any) -> bool:
        return bool(path) and _is_schedule_at(path, value, keys)

    if _is_dict_form(content) and any(
        isinstance(s, dict) and "kind" in s for s in content["stages"]
    ):
        return [(content, None)]
    return [(value, key_of(path)) for path, value in _candidates(content, has_its_key)]


def _is_schedule_at(path: tuple[str, ...], value: Any, keys: Sequence[str]) -> bool:
    """Whether a value is taken as a schedule or a plan because of its key.

    A text with a placeholder ``${…}`` or ``{{…}}``, or a plan with one, is not. A single word at a
    key of the form ``*_schedule`` may be a setting of another program (``beta_schedule: linear``),
    unless it is a valid schedule.
    """
    if not _matches(path, (*KEYS, *keys)):
        return False
    own = _matches(path, (*PLAIN_KEYS, *keys))
    if not isinstance(value, str):
        return _is_dict_form(value) or _is_plan(value)
    if _is_template(value):
        return False
    return own or " " in value.strip() or is_valid_line(value)


def _matches(path: tuple[str, ...], keys: tuple[str, ...]) -> bool:
    names, whole = _patterns(keys)
    if names.match(path[-1]):
        return True
    return whole is not None and whole.match(key_of(path)) is not None


@lru_cache
def _patterns(keys: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str] | None]:
    """The patterns for the last name of a key, and for a whole key."""
    dotted = [key for key in keys if "." in key]
    either = ("|".join(map(translate, each)) for each in (keys, dotted))
    names, whole = map(re.compile, either)
    return names, whole if dotted else None


def _may_have_key(text: str, keys: Sequence[str]) -> bool:
    """Whether a text contains the letters of a key; most files need not be parsed."""
    words = ("schedule", "stages", *(re.sub(r".*[.*?\]]", "", key) for key in keys))
    return any(word in text for word in words)


def _candidates(
    content: Any, is_one: Callable[[tuple[str, ...], Any], bool]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The values that are schedules, with their paths; aliased values are found once."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), content)]
    seen: set[int] = set()
    while waiting:
        path, node = waiting.pop()
        if not isinstance(node, str | dict | list) or id(node) in seen:
            continue
        if is_one(path, node):
            seen.add(id(node))
            yield path, node
        elif not isinstance(node, str):
            seen.add(id(node))
            waiting += reversed([((*path, key), value) for key, value in entries(node)])


def _is_dict_form(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("stages"), list)


def _is_plan(value: Any) -> bool:
    """Whether a mapping is a plan, and not a setting of another program.

    It is if it has a line at a usual hyperparameter or in `values`, or, at any other key, a text of
    several words that is a line.
    """
    if not isinstance(value, dict) or any(map(_is_template, _texts(value))):
        return False
    return any(
        any(" " in text.strip() or is_valid_line(text) for text in _texts({key: inside}))
        if key in HYPERPARAMETERS
        else isinstance(inside, str)
        and " " in inside.strip()
        and not _matches((str(key),), KEYS)
        and _seems_a_schedule((), inside)
        for key, inside in value.items()
        if key not in PLAN_SETTINGS
    )


def _is_whole_plan(content: Any) -> bool:
    """Whether a file as a whole is a plan: with more than one line, and only at usual keys."""
    if not _is_plan(content) or not {*content} <= {*PLAN_SETTINGS, *HYPERPARAMETERS}:
        return False
    return len(content) > 1 or any(isinstance(value, dict) for value in content.values())


def _texts(plan: dict[Any, Any]) -> Iterator[str]:
    """The texts in a plan, including those by group."""
    for value in plan.values():
        inside = value.values() if isinstance(value, dict) else [value]
        yield from (each for each in inside if isinstance(each, str))


def _is_template(text: str) -> bool:
    return "${" in text or "{{" in text


def _seems_a_schedule(_path: tuple[str, ...], value: Any) -> bool:
    """Whether a value is a schedule, possibly with a mistake, and not some other word."""
    if not isinstance(value, str):
        return _is_dict_form(value)
    try:
        parse(value)
    except ScheduleError as error:
        codes = {mistake.code for mistake in error.mistakes}
        phases = " " in value and not codes & {"syntax", "unknown-phase", "too-long", "too-deep"}
        return phases or "->" in value
    return True
