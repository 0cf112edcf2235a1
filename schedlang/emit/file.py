"""The source of a file: its functions and everything they need."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from schedlang.emit.code import (
    IMPORTS,
    Block,
    Code,
    Import,
    Statement,
    Uses,
    docstring,
    import_statements,
    let,
    lines_of,
    name,
    uses_of,
)
from schedlang.emit.helpers import HELPERS
from schedlang.emit.layout import WIDTH
from schedlang.formula.expressions import BASE, LEVEL, Expr
from schedlang.formula.intervals import Interval, interval_of

LONGEST_LIST = 50
BASE_RATES = Interval(1e-30, 1e30)
RESERVED = {"step", "epoch", "lr", "base", "t", "tick", "self", "float", *IMPORTS}
"""Names that locals must avoid."""


@dataclass
class File:
    """A file being written.

    Attributes:
        says: its docstring.
        levels: the values of the symbols ``level_0``, ``level_1``, ….
        base: the parameter name for an unknown base rate.
        lists: the names of constants for long lists, by their code.
        constants: other constants.
        defined: the functions and classes, in order.
        taken: the names in use.
    """

    says: str
    levels: Sequence[Expr] = ()
    base: str = "lr"
    lists: dict[Code, str] = field(default_factory=dict)
    constants: list[Statement] = field(default_factory=list)
    defined: list[Block] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def of_line(self, levels: Sequence[Expr], base: str) -> File:
        """The same file, for another line's function."""
        return replace(self, levels=levels, base=base)

    def define(self, *block: Statement) -> None:
        """Add a function or a class."""
        self.defined.append(block)

    def free(self, wanted: str) -> str:
        """Reserve a name that is unique in the file."""
        found = local_name(wanted, self.taken)
        self.taken.add(found)
        return found

    def listed(self, items: Code, wanted: str) -> Code:
        """The list inline, or the name of its constant if it is long."""
        return items if len(items.flat) <= LONGEST_LIST else self.named(items, wanted)

    def named(self, items: Code, wanted: str) -> Code:
        """The name of the list's constant."""
        if items not in self.lists:
            self.lists[items] = self.free(wanted)
        return name(self.lists[items])

    def with_levels(self, block: Block, write: Callable[[Expr], Code]) -> Block:
        """The statements, preceded by assignments of the levels they use."""
        for i, level in reversed(list(enumerate(self.levels))):
            local = f"{LEVEL}{i}"
            if local in uses_of(block):
                block = (let(local, write(level)), *block)
        return block

    @cached_property
    def ranges(self) -> dict[str, Interval]:
        """The ranges of the base rate and the levels."""
        known = {BASE.name: BASE_RATES}
        for i, level in enumerate(self.levels):
            known[f"{LEVEL}{i}"] = interval_of(level, known, set())
        return known

    @property
    def uses(self) -> Uses:
        """The names that the file uses."""
        lists = (items.uses for items in self.lists)
        return uses_of(self.constants).union(*lists, *map(uses_of, self.defined))

    @property
    def names(self) -> set[str]:
        """All names used, defined or imported."""
        used = {x if isinstance(x, str) else x.alias or x.name or x.module for x in self.uses}
        return used | self.taken

    def source(self) -> str:
        """The complete source.

        Its description is a docstring because Python searches comments in the first two lines
        for the file's encoding.
        """
        used = self.uses
        helpers = [block for text, block in HELPERS.items() if text in used]
        used = used.union(*map(uses_of, helpers))
        imports = import_statements(one for one in used if isinstance(one, Import))
        constants = (*(let(text, items) for items, text in self.lists.items()), *self.constants)
        opening = docstring(self.says, width=WIDTH)
        for block in (imports, constants):
            opening += (Statement(""), *block) if block else ()
        parts = [opening, *helpers, *self.defined]
        return "\n\n\n".join("\n".join(lines_of(part)) for part in parts) + "\n"


def local_name(wanted: str, taken: Iterable[str]) -> str:
    """The wanted name, with a numeric suffix if it is taken."""
    if not wanted.isidentifier() or keyword.iskeyword(wanted):
        wanted = "part"
    taken = set(taken)
    found = (wanted, *(f"{wanted}_{i}" for i in range(2, len(taken) + 3)))
    return next(one for one in found if one not in taken)
