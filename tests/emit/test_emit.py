"""What `emit` refuses, what it lets through into a file, and files that a reviewer would merge."""

from __future__ import annotations

import ast
import io
import os
import runpy
import subprocess
import sys
import tokenize
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

import schedlang
from schedlang.emit.code import comment, docstring, lines_of, plain
from schedlang.targets import TARGETS, Target

FLAGSHIP = "warmup linear 10 -> cosine 90 min=1e-4"
LONG = " -> ".join(f"{'linear' if i % 2 else 'cosine'} 10 to={i * 37 % 97 + 3}%" for i in range(42))
STAIRCASE = "warmup 5ep from=0 skip=1st -> hold until 5ep -> cosine 95ep min=1% every=1ep"

TELLING: list[tuple[str, Target, str, dict[str, Any]]] = [
    ("flagship", "python", FLAGSHIP, {"lr": 0.1}),
    ("flagship", "torch", FLAGSHIP, {"lr": 0.1}),
    ("flagship", "keras", FLAGSHIP, {"lr": 0.1}),
    ("flagship", "optax", FLAGSHIP, {"lr": 0.1}),
    ("restarts", "python", "restarts first=10 mult=2 min=1e-4", {"lr": 0.1}),
    ("product", "torch", "(linear 10 from=50% to=1x) * (exp gamma=0.9)", {}),
    ("wave", "optax", "(cosine 20 min=1% -> cosine 20 to=1x) x inf", {}),
    ("groups", "torch", "warmup 5 -> hold 20 to=3e-3 -> decay sqrt 20 min=1%", {}),
    ("onecycle", "torch", "onecycle 100 momentum=[0.85, 0.95]", {"lr": 0.1}),
    ("onecycle", "keras", "onecycle 100 momentum=[0.85, 0.95]", {"lr": 0.1}),
    ("plateau", "torch", "warmup 5 -> plateau factor=0.5 patience=3", {}),
    ("plateau", "keras", "warmup 5 -> plateau factor=0.5 patience=3", {"lr": 0.1}),
    ("epochs", "keras", "clock=epoch | warmup 5ep -> cosine 85ep", {"steps_per_epoch": 100}),
    ("fn", "python", "fn {1 / t if t > 0 else exp(-t)} * exp 99 gamma=1.5 * hold", {}),
    ("repeat", "python", "(linear 10 from=1x to=0.1x -> hold 5) x 100", {"lr": 0.1}),
    ("long", "python", LONG, {"lr": 0.1}),
    ("long", "optax", LONG, {}),
    ("inverse", "torch", "warmup 4000 from=0 -> inverse_sqrt", {}),
    ("poly", "torch", "warmup cosine 10 -> poly 90 min=1e-4 power=2", {"lr": 0.1}),
    ("staircase", "python", STAIRCASE, {"lr": 1e-3, "steps_per_epoch": 100}),
    ("staircase", "torch", STAIRCASE, {"steps_per_epoch": 100}),
    ("teacher", "python", "cosine 100% from=0.996 to=1", {"total": 100_000}),
    ("cyclic", "keras", "cyclic up=2000 min=1e-4 max=1e-2 mode=triangular2", {"lr": 0.01}),
]


@pytest.mark.parametrize(
    ("target", "text", "binding"),
    [pytest.param(*case, id=f"{name}_{case[0]}") for name, *case in TELLING],
)
def test_snapshots(
    target: Target, text: str, binding: dict[str, Any], sources: SnapshotAssertion
) -> None:
    """Run with --snapshot-update to write them anew, and read every one of them."""
    assert schedlang.parse(text).emit(target, **binding) == sources


def test_no_snapshot_is_left_over() -> None:
    kept = {path.stem for path in Path(__file__).parent.glob("__snapshots__/test_emit/*")}
    assert kept == {f"test_snapshots[{name}_{target}]" for name, target, *_ in TELLING}


@pytest.mark.parametrize("target", TARGETS)
def test_same_bytes_in_every_process(target: Target) -> None:
    text = "(warmup 5 from=0 -> hold) * (step every=7 gamma=0.97) * (restarts first=5 mult=1.5)"
    program = f"import schedlang; print(schedlang.parse({text!r}).emit({target!r}), end='')"
    sources = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert sources == {schedlang.parse(text).emit(target)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "jax"}, "there is no target 'jax': it is one of torch, keras, optax, python"),
        (
            {"target": "python", "style": "short"},
            "there is no style 'short': it is one of native, closed-form",
        ),
        ({"target": "python", "function": "a b"}, "a function cannot be called 'a b'"),
        ({"target": "python", "function": "lambda"}, "a function cannot be called 'lambda'"),
        (
            {"target": "python", "function": "math"},
            "a function cannot be called 'math': the source uses that name",
        ),
        (
            {"target": "torch", "function": "LinearLR"},
            "a function cannot be called 'LinearLR': the source uses that name",
        ),
        (
            {"target": "keras", "function": "isinstance"},
            "a function cannot be called 'isinstance': the source uses that name",
        ),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is below
        schedlang.parse(FLAGSHIP).emit(**arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize("target", ["python", "optax"])
def test_plateau_and_momentum_are_refused(target: Target) -> None:
    with pytest.raises(ValueError, match=f"^{target} cannot have `plateau`: its rate depends on"):
        schedlang.parse("warmup 5 -> plateau").emit(target)
    with pytest.raises(ValueError, match=f"^{target} cannot have `momentum=`: a {target} schedule"):
        schedlang.parse("onecycle 10 momentum=[0.8, 0.9]").emit(target)


@pytest.mark.parametrize("target", ["keras", "optax"])
def test_epochs_of_unknown_length_are_refused(target: Target) -> None:
    with pytest.raises(ValueError, match="counts updates, but this schedule counts epochs: set"):
        schedlang.parse("warmup 5ep -> cosine 85ep").emit(target)


@pytest.mark.parametrize("target", TARGETS)
def test_another_name(target: Target) -> None:
    source = schedlang.parse(FLAGSHIP).emit(target, lr=0.1, function="rate_of_run_7")
    tree = ast.parse(source)
    assert "rate_of_run_7" in {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}


HOSTILE = [
    '"""\nimport os\n"""',
    '\\"\\"\\"; import os',
    "a\rimport os",
    "a\u2028import os\u2029import os",
    "a\x00b\x0cimport os",
    "\u202eso tropmi\u202c \u2066 \u200f",
    "# type: ignore\n\timport os",
    "x" * 500,
    "\ud800 lone",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_leaves_a_comment_or_a_docstring(text: str) -> None:
    lines = ["def f() -> None:", *(f"    {line}" for line in lines_of(docstring(text, [text])))]
    source = "\n".join([*comment(text), *lines, "    return", ""])
    tree = ast.parse(source)
    assert [type(node) for node in tree.body] == [ast.FunctionDef]
    body = tree.body[0].body  # type: ignore[attr-defined]  # a function, as just seen
    assert [type(node) for node in body] == [ast.Expr, ast.Return]
    kinds = {token.type for token in tokenize.generate_tokens(io.StringIO(source).readline)}
    assert tokenize.ERRORTOKEN not in kinds
    assert all(c == "\n" or c.isprintable() for c in source)
    assert plain(text) == plain(plain(text))


@pytest.mark.parametrize("target", TARGETS)
def test_the_page_shows_what_is_emitted(target: Target) -> None:
    page = Path(__file__).parents[2] / "docs" / "source.md"
    block = f"```python\n{schedlang.parse(FLAGSHIP).emit(target, lr=0.1)}```\n"
    assert block in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("torch", "cosine 98000 -> hold 100000 -> step every=12345"),
        ("torch", "multistep 98000 at=[9999, 10000]"),
        ("optax", "cosine 98000 -> hold 100000 -> step every=12345"),
        ("optax", "multistep 98000 at=[9999, 10000] gamma=[0.1, 2] * exp gamma=0.9"),
        ("python", "multistep at=[1, 2, 3, 4, 5, 6, 7, 8, 9, 98765, 100000] gamma=0.5"),
        ("python", LONG.replace("10 ", "98765 ")),
        ("optax", LONG.replace("10 ", "98765 ")),
        ("keras", "cosine 98000 -> cyclic up=12345 min=1%"),
        ("python", "restarts first=98000 mult=2"),
        ("optax", "restarts first=98000 mult=2"),
    ],
)
def test_integers_are_written_in_one_way(target: Target, text: str) -> None:
    source = schedlang.parse(text).emit(target)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    numbers = [token.string for token in tokens if token.type == tokenize.NUMBER]
    whole = [number for number in numbers if number.replace("_", "").isdigit()]
    assert [f"{int(number):_}" if int(number) >= 10_000 else number for number in whole] == whole
    assert any("_" in number for number in whole)


@pytest.mark.parametrize("target", ["optax", "keras"])
def test_growing_restarts_are_an_expression(target: Target) -> None:
    source = schedlang.parse("restarts first=10 mult=1.5").emit(target)
    assert max(map(len, source.split("\n"))) <= 100
    assert len(source.split("\n")) < 60


@pytest.mark.parametrize("target", ["optax", "keras"])
@pytest.mark.parametrize(
    "text",
    [
        "restarts first=10 mult=1.5",
        "restarts first=5/7ep mult=4/3",
        "restarts first=3/2ep mult=1.01",
    ],
)
def test_the_lists_of_growing_restarts_are_exact(target: Target, text: str) -> None:
    source = schedlang.parse(text).emit(target, steps_per_epoch=33 if "ep" in text else None)
    tree = ast.parse(source)
    scope: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            exec(compile(ast.Module([node], []), "lists", "exec"), scope)  # our own source
    first, _, mult = text.removeprefix("restarts first=").partition(" mult=")
    length = Fraction(first.removesuffix("ep")) * (33 if "ep" in text else 1)
    begin, begins = Fraction(0), []
    while begin < 2**31:
        begins.append(begin)
        begin, length = begin + length, length * Fraction(mult)
    assert scope["_BEGINS"] == [float(begin) for begin in begins]
    assert scope["_EDGES"] == [ceil(begin) for begin in begins]


@pytest.mark.parametrize(
    "text",
    [
        "step 4 every=2 min=1e-3 -> linear 4 to=1x",
        "restarts first=3 min=1e-3 shrink=0.5",
        "exp 10 from=1e-3 to=1x -> (step 5 every=2 min=2e-3) x 3",
        "linear 4 to=1e-3 -> fn 4 {start * 0.5}",
    ],
)
def test_levels_that_are_no_multiple_of_the_base(text: str, tmp_path: Path) -> None:
    """The base rate is a parameter, and a level such as `max(1e-3, 0.1 * lr)` follows from it."""
    schedule = schedlang.parse(text)
    path = tmp_path / "schedule.py"
    path.write_text(schedule.emit("python"), encoding="utf-8")
    learning_rate = runpy.run_path(str(path))["learning_rate"]
    for lr in (0.1, 0.02, 2e-3):
        program = schedule.bind(lr=lr)
        assert [learning_rate(step, lr) for step in range(40)] == pytest.approx(
            [program.at(step) for step in range(40)], rel=1e-12
        )


@pytest.mark.parametrize("monitor", ["math.loss", "ops.loss", "bisect_right", "Fraction", "jnp"])
@pytest.mark.parametrize("target", ["torch", "keras"])
def test_a_monitor_imports_nothing(target: Target, monitor: str) -> None:
    def imports(source: str) -> list[str]:
        nodes = ast.parse(source).body
        return [ast.unparse(n) for n in nodes if isinstance(n, ast.Import | ast.ImportFrom)]

    text = "warmup 5 -> plateau mode=min monitor={}"
    plain = schedlang.parse(text.format("loss")).emit(target, lr=0.1)
    assert imports(schedlang.parse(text.format(monitor)).emit(target, lr=0.1)) == imports(plain)


@pytest.mark.parametrize("target", ["optax", "keras"])
def test_long_epochs_have_digit_groups(target: Target) -> None:
    line = "clock=epoch | hold 3 -> linear 7 * step every=2"
    assert "// 12_345" in schedlang.parse(line).emit(target, lr=0.1, steps_per_epoch=12_345)
