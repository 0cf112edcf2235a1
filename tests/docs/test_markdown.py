"""The runner of the pages' code would notice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.markdown import Page, blocks

WRONG = {
    "a wrong answer": "```python\n>>> 1 + 1\n3\n```",
    "an error": "```python\nraise AssertionError\n```",
    "a wrong output": "```console\n$ echo a\nb\n```",
    "too little output": "```console\n$ printf 'a\\nb\\n'\na\n```",
    "too much output": "```console\n$ echo a\na\nb\n```",
    "no schedule": "```text\ncosin 90\n```",
    "no such extra": "```sh\npip install 'schedlang[nothing]'\n```",
    "another language": "```rust\nfn main() {}\n```",
    "a file without a name": "```yaml\na: 1\n```",
    "left open": "```python\n1",
}
RIGHT = {
    "one namespace": (
        "```python\na = 1\n```\n\n```python\n>>> a\n1\n>>> b = 2\n```\n\n```python\nb\n```"
    ),
    "lines left out": "```console\n$ seq 9\n1\n…\n8\n9\n```",
    "several commands": "```console\n$ echo a\na\n$ echo \\\n    b\nb\n```",
    "a file": (
        '```yaml title="a.yaml"\na: cosine 90\n```\n\n```console\n$ cat a.yaml\na: cosine 90\n```'
    ),
    "in a list": "- as here:\n\n  ```python\n  a = [\n      1,\n  ]\n  ```",
}


def _run(text: str, folder: Path) -> None:
    path = folder / "page.md"
    path.write_text(text, encoding="utf-8")
    page = Page(folder)
    for block in blocks(path):
        page.run(block)


@pytest.mark.parametrize("name", RIGHT)
def test_right(name: str, tmp_path: Path) -> None:
    _run(RIGHT[name], tmp_path)


@pytest.mark.parametrize("name", WRONG)
def test_wrong(name: str, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, ValueError)):
        _run(WRONG[name], tmp_path)
