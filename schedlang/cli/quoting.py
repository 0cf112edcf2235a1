"""Detects a line that was typed without quotes, and shows how to quote it."""

from __future__ import annotations

import argparse
import os
import shlex
import stat
import sys
from contextlib import suppress
from pathlib import Path

from schedlang.cli.inputs import FILE_SUFFIXES
from schedlang.cli.options import MULTI_INPUT_COMMANDS
from schedlang.cli.output import UsageError
from schedlang.language.validate import is_valid_line


def refuse_a_line_without_quotes(options: argparse.Namespace) -> None:
    """Raise `UsageError` if the arguments are the words of one line, or too many."""
    words: list[str] = options.schedules
    command = options.command
    if not _are_words_of_a_line(words, several=command in MULTI_INPUT_COMMANDS):
        if command in MULTI_INPUT_COMMANDS:
            return
        raise UsageError(f"`{command}` takes one schedule, not {len(words)}")
    target = f"{options.target} " if command == "emit" else ""
    file = _file_of_output()
    if file is None or "-" not in words:
        line = " ".join(words)
        raise UsageError(f"put the line in quotes: schedlang {command} {target}{_quoted(line)}")
    # `-> cosine` is a dash and a redirection to a file `cosine`. The output goes to the last one;
    # the earlier names are lost.
    arrows = [i for i, word in enumerate(words) if word == "-"]
    line = " ".join(
        word if i not in arrows else f"-> {file if i == arrows[-1] else '…'}"
        for i, word in enumerate(words)
    )
    raise UsageError(
        f"put the line in quotes, or the shell writes the output to a file: `{file}`\n"
        f"  schedlang {command} {target}{_quoted(line)}"
    )


def _are_words_of_a_line(words: list[str], *, several: bool) -> bool:
    if any(Path(word).suffix.lower() in FILE_SUFFIXES or word.endswith("/") for word in words):
        return False
    if not several:
        return not all(" " in word for word in words)
    # No line begins with a digit; a dash is standard input only next to lines and files.
    if any(word[:1].isdigit() for word in words):
        return True
    return not all(map(is_valid_line, words)) and is_valid_line(" ".join(words))


def _file_of_output() -> str | None:
    """The name of the file that standard output goes to; `…` if it is not known."""
    try:
        descriptor = sys.stdout.fileno()
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
    except (OSError, ValueError, AttributeError):
        return None
    with suppress(OSError):  # some systems have no /proc
        return Path(f"/proc/self/fd/{descriptor}").readlink().name
    return "…"


def _quoted(line: str) -> str:
    return shlex.quote(line) if set(line) & set('"$`\\!') else f'"{line}"'
