"""Reads a line with the habits of other libraries: looser than the grammar, for advice alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from schedlang.errors import Code, Span, quoted
from schedlang.language import aliases
from schedlang.language.quantities import UNITS
from schedlang.phases import kinds

DEEPEST = 16
ROLES = ("warmup", "decay")
SHAPES = ("linear", "cosine", "poly", "sqrt", "exp")
SETTINGS = ("lr", "total", "steps_per_epoch", "samples_per_step", "tokens_per_step", "clock")
LISTS = ("at", "values", "momentum")


class Unclear(Exception):  # noqa: N818  # no error: there is no answer then
    """Raised where a text is not understood, even loosely."""


class Note(NamedTuple):
    """One habit in a line: where it is, and the rule that it breaks."""

    span: Span
    reason: str = ""
    new: str = ""
    """What to write in its place, where that is all that changes."""
    message: str = ""
    """What is wrong, if not that something is unexpected."""
    code: Code = "syntax"


@dataclass
class Value:
    """A number with its unit, a word, or a list of values."""

    text: str
    span: Span
    unit: str = ""
    items: list[Value] | None = None
    is_word: bool = False

    def __str__(self) -> str:
        if self.items is not None:
            return f"[{', '.join(map(str, self.items))}]{self.unit}"
        if self.unit in ("", "%", "x"):
            return self.text + self.unit
        return (
            f"{self.text}{' ' if self.text[-1].isalpha() or len(self.unit) > 2 else ''}{self.unit}"
        )

    @property
    def number(self) -> float | None:
        """Its size; None for what is no plain number."""
        match = re.fullmatch(r"(-?[\d._]*(?:[eE][+-]?\d+)?)([kMBT]?)", self.text)
        if self.is_word or self.items is not None or match is None:
            return None
        return float(match[1].replace("_", "")) * {"k": 1e3, "M": 1e6, "B": 1e9}.get(match[2], 1)

    @property
    def counts(self) -> bool:
        """Whether it is a length rather than a rate or a share."""
        number = self.number
        return self.unit not in ("", "%", "x") or (number is not None and number >= 1)


class Argument(NamedTuple):
    """A value with its name, as written."""

    name: str
    value: Value
    span: Span


@dataclass
class Step:
    """A phase as written: what its name stands for, and its values."""

    name: str
    span: Span
    meaning: aliases.Meaning
    duration: str = ""
    """``rest`` or ``until X``."""
    values: list[Value] = field(default_factory=list)
    arguments: list[Argument] = field(default_factory=list)
    body: str = ""

    @property
    def kind(self) -> str:
        """The kind of its last phase."""
        role, kind = self.meaning.phases[-1]
        return kind or ("linear" if role else "")

    @property
    def family(self) -> str:
        """The name under which its arguments are looked up."""
        return "wsd" if len(self.meaning.phases) > 2 else self.kind


@dataclass
class Group:
    """Parentheses around stages, and how often they come."""

    stages: list[Stage]
    times: str = ""


Stage = list["Step | Group"]
"""Factors that are multiplied; usually one."""


@dataclass
class Line:
    """A line as written, with the habits in it."""

    settings: list[Argument]
    stages: list[Stage]
    notes: list[Note]


class _Token(NamedTuple):
    kind: str
    text: str
    span: Span


_LOOKS_LIKE = {
    '"': "\u201c\u201d\u201e\u2033\u00ab\u00bb",
    "'": "\u2018\u2019\u201a\u2032\u00b4",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212",
    "*": "\u22c5\u00b7\u2219",
    "x": "\u00d7",
}
_SAME = {ord(sign): plain for plain, signs in _LOOKS_LIKE.items() for sign in signs}
_SAME |= {0xFEE0 + code: chr(code) for code in range(0x21, 0x7F)}  # the full-width forms
_TOKEN = re.compile(
    r"""
    (?P<blank>(?:\s|\\\n|\#[^\n]*)+)
  | (?P<arrow>[-=~]*>+|[→⟶⇒➔➜⟹➡⇨])
  | (?P<name>1[_-]?cycle\w*|(?:--)?[A-Za-z_]\w*(?:[.-](?=[A-Za-z])\w+)*)
  | (?P<number>-?(?:\d{1,3}(?:,\d{3})+(?![\d,.])|\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?
        (?:/\d[\d_]*)?(?:[kMBTKb](?![A-Za-z0-9_])|[kMBT](?=(?:st|ep|tok|ex)))?)
  | (?P<string>"[^"\n]*"|'[^'\n]*')
  | (?P<sign>\*\*|&&|\|\||[][(){},;:|*=+%^/!<>?.-])
    """,
    re.VERBOSE,
)
_WRAPPED = re.compile(r"""\s*(?:[\w.-]+\s*[:=]\s*)?(["'`])(?P<inside>.*)\1[;,]?\s*""", re.DOTALL)
_ARROWS = "phases are joined by `->`"
_BLANKS = "arguments are separated by blanks"
_NAMED = "a name and its value are joined by `=`"
_FIRST = "settings come first, and end in `|`"
_OPTIONS = "a line has no options"
_THEN = {"then", "and", "followed", "after", "into"}
_OF_STEPS = {"opt", "optimizer", "optim", "training", "train", "gradient", "global"}
_FILLING = {"for", "over", "with", "of", "in", "the", "a", "an", "lasting", "down", "by", "and"}

_IN_FN = {
    "tick": ("t", "the tick is `t`"),
    "total": ("T", "the duration is `T`"),
    "module": ("", "functions are written without a module"),
    "^": ("**", "power is `**`"),
    "&&": (" and ", "conditions are joined by `and`"),
    "||": (" or ", "conditions are joined by `or`"),
}
_FOREIGN = re.compile(
    r"(?P<module>\b(?:math|np|numpy|jnp|torch|tf)\.)|\^|&&|\|\|"
    r"|(?P<tick>\b(?:epoch|step|iter|iteration|current_step)\b)"
    r"|(?P<total>\b(?:epochs|total_steps|num_steps|max_steps|num_training_steps|T_max)\b)"
)


def read(text: str) -> Line:
    """The line as its writer meant its parts, with a note for each habit.

    Raises:
        Unclear: if there is something in it that has no meaning here.
    """
    return _Reader(text).line()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.notes: list[Note] = []
        self.settings: list[Argument] = []
        self.depth = 0
        same = text.translate(_SAME)
        wrapped = _WRAPPED.fullmatch(same)
        if wrapped and wrapped[1] not in wrapped["inside"] and " " in wrapped["inside"].strip():
            begin, end = wrapped.span("inside")
            same = " " * begin + same[begin:end] + " " * (len(same) - end)
            first = len(text) - len(text.lstrip())
            self.note(Span(first, begin), "a line has no quotes around it")
        self.tokens = list(self._tokens(same))
        self.at = 0

    # ── Tokens ──

    def _tokens(self, same: str) -> Iterator[_Token]:
        begin = 0
        last: list[str] = []
        while begin < len(same):
            if same[begin] == "{" and "fn" in last[-3:]:
                end = same.find("}", begin) + 1 or len(same)
                yield _Token("body", same[begin + 1 : end].rstrip("}"), Span(begin, end))
                last.append("{")
                begin = end
                continue
            match = _TOKEN.match(same, begin)
            if match is None:
                raise Unclear
            begin = match.end()
            if match.lastgroup != "blank":
                last.append(match[0].lower())
                yield _Token(match.lastgroup or "", match[0], Span(*match.span()))
                written = self.text[match.start() : begin]
                if written != match[0] and match.lastgroup not in ("arrow", "string"):
                    self.note(Span(*match.span()), "a typographical sign", match[0])

    def peek(self, ahead: int = 0) -> _Token:
        at = self.at + ahead
        if at < len(self.tokens):
            return self.tokens[at]
        return _Token("end", "", Span(len(self.text), len(self.text)))

    def next(self) -> _Token:
        token = self.peek()
        if token.kind == "end":
            raise Unclear
        self.at += 1
        return token

    def takes(self, *texts: str) -> _Token | None:
        """The next token, if it is one of these."""
        token = self.peek()
        if token.kind == "end" or token.text.lower() not in texts:
            return None
        return self.next()

    def note(self, span: Span, reason: str = "", new: str = "", message: str = "") -> None:
        self.notes.append(Note(span, reason, new, message))

    def _adjacent(self) -> bool:
        return self.at > 0 and self.peek().span.begin == self.tokens[self.at - 1].span.end

    # ── A line ──

    def line(self) -> Line:
        stages = self.pipeline(())
        if self.peek().kind != "end":
            raise Unclear
        return Line(self.settings, stages, self.notes)

    def pipeline(self, closing: tuple[str, ...]) -> list[Stage]:
        """Stages up to a closing sign or the end."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unclear
        stages: list[Stage] = []
        joined = True
        while self.peek().kind != "end" and self.peek().text not in closing:
            if not stages and self._settings():
                continue
            if not stages and self.peek().text == "-":
                self.note(self.next().span, _ARROWS)
            if not joined:
                self.note(self.peek().span, _ARROWS)
            stages += self._stage(closing)
            joined = self._joint(closing)
        self.depth -= 1
        return stages

    def _joint(self, closing: tuple[str, ...]) -> bool:
        """Whether something joins the next stage to the last one."""
        token = self.peek()
        following = self.peek(1)
        last = following.kind == "end" or following.text in closing
        if token.kind == "arrow" or token.text in (",", ";", "|", "+", "-", "/", "&&", "||"):
            if token.kind == "arrow" and last:
                raise Unclear  # the text ends too early: that is said already
            self.next()
            if last:
                self.note(token.span, f"leave out the `{token.text}` at the end")
            elif self.text[slice(*token.span)] != "->" and (token.text != "," or closing != ("]",)):
                after = self._named_setting()
                self.note(token.span, _FIRST if after else _ARROWS)
            if token.text in (",", ";") and (
                self.peek().text in _THEN or self.peek().kind == "arrow"
            ):
                self.next()
            return True
        if token.text in (":", ".") and last:
            self.next()
            self.note(token.span, f"leave out the `{token.text}` at the end")
            return True
        if token.text.lower() in _THEN:
            end = token
            while self.peek().text.lower() in {*_THEN, "by", "a", "with"}:
                end = self.next()
            self.note(Span(token.span.begin, end.span.end), _ARROWS)
            return True
        return False

    # ── Settings ──

    def _named_setting(self) -> bool:
        """Whether a setting with its name is next."""
        token, sign, value = self.peek(), self.peek(1), self.peek(2)
        if token.kind == "string" and sign.text == ":":
            token = token._replace(text=token.text.strip("\"'"))
        elif token.kind != "name":
            return False
        name = token.text
        slot = aliases.argument("", name) or ""
        plain = name.lower() in SETTINGS
        if sign.kind == "number" and not self._is_phase(name):
            return plain or bool(slot)
        if sign.text not in ("=", ":"):
            return name.startswith("--") and sign.kind != "end"
        if self._is_phase(name) and not (slot and not slot.startswith("warmup")):
            return value.kind == "string" and name == "warmup"
        return True

    def _settings(self) -> bool:
        """Read a setting, or the end of the settings; whether there was one."""
        token = self.peek()
        if token.text == "|" and self.settings:
            self.next()
            return True
        if not self._named_setting():
            if not (self.settings and self.at and self.depth == 1):
                return False
            before = self.tokens[self.at - 1]
            if (token.kind == "arrow" or token.text == ":") and before.text != "|":
                self.next()
                self.note(token.span, "settings end in `|`")
                return True
            if before.text != "|" and before.kind != "arrow" and token.text not in (",", ";", "("):
                gap = Span(before.span.end, token.span.begin)
                self.note(gap, "settings end in `|`", message="a `|` is missing")
            if token.text in (",", ";"):
                self.next()
                return True
            return False
        self._setting()
        comma = self.peek()
        if comma.text in (",", ";"):
            self.next()
            if self._named_setting():
                self.note(comma.span, "settings are separated by blanks")
            else:
                self.note(comma.span, "settings end in `|`")
                if self.peek().text != "|":  # the gap is noted here
                    self.tokens[self.at - 1] = comma._replace(text="|")
        return True

    def _setting(self) -> None:
        argument = self._argument(SETTINGS)
        name = argument.name.lstrip("-").replace("-", "_").lower()
        if name in aliases.NAMING and argument.value.is_word:
            # The name of the scheduler: read it again as the beginning of a phase.
            self.note(Span(argument.span.begin, argument.value.span.begin), "a line has no keys")
            word = _Token("name", argument.value.text, argument.value.span)
            self.tokens.insert(self.at, word)
            return
        self.settings.append(argument)

    def _argument(self, known: tuple[str, ...], kind: str = "") -> Argument:
        """``NAME=VALUE``, or how else it is written."""
        token = self.next()
        name = token.text.strip("\"'")
        sign = self.peek()
        if sign.text in ("=", ":"):
            self.next()
            if sign.text == ":" or self.takes("="):
                self.note(sign.span, _NAMED)
        else:
            self.note(token.span, _OPTIONS if name.startswith("--") else _NAMED)
        shown = name.lstrip("-").lower()
        target = shown if shown in known else (aliases.argument(kind, shown) or "")
        return Argument(
            name, self._value(listed=target.split()[:1] in ([n] for n in LISTS)), token.span
        )

    # ── Stages ──

    def _is_phase(self, name: str) -> bool:
        if name.startswith("--"):
            return False
        return name.lower() in (*ROLES, *kinds(), "fn") or aliases.scheduler(name) is not None

    def _stage(self, closing: tuple[str, ...]) -> list[Stage]:
        token = self.peek()
        if token.kind == "name" and aliases.is_sequence(token.text):
            return self._sequence()
        if token.kind == "name" and token.text == "dict" and self.peek(1).text == "(":
            return self._mapping(")")
        if token.text == "{":
            return self._mapping("}")
        if token.text == "[":
            self.note(self.next().span, _ARROWS)
            stages = self.pipeline(("]",))
            self._close("]")
            return stages
        stage: Stage = [self._factor()]
        while self.peek().text == "*" or (
            self.peek().text in ("x", "X", "repeat") and self.peek(1).kind == "number"
        ):
            sign = self.next()
            if self.peek().kind != "number":
                stage.append(self._factor())
                continue
            if not isinstance(last := stage[-1], Group):
                if sign.text == "*":
                    raise Unclear  # a factor, or a repeat
                stage[-1] = last = Group([[last]])
                sign = sign._replace(text="*")
            self._repeat(last, sign)
        return [stage]

    def _repeat(self, group: Group, sign: _Token) -> None:
        if sign.text != "x":
            self.note(sign.span, "repeat with `( … ) x 3`")
        group.times = self.next().text
        self.takes("times")

    def _factor(self) -> Step | Group:
        token = self.peek()
        if token.text == "(":
            self.next()
            group = Group(self.pipeline((")",)))
            self._close(")")
            if self.peek().text in ("x", "X") and self.peek(1).text == "inf":
                self.next()
                group.times = self.next().text
            elif self.peek().text in ("repeat", "repeated", "times"):
                sign = self.next()
                self._repeat(group, sign)
            elif self.peek().kind == "name" and re.fullmatch(r"x\d+", self.peek().text):
                group.times = self.next().text[1:]
            elif self.peek().kind == "number" and self.peek(1).text == "times":
                self._repeat(group, self.peek(1))
            return group
        if token.kind == "number":
            return self._number_first()
        return self._step()

    def _number_first(self) -> Step | Group:
        """``3 x ( … )``, or ``5ep warmup``."""
        value = self._value()
        times = value.unit in ("", "x")
        sign = self.takes("x", "*", "times") if value.unit == "" else None
        if times and self.peek().text == "(" and (sign or value.unit == "x"):
            group = self._factor()
            assert isinstance(group, Group)
            end = sign.span.end if sign else value.span.end
            self.note(Span(value.span.begin, end), "repeat with `( … ) x 3`")
            if group.times:
                raise Unclear
            group.times = value.text
            return group
        while self.peek().text in ("of", "for"):
            self.next()
        if sign or self.peek().kind != "name" or not self._is_phase(self.peek().text):
            raise Unclear
        self.note(value.span, "the duration comes after the name")
        step = self._step()
        step.values.insert(0, value)
        return step

    def _close(self, sign: str) -> None:
        if self.takes(sign) is None:
            raise Unclear

    def _sequence(self) -> list[Stage]:
        name = self.next()
        self.note(name.span, _ARROWS)
        self._close("(")
        while self.next().text != "[":
            pass
        stages = self.pipeline(("]",))
        self._close("]")
        while self.next().text != ")":  # where one ends is what its duration says
            pass
        return stages

    def _mapping(self, closing: str) -> list[Stage]:
        """``dict(type='StepLR', step_size=30)`` or the same as JSON."""
        begin = self.peek().span.begin
        while self.next().text not in ("(", "{"):
            pass
        self.note(Span(begin, self.peek(-1).span.end), "a line has no keys")
        outside, self.settings = self.settings, []
        stages = self.pipeline((closing,))
        self._close(closing)
        inside, self.settings = self.settings, outside
        if len(stages) != 1 or not isinstance(stages[0][0], Step):
            raise Unclear
        stages[0][0].arguments += inside
        return stages

    def _name(self) -> Step:
        """The name of a phase: its role, its shape, and words that only fill."""
        token = self.next()
        if token.kind not in ("name", "string"):
            raise Unclear
        text = token.text.strip("\"'")
        own = text in (*ROLES, *kinds())
        if text.lower() in (*ROLES, *kinds()):
            lower = text.lower()
            meaning = aliases.Meaning((((lower, "") if lower in ROLES else ("", lower)),))
        else:
            found = aliases.scheduler(text)
            own = found is None
            if found is None:  # a misspelt name, for which there is advice already
                near = typo(text, (*ROLES, *kinds()))
                found = aliases.Meaning((((near, "") if near in ROLES else ("", near)),))
            meaning = found
        step = Step(text, token.span, meaning)
        (role, kind), *more = meaning.phases
        following = self.peek()
        other = following.text.lower() if following.kind == "name" else ""
        if self.peek(1).text in ("=", ":"):
            other = ""
        shape = self._shape(other)
        if role and not kind and not more and shape:
            self.next()
            step.meaning = aliases.Meaning(((role, shape),))
            if following.text != shape:
                self._rename(following.span, aliases.Meaning((("", shape),)))
            step.span = Span(token.span.begin, following.span.end)
        elif kind in SHAPES and not role and not more and self._shape(other) == "warmup":
            self.next()
            step.meaning = aliases.Meaning((("warmup", kind),))
            step.span = Span(token.span.begin, following.span.end)
            self.note(step.span, "the shape comes second", f"warmup {kind}")
            own = True
        elif other in ("decay", "annealing", "schedule", "lr", "scheduler", "anneal"):
            self.next()
            step.span = Span(token.span.begin, following.span.end)
            own = False
        if not own:
            self._rename(step.span, step.meaning)
        return step

    def _rename(self, span: Span, meaning: aliases.Meaning) -> None:
        """Note another library's name of a phase, or of several."""
        new = " -> ".join(" ".join(filter(None, phase)) for phase in meaning.phases)
        reason = f"{meaning.row.library}'s name for `{new}`" if meaning.row else ""
        if len(meaning.phases) > 1:
            reason, new = f"this is `{new}`", ""
        message = f"there is no phase called {quoted(self.text[slice(*span)])}"
        self.notes.append(Note(span, reason, new, message, "unknown-phase"))

    def _shape(self, name: str) -> str:
        """A word that is one shape or ``warmup``, or none."""
        meaning = aliases.scheduler(name) if name and name not in SHAPES else None
        if name in SHAPES:
            return name
        if meaning is None or meaning.row is not None or len(meaning.phases) != 1:
            return ""
        role, kind = meaning.phases[0]
        return "warmup" if (role, kind) == ("warmup", "") else kind if kind in SHAPES else ""

    def _step(self) -> Step:
        if self.peek().text == "lambda":
            token = self.peek()
            self.note(token.span, "a formula is `fn { … }`")
            step = Step("fn", token.span, aliases.Meaning((("", "fn"),)))
            self._lambda(step, ())
            return step
        step = self._name()
        token = self.peek()
        if token.text == ":" and self.peek(1).kind != "end":
            self.next()
            self.note(token.span, "a phase has no colon")
        elif token.text == "=":
            self.next()
            self.note(token.span, "the duration has no `=`")
        elif token.text == "(" and (self._adjacent() or not self._group_follows()):
            self.next()
            self.note(token.span, "a phase has no parentheses")
            self._values(step, (")",))
            self._close(")")
        self._values(step, ())
        return step

    def _group_follows(self) -> bool:
        return self.peek(1).kind == "name" and self._is_phase(self.peek(1).text)

    def _values(self, step: Step, closing: tuple[str, ...]) -> None:
        """The values and arguments of a phase, up to what belongs to something else."""
        while self.peek().kind != "end" and self.peek().text not in closing:
            token = self.peek()
            if token.kind == "body":
                self.next()
                step.body = self._expression(token.text, token.span.begin + 1)
            elif token.text == "," or (token.text == "|" and not closing and self._later(step)):
                if not closing and not self._continues(step, 1):
                    return
                self.next()
                if not closing:
                    self.note(token.span, _BLANKS if token.text == "," else _FIRST)
            elif token.kind == "number" or token.text == "[" or (token.text == "(" and closing):
                self._positional(step, closing)
            elif token.text == "-" and closing:
                raise Unclear
            elif token.kind in ("name", "string"):
                if not self._word(step, closing):
                    return
            else:
                return

    def _later(self, step: Step) -> bool:
        """Whether what follows a ``|`` are settings."""
        self.at += 1
        named = self._named_setting()
        self.at -= 1
        return named

    def _continues(self, step: Step, ahead: int) -> bool:
        """Whether the token that is ahead belongs to the phase."""
        token, sign = self.peek(ahead), self.peek(ahead + 1)
        if token.kind == "number":
            after = self.peek(ahead + 1)
            return not (after.kind == "name" and self._is_phase(after.text))
        if token.text == "[":
            return True
        name = token.text.strip("\"'")
        if token.kind == "name" and (sign.text in ("=", ":") or sign.kind == "number"):
            return self._known(step, name) or not self._is_phase(name)
        return token.kind == "string" and sign.text == ":"

    def _known(self, step: Step, name: str) -> bool:
        """Whether a name is an argument of the phase, or a setting, here or elsewhere."""
        lower = name.lstrip("-").lower()
        return (
            lower in (*arguments(step.kind), *SETTINGS)
            or aliases.argument(step.family, name) is not None
        )

    def _positional(self, step: Step, closing: tuple[str, ...]) -> None:
        before = self.at
        value = self._value(listed=step.kind in ("multistep", "piecewise") and not closing)
        name = self.peek()
        joined = self._adjacent() and name.text in arguments(step.kind) and not value.unit
        if joined and (step.values or step.duration) and self.peek(1).text != "=":  # 1e-4min
            self.next()
            span = Span(self.tokens[before].span.begin, name.span.end)
            self.note(span, "", f"{name.text}={value}")
            step.arguments.append(Argument(name.text, value, span))
        else:
            step.values.append(value)

    def _word(self, step: Step, closing: tuple[str, ...]) -> bool:
        """Read what a word begins; whether it belongs to the phase."""
        token, sign = self.peek(), self.peek(1)
        name = token.text.strip("\"'")
        lower = name.lower()
        if sign.text == "=" and self.peek(2).text == "lambda":
            self.next()
            self.next()
            self._lambda(step, closing)
        elif sign.text in ("=", ":") and self.peek(2).kind != "end":
            if not closing and self._is_phase(name) and not self._known(step, name):
                return False
            step.arguments.append(self._argument(arguments(step.kind), step.family))
        elif lower in ("rest", "until"):
            self.next()
            step.duration = lower if lower == "rest" else f"until {self._value()}"
        elif lower == "lambda" and step.kind == "fn":
            self._lambda(step, closing)
        elif (
            step.meaning.phases[-1] == ("warmup", "")
            and self._shape(lower) in SHAPES
            and (sign.kind not in ("number", "end"))
        ):
            self.note(self.next().span, "the shape comes before the duration")
            step.meaning = aliases.Meaning((("warmup", self._shape(lower)),))
        elif name == "fn" or (lower in _THEN and lower not in arguments(step.kind)):
            return False
        elif self._known(step, name) and (sign.kind == "number" or sign.text == "["):
            if not (self._is_phase(name) and lower not in arguments(step.kind)):
                step.arguments.append(self._argument(arguments(step.kind), step.family))
            else:
                return False
        elif closing and lower in ("optimizer", "self.optimizer", "optim", "opt", "none"):
            step.values.append(Value(lower, self.next().span, is_word=True))
        elif closing and token.kind == "string":
            step.values.append(Value(name, self.next().span, is_word=True))
        elif self._is_phase(name):
            return False
        elif lower in _FILLING:
            self.note(token.span, f"leave out `{self.next().text}`")
        else:
            raise Unclear
        return True

    def _lambda(self, step: Step, closing: tuple[str, ...]) -> None:
        """``lambda epoch: 0.95 ** epoch``."""
        self.next()
        name = self.next()
        self._close(":")
        begin = self.peek().span.begin
        depth = 0
        while self.peek().kind != "end" and (depth or self.peek().text not in closing):
            depth += {"(": 1, ")": -1}.get(self.next().text, 0)
        body = self.text[begin : self.peek().span.begin].strip()
        step.body = self._expression(re.sub(rf"\b{re.escape(name.text)}\b", "t", body), begin)

    def _expression(self, body: str, begin: int) -> str:
        """An expression of `fn`, from how it is written in Python and elsewhere."""

        def replaced(match: re.Match[str]) -> str:
            new, reason = _IN_FN[match.lastgroup or match[0]]
            self.note(Span(begin + match.start(), begin + match.end()), reason)
            return new

        return _FOREIGN.sub(replaced, body)

    # ── Values ──

    def _value(self, *, listed: bool = False) -> Value:
        token = self.next()
        if token.text in ("[", "(", "{"):
            return self._list(token)
        if token.kind == "string":
            text = token.text[1:-1]
            inner = Span(token.span.begin + 1, token.span.end - 1)
            self.note(token.span, "a word has no quotes", text)
            match = _TOKEN.fullmatch(text)
            if match is not None and match.lastgroup == "number":
                return Value(text, inner)
            return Value(aliases.WORDS.get(text, text) if listed else text, inner, is_word=True)
        if token.kind == "name":
            text = token.text
            while self._adjacent() and self.peek().text in ("/", "-", "."):
                text += self.next().text + self.next().text  # the name of a metric
            return Value(text, Span(token.span.begin, token.span.begin + len(text)), is_word=True)
        if token.kind != "number":
            raise Unclear
        if "," in token.text and listed:
            return self._split(token)
        value = self._number(token)
        if listed and self.peek().text == "," and self.peek(1).kind == "number":
            return self._split(token)
        if listed and self.peek().kind == "number":
            return self._bare_list(value)
        return value

    def _number(self, token: _Token) -> Value:
        text = token.text
        if "," in text:
            text = text.replace(",", "")
            self.note(token.span, "a number has no commas", text)
        if text[-1] in aliases.SUFFIXES:
            suffix = aliases.SUFFIXES[text[-1]]
            text = text[:-1] + suffix
            what = "a thousand is a lower-case" if suffix == "k" else "10⁹ is an upper-case"
            self.note(token.span, f"{what} `{suffix}`", text)
        if self.peek().text in _OF_STEPS and self.peek(1).text in UNITS:
            self.note(self.next().span, "an optimizer update is `st`")
        unit = self.peek()
        if unit.text == "%" or (unit.kind == "name" and self._unit(unit) is not None):
            self.next()
            own = unit.text if unit.text in (*UNITS, "%", "x") else self._unit(unit) or ""
            span = Span(token.span.begin, unit.span.end)
            value = Value(text, span, own)
            if own != unit.text:
                reason = "an optimizer update is `st`" if own == "st" else ""
                self.note(span, reason, str(value))
            return value
        return Value(text, token.span)

    def _unit(self, token: _Token) -> str | None:
        name = token.text
        after = self.peek(1)
        if after.text in ("=", ":") and after.kind != "end" and self.peek(2).kind != "end":
            return None
        if name in (*UNITS, "x"):
            return None if name == "x" and after.kind == "number" else name
        if name in aliases.UNITS:
            return aliases.UNITS[name]
        lower = name.lower()
        return UNITS.get(lower) or aliases.UNITS.get(lower)

    def _list(self, opening: _Token) -> Value:
        closing = {"[": "]", "(": ")", "{": "}"}[opening.text]
        items: list[Value] = []
        while self.peek().kind != "end" and self.peek().text != closing:
            if self.peek().kind not in ("number", "string"):
                raise Unclear
            token = self.peek()
            if "," in token.text and token.kind == "number":
                self.next()
                items += self._split(token, noted=False).items or []
            else:
                items.append(self._value())
            if self.takes(",") is None and self.peek().text != closing:
                self.note(self.peek().span, "items are separated by commas")
        end = self.peek().span.end
        self._close(closing)
        value = Value("", Span(opening.span.begin, end), items=items)
        if opening.text != "[":
            self.note(value.span, "lists have brackets", str(value))
        unit = self.peek()
        if unit.text == "%" or (unit.kind == "name" and self._unit(unit) is not None):
            self.next()
            value.unit = "%" if unit.text == "%" else self._unit(unit) or ""
        return value

    def _split(self, token: _Token, *, noted: bool = True) -> Value:
        """Numbers between commas: a list without brackets."""
        items = [Value(part, token.span) for part in token.text.split(",")]
        while self.peek().text == "," and self.peek(1).kind == "number":
            self.next()
            items += [Value(part, token.span) for part in self.next().text.split(",")]
        return self._bracketed(token.span.begin, items, noted=noted)

    def _bare_list(self, first: Value) -> Value:
        items = [first]
        while self.peek().kind == "number":
            items.append(self._number(self.next()))
        return self._bracketed(first.span.begin, items)

    def _bracketed(self, begin: int, items: list[Value], *, noted: bool = True) -> Value:
        end = self.tokens[self.at - 1].span.end
        value = Value("", Span(begin, end), items=items)
        if noted:
            self.note(value.span, "lists have brackets", str(value))
        return value


def typo(name: str, names: Iterable[str]) -> str:
    """The name that is nearest to a misspelt one.

    Raises:
        Unclear: if none is near.
    """
    import difflib  # only an error needs it

    close = difflib.get_close_matches(name[:40].lower(), list(names), n=1)
    if not close:
        raise Unclear
    return close[0]


def arguments(kind: str) -> tuple[str, ...]:
    """The arguments of a phase, by their names in the text."""
    if kind not in kinds():
        return ()
    fields = kinds()[kind].model_fields
    hidden = ("kind", "role", "duration")
    return tuple(field.alias or name for name, field in fields.items() if name not in hidden)
