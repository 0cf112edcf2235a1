"""The tokens of a line, including the signs of other libraries and of chat programs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from schedlang.errors import Span
from schedlang.language.other_libraries.parts import Note, Unclear


class Token(NamedTuple):
    """A piece of the text: a name, a number or a sign, of one of the kinds of `TOKEN`."""

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
_PLAIN_SIGNS = {ord(sign): plain for plain, signs in _LOOKS_LIKE.items() for sign in signs}
_PLAIN_SIGNS |= {0xFEE0 + code: chr(code) for code in range(0x21, 0x7F)}  # the full-width forms
TOKEN = re.compile(
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


class Tokens:
    """The tokens of a text in sequence, and the habits found in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.notes: list[Note] = []
        same = text.translate(_PLAIN_SIGNS)
        wrapped = _WRAPPED.fullmatch(same)
        if wrapped and wrapped[1] not in wrapped["inside"]:
            begin, end = wrapped.span("inside")
            same = " " * begin + same[begin:end]
            first = len(text) - len(text.lstrip())
            self.note(Span(first, begin), "a line has no quotes around it")
        self.same = same
        self.tokens: list[Token] = []
        self.at = 0

    def _tokens(self, same: str) -> Iterator[Token]:
        begin = 0
        last: list[str] = []
        while begin < len(same):
            if same[begin] == "{" and "fn" in last[-5:]:
                end = same.find("}", begin) + 1 or len(same)
                yield Token("body", same[begin + 1 : end].rstrip("}"), Span(begin, end))
                last.append("{")
                begin = end
                continue
            match = TOKEN.match(same, begin)
            if match is None:
                raise Unclear
            begin = match.end()
            if match.lastgroup != "blank":
                last.append(match[0].lower())
                yield Token(match.lastgroup or "", match[0], Span(*match.span()))
                written = self.text[match.start() : begin]
                if written != match[0] and match.lastgroup in ("number", "sign"):
                    self.note(Span(*match.span()), "a typographical sign", match[0])

    def peek(self, ahead: int = 0) -> Token:
        at = self.at + ahead
        if at < len(self.tokens):
            return self.tokens[at]
        return Token("end", "", Span(len(self.text), len(self.text)))

    def next(self) -> Token:
        token = self.peek()
        if token.kind == "end":
            raise Unclear
        self.at += 1
        return token

    def takes(self, *texts: str) -> Token | None:
        """The next token, if it is one of these."""
        token = self.peek()
        if token.kind == "end" or token.text.lower() not in texts:
            return None
        return self.next()

    def note(self, span: Span, reason: str = "", new: str = "", message: str = "") -> None:
        self.notes.append(Note(span, reason, new, message))

    def adjacent(self) -> bool:
        return self.at > 0 and self.peek().span.begin == self.tokens[self.at - 1].span.end

    def close(self, sign: str) -> None:
        if self.takes(sign) is None:
            raise Unclear
