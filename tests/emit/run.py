"""Runs emitted files in an interpreter that has no schedlang, and says where their values are off.

python run.py JOBS.json: a list of jobs, each with the path of a file, how to call it, the ticks and
the values that must come out. The answer, a list of complaints, is the last line that is printed.
"""

import contextlib
import copy
import importlib.util
import json
import math
import sys
import warnings
from pathlib import Path
from typing import Any


class _NoSchedlang:
    """Importing schedlang fails, as it does where it was never installed."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] == "schedlang":
            raise ModuleNotFoundError(f"an emitted file must not import {name}")


def _load(job: dict[str, Any]) -> Any:
    spec = importlib.util.spec_from_file_location(f"emitted_{job['name']}", job["path"])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _python(module: Any, job: dict[str, Any]) -> dict[str, list[float]]:
    return {"rates": [module.learning_rate(tick, *job["lr"]) for tick in job["ticks"]]}


def _torch(module: Any, job: dict[str, Any]) -> dict[str, list[float]]:
    return trace(module.build_scheduler, job)


def trace(build: Any, job: dict[str, Any]) -> dict[str, list[float]]:
    """The rates and momenta of all groups before each update of a small training.

    Metrics come with `step`, or by `observe` after it; at the tick ``cut`` the training is saved,
    and goes on in objects of its own.
    """
    import torch

    def fresh() -> tuple[Any, Any]:
        groups = [
            {"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in job["groups"]
        ]
        if job.get("adam"):
            optimizer: Any = torch.optim.Adam(groups, betas=(0.5, 0.9))
        else:
            optimizer = torch.optim.SGD(groups, momentum=0.5)
        return optimizer, build(optimizer)

    optimizer, scheduler = fresh()
    rates: list[float] = []
    momenta: list[float] = []
    for tick in range(job["ticks"][-1] + 1):
        if tick == job.get("cut"):
            saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
            optimizer, scheduler = fresh()
            optimizer.load_state_dict(saved[0])
            scheduler.load_state_dict(saved[1])
        for group in optimizer.param_groups:
            rates.append(float(group["lr"]))
            momenta.append(float(group["betas"][0] if job.get("adam") else group["momentum"]))
        optimizer.step()
        metric = job["metrics"][tick] if tick < len(job["metrics"]) else None
        if metric is None:
            scheduler.step()
        elif job.get("observe"):
            scheduler.step()
            scheduler.observe(metric)
        else:
            scheduler.step(metric)
    return {"rates": rates, "momenta": momenta}


def _keras(module: Any, job: dict[str, Any]) -> dict[str, list[float]]:
    schedule = module.build_schedule(*job["lr"])
    again = type(schedule).from_config(schedule.get_config())
    if type(schedule).__module__.startswith("keras."):  # its own take one step at a time
        return {"rates": [float(again(tick)) for tick in job["ticks"]]}
    import numpy as np

    assert np.shape(again(3)) == ()
    return {"rates": np.asarray(again(np.asarray(job["ticks"], np.int32))).tolist()}


def _compiled(module: Any, job: dict[str, Any]) -> dict[str, list[float]]:
    """The rates at single steps, of the kind that an optimizer counts, in compiled functions."""
    import keras

    schedule = module.build_schedule(*job["lr"])
    compiled = {"rates": schedule}
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        step = [tf.TensorSpec((), "int64")]
        compiled["rates"] = tf.function(schedule, input_signature=step)
        compiled["xla"] = tf.function(schedule, input_signature=step, jit_compile=True)
    elif keras.config.backend() == "jax":
        import jax

        compiled["rates"] = jax.jit(schedule)
    steps = [keras.ops.convert_to_tensor(tick, dtype="int") for tick in job["ticks"]]
    found = {name: [float(rate(step)) for step in steps] for name, rate in compiled.items()}
    return {"xla": found["rates"], **found}


def _reloaded(module: Any, job: dict[str, Any]) -> dict[str, list[float]]:
    """The rates and momenta of a `fit` that goes on in a model that was saved and loaded."""
    import keras

    found: dict[str, list[float]] = {"rates": [], "momenta": []}
    model = small(keras.optimizers.Adam(module.build_schedule(*job["lr"]), beta_1=0.5))
    for _ in range(2):
        callbacks: list[Any] = getattr(module, "build_callbacks", list)()
        callbacks.append(recording("learning_rate", found["rates"]))
        fit(model, 2, [*callbacks, recording("beta_1", found["momenta"])])
        model.save(f"{job['path']}.keras")
        model = keras.models.load_model(f"{job['path']}.keras")
    return {**found, "configured": [model.optimizer.get_config()["beta_1"]]}


def _fit(module: Any, job: dict[str, Any]) -> dict[str, list[float]]:
    return fitted(module.build_schedule, module.build_callbacks, job)


def fitted(schedule: Any, callbacks: Any, job: dict[str, Any]) -> dict[str, list[float]]:
    """The rates and momenta of a small `fit`, as each update finds them, and its last weights.

    Each of its epochs has the next of the job's metrics, whatever the model's own is. In the epoch
    ``crash`` it breaks off, and goes on in objects of its own.
    """
    import keras

    found: dict[str, list[float]] = {"rates": [], "momenta": []}
    moves = job["moves"]

    class Metrics(keras.callbacks.Callback):
        def __init__(self, crash: int | None) -> None:
            super().__init__()
            self.crash = crash

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == self.crash:
                raise KeyboardInterrupt

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["val_loss"] = job["metrics"][epoch]

    for crash in (job["crash"], None) if "crash" in job else (None,):
        kind = keras.optimizers.SGD if moves == "momentum" else keras.optimizers.Adam
        options = {moves: 0.5, **job.get("optimizer", {})}
        compiled = job.get("compile", {})
        if keras.config.backend() == "torch":  # which knows of no more than one
            compiled = {**compiled, "steps_per_execution": 1}
        with job.get("scope", contextlib.nullcontext)():
            optimizer = kind(schedule() if job["scheduled"] else 0.5, **options)
            if job.get("scaled"):
                optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
            model = small(optimizer, **compiled)
        if job.get("before"):  # a step is compiled then, and all is as if it had not been
            start = model.get_weights()
            fit(model, 1, [])
            model.set_weights(start)
            for variable in model.optimizer.variables:
                variable.assign(keras.ops.zeros(variable.shape, variable.dtype))
        every = [Metrics(crash), *callbacks()]
        every += [recording("learning_rate", found["rates"]), recording(moves, found["momenta"])]
        if "crash" in job:
            every.append(keras.callbacks.BackupAndRestore(f"{job['path']}.backup"))
        with contextlib.suppress(KeyboardInterrupt):
            fit(model, len(job["metrics"]), every)
    found["weights"] = [float(x) for array in model.get_weights() for x in array.flat]
    return found


def small(optimizer: Any, **options: Any) -> Any:
    """A model that begins the same everywhere."""
    import keras

    layer = keras.layers.Dense(1, kernel_initializer="ones", bias_initializer="ones")
    model = keras.Sequential([keras.layers.Input((2,)), layer])
    model.compile(optimizer, "mse", **options)
    return model


def fit(model: Any, epochs: int, callbacks: list[Any]) -> None:
    """Three updates an epoch."""
    import numpy as np

    xs = np.arange(24, dtype="float32").reshape(12, 2) % 5 / 5
    ys = 3 - xs.sum(axis=1, keepdims=True)
    model.fit(xs, ys, batch_size=4, epochs=epochs, callbacks=callbacks, shuffle=False, verbose=0)


def recording(name: str, found: list[float]) -> Any:
    """A callback that writes down what an attribute of the optimizer is before each update."""
    import keras

    class Recording(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if keras.config.backend() == "jax":
                self.model.jax_state_sync()
            optimizer = self.model.optimizer
            optimizer = getattr(optimizer, "inner_optimizer", optimizer)
            found.append(float(getattr(optimizer, name) + 0))  # distributed variables have sums

    return Recording()


def _optax(module: Any, job: dict[str, Any]) -> dict[str, list[float]]:
    import jax
    import jax.numpy as jnp
    import numpy as np

    def call(step: Any) -> Any:
        return module.learning_rate(step, *job["lr"])

    call = jax.jit(call) if job["compiled"] else call
    ticks = job["ticks"] + job["ticks"][-1:] * (-len(job["ticks"]) % 256)  # few shapes compile once
    rates = jax.vmap(call)(jnp.asarray(ticks))
    assert rates.dtype == jnp.float32
    assert module.learning_rate(3, *job["lr"]).shape == ()
    return {"rates": np.asarray(rates)[: len(job["ticks"])].tolist()}  # JAX compiles what cuts it


def _plan(module: Any, job: dict[str, Any]) -> dict[str, list[float]]:
    return planned(getattr(module, "build_schedule", None), module.build_callbacks, job)


def planned(schedule: Any, callbacks: Any, job: dict[str, Any]) -> dict[str, list[float]]:
    """The numbers of an optimizer as each update finds them, in a model that is saved and loaded.

    Its last weights too, and what its config has.
    """
    import keras

    names = job["options"]
    found: dict[str, list[float]] = {name: [] for name in ("learning_rate", *names)}
    kind = getattr(keras.optimizers, job["optimizer"])
    model = small(kind(schedule() if schedule else 0.1, **names))
    for _ in range(2):
        every = [recording(name, values) for name, values in found.items()]
        fit(model, 4, [*callbacks(), *every])
        model.save(f"{job['path']}.keras")
        model = keras.models.load_model(f"{job['path']}.keras")
    found["weights"] = [float(x) for array in model.get_weights() for x in array.flat]
    found["config"] = [model.optimizer.get_config()[name] for name in names]
    return found


RUN = {"python": _python, "torch": _torch, "keras": _keras, "optax": _optax}
RUN |= {"plan": _plan, "fit": _fit, "compiled": _compiled, "reloaded": _reloaded}


def off(got: float, want: float, least: float) -> float:
    if got == want or (math.isnan(got) and math.isnan(want)):  # what grows for ever, overflows
        return 0.0
    return abs(got - want) / max(abs(want), least) if math.isfinite(got) else math.inf


def complaints(job: dict[str, Any]) -> list[str]:
    try:
        found = RUN[job["target"]](_load(job), job)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the test is looking for
        return [f"{job['name']}: {type(error).__name__}: {error}"]
    wrong = []
    for what, wanted in job["want"].items():
        values = found[what]
        if len(values) < len(wanted):
            return [f"{job['name']}: {len(values)} {what} where there must be {len(wanted)}"]
        for i, (got, want) in enumerate(zip(values, wanted, strict=False)):
            least = job["scale"] * job.get("floor", 1e-4)
            if want is not None and off(got, want, least) > job["tolerance"]:
                wrong.append(f"{job['name']}: {what}[{i}] is {got}, not {want}")
                break
    return wrong


if __name__ == "__main__":
    warnings.simplefilter("error")
    # Keras' own way of reading a variable, met when a model is saved; NumPy 2 objects.
    warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning, "keras")
    sys.meta_path.insert(0, _NoSchedlang())
    jobs = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a framework says about itself while it is imported
        target = jobs[0]["target"]
        if target != "python":
            importlib.import_module(target if target in {"torch", "optax"} else "keras")
    if "torch" in sys.modules and sys.modules["torch"].__version__.startswith("2.4."):
        # Its SequentialLR begins each phase but the first in a way that it has deprecated itself.
        warnings.filterwarnings("ignore", "The epoch parameter in", UserWarning, "torch.optim")
    found = [complaint for job in jobs for complaint in complaints(job)]
    sys.stdout.write(f"\n{json.dumps(found)}\n")
