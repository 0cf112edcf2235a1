"""The commands: what each does with its options."""

from __future__ import annotations

import argparse
import io
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from schedlang.cli.advice import naming_options, option, with_options
from schedlang.cli.inputs import STDIN, Input, find
from schedlang.cli.options import SETTINGS
from schedlang.cli.output import Misuse, complain, console, has_box_characters, put
from schedlang.errors import Mistake, ScheduleError, ScheduleWarning, Span, quoted
from schedlang.errors import Path as TreePath
from schedlang.language.tree import Settings
from schedlang.language.validate import translate
from schedlang.program.binding import bind

if TYPE_CHECKING:
    from schedlang.program.program import Program
    from schedlang.schedule import Schedule


class Wrong(Exception):  # noqa: N818  # not an error of the program: its message has been printed
    """A schedule is wrong: exit status 1."""


def run(options: argparse.Namespace) -> int:
    """Run a command; the exit status."""
    if len(options.schedules) > 1:
        from schedlang.cli.quoting import refuse_a_line_without_quotes

        refuse_a_line_without_quotes(options)
    command: Callable[[argparse.Namespace], int] = {
        "check": check, "show": show, "plot": plot, "emit": emit, "fmt": fmt, "space": space,
    }[options.command]  # fmt: skip
    try:
        return command(options)
    except Wrong:
        return 1


# ── check ────────────────────────────────────────────────────────────────────────────────────────


class Report(NamedTuple):
    """What `check` has found out about one argument.

    Attributes:
        argument: the argument.
        place: the file and the key; empty for a line.
        key: where in the file the schedule is, if there.
        text: the canonical text, unless something is wrong.
        open: the settings that are needed and not set, a mistake each.
        errors: the mistakes.
        message: the errors as they are printed.
        warnings: the warnings.
        status: 0, 1 if the schedule is wrong, 2 if there is none.
    """

    argument: str
    place: str = ""
    key: str | None = None
    text: str | None = None
    open: tuple[Mistake, ...] = ()
    errors: tuple[Mistake, ...] = ()
    message: str = ""
    warnings: tuple[str, ...] = ()
    status: int = 0

    @property
    def prefix(self) -> str:
        return f"{self.place}: " if self.place else ""

    def as_json(self) -> dict[str, Any]:
        errors = [_mistake_as_json(mistake) for mistake in self.errors]
        if self.status == 2:
            errors = [_error_as_json("unreadable", self.message)]
        return {
            "input": self.argument,
            "key": self.key,
            "ok": self.status == 0,
            "text": self.text,
            "open": [_mistake_as_json(mistake) for mistake in self.open],
            "errors": errors,
            "warnings": list(self.warnings),
        }


def check(options: argparse.Namespace) -> int:
    """Report what is wrong with each schedule."""
    given = _settings(options)
    reports = []
    for argument in options.schedules:
        report = _examined(argument, options.key, given)
        reports.append(report)
        if not options.json:
            _print(report, quiet=options.quiet)
    if options.json:
        _put_json([report.as_json() for report in reports])
    return max(report.status for report in reports)


def _examined(argument: str, key: str | None, given: dict[str, Any]) -> Report:
    try:
        found = find(argument, key).with_clock(given.get("clock"))
    except Misuse as error:
        return Report(argument, message=str(error), status=2)
    report = Report(argument, found.place, found.key)
    with _warnings() as caught:
        try:
            schedule = found.schedule()
            still_open = _still_open(schedule, found, given)
        except ScheduleError as error:
            named = naming_options(error, found)
            return report._replace(errors=named.mistakes, message=str(named), status=1)
    texts = tuple(str(warning.message) for warning in caught)
    return report._replace(text=str(schedule), open=still_open, warnings=texts)


def _still_open(schedule: Schedule, found: Input, given: dict[str, Any]) -> tuple[Mistake, ...]:
    """The settings that a schedule still needs.

    Raises:
        ScheduleError: with everything that is wrong whatever is set later.
    """
    try:
        bind(schedule, given, found.text, symbolic=True)
    except ScheduleError as error:
        needs = [mistake for mistake in error.mistakes if mistake.code == "missing-setting"]
        if not needs:
            raise
        return naming_options(ScheduleError(needs, found.text), found).mistakes
    return ()


def _print(report: Report, *, quiet: bool) -> None:
    if report.status == 2:
        complain(f"error: {report.message}")
    elif report.status == 1:
        complain(f"{report.place}\n{report.message}" if report.place else report.message)
    elif not quiet:
        put(f"{report.prefix}fine: {report.text}")
        for need in dict.fromkeys(f"{need.message}: {need.advice}" for need in report.open):
            put(f"  still open: {need}")
    if not quiet:
        for warning in report.warnings:
            complain(f"{report.prefix}warning: {warning}")


def _mistake_as_json(mistake: Mistake) -> dict[str, Any]:
    return _error_as_json(*mistake)


def _error_as_json(
    code: str, message: str, advice: str = "", path: TreePath = (), span: Span | None = None
) -> dict[str, Any]:
    return {
        "code": code,
        "message": message,
        "advice": advice,
        "path": list(path),
        "span": None if span is None else list(span),
    }


# ── show, plot, emit ─────────────────────────────────────────────────────────────────────────────


def show(options: argparse.Namespace) -> int:
    """Print the phases as a table."""
    found, program = _bound(options)
    from schedlang.cli import table

    if options.json:
        where = {"input": found.argument, "key": found.key}
        _put_json({**where, **table.as_json(program)})
        return 0
    # A pipe has no width; a table that is cut there could not be searched.
    terminal = sys.stdout is not None and sys.stdout.isatty()
    width = None if terminal else 100_000
    printed = io.StringIO()
    printer = console(file=printed, force_terminal=terminal, width=width)
    boxes = sys.stdout is None or has_box_characters(sys.stdout)
    for part in table.describe(program, boxes=boxes):
        printer.print(part, markup=False)
    put("\n".join(line.rstrip() for line in printed.getvalue().splitlines()))
    return 0


def plot(options: argparse.Namespace) -> int:
    """Draw the curve."""
    _, program = _bound(options)
    from schedlang import plot as pictures

    drawn = ""
    try:
        if options.output is None:
            drawn = pictures.in_terminal(program, options.ticks)
        else:
            pictures.save(program, Path(options.output), options.ticks)
    except ModuleNotFoundError as error:
        if error.name not in ("matplotlib", "plotext"):
            raise
        raise Misuse(f"a picture needs {error.name}: pip install 'schedlang[plot]'") from None
    except OSError as error:  # no such folder
        raise Misuse(f"cannot write {options.output}: {error.strerror}") from None
    except ValueError as error:  # no such format
        raise Misuse(f"cannot write {options.output}: {error}") from None
    if drawn:
        put(drawn)
    return 0


def emit(options: argparse.Namespace) -> int:
    """Print source code."""
    name = options.function
    if name is not None and not name.isidentifier():
        raise Misuse(f"--function: {quoted(name)} is not a name of Python")
    given = _settings(options)
    found = _found(options, given)
    with _reported(found):
        source = found.schedule().emit(
            options.target,
            function=name,
            style=options.style,
            gradient_accumulation_steps=options.gradient_accumulation_steps,
            **given,
        )
    put(source.removesuffix("\n"))
    return 0


def _bound(options: argparse.Namespace) -> tuple[Input, Program]:
    given = _settings(options)
    found = _found(options, given)
    with _reported(found):
        return found, found.schedule().bind(**given)


def _found(options: argparse.Namespace, given: dict[str, Any]) -> Input:
    (argument,) = options.schedules
    return find(argument, options.key).with_clock(given.get("clock"))


# ── fmt ──────────────────────────────────────────────────────────────────────────────────────────


def fmt(options: argparse.Namespace) -> int:
    """Print the canonical text of each schedule, or compare or change where it is written."""
    return max([_formatted_or_not(argument, options) for argument in options.schedules])


def _formatted_or_not(argument: str, options: argparse.Namespace) -> int:
    try:
        return _formatted(argument, options)
    except Wrong:
        return 1
    except Misuse as error:
        complain(f"error: {error}")
        return 2


def _formatted(argument: str, options: argparse.Namespace) -> int:
    if options.write and argument == STDIN:
        raise Misuse("--write changes a file, not standard input")
    found = find(argument, options.key)
    if options.write and found.path is None:
        raise Misuse(f"--write changes a file, not the line {quoted(argument)}")
    with _reported(found):
        canonical = str(found.schedule())
    if not (options.check or options.write):
        put(canonical)
        return 0
    prefix = f"{found.place}: " if found.place else ""
    if found.text is None:
        if not options.quiet:
            put(f"{prefix}left as it is: only a line of text has a canonical form")
        return 0
    if _without_comments(found.text).strip() == canonical:
        return 0
    if options.write:
        _write(found, canonical)
    if not options.quiet:
        put(f"{prefix}{'changed to' if options.write else 'would become'}: {canonical}")
    return 0 if options.write else 1


def _write(found: Input, canonical: str) -> None:
    """Put the canonical text where the file has the line."""
    assert found.path is not None
    assert found.text is not None
    by_hand = f"write {quoted(canonical)} by hand"
    if _without_comments(found.text) != found.text:
        lost = "has a comment inside the line, which would be lost"
        raise Misuse(f"{found.place}: {lost}; {by_hand}")
    from schedlang.cli.files import read, steps_of
    from schedlang.cli.rewrite import rewritten

    text = read(found.path)
    path = [] if found.key is None else steps_of(found.key)
    changed = rewritten(text, found.path.suffix.lower(), path, found.text, canonical)
    if changed is None:
        why = "an alias repeats it, or it is written in an unusual way"
        raise Misuse(f"{found.place}: cannot be changed on its own ({why}); {by_hand}")
    try:
        mark = "\ufeff" if found.path.read_bytes().startswith(b"\xef\xbb\xbf") else ""
        found.path.write_bytes((mark + changed).encode())
    except OSError as error:
        raise Misuse(f"cannot write {found.path}: {error.strerror}") from None


def _without_comments(line: str) -> str:
    return re.sub(r"#[^\n]*", "", line)


def space(options: argparse.Namespace) -> int:
    """Print the lines of a space."""
    from schedlang.cli import space as spaces

    return spaces.space(options)


# ── What they share ──────────────────────────────────────────────────────────────────────────────


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that are given, as they are written.

    Raises:
        Misuse: if one has no such value.
    """
    options_given = ((name, getattr(options, name)) for name in SETTINGS)
    given = {name: text for name, text in options_given if text is not None}
    try:
        Settings.model_validate(given)
    except ValidationError as error:
        mistake = next(translate(error, (), given))
        advice = f" ({mistake.advice})" if mistake.advice else ""
        raise Misuse(f"{option(str(mistake.path[0]))}: {mistake.message}{advice}") from None
    return given


@contextmanager
def _reported(found: Input) -> Iterator[None]:
    """Print warnings, and what is wrong with a schedule, on standard error.

    Raises:
        Wrong: if something is.
    """
    with _warnings() as caught:
        try:
            yield
        except ScheduleError as error:
            message = str(naming_options(error, found))
            complain(f"{found.place}\n{message}" if found.place else message)
            raise Wrong from None
        except ValueError as error:  # what a target cannot do
            place = f"{found.place}\n" if found.place else ""
            complain(f"{place}error: {with_options(str(error), found)}")
            raise Wrong from None
        finally:
            for warning in caught:
                prefix = f"{found.place}: " if found.place else ""
                complain(f"{prefix}warning: {warning.message}")


@contextmanager
def _warnings() -> Iterator[list[warnings.WarningMessage]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ScheduleWarning)
        yield caught


def _put_json(value: Any) -> None:
    import json

    put(json.dumps(value, indent=2))
