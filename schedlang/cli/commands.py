"""The commands about one schedule: `show`, `plot`, `emit`."""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path

from schedlang.cli.output import UsageError, console, has_box_characters, write_stdout
from schedlang.cli.shared import (
    bound,
    bound_plan,
    given_input,
    reported,
    settings,
    settings_of_plan,
)
from schedlang.errors import quoted


def show(options: argparse.Namespace) -> int:
    """Print the phases as a table; for a plan, one table per line."""
    found = given_input(options)
    from schedlang.cli import table

    boxes = sys.stdout is None or has_box_characters(sys.stdout)
    if found.is_plan:
        plan, programs = bound_plan(found, settings(options))
        values, parts = (
            table.plan_as_json(plan, programs),
            table.describe_plan(programs, boxes=boxes),
        )
    else:
        program = bound(found, options)
        values, parts = table.as_json(program), table.describe(program, boxes=boxes)
    if options.json:
        write_stdout(json.dumps({"input": found.argument, "key": found.key, **values}, indent=2))
        return 0
    # A pipe has no width, and a table that is cut off could not be searched.
    terminal = sys.stdout is not None and sys.stdout.isatty()
    width = None if terminal else 100_000
    printed = io.StringIO()
    printer = console(file=printed, force_terminal=terminal, width=width)
    for part in parts:
        printer.print(part, markup=False)
    write_stdout("\n".join(line.rstrip() for line in printed.getvalue().splitlines()))
    return 0


def plot(options: argparse.Namespace) -> int:
    """Draw the curve; for a plan, a panel per hyperparameter and value."""
    from schedlang import plot as pictures

    found = given_input(options)
    drawn = ""
    try:
        if found.is_plan:
            from schedlang.plan.binding import panels_of

            panels = panels_of(bound_plan(found, settings(options))[1])
            if options.output is None:
                drawn = pictures.panels_in_terminal(panels, options.ticks)
            else:
                pictures.save_panels(panels, Path(options.output), options.ticks)
        elif options.output is None:
            drawn = pictures.in_terminal(bound(found, options), options.ticks)
        else:
            pictures.save(bound(found, options), Path(options.output), options.ticks)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in ("matplotlib", "plotext"):
            raise
        raise UsageError(f"a picture needs {library}: pip install 'schedlang[plot]'") from None
    except OSError as error:  # no such folder
        raise UsageError(f"cannot write {options.output}: {error.strerror}") from None
    except ValueError as error:  # no such format
        raise UsageError(f"cannot write {options.output}: {error}") from None
    if drawn:
        write_stdout(drawn)
    return 0


def emit(options: argparse.Namespace) -> int:
    """Print source code."""
    name = options.function
    if name is not None and not name.isidentifier():
        raise UsageError(f"--function: {quoted(name)} is not a name of Python")
    found = given_input(options)
    steps = options.gradient_accumulation_steps
    choice = {"style": options.style, "gradient_accumulation_steps": steps}
    if found.is_plan and name is not None:
        raise UsageError("--function is for a line, but this is a plan")
    with reported(found):
        if found.is_plan:
            plan = found.plan()
            source = plan.emit(
                options.target, **choice, **settings_of_plan(plan, settings(options))
            )
        else:
            source = found.schedule().emit(
                options.target, function=name, **choice, **settings(options)
            )
    write_stdout(source.removesuffix("\n"))
    return 0
