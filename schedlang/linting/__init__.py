"""Lint: what is valid in a schedule but probably a mistake."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from typing_extensions import Unpack

from schedlang.errors import Path, ScheduleError, Span, did_you_mean, marked, quoted
from schedlang.language.placed import span_at
from schedlang.linting.rules import CODES, RULES
from schedlang.linting.run import Run
from schedlang.schedule import Binding, Schedule


class Finding(NamedTuple):
    """Something in a schedule that is probably a mistake.

    Attributes:
        code: the rule's stable name.
        message: what was found.
        advice: what to do.
        path: its path in the dict form.
        span: its span in the text.
        reason: why it is probably a mistake.
        source: the source of the reason.
    """

    code: str
    message: str
    advice: str
    path: Path
    span: Span | None
    reason: str
    source: str

    def render(self, text: str | None) -> str:
        """The finding with its marker under the text, or with its path where there is no text."""
        return marked(f"warning[{self.code}]: {self.message}", self, text)


def lint(
    schedule: str | dict[str, Any] | Schedule,
    *,
    ignore: Iterable[str] = (),
    lr: float | None = None,
    **binding: Unpack[Binding],
) -> tuple[Finding, ...]:
    """The probable mistakes in a valid schedule, in the order of its text.

    A rule that needs an unknown setting finds nothing. A comment ``# schedlang: ignore[floor]`` in
    the line turns off a rule, ``# schedlang: ignore`` all rules.

    Args:
        schedule: a line of text, its dict form, or a schedule.
        ignore: codes of rules to turn off.
        lr: the base rate.
        **binding: what the line leaves open, see `Binding`.

    Raises:
        ScheduleError: if the schedule is wrong.
        ValueError: if ``ignore`` has an unknown code.

    >>> [finding.code for finding in lint("warmup 30 -> cosine 70 min=5%")]
    ['long-warmup', 'floor']
    """
    whole = Schedule.model_validate(schedule)
    text = schedule if isinstance(schedule, str) else ""
    off = {*ignored(text), *refuse_unknown(ignore)}
    return found_in(whole, {"lr": lr, **binding}, ignore=off)


def found_in(
    schedule: Schedule, given: dict[str, Any], *, ignore: Iterable[str] = (), in_file: bool = False
) -> tuple[Finding, ...]:
    """The findings of the rules, in the order of the text.

    Args:
        schedule: the schedule.
        given: settings by name, None for those that are not set.
        ignore: codes of rules to turn off; ``*`` means all.
        in_file: whether the line is in a config file.

    Raises:
        ScheduleError: if a setting is wrong.
    """
    off = set(ignore)
    if "*" in off:
        return ()
    run = Run.of(schedule, given, in_file=in_file)
    if run.is_example:
        return ()
    findings = [
        Finding(rule.code, message, advice, path, span_at(schedule, path), rule.reason, rule.source)
        for rule in RULES
        if rule.code not in off
        for path, message, advice in rule.find_problems(run)
    ]
    return tuple(sorted(findings, key=lambda finding: finding.span or (0, 0)))


def ignored(text: str) -> set[str]:
    """The codes in the comments ``# schedlang: ignore[…]`` of a text; ``*`` if one has no codes."""
    found: set[str] = set()
    for match in _COMMENT.finditer(text):
        codes = match["codes"]
        found |= {"*"} if codes is None else {code.strip() for code in codes.split(",")}
    return found


_COMMENT = re.compile(r"#[^\n]*?schedlang:\s*ignore(?:\[(?P<codes>[^\]\n]*)\])?")


def refuse_unknown(codes: Iterable[str]) -> list[str]:
    """The codes, checked.

    Raises:
        ValueError: naming the first unknown code.
    """
    listed = list(codes)
    for code in listed:
        if code not in CODES:
            raise ValueError(f"there is no rule {quoted(code)}: {did_you_mean(code, CODES)}")
    return listed


__all__ = ["CODES", "RULES", "Finding", "ScheduleError", "found_in", "ignored", "lint"]
