"""The lines of docs/coming-from.md have the rates of PyTorch's schedulers, class by class."""

from __future__ import annotations

import pytest
from torch.optim import lr_scheduler

import schedlang
from tests.docs.markdown import ROOT, rows
from tests.torch.rig import sgd

ROWS = rows(ROOT / "docs" / "coming-from.md", "### PyTorch")
METRICS = [1 / (1 + tick) if tick < 20 else 0.5 for tick in range(60)]


@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step")  # PyTorch's own call
@pytest.mark.parametrize(("call", "line"), ROWS, ids=[row[0].partition("(")[0] for row in ROWS])
def test_the_line_has_the_rates_of_the_scheduler(call: str, line: str) -> None:
    scheduler = eval(call, dict(vars(lr_scheduler)), {"optimizer": sgd()})
    plateau = "Plateau" in call
    # To the tick where the cosine of PyTorch rises again, and the end of one-cycle raises.
    steps = 60 if plateau or not schedlang.parse(line).bind(lr=0.1).length else None
    metrics = METRICS if plateau else None
    assert schedlang.compare(line, scheduler, steps, metrics=metrics, lr=0.1) is None
    wrong = line.replace("0.1", "0.2").replace("90", "91").replace("0.5", "0.6")
    wrong = wrong.replace("0.95", "0.96").replace("first=10", "first=11")
    again = eval(call, dict(vars(lr_scheduler)), {"optimizer": sgd()})
    assert schedlang.compare(wrong, again, 60, metrics=metrics, lr=0.1) is not None
