"""Source for the frameworks' own classes and functions, and their levels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from schedlang.counterparts.levels import Levels
from schedlang.counterparts.table import Call, CallArgument, Root
from schedlang.emit.code import (
    Code,
    call,
    commented,
    digits,
    infix,
    listed,
    mapping,
    name,
    number,
    text_literal,
)
from schedlang.emit.simple import share_of
from schedlang.formula.expressions import BASE, Expr, Number, substitute
from schedlang.program.program import Piece


class FrameworkCall(NamedTuple):
    """A call to a framework's class or function.

    Attributes:
        function: the class or function.
        arguments: by keyword, with defaults omitted.
        holds: the level it holds after its phase, if any.
    """

    function: Code
    arguments: dict[str, Code]
    holds: Expr | None = None

    def code(self, *before: Code | str) -> Code:
        """The call, with these positional arguments."""
        return call(self.function, *before, **self.arguments)


class WrittenLevels(Levels):
    """Writes a program's levels, whether or not its base rate is known."""

    def __init__(self, base: float | None, parameter: str = "lr") -> None:
        super().__init__(() if base is None else (base,))
        self.base = base
        self.parameter = parameter

    def code(self, level: Expr) -> Code | None:
        """The level: a number, a share of the base-rate parameter, or None."""
        rate, share = self.rate(level), self.share(level)
        if rate is not None:
            return number(rate, whole=False)
        if share is None or share == 1:
            return None if share is None else name(self.parameter)
        return infix(number(share, whole=False), "*", self.parameter)

    def each_group(self, level: Expr) -> Code | None:
        """The level: a number, a list with one per item of ``base_rates``, or None."""
        found = self.code(level)
        if found is None or self.rate(level) is not None:
            return found
        uses = found.uses | name("base_rates").uses
        return Code(("[", found.group, " for lr in base_rates]"), uses)

    def share_curve(self, curve: Expr) -> Expr | None:
        """The curve as a share of the base; None if that share depends on an unknown base."""
        share = self.share(curve)
        if share is not None:
            return Number(share)
        curve_share = share_of(curve)
        if curve_share is None and self.base:
            return substitute(curve, {BASE.name: Number(self.base)}) / self.base
        return curve_share


def written(
    found: Call | None,
    defaults: Mapping[str, Mapping[str, CallArgument]],
    level: Callable[[Expr], Code | None],
    function: Callable[[str], Code],
) -> FrameworkCall | None:
    """A counterpart as source.

    Args:
        found: the class or function, if any.
        defaults: the framework's default arguments.
        level: writes a level.
        function: writes the name of the class or function.
    """
    if found is None:
        return None
    usual = {key: _argument(x, level) for key, x in defaults.get(found.name, {}).items()}
    arguments = {key: _argument(x, level) for key, x in found.arguments.items()}
    given = {key: code for key, code in arguments.items() if code != usual.get(key)}
    return FrameworkCall(function(found.name), given, found.holds)


def in_order(pieces: Sequence[Piece], built: Iterable[Code]) -> tuple[Code, Code]:
    """The list of the phases' schedules, with comments, and the list of their boundaries."""
    texts = (piece.text or "the end holds" for piece in pieces)
    children = (commented(text, own, depth=3) for text, own in zip(texts, built, strict=True))
    return listed(*children), listed(*(number(piece.end or 0) for piece in pieces[:-1]))


def _argument(argument: CallArgument, level: Callable[[Expr], Code | None]) -> Code:
    match argument:
        case bool():
            return Code(str(argument))
        case int() | float():
            return number(argument, whole=isinstance(argument, int))
        case str():
            return text_literal(argument)
        case Root(x, n):
            return infix(number(x, whole=False), "**", infix("1", "/", number(n)))
        case tuple():
            return listed(*(_argument(item, level) for item in argument))
        case Mapping():
            return mapping({digits(at): number(x, whole=False) for at, x in argument.items()})
        case _:
            found = level(argument)
            assert found is not None  # a counterpart's levels are known
            return found
