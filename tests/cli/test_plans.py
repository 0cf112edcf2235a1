"""Commands on plans: from files, from text, line by line."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import schedlang
from schedlang import plot
from schedlang.cli.files import ConfigFile
from schedlang.cli.find_schedules import by_key, chosen
from schedlang.cli.pairing import example
from schedlang.patterns import fits
from tests.cli.running import Ran, Run

PLAN = """\
# the run
schedule:
  total: 100ep
  lr:
    backbone*: hold 5ep to=0->warmup 5ep -> cosine rest min=1%
    "*": "warmup 5ep -> cosine rest"   # the head
  weight_decay: cosine 100% to=10x
  values:
    teacher: cosine 100% from=0.996 to=1
"""
WRONG = """\
a:
  schedule:
    lr:
      backbone*: cosin 90
      "*": "cosine 90 minn=1%"
      7: cosine 60 -> cosine 70 mx=2
    weight_decay: >
      cosine 90
      foo=3
    total: 100 eep
    totl: 5
    eps: {stages: [{kind: hold, t: 5}]}
    values: {"ä.b": "hold to=2x"}
    values: {"ä.b": "holt to=2"}
"""
MISTAKES = """\
wrong.yaml:14:13: error[double-argument]: the key `values` is given twice
   |
14 |     values: {"ä.b": "holt to=2"}
   |             ^^^^^^^^^^^^^^^^^^^^

wrong.yaml:10:12: error[unknown-unit]: there is no unit called `eep`
  at total
   |
10 |     total: 100 eep
   |            ^^^^^^^ did you mean `ep`?

wrong.yaml:4:18: error[unknown-phase]: there is no phase called `cosin`
  at lr.backbone*
  |
4 |       backbone*: cosin 90
  |                  ^^^^^ did you mean `cosine`?

wrong.yaml:5:23: error[unknown-argument]: `cosine` has no argument `minn`
  at lr.*
  |
5 |       "*": "cosine 90 minn=1%"
  |                       ^^^^ did you mean `min`?

wrong.yaml:6:33: error[unknown-argument]: `cosine` has no argument `mx`
  at lr.7
  |
6 |       7: cosine 60 -> cosine 70 mx=2
  |                                 ^^ known: every, from, min, skip, to

wrong.yaml:9:7: error[unknown-argument]: `cosine` has no argument `foo`
  at weight_decay
  |
9 |       foo=3
  |       ^^^ known: every, from, min, skip, to

wrong.yaml:11:11: error[wrong-type]: expected a line of text or its dict form, not `5`
  at totl
   |
11 |     totl: 5
   |           ^ did you mean `total`?

wrong.yaml:12:36: error[unknown-argument]: `hold` has no argument `t`
  at eps
   |
12 |     eps: {stages: [{kind: hold, t: 5}]}
   |                                    ^ did you mean `to`?

wrong.yaml:14:22: error[unknown-phase]: there is no phase called `holt`
  at values.ä.b
   |
14 |     values: {"ä.b": "holt to=2"}
   |                      ^^^^ did you mean `hold`?
"""
FINE = """\
plan.yaml: schedule: fine:
  total: 100ep
  lr:
    backbone*: hold 5ep to=0 -> warmup linear 5ep -> cosine rest min=1%
    '*': warmup linear 5ep -> cosine rest
  weight_decay: cosine 100% to=10x
  values:
    teacher: cosine 100% from=0.996 to=1
"""
FILES = {
    "plan.yaml": PLAN,
    "wrong.yaml": WRONG,
    "wrong.json": '{"schedule": {"lr": "cosine 9\\u0030 minn=1%", "eps": "hold"}}',
    "wrong.toml": 'schedule = {lr = "cosine 90 minn=1%", eps = 3}\n',
    "open.yaml": "lr: cosine rest\nmomentum: warmup 3ep\n",
    "units.yaml": "schedule: {lr: cosine 90, weight_decay: cosine 5ep}\n",
    "conflict.yaml": "total: 90\nlr: total=80 | cosine rest\n",
    "notes.yaml": "schedule: {lr: cosine 90ep min=5%, weight_decay: cosine 90ep min=5%}\n",
}


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_text(content, encoding="utf-8")


CHECKED: list[tuple[list[str], Ran]] = [
    (["plan.yaml"], Ran(0, FINE, "")),
    (["plan.yaml", "--key", "schedule"], Ran(0, FINE, "")),
    (["plan.yaml", "--quiet"], Ran(0, "", "")),
    (["wrong.yaml"], Ran(1, "", MISTAKES)),
    (["{lr: cosine 90, eps: hold}"], Ran(0, "fine:\n  lr: cosine 90\n  eps: hold\n", "")),
    (
        ["wrong.json"],
        Ran(
            1,
            "",
            "wrong.json:1:37: error[unknown-argument]: `cosine` has no argument `minn`\n  at lr\n"
            "  |\n"
            '1 | {"schedule": {"lr": "cosine 9\\u0030 minn=1%", "eps": "hold"}}\n'
            "  |                                     ^^^^ did you mean `min`?\n",
        ),
    ),
    (
        ["wrong.toml"],
        Ran(
            1,
            "",
            "wrong.toml:1:29: error[unknown-argument]: `cosine` has no argument `minn`\n  at lr\n"
            '  |\n1 | schedule = {lr = "cosine 90 minn=1%", eps = 3}\n'
            "  |                             ^^^^ did you mean `min`?\n\n"
            "wrong.toml:1:45: error[wrong-type]: "
            "expected a line of text or its dict form, not `3`\n  at eps\n"
            '  |\n1 | schedule = {lr = "cosine 90 minn=1%", eps = 3}\n'
            "  |                                             ^ write a line, such as hold to=0.1\n",
        ),
    ),
    (
        ["{lr: cosine 9, eps: 'holt'}"],
        Ran(
            1,
            "",
            "error[unknown-phase]: there is no phase called `holt`\n  at eps\n"
            "  |\n1 | {lr: cosine 9, eps: 'holt'}\n"
            "  |                      ^^^^ did you mean `hold`?\n",
        ),
    ),
    (
        ["open.yaml"],
        Ran(
            0,
            "open.yaml: fine:\n  lr: cosine rest\n  momentum: warmup linear 3ep\n"
            "  still open: `rest` needs a total: set --total\n",
            "",
        ),
    ),
    (
        ["plan.yaml", "--total", "90ep", "-q"],
        Ran(
            1,
            "",
            "plan.yaml:3:10: error[conflicting-settings]: `total` is given twice: total=100ep in "
            "the line, --total 90ep as an option\n  at total\n"
            "  |\n3 |   total: 100ep\n  |          ^^^^^ give it once\n",
        ),
    ),
    (
        ["conflict.yaml"],
        Ran(
            1,
            "",
            "conflict.yaml:2:11: error[conflicting-settings]: `total` is given twice: 90 in the "
            "plan, 80 in `lr`\n  at lr\n"
            "  |\n2 | lr: total=80 | cosine rest\n  |           ^^ give it once\n",
        ),
    ),
    (
        ["units.yaml", "--clock", "epoch"],
        Ran(
            0,
            "units.yaml: schedule: fine:\n  clock: epoch\n  lr: cosine 90\n"
            "  weight_decay: cosine 5ep\n",
            "",
        ),
    ),
    (
        ["{}"],
        Ran(
            1,
            "",
            "error[empty]: there is no line in this plan\n"
            "  |\n1 | {}\n  | ^^ write one for a hyperparameter: lr: cosine 90\n",
        ),
    ),
    (
        ["{lr: [}"],
        Ran(
            2,
            "",
            "error: the text:1:7: this is not valid yaml: did not find expected node content\n",
        ),
    ),
    (
        ["{lr: cosine 90}", "--key", "lr"],
        Ran(2, "", "error: --key needs a file, not the plan `{lr: cosine 90}`\n"),
    ),
]


@pytest.mark.parametrize(("arguments", "expected"), CHECKED)
def test_check(run: Run, arguments: list[str], expected: Ran) -> None:
    assert run("check", *arguments) == expected


def test_lint_looks_at_the_lines_of_the_rate(run: Run) -> None:
    ran = run("lint", "notes.yaml")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith(
        "notes.yaml:1:32: warning[floor]: this floor is 5% of the base rate\n"
    )
    assert ran.err.count("warning[") == 1


def test_lint_of_a_text(run: Run) -> None:
    ran = run("check", "--lint", "{lr: cosine 90ep min=5%}")
    assert ran.err.startswith("warning[floor]: this floor is 5% of the base rate\n  |\n1 | {lr:")


def test_the_key_of_the_line_for_other_programs(run: Run) -> None:
    (report,) = json.loads(run("check", "wrong.toml", "--format", "json").out)
    assert [each["in_plan"] for each in report["errors"]] == ["lr", "eps"]
    (first, _) = run("check", "wrong.toml", "--format", "github").out.splitlines()
    place = (
        "file=wrong.toml,title=schedlang%3A unknown-argument,line=1,col=29,endLine=1,endColumn=33"
    )
    assert first == f"::error {place}::lr: `cosine` has no argument `minn`%0Adid you mean `min`?"


# ── Where plans are found ────────────────────────────────────────────────────────────────────────

FOUND: list[tuple[str, list[str]]] = [
    ("schedule: {lr: cosin 90}", ["schedule"]),
    ("schedule: {lr: hold}", ["schedule"]),
    ("schedule: {lr: {a: cosin 90}}", ["schedule"]),
    ("schedule: {values: {a: hold 3 to=2}}", ["schedule"]),
    ("schedule: {rho: cosine 90, total: 3}", ["schedule"]),
    ("train: {lr_schedule: {momentum: cosine 90 -> hld}}", ["train.lr_schedule"]),
    ("lr: cosine 90\nmomentum: hold\n", []),  # in a folder, only keys count
    # other programs' settings
    ("schedule: {interval: weekly, day: monday}", []),
    ("schedule: {name: plateau, patience: 10}", []),
    ("schedule: {type: cosine, lr: 0.1, lr_end: '1e-5'}", []),
    ("schedule: {lr: '1e-5', momentum: null}", []),
    ("schedule: {lr: {base: 0.1, end: 0.2}}", []),
    ("beta_schedule: {note: a b c}", []),
    ("schedule: {lr: '${lr}', momentum: cosine 90}", []),
    ("schedule: [{cron: '0 3 * * *'}]", []),
    # schedules inside of what only looks like a key of one
    ("schedule: {lr_schedule: cosine 90, epochs: 5}", ["schedule.lr_schedule"]),
    ("schedule: {train: {lr_schedule: cosine 90}}", ["schedule.train.lr_schedule"]),
]


@pytest.mark.parametrize(("content", "keys"), FOUND)
def test_what_is_a_plan_in_a_folder(content: str, keys: list[str]) -> None:
    assert [key for _, key in by_key(ConfigFile("f.yaml", content, ".yaml"))] == keys


WHOLE: list[tuple[str, str | None]] = [
    ("lr: cosine 90\nmomentum: hold\n", None),
    ("total: 90\nlr: cosine rest\n", None),
    ("lr: {backbone*: cosin 90, '*': hold}\n", None),
    ("lr: cosine 90\n", "lr"),
    ("lr: cosine 90\nepochs: 90\n", "lr"),
]


@pytest.mark.parametrize(("content", "key"), WHOLE)
def test_a_file_that_is_nothing_but_a_plan(content: str, key: str | None) -> None:
    ((_, found),) = chosen(ConfigFile("f.yaml", content, ".yaml"), None)
    assert found == key


def test_a_folder(run: Run, tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    for name in ("plan.yaml", "wrong.yaml"):
        (tmp_path / "configs" / name).write_text(FILES[name], encoding="utf-8")
    ran = run("check", "configs")
    assert ran == Ran(1, f"configs/{FINE}", MISTAKES.replace("wrong.yaml", "configs/wrong.yaml"))


# ── explain ──────────────────────────────────────────────────────────────────────────────────────

EXPLAINED = """\
lr.0: hold

  It is for parameter group 0.
  One tick is one epoch.
  It never ends.
  The run has 10 ticks.
  The base rate is 0.1.

What happens
  from tick 0 on: the rate stays at 0.1

lr.back*: warmup linear 5ep -> cosine rest

  It is for the parameter groups whose names match `back*`.
  One tick is one epoch.
  It lasts 10 ticks; then the end level holds.
  The base rate is 0.1.

What happens
  ticks 0 to 4: the rate rises in a straight line from 1e-4 to 0.1 at tick 5
  ticks 5 to 9: the rate falls along half a cosine wave from 0.1 to 0 at tick 10
  from tick 10 on: the rate stays at 0

lr.*: plateau

  It is for the parameter groups that match no line above.
  One tick is one epoch.
  It never ends.
  The run has 10 ticks.
  The base rate is 0.1.

What happens
  from tick 0 on: the rate stays at 0.1 (`plateau`)

  From tick 0 on, reductions depend on `val_loss` (mode=min, factor=0.1, patience=10, \
threshold=1e-4, cooldown=0, min=0, eps=1e-8, threshold_mode=rel); \
the values shown assume that it always improves.

weight_decay: lr=0.04 | hold 5ep -> linear 50% to=10x

  One tick is one epoch.
  It lasts 10 ticks; then the end level holds.
  The base is 0.04.

Lengths
  50% is 5 ticks (10 in all)

What happens
  ticks 0 to 4: the weight_decay stays at 0.04
  ticks 5 to 9: the weight_decay rises in a straight line from 0.04 to 0.4 at tick 10
  from tick 10 on: the weight_decay stays at 0.4

values.teacher: hold to=0.5

  It is a value of your own, and belongs to no optimizer.
  One tick is one epoch.
  It never ends.
  The run has 10 ticks.
  The values are absolute.

What happens
  from tick 0 on: the teacher stays at 0.5

What each target uses
  PyTorch  one fused scheduler of schedlang:
             PyTorch's own classes set only the rate, by one line for all groups
  Keras    not possible: Keras has no parameter groups
  optax    not possible: `lr.*` is not a function of the count
"""


def test_explain(run: Run) -> None:
    lines = '0: hold, back*: warmup 5ep -> cosine rest, "*": plateau'
    plan = f"{{total: 10ep, lr: {{{lines}}}, values: {{teacher: hold to=0.5}}, "
    plan += "weight_decay: lr=0.04 | hold 5ep -> linear 50% to=10x}"
    assert run("explain", plan, "--lr", "0.1") == Ran(0, EXPLAINED, "")


MADE_OF: list[tuple[str, str, str]] = [
    # the plan, what Keras and what optax makes of it
    (
        "{lr: hold, weight_decay: cosine 10 to=2x}",
        (
            "ScheduledRate for lr, one LearningRateSchedule of keras.ops (to_keras)\n"
            "           callbacks that set weight_decay (keras_callbacks)"
        ),
        "functions count -> number for inject_hyperparams: learning_rate, weight_decay",
    ),
    (
        "{lr: plateau, beta1: hold}",
        "callbacks that set lr, beta1 (keras_callbacks)",
        "not possible: `lr` is not a function of the count",
    ),
    (
        "{weight_decay: plateau}",
        "not possible: `plateau` of `weight_decay` follows a metric, in a compiled step",
        "not possible: `weight_decay` is not a function of the count",
    ),
    (
        "{rho: hold}",
        "not possible: `rho` cannot be set in a compiled step",
        "functions count -> number for inject_hyperparams: rho",
    ),
    (
        "{beta1: linear 5ep to=2x}",
        "not possible without --steps-per-epoch: it counts updates, but a tick is an epoch",
        "not possible without --steps-per-epoch: it counts updates, but a tick is an epoch",
    ),
    (
        "{lr: {0: hold, 1: hold to=0.5x}}",
        "not possible: Keras has no parameter groups",
        (
            "functions count -> number for inject_hyperparams: learning_rate\n"
            "           those of each group (to_optax(groups=…)), for optax.partition"
        ),
    ),
]


@pytest.mark.parametrize(("plan", "keras", "optax"), MADE_OF)
def test_what_a_plan_is_made_of(run: Run, plan: str, keras: str, optax: str) -> None:
    ran = run("explain", plan)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.endswith(f"  Keras    {keras}\n  optax    {optax}\n")


def test_a_plan_of_one_line_is_made_of_what_the_line_is(run: Run) -> None:
    ends = [
        run("explain", text).out.partition("What each target")[2] for text in ("{lr: hold}", "hold")
    ]
    assert ends[0] == ends[1] != ""


# ── diff ─────────────────────────────────────────────────────────────────────────────────────────

SAME: list[tuple[str, str, str]] = [
    ("{lr: cosine 90}", "cosine 90", "lr"),
    ("cosine 90", "{lr: cosine 90 min=0}", "lr"),
    ("{total: 90, lr: cosine rest}", "{lr: cosine 90, total: 90}", "lr"),
    ("{lr: hold, eps: hold 5}", "{eps: hold 5 to=1x, lr: hold}", "lr, eps"),
    (
        "{lr: {b*: hold, '*': hold 9}, values: {m: hold to=1}}",
        "{lr: {b*: hold, '*': hold 9}, values: {m: hold 5 to=1}}",
        "lr of the groups `b*`, lr of all other groups, values.m",
    ),
    ("{lr: {b*: hold, '*': hold}}", "{lr: hold}", "lr of the groups `b*`, lr of all other groups"),
    ("{lr: {0: hold, '*': hold}}", "{lr: hold}", "lr of group 0, lr of all other groups"),
    (
        "{lr: {b: hold, a*: hold 9}}",  # the order of patterns that exclude each other
        "{lr: {a*: hold 9, b: hold}}",
        "lr of the groups `b`, lr of the groups `a*`",
    ),
]


@pytest.mark.parametrize(("first", "second", "of"), SAME)
def test_the_same(run: Run, first: str, second: str, of: str) -> None:
    assert run("diff", first, second) == Ran(0, f"A and B: the same in {of}\n", "")


DIFFERENT: list[tuple[list[str], list[str]]] = [
    (
        ["{lr: cosine 90, eps: hold}", "{lr: cosine 90, eps: hold 5 to=2x}"],
        [
            "A and B differ in eps",
            "  A: hold",
            "  B: hold 5 to=2x",
            "  first at tick 0: 1 and 2 (2 times as much)",
            "A and B: the same in lr",
        ],
    ),
    (
        ["{total: 10, lr: {b*: cosine rest, '*': hold}}", "{total: 10, lr: hold}", "--lr", "0.1"],
        [
            "A and B differ in lr of the groups `b*`",
            "  A: cosine rest",
            "  first at tick 1: 0.0975528 and 0.1 (+2.51%)",
            "A and B: the same in lr of all other groups",
        ],
    ),
    (
        ["{lr: hold, eps: hold}", "hold"],
        ["A and B differ in eps", "  A: hold", "  B: no line", "A and B: the same in lr"],
    ),
    (
        ["{lr: {b*: hold}}", "{lr: {b*: hold, '*': hold}}"],
        ["A and B differ in lr of all other groups", "  A: no line", "  B: hold"],
    ),
    (
        [
            "{lr: {2: hold, '*': hold}}",
            "{lr: {'*': hold, 2: hold 5 to=2x}}",
        ],  # which is not reached
        [],
    ),
    (
        ["{lr: {b*: hold, '*s': hold 9 to=2x}}", "{lr: {'*s': hold 9 to=2x, b*: hold}}"],
        ["A and B differ in lr of the groups `b*` that are `*s`", "  A: hold", "  B: hold 9 to=2x"],
    ),
    (
        ["{lr: hold, values: {m: hold to=1}}", "{lr: hold, values: {m: hold to=0.9}}"],
        ["A and B differ in values.m", "  first at tick 0: 1 and 0.9 (-10%)"],
    ),
    (
        ["{lr: plateau patience=5, eps: hold}", "{lr: plateau, eps: hold}"],
        ["A and B differ in lr", "  plateau: `plateau patience=5` and `plateau`"],
    ),
]


@pytest.mark.parametrize(("arguments", "parts"), DIFFERENT)
def test_different(run: Run, arguments: list[str], parts: list[str]) -> None:
    ran = run("diff", *arguments)
    assert (ran.status, ran.err) == (int(bool(parts)), "")
    lines = ran.out.splitlines()
    assert [part for part in parts if part not in lines] == []
    assert ("xx B" in ran.out) is ("first at" in ran.out)
    assert ran.out.count("differ in") == sum("differ in" in part for part in parts)


EXAMPLES = [
    ("backbone*", "backbone"), ("*", ""), ("a?c", "axc"), ("[ab]c", "ac"), ("[!ab]c", '"c'),
    ("[a", "[a"), ("[]a]", "]"), ("[!]a]", '"'), ("x[0-9]*y", "x0y"), ("", ""), ("[!!]", '"'),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "name"), EXAMPLES)
def test_a_name_that_fits_a_pattern(pattern: str, name: str) -> None:
    assert example(pattern) == name
    assert fits(pattern, 0, name)


@given(st.text("ab*?[]!-", max_size=8))
def test_names_fit_their_patterns(pattern: str) -> None:
    assume(not re.search(r"\[[^\]]*.-.", pattern))  # a range may be empty, and fit no name
    assert fits(pattern, 0, example(pattern))


def test_plans_at_two_revisions(run: Run) -> None:
    def git(*command: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", *who, *command], check=True)

    git("init", "-q", ".")
    for text in (PLAN, PLAN.replace("to=10x", "to=5x")):
        Path("plan.yaml").write_text(text, encoding="utf-8")
        git("add", "plan.yaml")
        git("commit", "-q", "-m", "plan")
    ran = run("diff", "HEAD~1:plan.yaml", "HEAD:plan.yaml", "--key", "schedule")
    title = "HEAD~1:plan.yaml: schedule and HEAD:plan.yaml: schedule"
    assert (ran.status, ran.err) == (1, "")
    assert ran.out.splitlines()[:4] == [
        f"{title} differ in weight_decay",
        "  A: cosine 100% to=10x",
        "  B: cosine 100% to=5x",
        "  first at tick 1: 1.00222 and 1.00099 (-0.123%)",
    ]
    same = "lr of the groups `backbone*`, lr of all other groups, values.teacher"
    assert ran.out.splitlines()[-1] == f"{title}: the same in {same}"
    assert run("diff", "HEAD:plan.yaml", "plan.yaml").status == 0


def test_a_wrong_plan(run: Run) -> None:
    ran = run("diff", "{lr: cosin 90}", "cosine 90")
    assert (ran.status, ran.out) == (1, "")
    assert "there is no phase called `cosin`" in ran.err
    assert run("diff", "{eps: hold}", "{eps: hold}", "--lr", "0.1").status == 2


# ── show, fmt ────────────────────────────────────────────────────────────────────────────────────

SHOWN = """\
lr.backbone*: hold 5 -> cosine rest
10 ticks, then the end level holds; one tick is one call of step(); the base rate is 0.1

 phase         ticks   rate      formula
 ─────────────────────────────────────────────────────────────────────────
 hold 5        0 … 4   0.1       0.1
 cosine rest   5 … 9   0.1 → 0   0.1 - 0.1 * ((1 - cos(pi * (t / 5))) / 2)
               10 …    0         0

lr.*: hold to=50%
never ends; one tick is one call of step(); the base rate is 0.1

 phase         ticks   rate   formula
 ────────────────────────────────────
 hold to=50%   0 …     0.05   0.05

weight_decay: lr=0.5 | linear 10 to=2x
10 ticks, then the end level holds; one tick is one call of step(); the base is 0.5

 phase             ticks   weight_decay   formula
 ───────────────────────────────────────────────────────────────────
 linear 10 to=2x   0 … 9   0.5 → 1        0.5 + (1 - 0.5) * (t / 10)
                   10 …    1              1

values.tau: hold to=0.5
never ends; one tick is one call of step(); the values are absolute

 phase         ticks   tau   formula
 ───────────────────────────────────
 hold to=0.5   0 …     0.5   0.5

t is the number of ticks since the phase began.
"""
SHORT = """\
{total: 10, lr: {backbone*: hold 5 -> cosine rest, "*": hold to=50%},
 weight_decay: lr=0.5 | linear 10 to=2x, values: {tau: hold to=0.5}}"""


def test_show_has_a_table_for_each_line(run: Run) -> None:
    ran = run("show", SHORT, "--lr", "0.1")
    assert ran == Ran(0, SHOWN, "")


def test_show_as_json(run: Run) -> None:
    shown = json.loads(run("show", SHORT, "--json").out)
    assert set(shown) == {"input", "key", "text", "lines"}
    heads = [(line["of"], line["group"], line["is_value"], line["base"]) for line in shown["lines"]]
    assert heads == [
        ("lr", "backbone*", False, None),
        ("lr", "*", False, None),
        ("weight_decay", None, False, 0.5),
        ("tau", None, True, None),
    ]
    (line,) = json.loads(run("show", "total=10 lr=0.5 | linear 10 to=2x", "--json").out)["tables"]
    assert shown["lines"][2]["tables"] == [line]


def test_shares_of_a_base_that_is_not_known(run: Run) -> None:
    (_, frame, *_) = run("show", "{weight_decay: hold 5}").out.splitlines()
    assert frame.endswith("; the values are shares of the base (set lr= in the line)")


UNBOUND: list[tuple[list[str], Ran]] = [
    (
        ["show", "{rho: hold 5}", "--lr", "0.1"],
        Ran(2, "", "error: --lr is the base of `lr`, but the plan has no line for it\n"),
    ),
    (
        ["show", "open.yaml", "--steps-per-epoch", "5"],
        Ran(
            1,
            "",
            "open.yaml:1:12: error[missing-setting]: `rest` needs a total\n  at lr\n"
            "  |\n1 | lr: cosine rest\n  |            ^^^^ set --total\n",
        ),
    ),
]


@pytest.mark.parametrize(("arguments", "expected"), UNBOUND)
def test_what_cannot_be_shown(run: Run, arguments: list[str], expected: Ran) -> None:
    assert run(*arguments) == expected


CHANGES = [
    ('schedule.lr["backbone*"]', "hold 5ep to=0 -> warmup linear 5ep -> cosine rest min=1%"),
    ('schedule.lr["*"]', "warmup linear 5ep -> cosine rest"),
]


def test_fmt_prints_the_canonical_plan(run: Run) -> None:
    expected = "".join(line[2:] for line in FINE.splitlines(keepends=True)[1:])
    assert run("fmt", "plan.yaml") == Ran(0, expected, "")
    assert run("fmt", "{lr:   cosine   90}") == Ran(0, "lr: cosine 90\n", "")


def test_fmt_check_lists_the_lines(run: Run, tmp_path: Path) -> None:
    listed = "".join(f"plan.yaml: {key}: would become: {line}\n" for key, line in CHANGES)
    assert run("fmt", "--check", "plan.yaml") == Ran(1, listed, "")
    assert (tmp_path / "plan.yaml").read_text(encoding="utf-8") == PLAN


def test_fmt_changes_nothing_but_the_lines(run: Run, tmp_path: Path) -> None:
    listed = "".join(f"plan.yaml: {key}: changed to: {line}\n" for key, line in CHANGES)
    assert run("fmt", "--write", "plan.yaml") == Ran(0, listed, "")
    written = PLAN.replace("to=0->warmup 5ep", "to=0 -> warmup linear 5ep")
    written = written.replace('"warmup 5ep', '"warmup linear 5ep')
    assert (tmp_path / "plan.yaml").read_text(encoding="utf-8") == written
    assert run("fmt", "--write", "plan.yaml") == Ran(0, "", "")


REFUSED: list[tuple[str, str, Ran]] = [
    (
        "schedule:\n  lr: &a cosine  90\n  eps: *a\n",
        "alias.yaml",
        Ran(
            2,
            "",
            "error: alias.yaml: schedule.lr: cannot be changed on its own (an alias repeats it, "
            "or it is written in an unusual way); write `cosine 90` by hand\n"
            "error: alias.yaml: schedule.eps: cannot be changed on its own (an alias repeats it, "
            "or it is written in an unusual way); write `cosine 90` by hand\n",
        ),
    ),
    (
        "schedule:\n  lr: {stages: [{kind: hold}]}\n  eps: hold\n",
        "form.yaml",
        Ran(
            0,
            "form.yaml: schedule.lr: left as it is: only a line of text has a canonical form\n",
            "",
        ),
    ),
]


@pytest.mark.parametrize(("content", "name", "expected"), REFUSED)
def test_what_fmt_leaves_alone(
    run: Run, tmp_path: Path, content: str, name: str, expected: Ran
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert run("fmt", "--write", name) == expected
    assert (tmp_path / name).read_text(encoding="utf-8") == content


def test_fmt_writes_no_plan_of_the_command_line(run: Run) -> None:
    message = "error: --write changes a file, not the plan `{lr: hold}`\n"
    assert run("fmt", "--write", "{lr: hold}") == Ran(2, "", message)


# ── plot ─────────────────────────────────────────────────────────────────────────────────────────

DRAWN = schedlang.Plan(
    lr={"backbone*": "hold 5 to=0 -> warmup 5 -> cosine 20", "*": "cosine 40"},
    weight_decay="cosine 30 to=10x",
    eps="hold to=1e-8",
    values={"tau": "linear 20 from=0.5 to=1"},
)
TITLES = [
    "lr",
    "weight_decay: cosine 30 to=10x",
    "eps: hold to=1e-8",
    "tau: linear 20 from=0.5 to=1",
]


def _curves(figure: Figure) -> list[dict[str, list[float]]]:
    """The curves of each panel by their labels; marks of boundaries are no curves."""
    return [
        {
            "" if str(line.get_label()).startswith("_") else str(line.get_label()): list(
                np.asarray(line.get_ydata())
            )
            for line in ax.lines
            if line.get_color() != plot.INK
        }
        for ax in figure.axes
    ]


def test_a_panel_for_each_hyperparameter_and_a_colour_for_each_group() -> None:
    figure = DRAWN.plot(lr=0.1)
    assert [ax.get_title(loc="left") for ax in figure.axes] == TITLES
    labels = [ax.get_ylabel() for ax in figure.axes]
    assert labels == ["value", "share of the base", "value", "value"]
    assert [ax.get_xlabel() for ax in figure.axes] == ["", "", "", "ticks: calls of step()"]
    (colours, *_) = [{line.get_color() for line in ax.lines} for ax in figure.axes]
    assert colours == set(plot.COLOURS[:2])
    legends = [ax.get_legend() for ax in figure.axes]
    assert [legend is not None for legend in legends] == [True, False, False, False]
    bound = DRAWN.bind(groups=("backbone.0", "head"), lr=0.1)
    expected = [
        {key: program.curve(41).tolist() for key, program in curves.items()}
        for curves in (
            {"backbone*": bound["lr"]["backbone.0"], "*": bound["lr"]["head"]},
            {"": bound["weight_decay"]["head"]},
            {"": bound["eps"]["head"]},
            {"": bound["tau"]},
        )
    ]
    assert _curves(figure) == expected


def test_groups_by_their_names() -> None:
    bases = {"backbone.0": 0.01, "head": 0.1}
    figure = DRAWN.plot(groups=("backbone.0", "head"), lr=bases, ticks=15)
    bound = DRAWN.bind(groups=("backbone.0", "head"), lr=bases)
    (first, *_) = _curves(figure)
    assert first == {name: bound["lr"][name].curve(15).tolist() for name in bases}


@pytest.mark.parametrize("count", [1, 6, 7, 30])
def test_the_legend_fits_beside_its_panel(count: int) -> None:
    lines = {f"layer{i}": f"cosine 90 min={i + 1}%" for i in range(count)}
    figure = schedlang.Plan(lr=lines, eps="hold").plot()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib's
    ax = figure.axes[0]
    assert len({line.get_color() for line in ax.lines}) == count
    legend = ax.get_legend()
    assert legend is not None
    box, inside = legend.get_window_extent(), ax.get_window_extent()
    assert inside.x1 <= box.x0
    assert box.x1 <= figure.bbox.x1 + 1
    assert inside.width > 0.3 * figure.bbox.width


LONGEST: list[tuple[dict[str, str], int]] = [
    ({"lr": "cosine 90", "eps": "hold"}, 90),
    ({"lr": "cosine 9", "eps": "cosine 12"}, 12),
    ({"lr": "multistep at=[400, 800]", "eps": "hold"}, 1000),
    ({"total": "50", "lr": "hold"}, 50),
]


@pytest.mark.parametrize(("plan", "last"), LONGEST)
def test_how_far_the_panels_are_drawn(plan: dict[str, str], last: int) -> None:
    figure = schedlang.Plan(plan).plot()
    assert {np.asarray(ax.lines[0].get_xdata())[-1] for ax in figure.axes} == {last}


def test_a_picture_of_a_plan(run: Run, tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        assert run("plot", SHORT, "--lr", "0.1", "-o", name) == Ran(0, "", "")
    first, second = ((tmp_path / name).read_bytes() for name in ("a.svg", "b.svg"))
    assert first == second
    assert b"<!-- weight_decay: lr=0.5 | linear 10 to=2x -->" in first


IN_TERMINAL = """\
lr
     ┌─────────────────────────────────────────────────────────────────────────┐
  0.1┤ ⢕⢕ backbone* ⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠒⠒⠤⠤⢄⣀⣀                             │
     │ xx *                                       ⠑⠢⢄⡀                         │
0.075┤                                               ⠈⠑⠢⢄⡀                     │
 0.05┤xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx│
     │                                                      ⠈⠒⢄⡀               │
0.025┤                                                         ⠈⠑⠤⣀            │
     │                                                             ⠉⠒⠤⣀        │
    0┤                                                                 ⠉⠒⠒⠤⠤⢄⣀⣀│
     └┬─────────────┬──────────────┬─────────────┬──────────────┬─────────────┬┘
      0             2              4             6              8            10
value                          ticks: calls of step()

weight_decay: lr=0.5 | linear 10 to=2x
    ┌──────────────────────────────────────────────────────────────────────────┐
   1┤                                                           ⣀⣀⣀⣀⣀⣀⣀⠤⠤⠤⠤⠒⠒⠒⠊│
    │                                        ⢀⣀⣀⣀⠤⠤⠤⠤⠤⠤⠤⠔⠒⠒⠒⠊⠉⠉⠉               │
0.75┤                      ⣀⣀⣀⣀⠤⠤⠤⠔⠒⠒⠒⠒⠒⠒⠒⠉⠉⠉⠁                                 │
 0.5┤⣀⣀⣀⣀⣀⣀⣀⡠⠤⠤⠤⠒⠒⠒⠊⠉⠉⠉⠉⠉⠉⠉                                                    │
    │                                                                          │
0.25┤                                                                          │
    │                                                                          │
   0┤                                                                          │
    └┬──────────────┬─────────────┬──────────────┬─────────────┬──────────────┬┘
     0              2             4              6             8             10
value                          ticks: calls of step()

tau: hold to=0.5
   ┌───────────────────────────────────────────────────────────────────────────┐
   │⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉│
0.4┤                                                                           │
   │                                                                           │
   │                                                                           │
0.2┤                                                                           │
   │                                                                           │
   │                                                                           │
  0┤                                                                           │
   └┬──────────────┬──────────────┬─────────────┬──────────────┬──────────────┬┘
    0              2              4             6              8             10
value                         ticks: calls of step()
"""


def test_in_the_terminal(run: Run) -> None:
    assert run("plot", SHORT, "--lr", "0.1") == Ran(0, IN_TERMINAL, "")


def test_a_plan_that_cannot_be_drawn(run: Run) -> None:
    message = "error: cannot write a/b.png: No such file or directory\n"
    assert run("plot", "{lr: cosine 9}", "-o", "a/b.png") == Ran(2, "", message)
    ran = run("plot", "{lr: cosine rest}")
    assert (ran.status, ran.err.splitlines()[:2]) == (
        1,
        ["error[missing-setting]: `rest` needs a total", "  at lr"],
    )


# ── emit ─────────────────────────────────────────────────────────────────────────────────────────


def test_emit_prints_the_source_of_the_plan(run: Run) -> None:
    plan = schedlang.Plan(lr="cosine 9", eps="hold to=1e-8")
    ran = run("emit", "python", "{lr: cosine 9, eps: hold to=1e-8}", "--lr", "0.1")
    assert ran == Ran(0, plan.emit("python", lr=0.1).rstrip() + "\n", "")


NOT_EMITTED: list[tuple[list[str], Ran]] = [
    (
        ["emit", "keras", "{lr: {a*: hold}}"],
        Ran(
            1,
            "",
            "error[groups]: Keras has no parameter groups, and `lr` has lines for `a*`\n  at lr\n"
            "  |\n1 | {lr: {a*: hold}}\n  |      ^^^^^^^^^^ write one line for lr\n",
        ),
    ),
    (
        ["emit", "torch", "{lr: hold}", "--function", "f"],
        Ran(2, "", "error: --function is for a line, but this is a plan\n"),
    ),
    (
        ["emit", "torch", "{eps: hold}", "--lr", "0.1"],
        Ran(2, "", "error: --lr is the base of `lr`, but the plan has no line for it\n"),
    ),
]


@pytest.mark.parametrize(("arguments", "expected"), NOT_EMITTED)
def test_a_plan_that_cannot_be_emitted(run: Run, arguments: list[str], expected: Ran) -> None:
    assert run(*arguments) == expected
