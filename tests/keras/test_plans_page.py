"""The page on plans: its code runs, and its published plans are those of the projects."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, Page, blocks


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(tmp_path)
    monkeypatch.chdir(tmp_path)
    found = list(blocks(ROOT / "docs" / "plans.md"))
    assert len(found) > 15
    for block in found:
        page.run(block)
