"""The parts of an emitted torch file, and its `LambdaLR`s: a formula where no class fits."""

from __future__ import annotations

from dataclasses import dataclass, field

from schedlang.emit import source
from schedlang.emit.classes import Native
from schedlang.emit.levels import Levels
from schedlang.emit.scalar import Scalar, body, functions
from schedlang.formula.expressions import BASE, ONE, ZERO, Expr, Number, affine, substitute
from schedlang.program.program import Piece, Program, Track

LONGEST_LAMBDA = 60


@dataclass
class Module:
    """What the file needs, collected while it is written.

    Attributes:
        program: the schedule, over the symbol ``base`` where that can be.
        levels: reads its levels.
        scalar: writes its formulas.
        classes: PyTorch's schedulers that are imported.
        partials: whether ``functools.partial`` is.
        definitions: functions and classes, in order.
    """

    program: Program
    levels: Levels
    scalar: Scalar
    classes: set[str] = field(default_factory=set)
    partials: bool = False
    definitions: list[list[str]] = field(default_factory=list)

    def scheduler(self, found: Native) -> str:
        """The call that builds one of PyTorch's schedulers."""
        self.classes.add(found.name)
        arguments = [f"{name}={value}" for name, value in found.arguments.items()]
        return "\n".join(source.call(f"{found.name}(", ["optimizer", *arguments], width=80))

    def free(self, wanted: str) -> str:
        """A name for a function that no other has."""
        taken = {lines[0].split("(")[0].removeprefix("def ") for lines in self.definitions}
        names = (wanted, *(f"{wanted}_{i}" for i in range(2, len(taken) + 3)))
        return next(name for name in names if name not in taken)

    def lambda_lr(self, function: str, *, per_group: bool = False, own: str = "LambdaLR") -> str:
        """A scheduler that multiplies the base rate by a function of the step."""
        self.classes.add("LambdaLR")
        if per_group:
            self.partials = True
            function = f"[partial({function}, lr=lr) for lr in base_rates]"
        return "\n".join(source.call(f"{own}(", ["optimizer", function], width=80))


def of_phase(module: Module, piece: Piece) -> str:
    """A `LambdaLR` for one phase."""
    end = None if piece.end is None else piece.end - piece.begin
    share = module.levels.share_curve(piece.curve)
    curve = piece.curve / BASE if share is None else share
    local = piece._replace(begin=0, end=end, curve=curve, text="")
    lines = body(module.scalar, [local])
    if len(lines) == 1 and share is not None and len(lines[0]) < LONGEST_LAMBDA:
        return module.lambda_lr(f"lambda step: {lines[0].removeprefix('return ')}")
    name = module.free(f"_{piece.kind}_share")
    head = f"def {name}(step: int{', lr: float' if share is None else ''}) -> float:"
    says = source.docstring(f"The share of the base rate, `step` steps into `{piece.text}`.", [])
    module.definitions.append([head, *source.indented([*says, *lines])])
    return module.lambda_lr(name, per_group=share is None)


def of_all(module: Module, own: str = "LambdaLR") -> list[str]:
    """One `LambdaLR` over a function of the whole schedule, below what must be said of it."""
    first, *others = module.program.tracks
    base = module.levels.base
    if all(_is_share(piece.curve) for piece in first.pieces):
        _define(module, [_at(first, ONE), *others], "_share", "The share of the base rate")
        return [module.lambda_lr("_share", own=own)]
    if base:
        _define(module, [_at(first, Number(base)), *others], "_learning_rate", "The learning rate")
        known = source.number(base)
        lambda_lr = module.lambda_lr(f"lambda step: _learning_rate(step) / {known}", own=own)
        return [f"# {own} multiplies the base rate, which is {known}.", lambda_lr]
    _define(module, [first, *others], "_learning_rate", "The learning rate", takes_base=True)
    module.definitions.append(
        [
            "def _share(step: int, lr: float) -> float:",
            '    """The share of the base rate `lr` after `step` steps."""',
            "    return _learning_rate(step, lr) / lr",
        ]
    )
    return [module.lambda_lr("_share", per_group=True, own=own)]


def _define(
    module: Module, tracks: list[Track], name: str, what: str, *, takes_base: bool = False
) -> None:
    says = source.docstring(f"{what} after `step` steps.", [])
    module.definitions += functions(
        module.scalar, tracks, name, takes_base=takes_base, docstring=says
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
