"""Parses a line into its dict form, with the place of every value."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput

from schedlang.errors import Mistake, MistakeCode, ScheduleError, Span, did_you_mean, quoted
from schedlang.formula.expressions import PI, ZERO, Apply, Expr, Number, Operation, Symbol
from schedlang.language.parser import parser
from schedlang.language.placed import ParsedNode, Place

LONGEST = 1_000_000
DEEPEST = 64

FUNCTIONS: dict[str, int] = {
    "sin": 1, "cos": 1, "tan": 1, "tanh": 1, "exp": 1, "log": 1, "sqrt": 1,
    "floor": 1, "ceil": 1, "abs": 1, "min": 2, "max": 2,
}  # fmt: skip
VARIABLES = ("t", "T", "p", "start")

_SIGNS: dict[str, Operation] = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "**": "pow",
    "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne",
}  # fmt: skip


def read_line(text: str) -> ParsedNode:
    """The dict form of a line.

    Raises:
        ScheduleError: if the text is too long, too deep, empty, or does not match the grammar.
    """
    root: ParsedNode = _parse(text, "start")
    return root


def read_expression(text: str) -> Expr:
    """An expression on its own, as the dict form of `fn` has it.

    Raises:
        ScheduleError: as `read_line`, and for unknown names.
    """
    part: _Expression = _parse(text, "expression")
    mistakes = [*part.mistakes, *_depth_mistakes(part, Span(0, len(text)))]
    if mistakes:
        raise ScheduleError(mistakes, text)
    return part.expr


def terminal(name: str) -> str:
    """A terminal of the grammar as a regular expression."""
    return _lark().get_terminal(name).pattern.to_regexp()


@cache
def _lark() -> Lark:
    return parser(_Reader())


_NESTING = re.compile(r"#[^\n]*|[()]")


def _parse(text: str, start: str) -> Any:
    if len(text) > LONGEST:
        message = f"the text has {len(text):,} characters; the maximum is {LONGEST:,}"
        raise ScheduleError([Mistake("too-long", message)])
    depth = 0
    for match in _NESTING.finditer(text):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if depth > DEEPEST:
            raise ScheduleError([_too_deep(Span(match.start(), match.end()))], text)
    try:
        return _lark().parse(text, start=start)
    except UnexpectedInput as error:
        from schedlang.language import syntax  # only an error needs it

        raise ScheduleError([syntax.mistake(error, text)], text) from None


def _too_deep(span: Span) -> Mistake:
    message = f"this is nested deeper than {DEEPEST} levels"
    return Mistake("too-deep", message, "reduce the nesting", span=span)


def _depth_mistakes(part: _Expression, span: Span) -> list[Mistake]:
    return [_too_deep(span)] if part.depth > DEEPEST else []


# ── From the parse tree to the dict form ──────────────────────────────────────────────────────────


class _Value(NamedTuple):
    value: Any
    span: Span
    ends: tuple[int, ...] | None = None  # of a list's items

    @property
    def place(self) -> tuple[int, ...]:
        """Begin and end of the value, or of each item."""
        return (self.span.begin, self.span.end) if self.ends is None else self.ends


class _Named(NamedTuple):
    name: Token
    value: _Value


class _Expression(NamedTuple):
    expr: Expr
    depth: int = 0
    mistakes: tuple[Mistake, ...] = ()


_Children: TypeAlias = list[Any]
_Places: TypeAlias = dict[str, tuple[int, ...]]


def _place(token: Token) -> Span:
    begin = token.start_pos or 0
    return Span(begin, begin + len(token))


class _Reader(Transformer[Token, Any]):
    """The callbacks that lark calls for each rule; they have no state."""

    def start(self, children: _Children) -> ParsedNode:
        *settings, stages = children
        inside = [stage.place.span for stage in stages]
        places: _Places = {}
        whole = _around([*(named.value.span for named in settings), *inside])
        root = ParsedNode({}, Place(*whole, places))
        _name_values(root, places, settings, "setting")
        root["stages"], places["stages"] = stages, _ends(inside)
        return root

    def pipeline(self, children: _Children) -> list[ParsedNode]:
        return children

    def stage(self, children: _Children) -> ParsedNode:
        if len(children) == 1:
            only: ParsedNode = children[0]
            return only
        span = _around([child.place.span for child in children])
        return ParsedNode({"kind": "product", "factors": children}, Place(*span, {}))

    def group(self, children: _Children) -> ParsedNode:
        stages, times = children
        span = _around([stage.place.span for stage in stages])
        if times is None:
            return ParsedNode({"kind": "group", "stages": stages}, Place(*span, {}))
        values = {"kind": "group", "stages": stages, "times": times.value}
        return ParsedNode(values, Place(*span, {"times": times.place}))

    def repeat(self, children: _Children) -> _Value:
        return _Value(str(children[0]), _place(children[0]))

    def phase(self, children: _Children) -> ParsedNode:
        role = children.pop(0) if isinstance(children[0], _Value) else None
        name, duration, *arguments = children
        return _phase(role, _Value(str(name), _place(name)), duration, arguments)

    def unshaped(self, children: _Children) -> ParsedNode:
        role, duration, *arguments = children
        return _phase(role, _Value("linear", role.span), duration, arguments)

    def fn(self, children: _Children) -> ParsedNode:
        opening, duration, part = children
        written = _phase(None, _Value("fn", _place(opening)), duration, [])
        written["expression"] = part.expr
        written.mistakes += [*part.mistakes, *_depth_mistakes(part, written.place.span)]
        return written

    def role(self, children: _Children) -> _Value:
        return _Value(str(children[0]), _place(children[0]))

    def duration(self, children: _Children) -> _Value:
        first, *rest = children
        if isinstance(first, _Value):
            return first
        if not rest:
            return _Value("rest", _place(first))
        return _Value(f"until {rest[0].value}", _around([_place(first), rest[0].span]))

    def argument(self, children: _Children) -> _Named:
        return _Named(*children)

    setting = argument

    def length(self, children: _Children) -> _Value:
        value: _Value = children[0]
        return value

    def quantity(self, children: _Children) -> _Value:
        number, unit = children
        if unit is None:
            return _Value(str(number), _place(number))
        return _Value(f"{number}{_apart(unit)}{unit}", _around([_place(number), _place(unit)]))

    def word(self, children: _Children) -> _Value:
        return _Value(str(children[0]), _place(children[0]))

    def list(self, children: _Children) -> _Value:
        *items, unit = children
        spans = [item.span for item in items]
        values = [item.value for item in items]
        if unit is not None:
            values = [
                f"{value}{_apart(unit)}{unit}" if value[-1] in "0123456789_.kMBT" else value
                for value in values
            ]
        return _Value(values, _around(spans), _ends(spans))

    # ── fn { … } ──

    def plain(self, children: _Children) -> _Expression:
        token: Token = children[0]
        value = float(token.replace("_", ""))
        if value in (float("inf"), float("-inf")):
            mistake = Mistake("overflow", f"the number {quoted(token)} does not fit into a double")
            return _Expression(ZERO, 0, (_at(mistake, token),))
        return _Expression(Number(value))

    def symbol(self, children: _Children) -> _Expression:
        token: Token = children[0]
        if token == "pi":
            return _Expression(PI)
        if token in VARIABLES:
            return _Expression(Symbol(str(token)))
        advice = did_you_mean(str(token), (*VARIABLES, "pi", *FUNCTIONS))
        if token in FUNCTIONS:
            advice = f"call it: {token}(…)"
        mistake = Mistake("unknown-name", f"`fn` has no name {quoted(token)}", advice)
        return _Expression(ZERO, 0, (_at(mistake, token),))

    def call(self, children: _Children) -> _Expression:
        token, *parts = children
        count = FUNCTIONS.get(token)
        mistake: Mistake | None = None
        if count is None:
            advice = did_you_mean(str(token), FUNCTIONS)
            mistake = Mistake("unknown-name", f"`fn` has no function {quoted(token)}", advice)
        elif len(parts) < count or (count == 1 and len(parts) > 1):
            takes = "one argument" if count == 1 else "at least two arguments"
            mistake = Mistake("wrong-type", f"`{token}` takes {takes}, not {len(parts)}")
        if mistake is not None:
            found = (_at(mistake, token), *(m for part in parts for m in part.mistakes))
            return _Expression(ZERO, 0, found)
        result: _Expression = parts[0] if len(parts) > 1 else _apply(str(token), *parts)
        for part in parts[1:]:
            result = _apply(str(token), result, part)
        return result

    def binary(self, children: _Children) -> _Expression:
        left, sign, right = children
        return _apply(_SIGNS[sign], left, right)

    comparison = binary

    def nested(self, children: _Children) -> _Expression:
        part: _Expression = children[0]
        return part

    def negative(self, children: _Children) -> _Expression:
        return _apply("neg", children[1])

    def where(self, children: _Children) -> _Expression:
        yes, condition, no = children
        return _apply("where", condition, yes, no)

    def and_(self, children: _Children) -> _Expression:
        return _apply("and", *children)

    def or_(self, children: _Children) -> _Expression:
        return _apply("or", *children)

    def not_(self, children: _Children) -> _Expression:
        return _apply("not", *children)


def _apply(op: Any, *parts: _Expression) -> _Expression:
    depth = 1 + max(part.depth for part in parts)
    mistakes = tuple(mistake for part in parts for mistake in part.mistakes)
    if depth > DEEPEST:  # the caller raises the error; nothing deep is built until then
        return _Expression(ZERO, depth, mistakes)
    return _Expression(Apply(op, tuple(part.expr for part in parts)), depth, mistakes)


def _phase(
    role: _Value | None, kind: _Value, duration: _Value | None, arguments: list[_Named]
) -> ParsedNode:
    spans = [kind.span, *(argument.value.span for argument in arguments)]
    spans += [value.span for value in (role, duration) if value is not None]
    places: _Places = {"kind": kind.place}
    written = ParsedNode({"kind": kind.value}, Place(*_around(spans), places))
    if role is not None:
        written["role"], places["role"] = role.value, role.place
    if duration is not None:
        written["duration"], places["duration"] = duration.value, duration.place
    _name_values(written, places, arguments, "argument")
    return written


def _name_values(written: ParsedNode, places: _Places, values: list[_Named], what: str) -> None:
    """Add named values and their places to a node; a duplicate name is a mistake."""
    for token, value in values:
        name = str(token)
        if name in written or name in ("kind", "role", "duration", "expression", "stages"):
            code: MistakeCode = "double-argument" if name in places else "unknown-argument"
            message = f"the {what} {quoted(name)} is given twice"
            if code == "unknown-argument" or name == "kind":
                code, message = "unknown-argument", f"there is no {what} called {quoted(name)}"
            written.mistakes.append(_at(Mistake(code, message), token))
        else:
            written[name] = value.value
            places[name] = value.place
            places[f"{name}="] = tuple(_place(token))


def _apart(unit: Token) -> str:
    return "" if unit in ("%", "x") else " "


def _at(mistake: Mistake, token: Token) -> Mistake:
    return Mistake(mistake.code, mistake.message, mistake.advice, span=_place(token))


def _ends(spans: list[Span]) -> tuple[int, ...]:
    return tuple(end for span in spans for end in span)


def _around(spans: list[Span]) -> Span:
    if not spans:
        return Span(0, 0)
    return Span(min(span.begin for span in spans), max(span.end for span in spans))
