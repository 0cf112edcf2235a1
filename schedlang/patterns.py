"""Which line of a plan a parameter group has: the first whose pattern fits the group."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TypeAlias

Pattern: TypeAlias = str | int
"""A pattern of the groups' names, or the number of a group; None stands for all groups."""


def fits(pattern: Pattern | None, number: int, name: str) -> bool:
    """Whether a pattern fits the group of this number and name (``""`` if it has none)."""
    match pattern:
        case None:
            return True
        case int():
            return pattern == number
        case _:
            return fnmatchcase(name, pattern)


def first_fit(patterns: Sequence[Pattern | None], number: int, name: str) -> int | None:
    """The index of the first pattern that fits a group; None if none does."""
    found = (i for i, pattern in enumerate(patterns) if fits(pattern, number, name))
    return next(found, None)
