"""Mistakes in schedules, with a code, a place and advice; `ScheduleError`."""

from __future__ import annotations

import sys
import warnings
from argparse import ArgumentTypeError
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, NoReturn, Protocol, TypeAlias, get_args

MistakeCode: TypeAlias = Literal[
    "absolute-in-product", "after-endless", "ambiguous-ticks", "bad-mark", "bad-number",
    "base-differs", "conflicting-settings", "decay-rises", "does-not-apply", "double-argument",
    "empty", "groups", "missing-argument", "missing-setting", "mixed-units", "no-base",
    "no-duration", "not-finite", "not-whole", "out-of-order", "out-of-range", "overflow",
    "plateau-not-last", "repeat-differs", "rest", "syntax", "too-deep", "too-long",
    "total-exceeded",
    "unknown-argument", "unknown-name", "unknown-phase", "unknown-setting", "unknown-unit",
    "unknown-value", "warmup-falls", "wrong-type", "zero-level",
]  # fmt: skip
CODES: tuple[MistakeCode, ...] = get_args(MistakeCode)

MOST_SHOWN = 100
"""The maximum number of mistakes in a message; a text can have a million."""

Path: TypeAlias = tuple[str | int, ...]
"""A path in the dict form: ``("stages", 1, "min")``."""


class Span(NamedTuple):
    """A range of the text: ``text[begin:end]``."""

    begin: int
    end: int


class Mistake(NamedTuple):
    """One mistake: what is wrong, where, and what to do about it.

    Attributes:
        code: the kind of mistake, which has a heading in the documentation.
        message: what is wrong.
        advice: what to do about it, or empty.
        path: the node and, if it is one of its arguments, the argument.
        span: the place in the text, of the node as a rule; None for the dict form.
        place: in a plan, the key of the line: ``lr.backbone*``.
        text: in a plan, the line, into which the span points.
    """

    code: MistakeCode
    message: str
    advice: str = ""
    path: Path = ()
    span: Span | None = None
    place: str = ""
    text: str | None = None

    def under(self, path: Path) -> Mistake:
        """The mistake with a prefix added to its path."""
        return self._replace(path=(*path, *self.path))

    def render(self, text: str | None) -> str:
        """The mistake with its marker under the text, or with its path where there is no text."""
        text = text if self.text is None else self.text
        return marked(f"error[{self.code}]: {self.message}", self, text, self.place)


class Marked(Protocol):
    """A message with advice and a place in a text."""

    @property
    def advice(self) -> str: ...
    @property
    def path(self) -> Path: ...
    @property
    def span(self) -> Span | None: ...


def marked(head: str, what: Marked, text: str | None, place: str = "") -> str:
    """A message with its marker under the text, or with its path where there is no text."""
    if text is None or what.span is None:
        where = place + (f".{_dotted(what.path)}" if what.path else "")
        at = f"\n  at {where.removeprefix('.')}" if where else ""
        return head + at + (f"\n  {what.advice}" if what.advice else "")
    head += f"\n  at {place}" if place else ""
    number, line, marker = _mark(text, what.span)
    gutter = " " * len(number)
    return f"{head}\n{gutter} |\n{number} | {line}\n{gutter} | {marker} {what.advice}".rstrip()


class ScheduleError(ValueError, ArgumentTypeError):
    """Everything that is wrong with a schedule, in the order of its text.

    It is argparse's error too, so that a parser with ``type=schedlang.Schedule`` prints it whole.

    Attributes:
        mistakes: one `Mistake` each, with ``code``, ``message``, ``advice``, ``path`` and ``span``.
        text: the text that the spans point into, or None for the dict form.
    """

    def __init__(self, mistakes: Iterable[Mistake], text: str | None = None) -> None:
        self.mistakes: tuple[Mistake, ...] = tuple(_in_order(dict.fromkeys(mistakes)))
        self.text = text
        shown = [mistake.render(text) for mistake in self.mistakes[:MOST_SHOWN]]
        if len(self.mistakes) > MOST_SHOWN:
            shown.append(f"and {len(self.mistakes) - MOST_SHOWN:,} more")
        super().__init__("\n\n".join(shown))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.mistakes, self.text)

    def under(self, path: Path) -> list[Mistake]:
        """The mistakes with a prefix added to their paths."""
        return [mistake.under(path) for mistake in self.mistakes]


def refuse(code: MistakeCode, message: str, advice: str = "", argument: str = "") -> NoReturn:
    """Raise a mistake of a node, or of one of its arguments.

    Raises:
        ScheduleError: with this mistake; its path is relative to the node.
    """
    raise ScheduleError([Mistake(code, message, advice, (argument,) if argument else ())])


class ScheduleWarning(UserWarning):
    """A schedule that is valid but probably not what was intended."""


def warn(message: str) -> None:
    """Issue a `ScheduleWarning` that points at the innermost caller outside this package."""
    own = __name__.partition(".")[0]
    frame = sys._getframe(1)  # noqa: SLF001  # documented; `inspect` has it too, and loads slowly
    level = 2
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == own:
        frame, level = frame.f_back, level + 1
    warnings.warn(ScheduleWarning(message), stacklevel=level)


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """The advice for a misspelt name: the nearest one, or all of them."""
    import difflib  # only an error needs it

    choices = sorted(names)
    close = difflib.get_close_matches(name[:40].lower(), choices, n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"known: {', '.join(choices)}" if choices else ""


def quoted(value: object) -> str:
    """The value between backticks, short enough for a line."""
    try:
        text = _visible(str(value))
    except ValueError:  # an integer of more digits than Python prints
        text = type(value).__name__
    return f"`{text if len(text) <= 40 else text[:39] + '…'}`"


def _in_order(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """The mistakes in the order of the text; those of a plan line by line, in the order found."""
    mistakes = list(mistakes)
    lines = list(dict.fromkeys(mistake.place for mistake in mistakes))
    return sorted(mistakes, key=lambda each: (lines.index(each.place), each.span or (0, 0)))


def _dotted(path: Sequence[str | int]) -> str:
    dotted = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return dotted.strip(".=")  # the place of a name ends in `=`


def _mark(text: str, span: Span, width: int = 76) -> tuple[str, str, str]:
    """The line's number, the line (cut if long), and carets under the span."""
    begin = min(span.begin, len(text))
    first = text.rfind("\n", 0, begin) + 1
    last = text.find("\n", begin)
    line = text[first : last if last >= 0 else len(text)].rstrip("\r")
    column = min(begin - first, len(line))
    length = max(1, min(span.end - begin, len(line) - column))
    cut = max(0, column - width // 2) if len(line) > width else 0
    shown = line[cut : cut + width]
    length = max(1, min(length, len(shown) - (column - cut)))
    before = _visible(("…" if cut else "") + shown[: column - cut])
    after = _visible(shown[column - cut :] + ("…" if cut + width < len(line) else ""))
    blank = "\t".join(" " * _columns(part) for part in before.split("\t"))
    carets = "^" * max(1, _columns(after[:length]))
    number = str(text.count("\n", 0, first) + 1)
    return number, before + after, blank + carets


def _columns(text: str) -> int:
    """The width of the text on a terminal, in columns."""
    if text.isascii():
        return len(text)
    import unicodedata  # only an error needs these two

    from rich.cells import cell_len

    # Composed, since older releases of rich count each character of a decomposed Korean syllable.
    return cell_len(unicodedata.normalize("NFC", text))


def _visible(text: str) -> str:
    """The line without characters that would hide or reorder it."""
    return "".join(char if char == "\t" or char.isprintable() else "\ufffd" for char in text)
