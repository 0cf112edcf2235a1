"""Runs emitted files in an interpreter that has no schedlang, and says where their values are off.

python run.py JOBS.json: a list of jobs, each with the path of a file, how to call it, the ticks and
the values that must come out. The answer, a list of complaints, is the last line that is printed.
"""

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


def _fit(module: Any, job: dict[str, Any]) -> dict[str, list[float]]:
    return fitted(module.build_schedule(), module.build_callbacks(), job)


def fitted(schedule: Any, callbacks: list[Any], job: dict[str, Any]) -> dict[str, list[float]]:
    """The rates and momenta of a small `fit`, as each update finds them.

    Each of its epochs has the next of the job's metrics, whatever the model's own is.
    """
    import keras
    import numpy as np

    rates: list[float] = []
    momenta: list[float] = []

    class Metrics(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["val_loss"] = job["metrics"][epoch]

    class Recording(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if keras.config.backend() == "jax":
                self.model.jax_state_sync()
            rate = optimizer.learning_rate
            rates.append(float(keras.ops.convert_to_tensor(rate)))
            momenta.append(float(keras.ops.convert_to_tensor(getattr(optimizer, job["moves"]))))

    rate = schedule if job["scheduled"] else 0.5
    kind = keras.optimizers.SGD if job["moves"] == "momentum" else keras.optimizers.Adam
    optimizer = kind(rate, **{job["moves"]: 0.5})
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(optimizer, "mse", run_eagerly=job["eager"])
    xs, ys = np.ones((12, 2), "float32"), np.zeros((12, 1), "float32")
    every = [Metrics(), *callbacks, Recording()]
    epochs = len(job["metrics"])
    model.fit(xs, ys, batch_size=4, epochs=epochs, callbacks=every, shuffle=False, verbose=0)
    return {"rates": rates, "momenta": momenta}


def _optax(module: Any, job: dict[str, Any]) -> dict[str, list[float]]:
    import jax
    import jax.numpy as jnp

    compiled = jax.jit(lambda step: module.learning_rate(step, *job["lr"]))
    rates = jax.vmap(compiled)(jnp.asarray(job["ticks"]))
    assert rates.dtype == jnp.float32
    assert module.learning_rate(3, *job["lr"]).shape == ()
    return {"rates": [float(rate) for rate in rates]}


RUN = {"python": _python, "torch": _torch, "keras": _keras, "optax": _optax, "fit": _fit}


def off(got: float, want: float, lr: float) -> float:
    return abs(got - want) / max(abs(want), 1e-4 * lr) if math.isfinite(got) else math.inf


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
            if want is not None and off(got, want, job["scale"]) > job["tolerance"]:
                wrong.append(f"{job['name']}: {what}[{i}] is {got}, not {want}")
                break
    return wrong


if __name__ == "__main__":
    warnings.simplefilter("error")
    sys.meta_path.insert(0, _NoSchedlang())
    jobs = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a framework says about itself while it is imported
        target = jobs[0]["target"]
        if target != "python":
            importlib.import_module({"fit": "keras"}.get(target, target))
    found = [complaint for job in jobs for complaint in complaints(job)]
    sys.stdout.write(f"\n{json.dumps(found)}\n")
