"""What each command prints, where, and with which exit status."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given

from schedlang.cli import run as command_line
from schedlang.cli.inputs import is_folder
from tests.cases import CASES, PLATEAUS, Case
from tests.cli.running import Ran, Run, start
from tests.strategies import texts

FLAGSHIP = "warmup linear 10 -> cosine 90 min=1e-4"

FILES = {
    "config.yaml": (
        "train:\n  epochs: 100\n"
        "  lr_schedule: warmup linear 10 -> cosine 90 min=1e-4  # a comment\n"
        "runs:\n  - schedule: cosine 90\n  - schedule: cosin 90\n"
    ),
    "config.toml": '[train]\nlr_schedule = "warmup 5% -> hold rest -> decay sqrt 20%"\n',
    "config.json": json.dumps(
        {"train": {"lr_schedule": {"stages": [{"kind": "cosine", "duration": 90}]}}}
    ),
    "wrong.json": json.dumps({"lr": {"stages": [{"kind": "cosine", "duration": 90, "mn": 0}]}}),
    "whole.yaml": "warmup 10 -> cosine 90",
    "tree.json": json.dumps({"total": 100, "stages": [{"kind": "cosine", "duration": "rest"}]}),
    "numbers.yaml": "a: 1\nb: [true, x, linear, some words, 10 -> 20]\nc: step gama=1\n",
    "nothing.yaml": "a: 1\n",
    "broken.yaml": "a: [1",
    "round.yaml": "a: &a [*a, cosine 90]\n",
    "bomb.yaml": "a0: &a0 [x, y]\n"
    + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 20)),
    "config.cfg": "cosine 90",
}


@pytest.fixture
def files(run: Run) -> None:
    """The files that the tests speak of, in the folder of the command."""
    for name, text in FILES.items():
        Path(name).write_text(text, encoding="utf-8")


FINE: list[tuple[list[str], str]] = [
    (["check", FLAGSHIP], f"fine: {FLAGSHIP}\n"),
    (["check", "cosine 90", "decay 10"], "fine: cosine 90\nfine: decay linear 10\n"),
    (
        ["check", "warmup 5% -> cosine rest"],
        (
            "fine: warmup linear 5% -> cosine rest\n"
            "  still open: `5%` needs a total: set --total\n"
            "  still open: `rest` needs a total: set --total\n"
        ),
    ),
    (
        ["check", "warmup 5% -> cosine rest", "--total", "100"],
        "fine: warmup linear 5% -> cosine rest\n",
    ),
    (
        ["check", "cosine 2B tok -> hold 1k ex"],
        (
            "fine: cosine 2B tok -> hold 1000ex\n"
            "  still open: `2B tok` needs `tokens_per_step`:"
            " set tokens_per_step= in the line, or --tokens-per-step\n"
            "  still open: `1000ex` needs `samples_per_step`:"
            " set samples_per_step= in the line, or --samples-per-step\n"
        ),
    ),
    (
        ["check", "config.yaml", "--key", "train.lr_schedule"],
        f"config.yaml: train.lr_schedule: fine: {FLAGSHIP}\n",
    ),
    (
        ["check", "whole.yaml", "tree.json"],
        (
            "whole.yaml: fine: warmup linear 10 -> cosine 90\n"
            "tree.json: fine: total=100 | cosine rest\n"
        ),
    ),
    (["fmt", "warmup   10->cosine 90 min=0.0001"], f"{FLAGSHIP}\n"),
    (["fmt", "config.yaml", "--key", "runs[0].schedule"], "cosine 90\n"),
    (["fmt", "config.yaml", "--key", "runs.0.schedule"], "cosine 90\n"),
    (
        ["fmt", "config.toml", "--key", "train.lr_schedule"],
        "warmup linear 5% -> hold rest -> decay sqrt 20%\n",
    ),
    (["fmt", "config.json", "--key", "train.lr_schedule"], "cosine 90\n"),
    (["fmt", "tree.json"], "total=100 | cosine rest\n"),
    (["--version"], "schedlang 0.1.0\n"),
]


@pytest.mark.parametrize(("arguments", "out"), FINE, ids=lambda value: str(value)[:60])
@pytest.mark.usefixtures("files")
def test_fine(run: Run, arguments: list[str], out: str) -> None:
    assert run(*arguments) == Ran(0, out, "")


WRONG: list[tuple[list[str], str, str]] = [
    (
        ["check", "warmup linear 10 -> cosin 90 min=1e-4"],
        "",
        """\
error[unknown-phase]: there is no phase called `cosin`
  |
1 | warmup linear 10 -> cosin 90 min=1e-4
  |                     ^^^^^ did you mean `cosine`?
""",
    ),
    (
        ["check", "config.yaml", "--key", "runs[1].schedule"],
        "",
        """\
config.yaml:6:15: error[unknown-phase]: there is no phase called `cosin`
  |
6 |   - schedule: cosin 90
  |               ^^^^^ did you mean `cosine`?
""",
    ),
    (
        ["check", "wrong.json", "--key", "lr"],
        "",
        """\
wrong.json:1:61: error[unknown-argument]: `cosine` has no argument `mn`
  |
1 | {"lr": {"stages": [{"kind": "cosine", "duration": 90, "mn": 0}]}}
  |                                                             ^ did you mean `min`?
""",
    ),
    (
        ["check", "config.yaml", "--key", "train.epochs"],
        "",
        """\
config.yaml:2:11: error[wrong-type]: expected a line of text or its dict form, not `100`
  |
2 |   epochs: 100
  |           ^^^
""",
    ),
    (  # the others have their say
        ["check", "cosine", "hold 10"],
        "fine: hold 10\n",
        """\
error[no-duration]: `cosine` needs a duration
  |
1 | cosine
  | ^^^^^^ write cosine 90, or cosine rest
""",
    ),
    (  # found only when it is bound, though the base rate is not known
        ["check", "total=50 | warmup 10 -> cosine 90 min=1e-4"],
        "",
        """\
error[total-exceeded]: the phases take 100 ticks, but the total is 50 ticks
  |
1 | total=50 | warmup 10 -> cosine 90 min=1e-4
  |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ shorten a phase, or increase total=
""",
    ),
    (
        ["show", FLAGSHIP],
        "",
        """\
error[no-base]: `1e-4` is an absolute rate, and no base rate is known
  |
1 | warmup linear 10 -> cosine 90 min=1e-4
  |                                   ^^^^ set --lr, or write only shares or only absolute levels
""",
    ),
    (
        ["plot", "lr=0.1 | cosine 90", "--lr", "0.2"],
        "",
        """\
error[conflicting-settings]: `lr` is given twice: lr=0.1 in the line, --lr 0.2 as an option
  |
1 | lr=0.1 | cosine 90
  |    ^^^ give it once
""",
    ),
]


@pytest.mark.parametrize(("arguments", "out", "err"), WRONG, ids=lambda value: str(value)[:60])
@pytest.mark.usefixtures("files")
def test_wrong_schedule(run: Run, arguments: list[str], out: str, err: str) -> None:
    assert run(*arguments) == Ran(1, out, err)


MISUSED: list[tuple[list[str], str]] = [
    (["check", "no.yaml"], "cannot read no.yaml: No such file or directory"),
    (["check", "config.cfg"], "config.cfg is not a .json, .toml, .yaml, .yml file"),
    (
        ["check", "cosine 90", "--key", "lr"],
        "--key needs a file, not the line `cosine 90`",
    ),
    (
        ["show", "config.yaml"],
        (
            "config.yaml contains several schedules; choose one:"
            " --key train.lr_schedule or --key runs.0.schedule or --key runs.1.schedule"
        ),
    ),
    (
        ["check", "bomb.yaml"],
        (
            "bomb.yaml contains nothing that looks like a schedule;"
            " give its key, such as --key train.lr_schedule"
        ),
    ),
    (
        ["check", "numbers.yaml"],
        "numbers.yaml contains several schedules; choose one: --key b.4 or --key c",
    ),
    (
        ["fmt", "config.yaml", "--key", "train.lr_shedule"],
        "`train` has no `lr_shedule`: did you mean `lr_schedule`?",
    ),
    (
        ["fmt", "config.yaml", "--key", "model.lr"],
        "config.yaml has no `model`: known: runs, train",
    ),
    (
        ["fmt", "config.yaml", "--key", "train.epochs.x"],
        "`train.epochs` has no `x`: nothing is inside it",
    ),
    (["show", "cosine 90", "--lr", "fast"], "--lr: expected a number, not `fast`"),
    (["show", "cosine 90", "--lr", "0"], "--lr: `0` is not above 0"),
    (
        ["show", "cosine 90", "--clock", "day"],
        "--clock: `clock` cannot be `day` (one of step, epoch)",
    ),
    (
        ["show", "cosine 90", "--steps-per-epoch", "1.5"],
        "--steps-per-epoch: `1.5` is not a whole number of at least 1",
    ),
    (
        ["emit", "caffe", "cosine 90"],
        "TARGET: `caffe` is not one of torch, keras, optax, python",
    ),
    (
        ["emit", "python", "cosine 90", "--style", "loose"],
        "--style: `loose` is not one of native, closed-form",
    ),
    (
        ["show", "cosine 90", "--jason", "-x"],
        "there is no option `--jason`: did you mean `--json`?",
    ),
    (["--verison"], "there is no option `--verison`: did you mean `--version`?"),
    (
        ["fmt", "cosine 90", "--total", "5"],
        (
            "there is no option `--total`:"
            " known: --by-key, --check, --help, --key, --quiet, --write, -h, -q"
        ),
    ),
    (
        ["check"],
        (
            "`check` needs a line of text in quotes, a YAML, TOML or JSON file,"
            " or - for standard input"
        ),
    ),
    (["chek", "cosine 90"], "there is no command `chek`: did you mean `check`?"),
    (["plot", "hold", "--ticks", "0"], "--ticks: `0` is not a whole number of at least 1"),
    (
        ["emit", "python", "cosine 90", "--function", "1st"],
        "--function: `1st` is not a name of Python",
    ),
]


@pytest.mark.parametrize(("arguments", "says"), MISUSED, ids=lambda value: str(value)[:60])
@pytest.mark.usefixtures("files")
def test_misuse(run: Run, arguments: list[str], says: str) -> None:
    assert run(*arguments) == Ran(2, "", f"error: {says}\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "broken.yaml"], "broken.yaml:2:1: this is not valid yaml: "),
        (["plot", "cosine 90", "-o", "a.xyz"], "cannot write a.xyz: Format 'xyz' is not supported"),
        (
            ["plot", "cosine 90", "-o", "no/a.svg"],
            "cannot write no/a.svg: No such file or directory\n",
        ),
        (["check", "cosine 90", "--lr"], "--lr: expected one argument"),
        (["emit"], "the following arguments are required: TARGET"),
        (["fmt", "cosine 90", "--check", "--write"], "not allowed with argument --check"),
    ],
)
@pytest.mark.usefixtures("files")
def test_misuse_in_words_of_others(run: Run, arguments: list[str], says: str) -> None:
    ran = run(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert says in ran.err


def test_a_warning_is_said_once_on_standard_error(run: Run) -> None:
    assert run("check", "cosine 90", "--total", "50") == Ran(
        0,
        "fine: cosine 90\n",
        "warning: the phases take 90 ticks, but the total is 50 ticks: training ends first\n",
    )


def test_show(run: Run) -> None:
    ran = run("show", "warmup 10 from=0 -> decay 90 min=1e-4", "--lr", "0.1", "--clock", "epoch")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "warmup linear 10 from=0 -> decay linear 90 min=1e-4",
        "100 ticks, then the end level holds; one tick is one epoch; the base rate is 0.1",
        "",
        " phase                      ticks     rate         formula",
        " " + "─" * 79,
        " warmup linear 10 from=0    0 … 9     0 → 0.1      0.1 * (t / 10)",
        " decay linear 90 min=1e-4   10 … 99   0.1 → 1e-4   0.1 + (1e-4 - 0.1) * (t / 90)",
        "                            100 …     1e-4         1e-4",
        "",
        "t is the number of ticks since the phase began.",
    ]


SHOWN: list[tuple[str, list[str]]] = [
    ("cosine 90", ["rates are shares of the base (set --lr)"]),
    (
        "cosine 9 from=0.996 to=1",
        [
            "9 ticks, then the end level holds",
            "; the values are absolute, and need no base rate\n",
            "   ticks   value       formula",
        ],
    ),
    ("linear 10 every=4 to=20%", ["1 → 0.2 ", "1 + (0.2 - 1) * (t // 4 * 4 / 10)"]),
    ("exp 9 to=1% every=2", ["1 → 0.01 "]),
    ("hold 1 to=50% -> (warmup sqrt 9 from=0 every=2) * hold 3", ["0 → 0.5 "]),
    ("exp 4 gamma=0.5 every=2", ["1 → 0.25 "]),
    ("hold", ["never ends; one tick is one call of step()"]),
    (
        "(cosine 20 -> linear 20 to=1x) x inf",
        ["… repeats forever, 40 ticks each   0 …"],
    ),
    (
        "(warmup 5 from=0 -> hold) * (step every=3 gamma=0.5)",
        ["factor", "0.5 ** (t // 3)", "The rate at a tick is the product of the tables"],
    ),
    ("onecycle 10 momentum=[0.85, 0.95]", ["momentum", "0.95 → 0.95"]),
    (
        "warmup 5 -> plateau factor=0.5",
        [
            (
                "From tick 5 on, reductions depend on `val_loss` (mode=min, factor=0.5,"
                " patience=10, threshold=1e-4, cooldown=0, min=0, eps=1e-8, threshold_mode=rel);"
                " the values shown assume that it always improves."
            )
        ],
    ),
    ("(linear 1 -> linear 1 to=1x) x 600", ["… 600 rounds, 2 ticks each"]),
    ("(step 4 every=2 gamma=0.999) x 1001", ["… and more: these are the first 1,000 rows."]),
]


@pytest.mark.parametrize(("text", "parts"), SHOWN)
def test_show_says(run: Run, text: str, parts: list[str]) -> None:
    ran = run("show", text)
    assert (ran.status, ran.err) == (0, "")
    for part in parts:
        assert part in ran.out


@pytest.mark.parametrize("case", [*CASES, *PLATEAUS], ids=str)
def test_every_case_is_shown_and_drawn(run: Run, case: Case) -> None:
    options = ["--lr", str(case.lr)]
    for name, value in case.binding.items():
        options += [f"--{name.replace('_', '-')}", str(value)]
    shown = run("show", case.text, *options)
    assert (shown.status, shown.err) == (0, "")
    program = case.bind()
    for piece in program.pieces:
        assert piece.text in shown.out
    drawn = run("plot", case.text, *options)
    assert (drawn.status, drawn.err) == (0, "")
    assert any("\u2800" < char <= "\u28ff" for char in drawn.out)


def test_plot_in_the_terminal(run: Run) -> None:
    ran = run("plot", "cosine 90", "--lr", "0.1")
    assert (ran.status, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0].strip() == "cosine 90"
    assert max(map(len, lines)) <= 80
    assert lines[2].startswith("  0.1┤⠉")
    assert re.fullmatch("learning rate +ticks: calls of step[(][)]", lines[-1])


def test_pictures_are_the_same_each_time(run: Run) -> None:
    for name in ("a.svg", "b.svg", "a.png"):
        assert run("plot", FLAGSHIP, "--lr", "0.1", "-o", name) == Ran(0, "", "")
    assert Path("a.svg").read_bytes() == Path("b.svg").read_bytes()
    assert b"<title>warmup linear 10 -&gt; cosine 90 min=1e-4</title>" in Path("a.svg").read_bytes()
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_needs_matplotlib(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    ran = run("plot", "cosine 90", "-o", "a.svg")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "error: a picture needs matplotlib: pip install 'schedlang[plot]'\n"


def test_show_leaves_the_dust_of_rounding_out(run: Run) -> None:
    ran = run("show", "hold 10 -> decay sqrt 20 min=10%", "--lr", "6e-4")
    assert "6e-4 + (6e-5 - 6e-4) * sqrt(t / 20)" in ran.out
    assert "5.9999999" not in ran.out


def test_emit_is_the_schedules_own(run: Run) -> None:
    import schedlang

    ran = run("emit", "python", FLAGSHIP, "--lr", "0.1", "--function", "rate")
    assert ran.status == 0
    assert ran.out == schedlang.parse(FLAGSHIP).emit("python", lr=0.1, function="rate")


@pytest.mark.parametrize("target", ["torch", "keras", "optax"])
def test_the_style_of_what_is_emitted(run: Run, target: Any) -> None:
    import schedlang

    options = ("--lr", "0.1", "--style", "closed-form", "--function", "made")
    ran = run("emit", target, FLAGSHIP, *options)
    native = schedlang.parse(FLAGSHIP).emit(target, lr=0.1, function="made")
    closed = schedlang.parse(FLAGSHIP).emit(target, lr=0.1, style="closed-form", function="made")
    assert ran.out == closed != native


def test_emit_says_what_a_target_cannot_do(run: Run) -> None:
    ran = run("emit", "python", "warmup 5 -> plateau", "--lr", "0.1")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("error: ")
    assert "plateau" in ran.err


@given(text=texts())
def test_no_text_makes_a_traceback(text: str) -> None:
    assume(not is_folder(text))
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        status = command_line(["check", "--", text])
    assert status in {0, 1, 2}
    assert (out.getvalue().startswith("fine: ")) is (status == 0)
    assert ("rror" in err.getvalue()) is (status != 0)


# ── As a process ─────────────────────────────────────────────────────────────────────────────────


def test_as_a_module() -> None:
    assert start("fmt", "cosine  90") == Ran(0, "cosine 90\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "(warmup 10 from=0 -> cosine 90) x 400"],
        ["plot", "cosine 90"],
        ["fmt", "long.yaml"],
    ],
)
def test_a_closed_pipe_is_no_error(arguments: list[str], tmp_path: Path) -> None:
    """`schedlang … | head -1`: no message, and the status that a shell reports for SIGPIPE."""
    (tmp_path / "long.yaml").write_text(" -> ".join(["cosine 90 from=1x"] * 10_000))
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        assert start(*arguments, stdout=pipe, cwd=tmp_path) == Ran(141, "", "")


@pytest.mark.parametrize(
    ("environment", "coloured"), [({"TERM": "xterm-256color"}, True), ({"NO_COLOR": "1"}, False)]
)
def test_colours_on_a_terminal(environment: dict[str, str], coloured: bool) -> None:
    master, slave = pty.openpty()
    surroundings = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    subprocess.run(
        [sys.executable, "-m", "schedlang", "check", "cosin 90"],
        stderr=slave,
        stdout=subprocess.DEVNULL,
        env={**surroundings, "TERM": "xterm-256color", **environment},
        check=False,
    )
    os.close(slave)
    said = os.read(master, 10_000)
    os.close(master)
    assert b"there is no phase called `cosin`" in said
    assert (b"\x1b[" in said) is coloured


def test_no_colours_elsewhere() -> None:
    ran = start("check", "cosin 90", environ={"TERM": "xterm-256color"})
    assert ran.status == 1
    assert "\x1b[" not in ran.err
