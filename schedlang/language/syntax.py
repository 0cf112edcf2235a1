"""The mistake of a text that does not match the grammar."""

from __future__ import annotations

import re

from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from schedlang.errors import Mistake, Span, quoted

_EXPECTED = {
    "NAME": "a phase", "WARMUP": "a phase", "DECAY": "a phase", "FN": "a phase",
    "KEY": "NAME=VALUE", "NUMBER": "a number", "VALUE": "a value", "LSQB": "a list",
    "UNIT": "a unit", "VBAR": "`|`", "RPAR": "`)`", "RSQB": "`]`", "RBRACE": "`}`",
    "LBRACE": "`{`", "COMMA": "`,`", "EQUAL": "`=`", "_ELSE": "`else`", "PLAIN": "a number",
    "WORD": "a name", "COMPARE": "a comparison", "INF": "`inf`", "$END": "the end",
}  # fmt: skip


_MARK = re.compile(r"<(?:->|-(?!>)|[^<>-])*>")


def mark_in(text: str) -> Span | None:
    """The first mark ``<…>`` of a space outside comments and expressions; None if there is none."""
    clean = re.sub(r"#[^\n]*|\{[^}]*\}", lambda part: " " * len(part[0]), text)
    found = _MARK.search(clean)
    return None if found is None else Span(*found.span())


def mistake(error: UnexpectedInput, text: str) -> Mistake:
    """The mistake of a text that does not match the grammar, with what was expected."""
    if not text.strip() or not re.sub(r"#[^\n]*", "", text).strip():
        return Mistake(
            "empty", "there is no schedule here", "write one: cosine 90", span=Span(0, 0)
        )
    if (mark := mark_in(text)) is not None:
        message = f"{quoted(text[slice(*mark)])} makes this a space, but a single line is needed"
        advice = "write one of its choices; schedlang.Space(…) reads them all"
        return Mistake("syntax", message, advice, span=mark)
    expected: set[str] = set()
    if isinstance(error, UnexpectedToken):
        expected = set(error.accepts or error.expected)
        token = error.token
        if token.type == "$END":
            return Mistake(
                "syntax",
                "the text ends too early",
                _wanted(expected),
                span=Span(len(text), len(text)),
            )
        span, found = Span(token.start_pos or 0, (token.start_pos or 0) + len(token)), str(token)
    elif isinstance(error, UnexpectedCharacters):
        expected = set(error.allowed or ()) - {"VBAR"}  # less exact than a token's `accepts`
        begin = error.pos_in_stream or 0
        span, found = Span(begin, begin + 1), text[begin]
    else:
        span, found = Span(len(text), len(text)), "the end"
    return Mistake("syntax", f"unexpected {quoted(found)}", _advice(found, expected), span=span)


def _advice(found: str, expected: set[str]) -> str:
    if "VBAR" in expected and "KEY" in expected:
        return "settings end in `|`"
    if found[0].isdigit() and "KEY" in expected:
        return "write NAME=VALUE for all but the duration; phases are joined by `->`"
    if found in ("-", ">", ",", ";", "→") and "KEY" in expected:
        return "phases are joined by `->`"
    return _wanted(expected)


def _wanted(expected: set[str]) -> str:
    names = sorted({_EXPECTED[name] for name in expected if name in _EXPECTED})
    return f"expected {' or '.join(names)}" if 0 < len(names) <= 4 else ""
