"""Habits of other libraries: the whole messages of a hundred mistakes, and what holds for any text.

The titles of golden/mistakes.txt have the ideal answer: 1 to 60 from a list that was made before
the messages were, 61 to 100 from one that was made before they were tried. A letter is a variant.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedlang import Schedule, ScheduleError, parse
from schedlang.language.other_libraries.suggestion import LONGEST
from tests.cases import CASES, Case, Refused, refused
from tests.strategies import schedules

CORPUS = refused("mistakes.txt")


def _message(text: str) -> str:
    with pytest.raises(ScheduleError) as caught:
        parse(text)
    return str(caught.value)


def _lines(message: str) -> list[str]:
    """The lines that are advised."""
    return re.findall(r"write `([^`]*)`$", message, re.MULTILINE)


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.title)
def test_messages(case: Refused) -> None:
    assert _message(case.text) == case.message


# What is typed and what is advised, a tab between them.
GOLDEN = Path(__file__).parent / "golden" / "habits.txt"
HABITS = [line.split("\t") for line in GOLDEN.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(("typed", "line"), HABITS, ids=[typed[:60] for typed, _ in HABITS])
def test_habits(typed: str, line: str) -> None:
    assert _lines(_message(typed.replace("\\n", "\n"))) == [line]


@pytest.mark.parametrize(
    "text",
    [
        "warmup 5 linear cosine -> cosine 9",
        "warmup(5, linear, poly)",
        "dict(LinearLR 5, StepLR 30, gamma=0.1)",
        "LambdaLR(schedule > lambda epoch: 0.95 ** epoch)",
    ],
)
def test_what_has_no_clear_meaning_gets_no_line(text: str) -> None:
    assert _lines(_message(text)) == []


# A text, and what is marked in it.
MARKED = [
    ("schedule: cosine 90", ["schedule: "]),
    ("schedule: (cosine 10) x 3", ["schedule:"]),
    ("lr=0.1 -> cosine 90", ["->"]),
    ("multistep 10 min=1% 20 gamma=0.5 30", ["10 min=1% 20 gamma=0.5 30"]),
    ('"lr"=0.1 | cosine(90)', ['"']),
    ("WarmupCosineLinear(90)", ["("]),
]


@pytest.mark.parametrize(("text", "marked"), MARKED)
def test_what_is_marked(text: str, marked: list[str]) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse(text)
    spans = [mistake.span for mistake in caught.value.mistakes]
    assert [text[slice(*span)] for span in spans if span] == marked


def test_all_are_there() -> None:
    numbers = {int(re.match(r"\d+", case.title)[0]) for case in CORPUS}  # type: ignore[index]  # it has one
    assert numbers == set(range(1, 101))


# ── What holds for any text ──────────────────────────────────────────────────────────────────────

PIECES = st.sampled_from([
    *(case.text for case in CORPUS), "warmup", "cosine", " fn {", "lambda x: ", "dict(", "until ",
    "rest", "lr=", "1e-4", "10ep", " x inf", "SequentialLR([", "type=", "[", "]", "(", ")", "{",
    "}", ",", ";", ":", "|", "=", "->", "→", "\u2013",
    "'", '"', "#", "\n", " ", "%", "--", "1,000", "10K",
])  # fmt: skip


@st.composite
def _mutated(draw: st.DrawFn) -> str:
    """A mistake with further ones: pieces put in, taken out, repeated."""
    text: str = draw(st.sampled_from(CORPUS)).text
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(text)))
        end = draw(st.integers(begin, min(len(text), begin + 6)))
        text = text[:begin] + draw(st.one_of(PIECES, st.just(""), st.text(max_size=3))) + text[end:]
    return text


@given(_mutated())
def test_any_text_is_a_schedule_or_an_error_whose_advice_is_a_schedule(text: str) -> None:
    try:
        schedule = parse(text)
    except ScheduleError as error:
        mistakes = error.mistakes
    else:
        assert parse(str(schedule)) == schedule
        return
    advised = _lines("\n".join(mistake.advice for mistake in mistakes))
    assert len(advised) <= 1
    assert all(isinstance(parse(line), Schedule) for line in advised)
    assert all(mistake.span is not None for mistake in mistakes)


def test_a_line_without_mistakes_needs_none_of_this() -> None:
    program = (
        "import sys, schedlang; schedlang.parse('warmup 10 -> cosine 90').bind(lr=0.1).at(5);"
        "lazy = tuple(f'schedlang.language.{name}' for name in "
        "('aliases', 'other_libraries', 'syntax'));"
        "print(*(name for name in sys.modules if name.startswith(lazy)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "\n"


# ── What is advised ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("case", [case for case in CASES if "fn" not in case.text], ids=str)
def test_a_line_with_other_signs_is_answered_with_itself(case: Case) -> None:
    """Any line of the language in quotes: what is advised is the line."""
    text = " ".join(case.text.split("#")[0].split())
    if " " not in text:
        text = f"{text} -> hold" if parse(text).bind(lr=0.1).length else f"hold 1 -> {text}"
    (advised,) = _lines(_message(f'"{text}"'))
    assert parse(advised) == parse(text)


CLOCKED = [
    ("cosine T_max=90 | warmup", "step", []),
    ("warmup_steps=500 -> cosine 90", None, ["warmup 500st -> cosine 90ep"]),
    ("warmup_steps=500 -> cosine 9500", None, ["warmup 500st -> cosine 9500st"]),
    ("epochs=90 | warmup 500 -> cosine rest", None, ["total=90ep | warmup 500st -> cosine rest"]),
    ("epochs=90 | warmup 5 -> cosine rest", None, ["total=90ep | warmup 5ep -> cosine rest"]),
    ("warmup 500, cosine 90ep", None, []),
    ("warmup 500, cosine 90ep", "step", ["warmup 500 -> cosine 90ep"]),
]


@pytest.mark.parametrize(("text", "clock", "advised"), CLOCKED)
def test_units_and_the_clock(text: str, clock: str | None, advised: list[str]) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse(text, clock=clock)  # type: ignore[arg-type]  # the table has plain strings
    assert _lines(str(caught.value)) == advised


# Where nothing is certain, no line is advised.
UNCLEAR = [
    "foo(90)",
    "cosine(90",
    "cosine 90 (",
    "warmup 10 -> foo 90, hold",
    "0.1 * cosine(90)",
    "CosineAnnealingLR(T_max=90, begin=5)",
    "cosine 90, num_cycles=3",
    "StepLR(step_size=30, momentum=0.9)",
    "{'a': {'b': 1}}",
    "cosine until",
    "lr_scheduler_type=rex",
    "SequentialLR([LinearLR(total_iters=10), CosineAnnealingLR(T_max=90)], milestones=[20])",
    "warmup_stable_decay",
    "cosine(T_max=-)",
    '"',
    "x" * LONGEST + "(90)",
]


@pytest.mark.parametrize("text", UNCLEAR, ids=lambda text: text[:40])
def test_what_is_unclear_has_no_line(text: str) -> None:
    assert not _lines(_message(text))


AROUND = [("quotes", '"{}"'), ("a colon", "{}:"), ("a key", "schedule: {}"), ("a list", "[{}]")]


@pytest.mark.parametrize("written", [form for _, form in AROUND], ids=[name for name, _ in AROUND])
@given(case=schedules())
def test_a_habit_around_a_line_is_answered_with_the_line(written: str, case: Case) -> None:
    message = _message(written.format(case.text))
    assert [parse(line) for line in _lines(message)] == [parse(case.text)]
