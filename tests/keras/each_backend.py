"""What must hold on each backend of Keras; `test_backends.py` runs it in a process for each."""

from __future__ import annotations

import copy
import csv
import inspect
import re
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from keras import ops

import schedlang
from schedlang.arrays import tables
from schedlang.integrations.keras import ScheduleTracker
from schedlang.integrations.tracking import scalars
from schedlang.keras import RateLogger, ScheduledRate
from schedlang.program.program import Program
from tests.cases import CASES, VALUES, Case, golden, ticks_of
from tests.strategies import schedules

BACKEND = keras.backend.backend()
FLAGSHIP = "warmup linear 10 -> cosine 90 min=1e-4"
MOST = 256
INTEGERS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64"]
INTEGERS += [] if BACKEND == "torch" else ["uint64"]  # which Keras lacks there


def spread(ticks: list[int]) -> list[int]:
    """As many ticks each time, so that a compiler compiles for one shape."""
    return (ticks * MOST)[:MOST] if len(ticks) < MOST else ticks[: MOST - 20] + ticks[-20:]


def worst(got: Any, want: Any, lr: float, least: float = 1e-4) -> float:
    """The largest error, relative; of rates below this share of the base rate, to that."""
    got = np.asarray(got, np.float64)
    assert np.isfinite(got).all()
    off = np.abs(got - want) / np.maximum(np.abs(want), least * lr)
    return float(off.max())


def steps_of(program: Program) -> tuple[np.ndarray, np.ndarray] | None:
    """The telling steps and their rates; None if the program counts epochs of unknown length."""
    if program.tick == "epoch" and program.steps_per_epoch is None:
        return None
    updates = (program.steps_per_epoch or 1) if program.tick == "epoch" else 1
    ticks = [tick for tick in ticks_of(program) if program.at(tick) < 1e30]  # others are no float32
    return np.array(spread(ticks)) * updates, np.array([program.at(t) for t in spread(ticks)])


COUNTED = [case for case in CASES if steps_of(case.bind()) is not None]


def assert_is_curve(case: Case, least: float = 1e-4) -> None:
    program = case.bind()
    telling = steps_of(program)
    if telling is not None:
        steps, want = telling
        got = ScheduledRate(program)(ops.convert_to_tensor(steps, dtype="int32"))
        assert keras.backend.standardize_dtype(got.dtype) == "float32"
        assert worst(ops.convert_to_numpy(got), want, case.lr, least) <= 1e-4, case.text


def rates_and_slopes(rate: Any, steps: np.ndarray) -> tuple[Any, Any]:
    if BACKEND == "tensorflow":
        import tensorflow as tf

        x = tf.constant(steps)
        with tf.GradientTape() as tape:
            tape.watch(x)
            rates = rate(x)
        slopes = tape.gradient(rates, x)
        return rates, np.zeros_like(steps) if slopes is None else slopes
    if BACKEND == "jax":
        import jax

        rates, pull = jax.vjp(rate, jax.numpy.asarray(steps))  # compiled, it would take longer
        return rates, pull(jax.numpy.ones_like(rates))[0]
    import torch

    x = torch.tensor(steps, requires_grad=True)
    rates = rate(x)
    if rates.requires_grad:
        rates.sum().backward()
    return rates.detach(), np.zeros_like(steps) if x.grad is None else x.grad


def assert_slopes_are_finite(case: Case, least: float = 1e-4) -> None:
    """And the rates at steps of floats are the curve too."""
    program = case.bind()
    telling = steps_of(program)
    if telling is not None:
        steps, want = telling
        rates, slopes = rates_and_slopes(ScheduledRate(program), steps.astype("float32"))
        assert worst(rates, want, case.lr, least) <= 1e-4, case.text
        assert np.isfinite(np.asarray(slopes)).all(), case.text


@pytest.mark.parametrize("few", [tables.FEW, 1], ids=["written out", "tables"])
@pytest.mark.parametrize("case", COUNTED, ids=str)
def test_every_case(case: Case, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "FEW", few)
    assert_is_curve(case)


@pytest.mark.parametrize("case", VALUES, ids=str)
def test_values_of_no_optimizer(case: Case) -> None:
    telling = steps_of(case.bind())
    assert telling is not None
    steps, want = telling
    value = schedlang.parse(case.text).to_keras(**case.binding)
    for schedule in (value, ScheduledRate.from_config(value.get_config())):
        got = ops.convert_to_numpy(schedule(ops.convert_to_tensor(steps, dtype="int32")))
        assert worst(got, want, case.lr) <= 1e-4


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
    # Where an expression of one's own adds up, the last digit of a float32 near 1 is left.
    least = 1e-3 if "fn" in case.text else 1e-4
    assert_is_curve(case, least)
    if BACKEND != "jax":  # which takes its time for slopes
        assert_slopes_are_finite(case, least)


def test_roots_of_roots_are_0_where_they_should_be() -> None:
    for inside in ("sqrt(p)", "2 * sqrt(p)", "sqrt(sqrt(1 - p))", "p ** 0.5 + 3 * p"):
        assert_is_curve(Case("", f"fn 9 {{sqrt({inside})}} -> hold 3"))


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
        (100_000_000, "hold 100_000_000 -> cosine 1000 min=1% every=7"),
        (100_000_000, "hold 99_000_000 -> linear 1_000_200 every=10"),
        (100_000_000, "hold 99_000_000 -> sqrt 1_000_200 every=25/3"),
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


@pytest.mark.parametrize("few", [tables.FEW, 1], ids=["written out", "tables"])
@pytest.mark.parametrize("case", COUNTED, ids=str)
def test_steps_of_floats_and_slopes(case: Case, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "FEW", few)
    assert_slopes_are_finite(case)


def test_slope_where_a_root_ends_on_a_rounded_0() -> None:
    rate = schedlang.parse("poly 3 power=0.5 skip=1").to_keras(lr=0.1)
    _, slopes = rates_and_slopes(rate, np.arange(4, dtype="float32"))
    assert np.isfinite(np.asarray(slopes)).all()


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


@pytest.mark.skipif(BACKEND == "torch", reason="Keras compiles no schedule there")
@pytest.mark.parametrize(
    ("few", "case"),
    [(few, case) for few in (tables.FEW, 1) for case in COUNTED[few % 7 :: 7]],
    ids=str,
)
def test_cases_compiled(few: int, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler may reorder what the integers and the sums of single precision rely on."""
    monkeypatch.setattr(tables, "FEW", few)
    telling = steps_of(case.bind())
    assert telling is not None
    steps, want = telling
    rate = ScheduledRate(case.bind())
    if BACKEND == "tensorflow":
        import tensorflow as tf

        got = tf.function(rate, jit_compile=True)(tf.constant(steps.astype("int32")))
    else:
        import jax

        got = jax.jit(rate)(steps.astype("int32"))
    assert worst(got, want, case.lr) <= 1e-4


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
    head, *rows = csv.reader((tmp_path / "log.csv").read_text().splitlines())
    assert [float(row[head.index("learning_rate")]) for row in rows] == rates[3::4]


@pytest.mark.skipif(
    "stateless_metrics" not in inspect.signature(keras.utils.Progbar).parameters,
    reason="this Keras shows the mean of what was logged since the epoch began",
)
@pytest.mark.parametrize("verbose", [1, 2])
def test_progress_bar(verbose: int, capsys: pytest.CaptureFixture[str]) -> None:
    rate = schedlang.parse("linear 8 to=20%").to_keras(lr=0.1)
    fit(model_of(keras.optimizers.SGD(rate)), RateLogger(), verbose=verbose)
    lines = re.split(r"[\r\n\b]+", capsys.readouterr().out)
    shown = {
        done: list(dict.fromkeys(x.split("learning_rate: ")[1][:6] for x in lines if done in x))
        for done in ("1/4", "4/4")
    }
    assert shown == {"1/4": ["0.1000", "0.0600"] * (verbose == 1), "4/4": ["0.0700", "0.0300"]}


@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorBoard's callback writes by TensorFlow")
@pytest.mark.parametrize("by_callbacks", [False, True])
def test_tensorboard(by_callbacks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow.summary

    written: dict[str, list[float]] = {}

    def scalar(name: str, value: float, step: int) -> None:  # the real one wants `tensorboard`
        written.setdefault(name, []).append(float(value))

    monkeypatch.setattr(tensorflow.summary, "scalar", scalar)
    schedule = schedlang.parse("linear 8 to=20%")
    curve = schedule.bind(lr=0.1).curve(9)
    rate = 0.1 if by_callbacks else schedule.to_keras(lr=0.1)
    setter = schedule.keras_callbacks(lr=0.1)[:1] if by_callbacks else []
    board = keras.callbacks.TensorBoard(str(tmp_path), update_freq=1)
    loggers = [RateLogger(), RateLogger("rate")]
    fit(model_of(keras.optimizers.SGD(rate)), *setter, *loggers, board)
    for name, want in [
        ("batch_learning_rate", curve[:8]),
        ("batch_rate", curve[:8]),
        ("epoch_rate", curve[[3, 7]]),
        # Keras' own reading of the optimizer, after the epoch's last update.
        ("epoch_learning_rate", curve[[3, 7]] if by_callbacks else curve[[4, 8]]),
    ]:
        np.testing.assert_allclose(written[name], want, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("steps", [1, 2])
def test_saved_and_loaded_training_goes_on(tmp_path: Path, steps: int) -> None:
    schedule = schedlang.parse("warmup 3 from=0 -> cosine 20 min=1%")
    rate = schedule.to_keras(lr=0.1, gradient_accumulation_steps=steps)
    options = {"momentum": 0.9, "gradient_accumulation_steps": steps if steps > 1 else None}
    whole = model_of(keras.optimizers.SGD(rate, **options))
    want = fit(whole, RateLogger(), epochs=4)
    half = model_of(keras.optimizers.SGD(rate, **options))
    first = fit(half, RateLogger(), epochs=2)
    half.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert first + fit(loaded, RateLogger(), epochs=2) == want
    for a, b in zip(whole.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("begin", [None, 16])  # the same step, or the same share
def test_goes_on_with_another_length(begin: int | None, tmp_path: Path) -> None:
    line = schedlang.parse("warmup 10% -> cosine rest")
    half = model_of(keras.optimizers.SGD(line.to_keras(lr=0.1, total=16)))
    fit(half, RateLogger(), epochs=2)
    half.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    loaded.optimizer.learning_rate = line.to_keras(lr=0.1, total=32)
    if begin is not None:
        loaded.optimizer.iterations.assign(begin)
    rates = fit(loaded, RateLogger(), epochs=4)
    want = line.bind(lr=0.1, total=32).between(begin or 8, (begin or 8) + 16)
    np.testing.assert_allclose(rates, want, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize(
    ("text", "binding"),
    [
        (FLAGSHIP, {"lr": 0.1}),
        ("warmup 5% -> cosine rest", {"total": 100}),
        ("lr=1 | exp gamma=0.9", {}),
        (FLAGSHIP, {"lr": 0.1, "gradient_accumulation_steps": 3}),
        ("warmup 5% -> cosine rest", {"total": 100, "gradient_accumulation_steps": 2}),
    ],
)
def test_serialised(text: str, binding: dict[str, Any]) -> None:
    binding = dict(binding)
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
    steps = binding.pop("gradient_accumulation_steps", 1)
    assert float(rate(7 * steps)) == float(schedlang.parse(text).to_keras(**binding)(7))


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


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ("patience=0", {"patience": 1}),
        ("patience=2 threshold=0", {"patience": 3, "min_delta": 0}),
        ("patience=1 cooldown=1 min=0.02", {"patience": 2, "cooldown": 2, "min_lr": 0.02}),
        ("patience=0 threshold=0.5 cooldown=2", {"patience": 1, "min_delta": 0.5, "cooldown": 3}),
        ("patience=1 mode=max", {"patience": 2, "mode": "max"}),
    ],
)
def test_plateau_beside_keras_own(arguments: str, options: dict[str, Any]) -> None:
    """It counts patience and cooldown from 1, and its threshold is a difference."""
    theirs = keras.callbacks.ReduceLROnPlateau(factor=0.5, **options)
    epochs = len(METRICS)
    model = model_of(keras.optimizers.SGD(0.1))
    want = fit(model, Metric(METRICS), RateLogger(), theirs, epochs=epochs)
    line = schedlang.parse(f"plateau factor=0.5 threshold_mode=abs {arguments}")
    model = model_of(keras.optimizers.SGD(0.1))
    got = fit(model, Metric(METRICS), *line.keras_callbacks(lr=0.1), epochs=epochs)
    np.testing.assert_allclose(got, want, rtol=1e-6)
    assert len(set(want)) > 2


def test_plateau_after_a_warmup() -> None:
    schedule = schedlang.parse("warmup 6 from=0 -> plateau factor=0.5 patience=1")
    metrics = [1.0] * 6
    model = model_of(keras.optimizers.SGD(0.1))
    rates = fit(model, Metric(metrics), *schedule.keras_callbacks(lr=0.1), epochs=6)
    later = [0.1] * 2 + [0.1] * 8 + [0.05] * 8
    np.testing.assert_allclose(rates, [0.1 * i / 6 for i in range(6)] + later, rtol=1e-5)


def test_plateau_in_epochs() -> None:
    schedule = schedlang.parse("clock=epoch | warmup 2ep from=20% -> plateau factor=0.5 patience=0")
    callbacks = schedule.keras_callbacks(lr=0.1, steps_per_epoch=4)
    rates = fit(model_of(keras.optimizers.SGD(0.1)), Metric([1.0] * 6), *callbacks, epochs=6)
    want = np.repeat([0.02, 0.06, 0.1, 0.1, 0.05, 0.025], 4)
    np.testing.assert_allclose(rates, want, rtol=1e-5)


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


def test_a_second_fit_goes_on() -> None:
    schedule = schedlang.parse("warmup 6 -> plateau factor=0.5 patience=2 cooldown=1")
    whole = model_of(keras.optimizers.SGD(0.1))
    want = fit(whole, Metric(METRICS), *schedule.keras_callbacks(lr=0.1), epochs=12)
    model, got = model_of(keras.optimizers.SGD(0.1)), []
    for i in range(0, 12, 3):
        got += fit(model, Metric(METRICS[i:]), *schedule.keras_callbacks(lr=0.1), epochs=3)
    assert got == want
    other = schedlang.parse("plateau factor=0.5 patience=2 cooldown=1").keras_callbacks(lr=0.01)
    assert set(fit(model, Metric([9.0] * 4), *other, epochs=4)) <= {
        np.float32(0.01),
        np.float32(0.005),
    }


def test_a_plateau_begins_at_its_own_rate() -> None:
    for text, first in (("plateau", 0), ("warmup 2 -> plateau", 2)):
        model = model_of(keras.optimizers.SGD(1e-3))
        callbacks = schedlang.parse(text).keras_callbacks(lr=0.1)
        rates = fit(model, Metric(METRICS), *callbacks)
        np.testing.assert_allclose(rates[first:], 0.1, rtol=1e-6)


def test_a_model_loaded_whole_brings_the_rate_of_its_plateau(tmp_path: Path) -> None:
    schedule = schedlang.parse("plateau factor=0.5 patience=2")
    model = model_of(keras.optimizers.SGD(0.1))
    rates = fit(model, Metric([1.0] * 6), *schedule.keras_callbacks(lr=0.1), epochs=6)
    np.testing.assert_allclose(rates[::4], [0.1] * 4 + [0.05] * 2, rtol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    rates = fit(loaded, Metric([1.0] * 5), *schedule.keras_callbacks(lr=0.1), epochs=5)
    # Two bad metrics are forgotten, and the best one: the first of these is the best so far.
    np.testing.assert_allclose(rates[::4], [0.05] * 4 + [0.025], rtol=1e-6)


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
    assert float(optimizer.get_config()[name]) == pytest.approx(track.at(8))
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


@pytest.mark.parametrize(
    "line",
    ["warmup 6 -> cyclic up=3 min=10% momentum=[0.5, 0.9]", "onecycle 9 momentum=[0.1, 0.9]"],
)
@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_momentum_moves_in_a_step_that_was_compiled_before(kind: str, line: str) -> None:
    if kind == "sgd" and BACKEND == "torch" and version("torch").startswith("2.4."):
        pytest.skip("PyTorch 2.4 takes no variable as `alpha`, where Keras passes the momentum")
    found = []
    for eager in (True, False):
        optimizer = (
            keras.optimizers.SGD(0.1, momentum=0.7, nesterov=True)
            if kind == "sgd"
            else keras.optimizers.Adam(0.1, beta_1=0.7)
        )
        model = model_of(optimizer)
        model.run_eagerly = eager
        fit(model, RateLogger(), epochs=1)
        for text in ("onecycle 9 momentum=[0.4, 0.5]", line):
            fit(model, *schedlang.parse(text).keras_callbacks(lr=0.1), epochs=1)
        found.append(model.get_weights())
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_momentum_survives(tmp_path: Path) -> None:
    schedule = schedlang.parse("cyclic up=3 min=10% momentum=[0.5, 0.9]")

    def fresh() -> keras.Model:
        return model_of(keras.optimizers.Adam(0.1, beta_1=0.7))

    def callbacks() -> list[Any]:
        return schedule.keras_callbacks(lr=0.1)

    whole = fresh()
    fit(whole, *callbacks(), epochs=4)
    saved = fresh()
    fit(saved, *callbacks(), epochs=2)
    saved.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    fit(loaded, *callbacks(), epochs=2)
    crashed = fresh()
    backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"))
    with pytest.raises(KeyboardInterrupt):
        fit(crashed, *callbacks(), backup, Crash(2), epochs=4)
    again = fresh()
    fit(again, *callbacks(), backup, epochs=4)
    for other in (loaded, again):
        for a, b in zip(whole.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)


ACCUMULATED: list[tuple[int, str, dict[str, Any]]] = [
    (2, "linear 8 to=20%", {}),
    (2, "warmup 3 -> cosine 4 min=1%", {}),
    (3, "warmup 3 -> cosine 4 min=1%", {}),  # 4 batches an epoch: an update begins in one, ends in
    (2, "warmup 1ep from=0 -> cosine 3ep min=10%", {"steps_per_epoch": 2}),  # the next
    (4, "clock=epoch | linear 4ep to=20%", {"steps_per_epoch": 2}),
]


@pytest.mark.parametrize("scaled", [False, True], ids=["plain", "loss scaled"])
@pytest.mark.parametrize(("steps", "text", "binding"), ACCUMULATED)
def test_gradient_accumulation(
    steps: int, text: str, binding: dict[str, Any], scaled: bool
) -> None:
    """A step of the line is an update, whatever sets the rate, as with batches of that size."""
    schedule = schedlang.parse(text)
    program = schedule.bind(lr=0.1, **binding)
    updates = 16 // steps
    held = program.steps_per_epoch if program.tick == "epoch" else None
    curve = [program.at(update // (held or 1)) for update in range(updates + 1)]
    weights = []
    for by_callbacks in (False, True):
        rate: Any = 0.1
        callbacks: list[Any] = schedule.keras_callbacks(lr=0.1, **binding)
        if not by_callbacks:
            rate = schedule.to_keras(lr=0.1, gradient_accumulation_steps=steps, **binding)
            callbacks = [RateLogger()]
        optimizer = keras.optimizers.SGD(rate, momentum=0.5, gradient_accumulation_steps=steps)
        if scaled:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=4.0)
        model = model_of(optimizer)
        rates = fit(model, *callbacks, epochs=4)
        np.testing.assert_allclose(rates, np.repeat(curve, steps)[:16], rtol=1e-4, atol=1e-9)
        weights.append(model.get_weights())
    if 4 % steps == 0:
        rate = schedule.to_keras(lr=0.1, **binding)
        model = model_of(keras.optimizers.SGD(rate, momentum=0.5))
        fit(model, RateLogger(), epochs=4, batch_size=3 * steps)
        weights.append(model.get_weights())
    for other in weights[1:]:
        for x, y in zip(weights[0], other, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-6)


def test_a_plateau_under_gradient_accumulation() -> None:
    schedule = schedlang.parse("warmup 4 from=0 -> plateau factor=0.5 patience=0")
    optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
    callbacks = schedule.keras_callbacks(lr=0.1)
    rates = fit(model_of(optimizer), Metric([9.0, 9.0, 1.0, 1.0, 1.0]), *callbacks, epochs=5)
    want = [0.0, 0.025, 0.05, 0.075, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05]
    np.testing.assert_allclose(rates, np.repeat(want, 2), rtol=1e-6)


def test_steps_of_any_type_under_gradient_accumulation() -> None:
    rate = schedlang.parse(FLAGSHIP).to_keras(lr=0.1, gradient_accumulation_steps=3)
    steps = np.array([0, 2, 3, 29, 30, 100, 300])
    want = [rate.program.at(step // 3) for step in steps.tolist()]
    for dtype in ("int32", "int64", "uint32", "float32", "float64"):
        got = ops.convert_to_numpy(rate(steps.astype(dtype)))
        np.testing.assert_allclose(got, want, rtol=1e-4, err_msg=dtype)
    far = 3 * 600_000_000
    late = schedlang.parse("hold 600_000_000 -> linear 4").to_keras(
        lr=0.1, gradient_accumulation_steps=3
    )
    got = [float(late(far + i)) for i in range(9)]
    np.testing.assert_allclose(got, np.repeat([0.1, 0.075, 0.05], 3), rtol=1e-6)
    rates, slopes = rates_and_slopes(rate, steps.astype("float32"))
    np.testing.assert_allclose(np.asarray(rates), want, rtol=1e-4)
    assert np.isfinite(np.asarray(slopes)).all()


@pytest.mark.parametrize(("made_for", "has"), [(1, 2), (2, None), (2, 3)])
def test_a_schedule_for_another_accumulation_is_refused(made_for: int, has: int | None) -> None:
    rate = schedlang.parse(FLAGSHIP).to_keras(lr=0.1, gradient_accumulation_steps=made_for)
    message = (
        f"the optimizer has gradient_accumulation_steps={has or 1}, and its schedule is for"
        f" {made_for}: use to_keras(..., gradient_accumulation_steps={has or 1})"
    )
    for scaled in (False, True):
        optimizer = keras.optimizers.SGD(rate, gradient_accumulation_steps=has)
        if scaled:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            fit(model_of(optimizer), RateLogger())


MISSING: list[tuple[str, dict[str, Any], str]] = [
    ("", {"epochs": 1}, "`val_loss` in the epoch's logs, which have: loss"),
    ("", {"epochs": 5}, "`val_loss` in the epoch's logs, which have: loss"),
    ("", {"epochs": 2, "validation_freq": 2}, ""),
    ("", {"epochs": 5, "validation_freq": 2}, ""),
    ("", {"epochs": 6, "validation_freq": 3}, ""),
    ("", {"epochs": 6, "validation_freq": [2, 3]}, ""),
    ("", {"epochs": 5, "initial_epoch": 2, "validation_freq": 2}, ""),
    (
        "monitor=val_mse mode=min",
        {"epochs": 4, "validation_freq": 1},
        "`val_mse` in the epoch's logs, which have: loss, val_loss",
    ),
    (
        "monitor=los mode=min",
        {"epochs": 9, "validation_freq": 9},
        "`los` in the epoch's logs, which have: loss",
    ),
    ("monitor=loss", {"epochs": 3}, ""),
]


@pytest.mark.parametrize(("arguments", "options", "message"), MISSING)
def test_a_metric_that_is_missing(arguments: str, options: dict[str, Any], message: str) -> None:
    if "validation_freq" in options:
        options = {**options, "validation_data": (X, Y)}
    callbacks = schedlang.parse(f"plateau {arguments}").keras_callbacks(lr=0.1)
    with warnings.catch_warnings(record=True) as caught:  # Keras has warnings of its own
        warnings.simplefilter("always", schedlang.ScheduleWarning)
        fit(model_of(keras.optimizers.SGD(0.1)), *callbacks, **options)
    found = [str(w.message) for w in caught if w.category is schedlang.ScheduleWarning]
    # In Keras 3.5 the logs of an epoch have what callbacks put into those of its last batch.
    found = [each.replace("learning_rate, ", "") for each in found]
    assert found == ([f"`plateau` found no metric {message}"] if message else [])


def test_a_plateau_counts_the_epochs_with_validation() -> None:
    callbacks = schedlang.parse("plateau factor=0.5 patience=0 threshold=1").keras_callbacks(lr=0.1)
    options = {"validation_data": (X, Y), "validation_freq": 2}
    rates = fit(model_of(keras.optimizers.SGD(0.1)), *callbacks, epochs=7, **options)
    # No metric improves by all of it, so each one reduces the rate.
    want = [0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.0125]
    np.testing.assert_allclose(rates[::4], want, rtol=1e-6)


def test_what_cannot_be_done_is_said_first() -> None:
    callbacks = schedlang.parse("plateau").keras_callbacks(lr=0.1)
    rate = schedlang.parse(FLAGSHIP).to_keras(lr=0.1)
    with pytest.raises(ValueError, match=r"^the optimizer already has a schedule"):
        fit(model_of(keras.optimizers.SGD(rate)), *callbacks)
    with pytest.raises(ValueError, match=r"^Keras counts updates, but this schedule counts epochs"):
        schedlang.parse("warmup 2ep -> plateau").keras_callbacks(lr=0.1)
    momentum = schedlang.parse("onecycle 9 momentum=[0.8, 0.9]").keras_callbacks(lr=0.1)
    with pytest.raises(ValueError, match=r"^SGD has no momentum to move"):
        fit(model_of(keras.optimizers.SGD(0.1)), *momentum)


def test_nothing_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(
            model_of(keras.optimizers.Adam(schedlang.parse(FLAGSHIP).to_keras(lr=0.1))),
            RateLogger(),
        )


# ── Plans ────────────────────────────────────────────────────────────────────────────────────────

PLAN = schedlang.Plan(
    {"lr": "warmup 3 from=10% -> cosine 9 min=1%", "weight_decay": "linear 8 to=10x"}
)


def sgd(rate: Any = 0.1, **options: Any) -> Any:
    return keras.optimizers.SGD(rate, **{"momentum": 0.7, "weight_decay": 0.01, **options})


def by_hand(start: list[Any], bound: dict[str, Program], updates: int) -> list[Any]:
    """SGD with momentum and decoupled weight decay, in NumPy."""
    weights, velocity = [w.astype("float64") for w in start], [0.0, 0.0]
    for i in range(updates):
        rate, decay = bound["lr"].at(i), bound["weight_decay"].at(i)
        momentum = bound["momentum"].at(i) if "momentum" in bound else 0.7
        x, y = X[i % 4 * 3 : i % 4 * 3 + 3], Y[i % 4 * 3 : i % 4 * 3 + 3]
        error = 2 * (x @ weights[0] + weights[1] - y) / len(x)
        for j, gradient in enumerate((x.T @ error, error.sum(axis=0))):
            weights[j] = weights[j] * (1 - rate * decay)
            velocity[j] = momentum * velocity[j] - rate * gradient
            weights[j] = weights[j] + velocity[j]
    return weights


@pytest.mark.parametrize("by_schedule", [True, False], ids=["schedule", "number"])
@pytest.mark.parametrize("momentum", [None, "linear 6 from=0.5 to=0.9"])
def test_a_plan_by_hand(by_schedule: bool, momentum: str | None) -> None:
    plan = PLAN if momentum is None else schedlang.Plan({**PLAN.mapping(), "momentum": momentum})
    bound = plan.bind(None, lr=0.1, weight_decay=0.01, **({"momentum": 0.7} if momentum else {}))
    model = model_of(sgd(plan.to_keras(lr=0.1) if by_schedule else 0.1))
    start = [w.copy() for w in model.get_weights()]
    for _ in range(2):  # the second `fit` goes on
        rates = fit(model, *plan.keras_callbacks(weight_decay=0.01), epochs=2)
    np.testing.assert_allclose(rates, bound["lr"].curve(16)[8:], rtol=1e-4, atol=1e-6)
    assert float(model.optimizer.get_config()["weight_decay"]) == 0.01  # the base
    for a, b in zip(model.get_weights(), by_hand(start, bound, 16), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_plan_moves_betas_and_epsilon_in_a_compiled_step() -> None:
    plan = schedlang.Plan(
        {
            "beta1": "linear 8 to=0.5",
            "beta2": "linear 8 to=0.9",
            "eps": "linear 8 to=0.1",
            "weight_decay": "linear 8 to=0.2",
        }
    )
    found = []
    for eager in (True, False):
        model = model_of(keras.optimizers.AdamW(0.1, weight_decay=0.004))
        model.run_eagerly = eager
        fit(model, RateLogger(), epochs=1)  # the step is compiled
        fit(model, *plan.keras_callbacks(), epochs=2)
        found.append(model.get_weights())
    unmoved = model_of(keras.optimizers.AdamW(0.1, weight_decay=0.004))
    fit(unmoved, RateLogger(), epochs=3)
    for a, b, c in zip(*found, unmoved.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
        assert (np.abs(a - c) > 1e-4).all()


def test_a_plan_survives(tmp_path: Path) -> None:
    plan = schedlang.Plan({**PLAN.mapping(), "momentum": "linear 12 to=0.9"})

    def fresh() -> keras.Model:
        return model_of(sgd(plan.to_keras(lr=0.1)))

    whole = fresh()
    fit(whole, *plan.keras_callbacks(), epochs=4)
    saved = fresh()
    fit(saved, *plan.keras_callbacks(), epochs=2)
    saved.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    fit(loaded, *plan.keras_callbacks(), epochs=2)
    for a, b in zip(whole.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_a_plan_ends_in_a_plateau() -> None:
    plan = schedlang.Plan({"lr": "plateau factor=0.5 patience=0", "weight_decay": "hold"})
    rates = fit(model_of(sgd()), Metric([1.0] * 3), *plan.keras_callbacks(), epochs=3)
    np.testing.assert_allclose(rates[::4], [0.1, 0.1, 0.05], rtol=1e-6)


@pytest.mark.parametrize(
    ("written", "given", "optimizer", "message"),
    [
        (
            {"weight_decay": "hold"},
            {},
            lambda: sgd(weight_decay=None),
            "SGD has weight_decay=None, which switches it off: use SGD(weight_decay=0.01)",
        ),
        (
            {"weight_decay": "hold"},
            {"weight_decay": 0.02},
            sgd,
            "weight_decay=0.02 is given, but the optimizer has 0.01",
        ),
        ({"lr": "hold"}, {"lr": 0.2}, sgd, "lr=0.2 is given, but the optimizer has 0.1"),
        (
            {"beta2": "hold"},
            {},
            sgd,
            "SGD has no number called `beta2`; it has weight_decay, momentum",
        ),
        (
            {"momentum": "hold", "beta1": "hold"},
            {},
            lambda: keras.optimizers.Adam(0.1),
            "`momentum` and `beta1` are the same number of this optimizer: write one of them",
        ),
        (
            {"lr": "linear 5"},
            {},
            lambda: sgd(schedlang.parse("cosine 5").to_keras(lr=0.1)),
            (
                "the optimizer has a schedule that is not the plan's: give it to_keras(...), or a "
                "number, learning_rate=0.1"
            ),
        ),
    ],
)
def test_what_a_plan_refuses_at_the_start_of_fit(
    written: Any, given: dict[str, Any], optimizer: Any, message: str
) -> None:
    callbacks = schedlang.Plan(written).keras_callbacks(**given)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        fit(model_of(optimizer()), *callbacks)


class Logged(keras.callbacks.Callback):
    """What a tracker that follows in the list finds in the logs of the batches."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, float]] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.found.append({name: x for name, x in logs.items() if name.startswith("schedule")})


def tracked(model: keras.Model, schedule: Any, *callbacks: Any, **options: Any) -> Any:
    """The numbers in the logs of each batch and of each epoch, of a `fit` of 4 updates an epoch."""
    logged = Logged()
    every_n = options.pop("every_n", 1)
    every = [*callbacks, RateLogger(), ScheduleTracker(schedule, every_n), logged]
    fit(model, *every, epochs=4, **options)
    history = model.history.history
    names = [name for name in history if name.startswith("schedule")]
    return logged.found, [{name: history[name][epoch] for name in names} for epoch in range(4)]


TRACKED = [
    ("warmup 3 -> cosine 9 min=1%", {}, 1),
    ("warmup 10% -> cosine rest", {"total": 16}, 3),
    ("clock=epoch | hold 1 -> linear 2", {"steps_per_epoch": 4}, 1),
]


@pytest.mark.parametrize(("text", "binding", "every_n"), TRACKED)
def test_the_tracker(text: str, binding: dict[str, int], every_n: int) -> None:
    schedule = schedlang.parse(text)
    program = schedule.bind(lr=0.1, **binding)  # type: ignore[arg-type]  # of several types
    model = model_of(keras.optimizers.SGD(schedule.to_keras(lr=0.1, **binding)))  # type: ignore[arg-type]  # likewise
    batches, epochs = tracked(model, program, every_n=every_n)
    per_tick = 4 if program.tick == "epoch" else 1
    want = [pytest.approx(scalars(program, i // per_tick), rel=1e-4, abs=1e-8) for i in range(16)]
    assert batches == [each if (i + 1) % every_n == 0 else {} for i, each in enumerate(want)]
    assert epochs == want[3::4]


def test_the_tracker_of_a_plan() -> None:
    plan = schedlang.Plan(
        {**PLAN.mapping(), "momentum": "linear 12 to=0.9", "values": {"v": "hold to=2"}}
    )
    programs = plan.bind(lr=0.1, weight_decay=0.01, momentum=0.7)
    model = model_of(sgd())
    batches, epochs = tracked(model, programs, *plan.keras_callbacks())
    want = [pytest.approx(scalars(programs, tick), rel=1e-4, abs=1e-8) for tick in range(16)]
    assert batches == want
    assert epochs == want[3::4]


def test_the_tracker_of_a_plateau() -> None:
    schedule = schedlang.parse("warmup 4 from=0 -> plateau factor=0.5 patience=0")
    callbacks = [Metric([1.0] * 4), *schedule.keras_callbacks(lr=0.1)]
    batches, _ = tracked(model_of(sgd()), schedule.bind(lr=0.1), *callbacks)
    rates = [0.0, 0.025, 0.05, 0.075, *8 * [0.1], *4 * [0.05]]
    assert [each["schedule/lr"] for each in batches] == pytest.approx(rates, abs=1e-8)
    assert [each["schedule/phase"] for each in batches] == 4 * [0] + 12 * [1]


def test_the_tracker_under_gradient_accumulation() -> None:
    schedule = schedlang.parse("linear 8")
    rate = schedule.to_keras(lr=0.1, gradient_accumulation_steps=2)
    model = model_of(keras.optimizers.SGD(rate, gradient_accumulation_steps=2))
    batches, _ = tracked(model, schedule.bind(lr=0.1))
    assert [each["schedule/progress"] for each in batches] == [i // 2 / 8 for i in range(16)]
    rates = [0.1 * (1 - i // 2 / 8) for i in range(16)]
    assert [each["schedule/lr"] for each in batches] == pytest.approx(rates, rel=1e-6)
