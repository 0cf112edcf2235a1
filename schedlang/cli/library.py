"""`presets` and `recommend`: published schedules, and schedules for a task, as ready lines."""

from __future__ import annotations

import argparse

from schedlang import recommended
from schedlang.cli.output import UsageError, write_stdout
from schedlang.errors import did_you_mean, quoted
from schedlang.presets import PRESETS
from schedlang.recommended import AIMS, TASKS


def presets(options: argparse.Namespace) -> int:
    """Print the published schedules, or the line of one."""
    unknown = [name for name in options.schedules if name not in PRESETS]
    if unknown:
        raise UsageError(
            f"there is no preset {quoted(unknown[0])}: {did_you_mean(unknown[0], PRESETS)}"
        )
    for name in options.schedules:  # for use in a shell: "$(schedlang presets gpt3)"
        write_stdout(PRESETS[name].line)
    if not options.schedules:
        write_stdout(
            "\n\n".join(
                f"{name}: {found.what}\n  {found.line}\n  {found.source}\n"
                f"  compared with: {found.checked}"
                for name, found in PRESETS.items()
            )
        )
    return 0


def recommend(options: argparse.Namespace) -> int:
    """Print lines for a task or an aim, each with its reason."""
    if not options.schedules:
        listed = [*(f"  {task}" for task in TASKS), "", "or for an aim:", ""]
        write_stdout(
            "\n".join(["schedules for a task:", "", *listed, *(f"  {aim}" for aim in AIMS)])
        )
        return 0
    if len(options.schedules) > 1:
        raise UsageError(f"`recommend` takes one task, not {len(options.schedules)}")
    try:
        found = recommended.recommend(options.schedules[0], epochs=options.epochs, lr=options.lr)
    except ValueError as error:
        raise UsageError(str(error)) from None
    write_stdout("\n\n".join(f"{each.line}\n  {each.scheduler}: {each.reason}" for each in found))
    return 0
