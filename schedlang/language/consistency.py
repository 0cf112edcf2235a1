"""Checks between the phases of a line, made before it is bound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

from typing_extensions import assert_never

from schedlang.errors import Mistake, Path, ScheduleError
from schedlang.language.placed import Placed
from schedlang.language.quantities import Length, Level
from schedlang.language.text import node_text
from schedlang.language.tree import Group, Node, Product, Settings, Tree
from schedlang.phases.arguments import Duration
from schedlang.phases.base import BASE_LEVEL, Phase, Ramp
from schedlang.phases.cycles import Cyclic, OneCycle
from schedlang.phases.plateau import Plateau
from schedlang.phases.ramps import Exp, Hold
from schedlang.phases.rates import InverseTime

MOST_PHASES = 1_000_000


def check(tree: Tree) -> Iterator[Mistake]:
    """The mistakes of the line as a whole."""
    for rule in (_order, _plateaus, _products, _rests, _size, _units, _directions):
        yield from rule(tree)


def walk(stages: Sequence[Node], path: Path = ("stages",)) -> Iterator[tuple[Path, Node]]:
    """Every node with its path, in the order of the text."""
    for i, node in enumerate(stages):
        here = (*path, i)
        yield here, node
        match node:
            case Group():
                yield from walk(node.stages, (*here, "stages"))
            case Product():
                yield from walk(node.factors, (*here, "factors"))
            case Phase():
                pass
            case _:
                assert_never(node)


def is_plain(node: Node) -> bool:
    """Whether the node is plain parentheses, without a repeat."""
    return isinstance(node, Group) and node.times is None


def bounded(node: Node) -> bool:
    """Whether the node ends."""
    match node:
        case Group(stages=stages, times=times):
            return times != "inf" and all(map(bounded, stages))
        case Product(factors=factors):
            return all(map(bounded, factors))
        case Phase():
            return node.bounded()
        case _:
            assert_never(node)


def _order(tree: Tree) -> Iterator[Mistake]:
    """Nothing follows a phase that never ends."""

    def pipeline(stages: Sequence[Node], path: Path) -> Iterator[Mistake]:
        for i, node in enumerate(stages[:-1]):
            if not bounded(node) and not isinstance(_last(node), Plateau):
                message = f"nothing can follow `{_short(node)}`, which never ends"
                yield Mistake("after-endless", message, _duration_advice(node), (*path, i + 1))

    yield from pipeline(tree.stages, ("stages",))
    for path, node in walk(tree.stages):
        if isinstance(node, Group):
            yield from pipeline(node.stages, (*path, "stages"))
            again = node.times is not None and node.times != 1
            endless = not all(map(bounded, node.stages))
            if again and endless and not isinstance(_last(node.stages[-1]), Plateau):
                message = "this cannot repeat: its last phase never ends"
                yield Mistake("after-endless", message, _duration_advice(node.stages[-1]), path)


def _duration_advice(node: Node) -> str:
    last = _last(node)
    return f"give `{last.kind}` a duration" if isinstance(last, Phase) else "give it a duration"


def _last(node: Node) -> Node:
    while isinstance(node, Group) and node.times != "inf":
        node = node.stages[-1]
    return node


def _short(node: Node) -> str:
    text = node_text(node)
    return text if len(text) <= 40 else text[:39] + "…"


def _plateaus(tree: Tree) -> Iterator[Mistake]:
    """A plateau must be the last phase of the line."""
    end: Path = ("stages", len(tree.stages) - 1)
    last: Node = tree.stages[-1]
    while is_plain(last) and isinstance(last, Group):
        end, last = (*end, "stages", len(last.stages) - 1), last.stages[-1]
    for path, node in walk(tree.stages):
        if isinstance(node, Plateau) and path != end:
            message = "`plateau` must be the last phase, outside `*` and `x`"
            yield Mistake("plateau-not-last", message, "it never ends", path)


def _products(tree: Tree) -> Iterator[Mistake]:
    """Levels inside a product must be shares, and momentum cannot be scheduled there."""
    for path, node in walk(tree.stages):
        if "factors" not in path or not isinstance(node, Phase):
            continue
        for name, value in arguments(node):
            levels = value if isinstance(value, tuple) else (value,)
            for level in levels:
                if isinstance(level, Level) and level.share is None:
                    message = f"levels in a product must be shares: `{level}` is absolute"
                    yield Mistake(
                        "absolute-in-product", message, "write 10% or 0.1x", (*path, name)
                    )
                    break
        if isinstance(node, Cyclic | OneCycle) and node.momentum is not None:
            message = "`momentum` cannot be scheduled inside a product"
            yield Mistake("does-not-apply", message, path=(*path, "momentum"))


def arguments(node: Placed) -> Iterator[tuple[str, Any]]:
    """The arguments of a node that are set, by their names in the text."""
    names = _written_names(type(node))
    for name, value in node.__dict__.items():
        if value is not None:
            yield names[name], value


@cache
def _written_names(node: type[Placed]) -> dict[str, str]:
    return {name: field.alias or name for name, field in node.model_fields.items()}


def _rests(tree: Tree) -> Iterator[Mistake]:
    """At most one `rest`, in a phase of the top-level pipeline, and no `until` after it there."""
    top = dict(_top(tree.stages))
    seen = False
    for path, node in walk(tree.stages):
        duration = node.duration if isinstance(node, Phase) else None
        if not isinstance(duration, Duration):
            continue
        place = (*path, "duration")
        if duration.how == "rest" and path not in top:
            message = "`rest` can only be used at the top level, not inside `*` or `x`"
            yield Mistake("rest", message, "write its length", place)
        elif duration.how == "rest" and seen:
            yield Mistake(
                "rest", "`rest` is given twice", "only one phase can take the rest", place
            )
        elif duration.how == "until" and seen and path in top:
            message = "`until` cannot follow `rest`, whose length is not known yet"
            yield Mistake("rest", message, "write its length", place)
        seen = seen or (duration.how == "rest" and path in top)


def _top(stages: Sequence[Node], path: Path = ("stages",)) -> Iterator[tuple[Path, Node]]:
    for i, node in enumerate(stages):
        yield (*path, i), node
        if is_plain(node) and isinstance(node, Group):
            yield from _top(node.stages, (*path, i, "stages"))


def _size(tree: Tree) -> Iterator[Mistake]:
    """With its repeats expanded, a line has a bounded number of phases."""

    def count(stages: Sequence[Node]) -> int:
        total = 0
        for node in stages:
            match node:
                case Group(stages=inner, times=times):
                    total += count(inner) * (times if isinstance(times, int) else 1)
                case Product(factors=factors):
                    total += count(factors)
                case Phase():
                    total += 1
                case _:
                    assert_never(node)
        return total

    total = count(tree.stages)
    if total > MOST_PHASES:
        message = f"expanded, this has {total:,} phases; the maximum is {MOST_PHASES:,}"
        yield Mistake("too-long", message, "repeat it `x inf`, or fewer times", ("stages", 0))


def lengths(tree: Tree) -> Iterator[tuple[Path, Length]]:
    """Every length of the line with its path; the default `every=1` has the path of its phase."""
    if tree.total is not None:
        yield ("total",), tree.total
    for path, node in walk(tree.stages):
        if not isinstance(node, Phase):
            continue
        for name, value in arguments(node):
            match value:
                case str() | Fraction() | Level():
                    pass
                case Length():
                    yield (*path, name), value
                case Duration(length=Length() as length):
                    yield (*path, name), length
                case tuple():
                    yield from (((*path, name), x) for x in value if isinstance(x, Length))
        counts = isinstance(node, InverseTime) or (isinstance(node, Exp) and node.gamma is not None)
        if counts and getattr(node, "every", None) is None:
            yield path, Length(Fraction(1))


def _units(tree: Tree) -> Iterator[Mistake]:
    return clock(tree, tree, "set clock= in the line")


def clock(tree: Tree, settings: Settings, otherwise: str) -> Iterator[Mistake]:
    """The ambiguous bare lengths: those beside units, or with `steps_per_epoch` set.

    Args:
        tree: the line.
        settings: the settings of the line, or of the line and the caller.
        otherwise: the advice on how to set the clock.
    """
    if settings.clock is not None:
        return
    line = list(lengths(tree))
    caller: list[tuple[Path, Length]] = []
    if tree.total is None and settings.total is not None:
        caller.append((("total",), settings.total))
    if any(length.unit not in {"", "%"} for _, length in line + caller):
        for path, length in _without_unit(line + caller):
            message = f"{_bare(path, length)} has no unit, but other lengths do"
            what = "" if _by_default(path) else f"{length} what? "
            advice = f"{what}write {_with_units(path, length)}, or {otherwise}"
            yield Mistake("mixed-units", message, advice, path)
    elif settings.steps_per_epoch is not None:
        for path, length in _without_unit(line)[:1]:
            message = f"{_bare(path, length)} has no unit, but `steps_per_epoch` is given"
            what = "" if _by_default(path) else "are these steps or epochs? "
            advice = f"{what}write {_with_units(path, length)}, or {otherwise}"
            yield Mistake("ambiguous-ticks", message, advice, path)


def _without_unit(found: list[tuple[Path, Length]]) -> list[tuple[Path, Length]]:
    return [(path, length) for path, length in found if not length.unit and length.value]


def _by_default(path: Path) -> bool:
    return isinstance(path[-1], int)  # of a phase, and not of one of its arguments


def _bare(path: Path, length: Length) -> str:
    return "the default `every=1`" if _by_default(path) else f"`{length}`"


def _with_units(path: Path, length: Length) -> str:
    every = "every=" if _by_default(path) else ""
    return f"{every}{Length(length.value, 'st')} or {every}{Length(length.value, 'ep')}"


def _directions(tree: Tree) -> Iterator[Mistake]:
    """Warm-ups must go up and decays down, as far as the levels are known before binding."""
    mistakes: list[Mistake] = []
    # Memoized: the time for nested repeats would otherwise double with each level of nesting.
    groups: dict[tuple[Path, Level | None, bool], Level | None] = {}

    def pipeline(
        stages: Sequence[Node], path: Path, level: Level | None, *, first: bool
    ) -> Level | None:
        for i, node in enumerate(stages):
            level = follow(node, (*path, i), level, first=first and i == 0)
        return level

    def follow(node: Node, path: Path, level: Level | None, *, first: bool) -> Level | None:
        match node:
            case Group():
                key = path, level, first
                if key not in groups:
                    groups[key] = group(node, path, level, first=first)
                return groups[key]
            case Product(factors=factors):
                for i, factor in enumerate(factors):
                    follow(factor, (*path, "factors", i), BASE_LEVEL, first=True)
                return None
            case Hold():
                return node.to or level
            case Ramp():
                try:
                    return ramp(node, level, first=first)
                except ScheduleError as error:
                    mistakes.extend(error.under(path))
                    return None
            case Phase():
                return None
            case _:
                assert_never(node)

    def group(node: Group, path: Path, level: Level | None, *, first: bool) -> Level | None:
        """The first round and, if there are more, the second."""
        level = pipeline(node.stages, (*path, "stages"), level, first=first)
        if node.times is None or node.times == 1:
            return level
        return pipeline(node.stages, (*path, "stages"), level, first=False)

    def ramp(phase: Ramp, level: Level | None, *, first: bool) -> Level | None:
        start, end = phase.ends(first=first)
        if isinstance(phase, Exp) and phase.gamma is not None:
            return None
        start = start or level
        if start is not None:
            rises = _difference(start, end, tree.lr)
            if rises is not None:
                phase.check_direction(float(rises), str(start), str(end))
        return end if phase.arrives or isinstance(phase, Exp) else None

    pipeline(tree.stages, ("stages",), BASE_LEVEL, first=True)
    yield from mistakes


def _difference(start: Level, end: Level, lr: Fraction | None) -> Fraction | None:
    """The difference of two levels; None if it depends on the base rate."""
    a, b = start.share, end.share
    if a is not None and b is not None:
        return b - a
    if lr is not None:
        a = start.value if a is None else a * lr
        b = end.value if b is None else b * lr
        return b - a
    return end.value - start.value if a is None and b is None else None
