"""The example programs train with the config file's schedule, and record its curve."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("program", "tolerance"),
    [("train_torch.py", 1e-15), ("train_keras.py", 1e-7)],  # Keras computes in float32
)
def test_the_rates_in_use_are_the_curve(program: str, tolerance: float) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / program)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # so small a model is slower on many threads
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    said = dict(line.split(maxsplit=1) for line in ran.stdout.splitlines())
    assert list(said) == ["schedule", "updates", "difference", "accuracy"]
    assert said["schedule"] == "warmup linear 10 -> cosine 90 min=1e-4"
    assert said["updates"] == "1200, 12 an epoch"
    assert float(said["difference"].split()[0]) <= tolerance
    accuracy = re.match(r"([\d.]+)% on 360 other digits", said["accuracy"])
    assert accuracy
    assert float(accuracy[1]) > 95
