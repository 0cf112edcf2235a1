"""The phase that depends on a metric."""

from __future__ import annotations

from fractions import Fraction
from typing import ClassVar, Literal

from pydantic import model_validator
from typing_extensions import Self

from schedlang.errors import refuse
from schedlang.formula.expressions import Expr
from schedlang.language.quantities import Level
from schedlang.phases.arguments import BetweenZeroAndOne, Monitor, NonNegativeInt, Ratio
from schedlang.phases.base import Context, Phase, Resolved


class Plateau(Phase):
    """PyTorch's ``ReduceLROnPlateau``, from the level at entry.

    The rate is multiplied by ``factor`` on the metric that follows ``patience`` metrics without an
    improvement. Its curve assumes a metric that always improves.

    >>> import schedlang
    >>> schedlang.parse("warmup 5 -> plateau factor=0.5").bind(lr=0.1).at(1000)
    0.1
    """

    kind: Literal["plateau"]
    depends_on_place: ClassVar[bool] = False
    endless: ClassVar[bool] = True

    mode: Literal["min", "max"] | None = None
    factor: BetweenZeroAndOne = Fraction(1, 10)
    patience: NonNegativeInt = 10
    threshold: Ratio = Fraction(1, 10_000)
    threshold_mode: Literal["rel", "abs"] = "rel"
    cooldown: NonNegativeInt = 0
    min: Level = Level(Fraction(0))
    eps: Ratio = Fraction(1, 10**8)
    monitor: Monitor = "val_loss"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.duration is not None:
            refuse("does-not-apply", "`plateau` takes no duration: it lasts as long as training")
        if self.mode is None and "loss" not in self.monitor:
            message = f"`plateau` needs `mode=` for the metric `{self.monitor}`"
            refuse("missing-argument", message, "write mode=max or mode=min")
        return self

    def curve(self, context: Context) -> Expr:
        return context.level

    def derived_arguments(self, context: Context) -> dict[str, Resolved]:
        return {**super().derived_arguments(context), "mode": self.mode or "min"}
