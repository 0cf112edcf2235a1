"""Python source: names, numbers, comments, and lines as the formatter would have them."""

from __future__ import annotations

import io
import math
import textwrap
import tokenize
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from schedlang.emit.code import Brackets, Text, statement
from schedlang.formula import notation

WIDTH = 100
INDENT = "    "


def number(value: float, *, whole: bool = False) -> str:
    """A literal, as short as it can be; with a point or an exponent unless it may be ``whole``."""
    if value == math.pi:
        return "math.pi"
    if value != int(value) or abs(value) >= 1e16:
        return notation.number(value)
    return integer(value) if whole else f"{integer(value)}.0"


def numbers(named: Mapping[str, float]) -> list[str]:
    """Numbers of a row; a count of ticks is whole."""
    return [number(value, whole=name == "ticks") for name, value in named.items()]


def integer(value: float) -> str:
    """A whole number, grouped by thousands where it is long."""
    return f"{int(value):_}" if abs(value) >= 10_000 else str(int(value))


def plain(text: str) -> str:
    """Text in which nothing is left that could end a line or a string, or hide anything."""
    kept = "".join(
        " " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C"
    )
    return " ".join(kept.replace("\\", "/").replace('"', "'").split())


def literal(text: str) -> str:
    """Text as a string literal, whatever is in it."""
    return '"' + text.encode("unicode_escape").decode("ascii").replace('"', r"\x22") + '"'


def comment(text: str, width: int = WIDTH) -> list[str]:
    """The text as comment lines."""
    return textwrap.wrap(
        plain(text),
        width,
        initial_indent="# ",
        subsequent_indent="#   ",
        break_long_words=True,
        break_on_hyphens=False,
    )


def indented(lines: Iterable[str]) -> list[str]:
    """The lines one level deeper."""
    return [f"{INDENT}{line}" if line else line for line in lines]


def row(items: Sequence[str], says: str) -> list[str]:
    """A row of a table, with a comment beside it, or above it where that is long."""
    text, beside = f"({', '.join(items)}),", plain(says)
    room = WIDTH - len(INDENT)
    if len(text) + len("  # ") + len(beside) <= room:
        return [f"{text}  # {beside}"]
    inside = Brackets(None, "()", tuple(map(Text, items)))
    return [*comment(says, room), *statement("", inside, ",", room)]


def docstring(summary: str, paragraphs: Sequence[str], width: int = WIDTH - 4) -> list[str]:
    """A docstring: what it is in a line, then what one should know."""
    first, *more = textwrap.wrap(plain(summary), width - 6, break_on_hyphens=False)
    lines = [f'"""{first}', *more]
    for paragraph in paragraphs:
        lines += ["", *textwrap.wrap(plain(paragraph), width, break_on_hyphens=False)]
    return [f'{lines[0]}"""'] if len(lines) == 1 else [*lines, '"""']


def joined(parts: Sequence[Sequence[str]]) -> str:
    """The parts of a module, two empty lines between them."""
    return "\n\n\n".join("\n".join(part) for part in parts if part) + "\n"


def names(text: str) -> set[str]:
    """The names that source uses outside of comments and strings."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}
