"""Replaces a line in a file for `fmt --write`, without changing any other character.

The new string replaces the old one, and the text is parsed again: if the content differs in more
than that string, the change is rejected. So unusual constructs in a file (aliases, merged or
repeated keys) can only lead to a rejection.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from schedlang.cli.files import ConfigFile, entries, parsed
from schedlang.cli.places import span_of, style_of


def rewritten(file: ConfigFile, path: Sequence[str], new: str) -> str | None:
    """The text of a file with another string at a path; None if that is not possible.

    Args:
        file: the file.
        path: the names and indexes that lead to the string.
        new: the new string, on a single line.
    """
    span = span_of(file, path)
    if span is None:
        return None
    text, (begin, end) = file.text, span
    changed = text[:begin] + _spelled(new, text[begin:end], file.suffix) + text[end:]
    try:
        contents = parsed(text, file.suffix), parsed(changed, file.suffix)
        differing = list(islice(_differences(*contents), 2))
    except (ValueError, RecursionError):
        return None
    if [place for place, _ in differing] == [tuple(path)] and differing[0][1] == new:
        return changed
    return None


def _spelled(new: str, old: str, suffix: str) -> str:
    """The new string with the quotes or the kind of block of the old one."""
    match style_of(old, suffix):
        case "|" | ">":
            header, line_end, body = re.split(r"(\r?\n)", old, maxsplit=1)
            indent = re.match(r"\s*?(?P<indent>[ ]*)\S", body)
            ends = body[len(body.rstrip()) :]
            return f"{header}{line_end}{indent['indent'] if indent else ''}{new}{ends}"
        case '"' | '"""' as style:
            return style + json.dumps(new, ensure_ascii=False)[1:-1] + style
        case style:
            return style + new + style


def _differences(
    old: Any,
    new: Any,
    path: tuple[str, ...] = (),
    same: set[tuple[int, int]] | None = None,
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The paths at which two contents differ, with the new values.

    Equal values that an alias repeats are compared once, so that a loop or a million repetitions do
    not take long.
    """
    same = set() if same is None else same
    if (id(old), id(new)) in same:
        return
    inside, others = dict(entries(old)), dict(entries(new))
    if type(old) is not type(new) or inside.keys() != others.keys():
        yield path, new
    elif isinstance(old, dict | list):
        same.add((id(old), id(new)))
        for name, value in inside.items():
            for difference in _differences(value, others[name], (*path, name), same):
                same.discard((id(old), id(new)))
                yield difference
    elif old != new and (old == old or new == new):  # a NaN differs from itself
        yield path, new.strip() if isinstance(new, str) else new
