"""Converts the parts of a line as written to the line that was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from typing import TypeAlias

from schedlang.errors import Span, quoted
from schedlang.language import aliases
from schedlang.language.other_libraries.parts import (
    LISTS,
    SETTINGS,
    SHAPES,
    Note,
    Unclear,
    Value,
    WrittenArgument,
    WrittenGroup,
    WrittenPhase,
    WrittenStage,
    typo,
)
from schedlang.language.validate import argument_names, is_valid_line
from schedlang.phases import kinds

_BACK = "hold to=1x"
"""The continuation of a phase that returns to the base rate at its end."""
_LENGTHS = {"every", "at", "first", "up", "down", "timescale", "skip", "total"}
_BARE = re.compile(r"(?:until )?([\d._]+(?:[eE]\d+)?)([kMBT]?)|\[([\d._kMBTeE, ]+)\]")


@dataclass
class _Phase:
    role: str
    kind: str
    named: bool = True
    """Whether its shape is given, not only its role."""
    duration: str = ""
    arguments: dict[str, str] = field(default_factory=dict)
    body: str = ""

    def text(self) -> str:
        """As it is written."""
        words = [self.role, self.kind if self.named or not self.role else "", self.duration]
        words += [f"{{{self.body}}}"] if self.kind == "fn" else []
        words += [f"{name}={value}" for name, value in self.arguments.items()]
        return " ".join(filter(None, words))

    def lengths(self) -> Iterator[str]:
        """Its lengths as written."""
        yield self.duration
        yield from (self.arguments[name] for name in _LENGTHS & self.arguments.keys())

    def give_unit(self, unit: str) -> None:
        """Add a unit to its lengths that have none."""
        self.duration = _with_unit(self.duration, unit)
        for name in _LENGTHS & self.arguments.keys():
            self.arguments[name] = _with_unit(self.arguments[name], unit)


@dataclass
class _Round:
    stages: list[list[_Factor]]
    times: str

    def text(self) -> str:
        """As it is written."""
        return f"({_pipeline(self.stages)})" + (f" x {self.times}" if self.times else "")


_Factor: TypeAlias = "_Phase | _Round"


def _with_unit(length: str, unit: str) -> str:
    match = _BARE.fullmatch(length)
    return f"{length}{' ' if match[2] else ''}{unit}" if match else length


def _pipeline(stages: list[list[_Factor]]) -> str:
    return " -> ".join(" * ".join(part.text() for part in stage) for stage in stages)


class Translation:
    """The parts of the line that was meant, and the habits in the line as written.

    Args:
        given: the settings as written.
        written: the stages as written.
        notes: the habits that were found when reading.

    Raises:
        Unclear: if an argument has no meaning here.
    """

    def __init__(
        self, given: list[WrittenArgument], written: list[WrittenStage], notes: list[Note]
    ) -> None:
        self.notes = list(notes)
        self.settings: dict[str, str] = {}
        self.initial = ""
        """The rate at which the warm-up starts, if it is given with the base rate."""
        self.units: dict[str, tuple[float, float]] = {}
        """By unit, of lengths whose names imply it: the longest one, and the shortest total."""
        told = None if written else _phase_of_arguments(given)
        stages: list[WrittenStage] = [[told]] if told else written
        self.elapsed = 0.0
        """The last milestone."""
        self.begun = False
        """Whether there was a phase before."""
        self.stages = [part for stage in stages for part in self._stage(stage)]
        for argument in () if told else given:
            self._setting(argument)
        self._complete()

    def line(self, clock: str | None) -> str:
        """The line that was meant; empty if it is not valid."""
        written = self._text()
        if not is_valid_line(written, clock) and (unit := self._unit()):
            if "total" in self.settings:
                self.settings["total"] = _with_unit(self.settings["total"], unit)
            for phase in _phases(self.stages):
                phase.give_unit(unit)
            written = self._text()
        return written if is_valid_line(written, clock) else ""

    def _text(self) -> str:
        settings = " ".join(f"{name}={value}" for name, value in self.settings.items())
        return f"{settings}{' | ' if settings else ''}{_pipeline(self.stages)}"

    def _unit(self) -> str:
        """The unit of bare lengths beside lengths with units from their names."""
        lengths = [self.settings.get("total", "")]
        lengths += [length for phase in _phases(self.stages) for length in phase.lengths()]
        bare = [match for match in map(_BARE.fullmatch, lengths) if match]
        if len(self.units) != 1 or not bare:
            return ""
        (unit, (least, most)), *_ = self.units.items()
        longest = max(
            Value(number.strip(), Span(0, 0)).number or 0
            for match in bare
            for number in (match[3] or match[1] + match[2]).split(",")
        )
        if unit == "st" and longest < least:
            return "ep"  # `warmup_steps=500 -> cosine 90`: 90 epochs
        if unit == "ep" and longest > most:
            return "st"  # `epochs=90 | warmup 500 -> cosine rest`: 500 updates
        return unit

    # ── Settings ──

    def _setting(self, argument: WrittenArgument) -> None:
        """Process a setting, or an argument that another library has before the phases."""
        name = _normalized_name(argument.name)
        slot = name if name in SETTINGS else aliases.argument("", name)
        if slot is None:
            slot = typo(name, SETTINGS)
        head, *rest = slot.split()
        phases = list(_phases(self.stages))
        reason, new = "", ""
        match head:
            case "end":
                self.settings["total"] = self._length(argument.value, *rest, whole=True)
                new = "" if self.settings["total"] != str(argument.value) else "total"
                reason = "" if new else "the setting is `total`"
            case "warmup":
                reason = "a warm-up is a phase"
                self._warmed(argument, rest, phases, self.stages)
            case "-":
                reason = "leave it out"
            case "peak" | "lr" | "initial":
                new = "lr"
                self._rate(head, argument.value)
            case _ if head in SETTINGS:
                new = head
                self.settings[head] = str(argument.value)
            case _:
                takes = [phase for phase in phases if head in argument_names(phase.kind)]
                if not takes:
                    raise Unclear
                reason = "this is an argument of a phase"
                self._put(takes[-1], head, argument.value, rest)
        if argument.name not in SETTINGS:
            message = f"there is no setting called {quoted(argument.name)}"
            self.notes.append(Note(argument.span, reason, new, message, "unknown-setting"))

    def _rate(self, head: str, value: Value) -> None:
        """Set the base rate, or the warm-up's start rate if there is also a peak."""
        before = self.settings.get("lr", "")
        if head == "initial" and (before or not value.number):
            self.initial = str(value)
        else:
            self.settings["lr"] = str(value)
            self.initial = before if head == "peak" and before else self.initial

    def _warmed(
        self,
        argument: WrittenArgument,
        rest: list[str],
        phases: list[_Phase],
        stages: list[list[_Factor]] | None = None,
    ) -> None:
        """Set an argument of the warm-up, which is added before the phases if there is none."""
        if not phases or phases[0].role != "warmup":
            phases.insert(0, _Phase("warmup", "linear", named=False))
            if stages is not None:
                stages.insert(0, [phases[0]])
        warm, value = phases[0], argument.value
        if rest[:1] == ["T"]:
            if value.is_word:
                rest = ["shape"]
            elif rest[1:] == ["%"] and warm.duration:
                rest = ["from", "x"]  # MMCV's `warmup_ratio`, beside `warmup_iters`
            elif warm.duration.endswith("%"):
                warm.arguments["from"] = warm.duration
        self._put(warm, rest[0], value, rest[1:])

    # ── Phases ──

    def _stage(self, stage: WrittenStage) -> list[list[_Factor]]:
        factors = [self._factors(factor) for factor in stage]
        if len(factors) == 1:
            return [[part] for part in factors[0]]
        return [
            [parts[0] if len(parts) == 1 else _Round([[p] for p in parts], "") for parts in factors]
        ]

    def _factors(self, factor: WrittenPhase | WrittenGroup) -> list[_Factor]:
        if isinstance(factor, WrittenGroup):
            stages = [part for stage in factor.stages for part in self._stage(stage)]
            return [_Round(stages, factor.times)]
        return [*self._phases_of(factor)]

    def _phases_of(self, source: WrittenPhase) -> list[_Phase]:
        phases = [
            _Phase(role, kind or "linear", named=bool(kind)) for role, kind in source.meaning.phases
        ]
        main = phases[-1]
        main.body, main.duration = source.body, source.duration
        given = sorted(
            [*source.arguments, *self._unnamed(source, phases)], key=lambda each: each.span
        )
        if main.kind == "step" and any(each.value.items for each in given):
            main.kind = "multistep"
            self.notes.append(Note(source.span, "several positions are `multistep`"))
        self._otherwise(source, given)
        ends = [each for each in given if self._argument(source, each, phases) == "end"]
        for argument in ends:
            slot = self._slot(source, argument)
            text = self._length(argument.value, *slot.split()[1:], whole=True)
            if main.duration:
                self.settings.setdefault("total", text)
            else:
                warmed = len(phases) > 1 and phases[0].duration
                main.duration = f"until {text}" if warmed else text
        for argument in given:
            if self._slot(source, argument) == "unit":
                unit = "ep" if argument.value.text.lower() == "true" else "st"
                for phase in phases:
                    phase.give_unit(unit)
        self.begun = True
        return self._until_milestone(source, self._tidied(source, phases))

    def _until_milestone(self, source: WrittenPhase, phases: list[_Phase]) -> list[_Phase]:
        """The phases; the last one ends at the milestone, if there is one."""
        if source.ends is None:
            return phases
        timed = [phase for phase in phases if phase.text() != _BACK]
        lengths = [re.match(r"[\d._]+", phase.duration) for phase in timed]
        if not lengths[-1]:
            timed[-1].duration = f"until {source.ends:g}"
        elif self.elapsed + sum(float(length[0]) for length in lengths if length) != source.ends:
            raise Unclear  # it may be cut off, or continue
        self.elapsed = source.ends
        return phases

    def _tidied(self, source: WrittenPhase, phases: list[_Phase]) -> list[_Phase]:
        main = phases[-1]
        if main.kind == "exp" and main.arguments.pop("staircase", "") == "true":
            main.kind = "step"
        row = source.meaning.row
        if row and "then=1x" in row.otherwise:
            phases.append(_Phase("", "hold", arguments={"to": "1x"}))
        start, end = (main.arguments.get(name, "") for name in ("from", "to"))
        rises = start.endswith(("x", "%")) and end in ("1x", "1.0x", "100%")
        if source.meaning.row and main.kind == "linear" and rises:
            main.role, main.named = "warmup", False
            del main.arguments["to"]
        warmed = phases[0].role == "warmup" and phases[0].duration
        if main.arguments.get("skip") == "warmup":  # measured from the start of the run
            main.arguments["skip"] = phases[0].duration
            if not warmed:
                del main.arguments["skip"]
        return phases if warmed or phases[0].role != "warmup" or len(phases) == 1 else phases[1:]

    def _otherwise(self, source: WrittenPhase, given: list[WrittenArgument]) -> None:
        """Add the other library's defaults that differ from those of the phase here."""
        row = source.meaning.row
        heads = {self._head(self._slot(source, argument)) for argument in given}
        heads |= {"T"} if "end" in heads else set()
        pairs = row.otherwise.split() if row else []
        for name, value in (pair.split("=") for pair in pairs if not pair.startswith("then=")):
            argument = WrittenArgument(name, Value(value, source.span), source.span)
            head = self._head(self._slot(source, argument))
            warmed = "warmup T" in heads or not head.startswith("warmup")
            if head not in heads and warmed:
                given.append(argument)

    @staticmethod
    def _head(slot: str) -> str:
        words = slot.split()
        return " ".join(words[: 2 if words[0] in ("warmup", "hold") else 1])

    def _unnamed(self, source: WrittenPhase, phases: list[_Phase]) -> list[WrittenArgument]:
        """The unnamed values as arguments, named by their order."""
        values = [value for value in source.values if value.text not in _OBJECTS]
        row = source.meaning.row
        if not values:
            return []
        if row is not None:
            names = [name for name in row.parameters.split() if name != "optimizer"]
            slot = aliases.argument(source.family, names[0]) if names else ""
            counts = (slot or "").split()[:1] in (["T"], ["end"], ["every"], ["first"], ["warmup"])
            plain = len(values) == 1 and values[0].counts and not counts
            if not plain and len(values) <= len(names):
                return [
                    WrittenArgument(name.rpartition(":")[2], value, value.span)
                    for name, value in zip(names, values, strict=False)
                ]
        if any(value.is_word for value in values):
            raise Unclear
        if source.kind == "multistep" and len(values) > 1 and values[0].counts and values[1].counts:
            items = [value for value in values if value.counts]
            span = Span(items[0].span.begin, items[-1].span.end)
            values = [Value("", span, items=items), *values[len(items) :]]
        return self._in_order(source, values, phases)

    def _in_order(
        self, source: WrittenPhase, values: list[Value], phases: list[_Phase]
    ) -> list[WrittenArgument]:
        found: list[WrittenArgument] = []
        if len(phases) > 1:
            names = ["warmup", "stable", "T"] if len(phases) == 3 else ["warmup", "T"]
        else:
            names = self._names(source, values)
        if len(values) > len(names):
            raise Unclear
        for name, value in zip(names, values, strict=False):
            found.append(WrittenArgument(name, value, value.span))
            if name not in ("T", "warmup"):
                named = f"{name}={value}" if len(source.values) > 1 or value.items else ""
                reason = f"`{value}` is the duration" if value.counts and not named else ""
                self.notes.append(Note(value.span, reason, named))
        return found

    def _names(self, source: WrittenPhase, values: list[Value]) -> list[str]:
        shape = "".join("l" if v.items else "n" if v.counts else "f" for v in values)
        kind = "ramp" if source.kind in SHAPES and source.kind not in _ORDERS else source.kind
        if source.meaning.phases[-1][0] == "warmup":
            kind = "warmup"
        names = _ORDERS.get(kind, {}).get(shape, "").split()
        given = {self._slot(source, argument) for argument in source.arguments}
        if len(values) == 1 and not values[0].items:
            later = kind == "inverse_sqrt" and self.begun  # it then has a default timescale
            if not names or later or not values[0].number or given & {names[0], "to", "cycles"}:
                return ["T"]
        return names

    def _slot(self, source: WrittenPhase, argument: WrittenArgument) -> str:
        """The meaning of an argument: one of `ARGUMENT_ALIASES`, or an argument of the phase."""
        name, kind = _normalized_name(argument.name), source.kind
        own = argument_names(kind)
        if argument.name in ("T", *own):
            return argument.name
        row = source.meaning.row
        for parameter in row.parameters.split() if row else ():
            if parameter.startswith(f"{name}:"):
                name = parameter.rpartition(":")[2]
        if name in own:
            return name
        if name == "end" and not argument.value.counts:
            return self._end(source)
        slot = aliases.argument(
            "multistep" if argument.value.items and kind == "step" else source.family, name
        )
        if name in SETTINGS and f"{kind}.{name}" not in aliases.ARGUMENT_ALIASES:
            return f"set {name}"
        if slot is None:
            return typo(name, own)
        head, *rest = slot.split()
        if head == "to":
            return " ".join([self._end(source), *rest])
        if head == "min" and source.meaning.phases[-1][0] == "warmup":
            raise Unclear  # the floor belongs to another phase
        return slot

    @staticmethod
    def _end(source: WrittenPhase) -> str:
        """The argument for the level on which the phase ends."""
        role, _ = source.meaning.phases[-1]
        if role == "warmup" or source.kind in ("linear", "hold"):
            return "to"
        return "min" if "min" in argument_names(source.kind) else "to"

    def _argument(
        self, source: WrittenPhase, argument: WrittenArgument, phases: list[_Phase]
    ) -> str:
        """Process an argument. Returns the first word of its meaning here."""
        main, value, span = phases[-1], argument.value, argument.span
        slot = self._slot(source, argument)
        head, *rest = slot.split()
        reason = new = ""
        match head:
            case "T":
                self._put(main, "T", value, rest)
                reason = "the duration has no name"
            case "end":
                reason = "the duration has no name"
            case "set":
                self.settings[rest[0]] = str(value)
                reason = "settings come first, before a `|`"
            case "lr" | "peak" | "initial":
                self._rate(head, value)
                reason = "the base rate is the setting `lr`"
            case "warmup":
                self._warmed(argument, rest, phases)
                reason = "a warm-up is a phase"
            case "hold" if len(phases) == 3:
                self._put(phases[1], rest[0], value, rest[1:])
                reason = "each phase has its own duration"
            case "unit":
                reason = "a length has its unit: 10ep, 500st"
            case "clock":
                self.settings["clock"] = value.text
                reason = "settings come first, before a `|`"
            case "-":
                if rest and value.number != float(rest[0]):
                    raise Unclear
                reason = "leave it out"
            case "staircase" if main.kind == "exp":
                main.arguments["staircase"] = value.text.lower()
                reason = "a staircase is `source`"
            case _ if head in argument_names(main.kind):
                self._put(main, head, value, rest)
                shared = rest == ["x"] and not value.unit
                reason = f"this is a share: {head}={value}x" if shared else ""
                new = "" if rest else head
            case _:
                raise Unclear
        known = bool(aliases.argument(source.family, argument.name)) or head in ("T", "set")
        own = argument.name == head and head != "T"
        if (
            not own
            and (known or _normalized_name(argument.name) == head)
            and span not in (source.span, value.span)
        ):
            self.notes.append(Note(span, reason, new))
        return head

    def _put(self, phase: _Phase, name: str, value: Value, how: list[str]) -> None:
        """Set an argument of a phase, or its duration or shape."""
        if name == "T":
            phase.duration = self._length(value, *how)
        elif name == "shape":
            meaning = aliases.scheduler(value.text)
            shape = meaning.phases[-1][1] if meaning else ""
            if shape not in SHAPES:
                raise Unclear
            phase.kind, phase.named = shape, True
        elif how == ["x"]:
            phase.arguments[name] = str(value) if value.unit or not value.number else f"{value}x"
        elif how:
            phase.arguments[name] = self._length(value, *how)
        elif value.is_word:
            if value.text != "None":
                phase.arguments[name] = aliases.WORD_ALIASES.get(value.text, value.text)
        else:
            listed = name in LISTS and value.items is None
            phase.arguments[name] = f"[{value}]" if listed else str(value)

    def _length(self, value: Value, unit: str = "", *, whole: bool = False) -> str:
        """A length, or the length of the run, with the unit from the argument's name."""
        number = value.number
        if value.is_word:
            raise Unclear
        if not value.unit and number and (unit == "%" or (number < 1 and not unit)):
            return f"{number * 100 if number < 1 else number:g}%"
        if not value.unit and number and unit:
            least, most = self.units.get(unit, (0, inf))
            self.units[unit] = (least, min(most, number)) if whole else (max(least, number), most)
            return str(Value(value.text, value.span, unit))
        return f"{value}{unit}" if value.items and not value.unit else str(value)

    def _complete(self) -> None:
        """Set missing durations to the rest of the run, and the start of the warm-up."""
        plain = [stage[0] for stage in self.stages if len(stage) == 1]
        phases = [part for part in plain if isinstance(part, _Phase)]
        if self.initial and phases and phases[0].role == "warmup":
            phases[0].arguments.setdefault("from", self.initial)
        if not self.notes or any(phase.duration == "rest" for phase in phases):
            return
        for phase in phases[:-1]:
            if phase.text() == _BACK:
                phase.duration = "0"
        for before, after in pairwise(phases):
            if before.kind == "hold" and not before.duration and after.duration:
                before.duration = "rest"
                return
        last = phases[-1] if phases else None
        if last and not last.duration and last.role != "warmup" and not kinds()[last.kind].endless:
            last.duration = "rest"


def _phases(stages: list[list[_Factor]]) -> Iterator[_Phase]:
    for stage in stages:
        for part in stage:
            if isinstance(part, _Phase):
                yield part
            else:
                yield from _phases(part.stages)


def _phase_of_arguments(settings: list[WrittenArgument]) -> WrittenPhase | None:
    """The phase of arguments without a phase, if one of them implies it."""
    found = [
        kind
        for each in settings
        if (kind := aliases.DISTINCTIVE_ARGUMENTS.get(_normalized_name(each.name)))
    ]
    if not found:
        return None
    return WrittenPhase("", Span(0, 0), aliases.Meaning((("", found[0]),)), arguments=settings)


def _normalized_name(name: str) -> str:
    return name.lstrip("-").replace("-", "_").lower()


_OBJECTS = {"optimizer", "self.optimizer", "optim", "opt", "none"}
_ORDERS: dict[str, dict[str, str]] = {
    "ramp": {"nf": "T min", "fn": "min T", "ffn": "from min T"},
    "linear": {"nf": "T to", "ffn": "from to T", "nff": "T from to", "fn": "to T"},
    "warmup": {"nf": "T from", "ffn": "from to T", "nff": "T from to", "fn": "from T"},
    "hold": {"nf": "T to", "fn": "to T", "f": "to"},
    "poly": {"nf": "T power", "nn": "T power", "nff": "T power min"},
    "exp": {"f": "gamma", "nf": "T gamma", "fn": "gamma T"},
    "step": {"n": "every", "nf": "every gamma", "nn": "T every", "nnf": "T every gamma", "l": "at"},
    "multistep": {"l": "at", "lf": "at gamma", "nl": "T at", "ll": "at gamma", "nlf": "T at gamma"},
    "piecewise": {"ll": "at values", "nll": "T at values"},
    "inverse_time": {"f": "rate"},
    "inverse_sqrt": {"n": "timescale"},
    "restarts": {"n": "first", "nn": "first mult", "nnf": "first mult min", "nf": "first min"},
    "cyclic": {"ffn": "min max up", "ffnn": "min max up down", "ff": "min max"},
    "onecycle": {"f": "max", "nf": "T max", "fn": "max T"},
    "plateau": {"f": "factor", "fn": "factor patience", "nf": "patience factor"},
}
"""The names of unnamed values, by their types: a count, a fraction or a list."""
