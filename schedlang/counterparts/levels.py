"""Levels as numbers: shares of the base rate, and rates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import isclose

from schedlang.formula.evaluate import value
from schedlang.formula.expressions import BASE, Expr, depends_on_base, symbols
from schedlang.formula.levels import pair
from schedlang.formula.notation import tidy


def _only_base(base: float) -> Mapping[str, float]:
    return {BASE.name: base}


class Levels:
    """Evaluates the levels of a program for one or more base rates, or for an unknown one.

    Args:
        bases: the base rates; empty if they are not known. A level at base 0 is 0.
        names: returns the values of the symbols of levels for a base rate.
    """

    def __init__(
        self,
        bases: Iterable[float] = (),
        names: Callable[[float], Mapping[str, float]] = _only_base,
    ) -> None:
        self.bases = tuple(dict.fromkeys(bases))
        self._names = {base: names(base) if base else {} for base in self.bases}

    def rates(self, level: Expr) -> dict[float, float]:
        """The level as a rate, for each base rate."""
        return {base: value(level, names) if base else 0.0 for base, names in self._names.items()}

    def rate(self, level: Expr) -> float | None:
        """The level as a rate, if it is known and the same for every base; else None."""
        parts = pair(level)
        if parts is not None and not parts[0]:
            return tidy(parts[1])
        return _one(self.rates(level).values()) if _is_constant(level) else None

    def share(self, level: Expr) -> float | None:
        """The level as a share of the base, if it is known and the same for every base above 0.

        It is None if no base is above 0.
        """
        parts = pair(level)
        if parts is not None and not parts[1] and (not self.bases or any(self.bases)):
            return tidy(parts[0])
        if not _is_constant(level):
            return None
        return _one(rate / base for base, rate in self.rates(level).items() if base)

    def ratio(self, x: Expr, y: Expr) -> float | None:
        """``x / y``, if it is known for every base; else None."""
        for read in (self.rate, self.share):
            a, b = read(x), read(y)
            if a is not None and b:
                return tidy(a / b)
        return None

    def is_known(self, level: Expr) -> bool:
        """Whether the level is a number for each base, or a share of an unknown one."""
        if self.bases:
            return _is_constant(level)
        return self.rate(level) is not None or self.share(level) is not None

    def is_base(self, level: Expr) -> bool:
        """Whether the level is the base rate."""
        if not self.bases:
            share = self.share(level)
            return share is not None and near(share, 1)
        return all(near(rate, base) for base, rate in self.rates(level).items())

    def same(self, x: Expr, y: Expr) -> bool:
        """Whether both levels are equal for every base."""
        if x == y:
            return True
        if not (self.is_known(x) and self.is_known(y)):
            return False
        if self.bases:
            return all(map(near, self.rates(x).values(), self.rates(y).values()))
        return (self.rate(x), self.share(x)) == (self.rate(y), self.share(y))


def near(x: float, y: float) -> bool:
    """Whether two rates differ by no more than rounding."""
    return isclose(x, y, rel_tol=1e-12)


def _one(numbers: Iterable[float]) -> float | None:
    """The common value of the numbers; None if they differ."""
    found = list(numbers)
    return tidy(found[0]) if found and all(near(found[0], x) for x in found) else None


def _is_constant(level: Expr) -> bool:
    return all(map(depends_on_base, symbols(level)))
