"""The torch target: PyTorch's schedulers under `SequentialLR`, or a formula if none matches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from schedlang.counterparts import torch
from schedlang.counterparts.table import Call, not_understood
from schedlang.emit import header, scalar, torch_own
from schedlang.emit.classes import FrameworkCall, WrittenLevels, in_order, written
from schedlang.emit.code import (
    IMPORTS,
    Block,
    Code,
    call,
    digits,
    docstring,
    function,
    imported,
    infix,
    let,
    listed,
    name,
    note,
    number,
    returns,
    uses_of,
)
from schedlang.emit.file import File
from schedlang.emit.parts import phases
from schedlang.emit.simple import share_of
from schedlang.formula.expressions import BASE
from schedlang.program.program import Piece, Program, Track, pieces_of

_SCHEDULERS = "torch.optim.lr_scheduler"
_SEQUENTIAL = imported(_SCHEDULERS, "SequentialLR")
MOST_PHASES = 20
"""The most phases to write separately; a longer schedule becomes a single function."""
LONGEST_LAMBDA = 53
_SUMMARY = "The scheduler of an optimizer: call its `step()` after each step of the training."
_Built: TypeAlias = tuple[Block, Code]
"""Setup statements, and the scheduler."""


def emit(program: Program, text: str, style: str) -> File:
    """A module with ``build_scheduler(optimizer)``."""
    over_base = program if program.levels and program.base is not None else program.rebase(None)
    file = File(header.title(program), program.levels)
    writer = _Writer(over_base, WrittenLevels(program.base), file, style)
    if over_base.plateau is not None:
        result, block = writer.plateau()
    else:
        before, scheduler = writer.rates(over_base)
        result, block = "LRScheduler", (*before, returns(scheduler))
    if IMPORTS["partial"] in uses_of(block):
        block = torch_own.NO_FROZEN + block
    base = "The base rate is each parameter group's own `lr`."
    if program.base is not None:
        block = torch_own.other_base(program.base) + block
        known = digits(program.base, whole=False)
        base = f"The base rate is {known}, the `lr` of every parameter group."
    if "base_rates" in uses_of(block):
        block = torch_own.BASE_RATES + block
    if program.momentum is not None:
        block = torch_own.NEEDS_MOMENTUM + block
    says = header.explains(program, _SUMMARY, base=base)
    file.define(function(text, {"optimizer": "Optimizer"}, result, says, block))
    return file


@dataclass
class _Writer:
    """Writes the schedulers of a program.

    Attributes:
        program: the schedule, over the symbol ``base`` if possible.
        levels: writes its levels.
        file: the file being written.
        style: whether to use PyTorch's own classes.
    """

    program: Program
    levels: WrittenLevels
    file: File
    style: str

    def rates(self, program: Program) -> _Built:
        """The scheduler for the rates."""
        pieces = phases(program.tracks[0])
        found = None
        if self.style == "native" and len(program.tracks) == 1 and pieces is not None:
            found = self.one_class(pieces)
            if found is None and program.momentum is None:
                found = self.sequence(pieces)
        if found is not None:
            return found
        if program.momentum is None:
            return self.one_function(program, name("LambdaLR"))
        written = self.one_function(program, name("WithMomentum"))
        says = docstring("The momentum after `step` steps.")
        scalar.define(self.file, [program.momentum], "_momentum", says, takes_base=False)
        self.file.define(*torch_own.with_momentum(program.momentum.begins[0]))
        return written

    # ── PyTorch's own classes ──

    def one_class(self, pieces: Sequence[Piece]) -> _Built | None:
        """`CyclicLR`, or `OneCycleLR` and a hold of its end; these set the rates themselves."""
        found = self.counterpart(pieces[0])
        if found is None:
            return None
        piece, *others = pieces
        if piece.kind == "cyclic" and not others and piece.arguments["mode"] != "triangular2":
            # In mode triangular2, PyTorch computes 2.0**cycle, which overflows.
            return (note(piece.text), found.code("optimizer"))
        if piece.kind != "onecycle" or len(others) != 1 or others[0].text:
            return None
        before = (
            *note("What holds the end comes first: OneCycleLR overwrites the base rates."),
            let("end", self.phase(others[0])),
            *note(piece.text),
            let("one_cycle", found.code("optimizer")),
        )
        both, ends = listed("one_cycle", "end"), listed(number(piece.end or 0))
        return (before, call(_SEQUENTIAL, "optimizer", both, milestones=ends))

    def sequence(self, pieces: list[Piece]) -> _Built | None:
        """A scheduler for each phase; None if a single formula is just as good."""
        if len(pieces) > MOST_PHASES:
            return None
        found = [
            None
            if piece.kind in {"cyclic", "onecycle", "plateau"}  # these set the rate themselves
            or (piece.kind == "hold" and piece.end is None)
            else self.counterpart(piece)
            for piece in pieces
        ]
        if not any(found):
            return None
        last = found[-2] if len(found) > 1 and not pieces[-1].text else None
        if last and last.holds is not None and self.levels.same(last.holds, pieces[-1].curve):
            pieces = pieces[:-1]
        built = [
            own.code("optimizer") if own else self.phase(piece)
            for piece, own in zip(pieces, found, strict=False)
        ]
        if len(built) == 1:
            return (note(pieces[0].text), built[0])
        children, milestones = in_order(pieces, built)
        return ((), call(_SEQUENTIAL, "optimizer", children, milestones=milestones))

    def counterpart(self, piece: Piece) -> FrameworkCall | None:
        """PyTorch's scheduler for a phase."""
        return self.written(torch.counterpart(piece, self.levels))

    def written(self, found: Call | None) -> FrameworkCall | None:
        """A PyTorch class, with the levels of all groups."""
        return written(
            found, torch.DEFAULTS, self.levels.each_group, partial(imported, _SCHEDULERS)
        )

    # ── `LambdaLR` ──

    def phase(self, piece: Piece) -> Code:
        """A `LambdaLR` for one phase."""
        lambda_lr = name("LambdaLR")
        end = None if piece.end is None else piece.end - piece.begin
        share = self.levels.share_curve(piece.curve)
        curve = piece.curve / BASE if share is None else share
        body = scalar.body(self.file, [piece._replace(begin=0, end=end, curve=curve, text="")])
        match body[0].doc:
            case ("return ", value, "") if share is not None:
                code = Code(("lambda step: ", value), body[0].uses)
                if len(code.flat) < len("lambda step: ") + LONGEST_LAMBDA:
                    return call(lambda_lr, "optimizer", code)
        text = self.file.free(f"_{piece.kind}_share")
        says = docstring(f"The share of the base rate, `step` steps into `{piece.text}`.")
        parameters = {"step": "int", **({"lr": "float"} if share is None else {})}
        self.file.define(function(text, parameters, "float", says, body))
        return call(lambda_lr, "optimizer", _each_group(text) if share is None else text)

    def one_function(self, program: Program, scheduler: Code) -> _Built:
        """A single `LambdaLR` (or similar class) over a function of the whole schedule."""
        base = self.levels.base
        if all(map(share_of, (piece.curve for piece in pieces_of(program.tracks[0].parts)))):
            self._define(replace(program, base=1.0), "_share", "The share of the base rate")
            return ((), call(scheduler, "optimizer", "_share"))
        what = "The learning rate"
        if base:
            self._define(replace(program, base=base), "_learning_rate", what)
            rate = infix(call("_learning_rate", "step"), "/", number(base, whole=False))
            share = Code(("lambda step: ", rate.doc), rate.uses)
            base_text = digits(base, whole=False)
            above = note(f"{scheduler.flat} multiplies the base rate, which is {base_text}.")
            return (above, call(scheduler, "optimizer", share))
        self._define(program, "_learning_rate", what, takes_base=True)
        says = docstring("The share of the base rate `lr` after `step` steps.")
        share = infix(call("_learning_rate", "step", "lr"), "/", "lr")
        parameters = {"step": "int", "lr": "float"}
        self.file.define(function("_share", parameters, "float", says, (returns(share),)))
        return ((), call(scheduler, "optimizer", _each_group("_share")))

    def _define(self, program: Program, text: str, what: str, *, takes_base: bool = False) -> None:
        says = docstring(f"{what} after `step` steps.")
        scalar.define(self.file, program.tracks, text, says, takes_base=takes_base)

    # ── Plateau ──

    def plateau(self) -> tuple[str, Block]:
        """The class and the statements for a plateau and what precedes it."""
        program = self.program
        phase = program.plateau or {}
        missing = not_understood(torch.COUNTERPARTS["plateau"], phase)
        if missing:
            raise ValueError(f"ReduceLROnPlateau has no `{min(missing)}=`, which `plateau` sets")
        found = self.written(torch.reduce_on_plateau(phase, self.levels))
        if found is None:
            raise ValueError("the `min=` of this `plateau` depends on the base rate: set lr=")
        alone = phase["begin"] == 0 and program.momentum is None and program.tick != "step"
        *pieces, last = program.pieces
        if alone and self.levels.is_base(phase["entry"]):
            return "ReduceLROnPlateau", (*note(last.text), returns(found.code("optimizer")))
        first = Track((*pieces, last._replace(kind="hold", text="")))
        rates = replace(program, symbolic=(first, *program.tracks[1:]))
        before, scheduler = self.rates(rates)
        self.file.define(*torch_own.then_plateau(program.tick))
        then = call("ThenPlateau", "before", begin=number(phase["begin"]), **found.arguments)
        block = (*before, let("before", scheduler), *note(last.text), returns(then))
        return "ThenPlateau", block


def _each_group(text: str) -> Code:
    """The function bound to each parameter group's base rate."""
    bound = call("partial", text, lr="lr")
    return Code(("[", bound.doc, " for lr in base_rates]"), bound.uses | name("base_rates").uses)
