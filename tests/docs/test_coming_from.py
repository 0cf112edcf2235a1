"""docs/coming-from.md: each row is what the message gives, and its tables are the aliases."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

import schedlang
from schedlang.language import aliases
from schedlang.language.quantities import UNITS
from schedlang.language.tree import Settings
from schedlang.phases import kinds
from tests.docs.markdown import ROOT, rows

PAGE = ROOT / "docs" / "coming-from.md"
LIBRARIES = ["PyTorch", "Keras", "optax", "transformers", "timm", "MMEngine", "Elsewhere"]
ROWS = [row for name in LIBRARIES for row in rows(PAGE, f"### {name}")]
SYNTAX = rows(PAGE, "## Syntax")


@pytest.mark.parametrize(("typed", "line"), ROWS + SYNTAX, ids=lambda cell: str(cell)[:60])
def test_the_message_has_the_line(typed: str, line: str) -> None:
    with pytest.raises(schedlang.ScheduleError) as caught:
        schedlang.parse(typed)
    assert re.findall(r"write `([^`]*)`", str(caught.value)) == [line]
    schedlang.parse(line)


def test_every_scheduler_has_a_row() -> None:
    page = PAGE.read_text(encoding="utf-8")
    names = {row.name for row in aliases.SCHEDULERS} | set(aliases.SEQUENCES)
    assert not {name for name in names if f"`{name}" not in page and f"'{name}'" not in page}


# What another library's argument is here, as the page shows it.
HOW = {
    "T": "the duration", "end": "the end, as a position of the run; `total=` among the settings",
    "initial": "`lr=`, or `from=` of the warm-up beside a peak", "peak": "`lr=`", "lr": "`lr=`",
    "warmup T": "`warmup` and its duration", "warmup from": "`from=` of the warm-up",
    "warmup shape": "the shape of the warm-up", "hold T": "the duration of the `hold` before it",
    "unit": "`ep` if true, else `st`", "clock": "`clock=`", "expression": "`fn { … }`",
    "-": "left out", "- 0": "left out if it is 0", "- 0.5": "left out if it is 0.5",
    "staircase": "`step` instead of `exp`",
}  # fmt: skip
IMPLIED = {"x": " as a share: `0.1x`", "%": " as a share of the total"}


def _shown(slot: str) -> str:
    words = slot.split()
    unit = words.pop() if words[-1] in (*UNITS, "x") and words[0] != "-" else ""
    how = HOW.get(" ".join(words), f"`{words[0]}=`")
    return how + (IMPLIED.get(unit, f" in `{unit}`") if unit else "")


def argument_rows() -> Iterator[tuple[str, str]]:
    """What the page has under "Names of arguments", from the table of aliases."""
    found: dict[str, list[str]] = {}
    for name, slot in aliases.ARGUMENT_ALIASES.items():
        kind, _, argument = name.rpartition(".")
        shown = f"`{argument}` of `{kind}`" if kind else f"`{argument}`"
        if slot != argument:
            found.setdefault(_shown(slot), []).append(shown)
    for slot, names in found.items():
        yield slot, ", ".join(names)


def unit_rows() -> Iterator[tuple[str, str]]:
    found: dict[str, list[str]] = {}
    for name, unit in aliases.UNIT_ALIASES.items():
        found.setdefault(unit, []).append(f"`{name}`")
    for unit, names in found.items():
        yield f"`{unit}`", ", ".join(names)


def _table(section: str) -> list[str]:
    text = PAGE.read_text(encoding="utf-8").partition(f"## {section}\n")[2].partition("\n## ")[0]
    return [line for line in text.splitlines() if line.startswith("| ")][1:]


def test_the_arguments_are_those_of_the_table() -> None:
    assert _table("Names of arguments") == [f"| {a} | {b} |" for a, b in argument_rows()]


def test_the_units_are_those_of_the_table() -> None:
    assert _table("Units") == [f"| {a} | {b} |" for a, b in unit_rows()]


# ── The table itself ─────────────────────────────────────────────────────────────────────────────

SLOTS = {"T", "end", "lr", "peak", "initial", "warmup", "hold", "unit", "clock", "-", "expression"}


@pytest.mark.parametrize(("name", "slot"), aliases.ARGUMENT_ALIASES.items())
def test_an_argument_leads_to_something(name: str, slot: str) -> None:
    kind = name.rpartition(".")[0]
    fields = {
        field.alias or own
        for phase in ([kinds()[kind]] if kind in kinds() else kinds().values())
        for own, field in phase.model_fields.items()
    }
    head, *rest = slot.split()
    assert head in SLOTS | fields
    assert name == name.lower()
    assert {"from", "shape", "T"} >= set(rest[:1]) or head not in ("warmup", "hold")


@pytest.mark.parametrize("row", aliases.SCHEDULERS, ids=lambda row: row.name)
def test_a_scheduler_leads_to_phases(row: aliases.Scheduler) -> None:
    meaning = aliases.scheduler(row.name)
    assert meaning is not None
    assert meaning.row == row
    assert {kind or "linear" for _, kind in meaning.phases} <= set(kinds())
    for parameter in row.parameters.split():
        name = parameter.rpartition(":")[2]
        own = kinds()[meaning.phases[-1][1] or "linear"].model_fields
        assert name in {*own, *Settings.model_fields} or aliases.argument(
            meaning.phases[-1][1], name
        ), name


def test_the_units_exist() -> None:
    assert set(aliases.UNIT_ALIASES.values()) <= set(UNITS.values())
    assert not set(aliases.UNIT_ALIASES) & set(UNITS)
    assert set(aliases.DISTINCTIVE_ARGUMENTS.values()) <= set(kinds())
