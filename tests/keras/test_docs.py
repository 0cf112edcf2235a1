"""The page on Keras and JAX: its code runs, and each line is what it replaces."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import schedlang
from tests.cases import golden

PAGE = (Path(__file__).parents[2] / "docs" / "keras-jax.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
ROWS = re.findall(r"^\| `(\w+)\((.*?)\)` \| `(.*?)` \|$", PAGE, re.MULTILINE)
CLASSES = [
    "CosineAnnealingWarmRestarts",
    "OneCycleLR",
    "WarmupCosineDecay",
    "custom_schedule",
    "multi_step_schedule",
]


def test_its_code_runs() -> None:
    assert len(BLOCKS) == 5 + len(CLASSES)
    exec("\n".join(BLOCKS), {})


def keras_own(of: Any, name: str, arguments: str) -> Any:
    """One of Keras' own, made as a row of the page makes it."""
    call = ast.parse(f"f({arguments})", mode="eval").body
    assert isinstance(call, ast.Call)
    return getattr(of, name)(
        *map(ast.literal_eval, call.args),
        **{str(k.arg): ast.literal_eval(k.value) for k in call.keywords},
    )


def test_the_table_has_all_rows() -> None:
    assert len(ROWS) == 8


# ReduceLROnPlateau has a test of its own.
@pytest.mark.parametrize(
    ("name", "arguments", "text"), [row for row in ROWS if row[0] != "ReduceLROnPlateau"]
)
def test_each_line_is_what_it_replaces(name: str, arguments: str, text: str) -> None:
    theirs = keras_own(keras.optimizers.schedules, name, arguments)
    ours = schedlang.parse(text).to_keras(lr=0.1)
    # The restarts of Keras find the cycle by a logarithm in float32.
    far = () if name == "CosineDecayRestarts" else (1000,)
    steps = (0, 1, 9, 10, 11, 19, 20, 21, 50, 99, 100, 101, *far)
    want = [float(theirs(step)) for step in steps]
    assert [float(ours(step)) for step in steps] == pytest.approx(want, rel=1e-4, abs=1e-8)


def model_of(rate: Any) -> keras.Model:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(rate), loss="mse")
    return model


def rates_by(callbacks: list[Any], metrics: list[float]) -> list[float]:
    """The rate of each epoch, one update long, if `fit` calls these callbacks."""
    model = model_of(0.1)
    called = keras.callbacks.CallbackList(callbacks, model=model)
    called.on_train_begin()
    rates = []
    for epoch, metric in enumerate(metrics):
        called.on_epoch_begin(epoch)
        called.on_train_batch_begin(0)
        rates.append(float(model.optimizer.learning_rate))
        model.optimizer.iterations.assign_add(1)
        called.on_train_batch_end(0)
        called.on_epoch_end(epoch, {"val_loss": metric})
    return rates


def test_the_plateau_is_what_it_replaces() -> None:
    ((name, arguments, text),) = (row for row in ROWS if row[0] == "ReduceLROnPlateau")
    metrics = next(seed["metrics"] for seed in golden() if seed["name"] == name)
    want = rates_by([keras_own(keras.callbacks, name, arguments)], metrics)
    ours = schedlang.parse(text).keras_callbacks(lr=0.1)
    assert rates_by(ours, metrics) == pytest.approx(want, rel=1e-6)
    assert len(set(want)) > 2


@pytest.mark.parametrize("name", CLASSES)
def test_each_line_is_what_people_write(name: str) -> None:
    (block,) = (
        block for block in BLOCKS if re.search(rf"^(class|def) {name}\(", block, re.MULTILINE)
    )
    page: dict[str, Any] = {"keras": keras, "schedlang": schedlang}
    exec(f"import math\n{block}", page)
    theirs, ours = page["theirs"], page["ours"]
    if name.endswith("_schedule"):  # epochs of 50 updates
        want = np.repeat(rates_by([theirs], [1.0] * 140), 50)
        steps = np.arange(len(want))
    else:
        steps = np.arange({"OneCycleLR": 101, "WarmupCosineDecay": 10_001}.get(name, 500))
        want = np.array([float(theirs(int(step))) for step in steps])
    got = np.asarray(ours(steps))
    off = np.abs(got - want) / np.maximum(want, 1e-5)
    assert off.max() <= 1e-4, (name, steps[off.argmax()])
    if not name.endswith("_schedule"):
        one = np.ones((1, 1), "float32")
        with pytest.raises(TypeError, match="as a Python `bool`"):
            model_of(theirs).fit(one, one, verbose=0)
        with pytest.raises(NotImplementedError):
            theirs.get_config()


def test_what_else_it_says_of_keras() -> None:
    late = keras.optimizers.schedules.PiecewiseConstantDecay([20], [0.1, 0.05])
    assert [float(late(step)) for step in (20, 21)] == pytest.approx([0.1, 0.05])
    assert not hasattr(keras.optimizers.SGD(0.1), "lr")
