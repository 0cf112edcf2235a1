"""From the dict form to a tree: every mistake of every phase, collected into one error."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from pydantic import ValidationError

from schedlang import rules
from schedlang.errors import CODES, Code, Mistake, Mistakes, Path, ScheduleError, nearest, quoted
from schedlang.grammar import DEEPEST, LONGEST, Written, read, span_at
from schedlang.phases import kinds
from schedlang.tree import Refused, Settings, Tree


def from_text(text: str) -> Tree:
    """The tree of a line.

    Raises:
        ScheduleError: with every mistake of the line, in its order.
    """
    return from_dict(read(text), text)


def from_dict(raw: Any, text: str | None = None) -> Tree:
    """The tree of a dict form, which may be a text's.

    Raises:
        ScheduleError: with every mistake.
    """
    mistakes = Mistakes()
    if not isinstance(raw, Written):  # a text's depth was seen to before
        _refuse_size(raw)
    for node in _written(raw):
        mistakes.found += node.mistakes
    refused = Refused()
    result: Tree | None = None
    try:
        result = Tree.model_validate(raw, context=refused)
    except ValidationError as error:
        mistakes.found += translate(error, (), raw)
    if refused.nodes:
        paths = {id(node): path for path, node in _nodes(raw)}
        for node, refusal in refused.nodes:
            mistakes.found += translate(refusal, paths.get(id(node), ()), node)
    if result is not None:
        rules.check(result, mistakes)
    if mistakes.found or result is None:
        raise located(mistakes.found, text, raw if isinstance(raw, Written) else None)
    return result


def located(mistakes: list[Mistake], text: str | None, raw: Written | None = None) -> ScheduleError:
    """The error, each mistake with its place in the text (which is read again if need be)."""
    if text is None:
        return ScheduleError(mistakes)
    root = raw if raw is not None else read(text)
    return ScheduleError([with_span(mistake, root) for mistake in mistakes], text)


def with_span(mistake: Mistake, root: Written) -> Mistake:
    """The mistake with its place in the text, where the text has one."""
    key = mistake.path[0] if mistake.path else "stages"
    if mistake.span is not None or not (key in root or key in root.spans):
        return mistake  # it knows its place, or the caller made it and not the text
    span = span_at(root, mistake.path)
    return Mistake(mistake.code, mistake.message, mistake.advice, mistake.path, span)


def _refuse_size(raw: Any) -> None:
    """Refuse a dict form too deep or too large, even where its parts are shared."""
    level, depth, count = [raw], 0, 0
    while level:
        depth += 1
        count += len(level)
        if count > LONGEST:
            message = f"this has more than {LONGEST:,} parts"
            raise ScheduleError([Mistake("too-long", message)])
        if depth > 2 * DEEPEST + 8:
            message = f"this is nested deeper than {DEEPEST} levels"
            raise ScheduleError([Mistake("too-deep", message, "write it flatter")])
        inside = (child for node in level for child in _children(node))
        level = list(islice(inside, LONGEST + 1))


def _children(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        yield from (value for value in node.values() if isinstance(value, dict | list | tuple))
    elif isinstance(node, list | tuple):
        yield from (value for value in node if isinstance(value, dict | list | tuple))


def _nodes(node: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    yield path, node
    if isinstance(node, dict):
        for key in ("stages", "factors"):
            if isinstance(inner := node.get(key), list | tuple):
                for i, child in enumerate(inner):
                    yield from _nodes(child, (*path, key, i))


def _written(raw: Any) -> Iterator[Written]:
    return (node for _, node in _nodes(raw) if isinstance(node, Written) and node.mistakes)


# ── pydantic's errors in our words ───────────────────────────────────────────────────────────────


def translate(error: ValidationError, path: Path, node: Any) -> Iterator[Mistake]:
    """Pydantic's errors of a node as mistakes."""
    for found in error.errors(include_url=False, include_input=True):
        # A union's tags stand in pydantic's location; they are no keys of the dict form.
        place = tuple(key for key in found["loc"] if not _is_tag(key, found["loc"], node))
        code, message, advice, place = _words(dict(found), place, node)
        yield Mistake(code, message, advice, (*path, *place))


def _is_tag(key: str | int, location: tuple[str | int, ...], node: Any) -> bool:
    if not isinstance(key, str):
        return False
    if isinstance(node, dict) and node.get("kind") == key and location[0] == key:
        return True
    return key in ("phase", "group", "product", "registered") or key.startswith(
        ("function-", "tagged-")
    )


def _words(found: dict[str, Any], place: Path, node: Any) -> tuple[Code, str, str, Path]:
    kind = node.get("kind", "") if isinstance(node, dict) else ""
    name = str(place[-1]) if place else ""
    if found["type"] in CODES:
        context = found["ctx"]
        advice = context["advice"]
        if found["type"] == "unknown-phase":
            place = ("kind",)
        elif found["type"] == "unknown-unit" and _last_word(found["input"]) in kinds():
            advice = "phases are joined by `->`"
        return found["type"], context["message"], advice, place
    match found["type"]:
        case "missing":
            return (
                "missing-argument",
                f"`{kind}` needs `{name}=`" if kind else f"`{name}` is missing",
                "",
                place[:-1],
            )
        case "extra_forbidden" if not kind:
            advice = nearest(name, Settings.model_fields)
            return (
                "unknown-setting",
                f"there is no setting called {quoted(name)}",
                advice,
                (f"{name}=",),
            )
        case "extra_forbidden" if name == "role":
            role = {"warmup": "warm-up", "decay": "decay"}.get(str(node["role"]), str(node["role"]))
            return "does-not-apply", f"`{kind}` cannot be a {role}", "a ramp can", place
        case "extra_forbidden":
            message = f"`{kind}` has no argument {quoted(name)}"
            return (
                "unknown-argument",
                message,
                nearest(name, _arguments(kind)),
                (*place[:-1], f"{name}="),
            )
        case "literal_error":
            choices = [
                choice.strip("'")
                for choice in found["ctx"]["expected"].replace(" or ", ", ").split(", ")
            ]
            value = str(found["input"])
            message = f"`{name}` cannot be {quoted(value)}"
            return "unknown-value", message, _choice(value, choices), place
        case "model_type" | "dict_type" | "model_attributes_type":
            return "wrong-type", f"expected a phase, not {quoted(found['input'])}", "", place
        case _:
            return "wrong-type", str(found["msg"]), "", place


def _last_word(value: object) -> str:
    return str(value).rpartition(" ")[2]


def _choice(value: str, choices: list[str]) -> str:
    advice = nearest(value, choices)
    return advice if advice.startswith("did") else f"one of {', '.join(choices)}"


def _arguments(kind: str) -> list[str]:
    phase = kinds().get(kind)
    fields = phase.model_fields if phase is not None else {}
    hidden = ("kind", "role", "duration")
    return [field.alias or name for name, field in fields.items() if name not in hidden]
