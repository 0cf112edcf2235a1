"""How formulas are spelled in Python source: on plain numbers, and on arrays."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field

from schedlang.emit import source
from schedlang.emit.ranges import Range, measure
from schedlang.emit.tabled import Formula, Table
from schedlang.formula.expressions import Apply, Expr, Lookup, Number, Operation, Symbol
from schedlang.formula.notation import ATOM, CHOICE, POWER, PRODUCT, UNARY, Write, infix

LONGEST_LIST = 50
_SIMPLE = re.compile(r"-?[\w.]+(e-\d+)?")

# How Python says what IEEE says, for the operations that might raise.
HELPERS: dict[Operation, str] = {
    "div": '''\
def _divide(x: float, y: float) -> float:
    """x / y, infinite or nan where y is 0."""
    if y:
        return x / y
    return math.copysign(math.inf, x) * math.copysign(1.0, y) if x else math.nan''',
    "pow": '''\
def _power(x: float, y: float) -> float:
    """x**y, infinite or nan where Python raises."""
    try:
        return math.pow(x, y)
    except OverflowError:
        return -math.inf if x < 0 and y % 2 == 1 else math.inf
    except ValueError:
        return math.nan if x else math.inf''',
    "exp": '''\
def _exp(x: float) -> float:
    """The exponential, infinite where Python raises."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf''',
    "log": '''\
def _log(x: float) -> float:
    """The logarithm, -inf at 0 and nan below."""
    if x > 0:
        return math.log(x)
    return math.nan if x else -math.inf''',
    "sqrt": '''\
def _sqrt(x: float) -> float:
    """The square root, nan below 0."""
    return math.sqrt(x) if x >= 0 else math.nan''',
    "sin": '''\
def _sin(x: float) -> float:
    """The sine, nan of what is infinite."""
    return math.sin(x) if math.isfinite(x) else math.nan''',
    "cos": '''\
def _cos(x: float) -> float:
    """The cosine, nan of what is infinite."""
    return math.cos(x) if math.isfinite(x) else math.nan''',
    "tan": '''\
def _tan(x: float) -> float:
    """The tangent, nan of what is infinite."""
    return math.tan(x) if math.isfinite(x) else math.nan''',
    "floor": '''\
def _floor(x: float) -> float:
    """The floor; what is infinite stays so."""
    return math.floor(x) if math.isfinite(x) else x''',
    "ceil": '''\
def _ceil(x: float) -> float:
    """The ceiling; what is infinite stays so."""
    return math.ceil(x) if math.isfinite(x) else x''',
    "min": '''\
def _min(x: float, y: float) -> float:
    """The smaller one, nan if either is."""
    return x if x < y or math.isnan(x) else y''',
    "max": '''\
def _max(x: float, y: float) -> float:
    """The larger one, nan if either is."""
    return x if x > y or math.isnan(x) else y''',
}
_HELPER_NAMES: dict[Operation, str] = {"div": "_divide", "pow": "_power"}

_MATH: dict[str, str] = {
    name: f"math.{name}"
    for name in ("sin", "cos", "tan", "tanh", "exp", "log", "sqrt", "floor", "ceil")
}


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


@dataclass
class Scalar:
    """Formulas over Python's own numbers, with the helpers that they turn out to need."""

    helpers: set[Operation] = field(default_factory=set)
    bisects: bool = False
    fractions: bool = False
    lists: Lists = field(default_factory=Lists)
    defined: list[list[str]] = field(default_factory=list)

    def text(
        self, e: Expr, names: Mapping[str, Range], spelled: Mapping[str, tuple[str, int]]
    ) -> str:
        """The formula; ``names`` says what its symbols can be, ``spelled`` how they are written."""
        if isinstance(e, Number):
            return source.number(e.value)
        unsafe: set[int] = set()
        measure(e, names, unsafe)
        return infix(e, _MATH, self._spelling(names, spelled, unsafe))

    def helper_functions(self) -> list[list[str]]:
        """The helpers that the formulas written so far need, and the tables."""
        helpers = [HELPERS[op].split("\n") for op in HELPERS if op in self.helpers]
        return [*helpers, *self.defined]

    def imports(self, used: Container[str]) -> list[str]:
        """The imports that source with such formulas needs, which uses these names."""
        imports = ["import math"] if "math" in used else []
        imports += ["from bisect import bisect_right"] if self.bisects else []
        imports += ["from collections.abc import Callable"] if self.defined else []
        return [*imports, *(["from fractions import Fraction"] if self.fractions else [])]

    def range(self, e: Expr, names: Mapping[str, Range]) -> Range:
        """What the formula's values can be."""
        return measure(e, names, set())

    def _spelling(
        self,
        names: Mapping[str, Range],
        spelled: Mapping[str, tuple[str, int]],
        unsafe: set[int],
    ) -> Callable[[Expr, Write], tuple[str, int] | None]:
        def spell(e: Expr, write: Write) -> tuple[str, int] | None:
            match e:
                case Symbol(name):
                    return spelled.get(name, (name, ATOM))
                case Number(value):
                    return number(value)
                case Apply(op, args) if id(e) in unsafe:
                    self.helpers.add(op)
                    name = _HELPER_NAMES.get(op, f"_{op}")
                    return f"{name}({', '.join(write(arg, CHOICE) for arg in args)})", ATOM
                case Apply("pow", (x, y)) if not _whole(y, names):  # float ** float has no type
                    return f"math.pow({write(x, CHOICE)}, {write(y, CHOICE)})", ATOM
                case Apply("pow", (x, y)):
                    return power(x, y, write)
                case Apply("neg", (Apply("pow") as inner,)):
                    return negated(inner, write)
                case Apply("floor", (Apply("div", (x, Number(n))),)) if _whole(
                    x, names
                ) and n == int(n):
                    return f"{write(x, PRODUCT)} // {source.integer(n)}", PRODUCT
                case Lookup(x, edges, values):
                    self.bisects = True
                    marks = self.lists.text(
                        [source.number(edge, whole=True) for edge in edges], "_EDGES"
                    )
                    index = f"bisect_right({marks}, {write(x, CHOICE)})"
                    if is_count(e):
                        return index, ATOM
                    return (
                        f"{self.lists.text(list(map(source.number, values)), '_VALUES')}[{index}]",
                        ATOM,
                    )
            return None

        return spell


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


def _whole(e: Expr, names: Mapping[str, Range]) -> bool:
    """Whether the formula is an integer in the source too, so that ``//`` is exact."""
    match e:
        case Number(value):
            return value == math.floor(value)
        case Symbol(name):
            return names[name].whole
        case Apply("add" | "sub" | "mul" | "neg", args):
            return all(_whole(arg, names) for arg in args)
        case Apply("floor", (Apply("div", (x, Number(n))),)):
            return _whole(x, names) and n == int(n)
        case Lookup():
            return is_count(e)
        case _:
            return False
