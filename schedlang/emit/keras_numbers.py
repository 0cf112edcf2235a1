"""The callback in an emitted Keras file that moves the optimizer's numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from schedlang.emit.arrays import ArrayBody
from schedlang.emit.code import (
    Block,
    Code,
    call,
    digits,
    function,
    infix,
    let,
    listed,
    mapping,
    number,
    template,
    text_literal,
)
from schedlang.emit.file import File
from schedlang.emit.printing import KERAS
from schedlang.program.program import Track

NAMES = ("NUMBERS", "BASES", "NOT_ZERO", "MovingNumber", "Numbers", "build_callbacks")
"""The names that `define` and its callers add to the file."""
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

    def __ne__(self, other: object) -> bool:  # Keras tests `!= 0` while it compiles a step
        return True

    __gt__ = __ne__'''
_NUMBERS = '''\
class Numbers(keras.callbacks.Callback):
    """Moves numbers of the optimizer with its updates."""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
{accumulation}\
        moving: dict[str, MovingNumber] = {{}}
        for key, number in NUMBERS.items():
            is_beta = key == "momentum" and not hasattr(optimizer, key)
            name = "beta_1" if is_beta else key
            start = getattr(optimizer, name, None)
            if isinstance(start, MovingNumber):
                return
            if start is None or (start == 0 and key in NOT_ZERO):
                has = f"the optimizer has {{name}}={{start}}"
                raise ValueError(f"the schedule moves {{name}}: {{has}}")
            if abs(start - BASES.get(key, start)) > 1e-6 * abs(start):
                raise ValueError(f"the schedule is for {{key}}={{BASES[key]}}: it is {{start}}")
            moving[name] = MovingNumber(optimizer, start, number)
        # Past `__setattr__`, which would have them saved as variables; the config keeps the floats.
        vars(optimizer).update(moving)
        starts = {{name: number.start for name, number in moving.items()}}
        optimizer.get_config = lambda: {{**type(optimizer).get_config(optimizer), **starts}}
        self.model.make_train_function(force=True)  # an older one has the floats'''
_ACCUMULATION = """\
        if (optimizer.gradient_accumulation_steps or 1) != {0}:
            raise ValueError("the schedule is for gradient_accumulation_steps={0}: emit it anew")
"""


def define_function(
    file: File,
    text: str,
    tracks: tuple[Track, ...],
    says: Block,
    per_epoch: int | None,
    result: str = "number",
    *,
    takes_base: bool = True,
) -> None:
    """Write a number's function of the updates so far and, optionally, its base."""
    clock = "epoch" if per_epoch else "step"
    body = ArrayBody(file, KERAS, file.base).returns(tracks, clock, result)
    parameters = {"step": "Any", **({"base": "float"} if takes_base else {})}
    before = let(clock, updates(per_epoch=per_epoch))
    file.define(function(text, parameters, "Any", says, (before, *body)))


def updates(*, batches: int = 1, per_epoch: int | None = None) -> Code:
    """The ticks so far: the optimizer's steps, converted to updates or epochs."""
    count = call("ops.cast", "step", '"int32"')
    count = infix(count, "//", number(batches)) if batches > 1 else count
    return infix(count, "//", number(per_epoch)) if per_epoch else count


def define(
    file: File,
    functions: Mapping[str, str],
    bases: Mapping[str, float],
    not_zero: Collection[str],
    batches: int | None,
) -> None:
    """Write the tables of the moving numbers, and the classes that move them.

    Args:
        file: the file.
        functions: each number's function, by its Keras name.
        bases: the known bases.
        not_zero: the numbers that must not be 0.
        batches: the batches per update if a schedule sets the rate, else None.
    """
    of_number = {text_literal(key).flat: text for key, text in functions.items()}
    known = {text_literal(key).flat: number(base, whole=False) for key, base in bases.items()}
    none = listed(*map(text_literal, not_zero))
    file.define(
        let("NUMBERS: dict[str, Callable[[Any, float], Any]]", mapping(of_number)),
        let("NOT_ZERO: list[str]", none),
        let("BASES: dict[str, float]", mapping(known)),
    )
    file.define(*template(_MOVING, "MovingNumber", "keras", "Any", "Callable"))
    check = "" if batches is None else _ACCUMULATION.format(digits(batches))
    file.define(*template(_NUMBERS.format(accumulation=check), *NAMES, "keras", "Any"))
