"""The keras target: a Keras schedule or a small class, with callbacks where needed."""

from __future__ import annotations

from functools import partial
from zlib import crc32

from schedlang.arrays.tables import steps_per_update
from schedlang.counterparts import keras
from schedlang.emit import header, keras_numbers, keras_plateau
from schedlang.emit.arrays import ArrayBody
from schedlang.emit.classes import WrittenLevels, written
from schedlang.emit.code import (
    Block,
    Statement,
    call,
    docstring,
    function,
    imported,
    let,
    names,
    note,
    returns,
    template,
)
from schedlang.emit.file import File
from schedlang.emit.parts import phases
from schedlang.emit.printing import KERAS
from schedlang.formula.expressions import BASE
from schedlang.program.program import Piece, Program, Track

_SCHEDULES = "keras.optimizers.schedules"


def emit(program: Program, text: str, style: str, *, gradient_accumulation_steps: int = 1) -> File:
    """A module with ``build_schedule()``, and ``build_callbacks()`` if it needs callbacks.

    Keras calls an optimizer's schedule with the number of batches,
    ``gradient_accumulation_steps`` per update; the callback of a `plateau`, which sets the rate,
    calls it with the number of updates.
    """
    batches = steps_per_update(gradient_accumulation_steps)
    if program.plateau is not None:
        batches = 1
    file = File(header.title(program), program.levels)
    define_schedule(file, program, text, style, batches)
    per_epoch = header.epoch_of(program, "keras")
    takes_base = header.needs_base(program) and program.plateau is not None
    use = "Compile the model with the schedule as its learning rate."
    callbacks: list[str] = []
    if program.plateau is not None:
        use = "Compile the model with a number as its learning rate, which the callback sets."
        keras_plateau.define(file, program, text, per_epoch, takes_base=takes_base)
        callbacks.append("Plateau(lr)" if takes_base else "Plateau()")
    if program.momentum is not None:
        _define_momentum(file, program.momentum, per_epoch)
        checked = None if program.plateau is not None else batches
        not_zero = ["momentum", "beta_1"]
        keras_numbers.define(file, {"momentum": "_momentum"}, {}, not_zero, checked)
        callbacks.append("Numbers()")
    if callbacks:
        define_callbacks(file, callbacks, use, takes_base=takes_base)
    return file


def _define_momentum(file: File, track: Track, per_epoch: int | None) -> None:
    """Write the momentum function, which returns the optimizer's own until it moves."""
    begin = track.begins[0]
    before = (Piece(0, begin, BASE),) if begin else ()
    own = file.of_line(file.levels, "base")
    says = docstring("The momentum that the update after `step` updates uses.")
    tracks = (Track((*before, *track.parts)),)
    keras_numbers.define_function(own, "_momentum", tracks, says, per_epoch, "momentum")


def define_callbacks(
    file: File, callbacks: list[str], use: str, *, takes_base: bool = False
) -> None:
    """Write the function that builds the callbacks."""
    head = f"def build_callbacks({'lr: float' if takes_base else ''})"
    says = docstring("What `fit` needs besides the schedule.", [use])
    body = (*says, Statement(f"return [{', '.join(callbacks)}]"))
    uses = names("build_callbacks", "keras")
    file.define(Statement(f"{head} -> list[keras.callbacks.Callback]:", uses, body))


def define_schedule(file: File, program: Program, text: str, style: str, batches: int) -> None:
    """Write the function that builds the schedule, after its class if any."""
    per_epoch = header.epoch_of(program, "keras")
    takes_base = header.needs_base(program)
    levels = WrittenLevels(program.base)
    found = None
    if style == "native" and len(program.tracks) == 1 and per_epoch is None and batches == 1:
        pieces = phases(program.tracks[0])
        found = keras.schedule(pieces, levels) if pieces else None
    own = written(found, keras.DEFAULTS, levels.code, partial(imported, _SCHEDULES))
    if own is None:
        _define_class(file, program, per_epoch, batches, takes_base=takes_base)
        body: Block = (returns(call("LearningRate", *(["lr"] if takes_base else []))),)
    else:
        texts = [piece.text for piece in program.pieces if piece.kind != "plateau"]
        body = (*note(" -> ".join(filter(None, texts))), returns(own.code()))
    explained = header.explained(program, updates=True)
    if batches > 1:
        update = (
            f"an optimizer update of {batches} batches (`gradient_accumulation_steps={batches}`)"
        )
        explained = explained.replace("an optimizer update", update, 1)
    says = docstring("The learning rate over the steps of the optimizer.", [explained])
    parameters = {"lr": "float"} if takes_base else {}
    file.define(function(text, parameters, "LearningRateSchedule", says, body))


def _define_class(
    file: File, program: Program, per_epoch: int | None, batches: int, *, takes_base: bool
) -> None:
    """Write a schedule class, registered so that it can be saved with a model.

    Its package name is a hash of the schedule, so that several files can be loaded.
    """
    key = f"{program.text} {sorted(program.binding.items())}{f' {batches}' * (batches > 1)}"
    package = f"schedule_{crc32(key.encode()):08x}"
    clock = "epoch" if per_epoch else "step"
    rate = ArrayBody(file, KERAS, "self.lr").returns(program.tracks, clock)
    count = keras_numbers.updates(batches=batches, per_epoch=per_epoch)
    init = template("def __init__(self, lr: float) -> None:\n    self.lr = lr\n")
    config = '{"lr": self.lr}' if takes_base else "{}"
    body = (
        *docstring(f"`{header.line(program)}`"),
        Statement(""),
        *(init if takes_base else ()),
        Statement("def __call__(self, step: Any) -> Any:", body=(let(clock, count), *rate)),
        Statement(""),
        *template(f"def get_config(self) -> dict[str, Any]:\n    return {config}", "Any"),
    )
    file.define(
        *note("A saved model finds its schedule by this number, which no other schedule has."),
        *template(f'@keras.saving.register_keras_serializable(package="{package}")', "keras"),
        Statement(
            "class LearningRate(LearningRateSchedule):",
            names("LearningRate", "LearningRateSchedule"),
            body,
        ),
    )
