"""What docstrings contain: the line, what a step is, the base rate, the length; and refusals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from schedlang.arrays.tables import refuse_epochs
from schedlang.emit.code import Block, digits, docstring, plain
from schedlang.formula.expressions import Expr, depends_on_base, symbols
from schedlang.program.program import Program

LONGEST_LINE = 600
"""Characters of a line that are repeated in a docstring."""


def title(program: Program) -> str:
    """The line that a module is made from, and what was bound."""
    what = "learning-rate schedule" if _gives_rates(program) else "schedule"
    return f"The {what} `{line(program)}`{bound(program.binding)}."


def bound(binding: Mapping[str, object]) -> str:
    """What was bound, as a docstring has it."""
    given = ", ".join(f"{key}={value}" for key, value in binding.items())
    return f", with {given}" if given else ""


def line(program: Program) -> str:
    """The line as a docstring has it; of a very long one, how it begins."""
    text = plain(program.text)
    if len(text) <= LONGEST_LINE:
        return text
    begin = text[:LONGEST_LINE].rpartition(" -> ")[0] or text[:LONGEST_LINE]
    return f"{begin} -> ..."


def needs_base(program: Program) -> bool:
    """Whether a formula depends on a base rate that is not known."""
    return program.base is None and program.needs_base


def over_base(curves: Iterable[Expr]) -> bool:
    """Whether one of the formulas depends on the base rate."""
    return any(depends_on_base(text) for curve in curves for text in symbols(curve))


def _gives_rates(program: Program) -> bool:
    """Whether the values are surely learning rates; not where there is no base rate."""
    return program.base is not None or program.needs_base


def explains(
    program: Program, summary: str = "", *, base: str = "", updates: bool = False
) -> Block:
    """A docstring: what one step is, the base rate and the length."""
    what = "learning rate" if _gives_rates(program) else "value"
    summary = summary or f"The {what} that the update after `step` updates uses."
    return docstring(summary, [explained(program, base, updates=updates)])


def step(program: Program, *, updates: bool = False) -> str:
    """What one step is, in a sentence."""
    if updates and program.tick == "epoch":
        epoch = f"an epoch of {program.steps_per_epoch:,} steps"
        return f"One step is an optimizer update. A rate holds for {epoch}."
    if updates:
        return "One step is an optimizer update."
    if program.tick is None:
        return "One step is an optimizer update or an epoch, whichever is counted."
    return f"One step is {program.tick_description}."


def explained(
    program: Program,
    base: str = "",
    *,
    what: str = "",
    noun: str = "base rate",
    parameter: str = "lr",
    updates: bool = False,
) -> str:
    """What one step is, the base rate and the length, a sentence each.

    Args:
        program: the schedule.
        base: the sentence on the base rate, if it is another one.
        what: what a value is called.
        noun: what the base rate is called.
        parameter: the parameter for it, where it is not known.
        updates: whether a step is an optimizer update, also where the schedule counts epochs.
    """
    what = what or ("rate" if _gives_rates(program) else "value")
    if not base and not program.needs_base:
        base = f"The values are absolute, and need no {noun}."
    elif not base:
        known = program.base
        rate = f"the parameter `{parameter}`" if known is None else digits(known, whole=False)
        base = f"The {noun} is {rate}."
    length = "The schedule never ends."
    if program.length is not None:
        ticks = "epochs" if updates and program.tick == "epoch" else "steps"
        length = f"The schedule is {program.length:,} {ticks} long, then the last {what} holds."
    return f"{step(program, updates=updates)} {base} {length}"


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
