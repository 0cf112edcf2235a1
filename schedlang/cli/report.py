"""The results of `check` and `lint` for each schedule, and their output as text."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from textwrap import indent
from typing import TYPE_CHECKING, Literal, NamedTuple

from schedlang.cli.inputs import Input
from schedlang.cli.output import write_stderr, write_stdout
from schedlang.errors import MOST_SHOWN, Path, ScheduleError, Span, marked

if TYPE_CHECKING:
    from schedlang.linting import Finding


class Region(NamedTuple):
    """Lines and columns of a text, from 1; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int

    @classmethod
    def of(cls, span: Span, text: str) -> Region:
        def numbers(position: int) -> tuple[int, int]:
            first = text.rfind("\n", 0, position) + 1
            return text.count("\n", 0, first) + 1, position - first + 1

        return cls(*numbers(min(span.begin, len(text))), *numbers(min(span.end, len(text))))


class Remark(NamedTuple):
    """A mistake, a warning or a note.

    Attributes:
        level: its severity: a "note" is a setting that is still missing.
        code: its stable name; empty for a warning that has none.
        message: what is wrong.
        advice: what to do.
        path: its path in the dict form.
        span: its span in the line.
        place: its place in the file; for a line on the command line, in the line.
        rendered: the message with its marker.
        in_plan: the key of the line in a plan: ``lr.backbone*``.
        reason: the reason of a lint rule.
    """

    level: Literal["error", "warning", "note"]
    code: str
    message: str
    advice: str = ""
    path: Path = ()
    span: Span | None = None
    place: Region | None = None
    rendered: str = ""
    in_plan: str = ""
    reason: str = ""


class Report(NamedTuple):
    """The remarks on a schedule, or the reason why a file cannot be read.

    Attributes:
        name: the argument; for a folder, the file in it.
        key: the key of the schedule in the file, if any.
        in_file: whether it is in a file, so that lines and columns are those of the file.
        title: the file and the key; empty for a line.
        text: the canonical text, if the schedule is valid.
        remarks: in the order of the text.
        status: 0 if it is valid, 1 if not, 2 if there is no schedule.
    """

    name: str
    key: str | None = None
    in_file: bool = False
    title: str = ""
    text: str | None = None
    remarks: tuple[Remark, ...] = ()
    status: int = 0

    def of(self, level: str) -> list[Remark]:
        return [remark for remark in self.remarks if remark.level == level]


def unreadable(name: str, message: str, place: tuple[int, ...]) -> Report:
    """The report for an argument without a schedule."""
    at = Region(*place, *place) if len(place) == 2 else None
    remark = Remark("error", "unreadable", message, place=at, rendered=f"error: {message}")
    return Report(name, in_file=at is not None, remarks=(remark,), status=2)


def remarks(
    level: Literal["error", "warning", "note"], error: ScheduleError, found: Input
) -> Iterator[Remark]:
    """The remarks for the mistakes of a schedule."""
    from schedlang.cli.advice import naming_options  # only an error needs it

    named = naming_options(error, found)
    text = found.file.text if found.file is not None else found.text
    parts = found.parts()
    for mistake, its_own in zip(named.mistakes, error.mistakes, strict=True):
        (span,) = parts.get(mistake.place, found).spans([its_own])
        place = None if span is None or text is None else Region.of(span, text)
        head = f"{_where(found, place)}{level}[{mistake.code}]: {mistake.message}"
        rendered = marked(head, mistake._replace(span=span), text, mistake.place)
        yield Remark(level, *mistake[:5], place, rendered, mistake.place)


def linted(findings: Iterable[Finding], found: Input) -> Iterator[Remark]:
    """The remarks for the findings of lint."""
    listed = list(findings)
    text = found.file.text if found.file is not None else found.text
    for finding, span in zip(listed, found.spans(listed), strict=True):
        place = None if span is None or text is None else Region.of(span, text)
        head = f"{_where(found, place)}warning[{finding.code}]: {finding.message}"
        why = f"  why: {finding.reason}"
        rendered = f"{marked(head, finding._replace(span=span), text)}\n{why}"
        yield Remark("warning", *finding[:5], place, rendered, reason=finding.reason)


def _where(found: Input, place: Region | None) -> str:
    if not found.place or (found.file is not None and not found.file.name):
        return ""
    if place is None:
        return f"{found.place}: "
    name = found.place if found.file is None else found.file.name
    return f"{name}:{place.line}:{place.column}: "


def rendered(found: Iterable[Remark]) -> str:
    """The messages with their markers, separated by blank lines."""
    all_of_them = [remark.rendered for remark in found]
    shown = all_of_them[:MOST_SHOWN]
    if len(all_of_them) > MOST_SHOWN:
        shown.append(f"and {len(all_of_them) - MOST_SHOWN:,} more")
    return "\n\n".join(shown)


def print_text(report: Report, options: argparse.Namespace) -> None:
    """Print valid schedules on standard output, and messages on standard error."""
    prefix = f"{report.title}: " if report.title else ""
    if errors := report.of("error"):
        write_stderr(rendered(errors))
    elif options.command == "check" and not options.quiet and report.text is not None:
        whole = (
            indent("\n" + report.text, "  ") if report.text.endswith("\n") else f" {report.text}"
        )
        write_stdout(f"{prefix}fine:{whole.rstrip()}")
        for need in dict.fromkeys(f"{need.message}: {need.advice}" for need in report.of("note")):
            write_stdout(f"  still open: {need}")
    for warning in report.of("warning"):
        if warning.code or not options.quiet:
            write_stderr(warning.rendered or f"{prefix}warning: {warning.message}")
