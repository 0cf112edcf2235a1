"""YAML as data: tags that are not YAML's own are ignored, and nothing is constructed for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader, for which an unknown tag is as good as none."""

    def _construct_ignoring_the_tag(self, node: yaml.Node) -> Any:
        match node:
            case yaml.MappingNode():
                node.tag = self.DEFAULT_MAPPING_TAG
            case yaml.SequenceNode():
                node.tag = self.DEFAULT_SEQUENCE_TAG
            case _:
                plain = getattr(node, "style", None) is None
                node.tag = self.resolve(yaml.ScalarNode, node.value, (plain, not plain))  # type: ignore[no-untyped-call]  # PyYAML has no types for it
        return self.yaml_constructors[node.tag](self, node)


Loader.add_constructor(None, Loader._construct_ignoring_the_tag)  # noqa: SLF001  # None: any other tag


def documents(text: str) -> Iterator[Any]:
    """The documents of a YAML text.

    Raises:
        ValueError: if it is not valid.
    """
    try:
        yield from yaml.load_all(text, Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


def scalars(text: str) -> Iterator[tuple[int, int, str, str]]:
    """The scalars of a valid YAML text: begin, end, value, and the sign of their style."""
    for token in yaml.scan(text, Loader):
        if isinstance(token, yaml.ScalarToken):
            begin, end = token.start_mark.index, token.end_mark.index
            yield begin, end, token.value, token.style or ""
