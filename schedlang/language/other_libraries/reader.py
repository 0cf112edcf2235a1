"""Reads a line with the habits of other libraries: looser than the grammar, for advice alone."""

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
    Argument,
    Group,
    Note,
    Stage,
    Step,
    Unclear,
    Value,
    typo,
)
from schedlang.language.other_libraries.tokens import Token
from schedlang.language.other_libraries.values import Values
from schedlang.language.validate import argument_names
from schedlang.phases import kinds

DEEPEST = 16
"""Parentheses and brackets in each other."""
_ARROWS = "phases are joined by `->`"
_BLANKS = "arguments are separated by blanks"
_NAMED = "a name and its value are joined by `=`"
_FIRST = "settings come first, and end in `|`"
_OPTIONS = "a line has no options"
_THEN = {"then", "and", "followed", "after", "into"}
_FILLING = {"for", "over", "with", "of", "in", "the", "a", "an", "lasting", "down", "by", "and"}


class Reader(Values):
    """Reads a line as its writer meant its parts, and notes each habit in `notes`."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.settings: list[Argument] = []
        self.depth = 0

    # ── A line ──

    def line(self) -> list[Stage]:
        """The stages; the settings are in `settings` then.

        Raises:
            Unclear: if there is something in it that has no meaning here.
        """
        self.tokens += self._tokens(self.same)
        stages = self.pipeline(())
        if self.peek().kind != "end":
            raise Unclear
        return stages

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
            begin = self.peek().span
            stages += self._stage(closing)
            if not joined:
                self.note(begin, _ARROWS)
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
        if token.text.lower() in aliases.NAMING and value.kind not in ("name", "string"):
            self.at += 2
            self.note(Span(token.span.begin, sign.span.end), "a line has no keys")
            return
        argument = self._argument(SETTINGS)
        name = argument.name.lstrip("-").replace("-", "_").lower()
        if name in aliases.NAMING and argument.value.is_word:
            # The name of the scheduler: read it again as the beginning of a phase.
            self.note(Span(argument.span.begin, argument.value.span.begin), "a line has no keys")
            word = Token("name", argument.value.text, argument.value.span)
            self.tokens.insert(self.at, word)
            return
        self.settings.append(argument)

    def _argument(self, known: Sequence[str], kind: str = "") -> Argument:
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
            name, self.value(listed=target.split()[:1] in ([n] for n in LISTS)), token.span
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
            self.close("]")
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

    def _repeat(self, group: Group, sign: Token) -> None:
        if sign.text != "x":
            self.note(sign.span, "repeat with `( … ) x 3`")
        group.times = self.next().text
        self.takes("times")

    def _factor(self) -> Step | Group:
        token = self.peek()
        if token.text == "(":
            self.next()
            group = Group(self.pipeline((")",)))
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
        return self._step()

    def _number_first(self) -> Step | Group:
        """``3 x ( … )``, or ``5ep warmup``."""
        value = self.value()
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

    def _sequence(self) -> list[Stage]:
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
            if isinstance(stage[0], Step):
                stage[0].ends = milestone
        return stages

    def _mapping(self, closing: str) -> list[Stage]:
        """``dict(type='StepLR', step_size=30)`` or the same as JSON."""
        begin = self.peek().span.begin
        while self.next().text not in ("(", "{"):
            pass
        self.note(Span(begin, self.peek(-1).span.end), "a line has no keys")
        outside, self.settings = self.settings, []
        stages = self.pipeline((closing,))
        self.close(closing)
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
                self._note_foreign_name(following.span, aliases.Meaning((("", shape),)))
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
            self._note_foreign_name(step.span, step.meaning)
        return step

    def _note_foreign_name(self, span: Span, meaning: aliases.Meaning) -> None:
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
        elif token.text == "(" and (self.adjacent() or not self._group_follows()):
            self.next()
            self.note(token.span, "a phase has no parentheses")
            self._values(step, (")",))
            self.close(")")
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
                step.body = self.expression(token.text, token.span.begin + 1)
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
            lower in (*argument_names(step.kind), *SETTINGS)
            or aliases.argument(step.family, name) is not None
        )

    def _positional(self, step: Step, closing: tuple[str, ...]) -> None:
        before = self.at
        value = self.value(listed=step.kind in ("multistep", "piecewise") and not closing)
        name = self.peek()
        joined = self.adjacent() and name.text in argument_names(step.kind) and not value.unit
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
            step.arguments.append(self._argument(argument_names(step.kind), step.family))
        elif lower in ("rest", "until"):
            self.next()
            step.duration = lower if lower == "rest" else f"until {self.value()}"
        elif lower == "lambda" and step.kind == "fn":
            self._lambda(step, closing)
        elif (
            step.meaning.phases[-1] == ("warmup", "")
            and self._shape(lower) in SHAPES
            and (sign.kind not in ("number", "end"))
        ):
            self.note(self.next().span, "the shape comes before the duration")
            step.meaning = aliases.Meaning((("warmup", self._shape(lower)),))
        elif lower in ("x", "repeat") and sign.kind == "number":
            return False
        elif name == "fn" or (lower in _THEN and lower not in argument_names(step.kind)):
            return False
        elif self._known(step, name) and (sign.kind == "number" or sign.text == "["):
            if not (self._is_phase(name) and lower not in argument_names(step.kind)):
                step.arguments.append(self._argument(argument_names(step.kind), step.family))
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
        self.close(":")
        begin = self.peek().span.begin
        depth = 0
        while self.peek().kind != "end" and (depth or self.peek().text not in closing):
            depth += {"(": 1, ")": -1}.get(self.next().text, 0)
        body = self.text[begin : self.peek().span.begin].strip()
        step.body = self.expression(re.sub(rf"\b{re.escape(name.text)}\b", "t", body), begin)
