"""Writes a tree as its canonical text, of which each tree has exactly one."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, TypeAlias

from typing_extensions import assert_never

from schedlang.language.quantities import Length, Level, format_number
from schedlang.language.tree import Group, Node, Product, Settings, Tree
from schedlang.phases.base import Phase

Texts: TypeAlias = dict[int, str]
"""A cache of the texts of phases by `id`."""


def write(tree: Tree, texts: Texts | None = None) -> str:
    """The canonical text of a whole line."""
    settings = [f"{name}={value_text(value)}" for name, value in set_values(tree)]
    head = f"{' '.join(settings)} | " if settings else ""
    return head + pipeline_text(tree.stages, {} if texts is None else texts)


def set_values(settings: Settings) -> list[tuple[str, Any]]:
    """The settings that are set, in their canonical order."""
    pairs = ((name, getattr(settings, name)) for name in Settings.model_fields)
    return [(name, value) for name, value in pairs if value is not None]


def pipeline_text(stages: Sequence[Node], texts: Texts) -> str:
    """The text of stages in sequence."""
    return " -> ".join([node_text(stage, texts) for stage in stages])


def node_text(node: Node, texts: Texts | None = None) -> str:
    """The text of a stage or a factor."""
    texts = {} if texts is None else texts
    match node:
        case Group(stages=stages, times=times):
            inside = f"({pipeline_text(stages, texts)})"
            return inside + (f" x {times}" if times is not None else "")
        case Product(factors=factors):
            return " * ".join([node_text(factor, texts) for factor in factors])
        case Phase():
            text = texts.get(id(node))
            if text is None:
                text = texts[id(node)] = _phase_text(node)
            return text
        case _:
            assert_never(node)


def _phase_text(phase: Phase) -> str:
    words: list[str] = []
    braces = ""
    for name, field in type(phase).model_fields.items():
        value = getattr(phase, name)
        match name:
            case "kind":
                words.append(value)
            case "role" | "duration" if value is None:
                pass
            case "role":
                words.insert(0, value)
            case "duration":
                words.append(str(value))
            case "expression":
                braces = f" {{{value}}}"
            case _ if value != field.default:
                words.append(f"{field.alias or name}={value_text(value)}")
    return " ".join(words) + braces


def value_text(value: Any) -> str:
    """The text of an argument's or a setting's value."""
    match value:
        case Fraction():
            return format_number(value)
        case bool():
            return str(value).lower()
        case tuple():
            units = {item.unit for item in value if isinstance(item, Length | Level)}
            if len(units) == 1 and (unit := units.pop()):
                return f"[{', '.join(format_number(item.value) for item in value)}]{unit}"
            return f"[{', '.join(map(value_text, value))}]"
        case _:
            return str(value)
