"""Parses a line in another library's style, more loosely than the grammar, only for advice."""

from __future__ import annotations

import re
from collections.abc import Sequence

from schedlang.errors import Span, quoted
from schedlang.language import aliases
from schedlang.language.other_libraries.parts import (
    LISTS,
    ROLES,
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
from schedlang.language.other_libraries.tokens import Token
from schedlang.language.other_libraries.values import Values
from schedlang.language.validate import argument_names
from schedlang.phases import kinds

DEEPEST = 16
"""The maximum nesting of parentheses and brackets."""
_ARROWS = "phases are joined by `->`"
_BLANKS = "arguments are separated by blanks"
_NAMED = "a name and its value are joined by `=`"
_FIRST = "settings come first, and end in `|`"
_OPTIONS = "a line has no options"
_THEN = {"then", "and", "followed", "after", "into"}
_FILLERS = {"for", "over", "with", "of", "in", "the", "a", "an", "lasting", "down", "by", "and"}


class Reader(Values):
    """Parses a line loosely, and records each habit in `notes`."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.settings: list[WrittenArgument] = []
        self.depth = 0

    # ── A line ──

    def line(self) -> list[WrittenStage]:
        """The stages; afterwards the settings are in `settings`.

        Raises:
            Unclear: if a part of it has no meaning here.
        """
        self.tokens += self._tokens(self.same)
        stages = self.pipeline(())
        if self.peek().kind != "end":
            raise Unclear
        return stages

    def pipeline(self, closing: tuple[str, ...]) -> list[WrittenStage]:
        """The stages up to a closing sign or the end."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unclear
        stages: list[WrittenStage] = []
        joined = True
        while self.peek().kind != "end" and self.peek().text not in closing:
            if not stages and self._settings():
                continue
            if not stages and self.peek().text == "-":
                self.note(self.next().span, _ARROWS)
            begin = self.peek().span
            stages += self._stage(closing)
            if not joined:
                self.note(begin, _ARROWS)
            joined = self._joint(closing)
        self.depth -= 1
        return stages

    def _joint(self, closing: tuple[str, ...]) -> bool:
        """Read what joins the next stage to the last one. Returns whether there was something."""
        token = self.peek()
        following = self.peek(1)
        last = following.kind == "end" or following.text in closing
        if token.kind == "arrow" or token.text in (",", ";", "|", "+", "-", "/", "&&", "||"):
            if token.kind == "arrow" and last:
                raise Unclear  # the text ends too early, which the error already says
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
        """Whether the next tokens are a setting with its name."""
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
        """Read a setting, or the end of the settings. Returns whether there was one."""
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
            if before.text != "|" and token.text not in (",", ";", "("):
                gap = Span(before.span.end, token.span.begin)
                self.note(gap, "settings end in `|`", message="a `|` is missing")
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
        token, sign, value = self.peek(), self.peek(1), self.peek(2)
        if token.text.lower() in aliases.KIND_ARGUMENTS and value.kind not in ("name", "string"):
            self.at += 2
            self.note(Span(token.span.begin, sign.span.end), "a line has no keys")
            return
        argument = self._argument(SETTINGS)
        name = argument.name.lstrip("-").replace("-", "_").lower()
        if name in aliases.KIND_ARGUMENTS and argument.value.is_word:
            # The name of the scheduler: read it again as the beginning of a phase.
            self.note(Span(argument.span.begin, argument.value.span.begin), "a line has no keys")
            word = Token("name", argument.value.text, argument.value.span)
            self.tokens.insert(self.at, word)
            return
        self.settings.append(argument)

    def _argument(self, known: Sequence[str], kind: str = "") -> WrittenArgument:
        """``NAME=VALUE``, in any notation."""
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
        return WrittenArgument(
            name, self.value(listed=target.split()[:1] in ([n] for n in LISTS)), token.span
        )

    # ── Stages ──

    def _is_phase(self, name: str) -> bool:
        if name.startswith("--"):
            return False
        return name.lower() in (*ROLES, *kinds(), "fn") or aliases.scheduler(name) is not None

    def _stage(self, closing: tuple[str, ...]) -> list[WrittenStage]:
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
            self.close("]")
            return stages
        stage: WrittenStage = [self._factor()]
        while self.peek().text == "*" or (
            self.peek().text in ("x", "X", "repeat") and self.peek(1).kind == "number"
        ):
            sign = self.next()
            if self.peek().kind != "number":
                stage.append(self._factor())
                continue
            if not isinstance(last := stage[-1], WrittenGroup):
                if sign.text == "*":
                    raise Unclear  # a factor, or a repeat
                stage[-1] = last = WrittenGroup([[last]])
                sign = sign._replace(text="*")
            self._repeat(last, sign)
        return [stage]

    def _repeat(self, group: WrittenGroup, sign: Token) -> None:
        if sign.text != "x":
            self.note(sign.span, "repeat with `( … ) x 3`")
        group.times = self.next().text
        self.takes("times")

    def _factor(self) -> WrittenPhase | WrittenGroup:
        token = self.peek()
        if token.text == "(":
            self.next()
            group = WrittenGroup(self.pipeline((")",)))
            self.close(")")
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
        return self._phase()

    def _number_first(self) -> WrittenPhase | WrittenGroup:
        """``3 x ( … )``, or ``5ep warmup``."""
        value = self.value()
        times = value.unit in ("", "x")
        sign = self.takes("x", "*", "times") if value.unit == "" else None
        if times and self.peek().text == "(" and (sign or value.unit == "x"):
            group = self._factor()
            assert isinstance(group, WrittenGroup)
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
        phase = self._phase()
        phase.values.insert(0, value)
        return phase

    def _sequence(self) -> list[WrittenStage]:
        name = self.next()
        self.note(name.span, _ARROWS)
        self.close("(")
        while self.next().text != "[":
            pass
        stages = self.pipeline(("]",))
        self.close("]")
        milestones: list[float | None] = []
        while (token := self.next()).text != ")":
            if token.kind == "number":
                milestones.append(Value(token.text, token.span).number)
        for stage, milestone in zip(stages, milestones, strict=False):
            if isinstance(stage[0], WrittenPhase):
                stage[0].ends = milestone
        return stages

    def _mapping(self, closing: str) -> list[WrittenStage]:
        """``dict(type='StepLR', step_size=30)`` or the same as JSON."""
        begin = self.peek().span.begin
        while self.next().text not in ("(", "{"):
            pass
        self.note(Span(begin, self.peek(-1).span.end), "a line has no keys")
        outside, self.settings = self.settings, []
        stages = self.pipeline((closing,))
        self.close(closing)
        inside, self.settings = self.settings, outside
        if len(stages) != 1 or not isinstance(stages[0][0], WrittenPhase):
            raise Unclear
        stages[0][0].arguments += inside
        return stages

    def _name(self) -> WrittenPhase:
        """The name of a phase: its role, its shape, and filler words."""
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
            if found is None:  # a misspelt name, which already has advice
                near = typo(text, (*ROLES, *kinds()))
                found = aliases.Meaning((((near, "") if near in ROLES else ("", near)),))
            meaning = found
        phase = WrittenPhase(text, token.span, meaning)
        (role, kind), *more = meaning.phases
        following = self.peek()
        other = following.text.lower() if following.kind == "name" else ""
        if self.peek(1).text in ("=", ":"):
            other = ""
        shape = self._shape(other)
        if role and not kind and not more and shape:
            self.next()
            phase.meaning = aliases.Meaning(((role, shape),))
            if following.text != shape:
                self._note_foreign_name(following.span, aliases.Meaning((("", shape),)))
            phase.span = Span(token.span.begin, following.span.end)
        elif kind in SHAPES and not role and not more and self._shape(other) == "warmup":
            self.next()
            phase.meaning = aliases.Meaning((("warmup", kind),))
            phase.span = Span(token.span.begin, following.span.end)
            self.note(phase.span, "the shape comes second", f"warmup {kind}")
            own = True
        elif other in ("decay", "annealing", "schedule", "lr", "scheduler", "anneal"):
            self.next()
            phase.span = Span(token.span.begin, following.span.end)
            own = False
        if not own:
            self._note_foreign_name(phase.span, phase.meaning)
        return phase

    def _note_foreign_name(self, span: Span, meaning: aliases.Meaning) -> None:
        """Record another library's name of one or several phases."""
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

    def _phase(self) -> WrittenPhase:
        if self.peek().text == "lambda":
            token = self.peek()
            self.note(token.span, "a formula is `fn { … }`")
            phase = WrittenPhase("fn", token.span, aliases.Meaning((("", "fn"),)))
            self._lambda(phase, ())
            return phase
        phase = self._name()
        token = self.peek()
        if token.text == ":" and self.peek(1).kind != "end":
            self.next()
            self.note(token.span, "a phase has no colon")
        elif token.text == "=":
            self.next()
            self.note(token.span, "the duration has no `=`")
        elif token.text == "(" and (self.adjacent() or not self._group_follows()):
            self.next()
            self.note(token.span, "a phase has no parentheses")
            self._values(phase, (")",))
            self.close(")")
        self._values(phase, ())
        return phase

    def _group_follows(self) -> bool:
        return self.peek(1).kind == "name" and self._is_phase(self.peek(1).text)

    def _values(self, phase: WrittenPhase, closing: tuple[str, ...]) -> None:
        """Read the values and arguments of a phase."""
        while self.peek().kind != "end" and self.peek().text not in closing:
            token = self.peek()
            if token.kind == "body":
                self.next()
                phase.body = self.expression(token.text, token.span.begin + 1)
            elif token.text == "," or (token.text == "|" and not closing and self._later(phase)):
                if not closing and not self._continues(phase, 1):
                    return
                self.next()
                if not closing:
                    self.note(token.span, _BLANKS if token.text == "," else _FIRST)
            elif token.kind == "number" or token.text == "[" or (token.text == "(" and closing):
                self._positional(phase, closing)
            elif token.text == "-" and closing:
                raise Unclear
            elif token.kind in ("name", "string"):
                if not self._word(phase, closing):
                    return
            else:
                return

    def _later(self, phase: WrittenPhase) -> bool:
        """Whether settings follow a ``|``."""
        self.at += 1
        named = self._named_setting()
        self.at -= 1
        return named

    def _continues(self, phase: WrittenPhase, ahead: int) -> bool:
        """Whether the token that is ahead belongs to the phase."""
        token, sign = self.peek(ahead), self.peek(ahead + 1)
        if token.kind == "number":
            after = self.peek(ahead + 1)
            return not (after.kind == "name" and self._is_phase(after.text))
        if token.text == "[":
            return True
        name = token.text.strip("\"'")
        if token.kind == "name" and (sign.text in ("=", ":") or sign.kind == "number"):
            return self._known(phase, name) or not self._is_phase(name)
        return token.kind == "string" and sign.text == ":"

    def _known(self, phase: WrittenPhase, name: str) -> bool:
        """Whether a name is an argument of the phase, or a setting, here or elsewhere."""
        lower = name.lstrip("-").lower()
        return (
            lower in (*argument_names(phase.kind), *SETTINGS)
            or aliases.argument(phase.family, name) is not None
        )

    def _positional(self, phase: WrittenPhase, closing: tuple[str, ...]) -> None:
        before = self.at
        value = self.value(listed=phase.kind in ("multistep", "piecewise") and not closing)
        name = self.peek()
        joined = self.adjacent() and name.text in argument_names(phase.kind) and not value.unit
        if joined and (phase.values or phase.duration) and self.peek(1).text != "=":  # 1e-4min
            self.next()
            span = Span(self.tokens[before].span.begin, name.span.end)
            self.note(span, "", f"{name.text}={value}")
            phase.arguments.append(WrittenArgument(name.text, value, span))
        else:
            phase.values.append(value)

    def _word(self, phase: WrittenPhase, closing: tuple[str, ...]) -> bool:
        """Read a word and what it introduces. Returns whether it belongs to the phase."""
        token, sign = self.peek(), self.peek(1)
        name = token.text.strip("\"'")
        lower = name.lower()
        if sign.text == "=" and self.peek(2).text == "lambda":
            self.next()
            self.next()
            self._lambda(phase, closing)
        elif sign.text in ("=", ":") and self.peek(2).kind != "end":
            if not closing and self._is_phase(name) and not self._known(phase, name):
                return False
            phase.arguments.append(self._argument(argument_names(phase.kind), phase.family))
        elif lower in ("rest", "until"):
            self.next()
            phase.duration = lower if lower == "rest" else f"until {self.value()}"
        elif lower == "lambda" and phase.kind == "fn":
            self._lambda(phase, closing)
        elif (
            phase.meaning.phases[-1] == ("warmup", "")
            and self._shape(lower) in SHAPES
            and (sign.kind not in ("number", "end"))
        ):
            self.note(self.next().span, "the shape comes before the duration")
            phase.meaning = aliases.Meaning((("warmup", self._shape(lower)),))
        elif (
            name == "fn"
            or (lower in ("x", "repeat") and sign.kind == "number")
            or (lower in _THEN and lower not in argument_names(phase.kind))
        ):
            return False
        elif self._known(phase, name) and (sign.kind == "number" or sign.text == "["):
            if not (self._is_phase(name) and lower not in argument_names(phase.kind)):
                phase.arguments.append(self._argument(argument_names(phase.kind), phase.family))
            else:
                return False
        elif closing and lower in ("optimizer", "self.optimizer", "optim", "opt", "none"):
            phase.values.append(Value(lower, self.next().span, is_word=True))
        elif closing and token.kind == "string":
            phase.values.append(Value(name, self.next().span, is_word=True))
        elif self._is_phase(name):
            return False
        elif lower in _FILLERS:
            self.note(token.span, f"leave out `{self.next().text}`")
        else:
            raise Unclear
        return True

    def _lambda(self, phase: WrittenPhase, closing: tuple[str, ...]) -> None:
        """``lambda epoch: 0.95 ** epoch``."""
        self.next()
        name = self.next()
        self.close(":")
        begin = self.peek().span.begin
        depth = 0
        while self.peek().kind != "end" and (depth or self.peek().text not in closing):
            depth += {"(": 1, ")": -1}.get(self.next().text, 0)
        body = self.text[begin : self.peek().span.begin].strip()
        phase.body = self.expression(re.sub(rf"\b{re.escape(name.text)}\b", "t", body), begin)
