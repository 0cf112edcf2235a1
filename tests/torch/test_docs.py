"""The page on PyTorch runs as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, Page, blocks
from tests.torch.rig import OLD_PROTOCOL


@pytest.mark.filterwarnings(OLD_PROTOCOL)
def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(tmp_path)
    monkeypatch.chdir(tmp_path)
    found = list(blocks(ROOT / "docs" / "pytorch.md"))
    assert len(found) > 10
    for block in found:
        page.run(block)
