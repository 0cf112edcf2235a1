"""How `fmt --write` changes one line in a file and leaves every other character as it is.

The place is found by trying: each string of the file that has the old value is replaced in turn,
and the one is kept after which the file has the same content but for that value. So whatever is
unusual in a file (aliases, merged or repeated keys) can only lead to a refusal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from schedlang.cli.files import entries, load
from schedlang.cli.output import Misuse


def rewritten(text: str, suffix: str, path: Sequence[str], old: str, new: str) -> str | None:
    """The text of a file with a new string in place of an old one; None if that cannot be done.

    Args:
        text: the file's text.
        suffix: what kind of file it is.
        path: the names and indexes that lead to the string.
        old: the string there.
        new: another one for its place, on a single line.
    """
    content = load(text, suffix, "")
    for begin, end, value, style in _strings(text, suffix):
        if value != old:
            continue
        changed = text[:begin] + _spelled(new, text[begin:end], style) + text[end:]
        try:
            differing = list(islice(_differences(content, load(changed, suffix, "")), 2))
        except (Misuse, RecursionError):
            continue
        if [place for place, _ in differing] == [tuple(path)] and differing[0][1] == new:
            return changed
    return None


def _strings(text: str, suffix: str) -> Iterator[tuple[int, int, str, str]]:
    """The strings of a file: begin, end, value, and the sign with which each begins."""
    match suffix:
        case ".json":
            for match in re.finditer(r'"(?:[^"\\]|\\.)*"', text):
                yield *match.span(), json.loads(match[0]), '"'
        case ".toml":
            for match in _TOML.finditer(text):
                if style := match["basic"] or match["literal"]:
                    yield *match.span(), load(f"s={match[0]}", suffix, "")["s"], style
        case _:
            from schedlang.cli.yaml import scalars

            yield from scalars(text)


_TOML = re.compile(
    r"""\#[^\n]*
      | (?P<basic> \"{3} | ") (?:[^\\]|\\.)*? (?P=basic)
      | (?P<literal> '{3} | ') .*? (?P=literal)""",
    re.VERBOSE | re.DOTALL,
)
"""Comments and strings, so that neither is found inside the other."""


def _spelled(new: str, old: str, style: str) -> str:
    """A string as the file writes the old one: with the same quotes, in the same kind of block."""
    match style:
        case "|" | ">":
            header, line_end, body = re.split(r"(\r?\n)", old, maxsplit=1)
            indent = re.match(r"\s*?(?P<indent>[ ]*)\S", body)
            ends = body[len(body.rstrip()) :]
            return f"{header}{line_end}{indent['indent'] if indent else ''}{new}{ends}"
        case '"' | '"""':
            return style + json.dumps(new, ensure_ascii=False)[1:-1] + style
        case _:
            return style + new + style


def _differences(
    old: Any,
    new: Any,
    path: tuple[str, ...] = (),
    same: set[tuple[int, int]] | None = None,
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Where two contents differ, with the new value there.

    What an alias repeats is looked at once if it is the same, so that neither a loop nor a mapping
    that repeats itself a million times takes long.
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
