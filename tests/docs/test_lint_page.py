"""The page of lint: a section for each rule, whose example gives exactly its message."""

from __future__ import annotations

from pathlib import Path

import pytest

import schedlang
from schedlang.linting import CODES, RULES, found_in
from schedlang.linting.rules import Rule
from tests.docs.markdown import ROOT, Block, Page, blocks

PAGE = ROOT / "docs" / "lint.md"
TEXT = PAGE.read_text(encoding="utf-8")
HEADINGS = [
    (number, line.removeprefix("## "))
    for number, line in enumerate(TEXT.splitlines(), start=1)
    if line.startswith("## ")
]
ALL = list(blocks(PAGE))


def _section(code: str) -> list[Block]:
    """The blocks under a heading."""
    begin = next(line for line, name in HEADINGS if name == code)
    end = min((line for line, _ in HEADINGS if line > begin), default=len(TEXT))
    return [block for block in ALL if begin < block.line < end]


def test_every_rule_has_its_heading_and_every_heading_its_rule() -> None:
    assert [name for _, name in HEADINGS] == list(CODES)
    assert list(CODES) == sorted(CODES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_page_has_the_reason_and_the_source(rule: Rule) -> None:
    assert f"**Reason:** {rule.reason}.\n\n**Source:** {rule.source}.\n" in TEXT


@pytest.mark.parametrize("code", CODES)
def test_the_example_gives_exactly_the_message(code: str) -> None:
    bad, message, good = (block.code for block in _section(code))
    in_file = code == "bare-ticks"
    (finding,) = found_in(schedlang.parse(bad.strip()), {}, in_file=in_file)
    assert f"{finding.render(bad.strip())}\n" == message
    assert finding.code == code
    assert found_in(schedlang.parse(good.strip()), {}, in_file=in_file) == ()


def test_the_blocks_before_the_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(tmp_path)
    monkeypatch.chdir(tmp_path)
    for block in ALL:
        if block.line < HEADINGS[0][0]:
            page.run(block)
