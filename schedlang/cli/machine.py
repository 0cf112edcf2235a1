"""The reports of `check` and `lint` for other programs: JSON, GitHub's annotations, SARIF."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from schedlang.cli.links import DOCS, page_of
from schedlang.cli.report import Finding, Report


def as_json(reports: Sequence[Report]) -> str:
    """A list with an object for each schedule, and for each argument that has none."""
    return json.dumps([_report_as_json(report) for report in reports], indent=2)


def _report_as_json(report: Report) -> dict[str, Any]:
    return {
        "input": report.name,
        "key": report.key,
        "ok": report.status == 0,
        "text": report.text,
        "open": [_finding_as_json(finding) for finding in report.of("note")],
        "errors": [_finding_as_json(finding) for finding in report.of("error")],
        "warnings": [_finding_as_json(finding) for finding in report.of("warning")],
    }


def _finding_as_json(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code or None,
        "message": finding.message,
        "advice": finding.advice,
        "path": list(finding.path),
        "span": None if finding.span is None else list(finding.span),
        "place": None if finding.place is None else finding.place._asdict(),
    }


def _reported(reports: Sequence[Report]) -> Iterator[tuple[Report, Finding]]:
    for report in reports:
        for finding in report.findings:
            if finding.level != "note":
                yield report, finding


# ── GitHub ───────────────────────────────────────────────────────────────────────────────────────


def as_github(reports: Sequence[Report]) -> str:
    """A workflow command for each finding, which GitHub shows beside the line in the diff."""
    return "\n".join(_command(report, finding) for report, finding in _reported(reports))


def _command(report: Report, finding: Finding) -> str:
    properties = {"title": f"schedlang: {finding.code or finding.level}"}
    if report.in_file:
        properties = {"file": report.name, **properties}
        if place := finding.place:
            properties |= {"line": str(place.line), "col": str(place.column)}
            properties |= {"endLine": str(place.end_line), "endColumn": str(place.end_column)}
    listed = ",".join(f"{name}={_escaped(value, ',:')}" for name, value in properties.items())
    return f"::{finding.level} {listed}::{_escaped(_said(finding))}"


def _escaped(text: str, signs: str = "") -> str:
    for sign in f"%\r\n{signs}":
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


def _said(finding: Finding) -> str:
    return f"{finding.message}\n{finding.advice}" if finding.advice else finding.message


# ── SARIF ────────────────────────────────────────────────────────────────────────────────────────


def as_sarif(reports: Sequence[Report]) -> str:
    """A log of SARIF 2.1.0, as code scanning reads it."""
    from schedlang import __version__

    found = list(_reported(reports))
    codes = list(dict.fromkeys(_rule_of(finding) for _, finding in found))
    driver = {
        "name": "schedlang",
        "version": __version__,
        "informationUri": DOCS,
        "rules": [
            {
                "id": code,
                "shortDescription": {"text": code.replace("-", " ")},
                "helpUri": page_of(code),
            }
            for code in codes
        ],
    }
    results = [_result(report, finding, codes) for report, finding in found]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2)


SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def _rule_of(finding: Finding) -> str:
    return finding.code or finding.level


def _result(report: Report, finding: Finding, codes: list[str]) -> dict[str, Any]:
    rule = _rule_of(finding)
    result: dict[str, Any] = {
        "ruleId": rule,
        "ruleIndex": codes.index(rule),
        "level": finding.level,
        "message": {"text": _said(finding)},
    }
    if report.in_file:
        location: dict[str, Any] = {
            "artifactLocation": {"uri": _uri(report.name), "uriBaseId": "%SRCROOT%"}
        }
        if place := finding.place:
            location["region"] = {
                "startLine": place.line,
                "startColumn": place.column,
                "endLine": place.end_line,
                "endColumn": place.end_column,
            }
        result["locations"] = [{"physicalLocation": location}]
    return result


def _uri(name: str) -> str:
    from pathlib import PurePath
    from urllib.parse import quote

    return quote(PurePath(name).as_posix())
