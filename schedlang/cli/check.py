"""`check`: what is wrong with schedules, in lines, files and folders."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from schedlang.cli.inputs import Input, expanded, find_all
from schedlang.cli.output import Misuse, put
from schedlang.cli.project import Project, project
from schedlang.cli.report import Finding, Report, findings, print_text, unreadable
from schedlang.cli.shared import caught_warnings, settings
from schedlang.errors import ScheduleError
from schedlang.program.binding import bind
from schedlang.schedule import Schedule

NOTHING = "no key of these files is called `schedule`, `lr_schedule` or `…_schedule`"


def check(options: argparse.Namespace) -> int:
    """Report what is wrong with each schedule."""
    reports = []
    for report in _reports(options, project()):
        reports.append(report)
        if options.format == "text":
            print_text(report, options)
    if options.format != "text":
        from schedlang.cli import machine

        written = {
            "json": machine.as_json,
            "github": machine.as_github,
            "sarif": machine.as_sarif,
        }[options.format](reports)
        if written:
            put(written)
    if not (reports or options.by_key):
        raise Misuse(NOTHING)
    return max((report.status for report in reports), default=0)


def _reports(options: argparse.Namespace, own: Project) -> Iterator[Report]:
    given = settings(options)
    for name, by_key in expanded(options.schedules, by_key=options.by_key):
        try:
            inputs = find_all(name, options.key, own.keys, by_key=by_key)
        except Misuse as error:
            yield unreadable(name, str(error), error.place)
            continue
        for found in inputs:
            yield _examined(found.with_clock(given.get("clock")), given)


def _examined(found: Input, given: dict[str, Any]) -> Report:
    report = Report(found.argument, found.key, found.file is not None, found.place)
    with caught_warnings() as caught:
        try:
            schedule = found.schedule()
            still_open = _still_open(schedule, given, found.text)
        except ScheduleError as error:
            return report._replace(findings=tuple(findings("error", error, found)), status=1)
    warned = [Finding("warning", "", str(warning.message)) for warning in caught]
    notes = [] if still_open is None else findings("note", still_open, found)
    return report._replace(text=str(schedule), findings=(*notes, *warned))


def _still_open(
    schedule: Schedule, given: dict[str, Any], source: str | None
) -> ScheduleError | None:
    """The settings that a schedule still needs.

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
