"""The callback in an emitted Keras file that sets the rate of a `plateau`."""

from __future__ import annotations

from dataclasses import replace
from inspect import getsource

from schedlang.emit.classes import WrittenLevels
from schedlang.emit.code import Statement, digits, template, text_literal
from schedlang.emit.file import File
from schedlang.emit.printing import PYTHON, Printer
from schedlang.plateau import after_metric, improvement, reduced_rate
from schedlang.program.program import Program

_PLATEAU = '''\
class Plateau(keras.callbacks.Callback):
    """Sets the rate: the schedule's at first, then lower whenever the metric stops improving.

    Its memory is saved with the optimizer, so that it survives `BackupAndRestore`, which must
    come after it in the list of callbacks.
    """

    begin = {begin}  # updates before the plateau
    monitor = {monitor}

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

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.updates() <= self.begin:
            return
        metric = (logs or {{}}).get(self.monitor)
        if metric is None:
            {missed}
            return
        self.received += 1
        best, bad, cooldown = ops.convert_to_numpy(self.memory)
        *memory, reduces = after_metric(
            metric,
            best,
            bad,
            cooldown,
            improves={improves},
            patience={patience},
            pause={pause},
        )
        self.memory.assign(memory)
        if reduces:
            rate = float(self.model.optimizer.learning_rate + 0)
            rate = reduced_rate(rate, factor={factor}, floor={floor}, eps={eps})
            self.model.optimizer.learning_rate = rate

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        del self.model.optimizer.plateau{never}'''
_MISSED = 'warnings.warn(f"no metric `{self.monitor}`: the plateau skips this epoch", stacklevel=2)'
_NEVER = """
        if self.missing and not self.received:
            message = f"no epoch had the metric `{self.monitor}`: the plateau did nothing"
            warnings.warn(message, stacklevel=2)"""

_USES = (
    *("Plateau", "Any", "keras", "math", "ops", "warnings"),
    *("after_metric", "reduced_rate"),
)


def define(
    file: File, program: Program, schedule: str, per_epoch: int | None, *, takes_base: bool
) -> None:
    """Write a callback that follows the schedule, then reduces the rate on the plateau."""
    phase = program.plateau or {}
    levels = WrittenLevels(program.base, "self.lr")
    floor = levels.code(phase["min"])
    if floor is None:
        raise ValueError("the `min=` of this `plateau` depends on the base rate: set lr=")
    better = improvement(phase["mode"], phase["threshold_mode"], phase["threshold"])
    improves = Printer(PYTHON).code(better)
    is_of_validation = phase["monitor"].startswith("val_")  # may be missing from an epoch
    text = _PLATEAU.format(
        begin=digits(phase["begin"] * (per_epoch or 1)),
        monitor=text_literal(phase["monitor"]).flat,
        parameter=", lr: float" if takes_base else "",
        base="self.lr = lr\n        " if levels.rate(phase["min"]) is None else "",
        schedule=f"{schedule}({'lr' if takes_base else ''})",
        worst="-math.inf" if phase["mode"] == "max" else "math.inf",
        missed="self.missing += 1" if is_of_validation else _MISSED,
        never=_NEVER if is_of_validation else "",
        improves=improves.flat,
        patience=digits(phase["patience"]),
        pause=digits(phase["cooldown"]),
        factor=digits(phase["factor"], whole=False),
        floor=floor.flat,
        eps=digits(phase["eps"], whole=False),
    )
    for copied in (after_metric, reduced_rate):
        file.define(*template(getsource(copied).rstrip(), copied.__name__))
    head, *others = template(text, *_USES)
    head = replace(head, uses=head.uses | floor.uses | improves.uses)
    file.define(Statement("", comment=program.pieces[-1].text), head, *others)
