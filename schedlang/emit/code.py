"""Python code as a small tree, laid out as ruff's formatter leaves it.

The rules are those of ruff and Black for long lines: brackets are opened from the outside, with one
item a line and a comma behind the last one; operators begin lines, the loosest ones first; a value
without brackets of its own gets parentheses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from schedlang.emit.layout import (
    HARD,
    SOFT,
    SPACE,
    WIDTH,
    Doc,
    Either,
    Group,
    IfBroken,
    Nest,
    render,
)

# How tightly code binds, the loosest first.
CHOICE, OR, AND, NOT, COMPARE, SUM, PRODUCT, UNARY, POWER, ATOM = range(10)

_SIGNS: dict[str, tuple[int, int, int]] = {
    "or": (OR, OR, AND),
    "and": (AND, AND, NOT),
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), (COMPARE, SUM, SUM)),
    **dict.fromkeys("+-", (SUM, SUM, PRODUCT)),
    **dict.fromkeys(("*", "/", "//", "%"), (PRODUCT, PRODUCT, UNARY)),
    "**": (POWER, ATOM, UNARY),
}
"""How tightly an operator binds, and the least that its left and its right side must."""


@dataclass(frozen=True, slots=True)
class Text:
    """A name, a literal, or other code that is never broken and needs no parentheses."""

    text: str


@dataclass(frozen=True, slots=True)
class Brackets:
    """Items in brackets: a list or parentheses, and after other code a call or a subscript."""

    before: Code | None
    brackets: str
    items: tuple[Code, ...]

    @property
    def is_parentheses(self) -> bool:
        """Whether these are parentheses around code."""
        return self.before is None and self.brackets == "()"

    @property
    def is_subscript(self) -> bool:
        """Whether this is a subscript of the code before."""
        return self.before is not None and self.brackets == "[]"


@dataclass(frozen=True, slots=True)
class Attribute:
    """``value.name``."""

    value: Code
    name: str


@dataclass(frozen=True, slots=True)
class Infix:
    """``left sign right``."""

    left: Code
    sign: str
    right: Code


@dataclass(frozen=True, slots=True)
class Prefix:
    """``-x`` or ``not x``; the sign contains the space."""

    sign: str
    operand: Code


@dataclass(frozen=True, slots=True)
class Choice:
    """``yes if condition else no``."""

    yes: Code
    condition: Code
    no: Code


@dataclass(frozen=True, slots=True)
class Labelled:
    """An item with something that belongs to it: ``name=code``, or comments above it."""

    label: str
    code: Code
    comments: tuple[str, ...] = ()


Code: TypeAlias = Text | Brackets | Attribute | Infix | Prefix | Choice | Labelled


# ------------------------------------------------------------------------------ building


def call(function: Code | str, *arguments: Code | str, **named: Code | str) -> Brackets:
    """``function(arguments, name=named)``."""
    labelled = (Labelled(f"{name}=", code(value)) for name, value in named.items())
    return Brackets(_least(function, ATOM), "()", (*map(code, arguments), *labelled))


def subscript(value: Code | str, *items: Code | str) -> Brackets:
    """``value[items]``."""
    return Brackets(_least(value, ATOM), "[]", tuple(map(code, items)))


def listed(*items: Code | str) -> Brackets:
    """``[items]``."""
    return Brackets(None, "[]", tuple(map(code, items)))


def mapping(items: Mapping[str, Code]) -> Brackets:
    """``{key: value}``."""
    return Brackets(None, "{}", tuple(Labelled(f"{key}: ", value) for key, value in items.items()))


def commented(comments: Sequence[str], value: Code) -> Labelled:
    """An item with comments above it."""
    return Labelled("", value, tuple(comments))


def attribute(value: Code | str, name: str) -> Attribute:
    """``value.name``."""
    return Attribute(_least(value, ATOM), name)


def infix(left: Code | str, sign: str, right: Code | str) -> Infix:
    """``left sign right``, each side in parentheses if it needs them."""
    _, before, after = _SIGNS[sign]
    return Infix(_least(left, before), sign, _least(right, after))


def negative(x: Code | str) -> Prefix:
    """``-x``."""
    return _prefix("-", x, UNARY)


def inverse(x: Code | str) -> Prefix:
    """``not x``."""
    return _prefix("not ", x, NOT)


def _prefix(sign: str, x: Code | str, tightness: int) -> Prefix:
    x = code(x)
    is_power = isinstance(x, Infix) and x.sign == "**"  # the formatter puts it in parentheses
    return Prefix(sign, _least(x, ATOM if is_power else tightness))


def choice(yes: Code | str, condition: Code | str, no: Code | str) -> Choice:
    """``yes if condition else no``."""
    return Choice(_least(yes, OR), _least(condition, OR), code(no))


def code(x: Code | str) -> Code:
    """Text as code."""
    return Text(x) if isinstance(x, str) else x


def names_of(x: Code) -> Iterator[str]:
    """The names that code uses: of ``math.cos`` it is ``math``."""
    if isinstance(x, Text):
        name, _, _ = x.text.partition(".")
        if name.isidentifier():
            yield name
    for part in (*_outside(x), *(x.items if isinstance(x, Brackets) else ())):
        yield from names_of(part)


def _least(x: Code | str, tightness: int) -> Code:
    x = code(x)
    return x if tightness_of(x) >= tightness else Brackets(None, "()", (x,))


def tightness_of(x: Code) -> int:
    """How tightly code binds."""
    match x:
        case Infix(_, sign, _):
            return _SIGNS[sign][0]
        case Prefix(sign):
            return UNARY if sign == "-" else NOT
        case Choice() | Labelled():
            return CHOICE
        case Text() | Brackets() | Attribute():
            return ATOM


# ------------------------------------------------------------------------------ laying out


def statement(before: str, value: Code | str, after: str = "", width: int = WIDTH) -> list[str]:
    """The lines of ``before value after``, such as an assignment, a ``return`` or an ``if``."""
    value = code(value)
    bare = (before, _doc(value, inside=False), after)
    if _has_brackets(value):
        return render(bare, width)
    wrapped = (before, _bracketed(_OPTIONAL, [value], comma=False), after)
    return render(Either(bare, wrapped) if _opens_its_brackets(value) else wrapped, width)


def from_import(module: str, names: Sequence[str]) -> list[str]:
    """The lines of ``from module import names``."""
    items = [Text(name) for name in names]
    return render((f"from {module} import ", _bracketed(_OPTIONAL, items, comma=True)))


def _has_brackets(x: Code) -> bool:
    """Whether code needs no parentheses around it if it takes several lines."""
    match x:
        case Prefix(_, operand):
            return isinstance(operand, Brackets) and operand.is_parentheses
        case Infix() | Choice():
            return False
        case _:
            return True


def _doc(x: Code, *, inside: bool) -> Doc:
    """Code as a document; lines are broken only ``inside`` of brackets."""
    match x:
        case Text(text):
            return text
        case Brackets(before, brackets, items):
            caller = "" if before is None else _doc(before, inside=inside)
            is_alone = len(items) == 1 and (x.is_parentheses or x.is_subscript)
            return caller, _bracketed(brackets, items, comma=not is_alone)
        case Attribute(value, name):
            return _doc(value, inside=inside), f".{name}"
        case Prefix(sign, operand):
            return sign, _doc(operand, inside=inside)
        case Labelled(label, value, comments):
            above = tuple((comment, HARD) for comment in comments)
            return *above, label, _doc(value, inside=inside)
        case Infix():
            operands, signs = _chain(x)
            return _infix(operands, signs, inside=inside)
        case Choice():
            doc = _choice(x, inside=inside)
            return Group(doc) if inside else doc


_OPTIONAL = (IfBroken("("), IfBroken(")"))


def _bracketed(brackets: Sequence[Doc], items: Sequence[Code], *, comma: bool) -> Doc:
    opening, closing = brackets
    if not items:
        return opening, closing
    docs = [_doc(item, inside=True) for item in items]
    separated = tuple(part for doc in docs[:-1] for part in (doc, ",", SPACE))
    inside = (*separated, docs[-1], IfBroken(",") if comma else "")
    return Group((opening, Nest((SOFT, inside)), SOFT, closing))


def _choice(x: Choice, *, inside: bool) -> Doc:
    line = SPACE if inside else " "
    no = _choice(x.no, inside=inside) if isinstance(x.no, Choice) else _doc(x.no, inside=inside)
    yes, condition = (_doc(part, inside=inside) for part in (x.yes, x.condition))
    return yes, line, "if ", condition, line, "else ", no


def _chain(x: Code) -> tuple[list[Code], list[str]]:
    """The operands and the operators of code without parentheses, from left to right."""
    if not isinstance(x, Infix):
        return [x], []
    (left, before), (right, after) = _chain(x.left), _chain(x.right)
    return [*left, *right], [*before, x.sign, *after]


def _infix(operands: list[Code], signs: list[str], *, inside: bool) -> Doc:
    """Operators and operands; all the loosest operators begin lines, or none of them does."""
    if not signs:
        return _doc(operands[0], inside=inside)
    loosest = min(map(_looseness, signs))
    parts: list[Doc] = []
    begin = 0
    for i, sign in enumerate([*signs, ""]):
        if sign and _looseness(sign) > loosest:
            continue
        parts.append(_infix(operands[begin : i + 1], signs[begin:i], inside=inside))
        if sign == "**" and all(map(_is_simple, operands[i : i + 2])):
            parts += [SOFT if inside else "", sign, IfBroken(" ") if inside else ""]
        elif sign:
            parts += [SPACE if inside else " ", f"{sign} "]
        begin = i + 1
    return Group(tuple(parts)) if inside else tuple(parts)


def _looseness(sign: str) -> int:
    return AND if sign == "or" else _SIGNS[sign][0]


def _is_simple(operand: Code) -> bool:
    """Whether a power of or by this is written without spaces."""
    match operand:
        case Text():
            return True
        case Attribute(inner) | Prefix("-", inner):
            return _is_simple(inner)
        case _:
            return False


# ------------------------------------------------------------------------------ parentheses


def _opens_its_brackets(x: Code) -> bool:
    """Whether long code opens brackets that it begins or ends with, instead of getting parentheses.

    It does if no operator outside of brackets is as loose as the loosest one.
    """
    signs = list(_signs(x))
    if not _contains_brackets(x) or signs.count(min(signs, default=ATOM)) > 1:
        return False
    return min(signs, default=ATOM) == ATOM or any(map(_can_open, (_first(x), _last(x))))


def _can_open(x: Code | None) -> bool:
    return isinstance(x, Brackets) and bool(x.items) and not x.is_subscript


def _contains_brackets(x: Code) -> bool:
    return isinstance(x, Brackets) or any(map(_contains_brackets, _outside(x)))


def _outside(x: Code) -> tuple[Code, ...]:
    """The parts of code outside of brackets."""
    match x:
        case Brackets(before):
            return () if before is None else (before,)
        case Attribute(value) | Labelled(_, value) | Prefix(_, value):
            return (value,)
        case Infix(left, _, right):
            return left, right
        case Choice(yes, condition, no):
            return yes, condition, no
        case Text():
            return ()


def _signs(x: Code) -> Iterator[int]:
    """How tightly the operators outside of brackets bind; a dot behind brackets is one of them."""
    match x:
        case Infix(_, sign):
            yield _looseness(sign)
        case Choice():
            yield from (CHOICE, CHOICE)  # an `if` and an `else`
        case Attribute(Brackets()):
            yield ATOM
    for part in _outside(x):
        yield from _signs(part)


def _first(x: Code) -> Code | None:
    """The code with which it begins; None if that is a sign."""
    parts = _outside(x)
    if isinstance(x, Prefix):
        return None
    return _first(parts[0]) if parts else x


def _last(x: Code) -> Code:
    """The code with which it ends."""
    return _last(_outside(x)[-1]) if isinstance(x, Infix | Choice | Prefix) else x
