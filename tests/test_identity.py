"""Text, dict form, JSON: one tree, one canonical text."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from pydantic import BaseModel

import schedlang
from schedlang import Schedule, parse
from schedlang.language.quantities import format_number, read_ratio
from schedlang.phases.ramps import Linear
from tests.cases import CASES, PLATEAUS, Case, golden
from tests.strategies import schedules

# A line and its canonical text; None where it is that already.
CANONICAL: list[tuple[str, str | None]] = [
    # ── The shape ──
    ("warmup linear 10 -> cosine 90 min=1e-4", None),
    ("warmup 10", "warmup linear 10"),
    ("decay 10", "decay linear 10"),
    ("decay linear 10", None),
    ("warmup linear 10 to=1x", None),
    ("  cosine   90  ", "cosine 90"),
    ("cosine 90\n->\nhold", "cosine 90 -> hold"),
    ("cosine 90 # the end\n# and more", "cosine 90"),
    ("warmup 5%->hold rest->decay 20%", "warmup linear 5% -> hold rest -> decay linear 20%"),
    ("(hold 5)", None),
    ("((hold))", None),
    ("(hold 5) x 1", None),
    ("(hold 5)x3", "(hold 5) x 3"),
    ("(hold 5)xinf", "(hold 5) x inf"),
    ("(hold 5) x 10_000", "(hold 5) x 10000"),
    ("(hold 5 -> (linear 3) x 2) x 3", None),
    ("hold 5*hold 3", "hold 5 * hold 3"),
    ("(hold 5 -> hold 3) * step every=3 * hold", None),
    ("hold 3 -> hold 5 * hold 3 -> hold", None),
    ("(hold 3 * hold 2) * hold", None),
    ("hold # -> cosine 5", "hold"),
    # ── Settings ──
    ("lr=3e-4 total=100ep|hold rest", "lr=3e-4 total=100ep | hold rest"),
    ("clock=epoch total=9 lr=1 | hold", "lr=1 total=9 clock=epoch | hold"),
    (
        "tokens_per_step=4M samples_per_step=1/2 steps_per_epoch=1k clock=step | hold",
        "steps_per_epoch=1000 samples_per_step=0.5 tokens_per_step=4M clock=step | hold",
    ),
    # ── Numbers ──
    ("hold to=1e-4", None),
    ("hold to=1.e-4", "hold to=1e-4"),
    ("hold to=0.0001", "hold to=1e-4"),
    ("hold to=0.00015", "hold to=1.5e-4"),
    ("hold to=0.001", None),
    ("hold to=3E-4", "hold to=3e-4"),
    ("hold to=.5", "hold to=0.5"),
    ("hold to=0.50", "hold to=0.5"),
    ("hold to=00.5", "hold to=0.5"),
    ("hold to=5e-1x", "hold to=0.5x"),
    ("hold to=1e+2x", "hold to=100x"),
    ("hold to=1/3", None),
    ("hold to=1/3x", None),
    ("hold to=2/6%", "hold to=1/3%"),
    ("hold to=2/4x", "hold to=0.5x"),
    ("hold to=1e-3/3x", "hold to=1/3000x"),
    ("hold to=0", None),
    ("hold to=0%", None),
    ("hold to=0x", None),
    ("hold to=1x", None),
    ("hold to=100%", None),
    ("hold to=1e-300", None),
    ("hold 10_000", "hold 10k"),
    ("hold 10k", None),
    ("hold 9k", "hold 9000"),
    ("hold 12345", None),
    ("hold 100000", "hold 100k"),
    ("hold 123456789", None),
    ("hold 1500k", "hold 1.5M"),
    ("hold 2B", None),
    ("hold 1T", None),
    ("hold 1e3", "hold 1000"),
    ("hold 1.0", "hold 1"),
    ("hold 4/2", "hold 2"),
    ("hold 0", None),
    ("hold 2.5ep", None),
    ("hold 1/3ep", None),
    # ── Units ──
    ("hold 3 step", "hold 3st"),
    ("hold 3 steps", "hold 3st"),
    ("hold 3steps", "hold 3st"),
    ("hold 3 epochs", "hold 3ep"),
    ("hold 1epoch", "hold 1ep"),
    ("hold 100 token", "hold 100tok"),
    ("hold 2B tok", None),
    ("hold 2Btok", "hold 2B tok"),
    ("hold 50k examples", "hold 50k ex"),
    ("hold 50k sample", "hold 50k ex"),
    ("hold 10 %", "hold 10%"),
    ("hold until 10 epochs", "hold until 10ep"),
    ("multistep at=[30ep, 60ep]", "multistep at=[30, 60]ep"),
    ("multistep at=[30, 60]epochs", "multistep at=[30, 60]ep"),
    ("multistep at=[1k, 2k] tok", "multistep at=[1000, 2000]tok"),
    ("multistep at=[30, 60%, 80]ep", "multistep at=[30ep, 60%, 80ep]"),
    ("multistep at=[30]%", None),
    ("multistep at=[30]", None),
    ("piecewise at=[5] values=[1x, 10%]", None),
    ("piecewise at=[5] values=[100%, 10%]", "piecewise at=[5] values=[100, 10]%"),
    ("piecewise at=[5] values=[1, 0.1]x", None),
    ("piecewise at=[5] values=[1, 0]", None),
    # ── Arguments: in the order of the phase, and only what is not so already ──
    ("step gamma=0.5 every=3", "step every=3 gamma=0.5"),
    ("step every=10 gamma=10%", "step every=10"),
    ("cosine 9 skip=2 to=1% from=2x", "cosine 9 from=2x to=1% skip=2"),
    ("linear 5 skip=0", None),
    ("cosine 95ep every=1epoch min=1e-5", "cosine 95ep min=1e-5 every=1ep"),
    ("warmup 9 every=2 skip=1 from=0", "warmup linear 9 from=0 skip=1 every=2"),
    ("exp 9 every=2 to=1%", "exp 9 to=1% every=2"),
    ("linear 10 min=0", None),
    ("linear 10 to=0", None),
    ("exp 90 gamma=0.5 every=1", "exp 90 every=1 gamma=0.5"),
    ("poly 9 power=1", "poly 9"),
    ("poly 9 power=0.9", None),
    ("multistep at=[1, 2] gamma=[0.5, 10%]", "multistep at=[1, 2] gamma=[0.5, 0.1]"),
    ("inverse_time rate=1 staircase=false", "inverse_time rate=1"),
    ("inverse_time rate=1 staircase=true", None),
    ("inverse_sqrt timescale=100", None),
    ("restarts first=10 mult=1.0 min=0 shrink=1 cycles=3", "restarts first=10 cycles=3"),
    ("restarts first=10 mult=1.5 min=1% shrink=0.5 from=2x", None),
    ("cyclic min=0 up=5 mode=triangular max=1x", "cyclic up=5 min=0"),
    ("cyclic up=5 down=3 min=0 max=2x mode=exp_range gamma=0.9 momentum=[0.8, 0.9]", None),
    ("onecycle 9 pct=30% div=25 final_div=1e4 anneal=cos", "onecycle 9"),
    ("onecycle 9 pct=0.4 anneal=linear three_phase=true momentum=[85%, 0.95]",
     "onecycle 9 pct=0.4 anneal=linear three_phase=true momentum=[0.85, 0.95]"),
    ("plateau", None),
    ("plateau monitor=val/top-1.acc mode=max", "plateau mode=max monitor=val/top-1.acc"),
    ("plateau factor=0.5 patience=0 threshold=0 threshold_mode=abs cooldown=3 min=1% eps=0", None),
    # ── Expressions ──
    ("fn{t}", "fn {t}"),
    ("fn 300 {max(0.05,(1-t/T)**2)}", "fn 300 {max(0.05, (1 - t / T) ** 2)}"),
    ("fn 9 {start*(1-p)}", "fn 9 {start * (1 - p)}"),
    ("fn {((t))}", "fn {t}"),
    ("fn {2**3**2}", "fn {2 ** 3 ** 2}"),
    ("fn {(2**3)**2}", "fn {(2 ** 3) ** 2}"),
    ("fn {-2**2}", "fn {-2 ** 2}"),
    ("fn {(-2)**2}", "fn {(-2) ** 2}"),
    ("fn {2**-1}", "fn {2 ** -1}"),
    ("fn {--t}", None),
    ("fn {1-(2-3)-4*(5/6)}", "fn {1 - (2 - 3) - 4 * (5 / 6)}"),
    ("fn {(1-2)-3}", "fn {1 - 2 - 3}"),
    ("fn {1/(2*3)/4}", "fn {1 / (2 * 3) / 4}"),
    ("fn {-(1+2)*3}", "fn {-(1 + 2) * 3}"),
    ("fn {1 if t<5 else 2 if t<=6 else 3}", "fn {1 if t < 5 else 2 if t <= 6 else 3}"),
    ("fn {1 if t<5 else (2 if t>6 else 3)}", "fn {1 if t < 5 else 2 if t > 6 else 3}"),
    ("fn {(1 if t<5 else 2)+3}", "fn {(1 if t < 5 else 2) + 3}"),
    ("fn {(1 if t>=5 else 2) if t==3 else 4}", "fn {(1 if t >= 5 else 2) if t == 3 else 4}"),
    ("fn {1 if t<1 and(t>2 or t!=3)else 2}", "fn {1 if t < 1 and (t > 2 or t != 3) else 2}"),
    ("fn {1 if not t<1 and t>2 or t>3 else 2}", "fn {1 if not t < 1 and t > 2 or t > 3 else 2}"),
    ("fn {1 if not (t < 1 and t > 2) else 2}", None),
    ("fn {1 if (t<1)and((t>2)) else 2}", "fn {1 if t < 1 and t > 2 else 2}"),
    ("fn {10_000+1.50+1e5+1e-4+.5}", "fn {10000 + 1.5 + 100000 + 1e-4 + 0.5}"),
    ("fn {pi*sin(t)+abs(cos(t))}", "fn {pi * sin(t) + abs(cos(t))}"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "canonical"), CANONICAL, ids=[text for text, _ in CANONICAL])
def test_canonical_text(text: str, canonical: str | None) -> None:
    schedule = parse(text)
    assert str(schedule) == (text if canonical is None else canonical)
    _holds_together(schedule)


def _holds_together(schedule: Schedule) -> None:
    """Every form gives the same tree, and the text is its own canonical text."""
    text = str(schedule)
    tree = schedule.model_dump()
    for form in (text, tree, schedule, schedule.model_dump(exclude_defaults=True)):
        again = Schedule.model_validate(form)
        assert again == schedule
        assert str(again) == text
        assert again.model_dump() == tree
    as_json = schedule.model_dump_json()
    assert Schedule.model_validate_json(as_json) == schedule
    assert Schedule.model_validate(json.loads(as_json)) == schedule
    assert Schedule.model_validate_json(json.dumps(text)) == schedule
    assert json.loads(as_json) == json.loads(json.dumps(tree))


@pytest.mark.parametrize("case", [*CASES, *PLATEAUS], ids=str)
def test_cases_go_round(case: Case) -> None:
    _holds_together(parse(case.text))


@pytest.mark.parametrize("seed", golden(), ids=lambda seed: seed["name"])
def test_golden_lines_go_round(seed: dict[str, Any]) -> None:
    _holds_together(parse(seed["schedule"]))


@given(schedules(max_depth=3, momentum=True))
def test_any_schedule_goes_round(case: Case) -> None:
    _holds_together(parse(case.text))


@pytest.mark.parametrize("number", ["1e300", "1e-300", "3/7T", "1/1024", "1/3000000000000"])
def test_long_numbers_go_round(number: str) -> None:
    _holds_together(parse(f"hold to={number}"))


@pytest.mark.parametrize("number", ["1e-99/7", "1e299/7", f"1/{2**200}"])
def test_numbers_that_cannot_be_written_again_are_refused(number: str) -> None:
    with pytest.raises(schedlang.ScheduleError) as caught:
        parse(f"hold to={number}")
    assert [mistake.code for mistake in caught.value.mistakes] == ["bad-number"]


# ── The tree ─────────────────────────────────────────────────────────────────────────────────────


def test_the_dict_form() -> None:
    text = "lr=0.1 | warmup 5 from=0 -> (cosine 9 min=1% * hold 3) -> (fn 3 {1 - p}) x 2"
    product = (
        {"kind": "cosine", "duration": "9", "min": "1%"},
        {"kind": "hold", "duration": "3"},
    )
    assert parse(text).model_dump() == {
        "lr": "0.1",
        "stages": (
            {"kind": "linear", "role": "warmup", "duration": "5", "from": "0"},
            {"kind": "group", "stages": ({"kind": "product", "factors": product},)},
            {
                "kind": "group",
                "stages": ({"kind": "fn", "duration": "3", "expression": "1 - p"},),
                "times": 2,
            },
        ),
    }


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        ({"stages": [{"kind": "hold", "duration": 90}]}, "hold 90"),
        ({"stages": [{"kind": "hold", "duration": 90.0}]}, "hold 90"),
        ({"stages": [{"kind": "hold", "duration": "90"}]}, "hold 90"),
        ({"stages": [{"kind": "hold", "duration": Fraction(90)}]}, "hold 90"),
        ({"stages": [{"kind": "hold", "to": 1e-4}]}, "hold to=1e-4"),
        ({"stages": [{"kind": "hold", "to": "1e-4"}]}, "hold to=1e-4"),
        ({"stages": [{"kind": "hold", "to": 0.1}]}, "hold to=0.1"),
        ({"stages": [{"kind": "hold", "duration": " until  5 epochs "}]}, "hold until 5ep"),
        ({"stages": [{"kind": "step", "every": 3, "gamma": 0.3}]}, "step every=3 gamma=0.3"),
        ({"stages": [{"kind": "multistep", "at": (3, "5")}]}, "multistep at=[3, 5]"),
        ({"lr": 0.1, "total": 5, "stages": [{"kind": "hold"}]}, "lr=0.1 total=5 | hold"),
        (
            {"stages": [{"kind": "onecycle", "duration": 9, "three_phase": True, "pct": 0.2}]},
            "onecycle 9 pct=0.2 three_phase=true",
        ),
        (
            {"stages": [{"kind": "group", "stages": [{"kind": "hold"}], "times": "inf"}]},
            None,  # a hold never ends: see the errors
        ),
    ],
)
def test_numbers_of_a_config_file(tree: dict[str, Any], text: str | None) -> None:
    if text is None:
        with pytest.raises(schedlang.ScheduleError):
            Schedule.model_validate(tree)
    else:
        assert Schedule.model_validate(tree) == parse(text)


def test_units_and_percentages_are_kept_as_written() -> None:
    phase = parse("linear 10% from=1e-3 to=1/3x").stages[0]
    assert isinstance(phase, Linear)
    assert (str(phase.duration), str(phase.start), str(phase.to)) == ("10%", "0.001", "1/3x")
    assert phase.to is not None
    assert phase.to.value == Fraction(1, 3)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Fraction(0), "0"), (Fraction(1), "1"), (Fraction(1, 10), "0.1"), (Fraction(1, 3), "1/3"),
        (Fraction(1, 1000), "0.001"), (Fraction(1, 10_000), "1e-4"), (Fraction(617, 5), "123.4"),
        (Fraction(10_000), "10k"), (Fraction(9_999), "9999"), (Fraction(1_500_000), "1.5M"),
        (Fraction(10**20), "1e20"), (Fraction(1, 10**20), "1e-20"),
        (Fraction(22, 7), "22/7"), (Fraction(5, 4), "1.25"), (Fraction(10**100), "1e100"),
    ],
)  # fmt: skip
def test_the_shortest_spelling(number: Fraction, text: str) -> None:
    assert format_number(number) == text
    assert read_ratio(text) == number


def test_lengths_are_exact() -> None:
    program = parse("total=1234 | hold 10% -> hold 10% -> hold 10% -> hold rest").bind(lr=0.1)
    assert [piece.begin for piece in program.pieces] == [0, 123, 247, 370, 1234]
    many = parse("(hold 0.1ep) x 1000 -> hold rest").bind(lr=0.1, steps_per_epoch=3, total="400st")
    assert many.length == 400
    assert [piece.begin for piece in many.pieces][-2:] == [300, 400]


# ── A schedule as a value ────────────────────────────────────────────────────────────────────────


def test_equality_and_hash() -> None:
    one, same, other = parse("warmup 10"), parse("warmup linear 10 # same"), parse("warmup 11")
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != "warmup linear 10"
    assert len({one, same, other}) == 2
    # Equal where the writing means the same in writing; 10% and 0.1x are written differently.
    assert parse("hold to=10%") != parse("hold to=0.1x")


def test_a_program_is_equal_to_itself_alone() -> None:
    one, other = parse("warmup 10").bind(lr=0.1), parse("warmup 10").bind(lr=0.1)
    assert one == one
    assert one != other
    assert {one: 1, other: 2}[one] == 1
    assert parse("hold to=0.5x") == parse("hold to=1/2x")


COPIES: list[Callable[[Schedule], Schedule]] = [
    lambda schedule: pickle.loads(pickle.dumps(schedule)),
    copy.copy,
    copy.deepcopy,
    Schedule.model_copy,
]


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("case", [*CASES[::7], *PLATEAUS], ids=str)
def test_copies(case: Case, copied: Callable[[Schedule], Schedule]) -> None:
    schedule = parse(case.text)
    again = copied(schedule)
    assert again == schedule
    assert hash(again) == hash(schedule)
    assert again.bind(lr=case.lr, **case.binding).at(3) == case.bind().at(3)


def test_it_is_frozen() -> None:
    schedule = parse("hold 5")
    with pytest.raises(ValueError, match="frozen"):
        schedule.stages = ()  # type: ignore[misc]  # that is the mistake
    with pytest.raises(ValueError, match="frozen"):
        schedule.stages[0].duration = None  # type: ignore[union-attr,misc]  # likewise


def test_repr() -> None:
    assert repr(parse("warmup 10")) == "Schedule('warmup linear 10')"
    assert repr(parse("warmup 10").bind(lr=0.1)) == (
        "<Program 'warmup linear 10': 10 ticks, lr=0.1; one tick is one call of step()>"
    )
    assert repr(parse("step every=3ep").bind()) == (
        "<Program 'step every=3ep': never ends, in shares of the base; one tick is one epoch>"
    )
    assert repr(parse("linear 9 from=0 to=1").bind()) == (
        "<Program 'linear 9 from=0 to=1': 9 ticks, in absolute values;"
        " one tick is one call of step()>"
    )
    assert repr(parse("cosine 9").bind(lr=0.1).rebase(None)) == (
        "<Program 'cosine 9': 9 ticks, over an unknown base; one tick is one call of step()>"
    )


class Config(BaseModel):
    lr_schedule: Schedule
    others: list[Schedule] = []


@pytest.mark.parametrize(
    "form",
    ["cosine 90", {"stages": [{"kind": "cosine", "duration": 90}]}, parse("cosine 90")],
    ids=["text", "dict", "schedule"],
)
def test_as_a_field(form: object) -> None:
    config = Config.model_validate({"lr_schedule": form, "others": [form]})
    assert config.lr_schedule == parse("cosine 90")
    assert config.model_dump() == {"lr_schedule": "cosine 90", "others": ["cosine 90"]}
    assert json.loads(config.model_dump_json())["lr_schedule"] == "cosine 90"
    assert Config.model_validate(config.model_dump()) == config
    assert Config.model_validate_json(config.model_dump_json()) == config


# ── JSON schema ──────────────────────────────────────────────────────────────────────────────────

SCHEMA = jsonschema.Draft202012Validator(Schedule.model_json_schema())


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA.schema)
    jsonschema.Draft202012Validator.check_schema(Config.model_json_schema())


def test_the_schema_of_what_is_dumped() -> None:
    written = jsonschema.Draft202012Validator(Config.model_json_schema(mode="serialization"))
    config = Config.model_validate({"lr_schedule": "cosine 90"})
    assert written.is_valid(config.model_dump())
    assert not written.is_valid({"lr_schedule": {"stages": [{"kind": "hold"}]}})


@pytest.mark.parametrize("case", [*CASES, *PLATEAUS], ids=str)
def test_the_schema_accepts_what_is_right(case: Case) -> None:
    schedule = parse(case.text)
    assert SCHEMA.is_valid(str(schedule))
    assert SCHEMA.is_valid(json.loads(schedule.model_dump_json()))


@pytest.mark.parametrize(
    "tree",
    [
        7,
        {},
        {"stages": []},
        {"stages": 5},
        {"stages": [{"kind": "cosine"}]},
        {"stages": [{"kind": "cosine", "duration": 90, "mni": 1}]},
        {"stages": [{"kind": "step", "duration": 90}]},
        {"stages": [{"kind": "linear", "duration": 90, "role": "cooldown"}]},
        {"stages": [{"kind": "linear", "duration": 90, "to": "5ep"}]},
        {"stages": [{"kind": "cyclic", "up": 5, "min": 0, "mode": "triangle"}]},
        {"stages": [{"kind": "hold", "duration": True}]},
        {"stages": [{"kind": "hold"}], "clock": "minute"},
        {"stages": [{"kind": "hold"}], "lrs": 0.1},
        {"stages": [{"kind": "group", "stages": [{"kind": "hold", "duration": 5}], "times": 0}]},
    ],
)
def test_the_schema_refuses_what_is_wrong(tree: object) -> None:
    assert not SCHEMA.is_valid(tree)
    with pytest.raises(schedlang.ScheduleError):
        Schedule.model_validate(tree)
