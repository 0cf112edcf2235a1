"""Rates that are tensors: written in place, and no reason to compile again."""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.testing import CompileCounter

import schedlang
from tests.cases import CASES, Case
from tests.torch.rig import assert_close, look, on, sgd, train


@pytest.mark.parametrize("case", CASES[::3], ids=str)
def test_written_in_place(case: Case) -> None:
    optimizer = sgd(case.lr, tensor=True)
    rate = optimizer.param_groups[0]["lr"]
    scheduler = on(case, optimizer)
    rates = [seen.rates[0] for seen in train(scheduler, 80)]
    assert_close(rates, case.bind().curve(80), case.lr)
    assert optimizer.param_groups[0]["lr"] is rate
    last = scheduler.get_last_lr()[0]
    assert isinstance(last, torch.Tensor)
    assert last == rate
    assert last is not rate
    last.fill_(7.0)  # a copy: the optimizer does not notice
    optimizer.param_groups[0]["initial_lr"].fill_(7.0)
    assert float(rate) == pytest.approx(case.bind().at(80), rel=1e-9, abs=1e-13)


def test_single_precision_does_not_drift() -> None:
    line = schedlang.parse("warmup 100 -> cosine 900 min=1%")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=torch.tensor(0.1))
    rates = [seen.rates[0] for seen in train(line.to_torch(optimizer), 1100)]
    assert_close(rates, line.bind(lr=0.1).curve(1100), 0.1, 1e-6)


@pytest.mark.parametrize(
    "line", ["plateau factor=0.5 patience=0", "hold 1 -> plateau factor=0.5 patience=0"]
)
def test_plateau_in_place(line: str) -> None:
    optimizer = sgd(0.1, tensor=True)
    rate = optimizer.param_groups[0]["lr"]
    train(schedlang.parse(line).to_torch(optimizer), 4, [1.0] * 4)
    assert optimizer.param_groups[0]["lr"] is rate
    assert look(optimizer).rates[0] < 0.1


# PyTorch's own, from what it imports when it compiles.
OF_PYTORCH = pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated")


@OF_PYTORCH
def test_a_compiled_step_compiles_once() -> None:
    torch._dynamo.reset()
    parameter = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.Adam([parameter], lr=torch.tensor(0.1), capturable=False, foreach=False)
    scheduler = schedlang.parse("warmup 10 -> cosine 90").to_torch(optimizer)
    counter = CompileCounter()
    step = torch.compile(optimizer.step, backend=counter)
    compiled = []
    for _ in range(100):
        parameter.grad = torch.ones(3)
        step()
        scheduler.step()
        compiled.append(counter.frame_count)
    assert compiled[-1] == compiled[1]  # the first two differ: the state is made in the first


@OF_PYTORCH
def test_a_rate_that_is_no_tensor_compiles_again_and_again() -> None:
    torch._dynamo.reset()  # that the count above counts
    parameter = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.Adam([parameter], lr=torch.tensor(0.1), foreach=False)
    counter = CompileCounter()
    step = torch.compile(optimizer.step, backend=counter)
    for i in range(4):
        parameter.grad = torch.ones(3)
        optimizer.param_groups[0]["lr"] = 0.1 / (i + 1)
        step()
    assert counter.frame_count > 1
