"""A classifier of handwritten digits that is trained with a line: what both sweeps try lines on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import schedlang

SPACE = schedlang.Space(
    "lr=<0.001 .. 1 log> | warmup <1% .. 20%> -> <cosine, linear> rest min=<0, 1%, 10%>"
)
BATCH = 120


def accuracies(line: str, epochs: int) -> Iterator[float]:
    """The share of 360 other digits that are recognised, after each epoch."""
    torch.manual_seed(0)
    torch.set_num_threads(1)  # so small a model is slower on many threads
    images, labels = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(
        torch.tensor(images / 16, dtype=torch.float32),
        torch.tensor(labels),
        test_size=0.2,
        random_state=0,
        stratify=labels,
    )
    batches = DataLoader(TensorDataset(x, y), BATCH, shuffle=True)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))

    schedule = schedlang.parse(line)
    optimizer = torch.optim.SGD(model.parameters(), lr=float(schedule.lr or 0.1), momentum=0.9)
    scheduler = schedule.to_torch(optimizer, total=epochs * len(batches))
    for _ in range(epochs):
        for x_batch, y_batch in batches:
            loss = nn.functional.cross_entropy(model(x_batch), y_batch)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            optimizer.step()
            scheduler.step()
        yield (model(x_test).argmax(dim=1) == y_test).double().mean().item()


def show(line: str, accuracy: float, picture: Path) -> None:
    """Print the best line and its accuracy, and draw its curve."""
    figure = Figure()
    schedlang.parse(line).plot(total=100, ax=figure.subplots())
    figure.savefig(picture)
    print(f"accuracy  {accuracy:.1%} on 360 other digits")
    print(f"line      {line}")
    print(f"curve     {picture}, in percent of the run")
