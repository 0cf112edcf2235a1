"""The parts of an emitted torch file, and its `LambdaLR`s: a formula where no class fits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from schedlang.emit import source
from schedlang.emit.classes import FrameworkCall
from schedlang.emit.code import Code, call
from schedlang.emit.definitions import Definitions
from schedlang.emit.levels import Levels
from schedlang.emit.scalar import body, functions
from schedlang.formula.expressions import BASE, ONE, ZERO, Expr, Number, affine, substitute
from schedlang.program.program import Piece, Program, Track

LONGEST_LAMBDA = 60

Built: TypeAlias = tuple[list[str], Code]
"""Statements, and the scheduler that is built below them."""


@dataclass
class TorchFile:
    """What the file needs, collected while it is written.

    Attributes:
        program: the schedule, over the symbol ``base`` where that can be.
        levels: reads its levels.
        shared: what its functions have in common.
        classes: PyTorch's schedulers that are imported.
        partials: whether ``functools.partial`` is.
    """

    program: Program
    levels: Levels
    shared: Definitions
    classes: set[str] = field(default_factory=set)
    partials: bool = False

    def scheduler(self, found: FrameworkCall) -> Code:
        """The call that builds one of PyTorch's schedulers."""
        self.classes.add(found.name)
        return found.code("optimizer")

    def lambda_lr(self, function: str, *, per_group: bool = False, own: str = "LambdaLR") -> Code:
        """A scheduler that multiplies the base rate by a function of the step."""
        self.classes.add("LambdaLR")
        if per_group:
            self.partials = True
            function = f"[partial({function}, lr=lr) for lr in base_rates]"
        return call(own, "optimizer", function)


def of_phase(file: TorchFile, piece: Piece) -> Code:
    """A `LambdaLR` for one phase."""
    end = None if piece.end is None else piece.end - piece.begin
    share = file.levels.share_curve(piece.curve)
    curve = piece.curve / BASE if share is None else share
    local = piece._replace(begin=0, end=end, curve=curve, text="")
    lines = body(file.shared, [local])
    if len(lines) == 1 and share is not None and len(lines[0]) < LONGEST_LAMBDA:
        return file.lambda_lr(f"lambda step: {lines[0].removeprefix('return ')}")
    name = file.shared.free(f"_{piece.kind}_share")
    head = f"def {name}(step: int{', lr: float' if share is None else ''}) -> float:"
    says = source.docstring(f"The share of the base rate, `step` steps into `{piece.text}`.", [])
    file.shared.defined.append([head, *source.indented([*says, *lines])])
    return file.lambda_lr(name, per_group=share is None)


def of_all(file: TorchFile, own: str = "LambdaLR") -> Built:
    """One `LambdaLR` over a function of the whole schedule."""
    first, *others = file.program.tracks
    base = file.levels.base
    if all(_is_share(piece.curve) for piece in first.pieces):
        _define(file, [_at(first, ONE), *others], "_share", "The share of the base rate")
        return [], file.lambda_lr("_share", own=own)
    if base:
        _define(file, [_at(first, Number(base)), *others], "_learning_rate", "The learning rate")
        known = source.number(base)
        lambda_lr = file.lambda_lr(f"lambda step: _learning_rate(step) / {known}", own=own)
        return [f"# {own} multiplies the base rate, which is {known}."], lambda_lr
    _define(file, [first, *others], "_learning_rate", "The learning rate", takes_base=True)
    file.shared.defined.append(
        [
            "def _share(step: int, lr: float) -> float:",
            '    """The share of the base rate `lr` after `step` steps."""',
            "    return _learning_rate(step, lr) / lr",
        ]
    )
    return [], file.lambda_lr("_share", per_group=True, own=own)


def _define(
    file: TorchFile, tracks: list[Track], name: str, what: str, *, takes_base: bool = False
) -> None:
    says = source.docstring(f"{what} after `step` steps.", [])
    file.shared.defined += functions(
        file.shared, tracks, name, takes_base=takes_base, docstring=says
    )


def _is_share(curve: Expr) -> bool:
    parts = affine(curve)
    return parts is not None and parts[1] == ZERO


def _at(track: Track, base: Expr) -> Track:
    """The track for a base that is known."""
    names = {BASE.name: base}

    def known(piece: Piece) -> Piece:
        facts = {
            name: substitute(fact, names) if isinstance(fact, Expr) else fact
            for name, fact in piece.facts.items()
        }
        return piece._replace(curve=substitute(piece.curve, names), facts=facts)

    return track.changed(known)
