"""Pairs the lines of two plans that apply to the same groups, for comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import NamedTuple, TypeAlias

from schedlang.patterns import Pattern, first_fit, fits
from schedlang.plan.reading import Line
from schedlang.program.program import Program

BoundLine: TypeAlias = "tuple[Line, Program]"
ANY_GROUP = 2**53
"""The index of a group that no plan has a line for."""
UNNAMED = "\0"
"""The name of a group that no pattern matches."""


class Pair(NamedTuple):
    """The lines for the same groups in two plans; None if a plan has none for them."""

    label: str
    first: BoundLine | None
    second: BoundLine | None


class _SampleGroup(NamedTuple):
    label: str
    number: int
    name: str


def pairs(first: Sequence[BoundLine], second: Sequence[BoundLine]) -> Iterator[Pair]:
    """The pairs of lines, hyperparameter by hyperparameter, each once."""
    both = [line for line, _ in (*first, *second)]
    for key in dict.fromkeys(line.key for line in both if not line.is_value):
        seen: set[tuple[int, int]] = set()
        plans = [[each for each in plan if each[0].key == key] for plan in (first, second)]
        patterns = [line.pattern for line in both if line.key == key]
        for group in _groups(patterns):
            a, b = (_of(group, plan) for plan in plans)
            which = id(a), id(b)
            if which not in seen and (a or b):
                seen.add(which)
                yield Pair(key + group.label, a, b)
    for value in dict.fromkeys(line.place for line in both if line.is_value):
        yield Pair(value, *(_at(value, plan) for plan in (first, second)))


def _at(place: str, plan: Sequence[BoundLine]) -> BoundLine | None:
    return next((each for each in plan if each[0].place == place), None)


def _of(group: _SampleGroup, plan: Sequence[BoundLine]) -> BoundLine | None:
    index = first_fit([line.pattern for line, _ in plan], group.number, group.name)
    return None if index is None else plan[index]


def _groups(patterns: Sequence[Pattern | None]) -> Iterator[_SampleGroup]:
    """An example group for each case that patterns distinguish: one, two or none of them match."""
    known = [pattern for pattern in dict.fromkeys(patterns) if pattern not in {None, "*"}]
    names = {pattern: example(pattern) for pattern in known if isinstance(pattern, str)}
    for pattern in known:
        if isinstance(pattern, int):
            yield _SampleGroup(f" of group {pattern}", pattern, UNNAMED)
        else:
            yield _SampleGroup(f" of the groups `{pattern}`", ANY_GROUP, names[str(pattern)])
    for one, other in permutations(names, 2):
        name = names[one] + names[other]
        if fits(one, ANY_GROUP, name) and fits(other, ANY_GROUP, name):
            yield _SampleGroup(f" of the groups `{one}` that are `{other}`", ANY_GROUP, name)
    yield _SampleGroup(" of all other groups" if known else "", ANY_GROUP, UNNAMED)


def example(pattern: str) -> str:
    """A shortest name that matches a pattern of `fnmatch`."""
    name, i = "", 0
    while i < len(pattern):
        letter = pattern[i]
        end = pattern.find("]", i + (3 if pattern[i + 1 : i + 2] == "!" else 2))
        if letter == "[" and end > 0:
            inside = pattern[i + 1 : end]
            others = (chr(code) for code in range(0x21, 0x7F) if chr(code) not in inside)
            candidates = others if inside.startswith("!") else iter(inside)
            name += next((each for each in candidates if fits(f"[{inside}]", ANY_GROUP, each)), "")
            i = end
        elif letter != "*":
            name += "x" if letter == "?" else letter
        i += 1
    return name
