"""The phase that is written as an expression: fn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import model_validator
from typing_extensions import Self

from schedlang.errors import ScheduleError, quoted, refuse
from schedlang.formula.expressions import Apply, Expr, Lookup, Number, Symbol, substitute, symbols
from schedlang.formula.notation import infix
from schedlang.language.quantities import AsText
from schedlang.phases.base import Context, Phase, at_end


@dataclass(frozen=True, slots=True)
class Expression(AsText):
    """The expression in the braces of `fn`: arithmetic over ``t``, ``T``, ``p``, ``start``."""

    formula: Expr

    def __str__(self) -> str:
        return infix(self.formula)

    @classmethod
    def read(cls, value: object) -> Self:
        """The expression of a text, or of the parser's result."""
        if isinstance(value, cls):
            return value
        if isinstance(value, (Number, Symbol, Apply, Lookup)):
            return cls(value)
        if not isinstance(value, str):
            refuse("wrong-type", f"expected an expression, not {quoted(value)}")
        from schedlang.language.grammar import read_expression  # slow to import, rarely needed

        try:
            formula = read_expression(value)
        except ScheduleError as error:
            raise ScheduleError([found._replace(span=None) for found in error.mistakes]) from None
        return cls(formula)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        return {"type": "string", "description": "arithmetic over t, T, p and start"}


class Fn(Phase):
    """The value of an expression times the base, in IEEE doubles.

    ``t`` ticks, ``T`` the duration, ``p = t/T``, ``start`` the level at entry as a share.

    >>> import schedlang
    >>> program = schedlang.parse("fn 300 {max(0.05, (1 - t / T) ** 2)}").bind(lr=0.1)
    >>> [round(program.at(tick), 4) for tick in (0, 150, 300, 1000)]
    [0.1, 0.025, 0.005, 0.005]
    """

    kind: Literal["fn"]
    depends_on_place: ClassVar[bool] = False
    endless: ClassVar[bool] = True

    expression: Expression

    @model_validator(mode="after")
    def _has_its_length(self) -> Self:
        uses = symbols(self.expression.formula) & {"T", "p"}
        if uses and self.duration is None:
            refuse(
                "no-duration", f"`fn` uses `{min(uses)}` and needs a duration", "write fn 90 {…}"
            )
        return self

    def curve(self, context: Context) -> Expr:
        names: dict[str, Expr] = {}
        if context.ticks is not None:
            names = {"T": Number(float(context.ticks)), "p": context.p}
        if "start" in symbols(self.expression.formula):
            names["start"] = context.ratio(context.level, context.base)
        return context.base * substitute(self.expression.formula, names)

    def end(self, context: Context, curve: Expr) -> Expr:
        return at_end(curve, context, left=False)
