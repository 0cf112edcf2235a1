"""Reads YAML as plain data: custom tags are ignored, and no objects are constructed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml

MERGE = "tag:yaml.org,2002:merge"
DEEPEST = 500
"""Deeper texts are parsed in Python, which raises an error where libyaml's stack overflows."""


def _ignoring_the_tag(loader: Any, node: yaml.Node) -> Any:
    """The value of a node without its unknown tag."""
    match node:
        case yaml.MappingNode():
            node.tag = loader.DEFAULT_MAPPING_TAG
        case yaml.SequenceNode():
            node.tag = loader.DEFAULT_SEQUENCE_TAG
        case _:
            plain = getattr(node, "style", None) is None
            node.tag = loader.resolve(yaml.ScalarNode, node.value, (plain, not plain))
    return loader.yaml_constructors[node.tag](loader, node)


class PlainLoader(yaml.SafeLoader):
    """PyYAML's safe loader, but with unknown tags ignored."""


PlainLoader.add_constructor(None, _ignoring_the_tag)  # None: any other tag
Loader: type[Any] = PlainLoader
if yaml.__with_libyaml__:

    class FastLoader(yaml.CSafeLoader):
        """The same with libyaml, which is ten times faster."""

    FastLoader.add_constructor(None, _ignoring_the_tag)
    Loader = FastLoader


def _loader(text: str) -> type[Any]:
    return PlainLoader if _depth(text) > DEEPEST else Loader


def _depth(text: str) -> int:
    """An upper bound of the nesting depth of a text."""
    depth = deepest = 0
    for match in re.finditer(r"[\[\]{}]", text):
        depth += 1 if match[0] in "[{" else -1
        deepest = max(deepest, depth)
    blocks = (len(match[0]) for match in re.finditer(r"(?m)^[ ?:-]+", text))
    return deepest + max(blocks, default=0)


def documents(text: str) -> list[Any]:
    """The non-empty documents of a YAML text.

    Raises:
        ValueError: if it is not valid, with the line and column if they are known.
    """
    try:
        found = list(yaml.load_all(text, _loader(text)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = () if mark is None else (mark.line + 1, mark.column + 1)
        raise ValueError(error.problem or str(error), *where) from None
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    return [document for document in found if document is not None]


def place(text: str, path: Sequence[str], *, is_json: bool = False) -> tuple[int, int] | None:
    r"""Begin and end of the value at a path in a valid YAML or JSON text.

    JSON is YAML, but for tabs, which are blanks there, for halves of a character (``\ud83d``), to
    which libyaml objects, and for a few characters, which no loader takes: the place is None then.
    """
    try:
        node = _node(text.replace("\t", " ") if is_json else text, path)
    except yaml.YAMLError:
        try:
            node = _node(text.replace("\t", " "), path, PlainLoader)
        except yaml.YAMLError:
            return None
    if node is None:
        return None
    begin, end = node.start_mark.index, node.end_mark.index
    properties = _PROPERTIES.match(text, begin, end)
    return (properties.end() if properties else begin), end


def given_twice(text: str, path: Sequence[str]) -> list[tuple[str, ...]]:
    """The duplicate keys of mappings at and below a path, as paths relative to it."""

    def search(node: yaml.Node | None, inner: tuple[str, ...]) -> None:
        if not isinstance(node, yaml.MappingNode):
            return
        names = [_name(key) for key, _ in node.value if key.tag != MERGE]
        found.extend((*inner, name) for name in dict.fromkeys(names) if names.count(name) > 1)
        if not inner:
            for key, value in node.value:
                if key.tag != MERGE:
                    search(value, (_name(key),))

    found: list[tuple[str, ...]] = []
    search(_node(text, path), ())
    return found


def _node(text: str, path: Sequence[str], loader: type[Any] | None = None) -> yaml.Node | None:
    """The node at a path of a valid YAML text."""
    composed = yaml.compose_all(text, loader or _loader(text))
    roots = [root for root in composed if not _is_null(root)]
    steps = list(path)
    node: yaml.Node | None = roots[int(steps.pop(0))] if len(roots) > 1 and steps else roots[0]
    for step in steps:
        node = None if node is None else _child(node, step)
    return node


_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")
"""Anchors and tags before a value."""


def _is_null(node: yaml.Node | None) -> bool:
    return node is None or node.tag == "tag:yaml.org,2002:null"


def _child(node: yaml.Node, step: str) -> yaml.Node | None:
    """The value of a mapping or list at a step; of duplicate keys the last, as for the loader."""
    match node:
        case yaml.SequenceNode(value=items):
            found: yaml.Node | None = items[int(step)] if int(step) < len(items) else None
            return found
        case yaml.MappingNode(value=pairs):
            for key, value in reversed(pairs):
                if key.tag != MERGE and _name(key) == step:
                    return value  # type: ignore[no-any-return]  # PyYAML has no types for it
            for key, value in reversed(pairs):
                if key.tag == MERGE:
                    merged = value.value if isinstance(value, yaml.SequenceNode) else [value]
                    for each in merged:
                        inside = _child(each, step)
                        if inside is not None:
                            return inside
    return None


def _name(key: yaml.Node) -> str:
    """A key as in the loaded values: `1`, `True`."""
    loader = PlainLoader("")
    return str(loader.construct_object(key, deep=True))
