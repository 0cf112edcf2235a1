"""Reads the code blocks of a Markdown page and runs them, so that no page says what is not so.

What runs, by the block's language:

- ``python``: in order, in one namespace a page. A block that begins with ``>>>`` is a session
  whose answers are compared.
- ``console``: each ``$ command`` in a shell, in a folder with the examples and the page's own
  files; what it prints is compared. A line ``…`` stands for any lines.
- ``yaml``, ``toml``, ``json`` with a ``title="name"``: a file in that folder.
- ``text``: a schedule on each line.
- ``sh``: installs, which are only compared with what can be installed.

Anything else fails: a new kind of block wants a new way to check it.
"""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import schedlang

ROOT = Path(__file__).parents[2]


class Block(NamedTuple):
    """A fenced block of code."""

    language: str
    options: str
    code: str
    page: str
    line: int

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(path: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    opening: tuple[str, str, str, int] | None = None
    lines: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        fence = re.match(r"(\s*)```(\w*)(.*)", line)
        if fence is None:
            lines.append(line.removeprefix(opening[0]) if opening else line)
        elif opening is None:
            opening, lines = (fence[1], fence[2], fence[3], number), []
        else:
            _, language, options, begin = opening
            yield Block(language, options, "".join(f"{each}\n" for each in lines), path.name, begin)
            opening = None
    assert opening is None, f"{path.name}: a block is left open"


@dataclass
class Page:
    """A page's blocks, run one after the other.

    Attributes:
        folder: where its files are and its commands run.
        names: the namespace of its Python.
    """

    folder: Path
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "page"})

    def __post_init__(self) -> None:
        shutil.copytree(ROOT / "examples", self.folder / "examples")
        (self.folder / "docs" / "images").mkdir(parents=True)
        (self.folder / "bin").mkdir()
        for name, start in (("python", ""), ("schedlang", "-m schedlang")):
            shim = self.folder / "bin" / name
            shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" {start} "$@"\n', encoding="utf-8")
            shim.chmod(0o755)

    def run(self, block: Block) -> None:
        """Run a block and compare what there is to compare."""
        match block.language:
            case "python" | "pycon" if block.code.lstrip().startswith(">>>"):
                self._session(block)
            case "python":
                code = compile(
                    "\n" * block.line + block.code, block.page, "exec", dont_inherit=True
                )
                exec(code, self.names)
            case "console":
                self._commands(block)
            case "yaml" | "toml" | "json":
                title = re.search(r'title="([^"]+)"', block.options)
                assert title, f"{block}: a file needs a title"
                (self.folder / title[1]).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / title[1]).write_text(block.code, encoding="utf-8")
            case "text":
                for line in block.code.splitlines():
                    if line.strip():
                        schedlang.parse(line)
            case "sh":
                self._install(block)
            case language:
                raise AssertionError(f"{block}: nobody checks a block of `{language}`")

    def _session(self, block: Block) -> None:
        test = doctest.DocTestParser().get_doctest(
            block.code, self.names, str(block), block.page, block.line
        )
        said: list[str] = []
        runner = doctest.DocTestRunner(verbose=False)
        failed = runner.run(test, out=said.append, clear_globs=False).failed
        self.names.update(test.globs)
        assert not failed, "".join(said)

    def _commands(self, block: Block) -> None:
        for command, expected in _sessions(block.code):
            ran = subprocess.run(
                ["bash", "-c", command],
                cwd=self.folder,
                env={
                    **os.environ,
                    "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                    "PYTHONPATH": str(ROOT),
                    "COLUMNS": "80",
                },
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            assert _matches(ran.stdout, expected), f"{block}: {command}\n{ran.stdout}"

    def _install(self, block: Block) -> None:
        metadata = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        for line in block.code.splitlines():
            match = re.fullmatch(r"pip install '?schedlang(\[([^\]]+)\])?'?( *#.*)?", line)
            assert match, f"{block}: {line} is no install of ours"
            for extra in (match[2] or "").split(","):
                assert not extra or re.search(rf"(?m)^{extra} = \[", metadata), extra


def _sessions(code: str) -> Iterator[tuple[str, list[str]]]:
    """Each command with what it is to print."""
    command: str | None = None
    expected: list[str] = []
    for line in code.splitlines():
        if line.startswith("$ "):
            if command is not None:
                yield command, expected
            command, expected = line[2:], []
        elif command is not None and command.endswith("\\"):
            command = f"{command[:-1]}{line.lstrip()}"
        else:
            expected.append(line)
    assert command is not None, "a console block without a command"
    yield command, expected


def _matches(printed: str, expected: list[str]) -> bool:
    """Whether a command printed this; a line `…` stands for any lines."""
    lines = [line.rstrip() for line in printed.rstrip("\n").split("\n")]
    wanted = [line.rstrip() for line in expected]
    while wanted and not wanted[-1]:
        wanted.pop()
    pattern = "\n".join(r"(.*\n)*?.*" if line == "…" else re.escape(line) for line in wanted)
    return re.fullmatch(pattern, "\n".join(lines).rstrip("\n")) is not None


def rows(path: Path, heading: str) -> list[tuple[str, ...]]:
    """The cells of the tables under a heading, without the tables' own headings."""
    text = path.read_text(encoding="utf-8")
    level = heading.index(" ")
    section = re.search(rf"(?ms)^{re.escape(heading)}\n(.*?)(?=^#{{1,{level}}} |\Z)", text)
    assert section, heading
    found = []
    for line in re.findall(r"^\| (.*) \|$", section[1], re.MULTILINE):
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)]
        found.append(tuple(re.sub(r"^`(.*)`$", r"\1", cell) for cell in cells))
    return [cells for cells in found if cells[0] not in ("there", "here", "typed")]
