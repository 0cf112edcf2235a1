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
    message = "the lines of this space cannot be listed: `min` is a range; draw a sample"
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


# ── check and fmt ────────────────────────────────────────────────────────────────────────────────

SWEEP = """\
schedule: warmup <1%, 5%> -> cosine rest   # a sweep
lr_schedule: >
  decay  sqrt tail<10 .. 40>
"""


def test_a_space_in_a_file_is_fine(run: Run) -> None:
    Path("sweep.yaml").write_text(SWEEP, encoding="utf-8")
    fine = (
        "sweep.yaml: schedule: fine: warmup <1%, 5%> -> cosine rest\n"
        "sweep.yaml: lr_schedule: fine: decay  sqrt tail<10 .. 40>\n"
    )
    assert run("check", "sweep.yaml") == (0, fine, "")
    assert run("check", "--lint", "sweep.yaml") == (0, fine, "")
    assert run("fmt", "--check", "sweep.yaml") == (0, "", "")
    assert run("fmt", "--write", "sweep.yaml") == (0, "", "")
    assert Path("sweep.yaml").read_text(encoding="utf-8") == SWEEP
    assert run("fmt", GRID) == (0, f"{GRID}\n", "")


def test_a_wrong_space_in_a_file(run: Run) -> None:
    Path("sweep.yaml").write_text("a:\n  schedule: cosine <5, 5> -> cosin 5\n", encoding="utf-8")
    message = """\
sweep.yaml:2:24: error[bad-mark]: the choice `5` is given twice
  |
2 |   schedule: cosine <5, 5> -> cosin 5
  |                        ^
"""
    assert run("check", "sweep.yaml") == (1, "", message)
    assert run("fmt", "--check", "sweep.yaml") == (1, "", message)


@pytest.mark.parametrize("command", ["show", "explain", "plot", "emit"])
def test_where_one_line_is_needed(run: Run, command: str) -> None:
    arguments = ["emit", "torch"] if command == "emit" else [command]
    assert run(*arguments, "warmup 5 -> cosine n<10 .. 40> # <") == (
        1,
        "",
        """\
error[syntax]: `<10 .. 40>` makes this a space, but a single line is needed
  |
1 | warmup 5 -> cosine n<10 .. 40> # <
  |                     ^^^^^^^^^^ write one of its choices; schedlang.Space(…) reads them all
""",
    )


NO_MARKS = ["cosine 90 # <5, 6>", "fn 5 {1 if t < 2 and t > 1 else 2}"]


@pytest.mark.parametrize("line", NO_MARKS)
def test_comparisons_and_comments_are_no_marks(run: Run, line: str) -> None:
    assert run("check", line).status == 0
    assert "unexpected" in run("check", f"{line.partition('#')[0]} )").err
