"""Emitted Keras callbacks, in a `fit`, do what the live ones do; and schedules run compiled."""

from __future__ import annotations

import random
import warnings
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import schedlang
from schedlang.emit import Style
from tests.emit.conftest import run
from tests.emit.run import fit, fitted, small

BACKENDS = ["tensorflow", "jax", "torch"]
EPOCHS = 10
AFTER_WARMUP = "warmup 6 -> plateau factor=0.5 patience=0 min=1e-3"
COOLS = "plateau mode=max factor=0.3 patience=0 cooldown=2 threshold=0.05 min=1%"
BY_EPOCH = "clock=epoch | warmup 3ep -> plateau factor=0.5 patience=0"
ONECYCLE = "onecycle 30 momentum=[0.85, 0.95]"
CYCLIC = "warmup 5 -> cyclic up=5 min=10% max=1x momentum=[0.8, 0.9]"
BOTH = "onecycle 12 momentum=[0.85, 0.95] -> plateau factor=0.5 patience=1 min=1e-7"
BY_EPOCHS = "clock=epoch | onecycle 4 momentum=[0.85, 0.95]"
ACCUMULATING = {"gradient_accumulation_steps": 2}
FITS: list[tuple[str, dict[str, Any]]] = [
    (COOLS, {"crash": 6}),
    (COOLS, {"compile": {"steps_per_execution": 3}}),
    (AFTER_WARMUP, {"crash": 5, "scaled": True}),
    (AFTER_WARMUP, {"optimizer": ACCUMULATING}),
    ("warmup 4 -> linear 3 to=50% -> plateau factor=0.7 patience=1 threshold_mode=abs", {}),
    (BY_EPOCH, {}),
    (ONECYCLE, {"before": True}),
    (ONECYCLE, {"moves": "beta_1", "crash": 4}),
    (CYCLIC, {"scaled": True, "optimizer": {"nesterov": True}}),
    (CYCLIC, {"moves": "beta_1", "compile": {"steps_per_execution": 3}}),
    (f"clock=epoch | {CYCLIC.replace('5', '2ep')}", {"compile": {"run_eagerly": True}}),
    (BOTH, {"optimizer": ACCUMULATING, "scaled": True}),
    (ONECYCLE, {"optimizer": ACCUMULATING}),
    (BY_EPOCHS, {"optimizer": ACCUMULATING}),
]
FLAGSHIP = "warmup linear 10 -> cosine 90 min=1e-4"
TABLE = " -> ".join(f"linear {3 + i % 2} to={95 - 2 * i}%" for i in range(45))
RESTARTS = "(linear 7 to=10% -> cosine 5 to=50%) * (restarts first=5 mult=1.5 min=20%)"
SCHEDULES: list[tuple[str, Style, Literal["compiled", "reloaded"]]] = [
    (FLAGSHIP, "native", "compiled"),
    (FLAGSHIP, "closed-form", "compiled"),
    ("warmup 5 -> multistep 60 at=[11, 23, 41, 50] gamma=0.3 -> cosine 20", "native", "compiled"),
    (TABLE, "native", "compiled"),
    (RESTARTS, "native", "compiled"),
    (RESTARTS, "native", "reloaded"),
    (CYCLIC, "native", "reloaded"),
]


def bound(text: str) -> dict[str, Any]:
    return {"steps_per_epoch": 3} if text.startswith("clock=epoch") else {}


def fit_job(text: str, options: dict[str, Any], path: Path) -> dict[str, Any]:
    """What the live callbacks do in a `fit` of one go, in a compiled step."""
    schedule = schedlang.parse(text)
    steps = options.get("optimizer", {}).get("gradient_accumulation_steps", 1)
    source = schedule.emit("keras", lr=0.1, gradient_accumulation_steps=steps, **bound(text))
    path.write_text(source, encoding="utf-8")
    rng = random.Random(path.stem)
    metrics = [0.0, *(1 / (1 + i / 9) + rng.uniform(0, 0.2) for i in range(1, EPOCHS))]
    job = {"moves": "momentum", "scheduled": "plateau" not in text, "tolerance": 2e-4, **options}
    live = {"moves": job["moves"], "scheduled": False, "metrics": metrics}
    live |= {"optimizer": options.get("optimizer", {})}
    want = fitted(lambda: None, lambda: schedule.keras_callbacks(lr=0.1, **bound(text)), live)
    assert len(set(want["rates"])) > 2
    if "steps_per_execution" in options.get("compile", {}):  # then nobody sees each update's
        want = {"weights": want["weights"]}
    return {**job, "target": "fit", "metrics": metrics, "want": want}


def schedule_job(text: str, style: Style, target: str, path: Path) -> dict[str, Any]:
    """The curve, in a compiled function, or in a `fit` that goes on in a model that was loaded."""
    schedule = schedlang.parse(text)
    path.write_text(schedule.emit("keras", style=style), encoding="utf-8")
    program = schedule.bind(lr=0.1)
    rates = [float(rate) for rate in program.curve(120)]
    want = {"rates": rates, "xla": rates}
    if target == "reloaded":
        moving = program.momentum
        momenta = [0.5 if tick < 5 or not moving else moving.at(tick) for tick in range(12)]
        want = {"rates": rates[:12], "momenta": momenta, "configured": [0.5]}
    job = {"target": target, "ticks": [*range(120)], "lr": [0.1], "want": want}
    return {**job, "tolerance": 1e-4}


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("keras")
    makes = [partial(fit_job, *case) for case in FITS]
    makes += [partial(schedule_job, *case) for case in SCHEDULES]
    jobs = []
    for i, (make, case) in enumerate(zip(makes, [*FITS, *SCHEDULES], strict=True)):
        path = folder / f"case_{i}.py"
        jobs.append({**make(path), "name": f"{path.stem} {case}", "path": str(path), "scale": 0.1})
    return jobs


@pytest.mark.parametrize("backend", BACKENDS)
def test_in_a_compiled_step(tmp_path: Path, jobs: list[dict[str, Any]], backend: str) -> None:
    if backend == "torch" and version("torch").startswith("2.4."):
        # There `_foreach_add_` takes no Keras variable as its `alpha`, which is the momentum.
        jobs = [job for job in jobs if not job.get("optimizer", {}).get("nesterov")]
    assert run(tmp_path, jobs, KERAS_BACKEND=backend) == []


REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    (ONECYCLE, {}, {}, "the schedule moves momentum: the optimizer has momentum=0.0"),
    (
        ONECYCLE,
        {"momentum": 0.9, **ACCUMULATING},
        {},
        "the schedule is for gradient_accumulation_steps=1: emit it anew",
    ),
    (
        AFTER_WARMUP,
        {},
        {"steps_per_execution": 2},
        "the rate is set before each update: use steps_per_execution=1",
    ),
]


def emitted(text: str) -> dict[str, Any]:
    scope: dict[str, Any] = {"__name__": "emitted"}
    exec(schedlang.parse(text).emit("keras", lr=0.1), scope)  # our own source
    return scope


@pytest.mark.parametrize(("text", "optimizer", "options", "message"), REFUSED)
def test_what_cannot_be_done_is_refused(
    text: str, optimizer: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    import keras

    model = small(keras.optimizers.SGD(0.1, **optimizer), **options)
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole message is below
        fit(model, 1, emitted(text)["build_callbacks"]())
    assert str(caught.value) == message


@pytest.mark.parametrize("text", [COOLS, AFTER_WARMUP])
def test_a_plateau_cannot_set_what_is_a_schedule(text: str) -> None:
    import keras

    scope = emitted(text)
    model = small(keras.optimizers.SGD(scope["build_schedule"]()))
    with pytest.raises(TypeError, match="hence its learning rate is not settable"):
        fit(model, 1, scope["build_callbacks"]())


NEVER = "no epoch had the metric `val_loss`: the plateau did nothing"
SKIPPED = "no metric `los`: the plateau skips this epoch"
MISSING: list[tuple[str, dict[str, Any], list[str]]] = [
    ("plateau factor=0.5 patience=0", {}, [NEVER]),
    ("warmup 3 -> plateau factor=0.5 patience=0", {}, [NEVER]),
    ("warmup 30 -> plateau", {}, []),  # which training never reaches
    ("plateau patience=3", {"validation_freq": 2}, []),
    ("warmup 3 -> plateau patience=3", {"validation_freq": 4}, []),
    ("plateau monitor=los mode=min", {}, [SKIPPED] * 4),
]


@pytest.mark.parametrize(("text", "options", "messages"), MISSING)
def test_a_missing_metric_is_not_counted(
    text: str, options: dict[str, Any], messages: list[str]
) -> None:
    import keras

    model = small(keras.optimizers.SGD(0.1))
    x, y = np.ones((6, 2), "float32"), np.ones((6, 1), "float32")
    if options:
        options = {**options, "validation_data": (x, y)}
    with warnings.catch_warnings(record=True) as caught:  # Keras has warnings of its own
        warnings.simplefilter("always")
        callbacks = emitted(text)["build_callbacks"]()
        model.fit(x, y, batch_size=3, epochs=4, verbose=0, callbacks=callbacks, **options)
    found = [str(warning.message) for warning in caught if "metric" in str(warning.message)]
    assert found == messages
    if "warmup 30" not in text:
        assert float(model.optimizer.learning_rate) == pytest.approx(0.1)


ACCUMULATED = ["cosine 8 min=1%", "warmup 3 -> multistep 9 at=[5] gamma=0.5", BY_EPOCHS, FLAGSHIP]


@pytest.mark.parametrize("text", ACCUMULATED)
@pytest.mark.parametrize("style", ["native", "closed-form"])
def test_a_step_is_an_update_under_gradient_accumulation(text: str, style: Style) -> None:
    schedule = schedlang.parse(text)
    options: dict[str, Any] = {"lr": 0.1, "style": style, **bound(text)}
    sources = [
        schedule.emit("keras", gradient_accumulation_steps=steps, **options) for steps in (1, 3)
    ]
    made = []
    for source in sources:
        scope: dict[str, Any] = {"__name__": "emitted"}
        exec(source, scope)  # our own source
        made.append(scope["build_schedule"]())
    one, three = made
    for step in range(40):
        assert float(three(step)) == float(one(step // 3)) or style == "native"
        assert float(three(step)) == pytest.approx(float(one(step // 3)), rel=1e-5, abs=1e-9)
    assert schedule.emit("keras", **options) == sources[0]
    update = "One step is an optimizer update of 3 batches (`gradient_accumulation_steps=3`)."
    assert update in " ".join(sources[1].split())


@pytest.mark.parametrize("target", ["torch", "optax", "python"])
def test_elsewhere_a_step_is_an_update_anyway(
    target: Literal["torch", "optax", "python"],
) -> None:
    schedule = schedlang.parse(FLAGSHIP)
    message = (
        "gradient_accumulation_steps= is for keras, which counts batches:"
        f" a step of {target} is an update"
    )
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole message is below
        schedule.emit(target, lr=0.1, gradient_accumulation_steps=2)
    assert str(caught.value) == message
    assert schedule.emit(target, lr=0.1, gradient_accumulation_steps=1)


@pytest.mark.parametrize("steps", [0, -1, 1.5, None])
@pytest.mark.parametrize("text", [FLAGSHIP, "plateau"])
def test_a_number_of_batches_is_whole(text: str, steps: Any) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole message is below
        schedlang.parse(text).emit("keras", lr=0.1, gradient_accumulation_steps=steps)
    message = f"gradient_accumulation_steps must be a whole number of at least 1, not {steps!r}"
    assert str(caught.value) == message
