"""The callbacks of an emitted Keras file: plateau and momentum."""

from __future__ import annotations

from schedlang.emit import source
from schedlang.emit.arrays import Arrays
from schedlang.emit.code import call, statement
from schedlang.emit.definitions import Definitions
from schedlang.emit.levels import Levels
from schedlang.emit.printing import KERAS, PYTHON, Printer
from schedlang.plateau import improvement
from schedlang.program.program import Program, Track

_LOGS = "logs: dict[str, Any] | None = None"
_PLATEAU = '''\
class Plateau(keras.callbacks.Callback):
    """Sets the rate: the schedule's at first, then lower whenever the metric stops improving.

    Its memory is saved with the optimizer, so that it survives `BackupAndRestore`, which must
    come after it in the list of callbacks.
    """
'''
_UPDATES = '''\
    def updates(self) -> int:
        """How many updates the optimizer has made."""
        if keras.config.backend() == "jax":  # whose variables lag behind inside `fit`
            self.model.jax_state_sync()
        return int(self.model.optimizer.iterations + 0)  # a sum, as `tf.distribute` needs it
'''
_ONE_AT_A_TIME = """\
        if model.steps_per_execution > 1:
            raise ValueError("the rate is set before each update: use steps_per_execution=1")"""
_MOVING = '''\
class MovingMomentum(keras.Variable):
    """The momentum of an optimizer, which each of its updates computes anew.

    It replaces the float of Keras, which would be a constant in a compiled step.
    """

    def __init__(self, optimizer: keras.Optimizer, start: float) -> None:
        self.optimizer = optimizer'''
NEVER_ZERO = """\
    def __ne__(self, other: object) -> bool:  # Keras tests `!= 0` while it compiles a step
        return True

    __gt__ = __ne__"""
_MOMENTUM = '''\
class Momentum(keras.callbacks.Callback):
    """Moves the momentum of SGD, or the first beta of Adam, with the optimizer's updates."""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        name = "beta_1" if hasattr(optimizer, "beta_1") else "momentum"
        start = getattr(optimizer, name, 0.0)
        if isinstance(start, MovingMomentum):
            return
        if not start:
            raise ValueError("this schedule moves the momentum: the optimizer has none")'''
ACCUMULATION = """\
        if (optimizer.gradient_accumulation_steps or 1) != {0}:
            raise ValueError("the schedule is for gradient_accumulation_steps={0}: emit it anew")"""
_REPLACED = """\
        # Past `__setattr__`, which would have it saved as a variable; the config keeps the float.
        vars(optimizer)[name] = MovingMomentum(optimizer, start)
        optimizer.get_config = lambda: {**type(optimizer).get_config(optimizer), name: start}
        self.model.make_train_function(force=True)  # an older one has the float"""


def plateau_callback(
    program: Program, levels: Levels, function: str, per_epoch: int | None, *, takes_base: bool
) -> list[str]:
    """A callback that sets the rate: the schedule's, and from the plateau on its own."""
    facts = program.plateau or {}
    low = levels.text(facts["min"])
    if low is None:
        raise ValueError("the `min=` of this `plateau` depends on the base rate: set lr=")
    low = low.replace("lr", "self.lr")
    mode = facts["mode"] or "min"
    better = Printer(PYTHON).code(improvement(mode, facts["threshold_mode"], facts["threshold"]))
    begin = facts["begin"] * (per_epoch or 1)
    cools = facts["cooldown"] > 0
    size, names = (3, "best, bad, cooldown") if cools else (2, "best, bad")
    worst = "-math.inf" if mode == "max" else "math.inf"
    reduced = f"rate * {source.number(facts['factor'])}"
    monitor = facts["monitor"]
    counters, counted, missed, ended = [], [], [], []
    if monitor.startswith("val_"):  # an epoch without validation is no mistake
        counters = ["        self.missing = self.received = 0"]
        missed = ["            self.missing += 1"]
        counted = ["        self.received += 1"]
        never = f'"no epoch had the metric `{monitor}`: the plateau did nothing"'
        ended = ["        if self.missing and not self.received:"]
        ended += _warning(never)
    else:
        missing = f'"no metric `{monitor}`: the plateau skips this epoch"'
        missed = _warning(missing)
    sets = "self.model.optimizer.learning_rate = float(self.schedule("
    constant, refuses, skips = [], [], []
    at_first = [
        f"    def on_train_begin(self, {_LOGS}) -> None:",
        "        if int(self.model.optimizer.iterations + 0) == 0:  # a sum, for `tf.distribute`",
        f"            {sets}0))",
    ]
    if begin:
        constant = [f"    begin = {source.integer(begin)}  # updates before the plateau", ""]
        refuses = _ONE_AT_A_TIME.split("\n")
        skips = ["        if self.updates() <= self.begin:", "            return"]
        at_first = [
            *_UPDATES.split("\n"),
            f"    def on_train_batch_begin(self, batch: int, {_LOGS}) -> None:",
            "        updates = self.updates()",
            "        if updates <= self.begin:",
            f"            {sets}updates))",
        ]
    return [
        *source.comment(program.pieces[-1].text),
        *_PLATEAU.split("\n"),
        *constant,
        f"    def __init__(self{', lr: float' if takes_base else ''}) -> None:",
        "        super().__init__()",
        *(["        self.lr = lr"] if "self.lr" in low else []),
        f"        self.schedule = {function}({'lr' if takes_base else ''})",
        '        self.layer = keras.layers.Layer(name="plateau")',
        f'        self.memory = self.layer.add_weight(({size},), dtype="float32", trainable=False)',
        f"        self.memory.assign([{worst}, 0{', 0' if cools else ''}])  # {names}",
        *counters,
        "",
        "    def set_model(self, model: keras.Model) -> None:",
        "        super().set_model(model)",
        *refuses,
        "        model.optimizer.plateau = self.layer  # to be saved with it",
        "",
        f"    def on_train_end(self, {_LOGS}) -> None:",
        "        del self.model.optimizer.plateau",
        *ended,
        "",
        *at_first,
        "",
        f"    def on_epoch_end(self, epoch: int, {_LOGS}) -> None:",
        *skips,
        *_indented(2, statement("metric = ", call("(logs or {}).get", f'"{monitor}"'), width=92)),
        "        if metric is None:",
        *missed,
        "            return",
        *counted,
        f"        {names} = ops.convert_to_numpy(self.memory)",
        *_indented(2, statement("if ", better, ":")),
        "            best, bad = metric, 0",
        "        else:",
        "            bad += 1",
        *(["        if cooldown:", "            cooldown, bad = cooldown - 1, 0"] if cools else []),
        f"        if bad > {facts['patience']}:",
        f"            cooldown, bad = {facts['cooldown']}, 0" if cools else "            bad = 0",
        "            rate = float(self.model.optimizer.learning_rate + 0)",
        f"            reduced = {reduced if low == '0.0' else f'max({reduced}, {low})'}",
        f"            if rate - reduced > {source.number(facts['eps'])}:",
        "                self.model.optimizer.learning_rate = reduced",
        f"        self.memory.assign([{names}])",
    ]


def momentum_callback(
    track: Track, shared: Definitions, per_epoch: int | None, batches: int | None
) -> list[list[str]]:
    """The momentum's function, what an optimizer has in its place, and the callback.

    Where a schedule gives the rate, the optimizer must need as many ``batches`` for an update as
    that schedule was made for.
    """
    clock = "epoch" if per_epoch else "step"
    count = f" // {source.integer(per_epoch)}" if per_epoch else ""
    lines = Arrays(shared, KERAS).returns([track], clock, "momentum")
    function = [
        "def _momentum(step: Any) -> Any:",
        '    """The momentum that the update after `step` updates uses."""',
        f'    {clock} = ops.cast(step, "int32"){count}',
        *source.indented(lines),
    ]
    begin = source.integer(track.begins[0] * (per_epoch or 1))
    later = track.begins[0] > 0
    value = ["return _momentum(self.optimizer.iterations)"]
    if later:
        value = [
            "step = self.optimizer.iterations",
            f"return ops.where(step < {begin}, self.start, _momentum(step))",
        ]
    moving = [
        *_MOVING.split("\n"),
        *(["        self.start = start"] if later else []),
        "        super().__init__(start, trainable=False)",
        "",
        "    @property",
        "    def value(self) -> Any:",
        *(f"        {line}" for line in value),
        "",
        *NEVER_ZERO.split("\n"),
    ]
    callback = [_MOMENTUM, *([ACCUMULATION.format(batches)] if batches else []), _REPLACED]
    return [function, moving, "\n".join(callback).split("\n")]


def _warning(message: str) -> list[str]:
    code = call("warnings.warn", message, stacklevel="2")
    return _indented(3, statement("", code, width=source.WIDTH - 12))


def _indented(levels: int, lines: list[str]) -> list[str]:
    return _indented(levels - 1, source.indented(lines)) if levels else lines
