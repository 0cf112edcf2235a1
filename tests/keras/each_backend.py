"""What must hold on each backend of Keras; `test_backends.py` runs it in a process for each."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from keras import ops

import schedlang
from schedlang import tables
from schedlang.keras import RateLogger, ScheduledRate
from tests.cases import CASES, Case, golden, ticks_of
from tests.strategies import schedules

BACKEND = keras.backend.backend()
FLAGSHIP = "warmup linear 10 -> cosine 90 min=1e-4"
MOST = 256
INTEGERS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64"]


def spread(ticks: list[int]) -> list[int]:
    """As many ticks each time, so that a compiler compiles for one shape."""
    return (ticks * MOST)[:MOST] if len(ticks) < MOST else ticks[: MOST - 20] + ticks[-20:]


def worst(got: Any, want: Any, lr: float) -> float:
    got = np.asarray(got, np.float64)
    assert np.isfinite(got).all()
    off = np.abs(got - want) / np.maximum(np.abs(want), 1e-4 * lr)
    return float(off.max())


def assert_is_curve(case: Case, *dtypes: str) -> None:
    program = case.bind()
    if program.tick == "epoch" and program.steps_per_epoch is None:
        return
    updates = (program.steps_per_epoch or 1) if program.tick == "epoch" else 1
    ticks = spread(ticks_of(program))
    want = np.array([program.at(tick) for tick in ticks])
    rate = ScheduledRate(program)
    for dtype in dtypes:
        got = rate(ops.convert_to_tensor(np.array(ticks) * updates, dtype=dtype))
        assert keras.backend.standardize_dtype(got.dtype) == "float32"
        assert worst(ops.convert_to_numpy(got), want, case.lr) <= 1e-4, case.text


@pytest.mark.parametrize("few", [tables.FEW, 0], ids=["written out", "tables"])
def test_every_case(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "FEW", few)
    for case in CASES:
        assert_is_curve(case, "int32")


def test_golden_values() -> None:
    for seed in golden():
        if seed["schedule"].startswith("plateau"):
            continue
        program = schedlang.parse(seed["schedule"]).bind(lr=seed["lr"])
        steps = seed.get("steps") or list(range(len(seed["values"])))
        at = (list(range(len(steps))) * MOST)[: max(MOST, len(steps))][: 2 * MOST]
        got = ScheduledRate(program)(np.array([steps[i] for i in at]))
        want = np.array([seed["values"][i] for i in at])
        assert worst(ops.convert_to_numpy(got), want, seed["lr"]) <= 1e-4, seed["name"]


@settings(max_examples=250, suppress_health_check=list(HealthCheck))
@given(schedules(smooth=True))
def test_random_schedules(case: Case) -> None:
    assert_is_curve(case, "int32")


@pytest.mark.parametrize("dtype", [*INTEGERS, "float16", "bfloat16", "float32", "float64"])
def test_steps_of_any_type(dtype: str) -> None:
    rate = schedlang.parse(FLAGSHIP).to_keras(lr=0.1)
    steps = np.array([[0, 9, 10], [11, 99, 100]])
    got = rate(ops.cast(steps, dtype) if dtype == "bfloat16" else steps.astype(dtype))
    want = [[rate.program.at(tick) for tick in row] for row in ([0, 9, 10], [11, 99, 100])]
    np.testing.assert_allclose(ops.convert_to_numpy(got), want, rtol=1e-4)


@pytest.mark.parametrize("step", [50, 50.0, np.int64(50), np.float64(50)])
def test_steps_of_python(step: Any) -> None:
    assert float(schedlang.parse(FLAGSHIP).to_keras(lr=0.1)(step)) == pytest.approx(
        schedlang.parse(FLAGSHIP).bind(lr=0.1).at(50), rel=1e-4
    )


LAST_EXACT = 2**24 - MOST // 2


@pytest.mark.parametrize(
    ("first", "text"),
    [
        (100_000_000, "hold 100_000_000 -> cosine 1000 min=1%"),
        (100_000_000, "hold 100_000_000 -> step every=7 gamma=0.9"),
        (100_000_000, "hold 100_000_000 -> restarts first=2.5 min=1%"),
        (100_000_000, "(linear 90 to=10% -> linear 10 to=1x) x inf"),
        (100_000_000, "restarts first=9765625/2048 shrink=0.9999"),
        (LAST_EXACT, "hold 16_777_000 -> cosine 216 min=1%"),
        (LAST_EXACT, "hold 16_777_000 -> cosine 400 min=1%"),
        (LAST_EXACT, "hold 16_777_200 -> linear 16 to=50% -> linear 31 to=0"),
        (LAST_EXACT, "hold 16_777_100 -> sqrt 150 to=2%"),
        (LAST_EXACT, "hold 16_777_215 -> hold 2 to=50% -> exp gamma=0.99"),
        (LAST_EXACT, "hold 16_777_217 -> hold 9 to=50% -> linear 99 to=1%"),
        (LAST_EXACT, "hold 1_048_577 -> exp gamma=0.999999"),
        (LAST_EXACT, "warmup 1_000_000 -> inverse_sqrt"),
    ],
)
def test_far_steps_move_one_at_a_time(first: int, text: str) -> None:
    program = schedlang.parse(text).bind(lr=0.1)
    steps = np.arange(MOST) + first
    got = ops.convert_to_numpy(ScheduledRate(program)(ops.convert_to_tensor(steps, "int32")))
    want = np.array([program.at(int(step)) for step in steps])
    assert len(set(want)) > 4
    assert worst(got, want, 0.1) <= 1e-4


def slopes(rate: Any, steps: np.ndarray) -> np.ndarray:
    if BACKEND == "tensorflow":
        import tensorflow as tf

        x = tf.constant(steps)
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(rate(x))
        found = tape.gradient(total, x)
        return np.zeros_like(steps) if found is None else np.asarray(found)
    if BACKEND == "jax":
        import jax

        return np.asarray(jax.jit(jax.grad(lambda x: rate(x).sum()))(steps))
    import torch

    x = torch.tensor(steps, requires_grad=True)
    total = rate(x).sum()
    if total.requires_grad:
        total.backward()
    return np.zeros_like(steps) if x.grad is None else np.asarray(x.grad)


@pytest.mark.parametrize("few", [tables.FEW, 0], ids=["written out", "tables"])
def test_slopes_are_finite(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "FEW", few)
    every = CASES if BACKEND == "torch" else CASES[:: 4 if BACKEND == "tensorflow" else 10]
    for case in every:
        program = case.bind()
        if program.tick == "epoch" and program.steps_per_epoch is None:
            continue
        steps = np.array(spread(ticks_of(program)), "float32")
        assert np.isfinite(slopes(ScheduledRate(program), steps)).all(), case.text


def test_compiled() -> None:
    rate = schedlang.parse(FLAGSHIP).to_keras(lr=0.1)
    many = schedlang.parse("(linear 5 to=50% -> cosine 5 to=1x) x 20").to_keras(lr=0.1)
    want = [(r.program.at(42), r.program.at(7)) for r in (rate, many)]
    for r, (later, sooner) in zip((rate, many), want, strict=True):
        if BACKEND == "tensorflow":
            import tensorflow as tf

            for jit in (False, True):
                call = tf.function(r, jit_compile=jit)
                assert float(call(tf.constant(42, tf.int64))) == pytest.approx(later, rel=1e-4)
                assert float(call(tf.constant(7, tf.int64))) == pytest.approx(sooner, rel=1e-4)
        elif BACKEND == "jax":
            import jax

            assert float(jax.jit(r)(42)) == pytest.approx(later, rel=1e-4)
            np.testing.assert_allclose(jax.vmap(r)(np.array([42, 7])), (later, sooner), rtol=1e-4)
        else:
            assert float(r(42)) == pytest.approx(later, rel=1e-4)


def test_a_thousand_ramps_are_a_small_graph() -> None:
    kinds = ("linear", "cosine", "poly", "sqrt", "exp")
    ramps = [f"{kinds[i % 5]} 10 to={(i * 37 % 100 + 1) / 100}x" for i in range(1000)]
    rate = schedlang.parse(" -> ".join(ramps)).to_keras(lr=0.1)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        spec = tf.TensorSpec((), tf.int64)
        nodes = len(tf.function(rate).get_concrete_function(spec).graph.as_graph_def().node)
        assert nodes <= 400
    elif BACKEND == "jax":
        import jax

        assert str(jax.make_jaxpr(rate)(np.int32(5))).count(" = ") <= 400
    ticks = np.arange(0, 10_000, 40)
    want = np.array([rate.program.at(int(tick)) for tick in ticks])
    assert worst(ops.convert_to_numpy(rate(ticks)), want, 0.1) <= 1e-4


# ------------------------------------------------------------------------------------- training


def model_of(optimizer: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(optimizer=optimizer, loss="mse")
    return model


X = np.linspace(-1, 1, 36).reshape(12, 3).astype("float32")
Y = X.sum(axis=1, keepdims=True)


class Recorder(keras.callbacks.Callback):
    """Keeps what the logs say after each update."""

    def __init__(self) -> None:
        super().__init__()
        self.rates: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.rates.append(logs["learning_rate"])


def fit(model: keras.Model, *callbacks: Any, epochs: int = 2, **options: Any) -> list[float]:
    recorder = Recorder()
    options = {"batch_size": 3, "verbose": 0, "shuffle": False, **options}
    model.fit(X, Y, epochs=epochs, callbacks=[*callbacks, recorder], **options)
    return recorder.rates


def test_fit_uses_the_curve(tmp_path: Path) -> None:
    schedule = schedlang.parse("warmup 3 from=0 -> cosine 9 min=1%")
    model = model_of(keras.optimizers.SGD(schedule.to_keras(lr=0.1)))
    log = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    rates = fit(model, RateLogger(), log, epochs=4)
    want = schedule.bind(lr=0.1).curve(16)
    np.testing.assert_allclose(rates, want, rtol=1e-4, atol=1e-9)
    assert model.history.history["learning_rate"] == rates[3::4]
    assert "learning_rate" in (tmp_path / "log.csv").read_text().splitlines()[0]


def test_saved_and_loaded_training_goes_on(tmp_path: Path) -> None:
    rate = schedlang.parse("warmup 3 from=0 -> cosine 20 min=1%").to_keras(lr=0.1)
    whole = model_of(keras.optimizers.SGD(rate, momentum=0.9))
    want = fit(whole, RateLogger(), epochs=4)
    half = model_of(keras.optimizers.SGD(rate, momentum=0.9))
    first = fit(half, RateLogger(), epochs=2)
    half.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert first + fit(loaded, RateLogger(), epochs=2) == want
    for a, b in zip(whole.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "binding"),
    [
        (FLAGSHIP, {"lr": 0.1}),
        ("warmup 5% -> cosine rest", {"total": 100}),
        ("lr=1 | exp gamma=0.9", {}),
    ],
)
def test_serialised(text: str, binding: dict[str, Any]) -> None:
    rate = schedlang.parse(text).to_keras(**binding)
    schedules_of = keras.optimizers.schedules
    copies = [
        copy.deepcopy(rate),
        ScheduledRate.from_config(rate.get_config()),
        schedules_of.deserialize(schedules_of.serialize(rate)),
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(rate)),
    ]
    assert rate.get_config()["schedule"] == str(schedlang.parse(text))
    for other in copies:
        assert float(other(7)) == float(rate(7))
        assert other.get_config() == rate.get_config()


def test_mixed_precision() -> None:
    schedule = schedlang.parse("warmup 3 from=0 -> cosine 9 min=1%")
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = model_of(keras.optimizers.SGD(schedule.to_keras(lr=0.1)))
        rates = fit(model, RateLogger())
        plain = model_of(keras.optimizers.SGD(0.1))
        by_callback = fit(plain, *schedule.keras_callbacks(lr=0.1))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    for used in (rates, by_callback):
        # Where the scaled loss overflows there is no update, and the rate waits.
        moves = [rate for i, rate in enumerate(used) if not i or rate != used[i - 1]]
        assert len(moves) > 4
        want = schedule.bind(lr=0.1).curve(len(moves))
        np.testing.assert_allclose(moves, want, rtol=1e-4, atol=1e-9)


def test_epochs() -> None:
    held = schedlang.parse("clock=epoch | linear 4ep to=20%").to_keras(lr=0.1, steps_per_epoch=4)
    rates = fit(model_of(keras.optimizers.SGD(held)), RateLogger(), epochs=3)
    np.testing.assert_allclose(rates, np.repeat([0.1, 0.08, 0.06], 4), rtol=1e-4)
    moving = schedlang.parse("linear 4ep to=20%").to_keras(lr=0.1, steps_per_epoch=4)
    rates = fit(model_of(keras.optimizers.SGD(moving)), RateLogger(), epochs=2)
    np.testing.assert_allclose(rates, 0.1 - 0.005 * np.arange(8), rtol=1e-4)


# ------------------------------------------------------------------------------------ callbacks


class Metric(keras.callbacks.Callback):
    """Puts written values where the metric would be."""

    def __init__(self, values: list[float]) -> None:
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["val_loss"] = self.values[epoch]


METRICS = [5.0, 4.0, 4.0, 4.0, 4.0, 3.0, 3.1, 3.2, 3.3, 3.4, 3.5, 3.6]


def torch_rates(metrics: list[float], **options: Any) -> list[float]:
    """PyTorch's own decisions: the rate of each epoch."""
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
    rates = []
    for metric in metrics:
        rates.append(float(optimizer.param_groups[0]["lr"]))
        scheduler.step(metric)
    return rates


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ("factor=0.5 patience=1", {"factor": 0.5, "patience": 1}),
        ("factor=0.5 patience=0 cooldown=2", {"factor": 0.5, "patience": 0, "cooldown": 2}),
        (
            "factor=0.5 patience=1 threshold=0.5 threshold_mode=abs min=1e-2",
            {
                "factor": 0.5,
                "patience": 1,
                "threshold": 0.5,
                "threshold_mode": "abs",
                "min_lr": 0.01,
            },
        ),
    ],
)
def test_plateau_decides_as_pytorch_does(arguments: str, options: dict[str, Any]) -> None:
    callbacks = schedlang.parse(f"plateau {arguments}").keras_callbacks(lr=0.1)
    model = model_of(keras.optimizers.SGD(0.3))
    rates = fit(model, Metric(METRICS), *callbacks, epochs=len(METRICS))
    np.testing.assert_allclose(rates[::4], torch_rates(METRICS, **options), rtol=1e-6)


def test_plateau_after_a_warmup() -> None:
    schedule = schedlang.parse("warmup 6 from=0 -> plateau factor=0.5 patience=1")
    metrics = [1.0] * 6
    model = model_of(keras.optimizers.SGD(0.1))
    rates = fit(model, Metric(metrics), *schedule.keras_callbacks(lr=0.1), epochs=6)
    later = [0.1] * 2 + [0.1] * 8 + [0.05] * 8
    np.testing.assert_allclose(rates, [0.1 * i / 6 for i in range(6)] + later, rtol=1e-5)


class Crash(keras.callbacks.Callback):
    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    "text", ["plateau factor=0.5 patience=2 cooldown=1", "warmup 6 -> plateau patience=1"]
)
def test_plateau_survives_a_crash(text: str, tmp_path: Path) -> None:
    schedule = schedlang.parse(text)

    def callbacks() -> list[Any]:
        backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"))
        return [Metric(METRICS), *schedule.keras_callbacks(lr=0.1), backup]

    epochs = len(METRICS)
    want = fit(model_of(keras.optimizers.SGD(0.1)), *callbacks(), epochs=epochs)
    recorder = Recorder()
    with pytest.raises(KeyboardInterrupt):
        fit(model_of(keras.optimizers.SGD(0.1)), *callbacks(), recorder, Crash(5), epochs=epochs)
    assert recorder.rates == want[:20]
    again = fit(model_of(keras.optimizers.SGD(0.1)), *callbacks(), epochs=epochs)
    assert again == want[20:]


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_momentum_moves_against_the_rate(kind: str) -> None:
    schedule = schedlang.parse("cyclic up=3 min=10% momentum=[0.5, 0.9]")
    optimizer = (
        keras.optimizers.SGD(0.1, momentum=0.7)
        if kind == "sgd"
        else keras.optimizers.Adam(0.1, beta_1=0.7)
    )
    model = model_of(optimizer)
    start = [w.copy() for w in model.get_weights()]
    moving = fit(model, *schedule.keras_callbacks(lr=0.1), epochs=2)
    np.testing.assert_allclose(moving, schedule.bind(lr=0.1).curve(8), rtol=1e-5)
    track = schedule.bind(lr=0.1).momentum
    assert track is not None
    name = "momentum" if kind == "sgd" else "beta_1"
    assert float(optimizer.get_config()[name]) == pytest.approx(track.at(7))
    if kind == "sgd":  # by hand, so that it is the compiled step that used them
        weights, velocity = [w.astype("float64") for w in start], [0.0, 0.0]
        for i in range(8):
            x, y = X[i % 4 * 3 : i % 4 * 3 + 3], Y[i % 4 * 3 : i % 4 * 3 + 3]
            error = 2 * (x @ weights[0] + weights[1] - y) / len(x)
            for j, gradient in enumerate((x.T @ error, error.sum(axis=0))):
                velocity[j] = track.at(i) * velocity[j] - moving[i] * gradient
                weights[j] = weights[j] + velocity[j]
        for a, b in zip(model.get_weights(), weights, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_gradient_accumulation() -> None:
    """Keras hands a schedule each micro-batch; callbacks count updates."""
    schedule = schedlang.parse("linear 8 to=20%")
    curve = schedule.bind(lr=0.1).curve(8)
    by_schedule = model_of(
        keras.optimizers.SGD(schedule.to_keras(lr=0.1), gradient_accumulation_steps=2)
    )
    np.testing.assert_allclose(fit(by_schedule, RateLogger()), curve, rtol=1e-4)
    by_callback = model_of(keras.optimizers.SGD(0.1, gradient_accumulation_steps=2))
    rates = fit(by_callback, *schedule.keras_callbacks(lr=0.1))
    np.testing.assert_allclose(rates, np.repeat(curve[:4], 2), rtol=1e-4)


def test_what_cannot_be_done_is_said_first() -> None:
    callbacks = schedlang.parse("plateau").keras_callbacks(lr=0.1)
    rate = schedlang.parse(FLAGSHIP).to_keras(lr=0.1)
    with pytest.raises(ValueError, match=r"^the optimizer has a schedule already"):
        fit(model_of(keras.optimizers.SGD(rate)), *callbacks)
    momentum = schedlang.parse("onecycle 9 momentum=[0.8, 0.9]").keras_callbacks(lr=0.1)
    with pytest.raises(ValueError, match=r"^SGD has no momentum to move"):
        fit(model_of(keras.optimizers.SGD(0.1)), *momentum)
    with warnings.catch_warnings(record=True) as caught:  # Keras has warnings of its own
        warnings.simplefilter("always", schedlang.ScheduleWarning)
        fit(model_of(keras.optimizers.SGD(0.1)), *callbacks)
    found = [str(w.message) for w in caught if w.category is schedlang.ScheduleWarning]
    message = "no metric `val_loss` this epoch, so that `plateau` did not count it"
    assert found == [f"{message}; there are: loss"]


def test_nothing_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(
            model_of(keras.optimizers.Adam(schedlang.parse(FLAGSHIP).to_keras(lr=0.1))),
            RateLogger(),
        )
