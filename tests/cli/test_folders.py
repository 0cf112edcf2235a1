"""Folders of files: which values are schedules, and where in a file a character stands; links."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from schedlang.cli.files import ConfigFile, key_of
from schedlang.cli.links import DOCS, has_links, page_of
from schedlang.cli.places import in_file, nearest_span, span_of
from schedlang.errors import Span
from tests.cli.running import Ran, Run
from tests.docs.markdown import ROOT, blocks

KEYS: list[tuple[str, str, list[str]]] = [
    # file, content, the keys of its schedules
    ("a.yaml", "schedule: cosine 90\n", ["schedule"]),
    ("a.yaml", "lr_schedule: cosine 90\nwd_schedule: hold\n", ["lr_schedule", "wd_schedule"]),
    ("a.yaml", "schedules: cosine 90\nmy.schedule: cosine 90\nSchedule: hold 5\n", []),
    ("a.yaml", "a:\n- b: {schedule: cosine 90}\n", ["a.0.b.schedule"]),
    ("a.yaml", "schedule: hold\n---\nschedule: hold\n", ["0.schedule", "1.schedule"]),
    ("a.yaml", "schedule: {stages: [{kind: hold}]}\n", ["schedule"]),
    ("a.yaml", "schedule: {interval: weekly}\n", []),
    ("a.yaml", "on:\n  schedule:\n  - cron: 0 0 * * *\n", []),
    ("a.yaml", "schedule: null\nlr_schedule: 5\n", []),
    ("a.yaml", "beta_schedule: linear\nema_schedule: hold\n", ["ema_schedule"]),
    ("a.yaml", "schedule: ${a.b}\nlr_schedule: '{{ line }}'\n", []),
    ("a.yaml", "x: &x cosine 90\na: {schedule: *x}\nb: {schedule: *x}\n", ["a.schedule"]),
    ("a.yaml", "a: &a {schedule: hold}\nb:\n  <<: *a\n", ["a.schedule"]),
    ("a.yaml", "schedule: !env hold\n", ["schedule"]),
    ("a.yaml", "rate: cosine 90\noptim: {rate: hold}\n", []),
    (".gitlab-ci.yml", "stages: [build, test]\n", []),
    ("a.yaml", "stages: [{kind: hold}]\n", [""]),
    ("a.yaml", "# schedule\n", []),
    ("a.yaml", "", []),
    (
        "a.toml",
        '[a]\nschedule = "hold"\n[[b]]\nlr_schedule = "hold"\n',
        ["a.schedule", "b.0.lr_schedule"],
    ),
    ("a.json", '{"a": [{"schedule": "hold"}]}', ["a.0.schedule"]),
    ("a.txt", "schedule: cosin 90", []),
]


def _checked(run: Run, *arguments: str) -> list[tuple[str, str | None]]:
    ran = run("check", "configs", "other.yaml", "--format", "json", *arguments)
    assert ran.err == ""
    return [(each["input"], each["key"]) for each in json.loads(ran.out)][:-1]


@pytest.mark.parametrize(("name", "content", "keys"), KEYS)
def test_schedules_are_found_by_their_keys(
    run: Run, name: str, content: str, keys: list[str]
) -> None:
    Path("configs").mkdir()
    Path("configs", name).write_text(content, encoding="utf-8")
    Path("other.yaml").write_text("schedule: hold", encoding="utf-8")
    assert _checked(run) == [(f"configs/{name}", key or None) for key in keys]


@pytest.mark.parametrize(
    ("setting", "keys"),
    [
        ('keys = ["rate"]', ["rate", "optim.rate"]),
        ('keys = ["optim.*"]', ["optim.rate"]),
        ('keys = ["r?te", "no"]', ["rate", "optim.rate"]),
        ("ignore = []", []),
    ],
)
def test_a_project_names_keys_of_its_own(run: Run, setting: str, keys: list[str]) -> None:
    Path("pyproject.toml").write_text(f"[tool.schedlang]\n{setting}\n", encoding="utf-8")
    Path("configs").mkdir()
    Path("configs", "a.yml").write_text("rate: cosine 90\noptim: {rate: hold}\n", encoding="utf-8")
    Path("other.yaml").write_text("schedule: hold", encoding="utf-8")
    assert _checked(run) == [("configs/a.yml", key) for key in keys]


PROJECTS: list[tuple[str, str]] = [
    ("[tool.schedlang]\nkey = []", "[tool.schedlang] has no `key`: did you mean `keys`?"),
    (
        '[tool.schedlang]\nkeys = "rate"',
        '[tool.schedlang] keys: write a list of strings, keys = ["…"]',
    ),
    ("[tool]\nschedlang = 5", "[tool.schedlang] must be a table, not `5`"),
]


@pytest.mark.parametrize(("content", "says"), PROJECTS)
def test_a_wrong_project(run: Run, content: str, says: str) -> None:
    Path("pyproject.toml").write_text(content, encoding="utf-8")
    assert run("check", "cosine 90") == Ran(2, "", f"error: pyproject.toml: {says}\n")


def test_an_unknown_rule_in_the_project(run: Run) -> None:
    Path("pyproject.toml").write_text('[tool.schedlang]\nignore = ["flor"]', encoding="utf-8")
    says = "error: ignore: there is no rule `flor`: did you mean `floor`?\n"
    assert run("lint", "cosine 90") == Ran(2, "", says)
    assert run("check", "cosine 90").status == 0


def test_which_files_of_a_folder_are_read(run: Run) -> None:
    for name in ("b/c.yml", "a.json", ".git/x.yaml", "node_modules/x.yaml", "b/d.YAML", "b/e.md"):
        path = Path("configs", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"schedule": "hold 5"}', encoding="utf-8")
    assert run("check", "configs") == Ran(
        0,
        "".join(
            f"configs/{name}: schedule: fine: hold 5\n"
            for name in ("a.json", "b/c.yml", "b/d.YAML")
        ),
        "",
    )


DEEP: list[tuple[str, str]] = [
    ("a.yaml", "schedule: " + "[" * 100_000),
    ("a.yaml", "schedule: " + "{a: " * 5_000 + "}" * 5_000),
    ("a.yaml", "schedule:\n" + "- " * 50_000 + "a\n"),
    ("a.yaml", "schedule:\n" + "".join(" " * i + "a:\n" for i in range(1, 2_000))),
    ("a.json", '{"schedule": ' + "[" * 100_000),
    ("a.toml", "schedule = " + "[" * 20_000),
]


@pytest.mark.parametrize(("name", "content"), DEEP)
def test_a_file_that_is_nested_too_deep(run: Run, name: str, content: str) -> None:
    Path(name).write_text(content, encoding="utf-8")
    ran = run("check", name)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(f"error: {name}: this is not valid {name[2:]}: maximum recursion")


def test_a_folder_without_schedules(run: Run) -> None:
    Path("configs").mkdir()
    says = "error: no key of these files is called `schedule`, `lr_schedule` or `…_schedule`\n"
    assert run("check", "configs") == Ran(2, "", says)
    Path("configs", "a.yaml").write_text("a: 1", encoding="utf-8")
    assert run("check", "--by-key", "configs/a.yaml") == Ran(0, "", "")


def test_commands_of_one_schedule_take_no_folder(run: Run) -> None:
    Path("configs").mkdir()
    says = "error: configs is a folder, but one schedule is needed: give a file\n"
    assert run("show", "configs") == Ran(2, "", says)


def test_a_line_that_is_called_like_a_folder(run: Run) -> None:
    Path("hold").mkdir()
    assert run("check", "hold") == Ran(0, "fine: hold\n", "")


def test_fmt_changes_all_schedules_of_a_folder(run: Run) -> None:
    Path("configs").mkdir()
    path = Path("configs", "a.yaml")
    path.write_text(
        "# why\na: {schedule: 'cosine  90'}  # c\nb:\n- lr_schedule: >\n    warmup\n    80\n"
        "rate: cosine  90\n",
        encoding="utf-8",
    )
    Path("configs", "b.toml").write_text("schedule = 'cosine  90' # '", encoding="utf-8")
    said = [
        "configs/a.yaml: a.schedule: {}: cosine 90\n",
        "configs/a.yaml: b.0.lr_schedule: {}: warmup linear 80\n",
        "configs/b.toml: schedule: {}: cosine 90\n",
    ]
    would = "".join(line.format("would become") for line in said)
    assert run("fmt", "--check", "configs") == Ran(1, would, "")
    changed = run("fmt", "--write", "configs")
    assert (changed.status, changed.err) == (0, "")
    assert changed.out == "".join(line.format("changed to") for line in said)
    assert path.read_text(encoding="utf-8") == (
        "# why\na: {schedule: 'cosine 90'}  # c\nb:\n- lr_schedule: >\n    warmup linear 80\n"
        "rate: cosine  90\n"
    )
    assert Path("configs", "b.toml").read_text(encoding="utf-8") == "schedule = 'cosine 90' # '"
    assert run("fmt", "--check", "configs") == Ran(0, "", "")


def test_comments_in_a_file_turn_rules_off(run: Run) -> None:
    Path("a.yaml").write_text(
        "a: {schedule: cosine 90ep min=5%} # schedlang: ignore[floor]\n"
        "b:\n  schedule: |\n    # schedlang: ignore[floor]\n    cosine 90ep min=5%\n"
        "c:\n  schedule: cosine 90ep min=5%\n",
        encoding="utf-8",
    )
    ran = run("lint", "a.yaml")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("a.yaml:7:29: warning[floor]: this floor is 5% of the base rate\n")
    assert ran.err.count("warning[") == 1


def test_the_examples_and_the_readme_pass(run: Run) -> None:
    for block in blocks(ROOT / "README.md"):
        if block.language == "yaml":
            Path("readme.yaml").write_text(block.code, encoding="utf-8")
    assert run("lint", "readme.yaml", str(ROOT / "examples")) == Ran(0, "", "")


# ── Where a character stands ─────────────────────────────────────────────────────────────────────

CHARACTERS = st.sampled_from([*list("ab01->%=[]{}#'\"\\/: "), "  ", "\n", "é", "→", "\t", "\u2028"])
STRINGS = st.lists(CHARACTERS, min_size=1, max_size=30).map("".join).filter(lambda s: s.strip())
STYLES = st.sampled_from(["json", "json-ascii", "toml", "toml-literal", *["yaml"] * 5])


def _written(string: str, style: str, sign: str, width: int) -> ConfigFile | None:
    """A file with the string at its key, in some style; None if the style cannot have it."""
    quoted = json.dumps(string, ensure_ascii=style == "json-ascii")
    match style:
        case "json" | "json-ascii":
            return ConfigFile("", f'{{"é": "x", "k": [{quoted}, {quoted}]}}', ".json")
        case "toml":
            return ConfigFile("", f'# "k"\na = "x" # \'\nk = [0, {quoted}]\n', ".toml")
        case "toml-literal":
            if any(sign in string for sign in "'\n\t") or not string.isprintable():
                return None
            return ConfigFile("", f"a = 'é'\nk = [0, '{string}'] # '", ".toml")
    text = yaml.safe_dump(
        {"é": "x", "k": [0, string]},
        default_style=sign or None,
        allow_unicode=True,
        width=width,
    )
    return ConfigFile("", text, ".yaml")


@given(
    string=STRINGS,
    style=STYLES,
    sign=st.sampled_from(["", "'", '"', "|", ">"]),
    width=st.sampled_from([10, 80]),
)
def test_every_character_is_found(string: str, style: str, sign: str, width: int) -> None:
    file = _written(string, style, sign, width)
    if file is None:
        return
    place = span_of(file, ["k", "1"])
    assert place is not None
    wanted = [i for i, char in enumerate(string) if not char.isspace()]
    found = in_file(file, place, string, [Span(i, i + 1) for i in wanted])
    assert [each.begin for each in found] == sorted({each.begin for each in found}), "in order"
    for i, (begin, end) in zip(wanted, found, strict=True):
        there = file.text[begin:end]
        assert there == string[i] or there[0] in "\\'", (file.text, there, string[i])
        if there != string[i]:
            assert (json.loads(f'"{there}"') if there[0] == "\\" else "'") == string[i]


NESTED = {"a b": [{"c.d": {"k": [1, "x", None, {"z": 2.5}], "k2": "x"}}, "x"], "e": "x"}
PATHS = [
    ["e"],
    ["a b", "1"],
    ["a b", "0", "c.d", "k2"],
    ["a b", "0", "c.d", "k", "1"],
    ["a b", "0", "c.d", "k", "3", "z"],
    ["a b", "0", "c.d", "k", "0"],
]


@pytest.mark.parametrize("path", PATHS, ids=key_of)
@pytest.mark.parametrize("suffix", [".json", ".yaml", ".toml"])
def test_the_value_at_a_path(path: list[str], suffix: str) -> None:
    toml = (
        "e = 'x'\n'a b' = [{'c.d' = {k = [1, 'x', 'None', {z = 2.5}], k2 = 'x'}}, 'x']\n# 'x' 1\n"
    )
    text = {".json": json.dumps(NESTED), ".yaml": yaml.safe_dump(NESTED), ".toml": toml}[suffix]
    file = ConfigFile("", text, suffix)
    span = span_of(file, path)
    assert span is not None
    changed = ConfigFile("", f"{text[: span.begin]}7{text[span.end :]}", suffix)
    from schedlang.cli.files import load, value_at

    assert value_at(load(changed), key_of(path), "") == 7
    other = [each for each in PATHS if each != path]
    before, after = load(file), load(changed)
    assert [value_at(before, key_of(p), "") for p in other] == [
        value_at(after, key_of(p), "") for p in other
    ]


UNUSUAL = {
    "tabs": '{\n\t"s":\t"hold",\n\t"t": 1\n}',
    "a surrogate pair": '{"t": "\\ud83d\\ude00", "s":"hold"}',
    "half a pair": '{"t": "\\ud83d", "s":"hold"}',
    "repeated": '{"s": "no", "s": "hold"}',
}


@pytest.mark.parametrize("text", UNUSUAL.values(), ids=UNUSUAL)
def test_places_in_json_that_is_no_usual_yaml(text: str) -> None:
    begin = text.index('"hold"')
    assert span_of(ConfigFile("", text, ".json"), ["s"]) == (begin, begin + 6)


def test_a_character_that_yaml_does_not_have() -> None:
    assert span_of(ConfigFile("", '{"t": "\x7f", "s": "hold"}', ".json"), ["s"]) is None


def test_the_nearest_value_around_what_is_not_there() -> None:
    file = ConfigFile("", '{"s": {"stages": [{"kind": "hold"}]}}', ".json")
    span = nearest_span(file, ["s"], ("stages", 0, "min="))
    assert span is not None
    assert file.text[span.begin : span.end] == '{"kind": "hold"}'


# ── Links ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("environ", "links"),
    [
        ({}, False),
        ({"TERM_PROGRAM": "vscode"}, True),
        ({"TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"VTE_VERSION": "6800"}, True),
        ({"VTE_VERSION": "4000"}, False),
        ({"KITTY_WINDOW_ID": "1"}, True),
        ({"KITTY_WINDOW_ID": "1", "NO_COLOR": "1"}, False),
        ({"WT_SESSION": "x", "FORCE_HYPERLINK": "0"}, False),
        ({"CI": "true", "WT_SESSION": "x"}, False),
        ({"FORCE_HYPERLINK": "1"}, True),
    ],
)
def test_which_terminals_have_links(environ: dict[str, str], links: bool) -> None:
    assert has_links(environ) is links


def test_links_lead_to_the_projects_address() -> None:
    assert f'Documentation = "{DOCS}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_a_message_links_to_its_page() -> None:
    master, slave = pty.openpty()
    surroundings = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    subprocess.run(
        [sys.executable, "-m", "schedlang", "check", "--lint", "cosin 90", "cosine 90 min=5%"],
        stderr=slave,
        stdout=subprocess.DEVNULL,
        env={**surroundings, "TERM": "xterm-256color", "FORCE_HYPERLINK": "1"},
        check=False,
    )
    os.close(slave)
    said = os.read(master, 10_000).decode()
    os.close(master)
    assert f";{page_of('unknown-phase')}\x1b\\" in said
    assert f";{page_of('floor')}\x1b\\" in said
    assert page_of("unknown-phase").endswith("/errors/#unknown-phase")
    assert page_of("floor").endswith("/lint/#floor")
