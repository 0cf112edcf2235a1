"""The command line: check, show, plot, emit, fmt, space.

A command's imports happen when it runs, so that ``--version`` and ``--help`` are fast.
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
"""The exit status that a shell reports for a program ended by Ctrl-C."""


def main() -> None:
    """Run the command line and exit with the status of `run`."""
    # These took a quarter of a short command's time: garbage collection during imports, and reading
    # the metadata of all installed packages for pydantic's plugins.
    gc.set_threshold(100_000, 20, 20)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        sys.exit(run(sys.argv[1:]))
    finally:
        gc.freeze()  # no garbage collection when the process ends


def run(arguments: Sequence[str]) -> int:
    """Run a command.

    Returns:
        0: no problem. 1: a schedule is wrong, a target does not support it, or `lint`, `diff` or
        `fmt --check` found something. 2: wrong usage, or a file that cannot be read or written.

    Raises:
        SystemExit: after help and similar options; with 141, if the reader has closed the output.
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
"""The modules of commands that are not in a module of their name."""
