"""The source of a file: its functions, and what they need beside them."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from schedlang.emit import header, source
from schedlang.emit.code import Code, Text, statement
from schedlang.emit.helpers import HELPERS
from schedlang.emit.printing import Import, import_lines
from schedlang.formula.expressions import BASE, LEVEL, Expr, symbols
from schedlang.formula.ranges import Range, measure

LONGEST_LIST = 50
BASE_RATES = Range(1e-30, 1e30)


@dataclass
class Definitions:
    """What the functions of a file need beside them, collected while they are written.

    Attributes:
        levels: what the symbols ``level_0``, ``level_1``, … stand for.
        lists: the constants for long lists, by their code.
        tables: the constants for tables of phases.
        defined: the tables and their functions, in order.
        taken: the names that are in use.
        base: what the parameter for a base rate that is not known is called.
    """

    levels: Sequence[Expr] = ()
    lists: dict[Code, str] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)
    defined: list[list[str]] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    base: str = "lr"

    def of_line(self, levels: Sequence[Expr], base: str) -> Definitions:
        """The definitions as they are for a function of another line of the same file."""
        return replace(self, levels=levels, base=base)

    def free(self, wanted: str) -> str:
        """A name that no other constant or function of the file has."""
        name = local_name(wanted, self.taken)
        self.taken.add(name)
        return name

    def listed(self, items: Code, name: str) -> Code:
        """The list in place, or the name of a constant where it is long."""
        if len("".join(statement("", items))) <= LONGEST_LIST:
            return items
        return self.named(items, name)

    def named(self, items: Code, name: str) -> Code:
        """The name of a constant for the list."""
        if items not in self.lists:
            self.lists[items] = self.free(name)
        return Text(self.lists[items])

    def constants(self) -> list[str]:
        """The definitions of the constants."""
        lists = (statement(f"{name} = ", items) for items, name in self.lists.items())
        return [*(line for lines in lists for line in lines), *self.tables]

    def level_lines(self, used: set[str], write: Callable[[str, Expr], list[str]]) -> list[str]:
        """The statements for the levels that are used, directly or by another one.

        Args:
            used: the names that the statements below them use.
            write: the statement for a level, from its name and its formula.
        """
        lines: list[str] = []
        for i, level in reversed(list(enumerate(self.levels))):
            name = f"{LEVEL}{i}"
            if name in used:
                lines = [*write(name, level), *lines]
                used = used | symbols(level)
        return lines

    @cached_property
    def ranges(self) -> dict[str, Range]:
        """What the base rate and the levels can be."""
        known = {BASE.name: BASE_RATES}
        for i, level in enumerate(self.levels):
            known[f"{LEVEL}{i}"] = measure(level, known, set())
        return known


def local_name(wanted: str, taken: Iterable[str]) -> str:
    """What is wanted as a name, with a number where that is taken."""
    if not wanted.isidentifier() or keyword.iskeyword(wanted):
        wanted = "part"
    taken = set(taken)
    names = (wanted, *(f"{wanted}_{i}" for i in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def file_source(
    says: str,
    shared: Definitions,
    defined: Sequence[Sequence[str]],
    imports: Mapping[str, Import],
) -> str:
    """The source of a file with these functions, what they need before them.

    Args:
        says: the docstring.
        shared: what the functions need.
        defined: the lines of each function.
        imports: what may be imported, by its name.
    """
    defined = [*shared.defined, *defined]
    used = source.names("\n".join(line for lines in defined for line in lines))
    helpers = [text.split("\n") for name, text in HELPERS.items() if name in used]
    used |= source.names("\n".join(line for lines in helpers for line in lines))
    lines = import_lines(imports[name] for name in used & imports.keys())
    opening = header.opening(says, lines, shared.constants())
    return source.joined([opening, *helpers, *defined])
