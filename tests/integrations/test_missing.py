"""A library that is not installed is named, with the extra that installs it."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "missing", "extra"),
    [
        ("jsonargparse", "jsonargparse", "trainers"),
        ("keras", "keras", "tensorflow"),
        ("lightning", "lightning", "trainers"),
        ("transformers", "transformers", "trainers"),
        ("transformers", "torch", "trainers"),
    ],
)
def test_the_extra_is_named(module: str, missing: str, extra: str) -> None:
    name = f"schedlang.integrations.{module}"
    code = f"import sys; sys.modules[{missing!r}] = None; import {name}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        f"ModuleNotFoundError: {name} needs {missing}: pip install 'schedlang[{extra}]'"
    )
