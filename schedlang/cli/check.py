"""`check` and `lint`: the mistakes of schedules, in lines, files and folders."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from schedlang.cli.inputs import Input, expanded, find_all
from schedlang.cli.output import UsageError, write_stdout
from schedlang.cli.project import Project, project
from schedlang.cli.report import Remark, Report, linted, print_text, remarks, unreadable
from schedlang.cli.shared import caught_warnings, settings
from schedlang.errors import ScheduleError
from schedlang.program.binding import bind
from schedlang.schedule import Schedule

if TYPE_CHECKING:
    from schedlang.plan.model import Plan

NO_SCHEDULE_KEY = "no key of these files is called `schedule`, `lr_schedule` or `…_schedule`"


def check(options: argparse.Namespace) -> int:
    """Report the mistakes of each schedule, and with lint what is probably a mistake."""
    own = project()
    ignore = _known([*own.ignore, *options.ignore]) if options.lint else ()
    reports = []
    for report in _reports(options, own, ignore):
        reports.append(report)
        if options.format == "text":
            print_text(report, options)
    if options.format != "text":
        _put(reports, options.format)
    if not (reports or options.by_key):
        raise UsageError(NO_SCHEDULE_KEY)
    return max((report.status for report in reports), default=0)


lint = check


def _known(codes: Sequence[str]) -> Sequence[str]:
    from schedlang.linting import refuse_unknown

    try:
        return refuse_unknown(codes)
    except ValueError as error:
        raise UsageError(f"ignore: {error}") from None


def _put(reports: Sequence[Report], form: str) -> None:
    from schedlang.cli import machine

    match form:
        case "json":
            write_stdout(machine.as_json(reports))
        case "sarif":
            write_stdout(machine.as_sarif(reports))
        case _:
            if written := machine.as_github(reports):
                write_stdout(written)


def _reports(options: argparse.Namespace, own: Project, ignore: Sequence[str]) -> Iterator[Report]:
    given = settings(options)
    for name, by_key in expanded(options.schedules, by_key=options.by_key):
        try:
            inputs = find_all(name, options.key, own.keys, by_key=by_key)
        except UsageError as error:
            yield unreadable(name, str(error), error.place)
            continue
        for found in inputs:
            placed = found.with_clock(given.get("clock"))
            yield _examined(placed, given, ignore if options.lint else None)


def _examined(found: Input, given: dict[str, Any], ignore: Sequence[str] | None) -> Report:
    in_file = found.file is not None and bool(found.file.name)
    report = Report(found.argument, found.key, in_file, found.place)
    with caught_warnings() as caught:
        try:
            text, lines, still_open = _read(found, given)
        except ScheduleError as error:
            return report._replace(remarks=tuple(remarks("error", error, found)), status=1)
    warned = [Remark("warning", "", str(warning.message)) for warning in caught]
    if ignore is not None:
        for line in lines:
            warned += _linted(line, line.schedule(), given, ignore)
    notes = [] if still_open is None else remarks("note", still_open, found)
    status = 1 if any(remark.code for remark in warned) else 0
    return report._replace(text=text, remarks=(*notes, *warned), status=status)


def _read(found: Input, given: dict[str, Any]) -> tuple[str, Sequence[Input], ScheduleError | None]:
    """The canonical text, the lines to lint, and the error for settings that are still missing.

    In a plan, only the lines of `lr` are linted, since the rules are about rates; in a space, none.

    Raises:
        ScheduleError: with everything that is wrong whatever is set later.
    """
    if (space := found.space()) is not None:
        return str(space).strip(), [], None
    if not found.is_plan:
        schedule = found.schedule()
        return str(schedule), [found], _still_open(schedule, given, found.text)
    plan = found.plan()
    rates = [line for key, line in found.lines_of(plan) if key.key == "lr"]
    given = {name: value for name, value in given.items() if name != "lr" or rates}
    return str(plan), rates, _still_open_in_plan(plan, given)


def _still_open_in_plan(plan: Plan, given: dict[str, Any]) -> ScheduleError | None:
    from schedlang.plan.binding import by_line

    try:
        by_line(plan, given, symbolic=True)
    except ScheduleError as error:
        if wrong := [each for each in error.mistakes if each.code != "missing-setting"]:
            raise ScheduleError(wrong) from None
        return error
    return None


def _linted(
    found: Input, schedule: Schedule, given: dict[str, Any], ignore: Sequence[str]
) -> Iterator[Remark]:
    from schedlang.linting import found_in, ignored

    findings = found_in(schedule, given, ignore=ignore, in_file=found.file is not None)
    if findings:
        off = ignored(found.lines())
        kept = [each for each in findings if not {"*", each.code} & off]
        yield from linted(kept, found)


def _still_open(
    schedule: Schedule, given: dict[str, Any], source: str | None
) -> ScheduleError | None:
    """The error for settings that a schedule still needs, or None.

    Raises:
        ScheduleError: with everything that is wrong whatever is set later.
    """
    try:
        bind(schedule, given, source, symbolic=True)
    except ScheduleError as error:
        needs = [mistake for mistake in error.mistakes if mistake.code == "missing-setting"]
        if not needs:
            raise
        return ScheduleError(needs, source)
    return None
