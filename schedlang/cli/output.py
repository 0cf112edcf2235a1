"""Output: results on standard output, messages in colour on standard error."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

EXIT_BROKEN_PIPE = 141
"""The exit status that a shell reports for a program ended by SIGPIPE."""


class UsageError(Exception):
    """The command cannot be carried out as it was given: exit status 2.

    Attributes:
        place: the line and column of the cause in the file; may be empty.
    """

    def __init__(self, message: str, place: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.place = place


class InvalidSchedule(Exception):  # noqa: N818  # its message has been printed
    """A schedule is wrong: exit status 1."""


def write_stdout(text: str) -> None:
    """Print an answer.

    Raises:
        UsageError: if standard output takes no more.
        SystemExit: if it is a pipe that is no longer read (``| head``), which needs no message.
    """
    if sys.stdout is None:
        raise UsageError("cannot write the output: it is closed")
    try:
        print(encodable(text, sys.stdout), flush=True)  # noqa: T201  # a command's answer
    except OSError as error:
        _discard_the_rest()
        if isinstance(error, BrokenPipeError):
            raise SystemExit(EXIT_BROKEN_PIPE) from None
        raise UsageError(f"cannot write the output: {error.strerror}") from None


def write_stderr(text: str) -> None:
    """Print on standard error, in colour if it is a terminal and NO_COLOR is not set."""
    if sys.stderr is None:
        return
    text = encodable(text, sys.stderr)
    with suppress(OSError):  # standard error is closed
        if sys.stderr.isatty() or os.environ.get("FORCE_COLOR"):
            _in_colours(text)
        else:
            print(text, file=sys.stderr, flush=True)  # noqa: T201  # a message


def console(**options: Any) -> Console:
    """A rich console on standard output or standard error."""
    from rich.console import Console

    # rich keeps bold text under NO_COLOR.
    plain = bool(os.environ.get("NO_COLOR"))
    return Console(color_system=None if plain else "auto", highlight=False, **options)


def _in_colours(text: str) -> None:
    from rich.text import Text

    from schedlang.cli.links import codes_in, has_links

    message = Text(text)
    message.highlight_regex(r"(?m)^(\S.*?: )?error(\[[a-z-]+\])?:.*$", "bold")
    for match in re.finditer(r"(?m)^(?:\S.*?: )?(error(?:\[[a-z-]+\])?):", text):
        message.stylize("bold red", *match.span(1))
    message.highlight_regex(r"(?m)^(.*: )?warning(\[[a-z-]+\])?:", "bold yellow")
    message.highlight_regex(r"(?m)^ *\d* \|", "blue")
    message.highlight_regex(r"(?m)(?<=\| ) *\^+.*$", "bold red")
    if has_links(os.environ):
        for begin, end, page in codes_in(text):
            message.stylize(f"link {page}", begin, end)
    console(stderr=True, soft_wrap=True).print(message)


def _discard_the_rest() -> None:
    """Discard buffered output; otherwise Python prints an error when it exits."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# ── ASCII ────────────────────────────────────────────────────────────────────────────────────────


def _dots(cell: int) -> str:
    """The ASCII replacement of a braille cell of plotext: its upper half, lower half, or both."""
    upper, lower = cell & 0b00011011, cell & 0b11100100
    return ":" if upper and lower else "'" if upper else "." if lower else " "


ASCII = {
    **{0x2800 + cell: _dots(cell) for cell in range(256)},
    **dict.fromkeys(map(ord, "┌┐└┘├┤┬┴┼"), "+"),
    **{ord(sign): plain for sign, plain in {"─": "-", "│": "|", "→": "->", "…": "..."}.items()},
}
"""ASCII replacements for the characters of tables and plots."""


def has_box_characters(stream: TextIO) -> bool:
    """Whether the stream's encoding supports the characters of tables and plots."""
    sample = "─→…⠉"
    return encodable(sample, stream) == sample


def encodable(text: str, stream: TextIO) -> str:
    """The text with characters that the stream's encoding lacks replaced."""
    encoding = stream.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(ASCII).encode(encoding, "replace").decode(encoding)
    return text
