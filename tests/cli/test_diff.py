"""`diff`: two schedules that mean the same, or the first tick on which they do not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import schedlang
from schedlang.cli.diff import compare_curves
from tests.cli.running import Ran, Run

SAME: list[tuple[list[str], str]] = [
    # two lines and options, on which ticks
    (["warmup 10 -> cosine 90", "warmup linear 10 from=0.1% -> cosine 90 min=0"], "101 ticks"),
    (["hold 5ep -> hold 5ep", "hold 10ep"], "11 ticks"),
    (["cosine 50%", "total=100 | cosine 50", "--total", "100"], "51 ticks"),
    (["(hold 1 -> linear 1) x 3", "(hold 1 -> linear 1) x 3"], "7 ticks"),
    (["cosine 90 min=1%", "cosine 90 min=1e-3", "--lr", "0.1"], "91 ticks"),
    (["exp gamma=0.5", "fn {0.5 ** t}", "--ticks", "50"], "50 ticks"),
]


@pytest.mark.parametrize(("arguments", "on"), SAME)
def test_the_same(run: Run, arguments: list[str], on: str) -> None:
    assert run("diff", *arguments) == Ran(0, f"A and B: the same, on the first {on}\n", "")


DIFFERENT: list[tuple[list[str], list[str]]] = [
    (
        ["warmup 10 -> cosine 90", "warmup 20 -> cosine 80"],
        [
            "first at tick 1: 0.1009 and 0.05095 (-49.5%)",
            "most at tick 10: 1 and 0.5005 (-50%)",
            "on 99 of 101 ticks",
        ],
    ),
    (
        ["multistep at=[30, 60]", "multistep at=[31, 60]", "--ticks", "100", "--lr", "0.1"],
        ["first at tick 30: 0.01 and 0.1 (10 times as much)", "on 1 of 100 ticks"],
    ),
    (["cosine 10", "cosine 10 min=1%"], ["first at tick 1: ", "most at tick 10: 0 and 0.01"]),
    (["hold 10 to=0", "hold 10"], ["first at tick 0: 0 and 1", "on 11 of 11 ticks"]),
    (
        ["hold 1B -> linear 1B", "hold 1B -> linear 1B from=0.5x"],
        ["first at tick 1,000,000,000: 1 and 0.5 (0.5 times as much)"],
    ),
    (
        ["cosine 1B", "cosine 900M"],  # between two of the ticks that are compared
        ["first at tick ", " of 200,"],
    ),
    (
        ["warmup 5 -> plateau patience=5", "warmup 5 -> plateau", "--lr", "0.1"],
        ["plateau: `plateau patience=5` and `plateau`"],
    ),
    (["plateau", "hold"], ["plateau: `plateau` and none"]),
    (
        ["onecycle 10 momentum=[0.85, 0.95]", "onecycle 10"],
        ["momentum: `onecycle 10 momentum=[0.85, 0.95]` and `None`"],
    ),
]


@pytest.mark.parametrize(("arguments", "parts"), DIFFERENT)
def test_different(run: Run, arguments: list[str], parts: list[str]) -> None:
    ran = run("diff", *arguments)
    assert (ran.status, ran.err) == (1, "")
    a, b = (str(schedlang.parse(line)) for line in arguments[:2])
    assert ran.out.startswith(f"A and B differ\n  A: {a}\n  B: {b}\n")
    for part in parts:
        assert part in ran.out
    drawn = any("first at" in part for part in parts)
    assert ("┌" in ran.out and "xx B" in ran.out) is drawn


def test_the_first_tick_is_found_between_those_that_are_compared() -> None:
    a, b = (schedlang.parse(f"hold {n} -> linear 2B").bind() for n in ("999_999_937", "1B"))
    compared = compare_curves(a, b)
    assert len(compared.ticks) < 300_000
    from schedlang.cli.diff import _first_tick

    tick = _first_tick(compared, int(compared.differing[0]))
    assert a.at(tick) != pytest.approx(b.at(tick), rel=1e-9, abs=0)
    assert a.at(tick - 1) == pytest.approx(b.at(tick - 1), rel=1e-9, abs=0)


MISUSED: list[tuple[list[str], str]] = [
    (["cosine 90 min=0"], "`diff` takes two schedules, not 1"),
    (
        ["hold 9 to=1x", "hold 8 to=1x", "hold 7 to=1x"],
        "`diff` takes two schedules, not 3",
    ),
    (["clock=step | hold 5", "hold 5ep"], "A counts updates and B does not: set clock= in both"),
    (["no.yaml", "hold 5"], "cannot read no.yaml: No such file or directory"),
    (["folder", "hold 5"], "folder is a folder: give a file"),
]


@pytest.mark.parametrize(("arguments", "says"), MISUSED)
def test_misuse(run: Run, arguments: list[str], says: str) -> None:
    Path("folder").mkdir()
    assert run("diff", *arguments) == Ran(2, "", f"error: {says}\n")


def test_a_wrong_schedule(run: Run) -> None:
    ran = run("diff", "cosin 90", "cosine 90")
    assert (ran.status, ran.out) == (1, "")
    assert "there is no phase called `cosin`" in ran.err


def test_without_a_plotting_library(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotext", None)
    ran = run("diff", "cosine 90", "cosine 80")
    assert (ran.status, ran.err) == (1, "")
    assert ran.out.splitlines()[-1] == "  on 89 of 91 ticks"


# ── Files and revisions ──────────────────────────────────────────────────────────────────────────

OLD = "a:\n  schedule: cosine 90\nb_schedule: hold 5\nc_schedule: hold 9\n"
NEW = (
    "a:\n  schedule: cosine 90 min=0  # the same\nb_schedule: hold 6 to=0.5x\nd_schedule: hold 9\n"
)


def test_files_are_compared_key_by_key(run: Run) -> None:
    Path("old.yaml").write_text(OLD, encoding="utf-8")
    Path("new.yaml").write_text(NEW, encoding="utf-8")
    ran = run("diff", "old.yaml", "new.yaml")
    assert (ran.status, ran.err) == (1, "")
    lines = ran.out.splitlines()
    assert lines[0] == (
        "old.yaml: a.schedule and new.yaml: a.schedule: the same, on the first 91 ticks"
    )
    assert lines[1:6] == [
        "old.yaml: b_schedule and new.yaml: b_schedule differ",
        "  A: hold 5",
        "  B: hold 6 to=0.5x",
        "  first at tick 0: 1 and 0.5 (0.5 times as much)",
        "  most at tick 0: 1 and 0.5 (0.5 times as much)",
    ]
    assert lines[-2:] == ["only in old.yaml: c_schedule", "only in new.yaml: d_schedule"]
    same = run("diff", "old.yaml", "new.yaml", "--key", "a.schedule")
    assert same.status == 0
    assert run("diff", "old.yaml", "old.yaml").status == 0


def test_a_file_and_a_line(run: Run) -> None:
    Path("one.yaml").write_text("schedule: cosine 90\n", encoding="utf-8")
    says = "one.yaml: schedule and B: the same, on the first 91 ticks\n"
    assert run("diff", "one.yaml", "cosine 90 min=0") == Ran(0, says, "")


@pytest.fixture
def repository(run: Run) -> Run:
    """Runs a command in a repository of git whose config was changed."""
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]

    def git(*command: str) -> None:
        subprocess.run(["git", *who, *command], check=True)

    git("init", "-q", ".")
    for line in ("cosine 80", "cosine 90"):
        Path("config.yaml").write_text(f"schedule: {line}\n", encoding="utf-8")
        git("add", "config.yaml")
        git("commit", "-q", "-m", line)
    return run


def test_a_file_at_two_revisions(repository: Run) -> None:
    ran = repository("diff", "HEAD~1:config.yaml", "HEAD:config.yaml")
    assert (ran.status, ran.err) == (1, "")
    assert ran.out.startswith(
        "HEAD~1:config.yaml: schedule and HEAD:config.yaml: schedule differ\n"
        "  A: cosine 80\n  B: cosine 90\n"
    )
    assert repository("diff", "HEAD:config.yaml", "config.yaml").status == 0
    assert repository("check", "HEAD:config.yaml") == Ran(
        0, "HEAD:config.yaml: schedule: fine: cosine 90\n", ""
    )
    assert repository("diff", "HEAD:no.yaml", "config.yaml") == Ran(
        2, "", "error: cannot read HEAD:no.yaml: path 'no.yaml' does not exist in 'HEAD'\n"
    )
    assert repository("diff", "--", "--output=x:a.yaml", "config.yaml").status == 2
    assert not Path("x:a.yaml").exists()
