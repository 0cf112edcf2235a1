"""Python code as a small tree: expressions and statements, each with the names it uses.

A file's imports and helpers are collected from these names.
"""

from __future__ import annotations

import math
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from schedlang.emit.layout import (
    HARD,
    INDENT,
    SOFT,
    SPACE,
    WIDTH,
    Doc,
    Group,
    IfBroken,
    Nest,
    render,
)
from schedlang.formula import notation
from schedlang.formula.notation import ATOM, CHOICE, INFIX, NOT, OR, UNARY


class Import(NamedTuple):
    """``import module as alias``, or ``from module import name``."""

    module: str
    name: str = ""
    alias: str = ""


IMPORTS = {
    "ArrayLike": Import("jax.typing", "ArrayLike"),
    "Any": Import("typing", "Any"),
    "Callable": Import("collections.abc", "Callable"),
    "LambdaLR": Import("torch.optim.lr_scheduler", "LambdaLR"),
    "LRScheduler": Import("torch.optim.lr_scheduler", "LRScheduler"),
    "LearningRateSchedule": Import("keras.optimizers.schedules", "LearningRateSchedule"),
    "NamedTuple": Import("typing", "NamedTuple"),
    "Optimizer": Import("torch.optim", "Optimizer"),
    "ReduceLROnPlateau": Import("torch.optim.lr_scheduler", "ReduceLROnPlateau"),
    "Tensor": Import("torch", "Tensor"),
    "bisect_right": Import("bisect", "bisect_right"),
    "fnmatchcase": Import("fnmatch", "fnmatchcase"),
    "jax": Import("jax"),
    "jnp": Import("jax.numpy", alias="jnp"),
    "keras": Import("keras"),
    "math": Import("math"),
    "ops": Import("keras", "ops"),
    "optax": Import("optax"),
    "partial": Import("functools", "partial"),
    "warnings": Import("warnings"),
}
"""The import of each name that the file does not define itself."""
Uses: TypeAlias = frozenset[str | Import]
"""Imports, and the names of locals and of the file's functions."""
_TIGHTNESS = {sign: (own, left, right) for sign, own, left, right in INFIX.values()}


# ------------------------------------------------------------------------------ expressions


@dataclass(frozen=True, slots=True)
class Code:
    """An expression.

    Attributes:
        doc: its text; not yet grouped if its operator binds less tightly than a call.
        uses: the names it uses.
        tightness: how tightly it binds.
    """

    doc: Doc
    uses: Uses = frozenset()
    tightness: int = ATOM

    @property
    def group(self) -> Doc:
        """The text, for use inside other code."""
        return self.doc if self.tightness == ATOM else Group(self.doc)

    @property
    def flat(self) -> str:
        """The text on one line."""
        return "".join(render(Group(self.doc), sys.maxsize))


def name(text: str) -> Code:
    """A name or an attribute such as ``math.cos``, imported if necessary."""
    root, _, _ = text.partition(".")
    return Code(text, frozenset({IMPORTS.get(root, root)}))


def imported(module: str, text: str) -> Code:
    """A class or function imported from a module."""
    return Code(text, frozenset({Import(module, text)}))


def code(x: Code | str) -> Code:
    """Code unchanged; text as a name or a literal."""
    if isinstance(x, Code):
        return x
    return name(x) if x[:1].isalpha() or x.startswith("_") else Code(x)


def digits(value: float, *, whole: bool = True) -> str:
    """The shortest literal, with a decimal point or an exponent unless it may be ``whole``."""
    if value != int(value) or abs(value) >= 1e16:
        return notation.number(value)
    text = f"{int(value):_}" if abs(value) >= 10_000 else f"{int(value)}"
    return text if whole else f"{text}.0"


def number(value: float, *, whole: bool = True) -> Code:
    """A literal or π; see `digits`."""
    if abs(value) == math.pi:
        return name("math.pi") if value > 0 else negative("math.pi")
    return Code(digits(value, whole=whole), tightness=UNARY if value < 0 else ATOM)


def text_literal(text: str) -> Code:
    """A string literal for any text."""
    return Code('"' + text.encode("unicode_escape").decode("ascii").replace('"', r"\x22") + '"')


def call(function: Code | str, *arguments: Code | str, **named: Code | str) -> Code:
    """``function(arguments, name=named)``."""
    items = [*map(code, arguments), *(labelled(f"{key}=", x) for key, x in named.items())]
    return _bracketed(code(function), "()", items)


def subscript(value: Code | str, *items: Code | str) -> Code:
    """``value[items]``."""
    return _bracketed(code(value), "[]", list(map(code, items)), comma="")


def listed(*items: Code | str) -> Code:
    """``[items]``."""
    return _bracketed(Code(""), "[]", list(map(code, items)))


def mapping(items: Mapping[str, Code | str]) -> Code:
    """``{key: value}``."""
    return _bracketed(Code(""), "{}", [labelled(f"{key}: ", x) for key, x in items.items()])


def labelled(label: str, value: Code | str) -> Code:
    """An item with a label before it."""
    value = code(value)
    return Code((label, value.group), value.uses)


def commented(text: str, value: Code, depth: int) -> Code:
    """An item with a comment above it, at this indentation depth."""
    lines = comment(text, WIDTH - depth * INDENT)
    return Code((*((line, HARD) for line in lines), value.group), value.uses)


def attribute(value: Code | str, text: str) -> Code:
    """``value.text``."""
    value = _least(value, ATOM)
    return Code((value.doc, f".{text}"), value.uses)


def infix(left: Code | str, sign: str, right: Code | str) -> Code:
    """``left sign right``, with parentheses where needed."""
    own, before, after = _TIGHTNESS[sign]
    left, right = _least(left, before), _least(right, after)
    uses = left.uses | right.uses
    if sign == "**":
        is_short = isinstance(left.doc, str) and isinstance(right.doc, str)
        return Code((left.doc, sign if is_short else f" {sign} ", right.group), uses, own)
    first = left.doc if left.tightness == own else left.group
    return Code((first, SPACE, f"{sign} ", right.group), uses, own)


def negative(x: Code | str) -> Code:
    """``-x``."""
    x = _least(x, UNARY)
    return Code(("-", x.group), x.uses, UNARY)


def inverse(x: Code | str) -> Code:
    """``not x``."""
    x = _least(x, NOT)
    return Code(("not ", x.group), x.uses, NOT)


def choice(yes: Code | str, condition: Code | str, no: Code | str) -> Code:
    """``yes if condition else no``."""
    yes, condition, no = _least(yes, OR), _least(condition, OR), code(no)
    doc = (yes.group, SPACE, "if ", condition.group, SPACE, "else ", no.doc)
    return Code(doc, yes.uses | condition.uses | no.uses, CHOICE)


def _least(x: Code | str, tightness: int) -> Code:
    x = code(x)
    return x if x.tightness >= tightness else _bracketed(Code(""), "()", [x], comma="")


def _bracketed(before: Code, brackets: str, items: Sequence[Code], comma: str = ",") -> Code:
    before = _least(before, ATOM)
    inside: list[Doc] = []
    for item in items:
        inside += [",", SPACE, item.group] if inside else [item.group]
    nested = (Nest((SOFT, *inside, IfBroken(comma))), SOFT) if items else ()
    doc = Group((before.doc, brackets[0], *nested, brackets[1]))
    return Code(doc, before.uses.union(*(item.uses for item in items)))


# ------------------------------------------------------------------------------ statements


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement and its body.

    Attributes:
        doc: its text or first line; empty for a lone comment or a blank line.
        uses: the names in ``doc``.
        body: the nested statements.
        comment: its comment, placed beside it if there is room, else above it.
    """

    doc: Doc
    uses: Uses = frozenset()
    body: Block = ()
    comment: str = ""


Block: TypeAlias = tuple[Statement, ...]


def statement(before: str, value: Code | str, after: str = "", body: Block = ()) -> Statement:
    """``before value after``, such as an assignment, a ``return`` or an ``if``."""
    value = code(value)
    doc = value.doc
    if value.tightness < ATOM:  # several lines need parentheses
        doc = Group((IfBroken("("), Nest((SOFT, value.group)), SOFT, IfBroken(")")))
    return Statement((before, doc, after), value.uses, body)


def let(local: str, value: Code | str) -> Statement:
    """``local = value``."""
    return statement(f"{local} = ", value)


def returns(value: Code | str) -> Statement:
    """``return value``."""
    return statement("return ", value)


def note(text: str) -> Block:
    """A comment, or nothing if the text is empty."""
    return (Statement("", comment=text),) if text else ()


def template(text: str, *uses: str) -> Block:
    """Literal statements, and the names they use."""
    first, *others = text.split("\n")
    return (Statement(first, names(*uses)), *map(Statement, others))


def names(*texts: str) -> Uses:
    """The names, as `Uses`."""
    return frozenset[str | Import]().union(*(name(text).uses for text in texts))


def function(
    text: str, parameters: Mapping[str, str], result: str, says: Block, body: Block
) -> Statement:
    """The function ``text``, with its parameter types and result type."""
    takes = [labelled(f"{key}: ", type_) for key, type_ in parameters.items()]
    head = call(text, *takes)
    uses = head.uses | name(result).uses
    return Statement(("def ", head.doc, f" -> {result}:"), uses, (*says, *body))


def docstring(summary: str, paragraphs: Sequence[str] = (), width: int = WIDTH - INDENT) -> Block:
    """A docstring: the summary, then the paragraphs."""
    first, *more = textwrap.wrap(plain(summary), width - 6, break_on_hyphens=False)
    lines = [f'"""{first}', *more]
    for paragraph in paragraphs:
        lines += ["", *textwrap.wrap(plain(paragraph), width, break_on_hyphens=False)]
    lines = [f'{lines[0]}"""'] if len(lines) == 1 else [*lines, '"""']
    return tuple(map(Statement, lines))


def uses_of(block: Iterable[Statement]) -> Uses:
    """The names that statements use."""
    found: Uses = frozenset()
    return found.union(*(one.uses | uses_of(one.body) for one in block))


def lines_of(block: Iterable[Statement], width: int = WIDTH) -> list[str]:
    """The lines of statements."""
    found: list[str] = []
    for one in block:
        head = render(one.doc, width)
        beside = f"{head[0]}  # {plain(one.comment)}"
        if one.comment and one.doc and len(head) == 1 and len(beside) <= width:
            found.append(beside)
        else:
            found += comment(one.comment, width)
            found += head if one.doc or not one.comment else []
        inside = lines_of(one.body, width - INDENT)
        found += [f"{' ' * INDENT}{line}" if line else "" for line in inside]
    return found


def comment(text: str, width: int = WIDTH) -> list[str]:
    """The text as comment lines."""
    return textwrap.wrap(
        plain(text),
        width,
        initial_indent="# ",
        subsequent_indent="#   ",
        break_long_words=True,
        break_on_hyphens=False,
    )


def plain(text: str) -> str:
    """The text without anything that could end a line or a string, or be invisible."""
    kept = "".join(
        " " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C"
    )
    return " ".join(kept.replace("\\", "/").replace('"', "'").split())


# ------------------------------------------------------------------------------ import statements


def import_statements(imports: Iterable[Import]) -> Block:
    """The import statements, in ruff's order."""
    sections: dict[bool, list[Statement]] = {True: [], False: []}
    by_module: dict[str, list[str]] = {}
    for module, item, alias in sorted(set(imports)):
        if item:
            by_module.setdefault(module, []).append(item)
        else:
            line = f"import {module} as {alias}" if alias else f"import {module}"
            sections[_is_standard(module)].append(Statement(line))
    for module, items in by_module.items():
        inside: list[Doc] = []
        for item in sorted(items, key=_kind_of_name):
            inside += [",", SPACE, item] if inside else [item]
        nested = Nest((SOFT, *inside, IfBroken(",")))
        doc = (f"from {module} import ", Group((IfBroken("("), nested, SOFT, IfBroken(")"))))
        sections[_is_standard(module)].append(Statement(doc))
    standard, others = sections[True], sections[False]
    return (*standard, *([Statement("")] if standard and others else []), *others)


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _kind_of_name(text: str) -> tuple[bool, bool, str]:
    """The sort key: constants, then classes, then functions."""
    return not text.isupper(), not text[0].isupper(), text.lower()
