"""Two processes under torchrun: their rates agree, if they hear the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import schedlang

RANKS = Path(__file__).with_name("ranks.py")


def rates_of_ranks(how: str) -> list[list[float]]:
    command = [
        sys.executable,
        "-W",
        "error::schedlang.ScheduleWarning",
        "-m",
        "torch.distributed.run",
    ]
    command += ["--standalone", "--nproc-per-node=2", str(RANKS), how]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(RANKS.parents[2]), os.environ.get("PYTHONPATH", "")]),
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    ranks: list[list[float]] = json.loads(done.stdout.splitlines()[-1])
    return ranks


def test_all_ranks_keep_the_same_rates() -> None:
    one, two = rates_of_ranks("none")
    assert one == two
    assert one == pytest.approx(
        schedlang.parse("warmup 3 -> cosine 10 min=10%").bind(lr=0.1).curve(14)
    )


def test_a_plateau_on_each_ranks_own_metric_diverges() -> None:
    one, two = rates_of_ranks("own")
    assert one[-1] < 0.05
    assert two[-1] == 0.1


def test_a_plateau_on_the_reduced_metric_agrees() -> None:
    one, two = rates_of_ranks("reduced")
    assert one == two
