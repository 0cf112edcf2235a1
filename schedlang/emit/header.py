"""How every file begins: the line it is made from, what a step is, the base rate, the length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from schedlang.arrays.tables import refuse_epochs
from schedlang.emit import source
from schedlang.formula.expressions import Expr, hangs_on_base, symbols
from schedlang.program.program import Program

LONGEST_LINE = 600
"""Characters of a line that are repeated in a docstring."""


def opening(says: str, imports: list[str], constants: Sequence[str] = ()) -> list[str]:
    """The module's docstring, its imports and its constants.

    What it says is inside the docstring and not in a comment of the first two lines, where
    Python would look for the encoding of the file.
    """
    lines = source.docstring(says, [], source.WIDTH)
    if imports:
        lines += ["", *imports]
    if constants:
        lines += ["", *constants]
    return lines


def title(program: Program) -> str:
    """The line that a module is made from, and what was bound."""
    what = "learning-rate schedule" if _gives_rates(program) else "schedule"
    return f"The {what} `{line(program)}`{bound(program.binding)}."


def bound(binding: Mapping[str, object]) -> str:
    """What was bound, as a docstring has it."""
    given = ", ".join(f"{name}={value}" for name, value in binding.items())
    return f", with {given}" if given else ""


def line(program: Program) -> str:
    """The line as a docstring has it; of a very long one, how it begins."""
    text = source.plain(program.text)
    if len(text) <= LONGEST_LINE:
        return text
    begin = text[:LONGEST_LINE].rpartition(" -> ")[0] or text[:LONGEST_LINE]
    return f"{begin} -> ..."


def needs_base(program: Program) -> bool:
    """Whether a formula depends on a base rate that is not known."""
    return program.base is None and program.needs_base


def _gives_rates(program: Program) -> bool:
    """Whether the values are surely learning rates; not where there is no base rate."""
    return program.base is not None or program.needs_base


def over_base(curves: Iterable[Expr]) -> bool:
    """Whether one of the formulas depends on the base rate."""
    return any(hangs_on_base(name) for curve in curves for name in symbols(curve))


def explains(
    program: Program, summary: str = "", *, base: str = "", updates: bool = False
) -> list[str]:
    """A docstring: what one step is, the base rate and the length."""
    what = "learning rate" if _gives_rates(program) else "value"
    return source.docstring(
        summary or f"The {what} that the update after `step` updates uses.",
        [" ".join(facts(program, base, updates=updates))],
    )


def facts(program: Program, base: str = "", *, what: str = "", updates: bool = False) -> list[str]:
    """What one step is, the base rate and the length, a sentence each.

    With ``updates``, a step is an optimizer update, also where the schedule counts epochs.
    """
    what = what or ("rate" if _gives_rates(program) else "value")
    if updates:
        step = "One step is an optimizer update."
        if program.tick == "epoch":
            step += f" A rate holds for an epoch of {program.steps_per_epoch:,} steps."
    elif program.tick is None:
        step = "One step is an optimizer update or an epoch, whichever is counted."
    else:
        step = f"One step is {program.says_tick}."
    if not base:
        if program.base is not None:
            base = f"The base rate is {source.number(program.base)}."
        elif needs_base(program):
            base = "The base rate is the parameter `lr`."
        else:
            base = "The values are absolute, and need no base rate."
    if program.length is None:
        length = "The schedule never ends."
    else:
        ticks = "epochs" if updates and program.tick == "epoch" else "steps"
        length = f"The schedule is {program.length:,} {ticks} long, then the last {what} holds."
    return [step, base, length]


def refuse_memory(program: Program, target: str) -> None:
    """Refuse what is no function of the step alone.

    Raises:
        ValueError: for a `plateau`, and for momentum.
    """
    if program.plateau is not None:
        raise ValueError(
            f"{target} cannot have `plateau`: its rate depends on the metrics of the run, and a"
            f" {target} schedule is a function of the step; emit torch or keras instead"
        )
    if program.momentum is not None:
        raise ValueError(
            f"{target} cannot have `momentum=`: a {target} schedule gives a rate and nothing else;"
            " leave momentum= out, or emit torch or keras instead"
        )


def epoch_of(program: Program, target: str) -> int | None:
    """The updates an epoch, where the schedule counts epochs: each value is held for so many.

    Raises:
        ValueError: if it counts epochs of unknown length.
    """
    refuse_epochs(program, target)
    return program.steps_per_epoch if program.tick == "epoch" else None
