"""How the command line is used: quoting, options, help, JSON, completion."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from schedlang.cli.options import COMMANDS
from tests.cli.running import Ran, Run, start

# ── A line without quotes ────────────────────────────────────────────────────────────────────────

UNQUOTED: list[tuple[list[str], str]] = [
    (["check", "cosine", "90"], 'schedlang check "cosine 90"'),
    (["show", "cosine", "90", "min=1%", "--lr", "0.1"], 'schedlang show "cosine 90 min=1%"'),
    (["emit", "torch", "hold", "5"], 'schedlang emit torch "hold 5"'),
    (["fmt", "cosine", "rest"], 'schedlang fmt "cosine rest"'),
    (["check", "total=9", "|", "cosin", "90"], 'schedlang check "total=9 | cosin 90"'),
    (["plot", "cosine", "x", "y"], 'schedlang plot "cosine x y"'),
    (["fmt", "fn", "9", "{1 - t / T}"], 'schedlang fmt "fn 9 {1 - t / T}"'),
]


@pytest.mark.parametrize(("arguments", "command"), UNQUOTED)
def test_a_line_without_quotes(run: Run, arguments: list[str], command: str) -> None:
    assert run(*arguments) == Ran(2, "", f"error: put the line in quotes: {command}\n")


SEVERAL: list[tuple[list[str], Ran]] = [
    (["check", "hold", "hold"], Ran(0, "fine: hold\nfine: hold\n", "")),
    (
        ["show", "cosine 90", "hold 5"],
        Ran(2, "", "error: `show` takes one schedule, not 2\n"),
    ),
    (
        ["plot", "a.yaml", "b.yaml"],
        Ran(2, "", "error: `plot` takes one schedule, not 2\n"),
    ),
]


@pytest.mark.parametrize(("arguments", "ran"), SEVERAL)
def test_several_schedules(run: Run, arguments: list[str], ran: Ran) -> None:
    assert run(*arguments) == ran


REDIRECTED: list[tuple[str, str, str]] = [
    (
        "show warmup 10 -> cosine 90",
        "cosine",
        'schedlang show "warmup 10 -> cosine 90"',
    ),
    (
        "check warmup 10 -> hold 5 -> cosine 90",
        "cosine",
        'schedlang check "warmup 10 -> … 5 -> cosine 90"',
    ),
]


@pytest.mark.skipif(sys.platform != "linux", reason="finds the file's name under /proc")
@pytest.mark.parametrize(("line", "file", "command"), REDIRECTED)
def test_an_arrow_that_the_shell_has_taken(
    tmp_path: Path, line: str, file: str, command: str
) -> None:
    ran = subprocess.run(
        ["sh", "-c", f"exec '{sys.executable}' -m schedlang {line}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        "error: put the line in quotes, or the shell writes the output to a file:"
        f" `{file}`\n  {command}\n"
    )
    assert (tmp_path / file).read_bytes() == b""


# ── Options ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(run: Run, option: str) -> None:
    assert run(option) == Ran(0, "schedlang 0.1.0\n", "")


HELP = """\
usage: schedlang COMMAND …

Learning-rate schedules in one line of text.

commands:
  check      report what is wrong with schedules, and which settings are still open
  lint       report what is valid but probably a mistake
  explain    describe what happens at which tick, and what each target uses
  show       print a schedule's phases as a table: ticks, rates, formulas
  plot       draw the curve in the terminal, or as a picture
  emit       print source code that needs the framework and nothing else
  diff       compare two schedules: the first tick that differs, by how much, a picture
  presets    list published schedules, with their sources
  recommend  print lines for a task, with the reason for each
  fmt        print the canonical text, or rewrite files in it
  space      print the lines of a space, for a sweep

options:
  -h, --help          show this help and exit
  -V, --version       show the version and exit
  --completion SHELL  print a completion script: bash, zsh, fish, …

`schedlang COMMAND --help` lists a command's options.
"""


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(run: Run, option: str) -> None:
    assert run(option) == Ran(0, HELP, "")


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(run: Run, command: str, option: str) -> None:
    ran = run(command, option)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith(f"usage: schedlang {command} ")
    assert "-h, --help" in ran.out
    assert "<" not in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_no_arguments_give_help(run: Run) -> None:
    assert run() == Ran(2, "", HELP)


def test_options_may_stand_anywhere(run: Run) -> None:
    Path("a.yaml").write_text("a: cosine 90", encoding="utf-8")
    assert run("check", "a.yaml", "--key", "a", "a.yaml").status == 0
    assert run("emit", "--lr", "1", "python", "--style", "native", "hold 5").status == 0
    assert run("fmt", "--", "hold 5") == Ran(0, "hold 5\n", "")
    assert run("fmt", "--key=a", "--", "a.yaml") == Ran(0, "cosine 90\n", "")


def test_gradient_accumulation(run: Run) -> None:
    line = ("hold 5 -> cosine 90", "--lr", "0.1", "--gradient-accumulation-steps")
    assert "// 4" in run("emit", "keras", *line, "4").out
    assert run("emit", "python", *line, "4") == Ran(
        1,
        "",
        "error: gradient_accumulation_steps= is for keras, which counts batches: a step of python"
        " is an update\n",
    )
    assert run("emit", "keras", *line, "x").status == 2


def test_quiet(run: Run) -> None:
    arguments = ("check", "-q", "cosine 90", "cosine rest", "cosine")
    assert run(*arguments, "--total", "50") == Ran(
        1,
        "",
        "error[no-duration]: `cosine` needs a duration\n"
        "  |\n1 | cosine\n  | ^^^^^^ write cosine 90, or cosine rest\n",
    )
    assert run("check", "--quiet", "cosine 90") == Ran(0, "", "")


NAMED: list[tuple[list[str], int, str]] = [
    # arguments, exit status, how the whole output ends
    (
        ["check", "warmup 5% -> cosine rest"],
        0,
        "  still open: `rest` needs a total: set --total\n",
    ),
    (
        ["check", "cosine 2B tok"],
        0,
        (
            "  still open: `2B tok` needs `tokens_per_step`:"
            " set tokens_per_step= in the line, or --tokens-per-step\n"
        ),
    ),
    (
        ["show", "warmup 10 from=1e-4 -> hold"],
        1,
        " ^^^^ set --lr, or write only shares or only absolute levels\n",
    ),
    (
        ["show", "lr=0.1 | hold", "--lr", "0.2"],
        1,
        (
            "error[conflicting-settings]: `lr` is given twice: lr=0.1 in the line,"
            " --lr 0.2 as an option\n"
            "  |\n1 | lr=0.1 | hold\n  |    ^^^ give it once\n"
        ),
    ),
    (
        ["check", "total=50 | cosine 90"],
        1,
        "  |            ^^^^^^^^^ shorten a phase, or increase total=\n",
    ),
    (
        ["check", "cosine 90 -> hold rest", "--total", "50"],
        1,
        "| ^^^^^^^^^^^^^^^^^^^^^^ shorten a phase, or increase --total\n",
    ),
    (
        ["check", "cosine 90", "--steps-per-epoch", "10"],
        1,
        "are these steps or epochs? write 90st or 90ep, or set --clock\n",
    ),
    (
        ["check", "warmup 500 -> cosine 5ep"],
        1,
        "500 what? write 500st or 500ep, or set --clock\n",
    ),
]


@pytest.mark.parametrize(("arguments", "status", "end"), NAMED)
def test_messages_name_the_option(run: Run, arguments: list[str], status: int, end: str) -> None:
    ran = run(*arguments)
    assert ran.status == status
    assert (ran.out + ran.err).endswith(end), ran.out + ran.err


CLOCKED: list[tuple[str, str]] = [
    ("warmup 500 -> cosine 5ep", "clock=step | warmup linear 500 -> cosine 5ep"),
    ("total=9ep | warmup 5 -> hold rest", "total=9ep clock=step | warmup linear 5 -> hold rest"),
    ("# why\nwarmup 500 -> cosine 5ep", "clock=step | warmup linear 500 -> cosine 5ep"),
    ("hold 5", "hold 5"),
]


@pytest.mark.parametrize(("text", "canonical"), CLOCKED)
def test_clock_counts_as_written_in_the_line(run: Run, text: str, canonical: str) -> None:
    options = ("--clock", "step", "--steps-per-epoch", "10")
    assert run("check", text, *options) == Ran(0, f"fine: {canonical}\n", "")
    assert run("show", text, *options).out.splitlines()[0] == canonical
    assert run("emit", "python", text, *options).status == 0


def test_clock_lifts_no_other_mistake(run: Run) -> None:
    assert run("check", "cosin 500 -> hold 5ep", "--clock", "step") == Ran(
        1,
        "",
        "error[unknown-phase]: there is no phase called `cosin`\n"
        "  |\n1 | cosin 500 -> hold 5ep\n  | ^^^^^ did you mean `cosine`?\n",
    )


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────────


def test_check_as_json(run: Run) -> None:
    Path("a.yaml").write_text("a: cosine 90 mn=0\n", encoding="utf-8")
    Path("b.yaml").write_text("b: {stages: [{kind: cosine}]}\n", encoding="utf-8")
    arguments = ("hold 5%", "hold 90 -> hold 90", "a.yaml", "b.yaml", "no.yaml")
    ran = run("check", "--format", "json", *arguments)
    assert (ran.status, ran.err) == (2, "")
    assert json.loads(ran.out) == [
        {
            "input": "hold 5%",
            "key": None,
            "ok": True,
            "text": "hold 5%",
            "open": [
                {
                    "code": "missing-setting",
                    "message": "`5%` needs a total",
                    "advice": "set --total",
                    "in_plan": None,
                    "path": ["stages", 0],
                    "span": [0, 7],
                    "place": {"line": 1, "column": 1, "end_line": 1, "end_column": 8},
                }
            ],
            "errors": [],
            "warnings": [],
        },
        {
            "input": "hold 90 -> hold 90",
            "key": None,
            "ok": True,
            "text": "hold 90 -> hold 90",
            "open": [],
            "errors": [],
            "warnings": [],
        },
        {
            "input": "a.yaml",
            "key": "a",
            "ok": False,
            "text": None,
            "open": [],
            "errors": [
                {
                    "code": "unknown-argument",
                    "message": "`cosine` has no argument `mn`",
                    "advice": "did you mean `min`?",
                    "in_plan": None,
                    "path": ["stages", 0, "mn="],
                    "span": [10, 12],
                    "place": {"line": 1, "column": 14, "end_line": 1, "end_column": 16},
                }
            ],
            "warnings": [],
        },
        {
            "input": "b.yaml",
            "key": "b",
            "ok": False,
            "text": None,
            "open": [],
            "errors": [
                {
                    "code": "no-duration",
                    "message": "`cosine` needs a duration",
                    "advice": "write cosine 90, or cosine rest",
                    "in_plan": None,
                    "path": ["stages", 0],
                    "span": None,
                    "place": {"line": 1, "column": 14, "end_line": 1, "end_column": 28},
                }
            ],
            "warnings": [],
        },
        {
            "input": "no.yaml",
            "key": None,
            "ok": False,
            "text": None,
            "open": [],
            "errors": [
                {
                    "code": "unreadable",
                    "message": "cannot read no.yaml: No such file or directory",
                    "advice": "",
                    "in_plan": None,
                    "path": [],
                    "span": None,
                    "place": None,
                }
            ],
            "warnings": [],
        },
    ]


def test_check_as_json_has_the_warnings(run: Run) -> None:
    ran = run("check", "--format", "json", "cosine 90", "--total", "50")
    assert (ran.status, ran.err) == (0, "")
    (warning,) = json.loads(ran.out)[0]["warnings"]
    assert warning == {
        "code": None,
        "message": "the phases take 90 ticks, but the total is 50 ticks: training ends first",
        "advice": "",
        "in_plan": None,
        "path": [],
        "span": None,
        "place": None,
    }


@pytest.mark.parametrize(
    ("line", "base"),
    [
        ("cosine 9 from=0.996 to=1", {"base": None, "shares": False}),
        ("cosine 9", {"base": None, "shares": True}),
    ],
)
def test_show_as_json_where_no_base_is_known(run: Run, line: str, base: dict[str, object]) -> None:
    ran = run("show", "--json", line)
    assert (ran.status, ran.err) == (0, "")
    shown = json.loads(ran.out)
    assert {name: shown[name] for name in base} == base


def test_show_as_json(run: Run) -> None:
    line = "warmup 10 from=0 -> cosine 90 min=1e-4"
    ran = run("show", "--json", line, "--lr", "0.1", "--clock", "step")
    assert (ran.status, ran.err) == (0, "")
    assert json.loads(ran.out) == {
        "input": line,
        "key": None,
        "text": "warmup linear 10 from=0 -> cosine 90 min=1e-4",
        "tick": "step",
        "length": 100,
        "base": 0.1,
        "shares": False,
        "tables": [
            {
                "of": "rate",
                "phases": [
                    {
                        "phase": "warmup linear 10 from=0",
                        "begin": 0,
                        "end": 10,
                        "first": 0.0,
                        "last": 0.1,
                        "formula": "0.1 * (t / 10)",
                    },
                    {
                        "phase": "cosine 90 min=1e-4",
                        "begin": 10,
                        "end": 100,
                        "first": 0.1,
                        "last": 0.0001,
                        "formula": "0.1 + (1e-4 - 0.1) * ((1 - cos(pi * (t / 90))) / 2)",
                    },
                    {
                        "phase": "",
                        "begin": 100,
                        "end": None,
                        "first": 0.0001,
                        "last": 0.0001,
                        "formula": "1e-4",
                    },
                ],
            }
        ],
        "plateau": None,
    }


Repeats = list[dict[str, int | None]]
SHAPES: list[tuple[str, list[str], list[Repeats], str | None]] = [
    # line, what the tables are of, their repeats, what a plateau monitors
    (
        "(cosine 20 -> linear 20 to=1x) x inf",
        ["rate"],
        [[{"begin": 0, "end": None, "period": 40}]],
        None,
    ),
    (
        "hold 3 -> (cosine 2 -> hold 3 to=1x) x 10000",
        ["rate"],
        [[{"begin": 3, "end": 50_003, "period": 5}]],
        None,
    ),
    ("(warmup 5 from=0 -> hold) * (step every=3)", ["rate", "factor"], [[], []], None),
    ("onecycle 10 momentum=[0.85, 0.95]", ["rate", "momentum"], [[], []], None),
    ("warmup 5 -> plateau", ["rate"], [[]], "val_loss"),
]


@pytest.mark.parametrize(("line", "of", "repeats", "monitor"), SHAPES)
def test_the_shape_of_json(
    run: Run, line: str, of: list[str], repeats: list[Repeats], monitor: str | None
) -> None:
    ran = run("show", "--json", line)
    shown = json.loads(ran.out)
    assert shown["shares"] is True
    assert [table["of"] for table in shown["tables"]] == of
    found = [[row for row in table["phases"] if "period" in row] for table in shown["tables"]]
    rounds = [[row.pop("phases") for row in rows] for rows in found]
    assert found == repeats
    for row in (row for rows in rounds for once in rows for row in once):
        assert row["end"] <= repeats[0][0]["period"], "in ticks since the round began"
    if monitor is None:
        assert shown["plateau"] is None
    else:
        assert shown["plateau"] == {
            "begin": 5, "monitor": monitor, "mode": "min", "factor": 0.1, "patience": 10,
            "threshold": 1e-4, "threshold_mode": "rel", "cooldown": 0, "min": 0.0, "eps": 1e-8,
        }  # fmt: skip


# ── Completion ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(run: Run, shell: str) -> None:
    release = tuple(map(int, version("shtab").split(".")[:2]))
    if shell == "fish" and release < (1, 9):
        pytest.skip("shtab writes the script for fish since 1.9")
    ran = run("--completion", shell)
    assert (ran.status, ran.err) == (0, "")
    for word in ("check", "steps-per-epoch", "closed-form"):
        assert word in ran.out


@pytest.mark.parametrize(
    ("words", "last", "expected"), [("to", 2, {"torch"}), ("torch --sty", 3, {"--style"})]
)
def test_bash_completes(run: Run, words: str, last: int, expected: set[str]) -> None:
    script = run("--completion", "bash").out
    ask = (
        "COMP_WORDS=(schedlang emit {words}); COMP_CWORD={last}; _shtab_schedlang;"
        ' printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    ran = subprocess.run(
        ["bash", "-c", f"{script}\n{ask.format(words=words, last=last)}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert expected <= set(ran.stdout.split()), ran


def test_completion_needs_shtab(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("--completion", "csh").err.startswith(
        "error: --completion: `csh` is not one of bash"
    )
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert run("--completion", "bash") == Ran(
        2, "", "error: completion needs shtab: pip install 'schedlang[completion]'\n"
    )


# ── Where the output goes ────────────────────────────────────────────────────────────────────────


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "arguments", [["show", "cosine 90"], ["--help"], ["-V"], ["check", "hold"], ["fmt", "hold"]]
)
def test_a_full_disk(arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = start(*arguments, stdout=full)
    assert ran == Ran(2, "", "error: cannot write the output: No space left on device\n")


def test_a_closed_output(tmp_path: Path) -> None:
    ran = subprocess.run(
        ["sh", "-c", f"exec '{sys.executable}' -m schedlang fmt 'cosine 90' >&-"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (2, "error: cannot write the output: it is closed\n")


ASCII = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
C_LOCALE = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": ""}


@pytest.mark.parametrize("environ", [ASCII, C_LOCALE], ids=["encoding", "locale"])
def test_a_table_in_ascii(environ: dict[str, str]) -> None:
    ran = start("show", "warmup 10 -> hold", "--lr", "0.1", environ=environ)
    assert ran == Ran(
        0,
        """\
warmup linear 10 -> hold
never ends; one tick is one call of step(); the base rate is 0.1

 phase              ticks     rate          formula
 -------------------------------------------------------------------------
 warmup linear 10   0 ... 9   1e-4 -> 0.1   1e-4 + (0.1 - 1e-4) * (t / 10)
 hold               10 ...    0.1           0.1

t is the number of ticks since the phase began.
""",
        "",
    )


@pytest.mark.parametrize("environ", [ASCII, C_LOCALE], ids=["encoding", "locale"])
def test_a_plot_in_ascii(environ: dict[str, str]) -> None:
    ran = start("plot", "linear 100", "--lr", "0.1", environ=environ)
    assert (ran.status, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0].strip() == "linear 100"
    assert re.fullmatch(r" +\+-+\+", lines[1])
    rows = [re.fullmatch(r"[ 0-9.]+[+|](.*)\|", line) for line in lines[2:-3]]
    drawn = [row[1] for row in rows if row]
    assert len(drawn) == len(rows)
    assert set("".join(drawn)) == set(" .':")
    columns = [row.index(row.strip()[0]) for row in drawn]
    assert columns == sorted(columns)  # the line falls to the right


def test_a_message_in_ascii() -> None:
    ran = start("check", f"cosine 90 {'min=1% ' * 20}", environ=ASCII)
    assert ran.status == 1
    assert "?" not in ran.err.replace("?\n", "")
    assert "..." in ran.err


# ── Start-up ─────────────────────────────────────────────────────────────────────────────────────

NOT_IMPORTED: list[tuple[list[str], set[str]]] = [
    (["--version"], {"pydantic", "lark", "rich", "shtab", "json", "inspect"}),
    (["--help"], {"pydantic", "lark", "rich", "shtab"}),
    (["check", "cosine 90"], {"rich", "yaml", "numpy", "shtab", "schedlang.emit", "tomllib"}),
    (["check", "cosin 90"], {"rich", "yaml", "numpy"}),
    (["show", "cosine 90"], {"yaml", "numpy", "plotext", "matplotlib"}),
]


@pytest.mark.parametrize(("arguments", "names"), NOT_IMPORTED)
def test_a_command_imports_only_what_it_needs(arguments: list[str], names: set[str]) -> None:
    code = (
        "import sys, atexit;"
        f"sys.argv = ['schedlang', *{arguments!r}];"
        f"atexit.register(lambda: print(sorted({names!r} & sys.modules.keys())));"
        "import schedlang.cli; schedlang.cli.main()"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stdout.splitlines()[-1] == "[]", ran


def test_an_interrupt_is_quiet(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("schedlang.cli.options.parse", interrupted)
    assert run("fmt", "-") == Ran(130, "", "")
