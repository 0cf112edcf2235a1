"""A thousand config files: `check` on their folder, beside loading them with PyYAML."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

FILES = 1000
CONFIG = """\
# @package _global_
defaults:
  - override /model: resnet
  - override /data: imagenet

trainer:
  _target_: lightning.Trainer
  max_epochs: {epochs}
  precision: bf16-mixed
  accelerator: gpu
  devices: 8
optimizer:
  _target_: torch.optim.SGD
  lr: 0.1
  momentum: 0.9
  weight_decay: 1.0e-4
schedule: warmup {warmup}ep -> cosine {decay}ep min={floor}%   # no two are alike
callbacks:
  checkpoint:
    monitor: val/acc
    mode: max
    save_top_k: 3
  early_stopping:
    monitor: val/loss
    patience: 10
logger:
  project: sweep
  tags: [baseline, "run-{epochs}"]
seed: 42
"""
LOADED = """\
import sys, pathlib, yaml
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    yaml.load(path.read_bytes(), yaml.{loader})
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of configs of thirty lines, each with a schedule of its own."""
    made = tmp_path_factory.mktemp("configs")
    for i in range(FILES):
        text = CONFIG.format(epochs=90 + i, warmup=1 + i % 9, decay=80 + i, floor=(1, 10)[i % 2])
        (made / f"{i:04}.yaml").write_text(text, encoding="utf-8")
    return made


@pytest.mark.benchmark(group="check 1,000 files: at most 3 times yaml.safe_load")
@pytest.mark.parametrize("who", ["SafeLoader", "CSafeLoader", "schedlang", "schedlang, lint"])
def test_check(benchmark: Any, folder: Path, who: str) -> None:
    """As processes, so that each pays for its imports."""
    if who.startswith("schedlang"):
        lint = ["--lint"] if who.endswith("lint") else []
        command = [sys.executable, "-m", "schedlang", "check", "-q", *lint, str(folder)]
    else:
        assert yaml.__with_libyaml__
        command = [sys.executable, "-c", LOADED.format(loader=who), str(folder)]
    ran = benchmark.pedantic(
        subprocess.run, (command,), {"check": True, "capture_output": True}, rounds=3
    )
    assert not ran.stderr
