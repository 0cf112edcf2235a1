"""The callbacks of an emitted Keras file: plateau and momentum."""

from __future__ import annotations

from schedlang.emit import source
from schedlang.emit.levels import Levels
from schedlang.emit.scalar import functions
from schedlang.emit.spelling import Lists, Scalar
from schedlang.program import Program, Track

_LOGS = "logs: dict[str, Any] | None = None"
UPDATES = """\
def _updates(model: keras.Model) -> int:
    \"\"\"How many updates the optimizer has made.\"\"\"
    if keras.config.backend() == "jax":  # whose variables lag behind inside `fit`
        model.jax_state_sync()
    return int(model.optimizer.iterations)"""
_PLATEAU = "Sets the rate: the schedule at first, then lower whenever the metric stands still."


def plateau_callback(
    program: Program, levels: Levels, function: str, per_epoch: int | None, *, takes_base: bool
) -> list[str]:
    """A callback that sets the rate: the schedule's, and from the plateau on its own."""
    facts = program.plateau or {}
    low = levels.text(facts["min"])
    if low is None:
        raise ValueError("`plateau` with this min= hangs on the base rate: say lr=")
    low = low.replace("lr", "self.lr")
    better = {
        ("max", "rel"): "metric > self.best * (1 + {})",
        ("max", "abs"): "metric > self.best + {}",
        ("min", "rel"): "metric < self.best * (1 - {})",
        ("min", "abs"): "metric < self.best - {}",
    }[facts["mode"] or "min", facts["threshold_mode"]]
    better = better.format(source.number(facts["threshold"]))
    worst = "-math.inf" if facts["mode"] == "max" else "math.inf"
    begin = source.integer(facts["begin"])
    ended = f"updates <= {begin}"
    if per_epoch:
        ended = f"(updates - 1) // {per_epoch} < {begin}"
    head = "def __init__(self, lr: float) -> None:" if takes_base else "def __init__(self) -> None:"
    reduced = f"rate * {source.number(facts['factor'])}"
    lowered = f"max({reduced}, {low})" if low != "0.0" else reduced
    return [
        "class Plateau(keras.callbacks.Callback):",
        f'    """{_PLATEAU}"""',
        "",
        f"    {head}",
        "        super().__init__()",
        *(["        self.lr = lr"] if takes_base else []),
        f"        self.schedule = {function}({'lr' if takes_base else ''})",
        f"        self.best = {worst}",
        "        self.bad = 0",
        "        self.cooldown = 0",
        "        self.rate: float | None = None",
        "",
        f"    def on_train_batch_begin(self, batch: int, {_LOGS}) -> None:",
        "        if self.rate is None:",
        "            rate = float(self.schedule(_updates(self.model)))",
        "            self.model.optimizer.learning_rate = rate",
        "",
        "    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:",
        "        updates = _updates(self.model)",
        *([f"        if {ended}:", "            return"] if facts["begin"] else []),
        f'        metric = (logs or {{}})["{facts["monitor"]}"]',
        f"        if {better}:",
        "            self.best, self.bad = metric, 0",
        "        else:",
        "            self.bad += 1",
        "        if self.cooldown:",
        "            self.cooldown, self.bad = self.cooldown - 1, 0",
        f"        if self.bad > {facts['patience']}:",
        f"            self.cooldown, self.bad = {facts['cooldown']}, 0",
        "            rate = self.rate",
        "            if rate is None:",
        "                rate = float(self.schedule(updates))",
        f"            reduced = {lowered}",
        f"            if rate - reduced > {source.number(facts['eps'])}:",
        "                self.rate = self.model.optimizer.learning_rate = reduced",
    ]


def momentum_callback(track: Track, lists: Lists, per_epoch: int | None) -> list[list[str]]:
    """The momentum's function, and a callback that sets it."""
    scalar = Scalar(lists=lists)
    says = source.docstring("The momentum that the update after `step` updates uses.", [])
    defined = functions(scalar, [track], "_momentum", takes_base=False, docstring=says)
    step = "_updates(self.model)"
    if per_epoch:
        step += f" // {per_epoch}"
    begin = source.integer(track.begins[0])
    callback = [
        "class Momentum(keras.callbacks.Callback):",
        '    """Sets the momentum of SGD, or the first beta of Adam, before each update."""',
        "",
        "    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:",
        "        optimizer = self.model.optimizer",
        '        names = [n for n in ("momentum", "beta_1") if getattr(optimizer, n, 0)]',
        "        if not names:",
        '            raise ValueError("this schedule moves the momentum: the optimizer has none")',
        "        if not self.model.run_eagerly:  # a compiled step has the momentum as a constant",
        '            raise ValueError("momentum moves only in a model with run_eagerly=True")',
        "        self.name = names[0]",
        "",
        f"    def on_train_batch_begin(self, batch: int, {_LOGS}) -> None:",
        f"        step = {step}",
        *([f"        if step < {begin}:", "            return"] if track.begins[0] else []),
        "        setattr(self.model.optimizer, self.name, _momentum(step))",
    ]
    return [*scalar.helper_functions(), *defined, callback]
