"""Adds the line to write instead to the error for a line in another library's style."""

from __future__ import annotations

from schedlang.errors import Mistake, ScheduleError, Span, quoted
from schedlang.language.other_libraries.parts import Note, Unclear
from schedlang.language.other_libraries.reader import Reader
from schedlang.language.other_libraries.translation import Translation
from schedlang.language.validate import from_text

LONGEST = 2_000
"""In characters; no line is suggested for a longer text."""


def with_suggestion(error: ScheduleError, clock: str | None = None) -> ScheduleError:
    """The error with the line that was meant, if another library's style caused the mistake.

    Args:
        error: the mistakes of a text.
        clock: what one tick is, as if the line set it.
    """
    text = error.text
    if text is None or len(text) > LONGEST:
        return error
    found, written = _read(text, clock)
    notes = sorted(dict.fromkeys(found), key=lambda note: note.span)
    if not notes:
        return error
    if error.mistakes[0].code == "syntax":
        return _syntax(error, text, notes, written)
    return _listed(error, text, notes, written)


def _read(text: str, clock: str | None) -> tuple[list[Note], str]:
    """The habits in a text, and the line that was meant; empty if that is unclear."""
    reader = Reader(text)
    try:
        stages = reader.line()
        meant = Translation(reader.settings, stages, reader.notes)
    except Unclear:
        return reader.notes, ""
    return meant.notes, meant.line(clock) if meant.notes else ""


def _syntax(error: ScheduleError, text: str, notes: list[Note], written: str) -> ScheduleError:
    """The error with the first habit instead of the grammar's syntax error."""
    mistake, note = error.mistakes[0], notes[0]
    if not written and (mistake.span is None or note.span.begin >= mistake.span.end):
        return error
    message = note.message or f"unexpected {quoted(text[slice(*note.span)])}"
    advice = _advice(note, written, only_change=_is_only_change(note, text, written))
    return ScheduleError([Mistake(note.code, message, advice, span=note.span)], text)


def _listed(error: ScheduleError, text: str, notes: list[Note], written: str) -> ScheduleError:
    """The error with each mistake explained by its habit; the first one has the line."""
    found: list[Mistake] = []
    told: set[Note] = set()
    for mistake in sorted(error.mistakes, key=_size):
        own = [note for note in notes if _touch(mistake.span, note.span)]
        if mistake.code in _FOLLOWS and own and told.issuperset(own):
            continue  # the required argument is given under another name
        told.update(own)
        found.append(mistake)
    found.sort(key=lambda each: each.span or (0, 0))
    line = written
    for i, mistake in enumerate(found):
        own = [note for note in notes if _touch(mistake.span, note.span)]
        if own and (written or mistake.code.startswith("unknown-")):
            only_change = len(found) == 1 and _is_only_change(own[0], text, written)
            found[i] = mistake._replace(advice=_advice(own[0], line, only_change=only_change))
            line = ""
    if line:  # a misspelt name hides the habits behind it
        advice = "; ".join(filter(None, [found[0].advice, f"write `{line}`"])).replace("?;", "?")
        found[0] = found[0]._replace(advice=advice)
    return ScheduleError(found, text)


def _is_only_change(note: Note, text: str, written: str) -> bool:
    """Whether the noted part is all that has to change."""
    changed = text[: note.span.begin] + note.new + text[note.span.end :]
    try:
        return from_text(changed) == from_text(written)
    except ScheduleError:
        return False


_FOLLOWS = {"missing-argument", "no-duration", "does-not-apply"}
"""Codes of mistakes of a whole phase, which a wrong argument name can cause."""


def _size(mistake: Mistake) -> int:
    return mistake.span.end - mistake.span.begin if mistake.span else 0


def _touch(a: Span | None, b: Span) -> bool:
    return a is not None and a.begin <= b.end and b.begin <= a.end


def _advice(note: Note, written: str, *, only_change: bool) -> str:
    if note.new and (only_change or not written):
        if not note.reason:
            return f"did you mean `{note.new}`?"
        shown = f"`{note.new}`" in note.reason
        return note.reason if shown else f"{note.reason}: `{note.new}`"
    return "; ".join(filter(None, [note.reason, f"write `{written}`" if written else ""]))
