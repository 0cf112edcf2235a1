"""Nothing of a schedule's text, names or dict form adds a statement to a source, or hides one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from pydantic import create_model

import schedlang
from schedlang.phases import REGISTERED

Target = Literal["torch", "keras", "optax", "python"]
TARGETS: list[Target] = ["python", "torch", "keras", "optax"]
HOSTILE = [
    '"""\nimport os\n"""',
    "'''; import os",
    'x"]; import os; ["',
    "a\rimport os",
    "a\nimport os",
    "a\u2028import os\u2029import os",
    "a\x85import os",
    "a\x00b\x0cimport os",
    "\u202eso tropmi\u202c \u2066 \u200f",
    "back\\slash\\",
    "{import_os}",
    "coding: latin-1",
]


DOORS: list[tuple[str, dict[str, Any]]] = [
    ("duration", {"kind": "linear", "duration": "10"}),
    ("to", {"kind": "linear", "duration": 10, "to": "1%"}),
    ("min", {"kind": "cosine", "duration": 10, "min": "1e-4"}),
    ("expression", {"kind": "fn", "duration": 10, "expression": "1 / (t + 1)"}),
    ("kind", {"kind": "linear", "duration": 10}),
    ("monitor", {"kind": "plateau", "monitor": "val_loss"}),
    ("mode", {"kind": "plateau", "mode": "min"}),
]


@pytest.fixture(autouse=True)
def _own_phases() -> Iterator[None]:
    """What a test registers, no other test sees."""
    before = dict(REGISTERED)
    yield
    REGISTERED.clear()
    REGISTERED.update(before)


class _Blank(ast.NodeTransformer):
    """Strings, which say the text, made all the same."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant("") if isinstance(node.value, str) else node


def statements(source: str) -> str:
    """The source's statements; what its strings say aside."""
    assert all(c == "\n" or c.isprintable() for c in source)
    return ast.dump(_Blank().visit(ast.parse(source)))


def register(kind: str, field: str, says: str = "A phase.") -> None:
    fields: dict[str, Any] = {"kind": (Literal[kind], ...), field: (float, 1.0)}
    phase: Any = create_model("Own", __base__=schedlang.Ramp, __doc__=says, **fields)
    setattr(phase, "progress", lambda self, p: p ** getattr(self, field))  # noqa: B010  # a method, for mypy
    schedlang.register(phase)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("noqa", "encoding"),
        ("class", "coding"),
        ("lambda_", "type"),
        ("import", "lambda_"),
        ("type", "noqa"),
        ("fmt", "off"),
        ("math", "step"),
        ("share", "ops"),
        ("learning_rate", "optimizer"),
    ],
)
def test_names_of_registered_phases(target: Target, kind: str, field: str) -> None:
    """The source is that of a phase with plain names as long as these, letter by letter."""
    plain_kind, plain_field = "q" * len(kind), "w" * len(field)
    register(plain_kind, plain_field)
    register(kind, field, says='"""\nimport os\n\u202e"""')
    line = "warmup {0} 10 {1}=3 -> hold 5 -> {0} 90 {1}=2 min=1%"

    def emitted(kind: str, field: str) -> str:
        source = schedlang.parse(line.format(kind, field)).emit(target, lr=0.1)
        return re.sub(r"schedule_[0-9a-f]{8}", "schedule_", source)

    renamed = emitted(plain_kind, plain_field).replace(plain_kind, kind)
    assert emitted(kind, field) == renamed.replace(plain_field, field)
    statements(emitted(kind, field))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("text", HOSTILE)
def test_comments_of_the_line(target: Target, text: str) -> None:
    clean = schedlang.parse("warmup 10 -> cosine 90").emit(target)
    line = f"warmup 10 # {text}\n -> cosine 90"
    if "\nimport" in text:  # what is behind a line's end is part of the line
        with pytest.raises(schedlang.ScheduleError, match=r"error\[syntax\]: unexpected"):
            schedlang.parse(line)
    else:
        assert schedlang.parse(line).emit(target) == clean


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(("field", "good"), DOORS, ids=[field for field, _ in DOORS])
def test_strings_of_the_dict_form(
    field: str, good: dict[str, Any], target: Target, text: str
) -> None:
    """Every string of a dict form is checked before it reaches a source."""
    schedlang.Schedule.model_validate({"stages": [good]}).emit("keras", lr=0.1)
    with pytest.raises(schedlang.ScheduleError):
        schedlang.Schedule.model_validate({"stages": [{**good, field: text}]}).emit(target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("text", HOSTILE)
def test_keys_of_the_dict_form(target: Target, text: str) -> None:
    with pytest.raises(schedlang.ScheduleError):
        schedlang.Schedule.model_validate({"stages": [{**DOORS[0][1], text: 1}]}).emit(target)


@pytest.mark.parametrize("monitor", ["val/acc-1.top", "import", "noqa", "type"])
def test_a_monitor_is_a_string_whatever_it_is_called(monitor: str) -> None:
    clean = statements(schedlang.parse("plateau mode=max monitor=acc").emit("keras", lr=0.1))
    stage = {"kind": "plateau", "mode": "max", "monitor": monitor}
    schedule = schedlang.Schedule.model_validate({"stages": [stage]})
    assert f'\n    monitor = "{monitor}"\n' in schedule.emit("keras", lr=0.1)
    assert statements(schedule.emit("keras", lr=0.1)) == clean


def test_an_added_statement_would_be_seen() -> None:
    clean = schedlang.parse("cosine 10").emit("python", lr=0.1)
    assert statements(clean.replace("import math", "import math, os")) != statements(clean)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("text", HOSTILE)
def test_expressions_of_the_line(target: Target, text: str) -> None:
    """What is no arithmetic is refused between the braces of `fn`; a comment there is left out."""
    for expression in (text, f"t + {text}", f"{text} * t", f"sin({text})"):
        with pytest.raises(schedlang.ScheduleError):
            schedlang.parse(f"fn 10 {{{expression}}}").emit(target)
    clean = schedlang.parse("fn 10 {1 / (t + 1)}").emit(target)
    if "\nimport" not in text:
        assert schedlang.parse(f"fn 10 {{1 / # {text}\n (t + 1)}}").emit(target) == clean


@pytest.mark.parametrize("target", TARGETS)
def test_long_schedules(target: Target) -> None:
    """Every phase has its text beside it, on a line of its own."""
    line = " -> ".join(
        f"linear {i + 1} to={i % 89 + 1}%  # {HOSTILE[i % 12]!r}\n" for i in range(60)
    )
    source = schedlang.parse(line).emit(target)
    comments = [row.partition("# ")[2] for row in source.splitlines() if "# linear" in row]
    assert comments == [f"linear {i + 1} to={i % 89 + 1}%" for i in range(60)]
    statements(source)
