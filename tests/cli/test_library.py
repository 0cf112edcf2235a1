"""`presets` and `recommend`: what is printed, and that it can be used in other commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from schedlang.presets import PRESETS
from tests.cli.running import Ran, Run


def test_all_presets_are_listed(run: Run) -> None:
    ran = run("presets")
    assert (ran.status, ran.err) == (0, "")
    parts = ran.out.rstrip("\n").split("\n\n")
    assert parts == [
        f"{name}: {found.what}\n  {found.line}\n  {found.source}\n  compared with: {found.checked}"
        for name, found in PRESETS.items()
    ]


def test_a_preset_is_a_line_for_other_commands(run: Run) -> None:
    line = run("presets", "resnet50").out.rstrip("\n")
    assert line == PRESETS["resnet50"].line
    assert run("check", line).out == f"fine: {run('fmt', line).out}"
    Path("a.yaml").write_text(f"schedule: {line}\n", encoding="utf-8")
    assert run("lint", "a.yaml") == Ran(0, "", "")


RECOMMENDED: list[tuple[list[str], str]] = [
    (
        ["image-classification", "--epochs", "100"],
        """\
cosine 100ep min=1%
  CosineAnnealingLR: the usual choice for ResNets and EfficientNets, and falls smoothly to the end

multistep 100ep at=[33, 67]ep gamma=0.1
  MultiStepLR: proven on ResNets, and converges stably
""",
    ),
    (
        ["rl", "--lr", "3e-4"],
        """\
lr=0.0003 | exp 100ep to=1%
  ExponentialLR: falls smoothly, whatever the environment does

lr=0.0003 | plateau monitor=reward mode=max factor=0.5 patience=10
  ReduceLROnPlateau: adapts to the environment: the rate falls when the reward stops improving
""",
    ),
    (
        ["fast-convergence", "--epochs", "24"],
        """\
onecycle 24ep max=3x
  OneCycleLR: high rates in the middle converge fastest; find the highest by a range test
""",
    ),
]


@pytest.mark.parametrize(("arguments", "out"), RECOMMENDED)
def test_recommended(run: Run, arguments: list[str], out: str) -> None:
    assert run("recommend", *arguments) == Ran(0, out, "")


def test_tasks_are_listed(run: Run) -> None:
    ran = run("recommend")
    assert (ran.status, ran.err) == (0, "")
    for name in ("image-classification", "transfer-learning", "stability"):
        assert f"  {name}\n" in ran.out


MISUSED = [
    (["presets", "gpt-3"], "there is no preset `gpt-3`: did you mean `gpt3`?"),
    (["recommend", "nip"], "there is no task `nip`: did you mean `nlp`?"),
    (["recommend", "nlp", "gan"], "`recommend` takes one task, not 2"),
    (["recommend", "nlp", "--epochs", "5"], "lines are for at least 10 epochs, not 5"),
    (["recommend", "nlp", "--lr", "0"], "--lr: `0` is not a number above 0"),
    (["presets", "gpt3", "--lr", "1"], "there is no option `--lr`: did you mean `--help`?"),
]


@pytest.mark.parametrize(("arguments", "says"), MISUSED)
def test_misuse(run: Run, arguments: list[str], says: str) -> None:
    assert run(*arguments) == Ran(2, "", f"error: {says}\n")
