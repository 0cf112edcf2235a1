"""The command line: check, show, plot, emit, fmt."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from schedlang.bind import bind
from schedlang.cli.inputs import Input, find
from schedlang.errors import ScheduleError, ScheduleWarning, quoted
from schedlang.tree import Settings
from schedlang.validate import translate

if TYPE_CHECKING:
    from rich.console import Console

    from schedlang.program import Program

app = typer.Typer(
    help="Learning-rate schedules in one line of text.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Line = Annotated[
    str,
    typer.Argument(metavar="SCHEDULE", help="A line of text, or a YAML, TOML or JSON file."),
]
Lines = Annotated[
    list[str],
    typer.Argument(metavar="SCHEDULE", help="Lines of text, or YAML, TOML or JSON files."),
]
Key = Annotated[
    str | None,
    typer.Option(help="Where the schedule is in the file: train.lr_schedule, runs[0].schedule."),
]
Lr = Annotated[str | None, typer.Option(metavar="RATE", help="The base rate, 1x.")]
Total = Annotated[str | None, typer.Option(metavar="LENGTH", help="The run: 90, 100ep, 2B tok.")]
StepsPerEpoch = Annotated[str | None, typer.Option(metavar="N", help="Optimizer updates an epoch.")]
SamplesPerStep = Annotated[str | None, typer.Option(metavar="N", help="Examples an update.")]
TokensPerStep = Annotated[str | None, typer.Option(metavar="N", help="Tokens an update.")]
Clock = Annotated[str | None, typer.Option(metavar="step|epoch", help="What one tick is.")]


@app.command()
def check(
    schedules: Lines,
    key: Key = None,
    lr: Lr = None,
    total: Total = None,
    steps_per_epoch: StepsPerEpoch = None,
    samples_per_step: SamplesPerStep = None,
    tokens_per_step: TokensPerStep = None,
    clock: Clock = None,
) -> None:
    """Say what is wrong, and what is still to be said when it is bound."""
    given = _binding(lr, total, steps_per_epoch, samples_per_step, tokens_per_step, clock)
    found = [find(argument, key) for argument in schedules]
    fine = [_is_fine(each, given) for each in found]
    if not all(fine):
        raise typer.Exit(1)


@app.command()
def show(
    schedule: Line,
    key: Key = None,
    lr: Lr = None,
    total: Total = None,
    steps_per_epoch: StepsPerEpoch = None,
    samples_per_step: SamplesPerStep = None,
    tokens_per_step: TokensPerStep = None,
    clock: Clock = None,
) -> None:
    """The phases as a table: ticks, rates, formulas."""
    given = _binding(lr, total, steps_per_epoch, samples_per_step, tokens_per_step, clock)
    program = _bound(find(schedule, key), given)
    from schedlang.cli.table import describe

    # A pipe has no width; a table that is cut there could not be searched.
    console = _console(width=None if sys.stdout.isatty() else 100_000)
    with console.capture() as captured:
        for part in describe(program):
            console.print(part, markup=False)
    _print("\n".join(line.rstrip() for line in captured.get().splitlines()))


@app.command()
def plot(
    schedule: Line,
    key: Key = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A picture: .svg, .png, .pdf. Else the terminal."),
    ] = None,
    ticks: Annotated[
        int | None, typer.Option(min=1, help="How many ticks. Unsaid, the whole length.")
    ] = None,
    lr: Lr = None,
    total: Total = None,
    steps_per_epoch: StepsPerEpoch = None,
    samples_per_step: SamplesPerStep = None,
    tokens_per_step: TokensPerStep = None,
    clock: Clock = None,
) -> None:
    """The curve, in the terminal or as a picture."""
    given = _binding(lr, total, steps_per_epoch, samples_per_step, tokens_per_step, clock)
    program = _bound(find(schedule, key), given)
    from schedlang import plot as pictures

    drawn = ""
    try:
        if output is None:
            drawn = pictures.in_terminal(program, ticks)
        else:
            pictures.save(program, output, ticks)
    except ModuleNotFoundError as error:
        if error.name not in ("matplotlib", "plotext"):
            raise
        raise typer.BadParameter(
            f"a picture needs {error.name}: pip install 'schedlang[plot]'"
        ) from None
    except (OSError, ValueError) as error:  # no such folder, no such format
        raise typer.BadParameter(f"cannot write {output}: {error}") from None
    if drawn:
        _print(drawn)


@app.command()
def emit(
    target: Annotated[str, typer.Argument(metavar="torch|keras|optax|python", help="For what.")],
    schedule: Line,
    key: Key = None,
    function: Annotated[
        str | None, typer.Option(metavar="NAME", help="Another name for what is defined.")
    ] = None,
    style: Annotated[
        str,
        typer.Option(
            metavar="native|closed-form", help="What the framework has, or formulas only."
        ),
    ] = "native",
    lr: Lr = None,
    total: Total = None,
    steps_per_epoch: StepsPerEpoch = None,
    samples_per_step: SamplesPerStep = None,
    tokens_per_step: TokensPerStep = None,
    clock: Clock = None,
) -> None:
    """Source code that stands alone, on standard output."""
    _one_of("target", target, ("torch", "keras", "optax", "python"))
    _one_of("--style", style, ("native", "closed-form"))
    if function is not None and not function.isidentifier():
        raise typer.BadParameter(f"--function: {quoted(function)} is no name")
    given = _binding(lr, total, steps_per_epoch, samples_per_step, tokens_per_step, clock)
    found = find(schedule, key)
    options: dict[str, Any] = {"function": function, "style": style, **given}
    with _reported(found):
        source = found.schedule().emit(target, **options)  # type: ignore[arg-type]  # one of the four
    _print(source.removesuffix("\n"))


@app.command()
def fmt(schedule: Line, key: Key = None) -> None:
    """The canonical text: one spelling for each schedule."""
    found = find(schedule, key)
    with _reported(found):
        _print(str(found.schedule()))


@app.callback(invoke_without_command=True)
def _version(
    *,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    if version:
        from schedlang import __version__

        _print(f"schedlang {__version__}")


def main() -> None:
    """Run the command line: exit status 0 fine, 1 the schedule is wrong, 2 wrong use."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that has no dots still shows the rest
    app(prog_name="schedlang")


def _binding(*options: str | None) -> dict[str, Any]:
    """The settings that are said, as they are written.

    Raises:
        typer.BadParameter: if one is no such setting.
    """
    given = dict(zip(Settings.model_fields, options, strict=True))
    said = {name: text for name, text in given.items() if text is not None}
    try:
        Settings.model_validate(said)
    except ValidationError as error:
        mistake = next(translate(error, (), said))
        option = str(mistake.path[0]).replace("_", "-")
        advice = f" ({mistake.advice})" if mistake.advice else ""
        raise typer.BadParameter(f"--{option}: {mistake.message}{advice}") from None
    return said


def _bound(found: Input, given: dict[str, Any]) -> Program:
    with _reported(found):
        return found.schedule().bind(**given)


def _is_fine(found: Input, given: dict[str, Any]) -> bool:
    try:
        with _reported(found):
            needs = _needs(found, given)
            _print(f"{_prefix(found)}fine: {found.schedule()}")
            for need in needs:
                _print(f"  when it is bound: {need}")
    except typer.Exit:
        return False
    return True


def _needs(found: Input, given: dict[str, Any]) -> list[str]:
    """What a schedule leaves open under a binding.

    Raises:
        ScheduleError: with everything that is wrong whatever is said later.
    """
    try:
        bind(found.schedule(), given, found.text, symbolic=True)
    except ScheduleError as error:
        needs = [mistake for mistake in error.mistakes if mistake.code == "missing-setting"]
        if not needs:
            raise
        return list(dict.fromkeys(f"{need.message}: {need.advice}" for need in needs))
    return []


@contextmanager
def _reported(found: Input) -> Iterator[None]:
    """Print what is wrong with a schedule on standard error, and exit with 1."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ScheduleWarning)
        try:
            yield
        except ValueError as error:  # a ScheduleError, or what a target says that it cannot do
            says = str(error) if isinstance(error, ScheduleError) else f"error: {error}"
            _complain(f"{found.place}\n" if found.place else "", says)
            raise typer.Exit(1) from None
        finally:
            for warning in caught:
                _complain(_prefix(found), f"warning: {warning.message}")


def _prefix(found: Input) -> str:
    return f"{found.place}: " if found.place else ""


def _one_of(what: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise typer.BadParameter(f"{what}: {quoted(value)} is not one of {', '.join(choices)}")


def _print(text: str) -> None:
    # Flushed here, a reader that has gone (`| head`) is noticed while someone can still handle it.
    print(text, flush=True)  # noqa: T201  # a command's answer


def _complain(where: str, says: str) -> None:
    """Print on standard error, in colours if that is a terminal (and NO_COLOR is not set)."""
    from rich.text import Text

    message = Text(where + says)
    message.highlight_regex(r"(?m)^error(\[[a-z-]+\])?:.*$", "bold")
    message.highlight_regex(r"(?m)^error(\[[a-z-]+\])?", "bold red")
    message.highlight_regex(r"(?m)^(.*: )?warning:", "bold yellow")
    message.highlight_regex(r"(?m)^ *\d* \|", "blue")
    message.highlight_regex(r"(?m)(?<=\| ) *\^+.*$", "bold red")
    _console(stderr=True, soft_wrap=True).print(message)


def _console(**options: Any) -> Console:
    from rich.console import Console

    # rich leaves bold letters under NO_COLOR; whoever sets it wants plain ones.
    plain = bool(os.environ.get("NO_COLOR"))
    return Console(color_system=None if plain else "auto", highlight=False, **options)
