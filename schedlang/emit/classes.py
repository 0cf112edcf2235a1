"""The frameworks' own classes and functions, as source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from schedlang.counterparts import keras, optax, torch
from schedlang.counterparts.table import Argument, Call, Root
from schedlang.emit.levels import Levels
from schedlang.emit.source import integer, number
from schedlang.formula.expressions import Expr
from schedlang.program.program import Piece


class Native(NamedTuple):
    """A call of a framework's class or function.

    Attributes:
        name: of the class or function.
        arguments: by keyword, as source; those at their default are left out.
        holds: the level on which it stays after its phase, if it does.
    """

    name: str
    arguments: dict[str, str]
    holds: Expr | None = None


def torch_class(piece: Piece, levels: Levels) -> Native | None:
    """PyTorch's scheduler for a phase that may be the whole schedule."""
    return _native(torch.counterpart(piece, levels), torch.DEFAULTS, levels.each_group)


def torch_child(piece: Piece, levels: Levels) -> Native | None:
    """PyTorch's scheduler for a phase among others.

    `CyclicLR` and `OneCycleLR` set the rate themselves. A `hold` without an end is a formula.
    """
    if piece.kind in {"cyclic", "onecycle", "plateau"}:
        return None
    return None if piece.kind == "hold" and piece.end is None else torch_class(piece, levels)


def reduce_on_plateau(facts: Mapping[str, object], levels: Levels) -> Native | None:
    """PyTorch's `ReduceLROnPlateau`, on whatever level it begins."""
    return _native(torch.reduce_on_plateau(facts, levels), torch.DEFAULTS, levels.each_group)


def keras_schedule(pieces: Sequence[Piece], levels: Levels) -> Native | None:
    """Keras' schedule for a whole track."""
    return _native(keras.schedule(pieces, levels), keras.DEFAULTS, levels.text)


def optax_schedule(piece: Piece, levels: Levels) -> Native | None:
    """Optax's schedule for a phase."""
    return _native(optax.counterpart(piece, levels), optax.DEFAULTS, levels.text)


def optax_warmup_cosine(pieces: Sequence[Piece], levels: Levels) -> Native | None:
    """Optax's schedule for a linear warm-up and the cosine after it."""
    return _native(optax.warmup_cosine(pieces, levels), optax.DEFAULTS, levels.text)


def _native(
    call: Call | None,
    defaults: Mapping[str, Mapping[str, Argument]],
    level: Callable[[Expr], str | None],
) -> Native | None:
    if call is None:
        return None
    usual = {name: _written(x, level) for name, x in defaults.get(call.name, {}).items()}
    arguments = {name: _written(x, level) for name, x in call.arguments.items()}
    given = {name: text for name, text in arguments.items() if text != usual.get(name)}
    return Native(call.name, given, call.holds)


def _written(argument: Argument, level: Callable[[Expr], str | None]) -> str:
    match argument:
        case bool():
            return str(argument)
        case int():
            return integer(argument)
        case float():
            return number(argument)
        case str():
            return f'"{argument}"'
        case Root(x, n):
            return f"{number(x)} ** (1 / {number(n, whole=True)})"
        case tuple():
            return f"[{', '.join(_written(item, level) for item in argument)}]"
        case Mapping():
            items = (f"{integer(at)}: {number(scale)}" for at, scale in argument.items())
            return f"{{{', '.join(items)}}}"
        case _:
            text = level(argument)
            assert text is not None  # a counterpart's levels are known
            return text
