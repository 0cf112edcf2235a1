"""The page on Keras and JAX: its code runs, and each line is what it replaces."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import keras
import numpy as np

import schedlang

PAGE = (Path(__file__).parents[2] / "docs" / "keras-jax.md").read_text(encoding="utf-8")


def test_its_code_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 3
    exec("\n".join(blocks), {})


def test_each_line_is_what_it_replaces() -> None:
    rows = re.findall(r"^\| `(\w+)\((.*?)\)` \| `(.*?)` \|$", PAGE, re.MULTILINE)
    assert len(rows) == 7
    for name, arguments, text in rows:
        call = ast.parse(f"f({arguments})", mode="eval").body
        assert isinstance(call, ast.Call)
        theirs = getattr(keras.optimizers.schedules, name)(
            *map(ast.literal_eval, call.args),
            **{str(k.arg): ast.literal_eval(k.value) for k in call.keywords},
        )
        ours = schedlang.parse(text).to_keras(lr=0.1)
        for step in (0, 1, 9, 10, 11, 19, 20, 21, 50, 99, 100, 101, 1000):
            if name == "CosineDecayRestarts" and step == 1000:
                continue  # theirs finds the cycle by a logarithm in float32
            got, want = float(ours(step)), float(theirs(step))
            assert abs(got - want) <= 1e-4 * max(want, 1e-4), (text, step)
    assert np.isclose(float(schedlang.parse("multistep at=[30]").to_keras(lr=0.1)(30)), 0.01)
