"""Train a classifier of handwritten digits in PyTorch, with the schedule of a config file.

    python examples/train_torch.py [config.yaml]

The rate of every update is recorded and compared with the schedule's curve.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import yaml
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import schedlang


def main(path: Path) -> None:
    """Train with the file's schedule, and print the result."""
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    training = config["train"]
    torch.manual_seed(config["seed"])

    images, labels = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(
        torch.tensor(images / 16, dtype=torch.float32),
        torch.tensor(labels),
        test_size=config["data"]["test_share"],
        random_state=config["seed"],
        stratify=labels,
    )

    batches = DataLoader(TensorDataset(x, y), training["batch_size"], shuffle=True)

    layers: list[nn.Module] = []
    for inputs, outputs in pairwise([64, *config["model"]["hidden"], 10]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(
        model.parameters(), lr=training["lr"], momentum=training["momentum"]
    )

    # One tick of this schedule is one epoch: the scheduler steps once an epoch.
    schedule = schedlang.parse(training["lr_schedule"])
    scheduler = schedule.to_torch(optimizer, clock="epoch")

    rates: list[float] = []
    for _ in range(training["epochs"]):
        for x_batch, y_batch in batches:
            loss = nn.functional.cross_entropy(model(x_batch), y_batch)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            rates.append(float(optimizer.param_groups[0]["lr"]))
            optimizer.step()
        scheduler.step()

    updates = len(rates) // training["epochs"]
    curve = schedule.bind(training["lr"], clock="epoch").curve(training["epochs"])
    difference = np.abs(np.array(rates) - np.repeat(curve, updates)).max()
    accuracy = (model(x_test).argmax(dim=1) == y_test).double().mean().item()
    print(f"schedule    {schedule}")
    print(f"updates     {len(rates)}, {updates} an epoch")
    print(f"difference  {difference:.1e} at most, between the rates in use and the curve")
    print(f"accuracy    {accuracy:.1%} on {len(x_test)} other digits")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("config.yaml"))
