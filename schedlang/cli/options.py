"""The commands and their options. The language is not imported, so that help is fast."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

from schedlang.cli.output import UsageError, write_stdout
from schedlang.targets import TARGETS

SETTINGS = {
    "lr": ("RATE", "the base rate, 1x"),
    "total": ("LENGTH", "the length of the run: 90, 100ep, 2B tok"),
    "steps_per_epoch": ("N", "optimizer updates in an epoch"),
    "samples_per_step": ("N", "training examples in an update"),
    "tokens_per_step": ("N", "tokens in an update"),
    "clock": ("step|epoch", "what one tick is"),
}
FORMATS = ("text", "json", "github", "sarif")
STYLES = ("native", "closed-form")
LINE = "a line of text in quotes, a YAML, TOML or JSON file, or - for standard input"
LINES = "lines of text in quotes, YAML, TOML or JSON files, folders of them, or -"
NAME_COMMANDS = ("presets", "recommend")
"""The commands that take names instead of schedules; without a name, they list all."""
MULTI_INPUT_COMMANDS = ("check", "lint", "fmt", "diff")
"""The commands that take several schedules."""
COMMANDS = {
    "check": "report what is wrong with schedules, and which settings are still open",
    "lint": "report what is valid but probably a mistake",
    "explain": "describe what happens at which tick, and what each target uses",
    "show": "print a schedule's phases as a table: ticks, rates, formulas",
    "plot": "draw the curve in the terminal, or as a picture",
    "emit": "print source code that needs the framework and nothing else",
    "diff": "compare two schedules: the first tick that differs, by how much, a picture",
    "presets": "list published schedules, with their sources",
    "recommend": "print lines for a task, with the reason for each",
    "fmt": "print the canonical text, or rewrite files in it",
    "space": "print the lines of a space, for a sweep",
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command and its options, by name.

    Raises:
        UsageError: if there is no such command or option.
        SystemExit: once the help, the version or a completion script is printed.
    """
    top = parser(arguments[:1] if arguments[0] in COMMANDS else COMMANDS)
    command = _commands(top).get(arguments[0])
    if command is None and arguments[0].startswith("-"):
        top.parse_args(arguments)
    if command is None:
        raise UsageError(_no_such("command", arguments[0], COMMANDS))
    # Arguments after `--` are not options. `parse_intermixed_args` allows options between
    # schedules, but treats `--` differently in different releases of Python.
    rest = list(arguments[1:])
    cut = rest.index("--") if "--" in rest else len(rest)
    options = command.parse_intermixed_args(rest[:cut])
    options.command = arguments[0]
    options.schedules = [*options.schedules, *rest[cut + 1 :]]
    if not options.schedules and options.command not in NAME_COMMANDS:
        raise UsageError(f"`{options.command}` needs {LINE}")
    return options


def parser(names: Iterable[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser of the command line for these commands; help and completion need all."""
    listed = "\n".join(f"  {name:9}  {text}" for name, text in COMMANDS.items())
    top = _Parser(
        prog="schedlang",
        usage="schedlang COMMAND …",
        description=f"Learning-rate schedules in one line of text.\n\ncommands:\n{listed}",
        epilog="`schedlang COMMAND --help` lists a command's options.",
    )
    top.add_argument(
        "-V", "--version", action=_Print, text=_version, help="show the version and exit"
    )
    top.add_argument(
        "--completion",
        metavar="SHELL",
        action=_Print,
        text=_completion,
        nargs=None,
        help="print a completion script: bash, zsh, fish, …",
    )
    commands = top.add_subparsers(prog="schedlang", help=argparse.SUPPRESS)
    for name in names:
        text = COMMANDS[name]
        command = commands.add_parser(
            name,
            usage=f"schedlang {name} {_TAKES.get(name, 'SCHEDULE')} [options]",
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
        )
        command.set_defaults(lint=name == "lint")
        either = command.add_mutually_exclusive_group()
        for takers, flags, option in _options():
            if name in takers.split():
                group = either if name == "fmt" and flags in ("--check", "--write") else command
                group.add_argument(*flags.split(), **option)
        if name not in (*NAME_COMMANDS, "fmt", "space"):
            binding = command.add_argument_group("settings that the line leaves open")
            for setting, (metavar, what) in SETTINGS.items():
                binding.add_argument(option_of(setting), metavar=metavar, help=what)
    return top


def option_of(setting: str) -> str:
    """The option for a setting."""
    return f"--{setting.replace('_', '-')}"


_TAKES = {
    "check": "SCHEDULE…", "lint": "SCHEDULE…", "fmt": "SCHEDULE…", "diff": "A B",
    "emit": "TARGET SCHEDULE", "presets": "[NAME…]", "recommend": "[TASK]",
}  # fmt: skip
"""The arguments of commands that do not take one schedule."""


def _options() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The commands that have an option, the option, and its arguments for argparse."""
    flag = {"action": "store_true"}
    number = {"metavar": "N", "type": _positive}
    yield "check", "--lint", {**flag, "help": "also report what `lint` finds"}
    yield "check lint", "-q --quiet", {**flag, "help": "print only what is wrong"}
    yield "check lint", "--format", {**_one_of("FORMAT", FORMATS), "default": "text"}
    codes = {"metavar": "CODES", "type": lambda codes: codes.split(","), "default": []}
    yield "check lint", "--ignore", {**codes, "help": "rules of lint to turn off: floor,pct"}
    yield "show", "--json", {**flag, "help": "print the table as JSON"}
    picture = "write a picture: .svg, .png or .pdf"
    yield "plot", "-o --output", {"metavar": "FILE", "help": picture}
    yield "plot", "--ticks", {**number, "help": "how many ticks (default: the whole length)"}
    yield "emit", "target", _one_of("TARGET", TARGETS)
    yield (
        "emit",
        "--function",
        {"metavar": "NAME", "help": "the name of the function that is defined"},
    )
    counts = "that of the Keras optimizer, which counts batches (keras only)"
    yield "emit", "--gradient-accumulation-steps", {**number, "default": 1, "help": counts}
    native = "native: what the framework has (default); closed-form: formulas only"
    yield "emit", "--style", {**_one_of("STYLE", STYLES), "default": "native", "help": native}
    yield "diff", "--ticks", {**number, "help": "how many ticks (default: the longer length)"}
    yield (
        "recommend",
        "--epochs",
        {**number, "default": 100, "help": "the length of the run (default: 100)"},
    )
    rate = {"metavar": "RATE", "type": _rate}
    yield "recommend", "--lr", {**rate, "help": "the base rate, for the lines"}
    yield "fmt", "-q --quiet", {**flag, "help": "do not list changes"}
    yield "fmt", "--check", {**flag, "help": "list what would change; exit status 1 if anything"}
    yield "fmt", "--write", {**flag, "help": "change the files"}
    yield "space", "--sample", {**number, "help": "print N lines at random"}
    seed = {"metavar": "N", "type": _count, "default": 0}
    yield "space", "--seed", {**seed, "help": "seed of the sample (default: 0)"}
    override = "print one Hydra override of the key --key (default: schedule) for --multirun"
    yield "space", "--hydra", {**flag, "help": override}
    by_key = "only values at keys called schedule, lr_schedule or …_schedule"
    yield "check lint fmt", "--by-key", {**flag, "help": by_key}
    several = {"metavar": "NAME", "nargs": "*"}
    yield "presets", "schedules", {**several, "help": "a preset"}
    task = "a task (default: list all)"
    yield "recommend", "schedules", {**several, "help": task}
    several = {"metavar": "SCHEDULE", "nargs": "*"}
    yield "check lint fmt", "schedules", {**several, "help": LINES}
    yield "explain show plot emit diff space", "schedules", {**several, "help": LINE}
    key = {"metavar": "KEY", "help": 'the place in the file: train.lr, runs[0].lr, ["a.b"].lr'}
    yield "check lint explain show plot emit diff fmt space", "--key", key


class _Parser(argparse.ArgumentParser):
    """Raises `UsageError`, prints through `write_stdout`, and allows no abbreviations."""

    def __init__(self, **options: Any) -> None:
        super().__init__(add_help=False, allow_abbrev=False, formatter_class=_Formatter, **options)
        self._positionals.title = "arguments"  # argparse has no public attribute for it
        self.add_argument("-h", "--help", action=_Print, text=_help, help="show this help and exit")

    def error(self, message: str) -> NoReturn:
        unknown = message.partition("unrecognized arguments: ")[2].split(" ")[0]
        if unknown:
            options = [name for action in self._actions for name in action.option_strings]
            raise UsageError(_no_such("option", unknown, options))
        raise UsageError(message.removeprefix("argument "))


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Formats help in the same way in every release of Python."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, max_help_position=28, **options)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings:
            return super()._format_action_invocation(action)
        value = f" {action.metavar}" if action.metavar else ""
        return ", ".join(action.option_strings) + value


class _Print(argparse.Action):
    """Prints the result of a function of the parser and the option's value, and exits."""

    def __init__(self, *, text: Any, nargs: Any = 0, **options: Any) -> None:
        super().__init__(nargs=nargs, default=argparse.SUPPRESS, **options)
        self.text = text

    def __call__(
        self, parser: argparse.ArgumentParser, _namespace: Any, value: Any, _option: Any = None
    ) -> NoReturn:
        write_stdout(self.text(parser, value))
        raise SystemExit(0)


def _help(parser: argparse.ArgumentParser, _value: Any) -> str:
    return parser.format_help().rstrip()


def _version(_parser: argparse.ArgumentParser, _value: Any) -> str:
    from schedlang import __version__

    return f"schedlang {__version__}"


def _completion(parser: argparse.ArgumentParser, shell: Any) -> str:
    try:
        import shtab
    except ModuleNotFoundError:
        raise UsageError("completion needs shtab: pip install 'schedlang[completion]'") from None
    if shell not in shtab.SUPPORTED_SHELLS:
        known = ", ".join(shtab.SUPPORTED_SHELLS)
        raise UsageError(f"--completion: `{shell}` is not one of {known}")
    _subparsers(parser).help = None  # shtab omits what has no help
    for command in _commands(parser).values():
        for action in command._actions:  # noqa: SLF001  # argparse has no public way to them
            if action.dest == "output" or action.metavar == "SCHEDULE":
                action.complete = shtab.FILE  # type: ignore[attr-defined]  # where shtab looks
    script: str = shtab.complete(parser, shell)
    return script.rstrip()


def _commands(top: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    return dict(_subparsers(top).choices)


def _subparsers(top: argparse.ArgumentParser) -> argparse._SubParsersAction[Any]:
    # argparse has no public way to its commands.
    (found,) = (a for a in top._actions if isinstance(a, argparse._SubParsersAction))  # noqa: SLF001
    return found


def _one_of(metavar: str, choices: tuple[str, ...]) -> dict[str, Any]:
    """An option with these choices; argparse's own error message differs between releases."""
    listed = ", ".join(choices)

    def check(text: str) -> str:
        if text not in choices:
            raise argparse.ArgumentTypeError(f"`{text}` is not one of {listed}")
        return text

    return {"metavar": metavar, "type": check, "choices": choices, "help": f"one of {listed}"}


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"`{text}` is not a whole number of at least 1")
    return int(text)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"`{text}` is not a whole number")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise argparse.ArgumentTypeError(f"`{text}` is not a number above 0")
    return rate


def _no_such(what: str, name: str, names: Any) -> str:
    from schedlang.errors import did_you_mean, quoted

    return f"there is no {what} {quoted(name)}: {did_you_mean(name, names)}"
