"""docs/architecture.md holds: who imports whom, what is total, what has no place here."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from importlinter.cli import lint_imports

import schedlang
from schedlang.formula import evaluate
from schedlang.formula import expressions as formula
from schedlang.phases import BUILT_IN, BuiltIn
from schedlang.schedule import Schedule

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "schedlang"
FRAMEWORKS = ["torch", "keras", "tensorflow", "jax", "optax", "numpy", "matplotlib", "plotext"]
FRONT = ["__init__", "__main__"]


def _module(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


SOURCES = {_module(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def test_the_page_has_every_module() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("| module |")[2].partition("\n\n")[0]
    listed = {name.rstrip("/") for name in re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)}
    packages = {"torch", "keras", "emit", "cli", "phases", "integrations"}
    stages = {"language", "formula", "program", "arrays", "counterparts", "plan"}
    inside = {name for name in SOURCES if name.partition(".")[0] not in packages}
    assert listed == (inside - stages - set(FRONT)) | packages


def test_who_may_import_whom() -> None:
    """The layers and the forbidden imports of pyproject.toml."""
    assert lint_imports() == 0


@pytest.mark.parametrize("module", SOURCES)
def test_what_compiles_stands_in_one_function(module: str) -> None:
    tree = ast.parse(SOURCES[module].read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    allowed = {
        id(inner)
        for node in functions
        if (module, node.name) == ("formula.evaluate", "function")
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called = node.func.id in {"eval", "exec", "compile", "__import__"}
            assert not called or id(node) in allowed, f"{module}, line {node.lineno}"
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
            assert not {"pickle", "marshal", "shelve"} & set(names), f"{module}, line {node.lineno}"


def test_importing_the_package_imports_no_framework() -> None:
    program = "import schedlang, sys; print(' '.join(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert not {name.partition(".")[0] for name in run.stdout.split()} & set(FRAMEWORKS)


def test_only_the_kinds_in_use_have_a_validator() -> None:
    """To make one takes a millisecond, and a command reads one line."""
    program = (
        "import schedlang; schedlang.parse('warmup 5 -> cosine 9');"
        "from schedlang.phases import BUILT_IN;"
        "print(*(kind for kind, phase in BUILT_IN.items() if phase.__pydantic_complete__))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert run.stdout == "linear cosine\n"


def test_every_operation_can_be_computed() -> None:
    assert set(evaluate.SCALAR) == set(formula.OPERATIONS)
    assert set(evaluate._ufuncs()) == set(formula.OPERATIONS)


def test_every_built_in_phase_is_in_the_union() -> None:
    assert set(BUILT_IN.values()) == set(get_args(BuiltIn))
    described = set(Schedule.model_json_schema()["$defs"])
    assert described == {phase.__name__ for phase in BUILT_IN.values()} | {"Group", "Product"}
    shapes = [
        value
        for module in ("ramps", "rates", "cycles", "plateau", "expression")
        for value in vars(importlib.import_module(f"schedlang.phases.{module}")).values()
        if isinstance(value, type)
        and issubclass(value, schedlang.Phase)
        and value.__module__ == f"schedlang.phases.{module}"
    ]
    assert set(shapes) == set(BUILT_IN.values())


@pytest.mark.parametrize("kind", BUILT_IN)
def test_every_phase_shows_an_example(kind: str) -> None:
    assert ">>> " in (BUILT_IN[kind].__doc__ or "")
