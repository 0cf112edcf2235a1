"""The positions of values, and of characters in strings, in the text of a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from schedlang.cli.files import ConfigFile, entries, parsed
from schedlang.errors import Path, Span


def span_of(file: ConfigFile, path: Sequence[str]) -> Span | None:
    """The span of the value at a path of a valid file; None if that is not known."""
    if file.suffix == ".toml":
        found = _in_toml(file, path)
    else:
        from schedlang.cli import yaml

        found = yaml.place(file.text, path, is_json=file.suffix == ".json")
    return None if found is None else Span(*found)


def nearest_span(file: ConfigFile, path: Sequence[str], inner: Path) -> Span | None:
    """The span of a part of the dict form at a path, or of the nearest enclosing value."""
    steps = [str(step).removesuffix("=") for step in inner]  # the place of a name ends in `=`
    spans = (span_of(file, [*path, *steps[:i]]) for i in range(len(steps), -1, -1))
    return next(filter(None, spans), None)


_TOML = re.compile(
    r"""\#[^\n]*
      | (?P<value> \"{3} (?:[^\\]|\\.)*? \"{3,5} | '{3} .*? '{3,5}
        | " (?:[^"\\]|\\.)* " | '[^']*' | [\w.+:-]+ )""",
    re.VERBOSE | re.DOTALL,
)
"""Comments, strings and bare values, so that no match is inside another."""


def _in_toml(file: ConfigFile, path: Sequence[str]) -> tuple[int, int] | None:
    """Found by trial: the value whose change in the text changes the value at the path."""
    wanted = _at(parsed(file.text, ".toml"), path)
    for match in _TOML.finditer(file.text):
        begin, end = match.span()
        try:
            if match["value"] is None or parsed(f"s={match[0]}", ".toml")["s"] != wanted:
                continue
            changed = parsed(f"{file.text[:begin]}'{_MARK}'{file.text[end:]}", ".toml")
        except ValueError:  # it is a name
            continue
        if _at(changed, path) == _MARK:
            return begin, end
    return None


_MARK = "the value that is looked for"


def _at(content: object, path: Sequence[str]) -> object:
    for step in path:
        content = dict(entries(content)).get(step)
    return content


# ── Inside a string ──────────────────────────────────────────────────────────────────────────────


def in_file(file: ConfigFile, string: Span, value: str, spans: Sequence[Span]) -> list[Span]:
    """Spans of a string mapped to spans of the file's text.

    Blanks can be written in many ways, so they are located between the other characters.

    Args:
        file: the file.
        string: the span of the string in the file, with its quotes or block indicator.
        value: the string.
        spans: spans of the value.
    """
    begins, ends = [], []
    for begin, end in _characters(file.text[string.begin : string.end], file.suffix):
        begins.append(string.begin + begin)
        ends.append(string.begin + end)
    blanks = [char.isspace() for char in value]
    if not begins or len(begins) != blanks.count(False):  # written in an unusual way
        return [string for _ in spans]
    before = [0]  # the number of non-blank characters before each position
    for blank in blanks:
        before.append(before[-1] + (not blank))

    def moved(span: Span) -> Span:
        first, last = before[min(span.begin, len(value))], before[min(span.end, len(value))]
        if first == last:  # nothing, or only blanks
            place = ends[first - 1] if first else begins[0]
            return Span(place, place)
        return Span(begins[first], ends[last - 1])

    return [moved(span) for span in spans]


def style_of(written: str, suffix: str) -> str:
    """The quotes or block indicator of a string in a file; empty for a plain one."""
    signs = {".json": '"', ".toml": "\"{3}|'{3}|\"|'"}.get(suffix, "[\"'|>]")
    found = re.match(signs, written)
    return found[0] if found else ""


def _characters(written: str, suffix: str) -> Iterator[tuple[int, int]]:
    """Begin and end of each non-blank character of a string as it is written."""
    style = style_of(written, suffix)
    begin, end = len(style), len(written) - len(style)
    pattern = _PLAIN
    if style.startswith('"'):
        pattern = _ESCAPED
    elif style == "'" and suffix != ".toml":
        pattern = _DOUBLED
    elif style in {"|", ">"}:
        begin, end = written.find("\n") + 1, len(written)
    for match in pattern.finditer(written, begin, end):
        if not _is_escaped_blank(match[0]):
            yield match.span()


_PLAIN = re.compile(r"\S")
_DOUBLED = re.compile(r"''|[^\s']")
_ESCAPED = re.compile(r"\\(?:x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|.)|[^\s\\]", re.DOTALL)


def _is_escaped_blank(character: str) -> bool:
    """Whether this is an escape for a blank, or an escaped line end."""
    match character[:1], character[1:2], character[2:]:
        case "\\", "x" | "u" | "U", code if code:
            return chr(int(code, 16)).isspace()
        case "\\", sign, _:
            return sign not in '"\\/0abe'
        case _:
            return False
