"""The command `space`."""

from __future__ import annotations

from pathlib import Path

import pytest

from schedlang import Space
from tests.cli.running import Run

GRID = "warmup <1%, 5%> -> cosine rest"
RANGE = "warmup 5% -> cosine rest min=<0 .. 10%>"
LINES = ["warmup 1% -> cosine rest", "warmup 5% -> cosine rest"]


def test_the_lines_of_a_grid(run: Run) -> None:
    assert run("space", GRID) == (0, "\n".join(LINES) + "\n", "")


def test_a_line_without_marks(run: Run) -> None:
    assert run("space", "cosine 90") == (0, "cosine 90\n", "")


@pytest.mark.parametrize("text", [GRID, RANGE])
def test_a_sample(text: str, run: Run) -> None:
    lines = "\n".join(Space(text).sample(3, seed=7)) + "\n"
    assert run("space", text, "--sample", "3", "--seed", "7") == (0, lines, "")
    lines = "\n".join(Space(text).sample(3)) + "\n"
    assert run("space", "--sample", "3", text) == (0, lines, "")


HYDRA = "'warmup 1% -> cosine rest','warmup 5% -> cosine rest'\n"


def test_an_override(run: Run) -> None:
    assert run("space", GRID, "--hydra") == (0, f"schedule={HYDRA}", "")
    assert run("space", GRID, "--hydra", "--key", "train.lr") == (0, f"train.lr={HYDRA}", "")


def test_a_space_in_a_file(run: Run) -> None:
    Path("sweep.yaml").write_text(f"train:\n  schedule: {GRID}\n", encoding="utf-8")
    lines = "\n".join(LINES) + "\n"
    assert run("space", "sweep.yaml") == (0, lines, "")
    assert run("space", "sweep.yaml", "--key", "train.schedule") == (0, lines, "")
    assert run("space", "sweep.yaml", "--hydra") == (0, f"train.schedule={HYDRA}", "")


def test_a_range_needs_a_sample(run: Run) -> None:
    message = "the lines of this space cannot be listed: `min` is a range; draw some"
    assert run("space", RANGE) == (2, "", f"error: {message} with --sample N\n")


def test_a_mistake(run: Run) -> None:
    message = """\
error[unknown-phase]: there is no phase called `cosin`
  |
1 | warmup <5, 6> -> cosin 9
  |                  ^^^^^ did you mean `cosine`?
"""
    assert run("space", "warmup <5, 6> -> cosin 9") == (1, "", message)


def test_a_dict_form_is_no_space(run: Run) -> None:
    Path("a.json").write_text('{"stages": [{"kind": "hold"}]}', encoding="utf-8")
    ran = run("space", "a.json")
    assert (ran.status, ran.out) == (1, "")
    assert "a space is a line of text, not `{'stages'" in ran.err


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--sample", "0", "--sample: `0` is not a whole number of at least 1"),
        ("--seed", "-1", "--seed: `-1` is not a whole number"),
        ("--seed", "x", "--seed: `x` is not a whole number"),
    ],
)
def test_wrong_numbers(option: str, value: str, message: str, run: Run) -> None:
    assert run("space", GRID, option, value) == (2, "", f"error: {message}\n")
