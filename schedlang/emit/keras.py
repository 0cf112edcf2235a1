"""The keras target: one of its own schedules, or a small class; callbacks for what needs them."""

from __future__ import annotations

from zlib import crc32

from schedlang.arrays.tables import steps_per_update
from schedlang.emit import header, source
from schedlang.emit.arrays import Arrays
from schedlang.emit.classes import keras_schedule
from schedlang.emit.code import statement
from schedlang.emit.definitions import Definitions, file_source
from schedlang.emit.keras_callbacks import momentum_callback, plateau_callback
from schedlang.emit.levels import Levels
from schedlang.emit.parts import outline
from schedlang.emit.printing import KERAS, Import
from schedlang.program.program import Piece, Program

SCHEDULE = "LearningRateSchedule"


def emit(
    program: Program, function: str, style: str, *, gradient_accumulation_steps: int = 1
) -> str:
    """A module with ``build_schedule()``, and ``build_callbacks()`` where callbacks are needed.

    Keras calls the schedule of an optimizer with the number of batches, of which
    ``gradient_accumulation_steps`` make an update; the callback of a `plateau`, which sets the
    rate, calls it with the number of updates.
    """
    batches = steps_per_update(gradient_accumulation_steps)
    if program.plateau is not None:
        batches = 1
    shared = Definitions(program.levels)
    defined, imports = schedule_of(shared, program, function, style, batches)
    per_epoch = header.epoch_of(program, "keras")
    takes_base = header.needs_base(program)
    callbacks: list[str] = []
    if program.plateau is not None:
        defined.append(
            plateau_callback(
                program, Levels(program.base), function, per_epoch, takes_base=takes_base
            )
        )
        callbacks.append("Plateau(lr)" if takes_base else "Plateau()")
    if program.momentum is not None:
        defined += momentum_callback(
            program.momentum, shared, per_epoch, None if program.plateau else batches
        )
        callbacks.append("Momentum()")
    if callbacks:
        head = "def build_callbacks() -> list[keras.callbacks.Callback]:"
        if takes_base and program.plateau is not None:
            head = "def build_callbacks(lr: float) -> list[keras.callbacks.Callback]:"
        says = source.docstring("What `fit` needs besides the schedule.", [_use(program)])
        defined.append([head, *source.indented([*says, f"return [{', '.join(callbacks)}]"])])
    return file_source(header.title(program), shared, defined, imports)


def schedule_of(
    shared: Definitions, program: Program, function: str, style: str, batches: int
) -> tuple[list[list[str]], dict[str, Import]]:
    """The function that builds the schedule, below its class; and what they may import."""
    per_epoch = header.epoch_of(program, "keras")
    levels = Levels(program.base)
    takes_base = header.needs_base(program)
    found = None
    if style == "native" and len(program.tracks) == 1 and per_epoch is None and batches == 1:
        parts = outline(program.tracks[0])
        pieces = [part for part in parts if isinstance(part, Piece)]
        found = keras_schedule(pieces, levels) if len(pieces) == len(parts) else None
    defined: list[list[str]] = []
    if found is None:
        name = "LearningRate"
        defined.append(_class(program, shared, per_epoch, batches, takes_base=takes_base))
        built = [f"return {name}({'lr' if takes_base else ''})"]
    else:
        name = found.name
        texts = [piece.text for piece in program.pieces if piece.kind != "plateau"]
        built = source.comment(" -> ".join(filter(None, texts)), source.WIDTH - 4)
        built += statement("return ", found.code(), width=source.WIDTH - 4)
    build = [
        f"def {function}({'lr: float' if takes_base else ''}) -> {SCHEDULE}:",
        *source.indented(source.docstring(_SUMMARY, [_explained(program, batches)])),
        *source.indented(built),
    ]
    names = {SCHEDULE, found.name} if found else {SCHEDULE}
    schedules = {name: Import("keras.optimizers.schedules", name) for name in names}
    return [*defined, build], {**KERAS.imports, **schedules}


_SUMMARY = "The learning rate over the steps of the optimizer."


def _explained(program: Program, batches: int) -> str:
    says = " ".join(header.facts(program, updates=True))
    if batches > 1:
        update = (
            f"an optimizer update of {batches} batches (`gradient_accumulation_steps={batches}`)"
        )
        says = says.replace("an optimizer update", update, 1)
    return says


def _use(program: Program) -> str:
    if program.plateau is None:
        return "Compile the model with the schedule as its learning rate."
    return "Compile the model with a number as its learning rate, which the callback sets."


def _class(
    program: Program, shared: Definitions, per_epoch: int | None, batches: int, *, takes_base: bool
) -> list[str]:
    """A schedule of its own, registered so that it can be saved with a model.

    Its package differs from that of every other emitted file, so that several can be loaded.
    """
    key = f"{program.text} {sorted(program.binding.items())}{f' {batches}' * (batches > 1)}"
    package = f"schedule_{crc32(key.encode()):08x}"
    clock = "epoch" if per_epoch else "step"
    count = f'{clock} = ops.cast(step, "int32")'
    count += f" // {batches}" if batches > 1 else ""
    count += f" // {source.integer(per_epoch)}" if per_epoch else ""
    arrays = Arrays(shared, KERAS, base="self.lr", width=source.WIDTH - 8)
    call = [count, *arrays.returns(program.tracks, clock)]
    lines = [
        "# A saved model finds its schedule by this number, which no other schedule has.",
        f'@keras.saving.register_keras_serializable(package="{package}")',
        f"class LearningRate({SCHEDULE}):",
        *source.indented(source.docstring(f"`{header.line(program)}`", [])),
        "",
    ]
    if takes_base:
        lines += source.indented(["def __init__(self, lr: float) -> None:", "    self.lr = lr", ""])
    lines += source.indented(["def __call__(self, step: Any) -> Any:", *source.indented(call), ""])
    config = '{"lr": self.lr}' if takes_base else "{}"
    lines += source.indented(["def get_config(self) -> dict[str, Any]:", f"    return {config}"])
    return lines
