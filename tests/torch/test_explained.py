"""What `explain` lists for PyTorch is what is built."""

from __future__ import annotations

import re

import pytest
import torch
from torch.optim.lr_scheduler import SequentialLR

import schedlang
from schedlang.cli.targets import targets
from tests.cases import CASES, PLATEAUS, Case


@pytest.mark.parametrize("case", [*CASES, *PLATEAUS], ids=str)
def test_the_classes_are_those_that_are_built(case: Case) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=case.lr, momentum=0.9)
    built = schedlang.to_torch(optimizer, case.text, **case.binding)
    listed = dict(targets(schedlang.parse(case.text).bind(lr=case.lr, **case.binding)))["PyTorch"]
    named = re.findall(r"(?m)^ *(\w*LR\w*|CosineAnnealingWarmRestarts)\b", "\n".join(listed))
    if isinstance(built, SequentialLR):
        children = [type(child).__name__ for child in built._schedulers]
        marks = ", ".join(f"{mark:,}" for mark in built._milestones)
        assert named == ["SequentialLR", *children]
        assert listed[0].removesuffix(":").endswith(f" {marks}")
    elif "fused" in listed[0]:
        assert type(built).__name__ == "Fused"
    else:
        assert named == [type(built).__name__]
