"""The values in a line: numbers with their units, words, lists, and the expression of `fn`."""

from __future__ import annotations

import re

from schedlang.errors import Span
from schedlang.language import aliases
from schedlang.language.other_libraries.parts import Unclear, Value
from schedlang.language.other_libraries.tokens import TOKEN, Token, Tokens
from schedlang.language.quantities import UNITS

_OF_STEPS = {"opt", "optimizer", "optim", "training", "train", "gradient", "global"}
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


class Values(Tokens):
    """Parses values."""

    def value(self, *, listed: bool = False) -> Value:
        token = self.next()
        if token.text in ("[", "(", "{"):
            return self._list(token)
        if token.kind == "string":
            text = token.text[1:-1]
            inner = Span(token.span.begin + 1, token.span.end - 1)
            self.note(token.span, "a word has no quotes", text)
            match = TOKEN.fullmatch(text)
            if match is not None and match.lastgroup == "number":
                return Value(text, inner)
            return Value(
                aliases.WORD_ALIASES.get(text, text) if listed else text, inner, is_word=True
            )
        if token.kind == "name":
            text = token.text
            while self.adjacent() and self.peek().text in ("/", "-", "."):
                text += self.next().text + self.next().text  # a metric's name
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

    def _number(self, token: Token) -> Value:
        text = token.text
        if "," in text:
            text = text.replace(",", "")
            self.note(token.span, "a number has no commas", text)
        if text[-1] in aliases.SUFFIX_ALIASES:
            suffix = aliases.SUFFIX_ALIASES[text[-1]]
            text = text[:-1] + suffix
            what = "a thousand is a lower-case" if suffix == "k" else "10⁹ is an upper-case"
            self.note(token.span, f"{what} `{suffix}`", text)
        if self.peek().text in _OF_STEPS and self.peek(1).text in UNITS:
            self.note(self.next().span, "an optimizer update is `st`")
        unit = self.peek()
        own = self._unit(unit)
        if own is not None:
            self.next()
            span = Span(token.span.begin, unit.span.end)
            value = Value(text, span, own)
            if own != unit.text:
                reason = "an optimizer update is `st`" if own == "st" else ""
                self.note(span, reason, str(value))
            return value
        return Value(text, token.span)

    def _unit(self, token: Token) -> str | None:
        """The unit of a token, as written if it is a unit of the language."""
        name = token.text
        if token.kind != "name":
            return "%" if name == "%" else None
        after = self.peek(1)
        if after.text in ("=", ":") and after.kind != "end" and self.peek(2).kind != "end":
            return None
        if name in (*UNITS, "x"):
            return None if name == "x" and after.kind == "number" else name
        if name in aliases.UNIT_ALIASES:
            return aliases.UNIT_ALIASES[name]
        lower = name.lower()
        return UNITS.get(lower) or aliases.UNIT_ALIASES.get(lower)

    def _list(self, opening: Token) -> Value:
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
                items.append(self.value())
            if self.takes(",") is None and self.peek().kind == "number":
                self.note(self.peek().span, "items are separated by commas")
        end = self.peek().span.end
        self.close(closing)
        value = Value("", Span(opening.span.begin, end), items=items)
        if opening.text != "[":
            self.note(value.span, "lists have brackets", str(value))
        value.unit = self._unit(self.peek()) or ""
        if value.unit:
            self.next()
        return value

    def _split(self, token: Token, *, noted: bool = True) -> Value:
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

    def expression(self, body: str, begin: int) -> str:
        """An expression of `fn`, converted from the notation of Python and others."""

        def replaced(match: re.Match[str]) -> str:
            new, reason = _IN_FN[match.lastgroup or match[0]]
            self.note(Span(begin + match.start(), begin + match.end()), reason)
            return new

        return _FOREIGN.sub(replaced, body)
