"""The keras target of a plan: the rate as a schedule, a callback for the other numbers."""

from __future__ import annotations

from collections.abc import Sequence

from schedlang.arrays.tables import steps_per_update
from schedlang.counterparts.keras import NUMBERS
from schedlang.emit import header, source
from schedlang.emit.arrays import Arrays
from schedlang.emit.code import Code, Text, mapping, statement
from schedlang.emit.definitions import Definitions, file_source
from schedlang.emit.keras import schedule_of
from schedlang.emit.keras_callbacks import ACCUMULATION, NEVER_ZERO
from schedlang.emit.plan import Line, definitions, name, naming, numbers_of, title
from schedlang.emit.printing import KERAS, Import

_IMPORTS = {**KERAS.imports, "Callable": Import("collections.abc", "Callable")}
_NAMES = ("NUMBERS", "BASES", "NOT_ZERO", "LearningRate", "MovingNumber", "Numbers")
_BUILDS = ("build_schedule", "build_callbacks")
_MOVING = '''\
class MovingNumber(keras.Variable):
    """A number of an optimizer, which each of its updates computes anew.

    It replaces the float of Keras, which would be a constant in a compiled step.
    """

    def __init__(
        self, optimizer: keras.Optimizer, start: float, number: Callable[[Any, float], Any]
    ) -> None:
        self.optimizer = optimizer
        self.start = start
        self.number = number
        super().__init__(start, dtype="float32", trainable=False)

    @property
    def value(self) -> Any:
        return self.number(self.optimizer.iterations, self.start)
'''
_NUMBERS = '''\
class Numbers(keras.callbacks.Callback):
    """Moves numbers of the optimizer with its updates."""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)'''
_MOVE = """\
        moving: dict[str, MovingNumber] = {}
        for key, number in NUMBERS.items():
            is_beta = key == "momentum" and not hasattr(optimizer, key)
            name = "beta_1" if is_beta else key
            start = getattr(optimizer, name, None)
            if isinstance(start, MovingNumber):
                return
            if start is None or (start == 0 and key in NOT_ZERO):
                raise ValueError(f"this plan moves {name}: the optimizer has {name}={start}")"""
_KNOWN = """\
            if abs(start - BASES.get(key, start)) > 1e-6 * abs(start):
                raise ValueError(f"this plan is for {key}={BASES[key]}: it is {start}")"""
_MOVED = """\
            moving[name] = MovingNumber(optimizer, start, number)
        # Past `__setattr__`, which would have them saved as variables; the config keeps the floats.
        vars(optimizer).update(moving)
        starts = {name: number.start for name, number in moving.items()}
        optimizer.get_config = lambda: {**type(optimizer).get_config(optimizer), **starts}
        self.model.make_train_function(force=True)  # an older one has the floats"""


def emit(lines: Sequence[Line], style: str, gradient_accumulation_steps: int) -> str:
    """A module with ``build_schedule()`` for the rate, and ``build_callbacks()`` for the others."""
    numbers = numbers_of(lines)
    batches = steps_per_update(gradient_accumulation_steps)
    imports = _IMPORTS
    shared = definitions(imports, *_NAMES, *_BUILDS)
    defined: list[list[str]] = []
    moving: dict[str, str] = {}
    for line in lines:
        if line.is_value:
            defined.append(_function(shared, line, name(shared, line)))
        elif line.key == "lr":
            own = shared.of_line(line.program.levels, line.base)
            with naming(line):
                built, more = schedule_of(own, line.program, "build_schedule", style, batches)
            defined, imports = defined + built, {**imports, **more}
        elif line.key in NUMBERS:
            moving[line.key] = name(shared, line, private=True)
            defined.append(_function(shared, line, moving[line.key]))
        else:
            can = ", ".join(["lr", *NUMBERS])
            raise ValueError(f"`{line.key}` cannot be set in a compiled step of Keras; {can} can")
    if moving:
        has_rate = len(moving) < len(numbers)
        defined += _callback(numbers, moving, batches if has_rate else None)
        use = "Compile the model with the schedule as its learning rate. " if has_rate else ""
        use += "The bases are the optimizer's own numbers."
        says = source.docstring("What `fit` needs to move the optimizer's numbers.", [use])
        head = "def build_callbacks() -> list[keras.callbacks.Callback]:"
        defined.append([head, *source.indented([*says, "return [Numbers()]"])])
    return file_source(title(lines), shared, defined, imports)


def _function(shared: Definitions, line: Line, named: str) -> list[str]:
    """The function of a number, which takes its base, or that of a value."""
    per_epoch = header.epoch_of(line.program, "keras")
    clock = "epoch" if per_epoch else "step"
    count = f" // {source.integer(per_epoch)}" if per_epoch else ""
    own = shared.of_line(line.program.levels, line.base)
    with naming(line):
        lines = Arrays(own, KERAS, own.base).returns(line.program.tracks, clock, "number")
    base, says = ", base: float", source.docstring(line.summary(), [])
    if line.is_value:
        base, says = "", line.explained(updates=True)
    return [
        f"def {named}(step: Any{base}) -> Any:",
        *source.indented(says),
        f'    {clock} = ops.cast(step, "int32"){count}',
        *source.indented(lines),
    ]


def _callback(
    numbers: Sequence[Line], moving: dict[str, str], batches: int | None
) -> list[list[str]]:
    """The numbers that move, what an optimizer has in their place, and the callback.

    Where a schedule gives the rate, the optimizer must need as many ``batches`` for an update as
    that schedule was made for.
    """
    bases: dict[str, Code] = {}
    not_zero = []
    for line in numbers:
        key, program = NUMBERS.get(line.key), line.program
        if key is not None:
            if program.base is not None and program.needs_base:
                bases[f'"{key}"'] = Text(source.number(program.base))
            if not line.takes_zero or line.key in {"momentum", "beta1"}:
                not_zero.append(f'"{key}"')
    functions: dict[str, Code] = {f'"{NUMBERS[key]}"': Text(moving[key]) for key in moving}
    table = statement("NUMBERS: dict[str, Callable[[Any, float], Any]] = ", mapping(functions))
    table.append(f"NOT_ZERO: set[str] = {{{', '.join(not_zero)}}}" if not_zero else "")
    if bases:
        table += statement("BASES: dict[str, float] = ", mapping(bases))
    move = _MOVE if not_zero else _MOVE.replace(" or (start == 0 and key in NOT_ZERO)", "")
    callback = [
        _NUMBERS,
        *([ACCUMULATION.format(batches)] if batches else []),
        move,
        *([_KNOWN] if bases else []),
        _MOVED,
    ]
    return [
        [line for line in table if line],
        [*_MOVING.split("\n"), *NEVER_ZERO.split("\n")],
        "\n".join(callback).split("\n"),
    ]
