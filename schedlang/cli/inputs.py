"""The inputs of commands: lines and plans as text, and values in YAML, TOML and JSON files."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from schedlang.cli.output import UsageError
from schedlang.errors import Marked, Mistake, ScheduleError, Span, quoted
from schedlang.language.validate import is_valid_line
from schedlang.schedule import Schedule, parse

if TYPE_CHECKING:
    from schedlang.cli.files import ConfigFile
    from schedlang.plan.model import Plan
    from schedlang.plan.reading import Line
    from schedlang.space import Space

STDIN = "-"
FILE_SUFFIXES = (".json", ".toml", ".yaml", ".yml")


class Input(NamedTuple):
    """A schedule or a plan before it is validated.

    Attributes:
        value: a line of text, its dict form, or the mapping of a plan.
        argument: the command-line argument: the line itself, a file, or ``-``; for a folder, the
            file in it.
        key: its key in the file; None for a line, or if the whole file is a schedule.
        file: the file, whose name is empty for a plan from the command line; None for a line.
        clock: the clock, if the line needs one to be parsed and does not set it.
        in_plan: for a line of a plan, the schedule with the settings of the plan.
    """

    value: Any
    argument: str
    key: str | None = None
    file: ConfigFile | None = None
    clock: Any = None
    in_plan: Schedule | None = None

    @property
    def place(self) -> str:
        """The file and the key in it; empty for a line on the command line."""
        if self.file is None:
            return "standard input" if self.argument == STDIN else ""
        return ": ".join(filter(None, (self.file.name, self.key)))

    @property
    def text(self) -> str | None:
        """The line that the markers of mistakes point into, if there is one."""
        return self.value if isinstance(self.value, str) else None

    @property
    def steps(self) -> list[str]:
        """The names and indexes that lead to it in the file."""
        from schedlang.cli.files import steps_of

        return [] if self.key is None else steps_of(self.key)

    @property
    def is_plan(self) -> bool:
        """Whether it is a plan: a mapping that is not the dict form of a line."""
        return isinstance(self.value, dict) and not isinstance(self.value.get("stages"), list)

    def plan(self) -> Plan:
        """The plan.

        Raises:
            ScheduleError: with everything that is wrong with any line.
        """
        from schedlang.plan.model import Plan

        twice = self._given_twice()
        try:
            plan = Plan(self.value if self.clock is None else {**self.value, "clock": self.clock})
        except ScheduleError as error:
            raise ScheduleError([*twice, *error.mistakes]) from None
        if twice:
            raise ScheduleError(twice)
        return plan

    def _given_twice(self) -> list[Mistake]:
        if self.file is None or self.file.suffix == ".toml":  # whose parser refuses it
            return []
        from schedlang.cli.yaml import given_twice

        return [
            Mistake("double-argument", f"the key {quoted(path[-1])} is given twice", path=path)
            for path in given_twice(self.file.text, self.steps)
        ]

    def parts(self) -> dict[str, Input]:
        """The lines and settings of a plan by their keys in mistakes, such as ``lr.backbone*``."""
        from schedlang.cli.files import key_of
        from schedlang.plan.reading import VALUES, is_line, pattern_of, place_in_plan

        found: dict[str, Input] = {}
        for name, value in self.value.items() if self.is_plan else ():
            key = str(name)
            found[key] = self._replace(value=value, key=key_of([*self.steps, key]))
            for pattern, line in value.items() if not is_line(value) else ():
                place = place_in_plan(key, pattern if key == VALUES else pattern_of(pattern))
                inner = key_of([*self.steps, key, str(pattern)])
                found.setdefault(place, self._replace(value=line, key=inner))
        return found

    def lines_of(self, plan: Plan) -> list[tuple[Line, Input]]:
        """Each line of the plan, with an input for it that has the settings of the plan."""
        from schedlang.plan.binding import Binder

        binder, parts = Binder(plan, {}), self.parts()
        return [
            (line, parts[line.place]._replace(in_plan=binder.as_written(line), clock=None))
            for line in plan.lines
        ]

    def schedule(self) -> Schedule:
        """The schedule, if the input is not a plan.

        Raises:
            ScheduleError: with everything that is wrong with it.
        """
        if self.in_plan is not None:
            return self.in_plan
        if isinstance(self.value, str):  # avoids building the schema of `Schedule`, which is slow
            return parse(self.value, clock=self.clock)
        if self.clock is None:
            return Schedule.model_validate(self.value)
        return Schedule.model_validate({**self.value, "clock": self.clock})

    def space(self) -> Space | None:
        """The space; None if the input is not a line with choices.

        Raises:
            ScheduleError: with everything that is wrong with any line of it.
        """
        if self.in_plan is not None or self.text is None or "<" not in self.text:
            return None
        from schedlang.language.syntax import mark_in
        from schedlang.space import Space

        return None if mark_in(self.text) is None else Space(self.text)

    def with_clock(self, clock: str | None) -> Input:
        """The input with ``clock=`` as if set in the line, if the line needs it to be parsed.

        Bare lengths beside units are an error when a line is parsed, before binding, so the option
        must be applied earlier.
        """
        missing = clock is not None and _clock_is_missing(self)
        return self._replace(clock=clock) if missing else self

    def spans(self, found: Sequence[Marked]) -> list[Span | None]:
        """The span of each mistake: in the file for a schedule in a file, else in the line."""
        if self.file is None:
            return [each.span for each in found]
        from schedlang.cli.places import in_file, nearest_span, span_of

        if self.text is None:
            return [nearest_span(self.file, self.steps, each.path) for each in found]
        string = span_of(self.file, self.steps)
        if string is None:
            return [None for _ in found]
        whole = Span(0, len(self.text))
        spans = [each.span or whole for each in found]
        return [*in_file(self.file, string, self.text, spans)]

    def lines(self) -> str:
        """The line; in a file, the lines of text that contain it, with trailing comments."""
        if self.file is None:
            return self.text or ""
        from schedlang.cli.places import span_of

        span = span_of(self.file, self.steps) or Span(0, 0)
        begin = self.file.text.rfind("\n", 0, span.begin) + 1
        end = self.file.text.find("\n", max(span.begin, span.end - 1))
        return self.file.text[begin : end if end >= 0 else None]


def find(argument: str, key: str | None) -> Input:
    """The single schedule that a command-line argument refers to.

    Raises:
        UsageError: if there is no such file or key, or if it is not clear which value of the file
            is the schedule.
    """
    if is_folder(argument):
        raise UsageError(f"{argument} is a folder, but one schedule is needed: give a file")
    found = list(find_all(argument, key))
    if len(found) > 1:
        from schedlang.cli.find_schedules import several

        assert found[0].file is not None
        raise several(found[0].file.name, [each.steps for each in found])
    return found[0]


def find_all(
    argument: str, key: str | None, keys: Sequence[str] | None = None, *, by_key: bool = False
) -> list[Input]:
    """The schedules in a line, a file or standard input; at least one.

    Args:
        argument: the line, the file's name or ``-``.
        key: the key of the only schedule to return.
        keys: additional names of keys that have schedules; by default the project's.
        by_key: whether to find schedules only by the names of keys; there may be none.

    Raises:
        UsageError: if there is no such file or key, or no schedule.
    """
    if argument == STDIN:
        return _in_standard_input(key)
    path = Path(argument)
    if argument.lstrip().startswith("{") and not _is_file(path):
        return [_plan_in_text(argument, key)]
    if path.suffix.lower() not in FILE_SUFFIXES or "\n" in argument:
        if _is_file(path):
            raise UsageError(f"{argument} is not a {', '.join(FILE_SUFFIXES)} file")
        if key is not None:
            raise UsageError(f"--key needs a file, not the line {quoted(argument)}")
        return [Input(argument, argument)]
    from schedlang.cli import files, find_schedules

    if keys is None:
        from schedlang.cli.project import project

        keys = project().keys
    committed = not _is_file(path) and ":" in argument
    file = files.at_revision(argument) if committed else files.read_file(path, argument)
    found = find_schedules.by_key(file, keys) if by_key else find_schedules.chosen(file, key, keys)
    return [Input(value, argument, key, file) for value, key in found]


def expanded(arguments: Sequence[str], *, by_key: bool = False) -> Iterator[tuple[str, bool]]:
    """The arguments, with folders expanded to their files.

    Each has a flag: whether its schedules are found only by the names of keys.
    """
    for argument in arguments:
        if is_folder(argument):
            from schedlang.cli.find_schedules import files_in

            yield from ((str(path), True) for path in files_in(Path(argument)))
        else:
            yield argument, by_key


def is_folder(argument: str) -> bool:
    """Whether an argument is a folder, and not also a valid line (``hold``)."""
    try:
        if not argument.strip() or not Path(argument).is_dir():
            return False
    except (OSError, ValueError):
        return False
    return not is_valid_line(argument)


def _in_standard_input(key: str | None) -> list[Input]:
    from schedlang.cli.files import ConfigFile, decoded
    from schedlang.cli.find_schedules import chosen

    text = decoded(sys.stdin.buffer.read(), "standard input") if sys.stdin else ""
    if not text.strip():
        raise UsageError("standard input is empty")
    if key is None and not text.lstrip().startswith("{"):
        return [Input(text, STDIN)]
    file = ConfigFile("standard input", text, ".yaml")
    return [Input(value, STDIN, key, file) for value, key in chosen(file, key)]


def _plan_in_text(text: str, key: str | None) -> Input:
    from schedlang.cli.files import ConfigFile, load

    if key is not None:
        raise UsageError(f"--key needs a file, not the plan {quoted(text)}")
    file = ConfigFile("", text, ".yaml")
    return Input(load(file), text, None, file)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a line may not be a valid file name: too long, a NUL
        return False


def _clock_is_missing(found: Input) -> bool:
    try:
        if found.is_plan:
            found.plan()
        else:
            found.schedule()
    except ScheduleError as error:
        return any(mistake.code in ("mixed-units", "ambiguous-ticks") for mistake in error.mistakes)
    return False
