"""Matching of patterns and parameter groups; a group gets the first line that matches."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TypeAlias

Pattern: TypeAlias = str | int
"""A pattern of the groups' names, or the index of a group; None for all groups."""


def fits(pattern: Pattern | None, number: int, name: str) -> bool:
    """Whether a pattern matches the group of this index and name (``""`` if it has none)."""
    match pattern:
        case None:
            return True
        case int():
            return pattern == number
        case _:
            return fnmatchcase(name, pattern)


def first_fit(patterns: Sequence[Pattern | None], number: int, name: str) -> int | None:
    """The index of the first pattern that matches a group; None if none does."""
    found = (i for i, pattern in enumerate(patterns) if fits(pattern, number, name))
    return next(found, None)
