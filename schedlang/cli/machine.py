"""The reports of `check` and `lint` for other programs: JSON, GitHub's annotations, SARIF."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from schedlang.cli.links import DOCS, page_of
from schedlang.cli.report import Remark, Report


def as_json(reports: Sequence[Report]) -> str:
    """A list with an object for each schedule, and for each argument without one."""
    return json.dumps([_report_as_json(report) for report in reports], indent=2)


def _report_as_json(report: Report) -> dict[str, Any]:
    return {
        "input": report.name,
        "key": report.key,
        "ok": report.status == 0,
        "text": report.text,
        "open": [_remark_as_json(remark) for remark in report.of("note")],
        "errors": [_remark_as_json(remark) for remark in report.of("error")],
        "warnings": [_remark_as_json(remark) for remark in report.of("warning")],
    }


def _remark_as_json(remark: Remark) -> dict[str, Any]:
    return {
        "code": remark.code or None,
        "message": remark.message,
        "advice": remark.advice,
        "in_plan": remark.in_plan or None,
        "path": list(remark.path),
        "span": None if remark.span is None else list(remark.span),
        "place": None if remark.place is None else remark.place._asdict(),
    }


def _reported(reports: Sequence[Report]) -> Iterator[tuple[Report, Remark]]:
    for report in reports:
        for remark in report.remarks:
            if remark.level != "note":
                yield report, remark


# ── GitHub ───────────────────────────────────────────────────────────────────────────────────────


def as_github(reports: Sequence[Report]) -> str:
    """A workflow command for each remark, which GitHub shows next to the line in the diff."""
    return "\n".join(_command(report, remark) for report, remark in _reported(reports))


def _command(report: Report, remark: Remark) -> str:
    properties = {"title": f"schedlang: {remark.code or remark.level}"}
    if report.in_file:
        properties = {"file": report.name, **properties}
        if place := remark.place:
            properties |= {"line": str(place.line), "col": str(place.column)}
            properties |= {"endLine": str(place.end_line), "endColumn": str(place.end_column)}
    listed = ",".join(f"{name}={_escaped(value, ',:')}" for name, value in properties.items())
    return f"::{remark.level} {listed}::{_escaped(_described(remark))}"


def _escaped(text: str, signs: str = "") -> str:
    for sign in f"%\r\n{signs}":
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


def _described(remark: Remark) -> str:
    message = f"{remark.in_plan}: {remark.message}" if remark.in_plan else remark.message
    return "\n".join(filter(None, (message, remark.advice, remark.reason)))


# ── SARIF ────────────────────────────────────────────────────────────────────────────────────────


def as_sarif(reports: Sequence[Report]) -> str:
    """A log of SARIF 2.1.0, as code scanning reads it."""
    from schedlang import __version__

    found = list(_reported(reports))
    codes = list(dict.fromkeys(_rule_of(remark) for _, remark in found))
    driver = {
        "name": "schedlang",
        "version": __version__,
        "informationUri": DOCS,
        "rules": [
            {"id": code, "shortDescription": {"text": code}, "helpUri": page_of(code)}
            for code in codes
        ],
    }
    results = [_result(report, remark, codes) for report, remark in found]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2)


SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def _rule_of(remark: Remark) -> str:
    return remark.code or remark.level


def _result(report: Report, remark: Remark, codes: list[str]) -> dict[str, Any]:
    rule = _rule_of(remark)
    result: dict[str, Any] = {
        "ruleId": rule,
        "ruleIndex": codes.index(rule),
        "level": remark.level,
        "message": {"text": _described(remark)},
    }
    if report.in_file:
        location: dict[str, Any] = {
            "artifactLocation": {"uri": _uri(report.name), "uriBaseId": "%SRCROOT%"}
        }
        if place := remark.place:
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
