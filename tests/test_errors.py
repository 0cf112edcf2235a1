"""Whole messages: of every code, of several mistakes at once, of every shape of text."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import schedlang
from schedlang import Schedule, ScheduleError, parse
from schedlang.errors import CODES, MOST_SHOWN
from schedlang.program.binding import bind
from tests.cases import Refused, refused

CORPUS = refused("errors.txt")


def _said(text: str, binding: dict[str, Any]) -> ScheduleError:
    with pytest.raises(ScheduleError) as caught:
        parse(text).bind(**binding)
    return caught.value


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.title)
def test_messages(case: Refused) -> None:
    assert str(_said(case.text, case.binding)) == case.message


_PRODUCT = {"kind": "product", "factors": [{"kind": "hold"}, {"kind": "hold"}]}

# In dict form a mistake has a path and no marker.
DICTS: list[tuple[object, str]] = [
    ({}, "error[missing-argument]: `stages` is missing"),
    *(
        (
            plan,
            (
                "error[wrong-type]: this is a plan, but only a single line is allowed here\n"
                "  use schedlang.Plan"
            ),
        )
        for plan in ({"lr": "hold"}, {"eps": "warmup 5 -> cosine 9"}, {"lr": {"a*": "hold"}})
    ),
    (
        {"stages": []},
        "error[empty]: there is no schedule here\n  at stages\n  write one: cosine 90",
    ),
    (
        {"stages": [{"kind": "cosin", "duration": 90}]},
        (
            "error[unknown-phase]: there is no phase called `cosin`\n"
            "  at stages[0].kind\n"
            "  did you mean `cosine`?"
        ),
    ),
    (
        {"stages": [{"kind": "hold", "duration": 5}, {"kind": "cosine", "duration": 9, "mni": 1}]},
        (
            "error[unknown-argument]: `cosine` has no argument `mni`\n"
            "  at stages[1].mni\n"
            "  did you mean `min`?"
        ),
    ),
    (
        {"stages": [{"kind": "CosineAnnealingLR", "duration": 90}]},
        (
            "error[unknown-phase]: there is no phase called `CosineAnnealingLR`\n"
            "  at stages[0].kind\n"
            "  did you mean `cosine`?"
        ),
    ),
    (
        {"learning_rate": 0.1, "stages": [{"kind": "multistep", "milestones": [10], "at": [20]}]},
        (
            "error[unknown-setting]: there is no setting called `learning_rate`\n"
            "  at learning_rate\n"
            "  did you mean `lr`?\n\n"
            "error[unknown-argument]: `multistep` has no argument `milestones`\n"
            "  at stages[0].milestones\n"
            "  did you mean `at`?"
        ),
    ),
    (
        {"stages": [{"kind": "multistep", "at": [10, "soon"]}]},
        "error[wrong-type]: expected a number, not `soon`\n  at stages[0].at[1]",
    ),
    (
        {"stages": [{"kind": "group", "stages": [{"kind": "step"}], "times": 0}]},
        (
            "error[out-of-range]: cannot repeat `0` times\n"
            "  at stages[0].times\n"
            "  a whole number from 1 to 10,000, or inf\n\n"
            "error[missing-argument]: `step` needs `every=`\n"
            "  at stages[0].stages[0]"
        ),
    ),
    (
        {"stages": [{"kind": "product", "factors": [{"kind": "hold"}]}]},
        (
            "error[wrong-type]: a product needs at least two factors, not 1\n"
            "  at stages[0].factors\n"
            "  write a single factor as a stage"
        ),
    ),
    (
        {"stages": [{"kind": "product", "factors": ()}]},
        (
            "error[wrong-type]: a product needs at least two factors, not 0\n"
            "  at stages[0].factors\n"
            "  write a single factor as a stage"
        ),
    ),
    (
        {"stages": [{"kind": "product", "factors": {"kind": "hold"}}]},
        (
            "error[wrong-type]: expected a list of factors, not `{'kind': 'hold'}`\n"
            "  at stages[0].factors"
        ),
    ),
    (
        {"stages": [{"kind": "product", "factors": [_PRODUCT, {"kind": "hold"}]}]},
        (
            "error[wrong-type]: a product cannot be a factor of a product\n"
            "  at stages[0].factors[0]\n"
            "  put it in a group"
        ),
    ),
    (
        {"stages": [{"kind": "group"}, {"kind": "product"}]},
        (
            "error[missing-argument]: a group needs `stages`\n"
            "  at stages[0]\n\n"
            "error[missing-argument]: a product needs `factors`\n"
            "  at stages[1]"
        ),
    ),
    (
        {"stages": [{"kind": "group", "stages": [{"kind": "hold"}], "time": 3}]},
        (
            "error[unknown-argument]: `group` has no argument `time`\n"
            "  at stages[0].time\n"
            "  did you mean `times`?"
        ),
    ),
    (
        {"stages": [{"kind": "hold"}], "kind": {}},
        (
            "error[unknown-setting]: there is no setting called `kind`\n"
            "  at kind\n"
            "  known: clock, lr, samples_per_step, steps_per_epoch, tokens_per_step, total"
        ),
    ),
    (
        {"stages": [{"kind": "hold"}], 7: 8},
        (
            "error[unknown-setting]: there is no setting called `7`\n"
            "  at 7\n"
            "  known: clock, lr, samples_per_step, steps_per_epoch, tokens_per_step, total"
        ),
    ),
    (
        {"stages": [{"kind": "product", "factors": [{"kind": "hold", "to": 1e-3}] * 2}]},
        (
            "error[absolute-in-product]: levels in a product must be shares: `0.001` is absolute\n"
            "  at stages[0].factors[0].to\n"
            "  write 10% or 0.1x\n\n"
            "error[absolute-in-product]: levels in a product must be shares: `0.001` is absolute\n"
            "  at stages[0].factors[1].to\n"
            "  write 10% or 0.1x"
        ),
    ),
    (
        {"stages": [{"kind": "hold"}], "lrs": 1},
        "error[unknown-setting]: there is no setting called `lrs`\n  at lrs\n  did you mean `lr`?",
    ),
    (
        {"stages": [{"kind": "fn", "expression": "1 +"}]},
        (
            "error[syntax]: the text ends too early\n"
            "  at stages[0].expression\n"
            "  expected a name or a number"
        ),
    ),
    (
        {"stages": [{"kind": "fn", "expression": "two + sin(1, 2)"}]},
        (
            "error[unknown-name]: `fn` has no name `two`\n"
            "  at stages[0].expression\n"
            "  known: T, abs, ceil, cos, exp, floor, log, max, min, p, pi, sin, sqrt, start, t,"
            " tan, tanh\n\n"
            "error[wrong-type]: `sin` takes one argument, not 2\n"
            "  at stages[0].expression"
        ),
    ),
    (
        {"stages": [{"kind": "fn", "expression": "__import__('os')"}]},
        (
            "error[syntax]: unexpected `'`\n"
            "  at stages[0].expression\n"
            "  expected `)` or a name or a number"
        ),
    ),
    (
        {"stages": [{"kind": "linear", "duration": 5, "role": "cooldown"}]},
        (
            "error[unknown-value]: `role` cannot be `cooldown`\n"
            "  at stages[0].role\n"
            "  one of warmup, decay"
        ),
    ),
    (
        {"stages": ["cosine 90"]},
        "error[wrong-type]: expected a phase with its `kind`, not `cosine 90`\n  at stages[0]",
    ),
    (
        {"stages": [{"kind": ["hold"]}]},
        (
            "error[wrong-type]: expected a phase with its `kind`, not `{'kind': ['hold']}`\n"
            "  at stages[0]"
        ),
    ),
    (
        {"stages": "cosine 90"},
        "error[wrong-type]: expected a list of stages, not `cosine 90`\n  at stages",
    ),
    (
        {"stages": [{"kind": "hold", "to": True}]},
        "error[wrong-type]: expected a number, not `True`\n  at stages[0].to",
    ),
    (
        {"stages": [{"kind": "hold", "to": float("nan")}]},
        "error[wrong-type]: expected a number, not `nan`\n  at stages[0].to",
    ),
    (
        {"stages": [{"kind": "hold", "to": -0.1}]},
        (
            "error[out-of-range]: `-0.1` is negative\n"
            "  at stages[0].to\n"
            "  write a number of at least 0"
        ),
    ),
    (7, "error[wrong-type]: expected a line of text or its dict form, not `7`"),
    (None, "error[wrong-type]: expected a line of text or its dict form, not `None`"),
]


@pytest.mark.parametrize(("tree", "message"), DICTS, ids=lambda x: str(x)[:50])
def test_dict_form(tree: object, message: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        Schedule.model_validate(tree)
    assert str(caught.value) == message


def test_a_group_of_an_optimizer_with_another_rate() -> None:
    with pytest.raises(ScheduleError) as caught:
        bind(parse("lr=0.1 | cosine 90"), {}, "lr=0.1 | cosine 90", groups=(0.1, 0.2, 0.3))
    assert str(caught.value) == (
        "error[base-differs]: the schedule has lr=0.1, but group 1 has 0.2, group 2 has 0.3\n"
        "  |\n"
        "1 | lr=0.1 | cosine 90\n"
        "  |    ^^^ leave lr= out"
    )
    with pytest.raises(ScheduleError) as caught:
        bind(parse("cosine 90"), {"lr": 0.1}, "cosine 90", groups=(0.2,))
    assert str(caught.value) == (
        "error[base-differs]: the schedule has lr=0.1, but group 0 has 0.2\n  leave lr= out"
    )


def test_a_frozen_group() -> None:
    program = parse("warmup 10 -> cosine 90 min=1e-4").bind(lr=0.1)
    with pytest.raises(ScheduleError) as caught:
        program.rebase(0.0)
    assert str(caught.value) == (
        "error[no-base]: the absolute level `1e-4` cannot apply to a parameter group at rate 0\n"
        "  |\n"
        "1 | warmup 10 -> cosine 90 min=1e-4\n"
        "  |                            ^^^^ write a share of the base (10%)"
    )


def test_a_direction_that_one_group_breaks() -> None:
    program = parse("cosine 90 min=1e-2").bind(lr=0.1)
    with pytest.raises(ScheduleError) as caught:
        program.rebase(1e-3)
    assert str(caught.value) == (
        "error[decay-rises]: this phase with `min=` goes up: from 0.001 to 0.01\n"
        "  |\n"
        "1 | cosine 90 min=1e-2\n"
        "  |               ^^^^ write `to=`, which may go up"
    )


@pytest.mark.parametrize(
    ("groups", "where"), [((1e-3,), ""), ((0.1, 1e-3, 1e-3), " (parameter group 1)")], ids=str
)
def test_a_direction_that_some_groups_break(groups: tuple[float, ...], where: str) -> None:
    text = "cosine 90 min=1e-2"
    with pytest.raises(ScheduleError) as caught:
        bind(parse(text), {}, text, groups=groups)
    assert [mistake.message for mistake in caught.value.mistakes] == [
        f"this phase with `min=` goes up: from 0.001 to 0.01{where}"
    ]


ONE_ARGUMENT = ["sin", "cos", "tan", "tanh", "exp", "log", "sqrt", "floor", "ceil", "abs"]
ARITIES = [
    *((f"{name}(1, 2)", f"`{name}` takes one argument, not 2") for name in ONE_ARGUMENT),
    *((f"{name}(1)", f"`{name}` takes at least two arguments, not 1") for name in ("min", "max")),
]


@pytest.mark.parametrize(("call", "message"), ARITIES)
def test_how_many_arguments_a_function_takes(call: str, message: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse(f"fn {{{call}}}")
    assert [mistake.message for mistake in caught.value.mistakes] == [message]


def test_too_deep() -> None:
    assert parse("(" * 64 + "hold" + ")" * 64).bind(lr=0.1).at(5) == 0.1
    text = "(" * 65 + "hold" + ")" * 65
    assert str(_said(text, {})) == (
        "error[too-deep]: this is nested deeper than 64 levels\n"
        "  |\n"
        f"1 | …{'(' * 38}{'(' * 38}".replace("(" * 76, "(" * 38 + "(hold" + ")" * 33)
        + "…\n"
        f"  | {' ' * 39}^ reduce the nesting"
    )


def test_every_code_has_its_message() -> None:
    told = " ".join([*(case.message for case in CORPUS), *(message for _, message in DICTS)])
    elsewhere = {
        "base-differs",
        "too-deep",
        "groups",
        "bad-mark",
    }  # above; test_plan.py, test_space.py
    assert set(re.findall(r"error\[([a-z-]+)\]", told)) | elsewhere == set(CODES)


def test_a_mistake_of_the_grammar_has_its_path_too() -> None:
    error = _said("hold 5 -> (cosine 9 min=0 min=1% -> fn 5 {q})", {})
    assert [(mistake.code, mistake.path) for mistake in error.mistakes] == [
        ("double-argument", ("stages", 1, "stages", 0)),
        ("unknown-name", ("stages", 1, "stages", 1)),
    ]


def test_mistakes_can_be_read_one_by_one() -> None:
    error = _said("warmup 5 -> cosin 90 -> hold 5 too=1x", {})
    assert [(mistake.code, mistake.path, mistake.advice) for mistake in error.mistakes] == [
        ("unknown-phase", ("stages", 1, "kind"), "did you mean `cosine`?"),
        ("unknown-argument", ("stages", 2, "too="), "did you mean `to`?"),
    ]
    spans = [mistake.span for mistake in error.mistakes]
    assert [error.text[slice(*span)] for span in spans if span and error.text] == ["cosin", "too"]
    assert isinstance(error, ValueError)


@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy])
def test_an_error_can_be_copied(copied: Callable[[ScheduleError], ScheduleError]) -> None:
    error = _said("warmup 5 -> cosin 90 -> hold 5 too=1x", {})
    again = copied(error)
    assert (str(again), again.mistakes, again.text) == (str(error), error.mistakes, error.text)


def test_tabs_and_what_hides() -> None:
    assert str(_said("hold 5 ->\tcosin 90", {})).splitlines()[2:] == [
        "1 | hold 5 ->\tcosin 90",
        "  |          \t^^^^^ did you mean `cosine`?",
    ]
    # What would hide or reorder the line is shown as what it is not: a plain character.
    assert str(_said("hold 5 # \u202e\x00\u2028\n-> \x1b", {})).splitlines() == [
        "error[syntax]: unexpected `\ufffd`",
        "  |",
        "2 | -> \ufffd",
        "  |    ^ expected a phase",
    ]
    assert str(_said("hold 5 -> cosin 5 # \u202e\x1b\x00", {})).splitlines()[2] == (
        "1 | hold 5 -> cosin 5 # \ufffd\ufffd\ufffd"
    )


# A name before the marker, and the columns that a terminal gives it.
WIDTHS: list[tuple[str, int]] = [
    ("abc", 3),
    ("a漢字", 5),
    ("aé", 2),
    ("a\u1112\u1161\u11ab", 3),  # three signs of one Korean syllable
    ("aª", 2),
    ("a\uff21", 3),
]


@pytest.mark.parametrize(("name", "columns"), WIDTHS)
def test_the_marker_stands_below_its_word(name: str, columns: int) -> None:
    line, marker = str(_said(f"{name} 5 -> cosin 90", {})).splitlines()[-2:]
    assert line == f"1 | {name} 5 -> cosin 90"
    assert marker == f"  | {' ' * columns}      ^^^^^ did you mean `cosine`?"
    own = str(_said(f"{name} 5", {})).splitlines()[3]
    assert own.split(" known")[0].split(" did")[0] == f"  | {'^' * columns}"


def test_the_line_ends_of_other_systems() -> None:
    assert str(_said("warmup 5\r\n-> cosin 90\r\n-> hold", {})).splitlines()[2:] == [
        "2 | -> cosin 90",
        "  |    ^^^^^ did you mean `cosine`?",
    ]


def test_a_hundred_mistakes_are_enough_to_read() -> None:
    error = _said("cosin 5 -> " * 150 + "hold", {})
    assert len(error.mistakes) == 150
    assert str(error).count("error[unknown-phase]") == MOST_SHOWN
    assert str(error).endswith("\n\nand 50 more")


class Config(BaseModel):
    lr_schedule: Schedule


def test_inside_a_pydantic_model() -> None:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"lr_schedule": "cosin 90"})
    assert [error["loc"] for error in caught.value.errors()] == [("lr_schedule",)]
    assert "there is no phase called `cosin`" in str(caught.value)
    assert "^^^^^ did you mean `cosine`?" in str(caught.value)


def test_text_is_text() -> None:
    with pytest.raises(TypeError, match="parse takes a string, not bytes"):
        parse(b"cosine 90")  # type: ignore[arg-type]  # that is the mistake


def _deep_dict(depth: int) -> dict[str, Any]:
    node: dict[str, Any] = {"kind": "hold"}
    for _ in range(depth):
        node = {"kind": "group", "stages": [node]}
    return {"stages": [node]}


DEEP = 10_000
LARGE: list[tuple[str, object, str]] = [
    ("two million characters", "a" * 2_000_000, "too-long"),
    ("two million spaces", " " * 2_000_000, "too-long"),
    ("parentheses", "(" * DEEP + "hold" + ")" * DEEP, "too-deep"),
    ("parentheses that stay open", "(" * DEEP, "too-deep"),
    ("brackets", "multistep at=" + "[" * DEEP, "syntax"),
    ("braces", "fn " + "{" * DEEP, "syntax"),
    ("parentheses of an expression", "fn {" + "(" * DEEP + "t" + ")" * DEEP + "}", "too-deep"),
    ("calls", "fn {" + "sin(" * DEEP + "t" + ")" * DEEP + "}", "too-deep"),
    ("minuses", "fn {" + "-" * DEEP + "t}", "too-deep"),
    ("powers", "fn {" + "t ** " * DEEP + "t}", "too-deep"),
    ("sums", "fn {" + "t + " * DEEP + "t}", "too-deep"),
    ("nots", "fn {1 if " + "not " * DEEP + "t < 1 else 2}", "too-deep"),
    ("choices", "fn {" + "1 if t < 1 else " * DEEP + "t}", "too-deep"),
    ("the dict form", _deep_dict(DEEP), "too-deep"),
    ("repeats", "(" * 60 + "hold 1" + ") x 2" * 60, "too-long"),
    ("an expression of the dict form", "-" * DEEP, "too-deep"),
    ("habits", "warmup 10 then " * 60_000 + "hold", "syntax"),
    ("habits of a short text", "warmup(10), " * 150 + "hold", "syntax"),
    ("an open quote", '"' + "a" * 1_900, "syntax"),
    ("quotes", '"' * 1_999, "syntax"),
    ("dashes", "-" * 1_999, "syntax"),
    ("commas", "hold at=" + "1," * 900, "syntax"),
    ("brackets of a short text", "[" * 1_999, "syntax"),
    ("numbers", "hold " + "1 " * 900, "syntax"),
    ("names", "Hold" * 450, "unknown-phase"),
    ("words", "_".join(["warmup"] * 280), "unknown-phase"),
    ("mistakes", "cosin 1 -> " * 5000 + "hold", "unknown-phase"),
]


@pytest.mark.parametrize(("what", "value", "code"), LARGE, ids=[case[0] for case in LARGE])
def test_large_input_is_refused(what: str, value: object, code: str) -> None:
    if what == "an expression of the dict form":
        value = {"stages": [{"kind": "fn", "expression": f"{value}t"}]}
    with pytest.raises(ScheduleError) as caught:
        Schedule.model_validate(value)
    assert caught.value.mistakes[0].code == code


@pytest.mark.parametrize("text", ["(hold 1/999999999ep) x inf", "(linear 1/999983ep to=1x) x inf"])
def test_large_lengths_are_refused_when_bound(text: str) -> None:
    error = _said(text, {"lr": 0.1, "steps_per_epoch": 3})
    assert [mistake.code for mistake in error.mistakes] == ["too-long"]


def test_a_dict_form_that_unfolds_without_end() -> None:
    """As aliases in a YAML file can make it: every level twice the one inside."""
    stage: dict[str, object] = {"kind": "hold", "duration": "1"}
    for _ in range(50):
        stage = {"kind": "group", "stages": [stage, stage]}
    with pytest.raises(ScheduleError) as caught:
        schedlang.Schedule.model_validate({"stages": [stage]})
    assert str(caught.value) == "error[too-long]: this has more than 1,000,000 parts"


# A clock that makes two ambiguous lines plain: set in the call, or as if it stood in the line.
CLOCKS: list[tuple[str, dict[str, Any], int]] = [
    ("warmup 5ep -> cosine rest", {"total": 1000, "clock": "epoch"}, 1000),
    ("warmup 5ep -> cosine rest", {"total": 1000, "clock": "step", "steps_per_epoch": 10}, 1000),
    ("warmup 5ep -> cosine rest", {"total": "1000st", "steps_per_epoch": 10}, 1000),
    ("warmup 5 -> cosine rest", {"total": "100ep", "clock": "epoch"}, 100),
    ("warmup 5% -> cosine rest", {"total": 1000}, 1000),
    ("warmup 5% -> cosine rest", {"total": 1000, "steps_per_epoch": 10}, 1000),
    ("warmup 5 -> cosine 90", {"steps_per_epoch": 10, "clock": "epoch"}, 95),
    ("exp 9ep gamma=0.9 every=1ep", {"steps_per_epoch": 10}, 90),
]


@pytest.mark.parametrize(("text", "binding", "length"), CLOCKS, ids=str)
def test_a_clock_makes_it_plain(text: str, binding: dict[str, Any], length: int) -> None:
    assert parse(text).bind(lr=0.1, **binding).length == length


def test_a_line_that_is_read_with_a_clock() -> None:
    """As the command line's `--clock` does."""
    text = "warmup 500 -> cosine 90ep"
    schedule = parse(text, clock="step")
    assert schedule == parse(f"clock=step | {text}")
    assert str(schedule) == "clock=step | warmup linear 500 -> cosine 90ep"
    assert parse("clock=step | hold 5", clock="step") == parse("clock=step | hold 5")
    with pytest.raises(ScheduleError) as caught:
        parse("clock=epoch | hold 5 -> cosin 5", clock="step")
    assert caught.value.mistakes[0].path == ("clock",)
    assert str(caught.value) == (
        "error[conflicting-settings]: "
        "`clock` is given twice: clock=epoch in the line, clock=step in the call\n"
        "  |\n"
        "1 | clock=epoch | hold 5 -> cosin 5\n"
        "  |       ^^^^^ give it once\n\n"
        "error[unknown-phase]: there is no phase called `cosin`\n"
        "  |\n"
        "1 | clock=epoch | hold 5 -> cosin 5\n"
        "  |                         ^^^^^ did you mean `cosine`?"
    )
    with pytest.raises(ScheduleError) as caught:
        parse("hold 5", clock="minute")  # type: ignore[arg-type]  # that is the mistake
    assert str(caught.value) == (
        "error[unknown-value]: `clock` cannot be `minute`\n  at clock\n  one of step, epoch"
    )


# Numbers that are legal where they stand, and leave the doubles when they are bound.
TOO_LARGE: list[tuple[str, dict[str, Any]]] = [
    ("step every=1e300ep", {"steps_per_epoch": 10**9}),
    ("inverse_time rate=1 every=1e300ep", {"steps_per_epoch": 10**9}),
    ("exp gamma=0.9 every=1e300ep", {"steps_per_epoch": 10**9}),
    ("inverse_sqrt timescale=1e300ep", {"steps_per_epoch": 10**9}),
    ("multistep at=[1e300]ep", {"steps_per_epoch": 10**9}),
    ("piecewise at=[1e300]ep values=[1x, 0]", {"steps_per_epoch": 10**9}),
    ("cyclic up=1e300ep min=0", {"steps_per_epoch": 10**9}),
    ("restarts first=1e300ep", {"steps_per_epoch": 10**9}),
    ("cosine 1e300ep", {"steps_per_epoch": 10**9}),
    ("hold until 1e300ep", {"steps_per_epoch": 10**9}),
    ("linear 10ep skip=1e300ep", {"steps_per_epoch": 10**9}),
    ("hold 1e300 tok", {"tokens_per_step": "1e-300"}),
    ("hold 10%", {"total": "1e300ep", "steps_per_epoch": 10**9}),
    ("hold rest", {"total": "1e300ep", "steps_per_epoch": 10**9}),
]


@pytest.mark.parametrize(("text", "binding"), TOO_LARGE, ids=[case[0] for case in TOO_LARGE])
def test_what_leaves_the_doubles_when_bound(text: str, binding: dict[str, Any]) -> None:
    """An error of ours, or a schedule with finite rates."""
    codes: set[str] = set()
    rate = 0.0
    try:
        rate = parse(text).bind(lr=0.1, **binding).at(2**53)
    except ScheduleError as error:
        codes = {mistake.code for mistake in error.mistakes}
    assert codes <= {"overflow", "out-of-range"}
    assert 0 <= rate <= 0.1


def test_a_dict_form_of_the_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    line = {"stages": [{"kind": "hold"}]}  # the line, the list and the phase
    monkeypatch.setattr("schedlang.language.validate.LONGEST", 3)
    assert str(schedlang.Schedule.model_validate(line)) == "hold"
    monkeypatch.setattr("schedlang.language.validate.LONGEST", 2)
    with pytest.raises(ScheduleError) as caught:
        schedlang.Schedule.model_validate(line)
    assert str(caught.value) == "error[too-long]: this has more than 2 parts"
