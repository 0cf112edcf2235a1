"""The command line: check, show, plot, emit, fmt, space.

What a command needs is imported when it runs, so that ``--version`` and ``--help`` are quick.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from schedlang.cli import options
from schedlang.cli.output import InvalidSchedule, UsageError, write_stderr

EXIT_INTERRUPTED = 130
"""The exit status that a shell reports for a program which Ctrl-C has ended."""


def main() -> None:
    """Run the command line as a process of its own, with the exit status of `run`."""
    # A quarter of a short command's time was spent on these: looking for garbage while modules are
    # imported, and reading every installed package's metadata for plugins of pydantic.
    gc.set_threshold(100_000, 20, 20)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        sys.exit(run(sys.argv[1:]))
    finally:
        gc.freeze()  # nothing is searched for garbage again when the process ends


def run(arguments: Sequence[str]) -> int:
    """Run a command.

    Returns:
        0: fine. 1: a schedule is wrong, a target cannot do it, or `fmt --check` found something.
        2: wrong use, or a file that cannot be read or written.

    Raises:
        SystemExit: after help and the like; with 141, if the output is no longer read.
    """
    if not arguments:
        write_stderr(options.parser().format_help().rstrip())
        return 2
    try:
        given = options.parse(arguments)
        if len(given.schedules) > 1 and given.command not in options.NAME_COMMANDS:
            from schedlang.cli.quoting import refuse_a_line_without_quotes

            refuse_a_line_without_quotes(given)
        module = import_module(f"schedlang.cli.{_MODULES.get(given.command, given.command)}")
        status: int = getattr(module, given.command)(given)
    except InvalidSchedule:
        return 1
    except UsageError as error:
        write_stderr(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return status


_MODULES = {
    "lint": "check", "show": "commands", "plot": "commands", "emit": "commands",
    "presets": "library", "recommend": "library",
}  # fmt: skip
"""The modules of the commands that have none of their own name."""
