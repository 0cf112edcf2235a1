"""Small schedulers that PyTorch lacks, as written into emitted files."""

from __future__ import annotations

from typing import Literal

from schedlang.emit.code import Block, digits, template

_THEN_PLATEAU = '''\
class ThenPlateau(ReduceLROnPlateau):
    """A scheduler for its first steps, then ReduceLROnPlateau.

    `step(metric)` ends a step and counts the metric, `step()` only ends a step, and
    `observe(metric)` only counts. A metric of a step before the plateau is ignored.
    """

    def __init__(self, before: LRScheduler, begin: int, **plateau: Any) -> None:
        super().__init__(before.optimizer, **plateau)
        self.before = before
        self.begin = begin
        self.tick = 0{attribute}

    def observe(self, metric: float) -> None:
        if self.tick > self.begin:
            super().step(metric)

    def step(  # type: ignore[override]  # as in ReduceLROnPlateau itself
        self, metrics: Any = None, epoch: int | None = None
    ) -> None:{check}
        self.tick += 1
        if self.tick <= self.begin:
            self.before.step()
        elif metrics is not None:
            super().step(metrics){otherwise}
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        return {{**super().state_dict(), "before": self.before.state_dict()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        own = dict(state_dict)
        self.before.load_state_dict(own.pop("before"))
        super().load_state_dict(own)'''
_REFUSES = """
        if metrics is None and self.tick >= self.begin:
            raise ValueError("no metric was given: call step(metric) after each epoch")"""
_WARNS = """
        elif not self.warned:
            self.warned = True
            warnings.warn("no metric was given: the plateau skips this step", stacklevel=2)"""

_WITH_MOMENTUM = '''\
class WithMomentum(LambdaLR):
    """The learning rate of LambdaLR, and beside it the momentum, or Adam's first beta."""

    def get_lr(self) -> list[Any]:
        if self.last_epoch >= {begin}:
            momentum = _momentum(self.last_epoch)
            for group in self.optimizer.param_groups:
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum
        return super().get_lr()'''

NEEDS_MOMENTUM = template("""\
if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
    raise ValueError("this schedule moves the momentum, and the optimizer has none")""")
BASE_RATES = template("""\
base_rates = [group.get("initial_lr", group["lr"]) for group in optimizer.param_groups]""")
_OTHER_BASE = """\
for i, rate in enumerate(base_rates):
    if not math.isclose(rate, {base}, rel_tol=1e-6):
        raise ValueError(f"parameter group {{i}} has lr={{rate}}: this schedule is for lr={base}")\
"""
NO_FROZEN = template(
    """\
if not all(base_rates):
    raise ValueError("an absolute level cannot apply to a parameter group at rate 0")""",
    "base_rates",
)


def other_base(base: float) -> Block:
    """The statements that reject any other base rate."""
    text = _OTHER_BASE.format(base=digits(base, whole=False))
    return template(text, "base_rates", "math")


def with_momentum(begin: int) -> Block:
    """The class for rates and for momentum that moves from tick ``begin`` on."""
    return template(_WITH_MOMENTUM.format(begin=digits(begin)), "WithMomentum", "LambdaLR", "Any")


def then_plateau(tick: Literal["step", "epoch"] | None) -> Block:
    """The class for a plateau after other phases.

    Args:
        tick: what one tick is. A step without a metric is fine for steps, an error for epochs, and
            a warning if that is unknown.
    """
    text = _THEN_PLATEAU.format(
        attribute="\n        self.warned = False" if tick is None else "",
        check=_REFUSES if tick == "epoch" else "",
        otherwise=_WARNS if tick is None else "",
    )
    warned = ["warnings"] if tick is None else []
    return template(text, "ThenPlateau", "ReduceLROnPlateau", "LRScheduler", "Any", *warned)
