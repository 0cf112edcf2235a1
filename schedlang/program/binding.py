"""Binds a tree to a clock, a total and a base rate. The result is its program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from schedlang.errors import Mistake, Path, ScheduleError, warn
from schedlang.language.consistency import arguments, lengths, walk
from schedlang.language.quantities import Level, format_number
from schedlang.language.text import Texts, set_values, write
from schedlang.language.tree import Settings, Tree
from schedlang.language.validate import located, with_span
from schedlang.phases.base import Phase
from schedlang.program.clock import Clock, merge, nearest_tick
from schedlang.program.lowering import Lowering
from schedlang.program.program import Program
from schedlang.program.timing import Timed, give_rest, rests, taken, time


def bind(
    tree: Tree,
    given: dict[str, Any],
    source: str | None = None,
    *,
    groups: Sequence[float] = (),
    labels: Sequence[str] = (),
    moves: str = "",
    symbolic: bool = False,
) -> Program:
    """The program of a tree under a binding.

    Args:
        tree: the schedule.
        given: settings by name, None for those that are not set.
        source: the text in which mistakes are marked; without it they have paths.
        groups: the base rates of an optimizer's parameter groups; the first is the program's.
        labels: the names of these groups in mistakes; by default ``group 0``, ``group 1``, …
        moves: in a plan, the hyperparameter of the line.
        symbolic: whether to leave the base rate open even if an absolute level needs one.

    Raises:
        ScheduleError: with all mistakes under this binding.
    """
    try:
        settings = merge(tree, given)
    except ScheduleError as error:
        raise located(error.mistakes, source, tree) from None
    clock = Clock.of(tree, settings)
    mistakes: list[Mistake] = []
    stages = _timed(tree, clock, mistakes, source)
    texts: Texts = {}
    text = write(tree, texts)
    lowering = Lowering(clock, mistakes, texts=texts)
    lowered, tracks, momentum = lowering.line(stages)
    if mistakes:
        raise located(mistakes, source, tree)
    in_tree = {name for name, _ in set_values(tree)}
    program = Program(
        symbolic=tracks,
        momentum=momentum,
        symbolic_plateau=lowering.plateau,
        length=None if lowered.end is None else nearest_tick(lowered.end),
        base=None if settings.lr is None else float(settings.lr),
        tick=clock.tick,
        text=text,
        binding={n: _plain(value) for n, value in set_values(settings) if n not in in_tree},
        steps_per_epoch=settings.steps_per_epoch,
        total=None if clock.total is None else nearest_tick(clock.total),
        levels=tuple(lowering.levels),
        checks=tuple(
            check._replace(mistake=with_span(check.mistake, tree)) for check in lowering.checks
        ),
        absolute=_absolute(tree, moves),
        source=source,
    )
    if groups:
        labels = labels or [f"group {i}" for i in range(len(groups))]
        return _of_groups(program, dict(zip(labels, groups, strict=True)), settings, tree)
    if program.base is None and not symbolic:
        return _without_base(program, tree)
    if program.base is not None and (found := program.mistakes(program.base)):
        raise ScheduleError(found, source)
    return program


def _timed(tree: Tree, clock: Clock, mistakes: list[Mistake], source: str | None) -> list[Timed]:
    """The stages with their lengths; mistakes are appended to ``mistakes``.

    Raises:
        ScheduleError: if the total itself is wrong.
    """
    try:
        total = clock.total
    except ScheduleError as error:
        here = ("total",) if tree.total else ()
        raise located(error.under(here), source if tree.total else None, tree) from None
    stages = time(tree.stages, clock, mistakes)
    waiting = list(rests(stages))
    length, _ = taken(stages)
    if total is None:
        for phase in waiting:
            place = (*phase.path, "duration")
            mistakes.append(Mistake("missing-setting", "`rest` needs a total", "set total=", place))
    elif length > total:
        message = f"the phases take {_ticks(length)}, but the total is {_ticks(total)}"
        if tree.total or waiting or any(part.unit == "%" for _, part in lengths(tree)):
            advice = "shorten a phase, or increase total="
            mistakes.append(Mistake("total-exceeded", message, advice, ("stages",)))
        else:
            warn(f"{message}: training ends first")
    elif waiting:
        give_rest(stages, total - length)
    return stages


def _ticks(ticks: Fraction) -> str:
    if ticks == 1:
        return "1 tick"
    whole = ticks.denominator == 1
    return f"{format_number(ticks) if whole else f'{float(ticks):.6g}'} ticks"


def _plain(value: Any) -> str | int:
    match value:
        case int() | str():
            return value
        case Fraction():
            return format_number(value)
        case _:
            return str(value)


# ── The base rate ──


def _of_groups(
    program: Program, groups: Mapping[str, float], settings: Settings, tree: Tree
) -> Program:
    """The program of the first parameter group, after a check for all groups."""
    if settings.lr is not None:
        lr = float(settings.lr)
        others = [
            f"{group} has {rate:g}" for group, rate in groups.items() if abs(rate - lr) > 1e-6 * lr
        ]
        if others:
            place: Path = ("lr",) if tree.lr else ()
            message = f"the schedule has lr={lr:g}, but {', '.join(others)}"
            mistake = Mistake("base-differs", message, "leave lr= out", place)
            raise located([mistake], program.source if tree.lr else None, tree)
    found: list[Mistake] = []
    first: dict[float, str] = {}
    for group, base in groups.items():
        first.setdefault(base, group)
    for base, group in first.items():
        for mistake in program.mistakes(base):
            message = mistake.message
            if len(groups) > 1:
                message += f" (parameter {group})"
            found.append(mistake._replace(message=message))
    if found:
        raise ScheduleError(found, program.source)
    return program.rebase(next(iter(first)))


def _without_base(program: Program, tree: Tree) -> Program:
    """The program in shares of the base; or in the values as written, if none is a share.

    Raises:
        ScheduleError: if the line has both.
    """
    if not program.needs_base:
        return program
    found = [
        mistake._replace(
            message=f"`{level}` is an absolute rate, and no base rate is known",
            advice="set lr=, or write only shares or only absolute levels",
        )
        for mistake, (_, level) in zip(program.absolute, _absolute_levels(tree), strict=True)
    ]
    if found:
        raise ScheduleError(found, program.source)
    program = program.rebase(1.0)
    return replace(program, in_shares=True)


def no_base(tree: Tree, message: str) -> Mistake:
    """The mistake of a schedule that needs a base rate but has none, at its first share.

    Args:
        tree: the schedule.
        message: the message, with the placeholder ``{share}``.
    """
    levels = ((path, level) for path, level in _levels(tree) if level.share and level.value)
    path, level = next(levels, (("stages",), None))
    share = "the default level `1x`" if level is None else f"`{level}`"
    advice = "write absolute levels, such as from=0.9 to=1"
    return with_span(Mistake("no-base", message.format(share=share), advice, path), tree)


def _absolute_levels(tree: Tree) -> Iterator[tuple[Path, Level]]:
    """The levels that are not shares of the base, each with its path."""
    return ((path, level) for path, level in _levels(tree) if level.share is None)


def _levels(tree: Tree) -> Iterator[tuple[Path, Level]]:
    """The levels that are written, each with its path."""
    for path, node in walk(tree.stages):
        if isinstance(node, Phase):
            for name, value in arguments(node):
                for level in value if isinstance(value, tuple) else (value,):
                    if isinstance(level, Level):
                        yield (*path, name), level


def _absolute(tree: Tree, moves: str) -> tuple[Mistake, ...]:
    """The mistakes of the absolute levels for a parameter group whose base is 0."""
    which = "at rate 0" if moves in {"", "lr"} else f"whose {moves} is 0"
    otherwise = ", or give this group a line of its own" if moves else ""
    return tuple(
        with_span(
            Mistake(
                "no-base",
                f"the absolute level `{level}` cannot apply to a parameter group {which}",
                f"write a share of the base (10%){otherwise}",
                path,
            ),
            tree,
        )
        for path, level in _absolute_levels(tree)
    )
