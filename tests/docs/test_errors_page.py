"""The page of errors: a section for each code, whose example gives exactly its message."""

from __future__ import annotations

from typing import Any

import pytest

import schedlang
from schedlang.errors import CODES
from tests.docs.markdown import ROOT, Block, blocks

PAGE = ROOT / "docs" / "errors.md"


def _sections() -> dict[str, list[Block]]:
    """The blocks under each heading."""
    headings = [
        (number, line.removeprefix("## "))
        for number, line in enumerate(PAGE.read_text(encoding="utf-8").splitlines(), start=1)
        if line.startswith("## ")
    ]
    sections: dict[str, list[Block]] = {heading: [] for _, heading in headings}
    for block in blocks(PAGE):
        heading = [name for line, name in headings if line < block.line][-1]
        sections[heading].append(block)
    return sections


SECTIONS = _sections()


def test_every_code_has_its_heading_and_every_heading_its_code() -> None:
    assert list(SECTIONS) == sorted(CODES)


def test_every_section_has_the_same_parts() -> None:
    text = PAGE.read_text(encoding="utf-8")
    parts = [line for line in text.splitlines() if line.startswith("### ")]
    each = ["What it is", "Why it is an error", "Example", "Use instead"]
    assert parts == [f"### {part}" for part in each] * len(CODES)


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_example_gives_exactly_the_message(code: str) -> None:
    example, message, instead = SECTIONS[code]
    languages = (example.language, message.language, instead.language)
    assert languages == ("python", "text", "python")
    names: dict[str, Any] = {"schedlang": schedlang}
    with pytest.raises(schedlang.ScheduleError) as raised:
        exec(example.code, names)
    assert f"{raised.value}\n" == message.code
    assert code in [mistake.code for mistake in raised.value.mistakes]
    exec(instead.code, names)
