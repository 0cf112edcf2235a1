"""The marks of a space (choices and ranges in a line), and the check of all its lines."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count, cycle, islice, pairwise, product, zip_longest
from numbers import Real
from typing import NamedTuple, TypeAlias

from schedlang.errors import Mistake, ScheduleError, Span, quoted
from schedlang.language.consistency import arguments, walk
from schedlang.language.placed import place_of
from schedlang.language.quantities import LEVEL_UNITS, UNITS, Length, read_quantity
from schedlang.language.tree import Tree
from schedlang.language.validate import from_text
from schedlang.phases import kinds
from schedlang.phases.arguments import Duration

MOST_CHECKED = 10_000
"""The number of lines of a space that are parsed when it is made."""
MOST_READ = 10_000_000
"""The maximum total length of these lines in characters; long lines mean fewer lines."""
LONGEST = 10_000
"""The maximum length of a space in characters, since thousands of its lines are parsed."""


@dataclass(frozen=True)
class Choices:
    """``<a, b, c>``: one of several texts."""

    options: tuple[str, ...]

    def text(self, value: object) -> str:
        """The option that a config value selects.

        Raises:
            ValueError: if there is no such option.
        """
        if isinstance(value, bool) or str(value) not in self.options:
            raise ValueError(f"{quoted(value)} is not one of {', '.join(self.options)}")
        return str(value)

    def draw(self, rng: random.Random) -> str:
        return rng.choice(self.options)


@dataclass(frozen=True)
class Range:
    """``<low .. high>``: a number and the unit that follows it.

    Attributes:
        low: the lower end.
        high: the upper end.
        unit: the unit as written, with a preceding blank if it has one; empty if there is none.
        log: whether numbers are drawn on a logarithmic scale.
        whole: whether numbers are whole.
        options: the text of both ends.
    """

    low: Fraction
    high: Fraction
    unit: str
    log: bool
    whole: bool
    options: tuple[str, str]

    @property
    def ends_are_whole(self) -> bool:
        return self.low.denominator == self.high.denominator == 1

    def text(self, value: object) -> str:
        """A config value as the text of a number in the language.

        Raises:
            ValueError: if it is not a number in the range.
        """
        if isinstance(value, bool) or not isinstance(value, Real):
            raise ValueError(f"{quoted(value)} is not a number")  # noqa: TRY004  # a config's mistake
        number = float(value)
        low, high = float(self.low), float(self.high)
        if not low - 1e-9 * high <= number <= high * (1 + 1e-9):
            raise ValueError(f"{quoted(value)} is not in {self.options[0]} .. {self.options[1]}")
        if self.whole:
            if number != int(number):
                raise ValueError(f"{quoted(value)} is not whole")
            return f"{int(number)}{self.unit}"
        rounded = re.sub(r"e([+-])0", r"e\1", f"{number:.6g}")
        if Fraction(rounded) <= self.low:
            return self.options[0]
        return self.options[1] if Fraction(rounded) >= self.high else f"{rounded}{self.unit}"

    def draw(self, rng: random.Random) -> float:
        low, high = float(self.low), float(self.high)
        if self.log:  # a whole number n has the probability of n to n + 1
            number = math.exp(rng.uniform(math.log(low), math.log(high + self.whole)))
            return min(int(number) if self.whole else number, high)
        return rng.randint(int(low), int(high)) if self.whole else rng.uniform(low, high)


Parameters: TypeAlias = dict[str, Choices | Range]


@dataclass(frozen=True)
class Template:
    """A parsed space.

    Attributes:
        literals: the texts before, between and after the marks.
        names: the name of each mark, in the order of the text.
        parameters: the choices or range of each name.
    """

    literals: tuple[str, ...]
    names: tuple[str, ...]
    parameters: Parameters

    def line(self, texts: Mapping[str, str]) -> str:
        """The line with these texts in place of the marks; runs of blanks become one."""
        chosen = [texts[name] for name in self.names]
        return " ".join(_put_together(self.literals, chosen).split())


def read_space(text: str) -> Template:
    """The template of a space, after all its lines have been checked.

    Raises:
        ScheduleError: with the mistakes of the marks, or of any line of the space.
    """
    if len(text) > LONGEST:
        message = f"the space has {len(text):,} characters; the maximum is {LONGEST:,}"
        raise ScheduleError([Mistake("too-long", message)])
    clean = re.sub(r"#[^\n]*", lambda comment: " " * len(comment[0]), text)
    marks = _named(text, clean, _marks(text, clean))
    edges = [0, *(edge for mark in marks for edge in mark.span), len(clean)]
    literals = tuple(clean[i:j] for i, j in zip(edges[::2], edges[1::2], strict=True))
    names = tuple(mark.name for mark in marks)
    return Template(literals, names, _checked(text, literals, marks))


def _put_together(literals: Iterable[str], texts: Iterable[str]) -> str:
    return "".join(part for pair in zip(literals, (*texts, ""), strict=True) for part in pair)


# ── Marks ────────────────────────────────────────────────────────────────────────────────────────


class _Mark(NamedTuple):
    """A mark in the text.

    Attributes:
        span: the whole mark with its label.
        name: its label; empty until a name is assigned.
        parameter: its choices or its range.
        places: the span of each choice, or of each end of the range.
    """

    span: Span
    name: str
    parameter: Choices | Range
    places: tuple[Span, ...]


_SIGN = re.compile(r"->|\{[^}]*\}?|[<>,\[\](){}]")
_LABEL = re.compile(r"(?<![\w./-])[A-Za-z_]\w*\Z", re.ASCII)
_WORDS = {"warmup", "decay", "rest", "until", "inf", "x", "fn", "true", "false"}


def _marks(text: str, clean: str) -> list[_Mark]:
    """The marks of a text.

    Args:
        text: the text, for the error message.
        clean: the text with comments replaced by blanks.

    Raises:
        ScheduleError: with the mistakes of the marks themselves.
    """
    found: list[_Mark] = []
    mistakes: list[Mistake] = []
    begin, depth, nested, cuts = -1, 0, 0, [0]
    for sign in _SIGN.finditer(clean):
        match sign[0]:
            case "<" if begin < 0:
                begin, depth, nested, cuts = sign.start(), 0, 0, [sign.start()]
            case "<":
                nested += 1
                mistakes.append(
                    _bad(
                        "a mark cannot contain another mark",
                        "write all choices in one",
                        *sign.span(),
                    )
                )
            case _ if begin < 0:
                pass
            case "[" | "(":
                depth += 1
            case "]" | ")":
                depth -= 1
            case "," if depth <= 0 and not nested:
                cuts.append(sign.start())
            case ">" if nested:
                nested -= 1
            case ">" if depth <= 0:
                cuts.append(sign.start())
                places = [_stripped(clean, i + 1, j) for i, j in pairwise(cuts)]
                try:
                    found.append(_mark(clean, begin, sign.end(), places))
                except ScheduleError as error:
                    mistakes += error.mistakes
                begin = -1
    if begin >= 0:
        advice = "end it with `>`" if depth <= 0 else "close the bracket inside it, and end it"
        mistakes.append(_bad("the mark is not closed", advice, begin, begin + 1))
    if mistakes:
        raise ScheduleError(mistakes, text)
    return found


def _bad(message: str, advice: str, begin: int, end: int) -> Mistake:
    return Mistake("bad-mark", message, advice, span=Span(begin, end))


def _stripped(clean: str, begin: int, end: int) -> Span:
    inside = clean[begin:end]
    begin += len(inside) - len(inside.lstrip())
    return Span(begin, begin + len(inside.strip()))


def _mark(clean: str, begin: int, end: int, places: list[Span]) -> _Mark:
    """The mark from ``<`` to ``>`` whose choices are at these places.

    Raises:
        ScheduleError: with what is wrong with it, each mistake with its span.
    """
    options = [clean[slice(*place)] for place in places]
    label = _LABEL.search(clean, 0, begin)
    name = label[0] if label else ""
    mistakes = []
    if label and (name in _WORDS or name in UNITS or name in kinds()):
        message = f"`{name}` is a word of the language and cannot name a mark"
        mistakes.append(_bad(message, "put a blank before `<`", begin - len(name), begin))
    for i, (option, place) in enumerate(zip(options, places, strict=True)):
        if not option:
            mistakes.append(_bad("a choice is empty", "write an option", *place))
        elif option in options[:i]:
            mistakes.append(_bad(f"the choice {quoted(option)} is given twice", "", *place))
        elif len(options) > 1 and _IS_RANGE.search(option):
            mistakes.append(
                _bad("a range must be alone in its mark", "write <low .. high>", *place)
            )
    if mistakes:
        raise ScheduleError(mistakes)
    span = Span(begin - len(name), end)
    if _IS_RANGE.search(options[0]):
        # In `0.<1 .. 9>` and `1e-<2 .. 5>` the mark is a part of a number: only digits are valid.
        whole = not name and re.search(r"[\d._]\Z|\d[eE][+-]?\Z", clean[:begin]) is not None
        parameter, places = _range(options[0], places[0], whole=whole)
        return _Mark(span, name, parameter, tuple(places))
    return _Mark(span, name, Choices(tuple(options)), tuple(places))


_IS_RANGE = re.compile(r"\s\.\.|\.\.\s|^[-.\d]\S*?\.\.")
_RANGE = re.compile(r"(?P<low>.*?)\s*\.\.\s*(?P<high>.*?)(?P<log>\s+log)?", re.DOTALL)


def _range(option: str, place: Span, *, whole: bool) -> tuple[Range, list[Span]]:
    """The range ``low .. high [log]`` and the places of its ends.

    Raises:
        ScheduleError: with what is wrong with it, each mistake with its span.
    """
    parts = _RANGE.fullmatch(option)
    assert parts is not None  # there is `..` in it
    ends, places, mistakes = [], [], []
    for end in ("low", "high"):
        places.append(Span(place.begin + parts.start(end), place.begin + parts.end(end)))
        try:
            number, name = read_quantity(parts[end])
        except ScheduleError as error:
            mistakes += [each._replace(span=places[-1]) for each in error.mistakes]
        else:
            digits = parts[end].removesuffix(name).rstrip()
            ends.append((number, _UNIT_NAMES.get(name, name), digits, parts[end][len(digits) :]))
    if mistakes:
        raise ScheduleError(mistakes)
    (low, low_name, low_digits, low_unit), (high, high_name, high_digits, high_unit) = ends
    log = parts["log"] is not None
    if low_name != high_name and (low_name or low) and (high_name or high):
        message = f"the ends of this range have different units: {parts['low']}, {parts['high']}"
        mistakes.append(_bad(message, "use the same unit for both", *place))
    elif low > high:
        message = "the first end of this range is above the second"
        mistakes.append(_bad(message, f"write {parts['high']} .. {parts['low']}", *place))
    elif log and not low:
        mistakes.append(_bad("a logarithmic scale has no 0", "", *places[0]))
    if mistakes:
        raise ScheduleError(mistakes)
    unit = low_unit or high_unit
    texts = (low_digits + unit, high_digits + unit)
    return Range(low, high, unit, log, whole, texts), places


_UNIT_NAMES: Mapping[str, str] = {**UNITS, **LEVEL_UNITS}


def _named(text: str, clean: str, marks: list[_Mark]) -> list[_Mark]:
    """The marks with names; a mark without a label is named after its argument or phase.

    Raises:
        ScheduleError: if marks with the same label have different options.
    """
    labels: dict[str, _Mark] = {}
    mistakes = []
    for mark in marks:
        first = labels.setdefault(mark.name, mark) if mark.name else mark
        if first.parameter != mark.parameter:
            message = f"`{mark.name}` names two marks with different options"
            mistakes.append(
                _bad(message, "give both the same options, or different names", *mark.span)
            )
    if mistakes:
        raise ScheduleError(mistakes, text)
    outline = re.sub(r"\{[^}]*\}?", lambda body: " " * len(body[0]), clean)
    for mark in marks:
        begin, end = mark.span
        outline = f"{outline[:begin]}{chr(0) * (end - begin)}{outline[end:]}"
    names = set(labels)
    named = []
    for mark in marks:
        name = mark.name or _unique(_where(outline, mark.span.begin), names)
        names.add(name)
        named.append(mark._replace(name=name))
    return named


def _where(outline: str, begin: int) -> str:
    """The argument or phase that contains a mark.

    Args:
        outline: the text with placeholders for marks and expressions.
        begin: the start of the mark.
    """
    separators = list(re.finditer(r"->|[*|(]", outline[:begin]))
    inside = outline[separators[-1].end() if separators else 0 : begin]
    in_list = inside.rfind("[") > inside.rfind("]")
    name, equals, value = inside[: inside.rfind("[") if in_list else None].rpartition("=")
    argument = _LABEL.search(name.rstrip())
    if equals and argument and not re.search(r"\S\s" if not in_list else r"\S", value):
        return argument[0]
    if "|" in outline[begin:]:
        return "settings"
    if ")" in inside:
        return "times"
    word = re.match(r"\s*([A-Za-z_]\w*)", inside)
    return word[1] if word else f"phase{sum(each[0] in ('->', '*') for each in separators) + 1}"


def _unique(name: str, names: set[str]) -> str:
    """The name, with a number appended if it is taken: ``min2``, ``phase2_2``."""
    stem = f"{name}_" if name[-1].isdigit() else name
    tries = (name if number == 1 else f"{stem}{number}" for number in count(1))
    return next(each for each in tries if each not in names)


# ── All lines of a space ─────────────────────────────────────────────────────────────────────────


def _checked(text: str, literals: tuple[str, ...], marks: list[_Mark]) -> Parameters:
    """The parameters by name, once the lines of the space are parsed.

    Raises:
        ScheduleError: with every mistake of every line that was parsed.
    """
    parameters = {mark.name: mark.parameter for mark in marks}
    # Each mistake with the options that are common to all lines that have it.
    found: dict[tuple[str, Span | None, str], tuple[Mistake, set[tuple[str, str]]]] = {}
    longest = sum(map(len, literals))
    longest += sum(max(map(len, parameters[mark.name].options)) for mark in marks)
    most = min(MOST_CHECKED, MOST_READ // max(1, longest))
    for chosen in _combinations([each.options for each in parameters.values()], most):
        config = dict(zip(parameters, chosen, strict=True))
        parts = _parts(literals, marks, config)
        try:
            tree = from_text(_put_together(literals, [config[mark.name] for mark in marks]))
        except ScheduleError as error:
            for mistake in error.mistakes:
                placed = mistake._replace(path=(), span=_in_space(mistake.span, parts))
                key = (placed.code, placed.span, re.sub(r"\d[\d.,]*", "", placed.message))
                _, common = found.setdefault(key, (placed, set(config.items())))
                common.intersection_update(config.items())
        else:
            _find_whole(tree, parts, parameters)
    if found:
        causes = [_with_cause(*each, marks, parameters) for each in found.values()]
        raise ScheduleError(causes, text)
    return parameters


def _combinations(options: list[tuple[str, ...]], most: int) -> Iterable[tuple[str, ...]]:
    """All combinations, or at most ``most`` of them in which each option is equally frequent."""
    if math.prod(map(len, options)) <= most:
        return product(*options)
    rng = random.Random(0)  # noqa: S311  # not for secrets
    columns = [list(islice(cycle(each), most)) for each in options]
    for column in columns:
        rng.shuffle(column)
    return zip(*columns, strict=True)


class _LinePart(NamedTuple):
    """A part of a line: its place there, its source in the space, and its mark, if any."""

    begin: int
    end: int
    source: Span
    mark: _Mark | None


def _parts(
    literals: tuple[str, ...], marks: list[_Mark], config: dict[str, str]
) -> list[_LinePart]:
    found = []
    at = here = 0
    for literal, mark in zip_longest(literals, marks):
        found.append(_LinePart(at, at + len(literal), Span(here, here + len(literal)), None))
        at += len(literal)
        if mark is not None:
            option = config[mark.name]
            source = mark.places[mark.parameter.options.index(option)]
            found.append(_LinePart(at, at + len(option), source, mark))
            at += len(option)
            here = mark.span.end
    return found


def _in_space(span: Span | None, parts: list[_LinePart]) -> Span | None:
    """The span of a line mapped to the space; a mark that it overlaps is included as a whole."""
    if span is None:
        return None
    begin, end = span
    inside = [part for part in parts if part.begin < end and begin < part.end]
    if not inside:  # a place between two characters
        inside = [part for part in parts if part.begin <= begin <= part.end][-1:]
    first, last = inside[0], inside[-1]
    if first is last and first.end - first.begin != len(range(*first.source)):
        return first.source  # the 0 of `<0 .. 10%>`, to which a unit was added
    if first.mark is None or first is last:
        begin += first.source.begin - first.begin
    else:
        begin = first.mark.span.begin
    if last.mark is None or first is last:
        end += last.source.begin - last.begin
    else:
        end = last.mark.span.end
    return Span(begin, end)


def _with_cause(
    mistake: Mistake, common: set[tuple[str, str]], marks: list[_Mark], parameters: Parameters
) -> Mistake:
    """The mistake with the options in its message that every line with this mistake has."""
    begin, end = mistake.span or (0, 0)
    shown = {mark.name for mark in marks if mark.span.begin <= begin < end <= mark.span.end}
    cause = [
        quoted(f"{name}={option}")
        for name, each in parameters.items()
        for option in dict.fromkeys(each.options)
        if (name, option) in common and len(set(each.options)) > 1 and name not in shown
    ]
    if not cause:
        return mistake
    return mistake._replace(message=f"{mistake.message}, with {' and '.join(cause)}")


def _find_whole(tree: Tree, parts: list[_LinePart], parameters: Parameters) -> None:
    """Note which ranges need whole numbers, by the values at their places in a line."""
    undecided: dict[int, tuple[str, Range]] = {}
    for part in parts:
        each = parameters[part.mark.name] if part.mark else None
        if part.mark and isinstance(each, Range) and each.ends_are_whole and not each.whole:
            undecided[part.begin] = part.mark.name, each
    for span, value in _values(tree) if undecided else ():
        for position in range(*span):
            if position in undecided and _is_whole(value):
                name, each = undecided[position]
                parameters[name] = replace(each, whole=True)


def _is_whole(value: object) -> bool:
    match value:
        case int():
            return True
        case Length(unit=unit) | Duration(length=Length(unit=unit)):
            return unit in ("", "st", "ep")
        case _:
            return False


def _values(tree: Tree) -> Iterator[tuple[Span, object]]:
    """The settings and arguments of a line, and the items of lists, each with its place."""
    for node in (tree, *(node for _, node in walk(tree.stages))):
        place = place_of(node)
        assert place is not None  # it was parsed from a text
        for name, value in arguments(node):
            values = value if isinstance(value, tuple) else (value,)
            yield from zip(place.spans(name), values, strict=False)  # a group's stages have none
