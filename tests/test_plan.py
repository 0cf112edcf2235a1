"""Plans: their text, what is wrong with them, and the programs of their lines."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
import textwrap
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

import schedlang
from schedlang import Plan
from tests.cases import Case
from tests.strategies import lines_of_a_run

DETECTION = {
    "total": "100ep",
    "lr": {
        "backbone*": "hold 5ep to=0 -> warmup linear 5ep -> cosine rest min=1%",
        "*": "warmup linear 5ep -> cosine rest min=1%",
    },
    "weight_decay": "cosine 100% to=10x",
    "momentum": "warmup linear 3ep from=0.8 to=0.937 -> hold",
    "values": {"teacher_momentum": "cosine 100% from=0.996 to=1"},
}
TEXT = """\
total: 100ep
lr:
  backbone*: hold 5ep to=0 -> warmup linear 5ep -> cosine rest min=1%
  '*': warmup linear 5ep -> cosine rest min=1%
weight_decay: cosine 100% to=10x
momentum: warmup linear 3ep from=0.8 to=0.937 -> hold
values:
  teacher_momentum: cosine 100% from=0.996 to=1
"""
TREE = {"stages": [{"kind": "cosine", "duration": 90}]}

# What is written, and its canonical text.
SPELLINGS: dict[str, tuple[Any, str]] = {
    "a mapping": (DETECTION, TEXT),
    "its text": (TEXT, TEXT),
    "JSON": (json.dumps(DETECTION), TEXT),
    "a line": ("cosine 90", "lr: cosine 90\n"),
    "a line with a comment": ("cosine 90  # lr: a comment", "lr: cosine 90\n"),
    "a line's dict form": (TREE, "lr: cosine 90\n"),
    "a schedule": (schedlang.parse("cosine 90"), "lr: cosine 90\n"),
    "a dict form inside": ({"eps": TREE}, "eps: cosine 90\n"),
    "a group called stages": ({"lr": {"stages": "hold"}}, "lr:\n  stages: hold\n"),
    "settings come first": ({"lr": "hold", "total": 100}, "total: 100\nlr: hold\n"),
    "the number of a group": ("lr: {0: hold, '*': cosine 9}", "lr:\n  0: hold\n  '*': cosine 9\n"),
    "a number as a text": ({"lr": {"0": "hold"}}, "lr:\n  0: hold\n"),
    "all settings": (
        "{lr: cosine 9st, clock: step, tokens_per_step: 4M, samples_per_step: 8}",
        "samples_per_step: 8\ntokens_per_step: 4M\nclock: step\nlr: cosine 9st\n",
    ),
    "settings in a line": ("lr: total=9 | cosine rest", "lr: total=9 | cosine rest\n"),
    "a bare length under the plan's clock": (
        {"clock": "step", "lr": "warmup 5ep -> cosine 90"},
        "clock: step\nlr: warmup linear 5ep -> cosine 90\n",
    ),
    "text in flow style": ('{"lr": "fn 9 {1 - p}"}', "lr: fn 9 {1 - p}\n"),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_canonical_text(name: str) -> None:
    written, text = SPELLINGS[name]
    plan = Plan(written)
    assert str(plan) == text
    assert Plan(text) == plan
    assert hash(Plan(text)) == hash(plan)
    assert str(Plan(text)) == text


def test_keywords_are_keys() -> None:
    assert Plan(lr="cosine 90", total=90) == Plan({"total": 90, "lr": "cosine 90"})
    with pytest.raises(TypeError):
        Plan({"lr": "cosine 90"}, total=90)


def test_the_order_counts_for_patterns_only() -> None:
    lr, eps = {"lr": {"a*": "hold", "*": "cosine 9"}}, {"eps": "hold"}
    assert Plan({**lr, **eps}) == Plan({**eps, **lr})
    assert Plan(lr) != Plan({"lr": {"*": "cosine 9", "a*": "hold"}})
    assert Plan(lr) != Plan({**lr, **eps})


def test_a_plan_is_frozen_and_can_be_copied() -> None:
    plan = Plan(DETECTION)
    with pytest.raises(ValidationError):
        plan.lines = ()  # type: ignore[misc]  # frozen
    assert pickle.loads(pickle.dumps(plan)) == plan == copy.deepcopy(plan)


class Config(BaseModel):
    schedule: Plan


def test_a_field_of_a_config() -> None:
    config = Config(schedule=TEXT)
    assert config.schedule == Plan(DETECTION)
    assert config.model_dump() == {"schedule": DETECTION}
    assert Config.model_validate_json(config.model_dump_json()) == config
    assert Plan.model_validate_json(json.dumps(DETECTION)) == config.schedule
    with pytest.raises(ValidationError, match="there is no phase called `cosin`"):
        Config(schedule={"lr": "cosin 9"})


@pytest.mark.parametrize(
    ("written", "is_right"),
    [
        (DETECTION, True),
        (TEXT, True),
        ({"lr": TREE, "eps": {"a*": TREE}}, True),
        ({"lr": 3}, False),
        ({"lr": {"a*": 3}}, False),
        ({"lr": "hold", "total": "x"}, False),
        ({"lr": "hold", "values": "hold"}, False),
    ],
)
def test_json_schema(written: Any, is_right: bool) -> None:
    validator = jsonschema.Draft202012Validator(Config.model_json_schema())
    assert validator.is_valid({"schedule": written}) == is_right


def test_the_schema_of_what_is_dumped() -> None:
    schema = Config.model_json_schema(mode="serialization")
    jsonschema.validate(Config(schedule=DETECTION).model_dump(), schema)


def test_yaml_is_imported_where_it_is_used() -> None:
    code = """
        import sys, schedlang
        plan = schedlang.Plan({"lr": {"a*": "hold", "*": "cosine 9"}, "eps": "hold"})
        plan.bind(groups=("a", "b"), lr=0.1)
        assert "yaml" not in sys.modules
        str(plan)
        assert "yaml" in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


# ── What is wrong ────────────────────────────────────────────────────────────────────────────────

WRONG: dict[str, tuple[Any, str]] = {
    "all lines at once": (
        {"lr": {"backbone*": "warmup 5 -> cosin 9", "*": "cosine 9 minn=3"}, "eps": "linear"},
        """
        error[unknown-phase]: there is no phase called `cosin`
          at lr.backbone*
          |
        1 | warmup 5 -> cosin 9
          |             ^^^^^ did you mean `cosine`?

        error[unknown-argument]: `cosine` has no argument `minn`
          at lr.*
          |
        1 | cosine 9 minn=3
          |          ^^^^ did you mean `min`?

        error[no-duration]: `linear` needs a duration
          at eps
          |
        1 | linear
          | ^^^^^^ write linear 90, or linear rest
        """,
    ),
    "a dict form": (
        {"lr": {"stages": [{"kind": "cosine", "duration": 9, "minn": 3}]}},
        """
        error[unknown-argument]: `cosine` has no argument `minn`
          at lr.stages[0].minn
          did you mean `min`?
        """,
    ),
    "a key twice": (
        "lr: cosine 9\nlr: linear 9",
        """
        error[double-argument]: the key `lr` is given twice
          |
        2 | lr: linear 9
          | ^^
        """,
    ),
    "no YAML": (
        "lr: [",
        """
        error[syntax]: not YAML: expected the node content, but found '<stream end>'
          |
        1 | lr: [
          |      ^
        """,
    ),
    "no mapping": (
        "- a: b",
        "error[wrong-type]: expected a mapping from hyperparameters to lines, not `[{'a': 'b'}]`",
    ),
    "no plan": (3, "error[wrong-type]: expected a plan as text or as a mapping, not `3`"),
    "two totals, in the plan and a line": (
        {"total": "100ep", "lr": "total=50ep | cosine 5ep"},
        """
        error[conflicting-settings]: `total` is given twice: 100ep in the plan, 50ep in `lr`
          at lr
          |
        1 | total=50ep | cosine 5ep
          |       ^^^^ give it once
        """,
    ),
    "two totals, in two lines": (
        {"lr": {"a": "total=9 | hold", "b": "total=8 | hold"}},
        """
        error[conflicting-settings]: `total` is given twice: 9 in `lr.a`, 8 in `lr.b`
          at lr.b
          |
        1 | total=8 | hold
          |       ^ give it once
        """,
    ),
    "two clocks": (
        {"lr": "clock=step | cosine 9", "eps": "clock=epoch | cosine 9"},
        """
        error[conflicting-settings]: `clock` is given twice: step in `lr`, epoch in `eps`
          at eps
          |
        1 | clock=epoch | cosine 9
          |       ^^^^^ give it once
        """,
    ),
    "a bare length beside another line's unit": (
        {"lr": "warmup 5ep -> cosine 9ep", "weight_decay": "hold 3 -> cosine 50 to=10x"},
        """
        error[mixed-units]: `3` has no unit, but other lengths do
          at weight_decay
          |
        1 | hold 3 -> cosine 50 to=10x
          |      ^ 3 what? write 3st or 3ep, or set clock: in the plan

        error[mixed-units]: `50` has no unit, but other lengths do
          at weight_decay
          |
        1 | hold 3 -> cosine 50 to=10x
          |                  ^^ 50 what? write 50st or 50ep, or set clock: in the plan
        """,
    ),
    "a bare length where an epoch has steps": (
        {"steps_per_epoch": 10, "lr": "cosine 9"},
        """
        error[ambiguous-ticks]: `9` has no unit, but `steps_per_epoch` is given
          at lr
          |
        1 | cosine 9
          |        ^ are these steps or epochs? write 9st or 9ep, or set clock: in the plan
        """,
    ),
    "momentum twice": (
        {"lr": "onecycle 10 momentum=[0.8, 0.9]", "momentum": "hold to=0.9"},
        """
        error[double-argument]: `momentum=` and the plan's `momentum` set the same number
          at lr
          |
        1 | onecycle 10 momentum=[0.8, 0.9]
          |                       ^^^^^^^^ write one of them
        """,
    ),
    "momentum= of another hyperparameter": (
        {"eps": "onecycle 10 momentum=[0.8, 0.9]"},
        """
        error[does-not-apply]: `momentum=` moves the momentum, but this is a line for `eps`
          at eps
          |
        1 | onecycle 10 momentum=[0.8, 0.9]
          |                       ^^^^^^^^ write it in a line for lr
        """,
    ),
    "two metrics": (
        {"lr": "plateau", "eps": "hold 3 -> plateau monitor=acc mode=max"},
        """
        error[conflicting-settings]: plateaus need one `monitor`: val_loss in `lr`, acc in `eps`
          at eps
          |
        1 | hold 3 -> plateau monitor=acc mode=max
          |                           ^^^ write monitor=val_loss

        error[conflicting-settings]: plateaus need one `mode`: min in `lr`, max in `eps`
          at eps
          |
        1 | hold 3 -> plateau monitor=acc mode=max
          |                                    ^^^ write mode=min
        """,
    ),
    "nothing": (
        {"total": 9},
        """
        error[empty]: there is no line in this plan
          write one for a hyperparameter: lr: cosine 90
        """,
    ),
    "no groups": ({"lr": {}}, "error[empty]: `lr` has no lines\n  at lr"),
    "a wrong setting": (
        {"total": 0, "lr": "cosine 9"},
        """
        error[out-of-range]: the total cannot be `0`
          at total
          write total=100ep
        """,
    ),
    "a misspelt setting": (
        {"totl": 100, "lr": "cosine 9"},
        """
        error[wrong-type]: expected a line of text or its dict form, not `100`
          at totl
          did you mean `total`?
        """,
    ),
    "a number as a hyperparameter": (
        {1: "hold", "lr": "hold"},
        "error[wrong-type]: a hyperparameter must be a name, not `1`",
    ),
    "a truth value as a group": (
        "lr: {yes: hold}",
        """
        error[wrong-type]: the key of a group must be a name, a pattern or a number, not `True`
          at lr
        """,
    ),
    "a group twice": (
        {"lr": {0: "hold", "0": "hold"}},
        "error[double-argument]: `0` is given twice\n  at lr.0",
    ),
    "a value that is a hyperparameter": (
        {"lr": "hold", "values": {"lr": "hold to=1"}},
        """
        error[double-argument]: the value `lr` has the same name as a key of the plan
          at values
          give it another name
        """,
    ),
    "values without names": (
        {"lr": "hold", "values": "hold to=1"},
        """
        error[wrong-type]: `values` must be a mapping from names to lines, not `hold to=1`
          at values
          values: {teacher_momentum: linear 100 from=0.99 to=1}
        """,
    ),
    "a list": (
        "lr:\n  - hold",
        """
        error[wrong-type]: expected a line of text or its dict form, not `['hold']`
          at lr
          write a line, such as hold to=0.1
        """,
    ),
}


def whole(message: str) -> str:
    return textwrap.dedent(message).strip("\n")


@pytest.mark.parametrize("name", WRONG)
def test_mistakes(name: str) -> None:
    written, message = WRONG[name]
    with pytest.raises(schedlang.ScheduleError) as raised:
        Plan(written)
    assert str(raised.value) == whole(message)
    assert str(pickle.loads(pickle.dumps(raised.value))) == whole(message)


GROUPED = {"lr": {"backbone*": "hold", "*": "cosine 9"}}
UNBOUND: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no groups": (
        GROUPED,
        {},
        """
        error[groups]: `lr` has lines by parameter groups, but no groups are given
          at lr
          give their names: groups=("backbone", "head")
        """,
    ),
    "one name for groups": (
        GROUPED,
        {"groups": "backbone"},
        """
        error[groups]: groups must be a sequence of unique names, not `backbone`
          at groups
        """,
    ),
    "a pattern that fits nothing": (
        GROUPED,
        {"groups": ("trunk", "head")},
        """
        error[groups]: `backbone*` matches no parameter group
          at lr.backbone*
          the groups are 0 `trunk`, 1 `head`
        """,
    ),
    "a group that nothing fits": (
        {"lr": {"backbone*": "hold", 1: "hold"}},
        {"groups": ("backbone", "neck", "head")},
        """
        error[groups]: no line of `lr` matches parameter group 2 `head`
          at lr
          the patterns are `backbone*`, `1`; "*" matches all others
        """,
    ),
    "an unknown hyperparameter": (
        {"lr": "hold", "weight_decay": "hold"},
        {"weigth_decay": 0.1},
        """
        error[unknown-setting]: the plan has no line for `weigth_decay`, and it is not a setting
          at weigth_decay
          did you mean `weight_decay`?
        """,
    ),
    "an unknown group": (
        GROUPED,
        {"groups": ("backbone", "head"), "lr": {"had": 3}},
        "error[groups]: there is no group `had`\n  at lr\n  did you mean `head`?",
    ),
    "a wrong base": (
        {"lr": "hold"},
        {"lr": -1},
        "error[out-of-range]: a base must be a number of at least 0, not `-1`\n  at lr",
    ),
    "a share of a momentum of 0": (
        {"momentum": "hold 9 to=0.9 -> cosine 9 min=10%"},
        {"momentum": 0},
        """
        error[no-base]: `10%` is a share of the base, but `momentum` is 0
          at momentum
          |
        1 | hold 9 to=0.9 -> cosine 9 min=10%
          |                               ^^^ write absolute levels, such as from=0.9 to=1
        """,
    ),
    "a share of 0 by default": (
        {"momentum": "cosine 9"},
        {"momentum": 0},
        """
        error[no-base]: the default level `1x` is a share of the base, but `momentum` is 0
          at momentum
          |
        1 | cosine 9
          | ^^^^^^^^ write absolute levels, such as from=0.9 to=1
        """,
    ),
    "an absolute level for a frozen group": (
        {"lr": "hold to=4"},
        {"lr": 0},
        """
        error[no-base]: the absolute level `4` cannot apply to a parameter group at rate 0
          at lr
          |
        1 | hold to=4
          |         ^ write a share of the base (10%), or give this group a line of its own
        """,
    ),
    "a value of shares": (
        {"values": {"temperature": "cosine 9"}},
        {},
        """
        error[no-base]: the default level `1x` is a share of a base, but a value has no base
          at values.temperature
          |
        1 | cosine 9
          | ^^^^^^^^ write absolute levels, such as from=0.9 to=1
        """,
    ),
    "two lines too long for the plan's total": (
        {"total": 5, "lr": "cosine 9", "eps": "cosine 5 -> hold 2"},
        {},
        """
        error[total-exceeded]: the phases take 9 ticks, but the total is 5 ticks
          at lr
          |
        1 | cosine 9
          | ^^^^^^^^ shorten a phase, or increase total=

        error[total-exceeded]: the phases take 7 ticks, but the total is 5 ticks
          at eps
          |
        1 | cosine 5 -> hold 2
          | ^^^^^^^^^^^^^^^^^^ shorten a phase, or increase total=
        """,
    ),
    "another total in the call": (
        {"total": 50, "lr": "cosine 9"},
        {"total": 60},
        (
            "error[conflicting-settings]: `total` is given twice: "
            "total=50 in the line, total=60 in the call\n  at total\n  give it once"
        ),
    ),
    "bare lengths under steps_per_epoch": (
        {"lr": "cosine 9", "eps": "hold"},
        {"steps_per_epoch": 60},
        """
        error[ambiguous-ticks]: `9` has no unit, but `steps_per_epoch` is given
          at lr
          |
        1 | cosine 9
          |        ^ are these steps or epochs? write 9st or 9ep, or set clock=
        """,
    ),
    "a unit that needs a setting since another line counts updates": (
        {"lr": "cosine 9ep", "eps": "cosine 100st"},
        {},
        """
        error[missing-setting]: `9ep` needs `steps_per_epoch`
          at lr
          |
        1 | cosine 9ep
          | ^^^^^^^^^^ set steps_per_epoch= in the line or when binding
        """,
    ),
}


@pytest.mark.parametrize("name", UNBOUND)
def test_mistakes_under_a_binding(name: str) -> None:
    written, binding, message = UNBOUND[name]
    with pytest.raises(schedlang.ScheduleError) as raised:
        Plan(written).bind(**binding)
    assert str(raised.value) == whole(message)


# ── Programs ─────────────────────────────────────────────────────────────────────────────────────


def test_programs_by_key() -> None:
    plan = Plan({**DETECTION, "lr": "warmup 5ep -> cosine rest min=1%"})
    bound = plan.bind(lr=0.1, weight_decay=0.04, momentum=0, steps_per_epoch=10)
    assert list(bound) == ["lr", "weight_decay", "momentum", "teacher_momentum"]
    assert bound["lr"].at(1000) == pytest.approx(0.001)
    assert bound["weight_decay"].at(500) == pytest.approx((0.04 + 0.4) / 2)
    assert bound["momentum"].at(15) == pytest.approx((0.8 + 0.937) / 2)
    assert bound["teacher_momentum"].at(1000) == 1


def test_programs_by_group() -> None:
    plan = Plan({**DETECTION, "steps_per_epoch": 10})
    bound = plan.bind(
        ("backbone.0", "head"), lr={"backbone.0": 0.1, "head": 0.2}, weight_decay=0.04, momentum=0
    )
    assert bound["lr"]["backbone.0"].at(49) == 0
    assert bound["lr"]["head"].at(50) == 0.2
    assert bound["weight_decay"]["head"].at(1000) == pytest.approx(0.4)
    assert bound["teacher_momentum"].at(0) == 0.996


def test_the_first_pattern_that_fits_counts() -> None:
    written = {"a*": "hold to=1", 1: "hold to=2", "*b": "hold to=3", "*": "hold to=4"}
    bound = Plan({"eps": written}).bind(groups=("ab", "b", "bb", "c", "A"))["eps"]
    assert [program.at(0) for program in bound.values()] == [1, 2, 3, 4, 4]


def test_a_plan_is_one_line_for_the_clock() -> None:
    bound = Plan({"lr": "cosine 9ep", "eps": "cosine 100st"}).bind(steps_per_epoch=100)
    assert (bound["lr"].length, bound["eps"].length) == (900, 100)
    bound = Plan({"lr": "cosine 100%", "eps": "total=10ep | cosine 5ep"}).bind()
    assert (bound["lr"].length, bound["lr"].tick) == (10, "epoch")


def test_a_warning_names_its_line() -> None:
    plan = Plan({"lr": "hold", "eps": {"a*": "hold", "*": "cosine 60"}})
    message = (
        "^`eps.[*]`: the phases take 60 ticks, but the total is 30 ticks: training ends first$"
    )
    with pytest.warns(schedlang.ScheduleWarning, match=message) as caught:
        plan.bind(("a", "b"), total=30)
    assert [warning.filename for warning in caught] == [__file__]


def test_a_share_of_0_keeps_a_group_frozen() -> None:
    bound = Plan({"lr": "warmup 9 -> hold", "weight_decay": "cosine 9"}).bind(lr=0, weight_decay=0)
    assert [bound["lr"].at(20), bound["weight_decay"].at(5)] == [0, 0]


@settings(max_examples=40)
@given(cases=lines_of_a_run(["lr", "weight_decay", "eps"]), in_plan=st.booleans())
def test_every_line_means_what_it_means_alone(cases: dict[str, Case], *, in_plan: bool) -> None:
    (binding, *_) = (case.binding for case in cases.values())
    lines = {key: case.text for key, case in cases.items()}
    bases = {key: case.lr for key, case in cases.items()}
    plan = Plan({**binding, **lines} if in_plan else lines)
    assert Plan(str(plan)) == plan
    bound = plan.bind(None, **bases, **({} if in_plan else binding))
    for key, case in cases.items():
        assert bound[key].curve(60).tolist() == case.bind().curve(60).tolist()
