"""Where each node was read: kept on the node, of no meaning to equality, and never read again."""

from __future__ import annotations

import copy
import pickle

import pytest

from schedlang import Schedule, ScheduleError, parse
from schedlang.errors import Path, Span
from schedlang.language import validate
from schedlang.language.consistency import arguments, walk
from schedlang.language.grammar import read_line
from schedlang.language.placed import ParsedNode, span_at
from schedlang.phases import Phase
from tests.cases import CASES, Case

SPANS: list[tuple[tuple[str | int, ...], str]] = [
    (("lr",), "0.1"),
    (("lr=",), "lr"),
    (("stages", 0), "warmup 5"),
    (("stages", 0, "role"), "warmup"),
    (("stages", 0, "duration"), "5"),
    (("stages", 1), "hold until 9 -> multistep 20 at=[11, 12"),
    (("stages", 1, "times"), "2"),
    (("stages", 1, "stages", 0, "duration"), "until 9"),
    (("stages", 1, "stages", 1, "at"), "11, 12"),
    (("stages", 1, "stages", 1, "at", 1), "12"),
    (("stages", 2, "factors", 1, "min"), "1%"),
    (("stages", 2, "factors", 1, "min="), "min"),
    (("stages", 2, "factors", 1, "to"), "cosine 9 min=1%"),  # not given: the phase
]


@pytest.mark.parametrize(("path", "part"), SPANS, ids=str)
def test_the_span_of_a_path(path: tuple[str | int, ...], part: str) -> None:
    repeat = "(hold until 9 -> multistep 20 at=[11, 12]) x 2"
    text = f"lr=0.1 | warmup 5 -> {repeat} -> hold 9 * cosine 9 min=1%"
    span = span_at(parse(text), path)
    assert span is not None
    assert text[slice(*span)] == part


def _places(node: Schedule) -> dict[Path, Span | None]:
    """The span of every node, and of every argument."""
    found = {}
    for path, phase in walk(node.stages):
        names = [name for name, _ in arguments(phase)] if isinstance(phase, Phase) else []
        for place in (path, *((*path, name) for name in names)):
            found[place] = span_at(node, place)
    return found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_tree_has_the_places_of_its_text(case: Case) -> None:
    tree, raw = parse(case.text), read_line(case.text)
    found = _places(tree)
    assert None not in found.values()
    assert found == {place: span_at(raw, place) for place in found}
    assert found == _places(copy.deepcopy(tree)) == _places(pickle.loads(pickle.dumps(tree)))


def test_a_place_is_no_part_of_what_is_written() -> None:
    one, same = parse("(hold 5) x 2 -> cosine 9"), parse("( hold   5 )x2->cosine 9 # the same")
    made = type(one).model_validate(one.model_dump())
    assert one == same == made
    assert one.stages == same.stages == made.stages
    assert hash(one.stages) == hash(same.stages) == hash(made.stages)


@pytest.mark.parametrize(
    "line",
    [
        "cosine rest",
        "warmup 5 to=10% -> decay 9 to=0.05",
        "warmup 5% -> hold",
    ],
)
def test_the_places_of_mistakes_that_binding_finds_are_not_read_again(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str] = []

    def counted(text: str) -> ParsedNode:
        texts.append(text)
        return read_line(text)

    monkeypatch.setattr(validate, "read_line", counted)
    with pytest.raises(ScheduleError):
        parse(line).bind(lr=0.1)
    assert texts == [line]
