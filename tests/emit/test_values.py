"""Emitted files, run without schedlang, give the curve; and they are as clean as one's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from schedlang.targets import TARGETS, Target

if TYPE_CHECKING:
    from tests.emit.conftest import Folder


@pytest.mark.parametrize("target", TARGETS)
def test_every_case_gives_the_curve(folder: Callable[[Target], Folder], target: Target) -> None:
    assert folder(target).complaints() == []


@pytest.mark.parametrize("target", TARGETS)
def test_a_wrong_value_is_noticed(folder: Callable[[Target], Folder], target: Target) -> None:
    whole = folder(target)
    job = whole.jobs[0]
    rates = list(job["want"]["rates"])
    rates[-1] *= 1.001
    wrong = {**job, "want": {"rates": rates}}
    from tests.emit.conftest import run

    assert len(run(whole.path, [wrong])) == 1


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_refused_says_why(folder: Callable[[Target], Folder], target: Target) -> None:
    reasons = ("cannot have `momentum=`", "set steps_per_epoch=")
    expected = [line for line in folder(target).refused if any(why in line for why in reasons)]
    assert folder(target).refused == expected
    if target == "torch":
        assert expected == []


@pytest.mark.parametrize("target", TARGETS)
def test_sources_are_lint_clean(folder: Callable[[Target], Folder], target: Target) -> None:
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--target-version", "py310"]
    command = [*ruff, "--select", "E,F,I,UP,B", "--line-length", "100", "."]
    path = folder(target).path
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.skipif(
    version("torch").startswith("2.4."),
    reason="the types of PyTorch 2.4 do not export torch.optim.Optimizer",
)
def test_sources_pass_the_type_checker(folder: Callable[[Target], Folder], tmp_path: Path) -> None:
    """All snapshots, and a few files of each target."""
    for snapshot in Path(__file__).with_name("__snapshots__").glob("*/*.py"):
        name = snapshot.stem.partition("[")[2].removesuffix("]")
        (tmp_path / f"{snapshot.parent.name}_{name}.py").write_bytes(snapshot.read_bytes())
    for target in TARGETS:
        for job in folder(target).jobs[::40]:
            source = Path(job["path"])
            (tmp_path / f"{target}_{source.name}").write_bytes(source.read_bytes())
    # Keras' own classes have no types, so that whoever subclasses them does so of Any.
    options = ("strict = True", "ignore_missing_imports = True", "disallow_subclassing_any = False")
    (tmp_path / "mypy.ini").write_text("\n".join(["[mypy]", *options, ""]), encoding="utf-8")
    paths = sorted(path.name for path in tmp_path.glob("*.py"))
    assert len(paths) > 60
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), *paths],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.stdout == f"Success: no issues found in {len(paths)} source files\n"
