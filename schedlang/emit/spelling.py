"""How formulas are spelled in Python source: on plain numbers, and on arrays."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from schedlang.emit import source
from schedlang.emit.tabled import Formula, Table
from schedlang.formula.expressions import Expr, Lookup, Number
from schedlang.formula.notation import ATOM, POWER, UNARY, Write

LONGEST_LIST = 50
_SIMPLE = re.compile(r"-?[\w.]+(e-\d+)?")


@dataclass
class Lists:
    """Lists of numbers: in place, or constants of the file where they are long."""

    names: dict[str, str] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)

    def free(self, wanted: str) -> str:
        """A name that no other constant has, nor a function of a table."""
        self.taken.append(wanted)
        count = self.taken.count(wanted)
        return f"{wanted}_{count}" if count > 1 else wanted

    def text(self, items: list[str], name: str) -> str:
        """The list in place, or the name of a constant."""
        flat = f"[{', '.join(items)}]"
        return flat if len(flat) <= LONGEST_LIST else self.name(flat, name)

    def name(self, text: str, name: str) -> str:
        """The name of a constant."""
        if text not in self.names:
            self.names[text] = self.free(name)
        return self.names[text]

    def table(self, table: Table) -> tuple[dict[Formula, str], str, str]:
        """The names of the formulas of a table, of its first steps, and of its rows of numbers."""
        names = {formula: self.free(f"_{formula.kind.upper()}") for formula in table.formulas}
        phases, begins, numbers = map(self.free, ("_PHASES", "_FIRST_STEPS", "_NUMBERS"))
        self.tables += [
            *(f"{name} = {i}" for i, name in enumerate(names.values())),
            "",
            "# Each phase: its first step, its formula, and the numbers in it.",
            f"{phases} = [",
        ]
        for row in table.rows:
            own = {name: row.named().get(name, 1.0) for name in table.columns}
            items = [source.integer(row.begin), names[row.formula], *source.numbers(own)]
            self.tables += source.indented(source.row(items, row.text))
        self.tables += [
            "]",
            f"{begins} = [row[0] for row in {phases}]",
            f"{numbers} = [row[1:] for row in {phases}]",
        ]
        return names, begins, numbers

    def constants(self) -> list[str]:
        """The constants."""
        lists = [
            line
            for text, name in self.names.items()
            for line in source.call(f"{name} = [", text[1:-1].split(", "), "]")
        ]
        return [*lists, *self.tables]


def number(value: float) -> tuple[str, int]:
    """A literal inside a formula, where a whole number needs no point."""
    return source.number(value, whole=True), UNARY if value < 0 else ATOM


def power(x: Expr, y: Expr, write: Write) -> tuple[str, int]:
    """A power, as the formatter spaces it: tight between simple operands.

    A whole base becomes a float, so that it is no big integer that is raised.
    """
    base, exponent = write(x, ATOM), write(y, UNARY)
    if isinstance(x, Number) and x.value == math.floor(x.value):
        base = source.number(x.value)
    tight = _SIMPLE.fullmatch(base) and _SIMPLE.fullmatch(exponent)
    return f"{base}**{exponent}" if tight else f"{base} ** {exponent}", POWER


def negated(e: Expr, write: Write) -> tuple[str, int]:
    """Minus a power, with the parentheses that the formatter adds."""
    return f"-({write(e, POWER)})", UNARY


def is_count(e: Lookup) -> bool:
    """Whether it is just the number of edges reached."""
    return e.values == tuple(map(float, range(len(e.values))))
