"""The frameworks' own classes and functions, as source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from schedlang.counterparts import keras, optax, torch
from schedlang.counterparts.table import Argument, Call, Root
from schedlang.emit import source
from schedlang.emit.code import Code, Text, call, infix, listed, mapping
from schedlang.emit.levels import Levels
from schedlang.emit.printing import number
from schedlang.formula.expressions import Expr
from schedlang.program.program import Piece


class FrameworkCall(NamedTuple):
    """A call of a framework's class or function.

    Attributes:
        name: of the class or function.
        arguments: by keyword; those at their default are left out.
        holds: the level on which it stays after its phase, if it does.
    """

    name: str
    arguments: dict[str, Code]
    holds: Expr | None = None

    def code(self, *before: Code | str, module: str = "") -> Code:
        """The call, with these arguments before the others."""
        return call(f"{module}{self.name}", *before, **self.arguments)


def torch_class(piece: Piece, levels: Levels) -> FrameworkCall | None:
    """PyTorch's scheduler for a phase that may be the whole schedule."""
    return _of(torch.counterpart(piece, levels), torch.DEFAULTS, levels.each_group)


def torch_child(piece: Piece, levels: Levels) -> FrameworkCall | None:
    """PyTorch's scheduler for a phase among others.

    `CyclicLR` and `OneCycleLR` set the rate themselves. A `hold` without an end is a formula.
    """
    if piece.kind in {"cyclic", "onecycle", "plateau"}:
        return None
    return None if piece.kind == "hold" and piece.end is None else torch_class(piece, levels)


def reduce_on_plateau(facts: Mapping[str, object], levels: Levels) -> FrameworkCall | None:
    """PyTorch's `ReduceLROnPlateau`, on whatever level it begins."""
    return _of(torch.reduce_on_plateau(facts, levels), torch.DEFAULTS, levels.each_group)


def keras_schedule(pieces: Sequence[Piece], levels: Levels) -> FrameworkCall | None:
    """Keras' schedule for a whole track."""
    return _of(keras.schedule(pieces, levels), keras.DEFAULTS, levels.text)


def optax_schedule(piece: Piece, levels: Levels) -> FrameworkCall | None:
    """Optax's schedule for a phase."""
    return _of(optax.counterpart(piece, levels), optax.DEFAULTS, levels.text)


def optax_warmup_cosine(pieces: Sequence[Piece], levels: Levels) -> FrameworkCall | None:
    """Optax's schedule for a linear warm-up and the cosine after it."""
    return _of(optax.warmup_cosine(pieces, levels), optax.DEFAULTS, levels.text)


def _of(
    found: Call | None,
    defaults: Mapping[str, Mapping[str, Argument]],
    level: Callable[[Expr], str | None],
) -> FrameworkCall | None:
    if found is None:
        return None
    usual = {name: _written(x, level) for name, x in defaults.get(found.name, {}).items()}
    arguments = {name: _written(x, level) for name, x in found.arguments.items()}
    given = {name: code for name, code in arguments.items() if code != usual.get(name)}
    return FrameworkCall(found.name, given, found.holds)


def _written(argument: Argument, level: Callable[[Expr], str | None]) -> Code:
    match argument:
        case bool():
            return Text(str(argument))
        case int() | float():
            return number(argument, whole=isinstance(argument, int))
        case str():
            return Text(f'"{argument}"')
        case Root(x, n):
            return infix(number(x, whole=False), "**", infix("1", "/", number(n)))
        case tuple():
            return listed(*(_written(item, level) for item in argument))
        case Mapping():
            items = argument.items()
            return mapping({source.integer(at): number(x, whole=False) for at, x in items})
        case _:
            text = level(argument)
            assert text is not None  # a counterpart's levels are known
            return Text(text)
