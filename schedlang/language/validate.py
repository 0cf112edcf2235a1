"""Validates a dict form into a tree; one error has the mistakes of all phases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from typing_extensions import Self

from schedlang.errors import Mistake, Path, ScheduleError, did_you_mean, quoted
from schedlang.language import consistency
from schedlang.language.grammar import DEEPEST, LONGEST, read_line
from schedlang.language.placed import ParsedNode, Placed, place_of, set_place, span_at
from schedlang.language.tree import Group, Product, Refused, Settings, Tree
from schedlang.phases import kinds


def from_text(text: str, clock: str | None = None) -> Tree:
    """The tree of a line of text.

    Args:
        text: the line.
        clock: what one tick is, as if the line set it.

    Raises:
        ScheduleError: with every mistake of the line, in its order.
    """
    raw = read_line(text)
    if clock is not None and raw.setdefault("clock", clock) != clock:
        (span,) = raw.place.spans("clock")
        raw.mistakes.append(twice("clock", raw["clock"], clock)._replace(span=span))
    return from_dict(raw, text)


def is_valid_line(text: str, clock: str | None = None) -> bool:
    """Whether a text is a valid line."""
    try:
        from_text(text, clock)
    except ScheduleError:
        return False
    return True


def twice(name: str, ours: str, theirs: str) -> Mistake:
    """The mistake of a setting with different values in the line and in the call."""
    message = f"`{name}` is given twice: {name}={ours} in the line, {name}={theirs} in the call"
    return Mistake("conflicting-settings", message, "give it once", (name,))


def plain_data(raw: Any) -> Any:
    """The dict form with other mappings and sequences converted to dicts and lists.

    OmegaConf's interpolations are resolved.
    """
    if isinstance(raw, Mapping) and not isinstance(raw, dict):
        return {key: plain_data(value) for key, value in raw.items()}
    if isinstance(raw, Sequence) and not isinstance(raw, str | bytes | list | tuple):
        return [plain_data(value) for value in raw]
    return raw


def from_dict(raw: Any, text: str | None = None) -> Tree:
    """The tree of a dict form, which may come from a text.

    Raises:
        ScheduleError: with every mistake.
    """
    mistakes: list[Mistake] = []
    if not isinstance(raw, ParsedNode):  # the depth of a text was checked before
        _refuse_size(raw)
        _refuse_plan(raw)
    refused = Refused()
    result: Tree | None = None
    try:
        result = Tree.model_validate(raw, context=refused)
    except ValidationError as error:
        refused.nodes.append((raw, error))
    refusals = {id(node): refusal for node, refusal in refused.nodes}
    for path, node in _nodes(raw):
        if isinstance(node, ParsedNode):
            mistakes += [each.under(path) for each in node.mistakes]
        if id(node) in refusals:
            mistakes += translate(refusals[id(node)], path, node)
    if result is not None:
        set_place(result, place_of(raw))
        mistakes += consistency.check(result)
    if mistakes or result is None:
        raise located(mistakes, text, raw)
    return result


def located(mistakes: Iterable[Mistake], text: str | None, root: Any) -> ScheduleError:
    """The error with its mistakes, each with the span of its node.

    Args:
        mistakes: the mistakes; one that already has a span keeps it.
        text: the text that the spans point into; None if there is none.
        root: the tree or the dict form of the text.
    """
    if text is None:
        return ScheduleError(mistakes)
    return ScheduleError([with_span(mistake, root) for mistake in mistakes], text)


def with_span(mistake: Mistake, root: Any) -> Mistake:
    """The mistake with the span of its node, if that was parsed from a text."""
    place = place_of(root)
    key = str(mistake.path[0]) if mistake.path else "stages"
    if mistake.span is not None or place is None or key not in place.values:
        return mistake  # a setting of the caller has no span
    return mistake._replace(span=span_at(root, mistake.path))


def _refuse_size(raw: Any) -> None:
    """Raise an error for a dict form that is too deep or too large, even if it shares parts."""
    level, depth, count = [raw], 0, 0
    while level:
        depth += 1
        count += len(level)
        if count > LONGEST:
            message = f"this has more than {LONGEST:,} parts"
            raise ScheduleError([Mistake("too-long", message)])
        if depth > 4 * DEEPEST + 8:  # a group in a product is two dicts and two lists
            raise ScheduleError([_TOO_DEEP])
        inside = (child for node in level for child in _children(node))
        level = list(islice(inside, LONGEST + 1))
    if any(path.count("stages") > DEEPEST + 1 for path, _ in _nodes(raw)):  # as in a text
        raise ScheduleError([_TOO_DEEP])


_TOO_DEEP = Mistake(
    "too-deep", f"this is nested deeper than {DEEPEST} levels", "reduce the nesting"
)


def _refuse_plan(raw: Any) -> None:
    """Raise an error for a plan, which has lines or mappings of lines instead of stages."""
    if not isinstance(raw, dict) or "stages" in raw:
        return
    texts = (value.split() for value in raw.values() if isinstance(value, str))
    has_lines = any(word in kinds() for words in texts for word in words)
    if has_lines or any(isinstance(value, dict) for value in raw.values()):
        message = "this is a plan, but only a single line is allowed here"
        raise ScheduleError([Mistake("wrong-type", message, "use schedlang.Plan")])


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


# ── From pydantic's errors to mistakes ────────────────────────────────────────────────────────────


class OwnErrors(BaseModel):
    """A model whose validation raises `ScheduleError` instead of pydantic's error."""

    model_config = ConfigDict(defer_build=True)

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """The object of a text, a mapping, or an object of this class.

        Raises:
            ScheduleError: with all mistakes.
        """
        try:
            return super().model_validate(obj, **options)
        except ValidationError as error:
            raise _own_error(error) from None

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """The object of a JSON text, which may be a string or a mapping."""
        try:
            return super().model_validate_json(json_data, **options)
        except ValidationError as error:
            raise _own_error(error) from None


def _own_error(error: ValidationError) -> ScheduleError:
    """The `ScheduleError` inside pydantic's error, or one for a text that is not JSON."""
    found = error.errors(include_url=False)[0]
    own = found.get("ctx", {}).get("error")
    if isinstance(own, ScheduleError):
        return own
    place = re.search(r"line (\d+) column (\d+)", found["msg"])
    where = f": line {place[1]}, column {place[2]}" if place else ""
    advice = 'a line of text is a JSON string: "cosine 90"'
    return ScheduleError([Mistake("syntax", f"this is not JSON{where}", advice)])


def translate(error: ValidationError, path: Path, node: Any) -> Iterator[Mistake]:
    """The mistakes for pydantic's errors in one node or in the settings."""
    kind = node.get("kind") if isinstance(node, dict) and path else ""
    kind = kind if isinstance(kind, str) else ""
    for found in error.errors(include_url=False):
        location = found["loc"]
        if kind not in kinds():  # the union's tag, which is not a key of the dict form
            location = location[location[:1] in _SHAPES :]
        own = found.get("ctx", {}).get("error")
        if isinstance(own, ScheduleError):  # from a validator of this package
            for mistake in own.under((*path, *location)):
                unit = str(found["input"]).split()[-1] if mistake.code == "unknown-unit" else ""
                advice = "phases are joined by `->`" if unit in kinds() else mistake.advice
                yield mistake._replace(advice=advice)
        else:
            yield _mistake(dict(found), kind, path, location)


_SHAPES = {("phase",), ("group",), ("product",)}
_BOUNDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


def _mistake(found: dict[str, Any], kind: str, path: Path, place: Path) -> Mistake:
    name = str(place[-1]) if place else ""
    here = (*path, *place)
    name_here = (*here[:-1], f"{name}=")
    value = found["input"]
    from schedlang.language import aliases  # only an error needs it

    match found["type"]:
        case "missing" if kind in {"group", "product"}:
            return Mistake("missing-argument", f"a {kind} needs `{name}`", path=here[:-1])
        case "missing" if kind:
            return Mistake("missing-argument", f"`{kind}` needs `{name}=`", path=here[:-1])
        case "missing":
            return Mistake("missing-argument", f"`{name}` is missing", path=here[:-1])
        case "extra_forbidden" | "invalid_key" if not kind:
            message = f"there is no setting called {quoted(name)}"
            advice = aliases.nearest_name(name, Settings.model_fields, "")
            return Mistake("unknown-setting", message, advice, name_here)
        case "extra_forbidden" if name == "role":
            role = "warm-up" if value == "warmup" else value if value == "decay" else quoted(value)
            message = f"`{kind}` cannot be a {role}"
            return Mistake("does-not-apply", message, "only a ramp can", here)
        case "extra_forbidden" | "invalid_key":
            message = f"`{kind}` has no argument {quoted(name)}"
            advice = aliases.nearest_name(name, argument_names(kind), kind)
            return Mistake("unknown-argument", message, advice, name_here)
        case "literal_error":
            choices = re.findall(r"'([^']*)'", found["ctx"]["expected"])
            message = f"`{name}` cannot be {quoted(value)}"
            return Mistake("unknown-value", message, _choice(str(value), choices), here)
        case "union_tag_invalid":
            message = "a product cannot be a factor of a product"
            return Mistake("wrong-type", message, "put it in a group", here)
        case "value_error" | "assertion_error":  # a validator of a registered phase
            return Mistake("wrong-type", str(found["ctx"]["error"]), path=here)
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal" as bound:
            limit, word = _BOUNDS[bound]
            message = f"`{name}` cannot be {quoted(value)}: it must be {word} {found['ctx'][limit]}"
            return Mistake("out-of-range", message, path=here)
        case _ if name:
            return Mistake("wrong-type", f"`{name}` cannot be {quoted(value)}", path=here)
        case _:
            return Mistake("wrong-type", f"expected a phase, not {quoted(value)}", path=here)


def _choice(value: str, choices: list[str]) -> str:
    advice = did_you_mean(value, choices)
    return advice if advice.startswith("did") else f"one of {', '.join(choices)}"


def argument_names(kind: str) -> list[str]:
    """The arguments of a phase, a group or a product, by their names in the text."""
    nodes: dict[str, type[Placed]] = {**kinds(), "group": Group, "product": Product}
    fields = nodes[kind].model_fields if kind in nodes else {}
    hidden = ("kind", "role", "duration")
    return [field.alias or name for name, field in fields.items() if name not in hidden]
