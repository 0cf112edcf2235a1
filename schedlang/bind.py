"""Binds a tree: to a clock, a total and a base rate. Out comes its program."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from typing import Any

from schedlang import formula
from schedlang.clock import Clock, merge, nearest_tick
from schedlang.errors import Mistakes, Refusal, ScheduleError, ScheduleWarning
from schedlang.formula import Number
from schedlang.lower import At, Lowering, extent
from schedlang.phases.arguments import Duration
from schedlang.phases.base import Phase
from schedlang.program import Program
from schedlang.quantities import Level, format_number
from schedlang.rules import arguments, lengths, walk
from schedlang.text import set_values, write
from schedlang.tree import Group, Node, Product, Settings, Tree
from schedlang.validate import located


def bind(
    tree: Tree,
    given: dict[str, Any],
    source: str | None = None,
    *,
    groups: Sequence[float] = (),
    symbolic: bool = False,
) -> Program:
    """The program of a tree under a binding.

    Args:
        tree: the schedule.
        given: settings by name, None for those that are not said.
        source: the text in which mistakes are shown; without it they have paths.
        groups: the base rates of an optimizer's parameter groups; the first is the program's.
        symbolic: whether to leave the base rate open even where an absolute level needs one.

    Raises:
        ScheduleError: with everything that is wrong under this binding.
    """
    settings = _merge(tree, given, source)
    clock = Clock.of(tree, settings)
    said = {name for name, _ in set_values(tree)}
    binding = {name: _plain(value) for name, value in set_values(settings) if name not in said}
    rest = _rest(tree, clock, source)
    lower = partial(_program, tree, source, clock, rest, write(tree), binding)
    if groups:
        _refuse_other_bases(settings, groups, tree, source)
        program = lower(groups[0])
        for base in dict.fromkeys(groups[1:]):
            program.rebase(base)
    elif symbolic:
        program = lower(None if settings.lr is None else float(settings.lr))
    elif settings.lr is None:
        _refuse_absolute(tree, source)
        program = lower(1.0, in_shares=True)
    else:
        program = lower(float(settings.lr))
    return program


def _merge(tree: Tree, given: dict[str, Any], source: str | None) -> Settings:
    try:
        return merge(tree, given)
    except ScheduleError as error:
        raise located(list(error.mistakes), source) from None


def _plain(value: Any) -> str | int:
    match value:
        case int() | str():
            return value
        case Fraction():
            return format_number(value)
        case _:
            return str(value)


def _refuse_other_bases(
    settings: Settings, groups: Sequence[float], tree: Tree, source: str | None
) -> None:
    if settings.lr is None:
        return
    lr = float(settings.lr)
    others = [
        f"group {i} has {rate:g}" for i, rate in enumerate(groups) if abs(rate - lr) > 1e-6 * lr
    ]
    if others:
        mistakes = Mistakes()
        message = f"the schedule says lr={lr:g}, but {', '.join(others)}"
        mistakes.add("base-differs", message, "leave lr= out", ("lr",) if tree.lr else ())
        raise located(mistakes.found, source if tree.lr else None)


def _refuse_absolute(tree: Tree, source: str | None) -> None:
    mistakes = Mistakes()
    for path, node in walk(tree.stages):
        if not isinstance(node, Phase):
            continue
        for name, value in arguments(node):
            for level in value if isinstance(value, tuple) else (value,):
                if isinstance(level, Level) and level.share is None:
                    message = f"`{level}` is an absolute rate, and no base rate is known"
                    mistakes.add(
                        "no-base", message, "say lr=, or write a share (10%)", (*path, name)
                    )
    if mistakes.found:
        raise located(mistakes.found, source)


def _program(
    tree: Tree,
    source: str | None,
    clock: Clock,
    rest: Fraction,
    text: str,
    binding: dict[str, str | int],
    base: float | None,  # the one argument that is left open
    *,
    in_shares: bool = False,
) -> Program:
    """The program for one base rate; None leaves it a symbol."""
    mistakes = Mistakes()
    try:
        level = formula.BASE if base is None else Number(base)
        lowering = Lowering(clock, mistakes, rest)
        start = At(("stages",), Fraction(0), Fraction(0), level, level)
        out = lowering.pipeline(tree.stages, start)
        tracks, momentum = lowering.finish(out)
    except Refusal as refusal:
        mistakes.found.append(refusal.mistake(()))
    if mistakes.found:
        raise located(mistakes.found, source)
    steps = clock.settings.steps_per_epoch
    return Program(
        tracks=tracks,
        momentum=momentum,
        plateau=lowering.plateau,
        length=None if out[0] is None else nearest_tick(out[0]),
        base=base,
        tick=clock.tick,
        text=text,
        binding=binding,
        steps_per_epoch=steps,
        total=None if clock.total is None else nearest_tick(clock.total),
        in_shares=in_shares,
        lower=partial(_program, tree, source, clock, rest, text, binding),
    )


def _rest(tree: Tree, clock: Clock, source: str | None) -> Fraction:
    """What the stages leave of the total, once it is known that they fit into it."""
    mistakes = Mistakes()
    rests = [
        (*path, "duration")
        for path, node in walk(tree.stages)
        if isinstance(node, Phase) and node.duration == Duration("rest")
    ]
    try:
        total = clock.total
    except Refusal as refusal:
        mistakes.found.append(refusal.mistake(("total",) if tree.total else ()))
        raise located(mistakes.found, source if tree.total else None) from None
    try:
        length = _length(tree.stages, Fraction(0), Fraction(0), clock)
    except Refusal:  # the walk that follows says so, and where
        return Fraction(0)
    if total is None:
        for path in rests:
            mistakes.add("missing-setting", "`rest` needs a total", "say total=", path)
    elif length is not None and length > total:
        message = f"the phases take {_ticks(length)}, the total is {_ticks(total)}"
        if tree.total is None and not rests and all(part.unit != "%" for _, part in lengths(tree)):
            warnings.warn(ScheduleWarning(f"{message}: training ends first"), stacklevel=5)
        else:
            mistakes.add("total-exceeded", message, "shorten one, or raise total=", ("stages",))
    if mistakes.found:
        raise located(mistakes.found, source)
    return Fraction(0) if total is None or length is None else max(total - length, Fraction(0))


def _ticks(ticks: Fraction) -> str:
    return f"{format_number(ticks)} ticks" if ticks != 1 else "1 tick"


def _length(
    stages: Sequence[Node], start: Fraction, now: Fraction, clock: Clock
) -> Fraction | None:
    """The exact ticks of a pipeline with no `rest` (None: it never ends)."""
    begin = now
    for node in stages:
        taken = _node_length(node, start, now, clock)
        if taken is None:
            return None
        now += taken
    return now - begin


def _node_length(node: Node, start: Fraction, now: Fraction, clock: Clock) -> Fraction | None:
    match node:
        case Group(stages=stages, times=times):
            once = _length(stages, now, now, clock)
            return None if once is None or times == "inf" else once * (times or 1)
        case Product(factors=factors):
            taken = [_node_length(factor, now, now, clock) for factor in factors]
            known = [length for length in taken if length is not None]
            return max(known) if len(known) == len(taken) else None
        case Phase():
            return extent(node, start, now, clock.ticks, Fraction(0))[1]
