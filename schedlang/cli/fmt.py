"""`fmt`: the canonical text of schedules, printed or written to their files."""

from __future__ import annotations

import argparse
import re

from schedlang.cli.inputs import STDIN, Input, expanded, find_all
from schedlang.cli.output import InvalidSchedule, UsageError, write_stderr, write_stdout
from schedlang.cli.project import project
from schedlang.cli.shared import reported
from schedlang.errors import quoted


def fmt(options: argparse.Namespace) -> int:
    """Print the canonical text of each schedule, or check or rewrite the files."""
    keys = project().keys
    status = 0
    for name, by_key in expanded(options.schedules, by_key=options.by_key):
        try:
            _refuse_to_write(name, options)
            inputs = find_all(name, options.key, keys, by_key=by_key)
        except UsageError as error:
            write_stderr(f"error: {error}")
            status = 2
            continue
        for found in inputs:
            status = max(status, _formatted_or_not(found, options))
    return status


def _refuse_to_write(name: str, options: argparse.Namespace) -> None:
    if options.write and name == STDIN:
        raise UsageError("--write changes a file, not standard input")


def _formatted_or_not(found: Input, options: argparse.Namespace) -> int:
    try:
        return _formatted(found, options)
    except InvalidSchedule:
        return 1
    except UsageError as error:
        write_stderr(f"error: {error}")
        return 2


def _formatted(found: Input, options: argparse.Namespace) -> int:
    if options.write and (found.file is None or not found.file.name):
        what = "plan" if found.is_plan else "line"
        raise UsageError(f"--write changes a file, not the {what} {quoted(found.argument)}")
    with reported(found):
        if (space := found.space()) is not None:
            canonical, lines = str(space).strip(), []
        elif found.is_plan:
            plan = found.plan()
            lines = [(part, str(line.schedule)) for line, part in found.lines_of(plan)]
            canonical = str(plan).rstrip()
        else:
            canonical = str(found.schedule())
            lines = [(found, canonical)]
    if not (options.check or options.write):
        write_stdout(canonical)
        return 0
    return max((_compared_or_written(each, text, options) for each, text in lines), default=0)


def _compared_or_written(found: Input, canonical: str, options: argparse.Namespace) -> int:
    """Compare a line with its canonical text, or rewrite it in its file."""
    prefix = f"{found.place}: " if found.place else ""
    if found.text is None:
        if not options.quiet:
            write_stdout(f"{prefix}left as it is: only a line of text has a canonical form")
        return 0
    if _without_comments(found.text).strip() == canonical:
        return 0
    if options.write:
        try:
            _write(found, canonical)
        except UsageError as error:
            write_stderr(f"error: {error}")
            return 2
    if not options.quiet:
        write_stdout(f"{prefix}{'changed to' if options.write else 'would become'}: {canonical}")
    return 0 if options.write else 1


def _write(found: Input, canonical: str) -> None:
    """Replace the line in the file by its canonical text."""
    assert found.file is not None
    assert found.file.path is not None
    assert found.text is not None
    by_hand = f"write {quoted(canonical)} by hand"
    if _without_comments(found.text) != found.text:
        lost = "has a comment inside the line, which would be lost"
        raise UsageError(f"{found.place}: {lost}; {by_hand}")
    from schedlang.cli.files import read_file
    from schedlang.cli.rewrite import rewritten

    path = found.file.path
    now = read_file(path)  # another of its schedules may have been changed
    changed = rewritten(now, found.steps, canonical)
    if changed is None:
        why = "an alias repeats it, or it is written in an unusual way"
        raise UsageError(f"{found.place}: cannot be changed on its own ({why}); {by_hand}")
    try:
        mark = "\ufeff" if path.read_bytes().startswith(b"\xef\xbb\xbf") else ""
        path.write_bytes((mark + changed).encode())
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None


def _without_comments(line: str) -> str:
    return re.sub(r"#[^\n]*", "", line)
