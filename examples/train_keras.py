"""Train a classifier of handwritten digits in Keras, with the schedule of a config file.

    python examples/train_keras.py [config.yaml]

The rate of every update is recorded and compared with the schedule's curve.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import yaml
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import schedlang


class Recorder(keras.callbacks.Callback):
    """Notes the rate that each update is about to use."""

    def __init__(self) -> None:
        super().__init__()
        self.rates: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.rates.append(float(self.model.optimizer.learning_rate))


def main(path: Path) -> None:
    """Train with the file's schedule, and print the result."""
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    training = config["train"]
    keras.utils.set_random_seed(config["seed"])

    images, labels = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(
        (images / 16).astype("float32"),
        labels,
        test_size=config["data"]["test_share"],
        random_state=config["seed"],
        stratify=labels,
    )

    hidden = [keras.layers.Dense(size, activation="relu") for size in config["model"]["hidden"]]
    model = keras.Sequential([keras.Input((64,)), *hidden, keras.layers.Dense(10)])

    # One tick of this schedule is one epoch, and Keras counts updates: each rate is held for an
    # epoch's updates.
    schedule = schedlang.parse(training["lr_schedule"])
    updates = math.ceil(len(x) / training["batch_size"])
    rate = schedule.to_keras(training["lr"], clock="epoch", steps_per_epoch=updates)
    model.compile(
        optimizer=keras.optimizers.SGD(rate, momentum=training["momentum"]),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    recorder = Recorder()
    model.fit(
        x,
        y,
        batch_size=training["batch_size"],
        epochs=training["epochs"],
        callbacks=[recorder],
        verbose=0,
    )

    curve = schedule.bind(training["lr"], clock="epoch").curve(training["epochs"])
    difference = np.abs(np.array(recorder.rates) - np.repeat(curve, updates)).max()
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"schedule    {schedule}")
    print(f"updates     {len(recorder.rates)}, {updates} an epoch")
    print(f"difference  {difference:.1e} at most, between the rates in use and the curve")
    print(f"accuracy    {accuracy:.1%} on {len(x_test)} other digits")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("config.yaml"))
