"""Spaces: which lines they have, what their marks are called, and what is wrong with them."""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from fractions import Fraction
from itertools import product
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from schedlang import ScheduleError, Space, parse
from schedlang.language import space_marks as reading
from schedlang.language.space_marks import Range
from schedlang.language.validate import from_text
from tests.strategies import schedules, texts

THREE = "warmup <1%, 5%, 10%> -> <cosine, linear> rest min=<0, 1%, 10%>"
TAIL = "warmup 5% -> hold rest -> decay sqrt tail<10% .. 40%> min=<1e-4x .. 0.1x log>"

GRIDS: list[tuple[str, list[str]]] = [
    ("cosine 90", ["cosine 90"]),
    ("cosine <50, 90>", ["cosine 50", "cosine 90"]),
    ("cosine 5<0, 00>", ["cosine 50", "cosine 500"]),
    ("<warmup, decay> linear 10", ["warmup linear 10", "decay linear 10"]),
    ("warmup <linear, cosine> 10", ["warmup linear 10", "warmup cosine 10"]),
    ("cosine <10, until 20, 5ep>", ["cosine 10", "cosine until 20", "cosine 5ep"]),
    ("cosine <10, 20>ep", ["cosine 10ep", "cosine 20ep"]),
    ("cosine <10, 20> ep", ["cosine 10 ep", "cosine 20 ep"]),
    ("lr=<0.1, 1e-3> | cosine 9", ["lr=0.1 | cosine 9", "lr=1e-3 | cosine 9"]),
    ("<lr=0.1 |, total=9 |> cosine 9", ["lr=0.1 | cosine 9", "total=9 | cosine 9"]),
    ("cosine 9 <min=1%, to=0>", ["cosine 9 min=1%", "cosine 9 to=0"]),
    ("cosine 9 <min, to>=1%", ["cosine 9 min=1%", "cosine 9 to=1%"]),
    (
        "multistep at=[<30, 40>, 60] gamma=<0.1, [0.2, 0.3]>",
        [
            "multistep at=[30, 60] gamma=0.1",
            "multistep at=[30, 60] gamma=[0.2, 0.3]",
            "multistep at=[40, 60] gamma=0.1",
            "multistep at=[40, 60] gamma=[0.2, 0.3]",
        ],
    ),
    ("multistep at=<[30, 60], [40]>ep", ["multistep at=[30, 60]ep", "multistep at=[40]ep"]),
    ("(cosine 5) <x 2, x inf, * cosine 5>", [
        "(cosine 5) x 2", "(cosine 5) x inf", "(cosine 5) * cosine 5"
    ]),
    ("(cosine 5) x <2, 3>", ["(cosine 5) x 2", "(cosine 5) x 3"]),
    ("<(cosine 5 -> hold 1) x 2, hold 3>", ["(cosine 5 -> hold 1) x 2", "hold 3"]),
    ("hold 5 <-> cosine 5, * cosine 5>", ["hold 5 -> cosine 5", "hold 5 * cosine 5"]),
    ("hold 5 <->> cosine 5", ["hold 5 -> cosine 5"]),
    ("cosine a<5, 6> -> hold a<5, 6>", ["cosine 5 -> hold 5", "cosine 6 -> hold 6"]),
    ("fn <5, 6> {1 if t < 5 and t > 2 else p}", [
        "fn 5 {1 if t < 5 and t > 2 else p}", "fn 6 {1 if t < 5 and t > 2 else p}"
    ]),
    ("<fn 9 {max(0.5, 1 if t < 5 else p)}, cosine 9>", [
        "fn 9 {max(0.5, 1 if t < 5 else p)}", "cosine 9"
    ]),
    ("cosine <5, # a > b, c\n 6> # <7, 8>\n -> hold", ["cosine 5 -> hold", "cosine 6 -> hold"]),
    ("step every=2 gamma=<0.1, 0.5>", ["step every=2 gamma=0.1", "step every=2 gamma=0.5"]),
    ("plateau monitor=val/<loss, loss.ema>", [
        "plateau monitor=val/loss", "plateau monitor=val/loss.ema"
    ]),
    ("plateau monitor=val/top<1, 5> mode=max", [
        "plateau monitor=val/top1 mode=max", "plateau monitor=val/top5 mode=max"
    ]),
    ("cosine 9 min=<0, 1>e-<4, 5>", [
        "cosine 9 min=0e-4", "cosine 9 min=0e-5", "cosine 9 min=1e-4", "cosine 9 min=1e-5"
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "lines"), GRIDS, ids=str)
def test_the_lines_of_a_grid(text: str, lines: list[str]) -> None:
    assert Space(text).lines() == lines


def test_a_grid_has_every_combination_and_the_last_mark_changes_first() -> None:
    lines = [
        f"warmup {warmup} -> {kind} rest min={least}"
        for warmup, kind, least in product(
            ("1%", "5%", "10%"), ("cosine", "linear"), ("0", "1%", "10%")
        )
    ]
    assert Space(THREE).lines() == lines


NAMES: list[tuple[str, list[str]]] = [
    (THREE, ["warmup", "phase2", "min"]),
    (TAIL, ["tail", "min"]),
    ("cosine 9 to=<0, 1%> -> hold 5 -> linear 9 to=<0, 1%>", ["to", "to2"]),
    ("cosine 9 to=to<0, 1%> -> linear 9 to=<0, 1%>", ["to", "to2"]),
    ("cosine 9 to=<0, 1%> -> linear 9 to=to<0, 1%>", ["to2", "to"]),
    ("cosine 9 to=a<0, 1%> -> linear 9 to=a<0, 1%>", ["a"]),
    ("total=<90, 100> | cosine <10, 20>", ["total", "cosine"]),
    ("<lr=1 |, lr=2 |> cosine 9", ["phase1"]),
    ("<lr=1, lr=2> total=9 | cosine 9", ["settings"]),
    ("<warmup, decay> <linear, cosine> <1, 2>", ["phase1", "phase1_2", "phase1_3"]),
    ("warmup <linear, cosine> <1, 2>", ["warmup", "warmup2"]),
    ("hold 5 * <linear, cosine> 5 -> <linear 5, hold 5>", ["phase2", "phase3"]),
    ("(hold 5 -> cosine <5, 6>) x <2, 3>", ["cosine", "times"]),
    ("(hold 5) <x 2, x 3>", ["times"]),
    ("multistep at=[<1, 2>, <3, 4>]<ep, st>", ["at", "at2", "multistep"]),
    ("fn <5, 6> {1 if t < 5 else p} -> <hold, cosine 5>", ["fn", "phase2"]),
    ("hold 5 # -> hold 6\n -> <hold 7, hold 8>", ["phase2"]),
    ("cosine until <5, 6>", ["cosine"]),
    ("exp gamma=0.<9, 99>", ["gamma"]),
]


@pytest.mark.parametrize(("text", "names"), NAMES, ids=str)
def test_the_names_of_marks(text: str, names: list[str]) -> None:
    assert list(Space(text).to_wandb()) == names


Ends = tuple[float, float, bool, bool]
RANGES: list[tuple[str, Ends, str]] = [
    # the ends, whether it is whole and logarithmic, and the line of the number 3
    ("warmup <1 .. 9>", (1, 9, True, False), "warmup 3"),
    ("warmup <1..9>", (1, 9, True, False), "warmup 3"),
    ("warmup <1 .. 9> st", (1, 9, True, False), "warmup 3 st"),
    ("warmup <1st .. 9 steps>", (1, 9, True, False), "warmup 3st"),
    ("warmup <0 .. 9ep>", (0, 9, True, False), "warmup 3ep"),
    ("warmup <0.5ep .. 9ep>", (0.5, 9, False, False), "warmup 3ep"),
    ("warmup <1 .. 9>%", (1, 9, False, False), "warmup 3%"),
    ("warmup <1% .. 9%>", (1, 9, False, False), "warmup 3%"),
    ("warmup <1 tok .. 9 tok>", (1, 9, False, False), "warmup 3 tok"),
    ("warmup <1 .. 9k> ex", (1, 9000, False, False), "warmup 3 ex"),
    ("warmup <1 .. 9k log>", (1, 9000, True, True), "warmup 3"),
    ("cosine until <1 .. 9>", (1, 9, True, False), "cosine until 3"),
    ("cosine 5 min=<0 .. 9>", (0, 9, False, False), "cosine 5 min=3"),
    ("cosine 5 to=<0 .. 9x>", (0, 9, False, False), "cosine 5 to=3x"),
    ("poly 5 power=<1/3 .. 9 log>", (1 / 3, 9, False, True), "poly 5 power=3"),
    ("poly 5 power=<1 .. 9>", (1, 9, False, False), "poly 5 power=3"),
    ("step every=<1 .. 9>", (1, 9, True, False), "step every=3"),
    ("multistep at=[<1 .. 9>, 10]", (1, 9, True, False), "multistep at=[3, 10]"),
    ("multistep at=[1] gamma=[<1 .. 9>]", (1, 9, False, False), "multistep at=[1] gamma=[3]"),
    ("(cosine 5) x <1 .. 9>", (1, 9, True, False), "(cosine 5) x 3"),
    ("plateau patience=<1 .. 9>", (1, 9, True, False), "plateau patience=3"),
    ("steps_per_epoch=<1 .. 9> | hold", (1, 9, True, False), "steps_per_epoch=3 | hold"),
    ("total=<1 .. 9> | hold", (1, 9, True, False), "total=3 | hold"),
    ("lr=<1 .. 9> | hold", (1, 9, False, False), "lr=3 | hold"),
    ("lr=1e-<1 .. 9> | hold", (1, 9, True, False), "lr=1e-3 | hold"),
    ("exp gamma=0.<1 .. 9>", (1, 9, True, False), "exp gamma=0.3"),
    ("<exp, step> every=<1 .. 9> gamma=0.5", (1, 9, True, False), "exp every=3 gamma=0.5"),
    ("hold a<1 .. 9> -> poly 5 power=a<1 .. 9>", (1, 9, True, False), "hold 3 -> poly 5 power=3"),
    ("warmup <3 .. 3>", (3, 3, True, False), "warmup 3"),
]  # fmt: skip


def _config(space: Space) -> dict[str, object]:
    """The first option of each choice, and 3 for each range."""
    block = space.to_wandb()
    return {name: each["values"][0] if "values" in each else 3 for name, each in block.items()}


@pytest.mark.parametrize(("text", "ends", "line"), RANGES, ids=str)
def test_ranges(text: str, ends: Ends, line: str) -> None:
    space = Space(text)
    (found,) = [each for each in space._parameters.values() if isinstance(each, Range)]
    assert (float(found.low), float(found.high), found.whole, found.log) == ends
    assert space.line(_config(space)) == line


NUMBERS: list[tuple[float, str]] = [
    (1 / 30, "0.0333333"),
    (2, "2"),
    (12.3456789, "12.3457"),
    (1e-5, "1e-5"),
    (0.123456e-7, "1.23456e-8"),
    (0, "0"),
    (123456.4, "123456"),
    (1234567.4, "1.23457e+6"),
    (1e10, "10B"),  # an end is written as it is in the space
    (1e10 * (1 + 1e-12), "10B"),
    (-1e-3, "0"),  # the tolerance is relative to the upper end
]


@pytest.mark.parametrize(("number", "text"), NUMBERS)
def test_numbers_have_six_digits(number: float, text: str) -> None:
    line = Space("cosine 5 min=<0 .. 10B>").line({"min": number})
    assert line == f"cosine 5 min={text}"
    parse(line)


def _rejected(text: str) -> str:
    with pytest.raises(ScheduleError) as caught:
        Space(text)
    return str(caught.value)


NOT_UP = "this warm-up does not go up:"
MISTAKES: list[tuple[str, str, str]] = [
    # the space, carets under what is wrong, the message and the advice
    (
        "warmup 5 -> cosine<10, 20>",
        "            ^^^^^^ put a blank before `<`",
        "error[bad-mark]: `cosine` is a word of the language and cannot name a mark",
    ),
    (
        "(cosine 5) x<2, 3>",
        "           ^ put a blank before `<`",
        "error[bad-mark]: `x` is a word of the language and cannot name a mark",
    ),
    (
        "cosine 5 -> hold until<10, 20>",
        "                 ^^^^^ put a blank before `<`",
        "error[bad-mark]: `until` is a word of the language and cannot name a mark",
    ),
    (
        "warmup 5 -> cosine <10, 20",
        "                   ^ end it with `>`",
        "error[bad-mark]: the mark is not closed",
    ),
    (
        "cosine <10, (20> -> hold",
        "       ^ close the bracket inside it, and end it",
        "error[bad-mark]: the mark is not closed",
    ),
    (
        "cosine <90 min=, 80>",
        "                    ^ expected a list or a number or a value",
        "error[syntax]: the text ends too early, with `cosine=90 min=`",
    ),
    (
        "step every=3 gamma=<0 .. 50%>",
        "                    ^",
        "error[out-of-range]: `0` is not above 0",
    ),
    (
        "cosine <10, <20, 30>>",
        "            ^ write all choices in one",
        "error[bad-mark]: a mark cannot contain another mark",
    ),
    (
        "cosine <10, , 20>",
        "            ^ write an option",
        "error[bad-mark]: a choice is empty",
    ),
    (
        "cosine <>",
        "        ^ write an option",
        "error[bad-mark]: a choice is empty",
    ),
    (
        "cosine <10, 20, 10>",
        "                ^^",
        "error[bad-mark]: the choice `10` is given twice",
    ),
    (
        "cosine <10 .. 20, 30>",
        "        ^^^^^^^^ write <low .. high>",
        "error[bad-mark]: a range must be alone in its mark",
    ),
    (
        "cosine <20 .. 10>",
        "        ^^^^^^^^ write 10 .. 20",
        "error[bad-mark]: the first end of this range is above the second",
    ),
    (
        "cosine <10st .. 20ep>",
        "        ^^^^^^^^^^^^ use the same unit for both",
        "error[bad-mark]: the ends of this range have different units: 10st, 20ep",
    ),
    (
        "cosine <1 .. 20ep>",
        "        ^^^^^^^^^ use the same unit for both",
        "error[bad-mark]: the ends of this range have different units: 1, 20ep",
    ),
    (
        "cosine 5 to=<1% .. 5>",
        "             ^^^^^^^ use the same unit for both",
        "error[bad-mark]: the ends of this range have different units: 1%, 5",
    ),
    (
        "cosine 5 min=<0 .. 10% log>",
        "              ^",
        "error[bad-mark]: a logarithmic scale has no 0",
    ),
    (
        "cosine <low .. 20>",
        "        ^^^",
        "error[wrong-type]: expected a number, not `low`",
    ),
    (
        "cosine 5 min=<-1 .. 20%>",
        "              ^^ write a number of at least 0",
        "error[out-of-range]: `-1` is negative",
    ),
    (
        "cosine a<10, 20> -> hold a<10, 30>",
        "                         ^^^^^^^^^ give both the same options, or different names",
        "error[bad-mark]: `a` names two marks with different options",
    ),
    (
        "warmup <1%, 5%> -> cosin rest",
        "                   ^^^^^ did you mean `cosine`?",
        "error[unknown-phase]: there is no phase called `cosin`",
    ),
    (
        "warmup <1%, 5%> -> <cosine, cosin> rest",
        "                            ^^^^^ did you mean `cosine`?",
        "error[unknown-phase]: there is no phase called `cosin`",
    ),
    (
        "<cosine, poly> 9 power=<2, 3>",
        "                 ^^^^^ known: every, from, min, skip, to",
        "error[unknown-argument]: `cosine` has no argument `power`, with `phase1=cosine`",
    ),
    (
        "hold <10, 20ep> -> linear 90",
        "                          ^^ 90 what? write 90st or 90ep, or set clock= in the line",
        "error[mixed-units]: `90` has no unit, but other lengths do, with `hold=20ep`",
    ),
    (
        "warmup <5, 6> from=<0, 9%> to=<20%, 5%>",
        "^" * 39 + " a phase that goes down is a `decay`",
        f"error[warmup-falls]: {NOT_UP} from 9% to 5%, with `from=9%` and `to=5%`",
    ),
    (
        "onecycle 10 pct=<0 .. 0.5>",
        "                 ^",
        "error[out-of-range]: `0` is not between 0 and 1",
    ),
    (
        "cosine <1.5 .. 9>",
        "        ^^^ ticks and steps are whole numbers",
        "error[not-whole]: `1.5` is not whole",
    ),
    (
        "multistep at=[<5 .. 20>, 15]",
        "              ^^^^^^^^^^^^^",
        "error[out-of-order]: `15` does not come after `20`, with `at=20`",
    ),
    (
        "cosine <5, 6> ->",
        "                ^ expected a phase",
        "error[syntax]: the text ends too early",
    ),
    (
        "cosine 5 > 3",
        "         ^ phases are joined by `->`",
        "error[syntax]: unexpected `>`",
    ),
    (
        "cosine 9 min=<0 .. 10%> -> warmup 5 from=<0 .. 10%> to=1%",
        "                           " + "^" * 30 + " a phase that goes down is a `decay`",
        f"error[warmup-falls]: {NOT_UP} from 10% to 1%, with `from=10%`",
    ),
]


@pytest.mark.parametrize(("text", "marker", "head"), MISTAKES, ids=[case[0] for case in MISTAKES])
def test_a_mistake_is_shown_in_the_space(text: str, marker: str, head: str) -> None:
    assert _rejected(text) == f"{head}\n  |\n1 | {text}\n  | {marker}"


def test_marks_with_mistakes_are_all_listed() -> None:
    codes = _rejected("warmup <5, > -> <cosine, linear> <20 .. 10> min=x<1%>")
    assert re.findall(r"error.*", codes) == [
        "error[bad-mark]: a choice is empty",
        "error[bad-mark]: the first end of this range is above the second",
        "error[bad-mark]: `x` is a word of the language and cannot name a mark",
    ]


def test_a_mistake_on_a_later_line_of_the_space() -> None:
    assert _rejected("warmup <5, 6> # shorter\n  -> <cosine, cosin> 9") == (
        "error[unknown-phase]: there is no phase called `cosin`\n"
        "  |\n2 |   -> <cosine, cosin> 9\n  |               ^^^^^ did you mean `cosine`?"
    )


def test_a_long_space_is_refused() -> None:
    message = "error[too-long]: the space has 10,001 characters; the maximum is 10,000"
    assert _rejected("cosine 9" + " " * 9_993) == message


# ── In every place where text may stand ──────────────────────────────────────────────────────────


def _ends_of_runs(line: str, begin: int) -> list[int]:
    """Where a run that begins there may end, so that it is a choice on its own."""
    word = re.search(r"\w*\Z", line[:begin])
    assert word is not None
    touches_a_name = word[0] and not word[0][0].isdigit() and line[word.start() - 1] not in "./-"
    in_expression = line.count("{", 0, begin) > line.count("}", 0, begin)
    if touches_a_name or in_expression or line[begin].isspace():
        return []
    ends, depth = [], 0
    for i in range(begin, len(line)):
        depth += (line[i] in "([{") - (line[i] in ")]}")
        outside = line.count("{", begin, i) == line.count("}", begin, i)
        ends_here = line[i] == ">" and (i == begin or line[i - 1] != "-") and outside
        if depth < 0 or (depth == 0 and (line[i] == "," or ends_here)):
            break
        # Behind a `-`, the sign that ends the mark would be an arrow's.
        if depth == 0 and not line[i].isspace() and line[i] != "-":
            ends.append(i + 1)
    return ends


@st.composite
def runs(draw: st.DrawFn) -> tuple[str, int, int]:
    """A random line, and where a run of it begins and ends."""
    line = draw(schedules(plateau=draw(st.booleans()))).text
    begins = [i for i in range(len(line)) if _ends_of_runs(line, i)]
    begin = draw(st.sampled_from(begins))
    return line, begin, draw(st.sampled_from(_ends_of_runs(line, begin)))


def _normal(line: str) -> str:
    return " ".join(line.split())


@given(runs())
def test_a_run_in_a_mark_gives_the_line_back(run: tuple[str, int, int]) -> None:
    line, begin, end = run
    space = Space(f"{line[:begin]}<{line[begin:end]}>{line[end:]}")
    assert space.lines() == [_normal(line)] == space.sample(1)


OTHERS = ["5", "7ep", "10%", "cosine", "hold 5", "rest", "[1, 2]", "(hold 5 -> hold 5)", "min=0"]
OTHERS += ["fn 5 {1 if p < 0.5 else p}", "->", "lr=3", "x 2", "| hold", "* cosine 5", "x", "0.1"]


@given(runs(), st.sampled_from(OTHERS), st.booleans())
@example(("cosine 5 -> hold", 8, 11), "* cosine 5", True)
def test_one_of_two_runs(run: tuple[str, int, int], other: str, first: bool) -> None:
    line, begin, end = run
    assume(line[begin:end] != other)
    choices = (line[begin:end], other) if first else (other, line[begin:end])
    text = f"{line[:begin]}<{', '.join(choices)}>{line[end:]}"
    lines = [f"{line[:begin]}{choice}{line[end:]}" for choice in choices]
    codes = _codes(lambda: from_text(lines[first]))
    assert _codes(lambda: Space(text)) == codes
    assert codes or Space(text).lines() == [*map(_normal, lines)]


def _codes(read: Callable[[], object]) -> set[str]:
    """The codes of what is wrong, none if nothing is."""
    try:
        read()
    except ScheduleError as error:
        return {mistake.code for mistake in error.mistakes}
    return set()


VALID = [THREE, TAIL, *(text for text, _ in GRIDS), *(text for text, _, _ in RANGES)]


@pytest.mark.parametrize("text", VALID)
def test_every_line_of_a_sample_is_a_line(text: str) -> None:
    space = Space(text)
    for line in space.sample(30):
        assert str(parse(line))


@given(st.integers(-8, 8), st.integers(1, 10**6), st.floats(0, 1), st.booleans())
def test_every_number_of_a_range_is_written_in_it(
    exponent: int, size: int, share: float, log: bool
) -> None:
    low, high = Fraction(10) ** exponent / 3, Fraction(10) ** exponent * size
    assume(low < high)
    space = Space(f"hold 5 to=<{low}x .. {high}x{' log' if log else ''}>")
    line = space.line({"to": float(low) + share * float(high - low)})
    number = Fraction(re.sub(r".*=(.*)x", r"\1", line))
    assert low <= number <= high
    assert abs(number - (low + Fraction(share) * (high - low))) <= number / 100_000
    parse(line)


_TOKEN = re.compile(r"->|\\w+|[^\\w\\s]|\\s+")
NOISE = ["<", ">", ", ", " .. ", "..", " log", "a<", "->", "{", "}", "[", "]", "(", ")", "#", "\\n"]


@st.composite
def noisy(draw: st.DrawFn) -> str:
    """A space in which a few tokens were added or lost, or any text at all."""
    tokens = _TOKEN.findall(draw(st.one_of(st.sampled_from(VALID), texts())))
    for _ in range(draw(st.integers(1, 6))):
        i = draw(st.integers(0, len(tokens)))
        tokens[i : i + draw(st.integers(0, 1))] = [draw(st.sampled_from(NOISE))]
    return "".join(tokens)


@given(noisy())
@example("a=" * 2000 + " <1>" * 1000)
@example("<" * 5000)
@example("<1>" * 3000)
@example(" -> ".join(["hold 1 to=<1 .. 9>"] * 400))
@example("min=<" + ", ".join(map(str, range(1500))) + ">")
def test_noise_is_a_space_or_a_mistake(text: str) -> None:
    with patch.object(reading, "MOST_CHECKED", 20):
        try:
            lines = Space(text).sample(5)
        except ScheduleError as error:
            lines, mistakes = [], error.mistakes
        else:
            mistakes = ()
    for line in lines:
        parse(line)
    for mistake in mistakes:
        begin, end = mistake.span or (0, 0)
        assert (mistake.span is None) == (mistake.code == "too-long")
        assert 0 <= begin <= end <= len(text)


# ── More than 10,000 lines ───────────────────────────────────────────────────────────────────────


def test_beyond_the_limit_each_option_is_in_some_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_CHECKED", 20)
    seen: list[str] = []

    def counted(text: str) -> Any:
        seen.append(text)
        return from_text(text)

    monkeypatch.setattr(reading, "from_text", counted)
    text = "warmup <1, 2, 3, 4, 5> -> <cosine, linear, sqrt> <10 .. 90> min=<0, 1%>"
    assert Space(text) == Space(text)
    assert len(seen) == 40
    assert seen[:20] == seen[20:]
    assert len(set(seen[:20])) > 10
    words = re.findall(r"\w+%?", " ".join(seen))
    assert {"1", "2", "3", "4", "5", "cosine", "linear", "sqrt", "10", "90", "0", "1%"} < {*words}


def test_long_lines_are_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def counted(text: str) -> Any:
        seen.append(text)
        return from_text(text)

    monkeypatch.setattr(reading, "from_text", counted)
    monkeypatch.setattr(reading, "MOST_READ", 200)
    Space("warmup <1, 2, 3> -> cosine <4, 5, 20>")  # 22 characters
    assert len(seen) == 9
    Space("warmup <1, 2, 3> -> cosine <4, 5, 2000>")  # 23
    assert len(seen) == 9 + 8


def test_a_mistake_in_a_large_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_CHECKED", 20)
    text = "warmup <1, 2, 3, 4> -> <cosine, linear, cosin> <10, 90> min=<0, 1%>"
    assert _rejected(text).startswith("error[unknown-phase]: there is no phase called `cosin`\n")


# ── What a space is ──────────────────────────────────────────────────────────────────────────────


def test_a_space_is_its_text() -> None:
    space = Space(THREE)
    assert (str(space), repr(space), space.text) == (THREE, f"Space({THREE!r})", THREE)
    assert space == Space(THREE) != Space(TAIL)
    assert {space: 1}[Space(THREE)] == 1
    assert pickle.loads(pickle.dumps(space)).lines() == space.lines()
    with pytest.raises(FrozenInstanceError):
        space.text = TAIL  # type: ignore[misc]  # what the test is about
    with pytest.raises(TypeError, match="Space takes a string, not int"):
        Space(5)  # type: ignore[arg-type]  # what the test is about


class Config(BaseModel):
    schedule: Space


def test_a_space_is_a_field() -> None:
    config = Config.model_validate({"schedule": THREE})
    assert config.schedule == Space(THREE)
    assert config.model_dump() == {"schedule": THREE}
    assert Config.model_validate_json(config.model_dump_json()) == config
    assert Config.model_validate(config.model_dump()) == Config(schedule=Space(THREE))
    kind = Config.model_json_schema()["properties"]["schedule"]["type"]
    assert kind == "string"


@pytest.mark.parametrize(
    ("value", "message"),
    [("cosin <5, 6>", "did you mean `cosine`?"), (5, "expected a line of text, not `5`")],
)
def test_a_field_with_a_mistake(value: object, message: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        Config.model_validate({"schedule": value})


# ── Configs ──────────────────────────────────────────────────────────────────────────────────────

CONFIGS: list[tuple[dict[str, object], str]] = [
    ({"a": "5"}, "the config has no `b`, which the space `cosine a<5, 6> to=b<10 .. 90>%` has"),
    ({"a": "7", "b": 10}, "`a`: `7` is not one of 5, 6"),
    ({"a": True, "b": 10}, "`a`: `True` is not one of 5, 6"),
    ({"a": "5", "b": 91}, "`b`: `91` is not in 10 .. 90"),
    ({"a": "5", "b": 9.9}, "`b`: `9.9` is not in 10 .. 90"),
    ({"a": "5", "b": float("nan")}, "`b`: `nan` is not in 10 .. 90"),
    ({"a": "5", "b": "10"}, "`b`: `10` is not a number"),
    ({"a": "5", "b": True}, "`b`: `True` is not a number"),
]


@pytest.mark.parametrize(("config", "message"), CONFIGS, ids=str)
def test_a_config_that_is_not_in_the_space(config: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Space("cosine a<5, 6> to=b<10 .. 90>%").line(config)


def test_a_number_that_is_not_whole() -> None:
    with pytest.raises(ValueError, match=r"^`cosine`: `5.5` is not whole$"):
        Space("cosine <5 .. 6>").line({"cosine": 5.5})


def test_a_config_may_have_more() -> None:
    config = {"a": 5, "b": 20.0, "batch_size": 32}
    assert Space("cosine a<5, 6> to=b<10 .. 90>%").line(config) == "cosine 5 to=20%"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("cosine <5, 6> min=a<0 .. 1%>", "`a` is a range"),
        (" -> ".join(["hold <1, 2, 3, 4, 5, 6, 7, 8, 9, 10>"] * 7), "there are 10,000,000"),
    ],
)
def test_lines_that_cannot_be_listed(text: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_CHECKED", 20)
    message = f"the lines of this space cannot be listed: {why}; draw a sample"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Space(text).lines()


def test_a_sample_is_that_of_its_seed() -> None:
    space = Space(TAIL)
    assert space.sample(5) == space.sample(5, seed=0) == space.sample(9)[:5]
    assert space.sample(5) != space.sample(5, seed=1)
    assert space.sample(0) == []


@pytest.mark.parametrize("log", ["", " log"])
def test_every_whole_number_is_drawn(log: str) -> None:
    lines = Space(f"hold <1 .. 5{log}>").sample(400)
    counts = [lines.count(f"hold {number}") for number in (1, 2, 3, 4, 5)]
    assert sum(counts) == 400
    assert min(counts) > 20
    assert (counts[0] > 2 * counts[4]) == bool(log)


def test_ray_is_needed_for_its_search_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    message = "to_ray needs Ray Tune: pip install 'schedlang[ray]'"
    with pytest.raises(ModuleNotFoundError, match=f"^{re.escape(message)}$"):
        Space("cosine <5, 6>").to_ray()


WANDB = [
    ("cosine <5, 6>", {"cosine": {"values": ["5", "6"]}}),
    ("cosine <5 .. 6>", {"cosine": {"distribution": "int_uniform", "min": 5, "max": 6}}),
    (
        "cosine <5 .. 6 log>",
        {"cosine": {"distribution": "q_log_uniform_values", "min": 5, "max": 6}},
    ),
    ("cosine 5 to=<0 .. 6%>", {"to": {"distribution": "uniform", "min": 0.0, "max": 6.0}}),
    (
        "cosine 5 to=<1 .. 6 log>",
        {"to": {"distribution": "log_uniform_values", "min": 1.0, "max": 6.0}},
    ),
]


@pytest.mark.parametrize(("text", "block"), WANDB)
def test_the_block_of_a_sweep(text: str, block: dict[str, Any]) -> None:
    assert Space(text).to_wandb() == block
