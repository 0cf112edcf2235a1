"""The commands and their options. Nothing of the language is imported, so that help is quick."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from schedlang.cli.output import Misuse, put
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
NAMES = ("presets", "recommend")
"""The commands that take names instead of schedules; none lists them."""
SEVERAL = ("check", "lint", "fmt", "diff")
"""The commands that take several schedules."""
COMMANDS = {
    "check": "report what is wrong with schedules, and which settings are still open",
    "lint": "report what is legal and probably a mistake",
    "explain": "describe what happens when, and what each target is made of",
    "show": "print a schedule's phases as a table: ticks, rates, formulas",
    "plot": "draw the curve in the terminal, or as a picture",
    "emit": "print source code that needs the framework and nothing else",
    "diff": "compare two schedules: the first tick that differs, by how much, a picture",
    "presets": "list published schedules, with their sources",
    "recommend": "print lines for a task, with the reason for each",
    "fmt": "print the canonical text, or bring files into it",
    "space": "print the lines of a space, for a sweep",
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command and its options, by name.

    Raises:
        Misuse: if there is no such command or option.
        SystemExit: once the help, the version or a completion script is printed.
    """
    top = parser()
    command = _commands(top).get(arguments[0])
    if command is None and arguments[0].startswith("-"):
        top.parse_args(arguments)
    if command is None:
        raise Misuse(_no_such("command", arguments[0], COMMANDS))
    # What follows `--` is no option. Options may stand between schedules, for which argparse has
    # `parse_intermixed_args`; how that treats `--` differs from one release of Python to the next.
    rest = list(arguments[1:])
    cut = rest.index("--") if "--" in rest else len(rest)
    options = command.parse_intermixed_args(rest[:cut])
    options.command = arguments[0]
    options.schedules = [*options.schedules, *rest[cut + 1 :]]
    if not options.schedules and options.command not in NAMES:
        raise Misuse(f"`{options.command}` needs {LINE}")
    return options


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line, for help and for completion."""
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

    def command(name: str, schedules: str = "SCHEDULE") -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            usage=f"schedlang {name} {schedules} [options]",
            help=COMMANDS[name],
            description=f"{COMMANDS[name][0].upper()}{COMMANDS[name][1:]}.",
        )

    check = command("check", "SCHEDULE…")
    check.add_argument("--lint", action="store_true", help="report what `lint` finds, too")
    lint = command("lint", "SCHEDULE…")
    lint.set_defaults(lint=True)
    for each in (check, lint):
        each.add_argument("-q", "--quiet", action="store_true", help="print only what is wrong")
        each.add_argument(
            "--format",
            metavar="FORMAT",
            type=_one_of(FORMATS),
            choices=FORMATS,
            default="text",
            help=f"one of {', '.join(FORMATS)}",
        )
        each.add_argument(
            "--ignore",
            metavar="CODES",
            type=lambda codes: codes.split(","),
            default=[],
            help="rules of lint to turn off: floor,pct",
        )

    command("explain")
    show = command("show")
    show.add_argument("--json", action="store_true", help="print the table as JSON")

    plot = command("plot")
    plot.add_argument("-o", "--output", metavar="FILE", help="write a picture: .svg, .png or .pdf")
    plot.add_argument(
        "--ticks", metavar="N", type=_positive, help="how many ticks (default: the whole length)"
    )

    emit = command("emit", "TARGET SCHEDULE")
    emit.add_argument(
        "target",
        metavar="TARGET",
        type=_one_of(TARGETS),
        choices=TARGETS,
        help=f"one of {', '.join(TARGETS)}",
    )
    emit.add_argument("--function", metavar="NAME", help="another name for what is defined")
    emit.add_argument(
        "--gradient-accumulation-steps",
        metavar="N",
        type=_positive,
        default=1,
        help="of the Keras optimizer, which counts batches (for keras only)",
    )
    emit.add_argument(
        "--style",
        metavar="STYLE",
        type=_one_of(STYLES),
        choices=STYLES,
        default="native",
        help="native: what the framework has (default); closed-form: formulas only",
    )

    diff = command("diff", "A B")
    diff.add_argument(
        "--ticks", metavar="N", type=_positive, help="how many ticks (default: the longer length)"
    )

    command("presets", "[NAME…]")
    recommend = command("recommend", "[TASK]")
    recommend.add_argument(
        "--epochs", metavar="N", type=_positive, default=100, help="the length of the run (100)"
    )
    recommend.add_argument("--lr", metavar="RATE", type=_rate, help="the base rate, for the lines")

    fmt = command("fmt", "SCHEDULE…")
    fmt.add_argument("-q", "--quiet", action="store_true", help="list no changes")
    change = fmt.add_mutually_exclusive_group()
    change.add_argument(
        "--check", action="store_true", help="list what would change; exit status 1 if anything"
    )
    change.add_argument("--write", action="store_true", help="change the files")

    _add_space_options(command("space"))

    for each in (check, lint, fmt):
        each.add_argument(
            "--by-key",
            action="store_true",
            help="only values at keys called schedule, lr_schedule or …_schedule",
        )

    for name, each in _commands(top).items():
        if name in NAMES:
            what = "a preset" if name == "presets" else "a task; without one, all are listed"
            each.add_argument("schedules", metavar="NAME", nargs="*", help=what)
            continue
        takes = LINES if name in ("check", "lint", "fmt") else LINE
        each.add_argument("schedules", metavar="SCHEDULE", nargs="*", help=takes)
        each.add_argument(
            "--key",
            metavar="KEY",
            help='the place in the file: train.lr, runs[0].lr, ["a.b"].lr',
        )
        if name not in ("fmt", "space"):
            binding = each.add_argument_group("settings that the line leaves open")
            for setting, (metavar, text) in SETTINGS.items():
                option = f"--{setting.replace('_', '-')}"
                binding.add_argument(option, metavar=metavar, help=text)
    return top


def _add_space_options(space: argparse.ArgumentParser) -> None:
    space.add_argument("--sample", metavar="N", type=_positive, help="print N lines at random")
    space.add_argument(
        "--seed", metavar="N", type=_count, default=0, help="of the sample (default: 0)"
    )
    space.add_argument(
        "--hydra",
        action="store_true",
        help="print one override for --multirun, of the key --key (default: schedule)",
    )


class _Parser(argparse.ArgumentParser):
    """Raises `Misuse`, prints through `put`, and allows no abbreviations."""

    def __init__(self, **options: Any) -> None:
        super().__init__(add_help=False, allow_abbrev=False, formatter_class=_Formatter, **options)
        self._positionals.title = "arguments"  # argparse has no public attribute for it
        self.add_argument("-h", "--help", action=_Print, text=_help, help="show this help and exit")

    def error(self, message: str) -> NoReturn:
        unknown = message.partition("unrecognized arguments: ")[2].split(" ")[0]
        if unknown:
            options = [name for action in self._actions for name in action.option_strings]
            raise Misuse(_no_such("option", unknown, options))
        raise Misuse(message.removeprefix("argument "))


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help that looks the same in every release of Python."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, max_help_position=28, **options)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings:
            return super()._format_action_invocation(action)
        value = f" {action.metavar}" if action.metavar else ""
        return ", ".join(action.option_strings) + value


class _Print(argparse.Action):
    """Prints what a function makes of the parser and the option's value, and ends."""

    def __init__(self, *, text: Any, nargs: Any = 0, **options: Any) -> None:
        super().__init__(nargs=nargs, default=argparse.SUPPRESS, **options)
        self.text = text

    def __call__(
        self, parser: argparse.ArgumentParser, _namespace: Any, value: Any, _option: Any = None
    ) -> NoReturn:
        put(self.text(parser, value))
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
        raise Misuse("completion needs shtab: pip install 'schedlang[completion]'") from None
    if shell not in shtab.SUPPORTED_SHELLS:
        known = ", ".join(shtab.SUPPORTED_SHELLS)
        raise Misuse(f"--completion: `{shell}` is not one of {known}")
    _subparsers(parser).help = None  # shtab leaves out what help leaves out
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


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    """Accepts these values; argparse's own message for others differs between releases."""

    def check(text: str) -> str:
        if text not in choices:
            raise argparse.ArgumentTypeError(f"`{text}` is not one of {', '.join(choices)}")
        return text

    return check


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
    from schedlang.errors import nearest, quoted

    return f"there is no {what} {quoted(name)}: {nearest(name, names)}"
