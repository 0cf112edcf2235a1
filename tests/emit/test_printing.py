"""Formulas are printed as each target spells them, and Python's compute the values."""

from __future__ import annotations

import bisect
import math
import subprocess
import sys
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import strategies as st

from schedlang.emit.code import (
    Code,
    Import,
    import_statements,
    infix,
    lines_of,
    name,
    number,
    returns,
)
from schedlang.emit.helpers import GUARDS, HELPERS
from schedlang.emit.printing import (
    JAX,
    KERAS,
    PYTHON,
    Printer,
    Spelling,
)
from schedlang.formula import expressions as formula
from schedlang.formula.evaluate import value
from schedlang.formula.expressions import (
    BASE,
    PI,
    Apply,
    Expr,
    Lookup,
    Number,
    Operation,
    T,
    cos,
    where,
)
from tests.emit.drawing import drawn

FEW = Lookup(T, (10.0, 12_500.0), (1.0, 0.5, 0.25))
COUNT = Lookup(T, (10.0, 20.0), (0.0, 1.0, 2.0))
SEARCH = 'jnp.searchsorted(jnp.array([10, 12_500]), t, side="right")'
EITHER = where(formula.less(T, 5), 1, BASE)
BOTH = Apply("and", (formula.less(T, 5), Apply("not", (formula.at_most(T, 3),))))


def text(e: Expr, spelling: Spelling = PYTHON, **options: Any) -> str:
    return Printer(spelling, **options).code(e).flat


@pytest.mark.parametrize(
    ("value", "whole", "expected"),
    [
        (0, True, "0"),
        (0, False, "0.0"),
        (-3, True, "-3"),
        (9_999, True, "9999"),
        (10_000, True, "10_000"),
        (1e15, False, "1_000_000_000_000_000.0"),
        (1e16, True, "1e16"),
        (0.1, True, "0.1"),
        (0.0001, False, "1e-4"),
        (-1.5e-7, True, "-1.5e-7"),
        (1 / 3, True, "0.3333333333333333"),
    ],
)
def test_numbers(value: float, whole: bool, expected: str) -> None:
    assert number(value, whole=whole).flat == expected


@pytest.mark.parametrize(
    ("e", "expected"),
    [
        (BASE * (1 + cos(PI * T / 90)) / 2, "base * (1 + math.cos(math.pi * t / 90)) / 2"),
        (-((T - 1) ** 2), "-(t - 1) ** 2"),
        (T / (T * BASE), "t / (t * base)"),
        (2 ** (T - 3), "2.0 ** (t - 3)"),
        (BASE**0.5, "math.pow(base, 0.5)"),
        (BASE**-T, "base ** -t"),
        (EITHER, "1.0 if t < 5 else base"),
        (EITHER * 2, "(1.0 if t < 5 else base) * 2"),
        (where(BOTH, T, BASE), "t if t < 5 and not t <= 3 else base"),
        (formula.minimum(1, T), "min(1.0, t)"),
        (FEW, "[1.0, 0.5, 0.25][bisect_right([10, 12_500], t)]"),
        (COUNT, "bisect_right([10, 20], t)"),
        (Number(3.0), "3"),
    ],
)
def test_python(e: Expr, expected: str) -> None:
    assert text(e) == expected


@pytest.mark.parametrize(
    ("spelling", "e", "expected"),
    [
        (JAX, cos(PI * T), "jnp.cos(jnp.pi * t.astype(float))"),
        (KERAS, cos(PI * T), 'ops.cos(math.pi * ops.cast(t, "float32"))'),
        (JAX, EITHER, "jnp.where(t < 5, 1.0, base)"),
        (JAX, BASE**0.5, "base**0.5"),
        (JAX, 2**T, "2.0 ** t.astype(float)"),
        (JAX, (3 - T) / 10, "(3 - t) / 10"),
        (KERAS, (3 - T) / 10, 'ops.cast(3 - t, "float32") / 10'),
        (KERAS, T * 0.5 + BASE, 'ops.cast(t, "float32") * 0.5 + base'),
        (KERAS, formula.rounds(T, Fraction(5, 2)), "t * 2 // 5"),
        (KERAS, PI * formula.within(T, Fraction(5)), 'math.pi * ops.cast(t % 5, "float32")'),
        (
            KERAS,
            where(BOTH, 0, 1),
            "ops.where(ops.logical_and(t < 5, ops.logical_not(t <= 3)), 0.0, 1.0)",
        ),
        (
            JAX,
            FEW,
            "jnp.array([1.0, 0.5, 0.25])[" + SEARCH + "]",
        ),
        (KERAS, FEW, "ops.take(ops.array([1.0, 0.5, 0.25]), _reached([10, 12_500], t))"),
    ],
)
def test_arrays(spelling: Spelling, e: Expr, expected: str) -> None:
    assert text(e, spelling) == expected


def test_parts_with_names() -> None:
    """A part with a name is that name, and one with code of its own is in parentheses."""
    progress = T / 90
    names = {progress: name("p"), BASE: name("lr"), T: infix("step", "-", "10")}
    e = BASE * (1 - progress) ** 2 + T * T
    assert text(e, names=names) == "lr * (1 - p) ** 2 + (step - 10) * (step - 10)"


def test_parts_with_a_helper() -> None:
    division = 1 / T
    assert text(division + 1 / BASE, guarded={division}) == "_divide(1, t) + 1 / base"


def test_lists_with_names() -> None:
    given = {}

    def lists(items: Any, text: str) -> Code:
        given[text] = items.flat
        return name(text)

    assert text(FEW, lists=lists) == "_VALUES[bisect_right(_EDGES, t)]"
    assert given == {"_EDGES": "[10, 12_500]", "_VALUES": "[1.0, 0.5, 0.25]"}


# ------------------------------------------------------------------------ what it imports


def test_imports_are_sorted() -> None:
    schedulers = ("LRScheduler", "SequentialLR", "LambdaLR", "CosineAnnealingLR", "LinearLR")
    imports = [
        Import("torch.optim", "SGD"),
        Import("torch.optim", "Optimizer"),
        Import("torch.optim", "swa_utils"),
        Import("warnings"),
        Import("jax.numpy", alias="jnp"),
        Import("jax"),
        Import("bisect", "bisect_right"),
        Import("typing", "Any"),
        Import("math"),
        *(Import("torch.optim.lr_scheduler", name) for name in schedulers),
    ]
    names = ["CosineAnnealingLR", "LambdaLR", "LinearLR", "LRScheduler", "SequentialLR"]
    lines = lines_of(import_statements(imports))
    assert lines == [
        "import math",
        "import warnings",
        "from bisect import bisect_right",
        "from typing import Any",
        "",
        "import jax",
        "import jax.numpy as jnp",
        "from torch.optim import SGD, Optimizer, swa_utils",
        "from torch.optim.lr_scheduler import (",
        *(f"    {name}," for name in names),
        ")",
    ]
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "I", "-"]
    source = "\n".join([*lines, ""])
    done = subprocess.run(ruff, input=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


# ------------------------------------------------------------------------ random formulas

ONE_ARGUMENT: list[Operation] = [
    "neg", "sin", "cos", "tan", "tanh", "exp", "log", "sqrt", "floor", "ceil", "abs",
]  # fmt: skip
TWO_ARGUMENTS: list[Operation] = ["add", "sub", "mul", "div", "pow", "min", "max"]
COMPARISONS: list[Operation] = ["lt", "le", "gt", "ge", "eq", "ne"]
LEAVES: st.SearchStrategy[Expr] = st.one_of(
    st.just(T),
    st.just(BASE),
    st.just(PI),
    st.sampled_from([1.0, 2.0, -3.0, 10.0, 12_345.0, 0.5, 1e-4, -0.25, 1 / 3]).map(Number),
)


def applied(operations: list[Operation], *args: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    return st.builds(lambda op, *xs: Apply(op, xs), st.sampled_from(operations), *args)


def larger(parts: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    compared = applied(COMPARISONS, parts, parts)
    conditions = st.one_of(
        compared, applied(["and", "or"], compared, compared), applied(["not"], compared)
    )
    return st.one_of(
        applied(TWO_ARGUMENTS, parts, parts),
        applied(TWO_ARGUMENTS, parts, parts),
        applied(ONE_ARGUMENT, parts),
        applied(["where"], conditions, parts, parts),
        st.builds(lambda x: Lookup(x, (1.0, 2.5, 100.0), (1.0, 0.5, 2.0, 0.1)), parts),
    )


@pytest.fixture(scope="module")
def formulas() -> list[Expr]:
    return drawn(st.recursive(LEAVES, larger, max_leaves=20), 800)


class _Everything:
    """A container of all the parts for which there is a helper."""

    def __contains__(self, e: object) -> bool:
        return isinstance(e, Apply) and e.op in GUARDS


@pytest.mark.parametrize("guarded", [(), _Everything()], ids=["plain", "guarded"])
def test_random_formulas_compute_their_value(guarded: Any, formulas: list[Expr]) -> None:
    """Plain Python may raise where there is no value among the finite numbers, and only there."""
    printer = Printer(PYTHON, guarded=guarded)
    lines = [line for block in HELPERS.values() for line in lines_of(block)]
    for i, e in enumerate(formulas):
        body = lines_of([returns(printer.code(e))])
        lines += [f"def formula_{i}(t, base):", *(f"    {line}" for line in body)]
    scope: dict[str, Any] = {"math": math, "bisect_right": bisect.bisect_right}
    exec("\n".join(lines), scope)  # our own source
    raised = 0
    for i, e in enumerate(formulas):
        for t, base in ((0.0, 0.1), (7.0, 1.0), (300.0, 3e-4)):
            want = value(e, {"t": t, "base": base})
            try:
                found = scope[f"formula_{i}"](t, base)
            except (ZeroDivisionError, OverflowError, ValueError):
                assert not guarded, text(e)
                raised += 1
                continue
            if guarded or math.isfinite(want):
                assert found == pytest.approx(want, rel=1e-9, abs=1e-12, nan_ok=True), text(e)
    assert raised < len(formulas)
