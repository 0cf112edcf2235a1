"""How the tests run a command, in this process or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, NamedTuple


class Ran(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Ran]


def start(
    *arguments: str,
    cwd: Path | None = None,
    stdout: IO[bytes] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Ran:
    """Run ``python -m schedlang`` in a process of its own; what it prints is decoded as UTF-8."""
    ran = subprocess.run(
        [sys.executable, "-m", "schedlang", *arguments],
        stdout=subprocess.PIPE if stdout is None else stdout,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "80", **(environ or {})},
        check=False,
    )
    return Ran(ran.returncode, (ran.stdout or b"").decode(), ran.stderr.decode())
