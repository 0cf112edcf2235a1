"""`space`: the lines of a space, for a shell loop or for Hydra."""

from __future__ import annotations

import argparse
from pathlib import Path

from schedlang.cli.inputs import FILE_SUFFIXES, STDIN, find
from schedlang.cli.output import UsageError, write_stdout
from schedlang.cli.shared import reported
from schedlang.errors import Mistake, ScheduleError, quoted
from schedlang.space import Space


def space(options: argparse.Namespace) -> int:
    """Print the lines of a space, or some of them."""
    (argument,) = options.schedules
    in_file = argument == STDIN or Path(argument).suffix.lower() in FILE_SUFFIXES
    # With a line, `--key` is only the key of Hydra's override.
    found = find(argument, options.key if in_file or not options.hydra else None)
    with reported(found):
        if not isinstance(found.value, str):
            message = f"a space is a line of text, not {quoted(found.value)}"
            raise ScheduleError([Mistake("wrong-type", message)])
        whole = Space(found.value)
    try:
        few = options.sample is not None
        lines = whole.sample(options.sample, options.seed) if few else whole.lines()
    except ValueError as error:
        raise UsageError(f"{error} with --sample N") from None
    if options.hydra:
        # The language has no quotes and no backslashes.
        values = ",".join(f"'{line}'" for line in lines)
        write_stdout(f"{found.key or options.key or 'schedule'}={values}")
    else:
        write_stdout("\n".join(lines))
    return 0
