"""The parser's tables that lie beside the grammar are those of the grammar."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import lark
import pytest

from schedlang.language import grammar
from schedlang.language import parser as module
from schedlang.language.parser import grammar_path, parser, tables_are_of
from tests.cases import CASES, Case

PINNED = Path(__file__).parents[1].joinpath("constraints.txt").read_text(encoding="utf-8")


@pytest.mark.skipif(
    f"lark=={lark.__version__}" not in PINNED.splitlines(),
    reason=f"tables are made with the lark of constraints.txt, and this is {lark.__version__}",
)
def test_the_tables_are_of_this_grammar() -> None:
    """If not: `make tables`."""
    made = json.loads(grammar_path().with_suffix(".json").read_text(encoding="utf-8"))
    assert made["of"] == tables_are_of()


def test_an_import_writes_no_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Path, "write_text")
    runpy.run_path(module.__file__, run_name=module.__name__)
    with pytest.raises(AttributeError):
        runpy.run_path(module.__file__, run_name="__main__")


@pytest.mark.parametrize("release", ["0.1.0", "99.0.0"])
def test_tables_of_another_release_are_not_used(
    release: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "schedlang.lark"
    copy.write_bytes(grammar_path().read_bytes())
    copy.with_suffix(".json").write_text(f'{{"of": "lark {release}, grammar 0"}}')
    monkeypatch.setattr("schedlang.language.parser.grammar_path", lambda: copy)
    read = parser(grammar._Reader()).parse("cosine 90", start="start")
    assert read == grammar.read_line("cosine 90")


@pytest.fixture(scope="module")
def without_tables(tmp_path_factory: pytest.TempPathFactory) -> lark.Lark:
    alone = tmp_path_factory.mktemp("grammar") / "schedlang.lark"
    alone.write_bytes(grammar_path().read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("schedlang.language.parser.grammar_path", lambda: alone)
        return parser(grammar._Reader())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_tables_read_what_the_grammar_reads(case: Case, without_tables: lark.Lark) -> None:
    assert without_tables.parse(case.text, start="start") == grammar.read_line(case.text)
