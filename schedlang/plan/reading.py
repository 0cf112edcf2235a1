"""Reads a mapping into the lines of a plan; one error has the mistakes of all lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from schedlang.errors import Mistake, ScheduleError, did_you_mean, quoted
from schedlang.language import consistency
from schedlang.language.grammar import read_line
from schedlang.language.text import set_values, value_text
from schedlang.language.tree import Settings, Tree
from schedlang.language.validate import from_dict, located, translate
from schedlang.patterns import Pattern
from schedlang.phases.cycles import Cyclic, OneCycle
from schedlang.phases.plateau import Plateau
from schedlang.schedule import Schedule

PLAN_SETTINGS = tuple(name for name in Settings.model_fields if name != "lr")
VALUES = "values"


class Line(NamedTuple):
    """A line of a plan, and its place.

    Attributes:
        key: the hyperparameter, such as ``weight_decay``, or ``values``.
        pattern: the pattern of the groups' names, or the index of a group; None if the line is for
            all groups. For one of ``values``, its name.
        schedule: the line as written.
    """

    key: str
    pattern: Pattern | None
    schedule: Schedule

    @property
    def place(self) -> str:
        """The key of the line in mistakes: ``lr.backbone*``."""
        return place_in_plan(self.key, self.pattern)

    @property
    def is_value(self) -> bool:
        """Whether the line is one of `values`, and not of a hyperparameter."""
        return self.key == VALUES


def place_in_plan(key: str, pattern: Pattern | None) -> str:
    """The key of a line in mistakes."""
    return key if pattern is None else f"{key}.{pattern}"


def is_line(value: Any) -> bool:
    """Whether a value is a line: anything but a mapping without a list under ``stages``."""
    return not isinstance(value, Mapping) or isinstance(value.get("stages"), list | tuple)


def is_text_of_plan(text: str) -> bool:
    """Whether a text is a plan: no line has a colon outside comments."""
    code = re.sub(r"#[^\n]*", "", text).strip()
    return ":" in code or code.startswith("{")


def read_plan(raw: Mapping[Any, Any]) -> tuple[Settings, tuple[Line, ...]]:
    """The settings and the lines of a plan's mapping.

    Raises:
        ScheduleError: with every mistake of every line, in the order of the mapping.
    """
    found: list[Mistake] = []
    settings = _settings(raw, found)
    lines: list[Line] = []
    for key, pattern, value in _written(raw, found):
        lines += _line(key, pattern, value, found)
    if not lines and not found:
        advice = "write one for a hyperparameter: lr: cosine 90"
        found.append(Mistake("empty", "there is no line in this plan", advice))
    found += _conflicts(settings, lines)
    found += _units(settings, lines)
    found += _plateaus(lines)
    found += _momenta(lines)
    if found:
        raise ScheduleError(found)
    return settings, tuple(lines)


def in_line(error: ScheduleError, place: str) -> Iterator[Mistake]:
    """The mistakes of one line of a plan, each with its key and its text."""
    for mistake in error.mistakes:
        yield mistake._replace(place=place, text=error.text)


def _settings(raw: Mapping[Any, Any], found: list[Mistake]) -> Settings:
    values = {name: raw[name] for name in PLAN_SETTINGS if raw.get(name) is not None}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        found += (
            mistake._replace(place=str(mistake.path[0]), path=mistake.path[1:])
            for mistake in translate(error, (), values)
        )
        return Settings()


def _written(
    raw: Mapping[Any, Any], found: list[Mistake]
) -> Iterator[tuple[str, Pattern | None, Any]]:
    """The key, the pattern and the value of every line."""
    for key, value in raw.items():
        if not isinstance(key, str) or not key:
            message = f"a hyperparameter must be a name, not {quoted(key)}"
            found.append(Mistake("wrong-type", message))
        elif key in PLAN_SETTINGS:
            pass
        elif key == VALUES and is_line(value):
            message = f"`values` must be a mapping from names to lines, not {quoted(value)}"
            advice = "values: {teacher_momentum: linear 100 from=0.99 to=1}"
            found.append(Mistake("wrong-type", message, advice, place=key))
        elif is_line(value):
            yield key, None, value
        elif not value:
            found.append(Mistake("empty", f"`{key}` has no lines", place=key))
        else:
            patterns: dict[Pattern, Any] = {}
            for written, line in value.items():
                pattern = pattern_of(written) if key != VALUES else written
                if not _is_pattern(pattern) or (key == VALUES and pattern in raw):
                    found.append(_no_pattern(key, written))
                elif pattern in patterns:
                    place, message = place_in_plan(key, pattern), f"`{pattern}` is given twice"
                    found.append(Mistake("double-argument", message, place=place))
                else:
                    patterns[pattern] = line
                    yield key, pattern, line


def _is_pattern(pattern: Any) -> bool:
    if isinstance(pattern, str):
        return bool(pattern)
    return isinstance(pattern, int) and not isinstance(pattern, bool) and pattern >= 0


def pattern_of(written: Any) -> Any:
    """A pattern; a number may be given as text, since JSON's keys are text."""
    if isinstance(written, str) and written.isascii() and written.isdecimal():
        return int(written[-9:]) if len(written) < 10 else written
    return written


def _no_pattern(key: str, written: Any) -> Mistake:
    if key == VALUES and isinstance(written, str) and written:
        message = f"the value `{written}` has the same name as a key of the plan"
        return Mistake("double-argument", message, "give it another name", place=key)
    what = (
        "value must be a name" if key == VALUES else "group must be a name, a pattern or a number"
    )
    return Mistake("wrong-type", f"the key of a {what}, not {quoted(written)}", place=key)


def _line(key: str, pattern: Pattern | None, value: Any, found: list[Mistake]) -> list[Line]:
    try:
        return [Line(key, pattern, _read_line(key, value))]
    except ScheduleError as error:
        found += in_line(error, place_in_plan(key, pattern))
        return []


def _read_line(key: str, value: Any) -> Schedule:
    """The schedule of one line; the clock is checked later, for the whole plan."""
    if isinstance(value, Schedule):
        return value
    text = value if isinstance(value, str) else None
    raw: Any
    if text is not None:
        raw = read_line(text)
    elif isinstance(value, Mapping):
        raw = dict(value)
    else:
        close = did_you_mean(key, PLAN_SETTINGS)
        advice = close if close.startswith("did") else "write a line, such as hold to=0.1"
        message = f"expected a line of text or its dict form, not {quoted(value)}"
        raise ScheduleError([Mistake("wrong-type", message, advice)])
    if raw.get("clock") is not None:
        return Schedule._of(from_dict(raw, text), text)
    raw["clock"] = "step"
    tree = from_dict(raw, text)
    return Schedule._of(tree.model_copy(update={"clock": None}), text)


# ── Checks between the lines ─────────────────────────────────────────────────────────────────


def shared(settings: Settings, lines: Iterable[Line]) -> dict[str, Any]:
    """The settings of the run: those of the plan and of its lines, without `lr=`."""
    found = dict(set_values(settings))
    for line in lines:
        for name, value in set_values(line.schedule):
            found.setdefault(name, value)
    found.pop("lr", None)
    return found


def as_one(settings: Settings, lines: Iterable[Line]) -> Tree:
    """The plan as a single line, for the rules of the clock."""
    lines = list(lines)
    stages = tuple(stage for line in lines for stage in line.schedule.stages)
    return Tree.model_construct(stages=stages, **shared(settings, lines))


def in_its_line(mistake: Mistake, lines: Iterable[Line]) -> Mistake:
    """A mistake in the plan as a single line, moved to its own line."""
    match mistake.path:
        case ("stages", int(index), *rest):
            for line in lines:
                count = len(line.schedule.stages)
                if index < count:
                    own = mistake._replace(path=("stages", index, *rest))
                    (placed,) = located([own], line.schedule._source, line.schedule).mistakes
                    return placed._replace(place=line.place, text=line.schedule._source)
                index -= count
        case (str(setting),):
            return mistake._replace(place=setting, path=())
    return mistake


def _units(settings: Settings, lines: list[Line]) -> Iterator[Mistake]:
    """No bare length may be ambiguous in the plan as a whole."""
    whole = as_one(settings, lines)
    for mistake in consistency.clock(whole, whole, "set clock: in the plan"):
        yield in_its_line(mistake, lines)


def _conflicts(settings: Settings, lines: list[Line]) -> Iterator[Mistake]:
    """A setting must have the same value in the whole plan."""
    first = {name: (value, "the plan") for name, value in set_values(settings)}
    for line in lines:
        for name, value in set_values(line.schedule):
            known, place = first.setdefault(name, (value, f"`{line.place}`"))
            if name != "lr" and value != known:
                message = f"`{name}` is given twice: {value_text(known)} in {place}, "
                message += f"{value_text(value)} in `{line.place}`"
                mistake = Mistake("conflicting-settings", message, "give it once", (name,))
                yield _at(mistake, line)


def _at(mistake: Mistake, line: Line) -> Mistake:
    """The mistake with its place in a line."""
    source = line.schedule._source
    (placed,) = located([mistake], source, line.schedule).mistakes
    return placed._replace(place=line.place, text=source)


def _plateaus(lines: list[Line]) -> Iterator[Mistake]:
    """All plateaus must have the same metric."""
    first: tuple[Plateau, str] | None = None
    for line in lines:
        for path, node in consistency.walk(line.schedule.stages):
            if not isinstance(node, Plateau):
                continue
            if first is None:
                first = node, line.place
            for name in ("monitor", "mode"):
                ours, theirs = (_of_plateau(each, name) for each in (node, first[0]))
                if ours != theirs:
                    message = f"plateaus need one `{name}`: {theirs} in `{first[1]}`, "
                    message += f"{ours} in `{line.place}`"
                    mistake = Mistake("conflicting-settings", message, path=(*path, name))
                    yield _at(mistake._replace(advice=f"write {name}={theirs}"), line)


def _of_plateau(plateau: Plateau, name: str) -> str:
    return plateau.monitor if name == "monitor" else plateau.mode or "min"


def _momenta(lines: list[Line]) -> Iterator[Mistake]:
    """`momentum=` may only be in lines of `lr`, of plans without a line for the momentum."""
    own = next((line.key for line in lines if line.key in {"momentum", "beta1"}), None)
    for line in lines:
        for path, node in consistency.walk(line.schedule.stages):
            if not isinstance(node, Cyclic | OneCycle) or node.momentum is None:
                continue
            place = (*path, "momentum")
            if line.key != "lr":
                message = f"`momentum=` moves the momentum, but this is a line for `{line.key}`"
                mistake = Mistake("does-not-apply", message, "write it in a line for lr", place)
                yield _at(mistake, line)
            elif own is not None:
                message = f"`momentum=` and the plan's `{own}` set the same number"
                yield _at(Mistake("double-argument", message, "write one of them", place), line)
