"""Docstring text (line, step, base rate, length), and checks for unsupported schedules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from schedlang.arrays.tables import refuse_epochs
from schedlang.emit.code import Block, digits, docstring, plain
from schedlang.formula.expressions import Expr, depends_on_base, symbols
from schedlang.program.program import Program

LONGEST_LINE = 600
"""The most characters of a line that a docstring repeats."""


def title(program: Program) -> str:
    """A module's title: its line and its bindings."""
    what = "learning-rate schedule" if _gives_rates(program) else "schedule"
    return f"The {what} `{line(program)}`{bound(program.binding)}."


def bound(binding: Mapping[str, object]) -> str:
    """The bindings, as docstring text."""
    given = ", ".join(f"{key}={value}" for key, value in binding.items())
    return f", with {given}" if given else ""


def line(program: Program) -> str:
    """The line as docstring text, truncated if very long."""
    text = plain(program.text)
    if len(text) <= LONGEST_LINE:
        return text
    begin = text[:LONGEST_LINE].rpartition(" -> ")[0] or text[:LONGEST_LINE]
    return f"{begin} -> ..."


def needs_base(program: Program) -> bool:
    """Whether a formula depends on an unknown base rate."""
    return program.base is None and program.needs_base


def over_base(curves: Iterable[Expr]) -> bool:
    """Whether any formula depends on the base rate."""
    return any(depends_on_base(text) for curve in curves for text in symbols(curve))


def _gives_rates(program: Program) -> bool:
    """Whether the values are certainly learning rates, because there is a base rate."""
    return program.base is not None or program.needs_base


def explains(
    program: Program, summary: str = "", *, base: str = "", updates: bool = False
) -> Block:
    """A docstring that explains the step, the base rate and the length."""
    what = "learning rate" if _gives_rates(program) else "value"
    summary = summary or f"The {what} that the update after `step` updates uses."
    return docstring(summary, [explained(program, base, updates=updates)])


def step(program: Program, *, updates: bool = False) -> str:
    """A definition of one step."""
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
    """Sentences on the step, the base rate and the length.

    Args:
        program: the schedule.
        base: a custom sentence on the base rate.
        what: the noun for a value.
        noun: the noun for the base rate.
        parameter: the parameter for an unknown base rate.
        updates: whether a step is an optimizer update even if the schedule counts epochs.
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
    """Reject what a function from step to rate cannot express.

    Raises:
        ValueError: for `plateau` and momentum.
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
    """The updates per epoch, for which each value is held; None unless ticks are epochs.

    Raises:
        ValueError: if the schedule counts epochs of unknown length.
    """
    refuse_epochs(program, target)
    return program.steps_per_epoch if program.tick == "epoch" else None
