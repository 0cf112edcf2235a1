"""The settings in ``[tool.schedlang]`` of the project's pyproject.toml."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from schedlang.cli.output import UsageError
from schedlang.errors import did_you_mean, quoted

TABLE = "[tool.schedlang]"

_TABLE = re.compile(rb"tool\s*\.\s*[\"']?schedlang|(?m:^)\s*\[\s*tool\s*\]")


class Project(NamedTuple):
    """The settings of a project.

    Attributes:
        keys: names of keys, or whole keys, under which config files have schedules, with the
            wildcards ``*`` and ``?``.
        ignore: codes of lint rules to turn off.
    """

    keys: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


def project() -> Project:
    """The settings of the nearest pyproject.toml in this folder and its parents.

    Raises:
        UsageError: if they are wrong.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            return _settings(path)
    return Project()


def _settings(path: Path) -> Project:
    with suppress(OSError):
        if not _TABLE.search(path.read_bytes()):  # most have no such table
            return Project()
    from schedlang.cli.files import load, read_file

    table: Any = load(read_file(path, "pyproject.toml"))
    for name in ("tool", "schedlang"):
        table = table.get(name, {}) if isinstance(table, dict) else {}
    if not isinstance(table, dict):
        raise UsageError(f"pyproject.toml: {TABLE} must be a table, not {quoted(table)}")
    for name, value in table.items():
        if name not in Project._fields:
            advice = did_you_mean(name, Project._fields)
            raise UsageError(f"pyproject.toml: {TABLE} has no {quoted(name)}: {advice}")
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise UsageError(
                f'pyproject.toml: {TABLE} {name}: write a list of strings, {name} = ["…"]'
            )
    return Project(**{name: tuple(value) for name, value in table.items()})
