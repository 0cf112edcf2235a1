"""How the tests run an example that sweeps."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def swept(program: str, arguments: Sequence[str], picture: Path) -> dict[str, str]:
    """What the example prints, by the first word of each line."""
    ran = subprocess.run(
        [sys.executable, str(ROOT / "examples" / program), "--picture", str(picture), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        cwd=picture.parent,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    words = [line.split(maxsplit=1) for line in ran.stdout.splitlines()[-5:]]
    printed = dict(pair for pair in words if len(pair) == 2)
    assert list(printed) == ["trials", "pruned", "accuracy", "line", "curve"], ran.stdout
    assert printed["curve"] == f"{picture}, in percent of the run"
    assert "<svg" in picture.read_text(encoding="utf-8")
    number = r"[\d.e-]+"
    assert re.fullmatch(
        rf"lr={number} \| warmup {number}% -> (cosine|linear) rest min=(0|1%|10%)", printed["line"]
    )
    return printed
