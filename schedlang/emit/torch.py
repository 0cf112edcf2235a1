"""The torch target: PyTorch's schedulers under `SequentialLR`, and a formula where none fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from schedlang.counterparts.table import not_understood
from schedlang.counterparts.torch import COUNTERPARTS
from schedlang.emit import header, scalar, source
from schedlang.emit.classes import FrameworkCall, reduce_on_plateau, torch_child, torch_class
from schedlang.emit.code import Code, Text, call, commented, listed, statement
from schedlang.emit.definitions import Definitions, file_source
from schedlang.emit.levels import Levels
from schedlang.emit.parts import outline
from schedlang.emit.printing import Import, number
from schedlang.emit.torch_formulas import Built, TorchFile, of_all, of_phase
from schedlang.emit.torch_own import NEEDS_MOMENTUM, WITH_MOMENTUM, then_plateau
from schedlang.formula.evaluate import value
from schedlang.formula.expressions import BASE, ONE, Number, substitute
from schedlang.formula.notation import tidy
from schedlang.program.program import Part, Piece, Program, Track

WIDTH = source.WIDTH - len(source.INDENT)
MOST_PHASES = 20
"""Phases that are written one by one; a longer schedule is one function."""

BASE_RATES = (
    'base_rates = [group.get("initial_lr", group["lr"]) for group in optimizer.param_groups]'
)
OTHER_BASE = """\
for i, rate in enumerate(base_rates):
    if not math.isclose(rate, {base}, rel_tol=1e-6):
        raise ValueError(f"parameter group {{i}} has lr={{rate}}: this schedule is for lr={base}")\
"""
NO_FROZEN = [
    "if not all(base_rates):",
    '    raise ValueError("an absolute level cannot apply to a parameter group at rate 0")',
]
_IMPORTS = {
    **scalar.IMPORTS,
    "Any": Import("typing", "Any"),
    "Optimizer": Import("torch.optim", "Optimizer"),
    "partial": Import("functools", "partial"),
    "warnings": Import("warnings"),
}
_SCHEDULERS = "torch.optim.lr_scheduler"
_BASES = {"LRScheduler", "ReduceLROnPlateau", "SequentialLR", "ChainedScheduler"}
CHAINABLE = {"LinearLR", "ExponentialLR", "StepLR", "MultiStepLR"}
"""The classes that only multiply the rate of the step before, so that `ChainedScheduler` works."""


def emit(program: Program, function: str, style: str) -> str:
    """A module with ``build_scheduler(optimizer)``."""
    over_base = program if program.levels and program.base is not None else program.rebase(None)
    file = TorchFile(over_base, Levels(program.base), Definitions(program.levels))
    if file.program.plateau is not None:
        returns, statements = _plateau(file, style)
    else:
        returns, statements = "LRScheduler", _result(_rates(file, style))
    if file.partials:
        statements = [*NO_FROZEN, *statements]
    if program.base is not None:
        base = source.number(program.base)
        statements = [*OTHER_BASE.format(base=base).split("\n"), *statements]
    if any("base_rates" in line for line in statements):
        statements = [BASE_RATES, *statements]
    if file.program.momentum is not None:
        statements = [*NEEDS_MOMENTUM.split("\n"), *statements]
    if program.base is None:
        base = "The base rate is each parameter group's own `lr`."
    else:
        known = source.number(program.base)
        base = f"The base rate is {known}, the `lr` of every parameter group."
    build = [
        f"def {function}(optimizer: Optimizer) -> {returns}:",
        *source.indented(header.explains(program, _SUMMARY, base=base)),
        *source.indented(statements),
    ]
    schedulers = {name: Import(_SCHEDULERS, name) for name in file.classes | _BASES}
    imports = {**_IMPORTS, **schedulers}
    return file_source(header.title(program), file.shared, [build], imports)


_SUMMARY = "The scheduler of an optimizer: call its `step()` after each step of the training."


def _result(built: Built, before: str = "return ") -> list[str]:
    """The statements, and one of the scheduler that they build."""
    statements, scheduler = built
    return [*statements, *statement(before, scheduler, width=WIDTH)]


def _rates(file: TorchFile, style: str) -> Built:
    """The scheduler of the rates, below the statements that it needs."""
    program = file.program
    built: Built | None = None
    if style == "native":
        parts = outline(program.tracks[0])
        if len(program.tracks) > 1:
            built = _chained(file) if program.momentum is None else None
        else:
            built = _one_scheduler(file, parts)
            if built is None and program.momentum is None:
                built = _sequence(file, parts)
    if built is not None:
        return built
    if program.momentum is None:
        return of_all(file)
    return _with_momentum(file, program.momentum)


# ── PyTorch's own classes ──


def _one_scheduler(file: TorchFile, parts: Sequence[Part]) -> Built | None:
    """`CyclicLR`, or `OneCycleLR` and what holds its end: they set the rates by themselves."""
    match parts:
        case (Piece(kind="cyclic", end=None) as piece,):
            found = torch_class(piece, file.levels)
            # PyTorch's own computes 2.0**cycle, which overflows.
            if found is None or piece.facts["mode"] == "triangular2":
                return None
            return source.comment(piece.text, WIDTH), file.scheduler(found)
        case (Piece(kind="onecycle") as piece, Piece(end=None, text="") as end):
            found = torch_class(piece, file.levels)
            if found is None:
                return None
            end_lines = statement("end = ", of_phase(file, end), width=WIDTH)
            once = statement("one_cycle = ", file.scheduler(found), width=WIDTH)
            statements = [
                "# What holds the end comes first: OneCycleLR overwrites the base rates.",
                *end_lines,
                *source.comment(piece.text, WIDTH),
                *once,
            ]
            both = call(
                "SequentialLR",
                "optimizer",
                listed("one_cycle", "end"),
                milestones=listed(number(piece.end or 0)),
            )
            return statements, both
    return None


def _sequence(file: TorchFile, parts: Sequence[Part]) -> Built | None:
    """A scheduler for each phase; None where that is no better than one formula."""
    pieces = [part for part in parts if isinstance(part, Piece)]
    if len(pieces) < len(parts) or len(pieces) > MOST_PHASES:
        return None
    found = [torch_child(piece, file.levels) for piece in pieces]
    if not any(found):
        return None
    last = pieces[-1]
    if len(pieces) > 1 and not last.text and _holds(file, found[-2], last):
        pieces = pieces[:-1]
    built = [
        file.scheduler(own) if own else of_phase(file, piece)
        for piece, own in zip(pieces, found, strict=False)
    ]
    texts = [piece.text or "the end holds" for piece in pieces]
    if len(built) == 1:
        return source.comment(texts[0], WIDTH), built[0]
    children = [
        commented(source.comment(text, WIDTH - 8), child)
        for text, child in zip(texts, built, strict=True)
    ]
    milestones = listed(*(number(piece.end or 0) for piece in pieces[:-1]))
    return [], call("SequentialLR", "optimizer", listed(*children), milestones=milestones)


def _holds(file: TorchFile, own: FrameworkCall | None, end: Piece) -> bool:
    """Whether a scheduler holds the end level by itself."""
    return own is not None and own.holds is not None and file.levels.same(own.holds, end.curve)


def _chained(file: TorchFile) -> Built | None:
    """`ChainedScheduler`, if each factor is one class that multiplies the rate step by step."""
    children: list[Code] = []
    for i, track in enumerate(file.program.tracks):
        piece, *rest = outline(track)
        if not isinstance(piece, Piece):
            return None
        own = torch_child(piece, Levels(1.0))
        if own is None or own.name not in CHAINABLE:
            return None
        first = own.arguments.get("start_factor", Text("1.0"))
        entry = substitute(piece.curve, {BASE.name: ONE, "t": Number(0.0)})
        if i == 0 and number(tidy(value(entry, {})), whole=False) != first:
            return None
        ends = [part for part in rest if isinstance(part, Piece)]
        if len(ends) != len(rest) or len(ends) > 1 or not all(_goes_on(own, e) for e in ends):
            return None
        comment = source.comment(piece.text, WIDTH - 8)
        children.append(commented(comment, file.scheduler(own)))
    return [], call("ChainedScheduler", listed(*children))


def _goes_on(own: FrameworkCall, end: Piece) -> bool:
    share = Levels(1.0).share(substitute(end.curve, {BASE.name: ONE}))
    held = None if own.holds is None else Levels(1.0).share(own.holds)
    return held is not None and share == held and end.end is None


# ── Momentum and plateau ──


def _with_momentum(file: TorchFile, momentum: Track) -> Built:
    """A `LambdaLR` of ours that moves the momentum too."""
    built = of_all(file, own="WithMomentum")
    begin = momentum.begins[0]
    says = source.docstring("The momentum after `step` steps.", [])
    file.shared.defined += scalar.functions(
        file.shared, [momentum], "_momentum", takes_base=False, docstring=says
    )
    text = WITH_MOMENTUM.replace("MOMENTUM_BEGIN", source.integer(begin))
    file.shared.defined.append(text.split("\n"))
    return built


def _plateau(file: TorchFile, style: str) -> tuple[str, list[str]]:
    """`ReduceLROnPlateau`, after what comes before it."""
    program = file.program
    facts = program.plateau or {}
    missing = not_understood(COUNTERPARTS["plateau"], facts)
    if missing:
        raise ValueError(f"ReduceLROnPlateau has no `{min(missing)}=`, which `plateau` sets")
    found = reduce_on_plateau(facts, file.levels)
    if found is None:
        raise ValueError("the `min=` of this `plateau` depends on the base rate: set lr=")
    entry = facts["entry"]
    alone = facts["begin"] == 0 and program.momentum is None and program.tick != "step"
    if alone and file.levels.is_base(entry):
        comment = source.comment(program.pieces[0].text, WIDTH)
        return "ReduceLROnPlateau", _result((comment, file.scheduler(found)))
    *pieces, last = program.pieces
    first_track = Track((*pieces, last._replace(kind="hold", text="")))
    file.program = replace(program, symbolic=(first_track, *program.tracks[1:]))
    before = _result(_rates(file, style), "before = ")
    file.shared.defined.append(then_plateau(program.tick).split("\n"))
    file.classes.add("ReduceLROnPlateau")
    begin = number(facts["begin"])
    then = call("ThenPlateau", "before", begin=begin, **found.arguments)
    comment = source.comment(program.pieces[-1].text, WIDTH)
    return "ThenPlateau", [*before, *_result((comment, then))]
