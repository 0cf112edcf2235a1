"""What each framework uses for a program: its own classes, or the reason why it cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from schedlang.counterparts import keras, optax, torch
from schedlang.counterparts.levels import Levels
from schedlang.counterparts.table import Call, CallArgument, Root
from schedlang.emit.parts import outline
from schedlang.formula.notation import number, tidy
from schedlang.program.program import Part, Piece, Program

if TYPE_CHECKING:
    from schedlang.plan.model import Plan
    from schedlang.plan.reading import Line

NO_TRACK = "several curves are multiplied"


def targets(program: Program) -> Iterator[tuple[str, list[str]]]:
    """The name of each framework, and lines on what it uses for a program."""
    base = 1.0 if program.base is None else program.base
    levels = Levels((base,), program.names)
    yield "PyTorch", list(_torch(program, levels))
    yield "Keras", list(_keras(program, levels))
    yield "optax", list(_optax(program, levels))


def targets_of_plan(
    plan: Plan, programs: Sequence[tuple[Line, Program]]
) -> Iterator[tuple[str, list[str]]]:
    """The name of each framework, and lines on what it uses for a plan."""
    if plan.only_line is not None:
        yield from targets(programs[0][1])
        return
    reason = "PyTorch's own classes set only the rate, by one line for all groups"
    yield "PyTorch", ["one fused scheduler of schedlang:", f"  {reason}"]
    own = {line.place: program for line, program in programs if not line.is_value}
    patterns = any(line.pattern is not None for line, _ in programs if not line.is_value)
    yield "Keras", list(_keras_plan(plan.hyperparameters, own, patterns=patterns))
    yield "optax", list(_optax_plan(plan.hyperparameters, own, patterns=patterns))


def _keras_plan(
    keys: Sequence[str], programs: Mapping[str, Program], *, patterns: bool
) -> Iterator[str]:
    unknown = [key for key in keys if key not in {"lr", *keras.KERAS_NAMES}]
    plateaus = [place for place, program in programs.items() if program.plateau is not None]
    if patterns:
        yield "not possible: Keras has no parameter groups"
    elif unknown:
        yield f"not possible: `{unknown[0]}` cannot be set in a compiled step"
    elif (refusal := _refusals(programs)) is not None:
        yield refusal
    elif set(plateaus) - {"lr"}:
        yield f"not possible: `plateau` of `{plateaus[0]}` follows a metric, in a compiled step"
    else:
        if "lr" in keys and not plateaus:
            yield "ScheduledRate for lr, one LearningRateSchedule of keras.ops (to_keras)"
        others = ", ".join(key for key in keys if key != "lr" or plateaus)
        if others:
            yield f"callbacks that set {others} (keras_callbacks)"


def _optax_plan(
    keys: Sequence[str], programs: Mapping[str, Program], *, patterns: bool
) -> Iterator[str]:
    moved = [place for place, each in programs.items() if each.momentum or each.plateau]
    if moved:
        yield f"not possible: `{moved[0]}` is not a function of the count"
    elif (refusal := _refusals(programs)) is not None:
        yield refusal
    else:
        names = ", ".join(optax.OPTAX_NAMES.get(key, key) for key in keys)
        yield f"functions count -> number for inject_hyperparams: {names}"
        if patterns:
            yield "those of each group (to_optax(groups=…)), for optax.partition"


def _refusals(programs: Mapping[str, Program]) -> str | None:
    return next(filter(None, map(_counts_epochs, programs.values())), None)


# ── PyTorch ──────────────────────────────────────────────────────────────────────────────────────


def _torch(program: Program, levels: Levels) -> Iterator[str]:
    planned = torch.chain_plan(program, levels)
    reason = torch.why_no_chain(program, planned)
    if reason is not None:
        yield "one fused scheduler of schedlang:"
        yield f"  {reason}"
        return
    if len(planned) > 1:
        marks = ", ".join(f"{begin:,}" for begin in list(planned)[1:])
        yield f"SequentialLR, which switches at {'ticks' if len(planned) > 2 else 'tick'} {marks}:"
    indent = "  " if len(planned) > 1 else ""
    for begin, stretch in planned.items():
        piece, call = stretch
        if call is not None:
            yield f"{indent}{_written(call, torch.DEFAULTS, levels)}"
        elif piece is None:
            what = "phases repeat" if program.tracks[0].loop is not None else NO_TRACK
            yield f"{indent}LambdaLR from tick {begin:,} on: {what}, which no class does"
        else:
            what = f"for `{piece.text}`" if piece.text else "for the end level"
            yield f"{indent}LambdaLR {what}: {torch.why_no_class(piece)}"


# ── Keras and optax ──────────────────────────────────────────────────────────────────────────────


def _keras(program: Program, levels: Levels) -> Iterator[str]:
    if program.plateau is not None:
        yield "callbacks that set the rate (keras_callbacks): `plateau` follows a metric"
        return
    if (refusal := _counts_epochs(program)) is not None:
        yield refusal
        return
    yield "ScheduledRate, one LearningRateSchedule of keras.ops"
    if program.momentum is not None:
        yield "and a callback for the momentum (keras_callbacks)"
    pieces, why = _pieces(program)
    found = keras.schedule(pieces, levels) if pieces else None
    if found is not None:
        yield f"as source: {_written(found, keras.DEFAULTS, levels)}"
    else:
        yield f"as source: a LearningRateSchedule with formulas, since {why or _NO_SINGLE}"


_NO_SINGLE = "no single Keras schedule has its values"


def _optax(program: Program, levels: Levels) -> Iterator[str]:
    if program.plateau is not None or program.momentum is not None:
        what = "`plateau` follows a metric" if program.plateau is not None else "momentum moves"
        yield f"not possible: {what}, and an optax schedule is a function of the count"
        return
    if (refusal := _counts_epochs(program)) is not None:
        yield refusal
        return
    yield "one function, count -> rate, of jax.numpy"
    pieces, why = _pieces(program)
    if not pieces:
        yield f"as source: one formula, since {why}"
        return
    found = optax.joined(pieces, levels)
    if found is None:
        yield "as source: one formula, since no optax schedule has the values of a phase"
        return
    joined = len(found[0]) > 1
    yield from ["as source, join_schedules of:"] if joined else []
    for piece, call in zip(*found, strict=True):
        own = f"a formula for `{piece.text or 'the end level'}`"
        text = own if call is None else _written(call, optax.DEFAULTS, levels)
        yield f"{'  ' if joined else 'as source: '}{text}"


def _counts_epochs(program: Program) -> str | None:
    if program.tick == "epoch" and program.steps_per_epoch is None:
        return "not possible without --steps-per-epoch: it counts updates, but a tick is an epoch"
    return None


def _pieces(program: Program) -> tuple[Sequence[Piece], str]:
    """The phases in sequence; or none and the reason, if they are not a plain sequence."""
    if len(program.tracks) > 1:
        return (), NO_TRACK
    if program.tick == "epoch":
        return (), "each value is held for an epoch of updates"
    parts: Sequence[Part] = outline(program.symbolic[0])
    pieces = [part for part in parts if isinstance(part, Piece)]
    return (pieces, "") if len(pieces) == len(parts) else ((), "phases repeat")


# ── Calls as text ────────────────────────────────────────────────────────────────────────────────


def _written(call: Call, defaults: Mapping[str, Mapping[str, CallArgument]], levels: Levels) -> str:
    usual = defaults.get(call.name, {})
    given = {name: x for name, x in call.arguments.items() if x != usual.get(name)}
    listed = (f"{name}={_argument(x, levels)}" for name, x in given.items())
    return f"{call.name}({', '.join(listed)})"


def _argument(argument: CallArgument, levels: Levels) -> str:
    match argument:
        case bool() | str():
            return repr(argument)
        case int() if argument == torch.FOREVER:
            return "2**53"
        case int():
            return f"{argument}"
        case float():
            return number(tidy(argument))
        case Root(x, n):
            return f"{number(x)}**(1/{number(n)})"
        case tuple():
            return f"[{', '.join(_argument(item, levels) for item in argument)}]"
        case Mapping():
            return f"{{{', '.join(f'{at}: {number(scale)}' for at, scale in argument.items())}}}"
        case _:
            (rate,) = levels.rates(argument).values()
            return number(tidy(rate))
