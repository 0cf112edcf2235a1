"""docs/architecture.md holds: who imports whom, what is total, what has no place here."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import schedlang
from schedlang import evaluate, formula
from schedlang.phases import BUILT_IN, BuiltIn
from schedlang.schedule import Schedule

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "schedlang"
FRAMEWORKS = ["torch", "keras", "tensorflow", "jax", "optax", "numpy", "matplotlib", "plotext"]
FRONT = ["__init__", "__main__"]
"""What only names what others have; it may import from anywhere."""


def _module(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


SOURCES = {_module(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def _rows() -> dict[str, int]:
    """The files and folders of the table, without their endings, with the number of their row."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("| file |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    names = [re.findall(r"`([^`]+)`", cell) for cell in cells]
    return {
        name.rstrip("/").removesuffix(".py"): row for row, here in enumerate(names) for name in here
    }


ROWS = _rows()
TARGETS = [name for name in ROWS if ROWS[name] == ROWS["optax"]]
FOR_TARGETS = {name for name in ROWS if ROWS["bind"] < ROWS[name] < ROWS["optax"]}
"""What several targets share."""


def _part(module: str) -> str:
    """The row of a module: `phases` for `phases.ramps`."""
    return module.partition(".")[0]


def _imports(module: str) -> list[tuple[str, bool]]:
    """The package's modules that a module imports, and whether inside a function."""
    tree = ast.parse(SOURCES[module].read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    lazy = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for inner in ast.walk(node)
    }
    found: list[tuple[str, bool]] = []
    for node in ast.walk(tree):
        names: list[str] = []
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "schedlang":
            named = [alias.name for alias in node.names]
            names = [f"schedlang.{name}" for name in named if name in SOURCES]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, f"{module} imports relatively"
            names = [node.module]
        own = [name.removeprefix("schedlang.") for name in names if name.startswith("schedlang.")]
        found += [(name, id(node) in lazy) for name in own]
    return found


@pytest.mark.parametrize("module", [name for name in SOURCES if name not in FRONT])
def test_who_may_import_whom(module: str) -> None:
    here = _part(module)
    assert here in ROWS, f"{here} is not in the table of docs/architecture.md"
    for imported, lazily in _imports(module):
        there = _part(imported)
        if there == here:
            continue
        assert there in ROWS, f"{module} imports {imported}, which is not in the table"
        if here in TARGETS and lazily and imported == "schedule":
            continue  # from a saved state back to a program
        assert ROWS[there] < ROWS[here], f"{module} imports {imported} from below"
        if here in TARGETS or here in FOR_TARGETS:
            allowed = {"program", "formula", "evaluate", "notation", "errors", *FOR_TARGETS}
            assert there in allowed, f"{module} imports {imported}: syntax, after the program"
        if there in TARGETS:
            assert (here, lazily) == ("schedule", True) or here == "cli", f"{module} -> {imported}"


def test_every_row_of_the_table_is_there() -> None:
    for name in ROWS:
        if name != "grammar/schedlang.lark":
            assert name in {_part(module) for module in SOURCES}, f"there is no {name}"


@pytest.mark.parametrize("module", SOURCES)
def test_no_file_is_long(module: str) -> None:
    assert len(SOURCES[module].read_text(encoding="utf-8").splitlines()) < 400


@pytest.mark.parametrize("module", SOURCES)
def test_what_compiles_stands_in_one_function(module: str) -> None:
    tree = ast.parse(SOURCES[module].read_text(encoding="utf-8"))
    allowed = {
        id(inner)
        for node in ast.walk(tree)
        if module == "evaluate" and isinstance(node, ast.FunctionDef) and node.name == "function"
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


CORE = [
    module
    for module in SOURCES
    if ROWS.get(_part(module), ROWS["program"]) <= ROWS["program"] and module not in FRONT
]


@pytest.mark.parametrize("module", [*CORE, "bind", "lower", "schedule"])
def test_the_examples_of_the_docstrings(module: str) -> None:
    found = importlib.import_module(f"schedlang.{module}" if module != "schedlang" else module)
    assert doctest.testmod(found).failed == 0


@pytest.mark.parametrize("kind", BUILT_IN)
def test_every_phase_shows_an_example(kind: str) -> None:
    assert ">>> " in (BUILT_IN[kind].__doc__ or "")
