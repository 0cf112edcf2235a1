"""Plans on an optimizer: each number of each group is the curve of its line, whatever happens."""

from __future__ import annotations

import copy
import io
import textwrap
import warnings
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch.optim import SGD, AdamW
from torch.optim.lr_scheduler import ConstantLR, LambdaLR, SequentialLR

import schedlang
from schedlang import Plan
from schedlang.torch import Fused, record, resume_report
from tests.cases import Case
from tests.strategies import assembled, lines_of_a_run
from tests.torch.rig import close

NAMES = ("backbone.0", "backbone.1", "head")
KEYS = ("lr", "weight_decay", "momentum")
DETECTION: dict[str, Any] = {
    "lr": {
        "backbone*": "hold 5 to=0 -> warmup 5 -> cosine rest min=1%",
        "*": "warmup 5 -> cosine rest min=1%",
    },
    "weight_decay": "cosine 100% to=10x",
    "momentum": "warmup 3 from=0.8 to=0.937 -> hold",
    "values": {"teacher_momentum": "cosine 100% from=0.996 to=1"},
}


def group(name: str = "", **numbers: Any) -> dict[str, Any]:
    own = {"name": name} if name else {}
    return {"params": [torch.zeros(1, requires_grad=True)], **own, **numbers}


def sgd(names: Iterable[str] = NAMES, **numbers: Any) -> SGD:
    given = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.04, **numbers}
    return SGD([group(name) for name in names], **given)


def adamw(names: Iterable[str] = NAMES, **numbers: Any) -> AdamW:
    return AdamW([group(name) for name in names], lr=0.1, **numbers)


def number(group: dict[str, Any], key: str) -> float:
    in_betas = {"beta1": 0, "beta2": 1}
    return float(group["betas"][in_betas[key]] if key in in_betas else group[key])


def assert_follows(scheduler: Any, bound: dict[str, Any], ticks: int, keys: Iterable[str]) -> None:
    """Every number of every group, and every value, from the present tick on."""
    groups = scheduler.optimizer.param_groups
    for _ in range(ticks):
        tick = scheduler.last_epoch
        for key in keys:
            if not isinstance(bound[key], dict):
                assert scheduler.get_last(key) == bound[key].at(tick)
                continue
            last = scheduler.get_last(key)
            for i, each in enumerate(groups):
                program = bound[key][each["name"]]
                got, want = number(each, key), program.at(tick)
                assert close(got, want, program.base or 1), f"{key}, group {i}, tick {tick}: {got}"
                assert float(last[i]) == got
        scheduler.optimizer.step()
        scheduler.step()


def test_every_number_is_the_curve_of_its_line() -> None:
    plan = Plan(DETECTION)
    scheduler = plan.to_torch(sgd(), total=50)
    bound = plan.bind(NAMES, lr=0.1, weight_decay=0.04, momentum=0.9, total=50)
    assert_follows(scheduler, bound, 60, bound)
    assert isinstance(scheduler, Fused)
    assert scheduler._block[1]  # it has gone the short way
    assert scheduler.optimizer.param_groups[0]["initial_weight_decay"] == 0.04
    assert scheduler.get_last_lr() == scheduler.get_last("lr") == [0.001] * 3


# ── Random plans ─────────────────────────────────────────────────────────────────────────────────

PLACES = ["lr", "lr.a*", "weight_decay", "weight_decay.a*", "beta1", "beta2", "eps", "eps.0"]
BASES = st.sampled_from([1e-3, 0.1, 0.9])
EVENT = st.one_of(
    st.tuples(
        st.just("set"), st.integers(0, 9), st.integers(0, 9), st.sampled_from([0.0, 0.05, 7.0])
    ),
    st.tuples(st.just("add"), st.sampled_from(["a9", "b9"]), BASES),
    st.tuples(st.just("base"), st.integers(0, 9), BASES),
    st.tuples(st.just("resume"), st.sampled_from(["optimizer", "scheduler", "scheduler alone"])),
    st.tuples(st.just("copy")),
)


class Model:
    """What must be in the groups: the curves of the lines alone."""

    def __init__(self, cases: dict[str, Case], plan: dict[str, Any], ticks: int) -> None:
        self.cases, self.plan, self.ticks = cases, plan, ticks
        self._curves: dict[Any, Any] = {}

    def want(self, key: str, name: str, index: int, base: float, tick: int) -> float | None:
        """The number of a group; None where its line is wrong for it."""
        place = key
        if isinstance(self.plan[key], dict):
            first = next(iter(self.plan[key]))
            fits = index == 0 if first == "0" else name.startswith("a")
            place = f"{key}.{first}" if fits else key
        found = (place, base)
        if found not in self._curves:
            case = self.cases.get(place)
            if case is None:
                return base  # it holds
            try:
                self._curves[found] = case.bind().rebase(base).curve(self.ticks)
            except schedlang.ScheduleError:
                self._curves[found] = None
        curve = self._curves[found]
        return None if curve is None else float(curve[tick])


@given(
    cases=lines_of_a_run(PLACES),
    bases=st.lists(st.tuples(*[BASES] * 5), min_size=2, max_size=2),
    events=st.dictionaries(st.integers(0, 30), EVENT, max_size=5),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
def test_random_plans_hold_whatever_happens(
    cases: dict[str, Case],
    bases: list[tuple[float, ...]],
    events: dict[int, tuple[Any, ...]],
) -> None:
    written = assembled(cases)
    assume(list(written) != ["lr"] or isinstance(written["lr"], dict))
    (binding, *_) = (case.binding for case in cases.values())
    model = Model(cases, written, 40)
    keys = ("lr", "weight_decay", "beta1", "beta2", "eps")
    now = [dict(zip(keys, each, strict=True)) for each in bases]
    names = ["a0", "b1"]

    def optimizer_of() -> AdamW:
        return AdamW(
            [
                group(
                    name,
                    lr=each["lr"],
                    weight_decay=each["weight_decay"],
                    betas=(each["beta1"], each["beta2"]),
                    eps=each["eps"],
                )
                for name, each in zip(names, now, strict=True)
            ]
        )

    def is_right(name: str, index: int, each: dict[str, float]) -> bool:
        return all(model.want(key, name, index, each[key], 0) is not None for key in written)

    assume(all(is_right(name, i, now[i]) for i, name in enumerate(names)))
    optimizer = optimizer_of()
    plan = Plan(written)
    scheduler: Any = plan.to_torch(
        optimizer, later=("a*",) if "a*" in str(written) else (), **binding
    )
    built_for, touched = 2, set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", schedlang.ScheduleWarning)
        for tick in range(36):
            for i, each in enumerate(optimizer.param_groups):
                for key in written:
                    got, want = number(each, key), model.want(key, names[i], i, now[i][key], tick)
                    assert want is not None
                    assert close(got, want, now[i][key]), (
                        f"tick {tick}, {key} of {i}: {got}, {want}"
                    )
            new = [dict(each) for each in now]
            match events.get(tick):
                case ("set", which, place, value):
                    i, key = which % len(now), list(written)[place % len(written)]
                    if (i < built_for or (i, key) not in touched) and not key.startswith("beta"):
                        optimizer.param_groups[i][key] = value
                        touched.add((i, key))
                case ("add", name, base):
                    each = dict.fromkeys(keys, base)
                    if is_right(name, len(now), each):
                        names.append(name)
                        new.append(each)
                        each = {**each, "betas": (base, base)}
                        del each["beta1"], each["beta2"]
                        optimizer.add_param_group(group(name, **each))
                case ("base", which, base):
                    i = which % len(now)
                    if "lr" in written and is_right(names[i], i, {**now[i], "lr": base}):
                        new[i]["lr"] = base
                        scheduler.base_lrs = [each["lr"] for each in new]
                case ("resume", order):
                    state = copy.deepcopy(scheduler.state_dict())
                    groups = copy.deepcopy(optimizer.state_dict())
                    optimizer = optimizer_of()
                    scheduler = plan.to_torch(
                        optimizer, later=("a*",) if "a*" in str(written) else (), **binding
                    )
                    built_for, touched = len(now), set()
                    if order == "optimizer":
                        optimizer.load_state_dict(groups)
                    scheduler.load_state_dict(state)
                    if order == "scheduler":
                        optimizer.load_state_dict(groups)
                case ("copy",):
                    scheduler = copy.deepcopy(scheduler)
                    optimizer = scheduler.optimizer
                case _:
                    pass
            now = new
            optimizer.step()
            scheduler.step()


# ── Numbers ──────────────────────────────────────────────────────────────────────────────────────


def test_betas_and_eps() -> None:
    plan = Plan(
        {"beta1": "linear 10 to=0.5", "beta2": "hold 3 -> hold to=0.99", "eps": "hold to=1e-6"}
    )
    optimizer = adamw(betas=(0.9, 0.999))
    scheduler: Any = plan.to_torch(optimizer)
    for tick in range(12):
        (beta1, beta2), eps = (optimizer.param_groups[1][key] for key in ("betas", "eps"))
        assert beta1 == pytest.approx(0.9 - 0.04 * min(tick, 10))
        assert (beta2, eps) == (0.999 if tick < 3 else 0.99, 1e-6)
        optimizer.step()
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.1  # no line moves it
    assert scheduler.get_last_lr() == [0.1] * 3


def test_momentum_is_beta1_where_there_are_betas() -> None:
    optimizer = adamw(betas=(0.9, 0.999))
    scheduler: Any = Plan({"momentum": "hold to=0.8"}).to_torch(optimizer)
    assert optimizer.param_groups[0]["betas"] == (0.8, 0.999)
    assert scheduler.get_last("momentum") == [0.8] * 3


def test_tensors_are_filled_in_place() -> None:
    betas = (torch.tensor(0.9), torch.tensor(0.999))
    optimizer = AdamW(
        [group("a", lr=torch.tensor(0.1)), group("b", lr=torch.tensor(0.2))],
        betas=betas, foreach=False, capturable=True,
    )  # fmt: skip
    rates = [each["lr"] for each in optimizer.param_groups]
    scheduler: Any = Plan({"lr": "linear 4", "beta1": "linear 4 to=0.5"}).to_torch(optimizer)
    for tick in range(6):
        share = max(0, 1 - tick / 4)
        assert [each["lr"] for each in optimizer.param_groups] == rates  # the same tensors
        assert optimizer.param_groups[0]["betas"][0] is betas[0]
        assert [float(rate) for rate in rates] == pytest.approx([0.1 * share, 0.2 * share])
        assert float(betas[0]) == pytest.approx(0.5 + 0.4 * share)
        last = scheduler.get_last("beta1")[0]
        assert float(last) == float(betas[0])
        assert last is not betas[0]
        optimizer.step()
        scheduler.step()


def test_a_base_of_0_is_a_number_for_momentum_and_frozen_for_weight_decay() -> None:
    optimizer = SGD([group("a", momentum=0), group("b", momentum=0.9)], lr=0.1)
    plan = Plan({"momentum": "linear 10 from=0.5 to=0.9", "weight_decay": "cosine 10"})
    plan.to_torch(optimizer)
    assert [each["momentum"] for each in optimizer.param_groups] == [0.5, 0.5]
    assert [each["weight_decay"] for each in optimizer.param_groups] == [0, 0]


def test_the_decay_of_adamw_is_the_product_of_the_rate_and_the_weight_decay() -> None:
    parameter = torch.ones(1, requires_grad=True)
    optimizer = AdamW([parameter], lr=0.1, weight_decay=0.5)
    scheduler = Plan({"lr": "linear 10", "weight_decay": "linear 10 to=2x"}).to_torch(optimizer)
    want = 1.0
    for tick in range(8):
        want *= 1 - 0.1 * (1 - tick / 10) * 0.5 * (1 + tick / 10)
        parameter.grad = torch.zeros(1)
        optimizer.step()
        scheduler.step()
        assert parameter.item() == pytest.approx(want, rel=1e-6)


def test_momentum_of_a_line_is_for_the_groups_of_that_line() -> None:
    lr = {"head": "onecycle 10 momentum=[0.85, 0.95]", "*": "cosine 10"}
    optimizer = sgd()
    scheduler = Plan({"lr": lr}).to_torch(optimizer)
    assert [each["momentum"] for each in optimizer.param_groups] == [0.9, 0.9, 0.95]
    for _ in range(3):
        optimizer.step()
        scheduler.step()
    assert [each["momentum"] for each in optimizer.param_groups] == [
        0.9,
        0.9,
        pytest.approx(0.85, abs=0.01),
    ]


# ── One line ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("engine", ["auto", "chain", "fused"])
def test_a_plan_of_one_line_is_that_lines_scheduler(engine: Any) -> None:
    line = schedlang.parse("total=20 | warmup 5 -> cosine rest")
    plan = Plan({"total": 20, "lr": "warmup 5 -> cosine rest"})
    ours: Any = plan.to_torch(sgd(), engine=engine)
    theirs: Any = line.to_torch(sgd(), engine=engine)
    assert type(ours) is type(theirs)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    theirs.load_state_dict(ours.state_dict())
    assert ours.get_last("lr") == ours.get_last_lr()
    with pytest.raises(KeyError, match="the schedule has no line for `eps`; known: lr"):
        ours.get_last("eps")


@pytest.mark.parametrize(
    "written",
    [
        "cosine 9",
        {"stages": [{"kind": "cosine", "duration": 9}]},
        schedlang.parse("cosine 9"),
        "{lr: cosine 9, weight_decay: hold}",
        {"lr": "cosine 9", "weight_decay": "hold"},
        Plan({"lr": "cosine 9", "weight_decay": "hold"}),
    ],
)
def test_the_function_takes_lines_and_plans(written: Any) -> None:
    optimizer = sgd()
    scheduler = schedlang.to_torch(optimizer, written, start=9)
    assert scheduler.get_last_lr() == [0, 0, 0]
    assert [each["lr"] for each in optimizer.param_groups] == [0, 0, 0]


# ── What does not fit ────────────────────────────────────────────────────────────────────────────

WRONG: dict[str, tuple[Any, dict[str, Any], str]] = {
    "an unknown hyperparameter, and others": (
        {"lr": "cosine 9", "weigth_decay": "cosine 9", "nesterov": "hold", "foreach": "hold"},
        {},
        """
        error[unknown-name]: parameter group 0 `backbone.0` has no number called `weigth_decay`
          at weigth_decay
          did you mean `weight_decay`?

        error[unknown-name]: parameter group 0 `backbone.0` has no number called `nesterov`
          at nesterov
          it has lr, momentum, dampening, weight_decay

        error[unknown-name]: parameter group 0 `backbone.0` has no number called `foreach`
          at foreach
          it has lr, momentum, dampening, weight_decay
        """,
    ),
    "betas where there are none": (
        {"beta2": "hold"},
        {},
        """
        error[unknown-name]: parameter group 0 `backbone.0` has no number called `beta2`
          at beta2
          it has lr, momentum, dampening, weight_decay
        """,
    ),
    "a pattern and a group that fit nothing": (
        {"lr": {"trunk*": "hold", "backbone*": "hold"}},
        {},
        """
        error[groups]: `trunk*` matches no parameter group
          at lr.trunk*
          the groups are 0 `backbone.0`, 1 `backbone.1`, 2 `head`

        error[groups]: no line of `lr` matches parameter group 2 `head`
          at lr
          the patterns are `trunk*`, `backbone*`; "*" matches all others
        """,
    ),
    "later without the pattern": (
        {"lr": {"a*": "hold", "*": "hold"}},
        {"later": ("ab*", "a*")},
        """
        error[groups]: the plan has no pattern `ab*`
          at later
          did you mean `a*`?
        """,
    ),
    "later as one text": (
        {"lr": {"a*": "hold", "*": "hold"}},
        {"later": "a*"},
        """
        error[wrong-type]: `later` is a sequence of patterns: later=("a*",)
          at later

        error[groups]: `a*` matches no parameter group
          at lr.a*
          the groups are 0 `backbone.0`, 1 `backbone.1`, 2 `head`
        """,
    ),
    "an absolute level for a frozen group": (
        {"lr": {"head": "hold to=4", "*": "hold to=5"}, "weight_decay": "hold"},
        {},
        """
        error[no-base]: the absolute level `4` cannot apply to a parameter group at rate 0
          at lr.head
          |
        1 | hold to=4
          |         ^ write a share of the base (10%), or give this group a line of its own
        """,
    ),
    "a warm-up that goes down in one group": (
        {"lr": {"backbone*": "warmup 5 to=0.15 from=20% -> hold", "*": "hold"}},
        {"lrs": (0.1, 1.0, 0)},
        """
        error[warmup-falls]: this warm-up does not go up: from 0.2 to 0.15 (parameter group 1)
          at lr.backbone*
          |
        1 | warmup 5 to=0.15 from=20% -> hold
          | ^^^^^^^^^^^^^^^^^^^^^^^^^ a phase that goes down is a `decay`
        """,
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_mistakes(name: str) -> None:
    written, options, message = WRONG[name]
    rates = options.pop("lrs", (0.1, 0.1, 0))
    optimizer = SGD([group(n, lr=lr) for n, lr in zip(NAMES, rates, strict=True)], lr=0.1)
    with pytest.raises(schedlang.ScheduleError) as raised:
        Plan(written).to_torch(optimizer, **options)
    assert str(raised.value) == textwrap.dedent(message).strip("\n")
    assert "initial_lr" not in optimizer.param_groups[0]


@pytest.mark.parametrize(
    ("kind", "written", "message"),
    [
        (
            adamw,
            {"momentum": "hold", "beta1": "hold"},
            """
            error[double-argument]: `momentum` and `beta1` are the same number of this optimizer
              at beta1
              write one of them
            """,
        ),
        (
            lambda: sgd(momentum=0),
            {"momentum": {"head": "hold to=9%", "*": "hold to=0.5"}},
            """
            error[no-base]: `9%` is a share of the base, but `momentum` of group 2 is 0
              at momentum.head
              |
            1 | hold to=9%
              |         ^^ write absolute levels, such as from=0.9 to=1
            """,
        ),
        (
            lambda: sgd(["", ""]),
            {"lr": {"a*": "hold", 1: "hold"}},
            """
            error[groups]: `a*` matches no parameter group
              at lr.a*
              the groups are 0 (no name), 1 (no name)

            error[groups]: no line of `lr` matches parameter group 0, which has no name
              at lr
              the patterns are `a*`, `1`; "*" matches all others
            """,
        ),
    ],
)
def test_mistakes_of_other_optimizers(kind: Any, written: Any, message: str) -> None:
    with pytest.raises(schedlang.ScheduleError) as raised:
        Plan(written).to_torch(kind())
    assert str(raised.value) == textwrap.dedent(message).strip("\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"engine": "chain"},
            (
                "PyTorch's own classes set only the rate, by one line for all groups: this plan "
                'needs engine="fused"'
            ),
        ),
        ({"engine": "quick"}, "engine must be one of auto, chain, fused, not 'quick'"),
        ({"start": -1}, "a tick must be at least 0, not -1"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011  # the whole text is compared
        Plan({"lr": "hold", "weight_decay": "hold"}).to_torch(sgd(), **options)
    assert str(raised.value) == message


# ── Groups that are added later ──────────────────────────────────────────────────────────────────


def test_groups_added_later() -> None:
    plan = Plan({"lr": {"backbone*": "linear 10", "*": "cosine 10"}, "weight_decay": "linear 10"})
    optimizer = sgd(["head"])
    scheduler: Any = plan.to_torch(optimizer, later=("backbone*",))
    for _ in range(3):
        optimizer.step()
        scheduler.step()
    optimizer.add_param_group(group("backbone.0", lr=0.5, weight_decay=0.2))
    optimizer.step()
    scheduler.step()
    added = optimizer.param_groups[1]
    assert (added["lr"], added["weight_decay"]) == pytest.approx((0.5 * 0.6, 0.2 * 0.6))
    assert scheduler.base_lrs == [0.1, 0.5]
    resumed = plan.to_torch(sgd(["head", "backbone.0"]))
    with pytest.raises(ValueError, match=r"group 1 has the base rate 0.5 there, 0.1 here"):
        resumed.load_state_dict(scheduler.state_dict())


def test_an_added_group_that_nothing_fits_keeps_its_numbers() -> None:
    plan = Plan({"lr": {"head": "linear 10"}, "weight_decay": {"head": "linear 10"}})
    optimizer = sgd(["head"])
    scheduler: Any = plan.to_torch(optimizer)
    optimizer.add_param_group(group("neck", lr=0.5))
    optimizer.step()
    message = "parameter group 1 keeps its `lr` and `weight_decay`: no line of the plan matches it"
    with pytest.warns(schedlang.ScheduleWarning, match=f"^{message}$"):
        scheduler.step()
    for _ in range(3):
        optimizer.step()
        scheduler.step()
    assert [each["lr"] for each in optimizer.param_groups] == pytest.approx([0.06, 0.5])
    assert scheduler.get_last_lr() == [each["lr"] for each in optimizer.param_groups]
    resumed: Any = plan.to_torch(sgd(["head"]))
    resumed.optimizer.add_param_group(group("neck", lr=0.5))
    with pytest.warns(schedlang.ScheduleWarning, match=f"^{message}$"):
        resumed.load_state_dict(scheduler.state_dict())
    assert resumed.get_last_lr() == scheduler.get_last_lr()


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (
            {"momentum": 0.0},
            (
                "the momentum of parameter group 1 is no longer scheduled: the schedule is "
                "not valid for its base of momentum, 0: a level is a share of the base, but "
                "`momentum` is 0"
            ),
        ),
        (
            {"weight_decay": 0.0},
            (
                "the weight_decay of parameter group 1 is no longer scheduled: the schedule is "
                "not valid for its base of weight_decay, 0: the absolute level `0.4` cannot apply "
                "to a parameter group at rate 0"
            ),
        ),
    ],
)
def test_an_added_group_for_which_a_line_is_wrong(numbers: dict[str, float], message: str) -> None:
    plan = Plan({"lr": "linear 10", "momentum": "linear 10", "weight_decay": "linear 10 to=0.4"})
    optimizer = sgd(["a"])
    scheduler: Any = plan.to_torch(optimizer)
    optimizer.add_param_group(group("b", **numbers))
    optimizer.step()
    with pytest.warns(schedlang.ScheduleWarning) as caught:
        scheduler.step()
    assert [str(warning.message) for warning in caught] == [message]
    optimizer.step()
    scheduler.step()
    ((key, number),) = numbers.items()
    assert optimizer.param_groups[1][key] == number
    assert [each["lr"] for each in optimizer.param_groups] == pytest.approx([0.08] * 2)
    copied = copy.deepcopy(scheduler.state_dict())
    resumed: Any = plan.to_torch(sgd(["a"]))
    resumed.optimizer.add_param_group(group("b", **numbers))
    with pytest.warns(schedlang.ScheduleWarning):
        resumed.load_state_dict(copied)
    assert resumed.state_dict() == copied
    assert copied["left_alone"] == {key: [1]}


# ── What others change ───────────────────────────────────────────────────────────────────────────


def test_a_number_that_others_change_is_set_again() -> None:
    optimizer = sgd()
    scheduler = Plan({"lr": "hold", "weight_decay": "linear 10"}).to_torch(optimizer)
    optimizer.param_groups[1]["weight_decay"] = 3.0
    optimizer.step()
    message = (
        "the weight_decay of group 1 was changed from 0.04 to 3 by other code, and the schedule "
        "sets it again: to change it on purpose, change the plan"
    )
    with pytest.warns(schedlang.ScheduleWarning, match=f"^{message}$"):
        scheduler.step()
    assert [each["weight_decay"] for each in optimizer.param_groups] == pytest.approx([0.036] * 3)


def test_a_base_of_an_earlier_scheduler_is_warned_of() -> None:
    optimizer = sgd()
    Plan({"lr": "hold", "weight_decay": "hold"}).to_torch(optimizer)
    optimizer.param_groups[0]["weight_decay"] = 0.1
    scheduler = Plan({"weight_decay": "hold"}).to_torch(optimizer)
    optimizer.step()
    with pytest.warns(schedlang.ScheduleWarning, match="its initial_weight_decay=0.04, set by"):
        scheduler.step()


# ── The state ────────────────────────────────────────────────────────────────────────────────────


def test_the_state_is_small_and_plain() -> None:
    plan = Plan(DETECTION)
    scheduler: Any = plan.to_torch(sgd(), total=50)
    for _ in range(20):
        scheduler.optimizer.step()
        scheduler.step()
    state = scheduler.state_dict()
    assert state == {
        "lines": {
            "lr.backbone*": "hold 5 to=0 -> warmup linear 5 -> cosine rest min=1%",
            "lr.*": "warmup linear 5 -> cosine rest min=1%",
            "weight_decay": "cosine 100% to=10x",
            "momentum": "warmup linear 3 from=0.8 to=0.937 -> hold",
            "values.teacher_momentum": "cosine 100% from=0.996 to=1",
        },
        "binding": {"total": "50"},
        "bases": {"lr": [0.1] * 3, "weight_decay": [0.04] * 3, "momentum": [0.9] * 3},
        "total": 50,
        "last_epoch": 20,
        "_step_count": 21,
    }
    saved = io.BytesIO()
    torch.save({"scheduler": state, "optimizer": scheduler.optimizer.state_dict()}, saved)
    saved.seek(0)
    loaded = torch.load(saved, weights_only=True)
    resumed: Any = plan.to_torch(sgd(), total=50)
    resumed.optimizer.load_state_dict(loaded["optimizer"])
    resumed.load_state_dict(loaded["scheduler"])
    bound = plan.bind(NAMES, lr=0.1, weight_decay=0.04, momentum=0.9, total=50)
    assert resumed.last_epoch == 20
    assert_follows(resumed, bound, 40, bound)


OTHER_PLANS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a line": (
        {**DETECTION, "weight_decay": "cosine 100% to=5x"},
        {},
        "`weight_decay` is `cosine 100% to=5x` there, `cosine 100% to=10x` here",
    ),
    "a line more, one less": (
        {key: line for key, line in DETECTION.items() if key != "momentum"}
        | {"dampening": "hold to=0"},
        {},
        (
            "`dampening` is `hold to=0` there, no line here; "
            "`momentum` is no line there, `warmup linear 3 from=0.8 to=0.937 -> hold` here"
        ),
    ),
    "the total": (DETECTION, {"total": 60}, "total is 60 there, 50 here"),
    "a base": (
        DETECTION,
        {"weight_decay": 0.05},
        (
            "group 0 has the base of `weight_decay` 0.05 there, 0.04 here; "
            "group 1 has the base of `weight_decay` 0.05 there, 0.04 here; "
            "group 2 has the base of `weight_decay` 0.05 there, 0.04 here"
        ),
    ),
    "the order": (
        {**DETECTION, "lr": dict(reversed(DETECTION["lr"].items()))},
        {},
        "the order of the patterns is lr.*, lr.backbone* there, lr.backbone*, lr.* here",
    ),
    "the groups": (
        DETECTION,
        {"names": ("backbone.0", "head")},
        "there are 2 parameter groups there, 3 here",
    ),
}


@pytest.mark.parametrize("name", OTHER_PLANS)
def test_a_state_of_another_plan_is_refused_key_by_key(name: str) -> None:
    written, options, differences = OTHER_PLANS[name]
    options = {"total": 50, "names": NAMES, **options}
    numbers = {key: x for key, x in options.items() if key not in {"total", "names"}}
    theirs: Any = Plan(written).to_torch(sgd(options["names"], **numbers), total=options["total"])
    for _ in range(10):
        theirs.optimizer.step()
        theirs.step()
    ours: Any = Plan(DETECTION).to_torch(sgd(), total=50)
    with pytest.raises(ValueError) as raised:  # noqa: PT011  # the whole text is compared
        ours.load_state_dict(theirs.state_dict())
    assert str(raised.value) == (
        f"this state belongs to another schedule: {differences}. Give on_mismatch="
        '"keep-step" (the same tick) or "keep-fraction" (the same share of the total)'
    )
    ours.load_state_dict(theirs.state_dict(), on_mismatch="keep-step")
    assert ours.last_epoch == 10
    ours.load_state_dict(theirs.state_dict(), on_mismatch="keep-fraction")
    assert ours.last_epoch == round(10 * 50 / options["total"])


def test_a_line_becomes_a_plan() -> None:
    line: Any = schedlang.parse("warmup 5 -> cosine 20").to_torch(sgd())
    for _ in range(8):
        line.optimizer.step()
        line.step()
    plan = Plan({"lr": "warmup 5 -> cosine 20", "weight_decay": "hold"})
    scheduler: Any = plan.to_torch(sgd(), on_mismatch="keep-step")
    scheduler.load_state_dict(line.state_dict())
    assert (scheduler.last_epoch, scheduler.get_last_lr()) == (8, line.get_last_lr())
    with pytest.raises(ValueError, match="`weight_decay` is `hold` there, no line here"):
        line.load_state_dict(scheduler.state_dict())


# ── Plateaus ─────────────────────────────────────────────────────────────────────────────────────

PLATEAUS: dict[str, Any] = {
    "lr": {"head": "plateau factor=0.5 patience=1", "*": "plateau factor=0.1 patience=0"},
    "weight_decay": "hold 2 -> plateau factor=0.5 patience=0",
    "values": {"temperature": "hold 3 to=8 -> plateau factor=0.5 patience=0 min=1"},
}


def test_all_plateaus_listen_to_one_metric_and_resume() -> None:
    plan = Plan(PLATEAUS)
    scheduler: Any = plan.to_torch(sgd())
    seen = []
    for tick in range(6):
        scheduler.optimizer.step()
        scheduler.step(1.0)
        first, head = (scheduler.optimizer.param_groups[i] for i in (0, 2))
        temperature = scheduler.get_last("temperature")
        seen.append([first["lr"], head["lr"], head["weight_decay"], temperature])
        if tick == 3:
            state = copy.deepcopy(scheduler.state_dict())
            scheduler = plan.to_torch(sgd())
            scheduler.load_state_dict(state)
    assert seen == [
        pytest.approx(row)
        for row in (
            [0.1, 0.1, 0.04, 8],
            [0.01, 0.1, 0.04, 8],
            [0.001, 0.05, 0.04, 8],
            [0.0001, 0.05, 0.02, 8],
            [0.00001, 0.025, 0.01, 4],
            [0.000001, 0.025, 0.005, 2],
        )
    ]
    scheduler.observe(1.0)
    assert scheduler.get_last("temperature") == 1


def test_a_metric_without_a_plateau() -> None:
    scheduler: Any = Plan({"lr": "hold", "weight_decay": "hold"}).to_torch(sgd())
    with pytest.raises(TypeError, match="this schedule has no `plateau`: step"):
        scheduler.step(0.5)


# ── As a child, recorded, compared ───────────────────────────────────────────────────────────────


def test_as_a_child_of_pytorchs_scheduler() -> None:
    optimizer = sgd()
    plan = Plan({"lr": "linear 10", "weight_decay": "linear 10 to=2x"})
    children: Any = [ConstantLR(optimizer, 0.5, 100), plan.to_torch(optimizer)]
    outer = SequentialLR(optimizer, children, milestones=[3])
    for tick in range(12):
        t = tick - 3
        rate = 0.05 if t < 0 else 0.1 * (1 - t / 10)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(rate)
        if t >= 0:
            assert optimizer.param_groups[0]["weight_decay"] == pytest.approx(0.04 * (1 + t / 10))
        optimizer.step()
        outer.step()


def test_record() -> None:
    plan = Plan(DETECTION)
    scheduler = plan.to_torch(sgd(), total=50)
    bound = plan.bind(NAMES, lr=0.1, weight_decay=0.04, momentum=0.9, total=50)
    for key in ("lr", "weight_decay", "momentum"):
        want = bound[key]["head"].curve(60)
        assert record(scheduler, 60, group=2, key=key) == pytest.approx(want, rel=1e-12)
    recorded = record(scheduler, 60, key="teacher_momentum")
    assert recorded == pytest.approx(bound["teacher_momentum"].curve(60))
    assert scheduler.last_epoch == 0
    with pytest.raises(KeyError):
        record(scheduler, 60, key="nesterow")


def test_compare() -> None:
    plan = Plan({"lr": "linear 10", "weight_decay": "linear 10 to=2x"})
    same: Any = plan.to_torch(sgd())
    assert schedlang.compare(plan, same) is None
    other = Plan({"lr": "linear 10", "weight_decay": "linear 10 to=3x"}).to_torch(sgd())
    difference = schedlang.compare(plan, other)
    assert str(difference) == (
        "tick 1, group 0, weight_decay: the schedule has 0.044, the scheduler 0.048"
    )
    rate_only = LambdaLR(sgd(), lambda tick: max(0, 1 - tick / 10))
    difference = schedlang.compare(plan, rate_only)
    assert difference is not None
    assert (difference.key, difference.tick) == ("weight_decay", 1)
    with pytest.raises(
        TypeError, match="resume_report is for the scheduler of a line, not of a plan"
    ):
        resume_report(same, same)
