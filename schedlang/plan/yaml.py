"""A plan's text, which is a YAML mapping. Importing this module imports PyYAML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from schedlang.errors import Mistake, ScheduleError, Span, quoted
from schedlang.language.grammar import LONGEST


def load(text: str) -> Any:
    """The content of a YAML text of one document.

    Raises:
        ScheduleError: if it is not valid, or has a duplicate key in a mapping.
    """
    if len(text) > LONGEST:
        message = f"the text has {len(text):,} characters; the maximum is {LONGEST:,}"
        raise ScheduleError([Mistake("too-long", message)])
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if twice := list(_twice(node, set())):
            raise ScheduleError(twice, text)
        return None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or "this cannot be read"
        mark = getattr(error, "problem_mark", None)
        span = None if mark is None else Span(mark.index, mark.index + 1)
        raise ScheduleError([Mistake("syntax", f"not YAML: {problem}", span=span)], text) from None
    except RecursionError:
        raise ScheduleError([Mistake("too-deep", "this YAML is nested too deeply")]) from None


def dump(mapping: dict[str, Any]) -> str:
    """The mapping as block YAML, in order, with each schedule on one line."""
    return yaml.safe_dump(mapping, sort_keys=False, allow_unicode=True, width=float("inf"))


def _twice(node: yaml.Node | None, seen: set[int]) -> Iterator[Mistake]:
    """The mistakes of duplicate keys."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys: set[tuple[str, str]] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in keys:
                    span = Span(key.start_mark.index, key.end_mark.index)
                    message = f"the key {quoted(key.value)} is given twice"
                    yield Mistake("double-argument", message, span=span)
                keys.add((key.tag, key.value))
            yield from _twice(value, seen)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _twice(item, seen)
