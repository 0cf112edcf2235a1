"""Keras and JAX beside what one would write by hand. Read each group's ratios.

The calls run on whichever backend Keras has; the graphs are TensorFlow's, compiling is JAX's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import schedlang

FLAGSHIP = "warmup linear 10 -> cosine 90 min=1e-4"
KINDS = ["linear", "cosine", "poly", "sqrt", "exp"]
THOUSAND = " -> ".join(f"{KINDS[i % 5]} 10 to={(i * 37 % 100 + 1) / 100}x" for i in range(1000))


def warmup(step: Any) -> Any:
    return 1e-4 + (0.1 - 1e-4) * (step / 10.0)


def passed(step: Any, begin: float, length: float) -> Any:
    return ops.clip((step - begin) / length, 0.0, 1.0)


def flagship(step: Any) -> Any:
    step = ops.cast(step, "float32")
    decay = 1e-4 + (0.1 - 1e-4) * 0.5 * (1.0 + ops.cos(math.pi * passed(step, 10.0, 90.0)))
    return ops.where(step < 10.0, warmup(step), decay)


def hold_linear(step: Any) -> Any:
    step = ops.cast(step, "float32")
    decay = 0.1 + (0.001 - 0.1) * passed(step, 60.0, 20.0)
    return ops.where(step < 10.0, warmup(step), ops.where(step < 60.0, 0.1, decay))


def hold_sqrt(step: Any) -> Any:
    step = ops.cast(step, "float32")
    decay = 0.1 + (0.001 - 0.1) * ops.sqrt(passed(step, 60.0, 20.0))
    return ops.where(step < 10.0, warmup(step), ops.where(step < 60.0, 0.1, decay))


def exp_linear(step: Any) -> Any:
    step = ops.cast(step, "float32")
    falls = 0.1 * ops.power(0.99, step - 10.0)
    least = 0.1 * 0.99**50
    decay = least + (0.001 - least) * passed(step, 60.0, 20.0)
    return ops.where(step < 10.0, warmup(step), ops.where(step < 60.0, falls, decay))


def time_call(benchmark: Any, call: Callable[[Any], Any], like: Callable[[Any], Any]) -> None:
    """Call it as an optimizer does: with its counter of updates."""
    for step in (0, 9, 10, 50, 59, 60, 70, 80, 99, 100, 200):
        assert math.isclose(float(call(step)), float(like(step)), rel_tol=1e-3), step
    counter = keras.Variable(50, dtype="int", trainable=False)
    benchmark.pedantic(call, (counter,), rounds=500, warmup_rounds=50)


LINES = {
    "two phases": (FLAGSHIP, flagship),
    "hold, linear": ("warmup linear 10 -> hold 50 -> decay linear 20 min=1%", hold_linear),
    "hold, sqrt": ("warmup linear 10 -> hold 50 -> decay sqrt 20 min=1%", hold_sqrt),
    "exp, linear": ("warmup linear 10 -> exp 50 gamma=0.99 -> decay 20 min=1%", exp_linear),
}


@pytest.mark.parametrize("who", ["by hand", "schedlang"])
@pytest.mark.parametrize("name", LINES)
def test_call(benchmark: Any, name: str, who: str) -> None:
    benchmark.group = f"an eager call, {name}: at most 1.2 times keras.ops by hand"
    text, by_hand = LINES[name]
    call = schedlang.parse(text).to_keras(lr=0.1) if who == "schedlang" else by_hand
    time_call(benchmark, call, by_hand)


@pytest.mark.benchmark(group="an eager call: at most that of CosineDecay with warm-up")
@pytest.mark.parametrize("who", ["CosineDecay", "schedlang"])
def test_call_beside_keras(benchmark: Any, who: str) -> None:
    keras_own = keras.optimizers.schedules.CosineDecay(
        1e-4, 90, alpha=1e-3, warmup_target=0.1, warmup_steps=10
    )
    ours = schedlang.parse(FLAGSHIP).to_keras(lr=0.1)
    time_call(benchmark, ours if who == "schedlang" else keras_own, flagship)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the graphs are TensorFlow's")
@pytest.mark.benchmark(group="tracing a tf.function: a thousand ramps are at most 400 nodes")
@pytest.mark.parametrize("text", [FLAGSHIP, THOUSAND], ids=["two phases", "a thousand"])
def test_trace(benchmark: Any, text: str) -> None:
    rate = schedlang.parse(text).to_keras(lr=0.1)
    spec = tf.TensorSpec((), tf.int64)

    def trace() -> Any:
        return tf.function(rate).get_concrete_function(spec)

    nodes = len(benchmark.pedantic(trace, rounds=10, warmup_rounds=2).graph.as_graph_def().node)
    benchmark.extra_info["nodes"] = nodes
    assert nodes <= 400


@pytest.mark.benchmark(group="jax.jit: a thousand ramps compile in the time of ten (not of five)")
@pytest.mark.parametrize("ramps", [5, 10, 1000])
def test_compile(benchmark: Any, ramps: int) -> None:
    line = " -> ".join(THOUSAND.split(" -> ")[:ramps])
    rate = schedlang.parse(line).to_optax(lr=0.1)

    def compile_it() -> Any:
        fresh = lambda count: rate(count)  # noqa: E731, PLW0108  # jax.jit knows a function again
        return jax.jit(fresh).lower(np.int32(5)).compile()

    benchmark.pedantic(compile_it, rounds=10, warmup_rounds=2)
