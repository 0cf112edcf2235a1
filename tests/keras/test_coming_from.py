"""The lines of docs/coming-from.md have the rates of Keras' schedules, class by class."""

from __future__ import annotations

import numpy as np
import pytest
from keras.optimizers import schedules

import schedlang
from tests.docs.markdown import ROOT, rows

ROWS = [
    row
    for row in rows(ROOT / "docs" / "coming-from.md", "### Keras")
    if not row[0].startswith("LearningRateScheduler")  # a callback
]
DROPS = (100, 200)
"""Keras drops one update after these boundaries, and a line on them."""


@pytest.mark.parametrize(("call", "line"), ROWS, ids=[row[0].partition("(")[0] for row in ROWS])
def test_the_line_has_the_rates_of_the_schedule(call: str, line: str) -> None:
    schedule = eval(call, dict(vars(schedules)))
    program = schedlang.parse(line).bind()
    ticks = [0, 1, 2, 50, 99, 101, 150, 199, 201, 299, 301, 500, 999, 1000]
    ticks += [] if "Piecewise" in call else list(DROPS)
    got = np.array([float(schedule(tick)) for tick in ticks])
    want = np.array([program.at(tick) for tick in ticks])
    assert np.allclose(got, want, rtol=2e-5, atol=1e-6)
    assert want.max() > 0.09
