"""The pages on trainers and config systems run as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, Block, Page, blocks
from tests.integrations.launching import launch

# The libraries warn of each other's deprecations; a warning of ours is an error.
pytestmark = pytest.mark.filterwarnings("default", "error::schedlang.ScheduleWarning")

TRAINERS = list(blocks(ROOT / "docs" / "in-a-trainer.md"))
DISTRIBUTED = "# torchrun"
"""How a block begins that is a program for several processes."""
CONTINUED = "# train.py goes on"
"""How a block begins that belongs to the program before it."""
PROGRAMS: dict[int, str] = {}
for block in TRAINERS:
    if block.code.startswith(DISTRIBUTED):
        PROGRAMS[block.line] = block.code
    elif block.code.startswith(CONTINUED):
        PROGRAMS[max(PROGRAMS)] += block.code


@pytest.mark.parametrize(
    "name",
    ["in-a-trainer", "hydra", "jsonargparse", "lightning", "transformers", "trackers", "flax"],
)
def test_the_page(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(tmp_path)
    monkeypatch.chdir(tmp_path)
    found = list(blocks(ROOT / "docs" / f"{name}.md"))
    assert len(found) >= 1
    for block in found:
        if not block.code.startswith((DISTRIBUTED, CONTINUED)):
            page.run(block)


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=[f"line {line}" for line in PROGRAMS])
def test_a_program_for_two_processes(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if "import deepspeed" in program:
        pytest.importorskip("deepspeed")
    script = tmp_path / "train.py"
    script.write_text(program, encoding="utf-8")
    launch(2, script)
    assert (tmp_path / "checkpoint").exists()


@pytest.mark.parametrize("block", TRAINERS, ids=str)
def test_a_trainer_takes_few_lines(block: Block) -> None:
    lines = [line.strip() for line in block.code.splitlines()]
    assert len([line for line in lines if line and not line.startswith("#")]) <= 15
