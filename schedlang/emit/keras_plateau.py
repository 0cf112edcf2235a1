"""The callback of an emitted Keras file that sets the rate of a `plateau`."""

from __future__ import annotations

from inspect import getsource

from schedlang.emit.classes import WrittenLevels
from schedlang.emit.code import (
    Code,
    Statement,
    call,
    digits,
    let,
    number,
    statement,
    template,
    text_literal,
)
from schedlang.emit.file import File
from schedlang.emit.printing import PYTHON, Printer
from schedlang.plateau import after_metric, improvement, reduced_rate
from schedlang.program.program import Program

_METHODS = '''\
"""Sets the rate: the schedule's at first, then lower whenever the metric stops improving.

Its memory is saved with the optimizer, so that it survives `BackupAndRestore`, which must
come after it in the list of callbacks.
"""

begin = {begin}  # updates before the plateau

def __init__(self{parameter}) -> None:
    super().__init__()
    {base}self.schedule = {schedule}
    self.layer = keras.layers.Layer(name="plateau")
    self.memory = self.layer.add_weight((3,), dtype="float32", trainable=False)
    self.memory.assign([{worst}, 0, 0])  # best, bad, cooldown
    self.missing = self.received = 0

def set_model(self, model: keras.Model) -> None:
    super().set_model(model)
    if self.begin > 0 and model.steps_per_execution > 1:
        raise ValueError("the rate is set before each update: use steps_per_execution=1")
    model.optimizer.plateau = self.layer  # to be saved with it

def updates(self) -> int:
    """How many updates the optimizer has made."""
    if keras.config.backend() == "jax":  # whose variables lag behind inside `fit`
        self.model.jax_state_sync()
    optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
    return int(optimizer.iterations + 0)  # a sum, as `tf.distribute` needs it

def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
    updates = self.updates()
    if updates <= self.begin:
        self.model.optimizer.learning_rate = float(self.schedule(updates))
'''
_LOGS = "logs: dict[str, Any] | None = None"


def define(
    file: File, program: Program, schedule: str, per_epoch: int | None, *, takes_base: bool
) -> None:
    """Write a callback that sets the rate: the schedule's, and from the plateau on its own."""
    facts = program.plateau or {}
    levels = WrittenLevels(program.base, "self.lr")
    floor = levels.code(facts["min"])
    if floor is None:
        raise ValueError("the `min=` of this `plateau` depends on the base rate: set lr=")
    monitor = facts["monitor"]
    methods = _METHODS.format(
        begin=digits(facts["begin"] * (per_epoch or 1)),
        parameter=", lr: float" if takes_base else "",
        base="self.lr = lr\n    " if levels.rate(facts["min"]) is None else "",
        schedule=f"{schedule}({'lr' if takes_base else ''})",
        worst="-math.inf" if facts["mode"] == "max" else "math.inf",
    )
    is_of_validation = monitor.startswith("val_")  # an epoch without validation is no mistake
    missed = Statement("self.missing += 1")
    ended = [Statement("del self.model.optimizer.plateau")]
    if is_of_validation:
        never = _warning(f"no epoch had the metric `{monitor}`: the plateau did nothing")
        ended.append(Statement("if self.missing and not self.received:", body=(never,)))
    else:
        missed = _warning(f"no metric `{monitor}`: the plateau skips this epoch")
    improves = improvement(facts["mode"] or "min", facts["threshold_mode"], facts["threshold"])
    counted = call(
        "after_metric",
        *("metric", "best", "bad", "cooldown"),
        improves=Printer(PYTHON).code(improves),
        patience=number(facts["patience"]),
        pause=number(facts["cooldown"]),
    )
    reduced = call(
        "reduced_rate",
        call("float", Code("self.model.optimizer.learning_rate + 0")),
        factor=number(facts["factor"], whole=False),
        floor=floor,
        eps=number(facts["eps"], whole=False),
    )
    epoch_end = (
        Statement("if self.updates() <= self.begin:", body=(Statement("return"),)),
        let("metric", call(Code("(logs or {}).get"), text_literal(monitor))),
        Statement("if metric is None:", body=(missed, Statement("return"))),
        Statement("self.received += 1"),
        let("best, bad, cooldown", call("ops.convert_to_numpy", "self.memory")),
        let("*memory, reduces", counted),
        statement("", call("self.memory.assign", "memory")),
        Statement("if reduces:", body=(let("self.model.optimizer.learning_rate", reduced),)),
    )
    body = (
        *template(methods),
        Statement(f"def on_epoch_end(self, epoch: int, {_LOGS}) -> None:", body=epoch_end),
        Statement(""),
        Statement(f"def on_train_end(self, {_LOGS}) -> None:", body=tuple(ended)),
    )
    for copied in (after_metric, reduced_rate):
        file.define(*template(getsource(copied).rstrip()))
    file.define(
        Statement("", comment=program.pieces[-1].text),
        Statement("class Plateau(keras.callbacks.Callback):", body),
    )


def _warning(message: str) -> Statement:
    return statement("", call("warnings.warn", text_literal(message), stacklevel="2"))
