"""Emitted plans: each function and each number of an optimizer is the curve of its line."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

import schedlang
from schedlang import Plan
from schedlang.targets import TARGETS, Target
from tests.cases import Case
from tests.emit.conftest import run
from tests.emit.drawing import drawn
from tests.emit.run import fit, planned, small
from tests.emit.test_hostile import HOSTILE, statements
from tests.strategies import assembled, lines_of_a_run

DETECTION: dict[str, Any] = {
    "total": 50,
    "lr": {
        "backbone*": "hold 5 to=0 -> warmup 5 -> cosine rest min=1%",
        "*": "warmup 5 -> cosine rest min=1%",
    },
    "weight_decay": "cosine 100% to=10x",
    "momentum": "warmup 3 from=0.8 to=0.937 -> hold",
    "values": {"teacher_momentum": "cosine 100% from=0.996 to=1"},
}
DECAY: dict[str, Any] = {
    "lr": "warmup 5 -> cosine 45",
    "weight_decay": "linear 50 to=10x",
    "beta1": "(linear 20 to=95%) * (exp gamma=0.999)",
}
PRODUCTS = {
    "lr": "(linear 9 to=10%) * hold",
    "eps": "(linear 9 to=20%) * hold * hold * (exp 3 to=50%) * (exp 3 to=2x)",
    "beta2": "(cosine 9 to=20%) * (exp 3 to=50%)",
}
PLANS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "detection": (DETECTION, {}),
    "decay": (DECAY, {"weight_decay": 0.04}),
    "products": (PRODUCTS, {}),
    "epochs": ({"lr": "cosine 9ep", "eps": "linear 30ep to=2x"}, {"steps_per_epoch": 3}),
}
PLACES = ["lr", "lr.a*", "weight_decay", "weight_decay.a*", "beta1", "beta2", "eps", "eps.0"]


def public(source: str) -> list[str]:
    """The functions of a source, in order."""
    names = (node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    return [name for name in names if not name.startswith("_")]


def functions(source: str) -> list[Callable[..., Any]]:
    """The functions of a source, each of which takes a base, needed or not."""
    scope: dict[str, Any] = {"__name__": "emitted"}
    exec(source, scope)  # our own source

    def taking_a_base(function: Callable[..., Any]) -> Callable[..., Any]:
        has_base = function.__code__.co_argcount == 2
        return function if has_base else lambda step, base: function(step)

    return [taking_a_base(scope[name]) for name in public(source)]


def curves_of(plan: dict[str, Any], cases: dict[str, Case]) -> list[Case | None]:
    """The cases in the order of a plan's lines; None where a line holds."""
    found: list[Case | None] = []
    for key, lines in plan.items():
        places = [f"{key}.{pattern}" if pattern != "*" else key for pattern in lines]
        found += map(cases.get, places if isinstance(lines, dict) else [key])
    return found


@given(cases=lines_of_a_run(PLACES), known=st.booleans())
@settings(max_examples=100, deadline=None)
def test_random_plans_in_python(cases: dict[str, Case], known: bool) -> None:
    (binding, *_) = (case.binding for case in cases.values())
    written = assembled(cases)
    if list(written) == ["lr"] and isinstance(written["lr"], str):
        written["eps"] = "hold to=1"  # else it is a line
    each = curves_of(written, cases)
    bases: dict[str, Any] = {
        key: cases[key].lr for key in cases if known and isinstance(written.get(key), str)
    }
    source = Plan(written).emit("python", **bases, **binding)
    for function, case in zip(functions(source), each, strict=True):
        program = case.bind() if case else None
        for tick in (*range(40), 1000):
            want = program.at(tick) if program else 1.0
            assert function(tick, case.lr if case else 1.0) == pytest.approx(
                want, rel=1e-9, abs=1e-12, nan_ok=True
            )


@given(cases=lines_of_a_run(["lr", "weight_decay", "beta1"], smooth=True), known=st.booleans())
@settings(max_examples=20, deadline=None)
def test_random_plans_in_optax(cases: dict[str, Case], known: bool) -> None:
    import numpy as np

    (binding, *_) = (case.binding for case in cases.values())
    written = {**{key: case.text for key, case in cases.items()}, "values": {"one": "hold to=1"}}
    bases: dict[str, Any] = {key: case.lr for key, case in cases.items() if known}
    programs = [case.bind() for case in cases.values()]
    if any(p.tick == "epoch" and p.steps_per_epoch is None for p in programs):
        with pytest.raises(ValueError, match="set steps_per_epoch="):
            Plan(written).emit("optax", **bases, **binding)
        return
    source = Plan(written).emit("optax", **bases, **binding)
    names = {"lr": "learning_rate", "beta1": "b1"}
    assert public(source) == [*(names.get(key, key) for key in cases), "one"]
    updates = np.arange(60)
    for function, case, program in zip(functions(source), cases.values(), programs, strict=False):
        ticks = updates if program.tick != "epoch" else updates // (program.steps_per_epoch or 1)
        want = [program.at(int(tick)) for tick in ticks]
        got = np.asarray(function(updates, case.lr))
        assert got == pytest.approx(want, rel=1e-3, abs=1e-3 * case.lr)


def test_a_function_for_each_group() -> None:
    plan = Plan({**DETECTION, "values": {"learning-rate_head": "hold to=2"}})
    groups = ("backbone.0", "head")
    given: dict[str, Any] = {"lr": {"head": 0.1}, "weight_decay": 0, "momentum": 0.9}
    source = plan.emit("python", groups=groups, **given)
    assert public(source) == [
        "learning_rate_backbone_0",
        "learning_rate_head",
        "weight_decay_backbone_0",
        "weight_decay_head",
        "momentum_backbone_0",
        "momentum_head",
        "learning_rate_head_2",
    ]
    bound = plan.bind(groups, **{**given, "lr": {"head": 0.1, "backbone.0": 0.01}})
    numbers = [bound[key][group] for key in ("lr", "weight_decay", "momentum") for group in groups]
    for function, program in zip(
        functions(source), [*numbers, bound["learning-rate_head"]], strict=True
    ):
        got = [function(step, 0.01) for step in range(60)]
        assert got == pytest.approx([program.at(step) for step in range(60)])


# ── PyTorch ──────────────────────────────────────────────────────────────────────────────────────

BASES = st.sampled_from([1e-3, 0.1, 0.9])
KEYS = ("lr", "weight_decay", "beta1", "beta2", "eps")


def scope_of(plan: Plan, target: Target = "torch", **given: Any) -> dict[str, Any]:
    scope: dict[str, Any] = {"__name__": "emitted"}
    exec(plan.emit(target, **given), scope)  # our own source
    return scope


def number(group: dict[str, Any], key: str) -> float:
    in_betas = {"beta1": 0, "beta2": 1}
    return float(group["betas"][in_betas[key]] if key in in_betas else group[key])


def adamw(names: list[str], bases: list[dict[str, float]], *, tensors: bool = False) -> Any:
    import torch

    def as_number(x: float) -> Any:
        return torch.tensor(x, dtype=torch.float64) if tensors else x

    groups = [
        {
            "params": [torch.zeros(1, requires_grad=True)],
            "name": name,
            "lr": as_number(each["lr"]),
            "weight_decay": each["weight_decay"],
            "betas": (each["beta1"], each["beta2"]),
            "eps": each["eps"],
        }
        for name, each in zip(names, bases, strict=True)
    ]
    return torch.optim.AdamW(groups, capturable=False, foreach=False)


@given(
    cases=lines_of_a_run(PLACES),
    bases=st.lists(st.fixed_dictionaries(dict.fromkeys(KEYS, BASES)), min_size=3, max_size=3),
    cut=st.integers(0, 30),
    added=st.integers(0, 30),
    tensors=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_random_plans_in_torch(
    cases: dict[str, Case],
    bases: list[dict[str, float]],
    cut: int,
    added: int,
    tensors: bool,
) -> None:
    (binding, *_) = (case.binding for case in cases.values())
    written = assembled(cases)
    if list(written) == ["lr"] and isinstance(written["lr"], str):
        written["eps"] = "hold"  # else it is a line
    names = ["a0", "b1", "a2"]
    plan = Plan(written)
    curves: dict[tuple[str, int], Any] = {}
    for i, name in enumerate(names):
        its_bases: dict[str, Any] = {key: bases[i][key] for key in written}
        try:
            bound = plan.bind(names, **binding, **its_bases)
        except schedlang.ScheduleError:
            assume(False)  # a line is wrong for this base
        curves |= {(key, i): bound[key][name].curve(36) for key in written}
    scope = scope_of(plan, **binding)
    optimizer = adamw(names[:2], bases[:2], tensors=tensors)
    scheduler = scope["build_scheduler"](optimizer)
    for tick in range(34):
        if tick == cut:
            count = len(optimizer.param_groups)
            saved = optimizer.state_dict(), scheduler.state_dict()
            optimizer = adamw(names[:count], bases[:count], tensors=tensors)
            scheduler = scope["build_scheduler"](optimizer)
            optimizer.load_state_dict(saved[0])
            scheduler.load_state_dict(saved[1])
        for i, group in enumerate(optimizer.param_groups):
            for key in written:
                got, want = number(group, key), curves[key, i][tick]
                assert got == pytest.approx(want, rel=1e-9, abs=1e-12, nan_ok=True), (key, i, tick)
        if tick == added:
            (group,) = adamw(names[2:], bases[2:], tensors=tensors).param_groups
            optimizer.add_param_group(group)
        optimizer.step()
        scheduler.step()
    assert list(scheduler.state_dict()) == ["last_epoch", "_step_count", "plan"]
    assert scheduler.get_last_lr() == [group["lr"] for group in optimizer.param_groups]


def test_a_torch_state_alone_sets_the_numbers() -> None:
    bases = [dict.fromkeys(KEYS, 0.1)]
    scope = scope_of(Plan(DECAY))
    scheduler = scope["build_scheduler"](adamw(["a"], bases))
    scheduler.load_state_dict({"last_epoch": 30, "_step_count": 31})
    (group,) = scheduler.optimizer.param_groups
    bound = Plan(DECAY).bind(lr=0.1, weight_decay=0.1, beta1=0.1)
    assert {key: number(group, key) for key in bound} == pytest.approx(
        {key: program.at(30) for key, program in bound.items()}
    )
    assert scheduler.get_last_lr() == [group["lr"]]


def test_a_torch_state_of_another_plan_is_refused() -> None:
    bases = [dict.fromkeys(KEYS, 0.1)]
    one, other = (
        scope_of(Plan(written))["build_scheduler"](adamw(["a"], bases))
        for written in (DECAY, {**DECAY, "beta1": "hold"})
    )
    state = one.state_dict()
    one.load_state_dict(state)
    with pytest.raises(ValueError, match=r"^this state is of another plan$"):
        other.load_state_dict(state)


# ── Keras ────────────────────────────────────────────────────────────────────────────────────────

ADAM = {"weight_decay": 0.04, "beta_1": 0.9, "epsilon": 1e-3}
FITS: list[tuple[dict[str, Any], dict[str, Any], str, dict[str, float]]] = [
    (
        {"lr": "warmup 5 -> cosine 25", "weight_decay": "linear 20 to=10x", "eps": "hold 9 to=1e-2"}
        | {"momentum": "(linear 20 to=95%) * (exp gamma=0.999)"},
        {"lr": 0.1},
        "AdamW",
        ADAM,
    ),
    (
        {"weight_decay": "cosine 5ep to=10x", "values": {"ema": "hold to=1"}, "clock": "epoch"},
        {"steps_per_epoch": 3, "weight_decay": 0.04},
        "SGD",
        {"weight_decay": 0.04, "momentum": 0.9},
    ),
    (
        {"lr": "hold 5 -> linear 9 to=1%", "momentum": "warmup 9 from=0.5 to=0.95"},
        {"lr": 0.1},
        "SGD",
        {"momentum": 0.9},
    ),
]


@pytest.fixture(scope="module")
def fits(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the live plan does in a `fit`."""
    folder = tmp_path_factory.mktemp("keras")
    jobs = []
    for i, (written, binding, optimizer, options) in enumerate(FITS):
        plan, path = Plan(written), folder / f"plan_{i}.py"
        path.write_text(plan.emit("keras", **binding), encoding="utf-8")
        job: dict[str, Any] = {
            "optimizer": optimizer,
            "options": options,
            "path": str(path),
            "tolerance": 2e-4,
        }
        job |= {"name": path.stem, "target": "plan", "scale": 1e-2}
        schedule = partial(plan.to_keras, **binding) if "lr" in plan.hyperparameters else None
        job["want"] = planned(schedule, partial(plan.keras_callbacks, **binding), job)
        assert any(len(set(job["want"][name])) > 5 for name in options)
        jobs.append(job)
    return jobs


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_keras_in_a_compiled_step(tmp_path: Path, fits: list[dict[str, Any]], backend: str) -> None:
    assert run(tmp_path, fits, KERAS_BACKEND=backend) == []


@pytest.mark.parametrize(
    ("written", "given", "optimizer", "message"),
    [
        (DECAY, {}, {"beta_1": 0.0}, "the schedule moves beta_1: the optimizer has beta_1=0.0"),
        (
            DECAY,
            {},
            {"weight_decay": None},
            "the schedule moves weight_decay: the optimizer has weight_decay=None",
        ),
        (DECAY, {"weight_decay": 0.5}, {}, "the schedule is for weight_decay=0.5: it is 0.004"),
        (
            DECAY,
            {"gradient_accumulation_steps": 4},
            {},
            "the schedule is for gradient_accumulation_steps=4: emit it anew",
        ),
    ],
)
def test_what_keras_refuses_in_a_fit(
    written: Any, given: dict[str, Any], optimizer: dict[str, Any], message: str
) -> None:
    import keras

    scope = scope_of(Plan(written), "keras", lr=0.1, **given)
    options: dict[str, Any] = {"weight_decay": 0.004, **optimizer}
    model = small(keras.optimizers.Adam(scope["build_schedule"](), **options))
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole message is below
        fit(model, 1, scope["build_callbacks"]())
    assert str(caught.value) == message


# ── The files ────────────────────────────────────────────────────────────────────────────────────

WRITTEN: list[tuple[str, Target]] = [
    ("detection", "python"),
    ("detection", "torch"),
    ("decay", "torch"),
    ("decay", "keras"),
    ("decay", "optax"),
    ("products", "torch"),
    ("epochs", "keras"),
]


@pytest.mark.parametrize(
    ("name", "target"), [pytest.param(*case, id="_".join(case)) for case in WRITTEN]
)
def test_snapshots(name: str, target: Target, sources: SnapshotAssertion) -> None:
    """As those of lines; the type checker reads them in tests/emit/test_values.py."""
    written, given = PLANS[name]
    assert Plan(written).emit(target, **given) == sources


def test_no_snapshot_is_left_over() -> None:
    kept = {path.stem for path in Path(__file__).parent.glob("__snapshots__/test_plans/*")}
    assert kept == {f"test_snapshots[{name}_{target}]" for name, target in WRITTEN}


def test_files_are_lint_clean(tmp_path: Path) -> None:
    plans = list(PLANS.values())
    for cases in drawn(lines_of_a_run(PLACES), 25):
        (binding, *_) = (case.binding for case in cases.values())
        plans.append(({**assembled(cases), "values": {"ema": "hold to=1"}}, binding))
    refused = 0
    for i, (written, binding) in enumerate(plans):
        for target in TARGETS:
            try:
                source = Plan(written).emit(target, **binding)
            except ValueError:
                refused += 1
                continue
            (tmp_path / f"plan_{i}_{target}.py").write_text(source, encoding="utf-8")
    assert refused < len(plans) * 2  # groups in Keras, epochs of unknown length
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--target-version", "py310"]
    command = [*ruff, "--select", "E,F,I,UP,B", "--line-length", "100", "."]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("text", HOSTILE)
def test_names_and_patterns_add_no_code(target: Target, text: str) -> None:
    """The source is that of a plan with the letters of the names alone."""
    letters = re.sub(r"[^0-9A-Za-z]+", "_", text).strip("_")

    def emitted(name: str) -> str:
        plan: dict[str, Any] = {"lr": "linear 9", "values": {name: "hold to=1"}}
        if target != "keras":
            plan |= {name: "hold to=2", "lr": {f"{name}*": "linear 9", "*": "cosine 9"}}
            plan["values"] = {f"{name}.": "hold to=1"}
        return Plan(plan).emit(target)

    assert statements(emitted(text)) == statements(emitted(letters))
    if target == "torch":
        scope: dict[str, Any] = {"__name__": "emitted"}
        exec(emitted(text), scope)  # our own source
        assert [(line.key, line.pattern) for line in scope["LINES"]] == [
            ("lr", f"{text}*"),
            ("lr", "*"),
            (text, None),
        ]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "name",
    ["math", "step", "t", "ops", "min", "class", "LINES", "9", "é", "_divide", "build_scheduler"],
)
def test_any_name_of_a_value(target: Target, name: str) -> None:
    """Whatever a value is called, all functions still work."""
    lines = {"eps": "cosine 9 from=1 to=2", "values": {name: "lr=1 | fn {max(0.4, 1 / (t + 1))}"}}
    source = Plan(lines).emit(target)
    statements(source)
    if target in {"python", "torch"}:
        value = functions(source)[-2 if target == "torch" else -1]
        assert [value(step, 1.0) for step in (0, 1, 8)] == [1.0, 0.5, 0.4]


@pytest.mark.parametrize("target", TARGETS)
def test_a_plan_of_one_line_is_that_line(target: Target) -> None:
    line = "warmup 5 -> cosine 45"
    assert Plan(line).emit(target, lr=0.1) == schedlang.parse(line).emit(target, lr=0.1)
    assert Plan(line).emit(target) == schedlang.parse(line).emit(target)


@pytest.mark.parametrize(
    ("target", "written", "given", "message"),
    [
        ("jax", DECAY, {}, "there is no target 'jax': it is one of torch, keras, optax, python"),
        (
            "torch",
            DECAY,
            {"gradient_accumulation_steps": 2},
            (
                "gradient_accumulation_steps= is for keras, which counts batches: a step of torch "
                "is an update"
            ),
        ),
        (
            "keras",
            DETECTION,
            {},
            (
                "error[groups]: Keras has no parameter groups, and `lr` has lines for `backbone*`, "
                "`*`\n  at lr\n  write one line for lr"
            ),
        ),
        (
            "keras",
            {"lr": "hold", "rho": "hold"},
            {},
            (
                "`rho` cannot be set in a compiled step of Keras; lr, weight_decay, momentum, "
                "beta1, beta2, eps can"
            ),
        ),
        (
            "torch",
            DETECTION,
            {"groups": ("a", "b")},
            (
                "error[does-not-apply]: torch reads the groups of the optimizer, and `groups` are "
                "given\n  leave groups= out"
            ),
        ),
        (
            "torch",
            {"lr": {"a*": "plateau", "*": "hold"}},
            {},
            (
                "`lr` of `a*`: the source of a plan cannot have `plateau`, whose values depend on "
                "the metrics of the run: use the plan itself, or emit this line alone"
            ),
        ),
        (
            "python",
            {"lr": "onecycle 9 momentum=[0.8, 0.9]", "eps": "hold"},
            {},
            "`lr`: the source of a plan cannot have `momentum=`: write a line for momentum",
        ),
        (
            "optax",
            {"lr": "cosine 9ep", "eps": "hold"},
            {},
            "`lr`: optax counts updates, but this schedule counts epochs: set steps_per_epoch=",
        ),
        (
            "torch",
            {"momentum": "hold", "beta1": "hold"},
            {},
            "`momentum` and `beta1` are one number of Adam: write one of them",
        ),
        (
            "torch",
            {"values": {"ema": "hold to=1"}},
            {},
            "the plan has only values, and no number of an optimizer: emit python",
        ),
        (
            "python",
            DETECTION,
            {"lr": {"head": 0.1}},
            "error[groups]: there is no group `head`\n  at lr",
        ),
        (
            "python",
            DECAY,
            {"weigth_decay": 0.1},
            (
                "error[unknown-setting]: the plan has no line for `weigth_decay`, and it is not a "
                "setting\n  at weigth_decay\n  did you mean `weight_decay`?"
            ),
        ),
    ],
)
def test_refusals(target: Any, written: Any, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole message is below
        Plan(written).emit(target, **given)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("written", "given", "message"),
    [
        ({"lr": {"c*": "hold", "*": "hold"}}, {}, "'c*' matches no parameter group"),
        ({"lr": {"a*": "hold"}}, {}, "no line of 'lr' matches parameter group 1"),
        (
            {"lr": "hold", "weigth_decay": "hold"},
            {},
            "parameter group 0 has no number 'weigth_decay'",
        ),
        (
            DECAY,
            {"weight_decay": 0.5},
            "parameter group 0 has weight_decay=0.1: its line is for 0.5",
        ),
        (
            {"lr": "hold", "weight_decay": "linear 9 to=1"},
            {},
            "parameter group 1 has weight_decay=0: its line needs another base",
        ),
        (
            {"lr": "hold", "params": "hold"},
            {},
            "parameter group 0 has no number 'params'",
        ),
        (
            {"lr": "hold", "amsgrad": "hold"},
            {},
            "parameter group 0 has no number 'amsgrad'",
        ),
    ],
)
def test_what_a_torch_scheduler_refuses(written: Any, given: dict[str, Any], message: str) -> None:
    bases = [dict.fromkeys(KEYS, 0.1), {**dict.fromkeys(KEYS, 0.1), "weight_decay": 0.0}]
    scope = scope_of(Plan(written), **given)
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole message is below
        scope["build_scheduler"](adamw(["a0", "b1"], bases))
    assert str(caught.value) == message
