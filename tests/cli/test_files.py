"""Files: encodings, YAML's own notions, keys, standard input, and how `fmt` changes a file."""

from __future__ import annotations

import io
import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from schedlang.cli.files import ConfigFile, entries, key_of, parsed, suggestion, value_at
from schedlang.cli.rewrite import rewritten
from tests.cli.running import Ran, Run

CANONICAL = "warmup linear 10 -> cosine 90"

READ: list[tuple[str, str | bytes, list[str], str]] = [
    # name, content, options, what `check` prints
    ("bom.yaml", "\ufeffwarmup 10 -> cosine 90", [], f"bom.yaml: fine: {CANONICAL}\n"),
    (
        "bom.json",
        '\ufeff{"lr": "warmup 10 -> cosine 90"}',
        ["--key", "lr"],
        f"bom.json: lr: fine: {CANONICAL}\n",
    ),
    (
        "bom.toml",
        '\ufefflr = "warmup 10 -> cosine 90"',
        ["--key", "lr"],
        f"bom.toml: lr: fine: {CANONICAL}\n",
    ),
    (
        "tags.yaml",
        (
            "model: !Net {size: !!python/object/apply:os.abort []}\n"
            "lr: !schedule warmup 10 -> cosine 90\nseed: !env 5\n"
        ),
        ["--key", "lr"],
        f"tags.yaml: lr: fine: {CANONICAL}\n",
    ),
    (
        "tagged.yaml",
        "!Config\nlr: !Schedule {stages: !Stages [{kind: cosine, duration: !Int 90}]}\n",
        ["--key", "lr"],
        "tagged.yaml: lr: fine: cosine 90\n",
    ),
    (
        "documents.yaml",
        "a: 1\n---\nlr: warmup 10 -> cosine 90\n---\n",
        ["--key", "1.lr"],
        f"documents.yaml: 1.lr: fine: {CANONICAL}\n",
    ),
    ("one.yaml", "---\nlr: cosine 90\n---\n", ["--key", "lr"], "one.yaml: lr: fine: cosine 90\n"),
    # the only schedule of a file needs no key
    (
        "only.yaml",
        "epochs: 90\nname: a run\ntrain:\n  lr_schedule: warmup 10 -> cosine 90\n",
        [],
        f"only.yaml: train.lr_schedule: fine: {CANONICAL}\n",
    ),
    (
        "only.json",
        '{"runs": [{"lr": {"stages": [{"kind": "cosine", "duration": 90}]}}]}',
        [],
        "only.json: runs.0.lr: fine: cosine 90\n",
    ),
    (
        "second.yaml",
        "a: 1\n---\nlr: warmup 10 -> cosine 90\n",
        [],
        f"second.yaml: 1.lr: fine: {CANONICAL}\n",
    ),
    (
        "dots.yaml",
        "optim.lr: cosine 90\n",
        [],
        'dots.yaml: ["optim.lr"]: fine: cosine 90\n',
    ),
    # names that a key has to quote
    *[
        (
            "dots.json",
            '{"optim.lr": {"a b": ["cosine 90"]}}',
            ["--key", key],
            f"dots.json: {key}: fine: cosine 90\n",
        )
        for key in ('["optim.lr"]["a b"][0]', "['optim.lr'].a b.0", '["optim.lr"]["a b"].0')
    ],
    (
        "number.yaml",
        "1: {true: cosine 90}",
        ["--key", "1.True"],
        "number.yaml: 1.True: fine: cosine 90\n",
    ),
]


@pytest.mark.parametrize(("name", "content", "options", "out"), READ)
def test_read(run: Run, name: str, content: str, options: list[str], out: str) -> None:
    Path(name).write_text(content, encoding="utf-8")
    assert run("check", name, *options) == Ran(0, out, "")


UNREADABLE: list[tuple[str, bytes, list[str], str]] = [
    ("empty.yaml", b"", [], "empty.yaml is empty"),
    ("empty.toml", b"\n", [], "empty.toml is empty"),
    ("empty.json", b" \n", ["--key", "lr"], "empty.json is empty"),
    ("bom.yaml", b"\xef\xbb\xbf", [], "bom.yaml is empty"),
    ("comments.yaml", b"# later\n---\n", [], "comments.yaml is empty"),
    ("latin.yaml", "name: Größe".encode("latin-1"), [], "latin.yaml is not UTF-8 text"),
    (
        "many.yaml",
        b"b: cosine 90\na.b: [hold 5]\n",
        [],
        "many.yaml contains several schedules; choose one: --key b or --key '[\"a.b\"].0'",
    ),
    (
        "more.yaml",
        b"".join(b"r%d: cosine 90\n" % i for i in range(12)),
        [],
        (
            "more.yaml contains several schedules; choose one: --key r0 or --key r1 or --key r2"
            " or --key r3 or --key r4 or 7 more"
        ),
    ),
    (
        "none.yaml",
        b"epochs: 90\n",
        [],
        (
            "none.yaml contains nothing that looks like a schedule;"
            " give its key, such as --key train.lr_schedule"
        ),
    ),
    (
        "near.yaml",
        b"optim.lr: cosine 90\n",
        ["--key", "optim.lr"],
        'near.yaml has no `optim`: did you mean `["optim.lr"]`?',
    ),
    *[
        (
            "a.yaml",
            b"a: cosine 90\n",
            ["--key", key],
            f'--key: `{key}` is not a key; write it as in train.lr, runs[0].lr or ["a.b"].lr',
        )
        for key in ("a[", "a.", "a..b", "a[x]", '["a]', "")
    ],
]


@pytest.mark.parametrize(("name", "content", "options", "message"), UNREADABLE)
def test_unreadable(run: Run, name: str, content: bytes, options: list[str], message: str) -> None:
    Path(name).write_bytes(content)
    assert run("check", name, *options) == Ran(2, "", f"error: {message}\n")


NAMES = st.text(max_size=6).filter(lambda name: yaml.safe_load(json.dumps(name)) == name)


@given(path=st.lists(NAMES | st.integers(0, 2), min_size=1, max_size=4))
def test_a_key_that_is_suggested_works(path: list[str | int]) -> None:
    content: Any = "cosine 90"
    for step in reversed(path):
        content = [None] * step + [content] if isinstance(step, int) else {step: content, "b!": 0}
    assert value_at(content, key_of(path), "a.yaml") == "cosine 90"
    typed = shlex.split(suggestion(path))
    assert typed == ["--key", key_of(path)]
    assert not typed[1].startswith("-")


def test_one_missing_file_does_not_keep_check_from_the_others(run: Run) -> None:
    Path("a.yaml").write_text("cosine 90", encoding="utf-8")
    Path("b.yaml").write_text("cosin 90", encoding="utf-8")
    ran = run("check", "no.yaml", "a.yaml", "b.yaml", "empty.yaml", "hold 5")
    assert ran == Ran(
        2,
        "a.yaml: fine: cosine 90\nfine: hold 5\n",
        """\
error: cannot read no.yaml: No such file or directory
b.yaml:1:1: error[unknown-phase]: there is no phase called `cosin`
  |
1 | cosin 90
  | ^^^^^ did you mean `cosine`?
error: cannot read empty.yaml: No such file or directory
""",
    )


STDIN: list[tuple[str, list[str], Ran]] = [
    ("warmup 10\n-> cosine 90  # c\n", ["fmt", "-"], Ran(0, f"{CANONICAL}\n", "")),
    ("\ufeffhold 5", ["fmt", "-"], Ran(0, "hold 5\n", "")),
    ("lr: cosine 90", ["fmt", "-", "--key", "lr"], Ran(0, "cosine 90\n", "")),
    ('{"stages": [{"kind": "hold"}]}', ["fmt", "-"], Ran(0, "hold\n", "")),
    (
        "cosine 90",
        ["check", "-", "hold 5"],
        Ran(0, "standard input: fine: cosine 90\nfine: hold 5\n", ""),
    ),
    (
        "cosin 90",
        ["check", "-"],
        Ran(
            1,
            "",
            "standard input:1:1: error[unknown-phase]: there is no phase called `cosin`\n"
            "  |\n1 | cosin 90\n  | ^^^^^ did you mean `cosine`?\n",
        ),
    ),
    ("", ["check", "-"], Ran(2, "", "error: standard input is empty\n")),
    (
        "cosine 90",
        ["fmt", "-", "--write"],
        Ran(2, "", "error: --write changes a file, not standard input\n"),
    ),
]


@pytest.mark.parametrize(("text", "arguments", "ran"), STDIN)
def test_standard_input(
    run: Run, monkeypatch: pytest.MonkeyPatch, text: str, arguments: list[str], ran: Ran
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert run(*arguments) == ran


# ── fmt --check, fmt --write ─────────────────────────────────────────────────────────────────────

REWRITTEN: list[tuple[str, str, str, str]] = [
    # file, key, before, after
    (
        "a.yaml",
        "t.lr",
        "# a\nt:\n  lr:  warmup 10->cosine 90   # why\n  n: .nan\nb: warmup 10->cosine 90\n",
        f"# a\nt:\n  lr:  {CANONICAL}   # why\n  n: .nan\nb: warmup 10->cosine 90\n",
    ),
    ("a.yaml", "lr", "lr: 'warmup 10->cosine 90'\n", f"lr: '{CANONICAL}'\n"),
    ("a.yaml", "lr", 'lr: "warmup 10->\\\n  cosine 90" # c\n', f'lr: "{CANONICAL}" # c\n'),
    ("a.yaml", "lr", "lr: warmup 10\n  -> cosine 90\nb: 1\n", f"lr: {CANONICAL}\nb: 1\n"),
    (
        "a.yaml",
        "lr",
        "lr: |  # c\n   warmup 10\n   -> cosine 90\n\n# d\nb: 1\n",
        f"lr: |  # c\n   {CANONICAL}\n\n# d\nb: 1\n",
    ),
    ("a.yaml", "lr", "lr: >-\n  warmup 10\n  -> cosine 90", f"lr: >-\n  {CANONICAL}"),
    ("a.yaml", "lr", "lr: !s &a warmup 10->cosine 90\n", f"lr: !s &a {CANONICAL}\n"),
    (
        "a.yaml",
        "lr",
        "lr: warmup 10 -> multistep at=[30,60]\n",
        "lr: warmup linear 10 -> multistep at=[30, 60]\n",
    ),
    ("a.yaml", "lr", '{lr: "multistep at=[30,60]", b: 1}', '{lr: "multistep at=[30, 60]", b: 1}'),
    ("a.yaml", "lr", "{lr: (cosine 9 -> hold 1)  x 2}", "{lr: (cosine 9 -> hold 1) x 2}"),
    (
        "a.yaml",
        "1.lr",
        "lr: cosine  90\n---\nlr: cosine  90\n",
        "lr: cosine  90\n---\nlr: cosine 90\n",
    ),
    ("a.yaml", "", "cosine  90\n", "cosine 90\n"),
    ("a.yaml", "lr", "lr: cosine  80\nlr: cosine  80\n", "lr: cosine  80\nlr: cosine 80\n"),
    ("a.yaml", "lr", "\ufefflr: cosine  90\r\nb: 1\r\n", "\ufefflr: cosine 90\r\nb: 1\r\n"),
    ("a.yaml", "lr", "lr: |\r\n  cosine  90\r\nb: 1\r\n", "lr: |\r\n  cosine 90\r\nb: 1\r\n"),
    ("a.yml", "cosine  90", "cosine  90: cosine  90\n", "cosine  90: cosine 90\n"),
    (
        "a.json",
        "b",
        '{"b": "cosine  90",\n "cosine  90": "cosine \\u0020 90" }\n',
        '{"b": "cosine 90",\n "cosine  90": "cosine \\u0020 90" }\n',
    ),
    (
        "a.json",
        "a[1]",
        '{"a": ["cosine\\n90", "cosine\\n90"]}',
        '{"a": ["cosine\\n90", "cosine 90"]}',
    ),
    (
        "a.toml",
        "t.lr",
        "# don't \"cosine  90\"\n[t]\nlr = 'cosine  90' # '\n",
        "# don't \"cosine  90\"\n[t]\nlr = 'cosine 90' # '\n",
    ),
    ("a.toml", "lr", 'a = 1979-05-27\nlr = "cosine\\t90"\n', 'a = 1979-05-27\nlr = "cosine 90"\n'),
    ("a.toml", "lr", 'lr = """\ncosine\n90"""\n', 'lr = """cosine 90"""\n'),
]


@pytest.mark.parametrize(("name", "key", "before", "after"), REWRITTEN)
def test_fmt_changes_a_file(run: Run, name: str, key: str, before: str, after: str) -> None:
    path = Path(name)
    path.write_bytes(before.encode())
    options = ["--key", key] if key else []
    place = f"{name}: {key}: " if key else f"{name}: "
    canonical = run("fmt", name, *options).out.strip()

    checked = run("fmt", "--check", name, *options)
    if before == after:
        assert checked == Ran(0, "", "")
    else:
        assert checked == Ran(1, f"{place}would become: {canonical}\n", "")
    assert path.read_bytes() == before.encode()

    written = run("fmt", "--write", name, *options)
    changed = "" if before == after else f"{place}changed to: {canonical}\n"
    assert written == Ran(0, changed, "")
    assert path.read_bytes() == after.encode()
    assert run("fmt", "--check", "--quiet", name, *options) == Ran(0, "", "")


BY_HAND = (
    "cannot be changed on its own (an alias repeats it, or it is written in an unusual way);"
    " write `cosine 90` by hand"
)
LINES = st.sampled_from(
    ["cosine  90", "cosine 90", "a: b", "#", "'", '"', "-", "", "lr", "\n  x\n"]
)
CONTENTS = st.recursive(
    LINES | st.none() | st.floats() | st.dates(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(LINES, inside, max_size=3),
    max_leaves=8,
)


def _lines(content: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of the lines that `fmt` would change."""
    if content == "cosine  90":
        yield path
    for name, value in entries(content):
        yield from _lines(value, (*path, name))


@given(content=CONTENTS, style=st.sampled_from(["", "'", '"', "|", ">"]), flow=st.booleans())
def test_fmt_changes_one_line_and_nothing_else(content: Any, style: str, flow: bool) -> None:
    written = {
        ".yaml": yaml.safe_dump(
            content, default_style=style or None, default_flow_style=flow, allow_unicode=True
        ),
        ".json": json.dumps(content, default=str),
    }
    for suffix, text in written.items():
        assume("&" not in text)  # an alias
        for path in _lines(content):
            changed = rewritten(ConfigFile("", text, suffix), path, "cosine 90")
            assert changed is not None
            node = before = parsed(text, suffix)
            *outer, last = path or [""]
            for step in outer:
                node = dict(entries(node))[step]
            if not path:
                before = "cosine 90"
            elif isinstance(node, list):
                node[int(last)] = "cosine 90"
            else:
                node[last] = "cosine 90"
            assert repr(parsed(changed, suffix)).replace("90\\n", "90") == repr(before)


UNCHANGEABLE: list[tuple[str, str, str]] = [
    # content, key, why
    ("a: &x cosine  90\nb: *x\n", "a", BY_HAND),
    ("a: &x cosine  90\nb: *x\n", "b", BY_HAND),
    ("a: &x {lr: cosine  90}\nb:\n  <<: *x\n", "a.lr", BY_HAND),
    ("a: &x [cosine  90]\nb: *x\n", "a.0", BY_HAND),
    ("a: &x [*x, cosine  90]\n", "a.0.1", BY_HAND),
    ("k: [&y cosine  90, *y]\n", "k.0", BY_HAND),
    (
        "lr: |\n  cosine  90 # slowly\n",
        "lr",
        "has a comment inside the line, which would be lost; write `cosine 90` by hand",
    ),
]


@pytest.mark.parametrize(("content", "key", "why"), UNCHANGEABLE)
def test_fmt_refuses_what_it_cannot_change_safely(
    run: Run, content: str, key: str, why: str
) -> None:
    Path("a.yaml").write_text(content, encoding="utf-8")
    ran = run("fmt", "--write", "a.yaml", "--key", key)
    assert ran == Ran(2, "", f"error: a.yaml: {key}: {why}\n")
    assert Path("a.yaml").read_text(encoding="utf-8") == content


def test_fmt_keeps_comments_in_a_canonical_line(run: Run) -> None:
    content = "lr: |\n  cosine 90  # slowly\n"
    Path("a.yaml").write_text(content, encoding="utf-8")
    for option in ("--check", "--write"):
        assert run("fmt", option, "a.yaml") == Ran(0, "", "")
    assert Path("a.yaml").read_text(encoding="utf-8") == content


FORMATTED: list[tuple[list[str], Ran]] = [
    (["--check", "cosine  90"], Ran(1, "would become: cosine 90\n", "")),
    (["--check", "cosine 90", "hold  5"], Ran(1, "would become: hold 5\n", "")),
    (["--check", "-q", "hold  5"], Ran(1, "", "")),
    (["cosine  90", "hold  5"], Ran(0, "cosine 90\nhold 5\n", "")),
    (
        ["--write", "cosine  90"],
        Ran(2, "", "error: --write changes a file, not the line `cosine  90`\n"),
    ),
    (["--write", "-q", "a.yaml", "--key", "a"], Ran(0, "", "")),
    (
        ["--write", "a.yaml", "no.yaml", "--key", "a"],
        Ran(
            2,
            "a.yaml: a: changed to: cosine 90\n",
            "error: cannot read no.yaml: No such file or directory\n",
        ),
    ),
    (
        ["--write", "a.yaml", "--key", "b"],
        Ran(0, "a.yaml: b: left as it is: only a line of text has a canonical form\n", ""),
    ),
]


@pytest.mark.parametrize(("arguments", "ran"), FORMATTED)
def test_fmt(run: Run, arguments: list[str], ran: Ran) -> None:
    Path("a.yaml").write_text(
        "a: cosine  90\nb: {stages: [{kind: cosine, duration: 90}]}\n", encoding="utf-8"
    )
    assert run("fmt", *arguments) == ran


def test_fmt_cannot_write_a_file(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.yaml").write_text("cosine  90", encoding="utf-8")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    ran = run("fmt", "--write", "a.yaml")
    assert ran == Ran(2, "", "error: cannot write a.yaml: Permission denied\n")
