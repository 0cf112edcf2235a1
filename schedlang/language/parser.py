"""The parser of the grammar. Its tables are generated ahead of time, since that takes 50 ms."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import lark
from lark.grammar import Rule
from lark.lexer import TerminalDef

_OPTIONS: dict[str, Any] = {"parser": "lalr", "start": ["start", "expression"]}


def grammar_path() -> Path:
    """The path of the grammar, in the installed package or the checkout, beside its tables."""
    here = Path(__file__).parent
    installed = here / "schedlang.lark"
    return installed if installed.exists() else here.parents[1] / "grammar" / "schedlang.lark"


def parser(transformer: lark.Transformer[lark.Token, Any]) -> lark.Lark:
    """The parser, loaded from its tables if this release of lark generated them.

    Args:
        transformer: what is called for each rule.
    """
    tables = grammar_path().with_suffix(".json")
    if tables.exists():
        made = json.loads(tables.read_text(encoding="utf-8"), object_hook=_with_numbers)
        if made["of"] == tables_are_of():
            made["data"]["options"]["transformer"] = transformer
            return lark.Lark.load(made)
    return lark.Lark(_grammar(), **_OPTIONS, transformer=transformer)


def tables_are_of() -> str:
    """The version of the tables: the release of lark and a checksum of the grammar."""
    return f"lark {lark.__version__}, grammar {zlib.crc32(_grammar().encode()):08x}"


def write_tables() -> None:
    """Write the tables as JSON beside the grammar."""
    made = lark.Lark(_grammar(), **_OPTIONS)
    data, memo = made.memo_serialize([TerminalDef, Rule])
    text = json.dumps({"of": tables_are_of(), "data": data, "memo": memo}, separators=(",", ":"))
    grammar_path().with_suffix(".json").write_text(f"{text}\n", encoding="utf-8")


def _grammar() -> str:
    return grammar_path().read_text(encoding="utf-8")


def _with_numbers(read: dict[str, Any]) -> dict[Any, Any]:
    """A JSON object with its keys converted back to integers, if the first one is a number."""
    if not next(iter(read), "").isdigit():
        return read
    return {int(key): value for key, value in read.items()}


if __name__ == "__main__":
    write_tables()
