"""The published plans of the page on plans, against the formulas of the projects' own code.

The formulas are those of facebookresearch/dino (``utils.cosine_scheduler``, ``DINOLoss``),
facebookresearch/dinov2 (``dinov2/train/train.py``), ultralytics/yolov5 (``train.py``),
facebookresearch/mae (``util/lr_sched.py``, ``util/lr_decay.py``) and tensorflow/tpu
(``efficientnet/utils.py``); GPT-3's are those of its paper's appendix B.
"""

from __future__ import annotations

from math import cos, pi
from typing import Any

import numpy as np
import pytest
import torch

import schedlang
from schedlang.torch import record
from tests.docs.markdown import ROOT, blocks


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """What the blocks of the page define."""
    text = (ROOT / "docs" / "plans.md").read_text(encoding="utf-8")
    begin = text[: text.index("## Published plans")].count("\n")
    names: dict[str, Any] = {"schedlang": schedlang, "torch": torch}
    found = [block for block in blocks(ROOT / "docs" / "plans.md") if block.line > begin]
    assert len(found) == 6
    for block in found:
        exec(block.code, names)
    return names


def dino_cosine(
    base: float, final: float, epochs: int, per_epoch: int, warmup_epochs: int = 0
) -> np.ndarray:
    warmup = np.linspace(0, base, warmup_epochs * per_epoch)
    iters = np.arange(epochs * per_epoch - len(warmup))
    curve = final + 0.5 * (base - final) * (1 + np.cos(np.pi * iters / len(iters)))
    return np.concatenate((warmup, curve))


@pytest.mark.parametrize("per_epoch", [1000, 1251])
def test_dino(page: dict[str, Any], per_epoch: int) -> None:
    plan = page["dino"]
    if per_epoch != 1000:  # the last update of the warm-up is written in updates
        lr = plan.mapping()["lr"].replace("9999st", f"{10 * per_epoch - 1}st")
        plan = schedlang.Plan({**plan.mapping(), "lr": lr})
    bound = plan.bind(lr=5e-4, weight_decay=0.04, steps_per_epoch=per_epoch)
    temperature = np.concatenate((np.linspace(0.04, 0.07, 30), np.ones(70) * 0.07))
    for name, want in [
        ("lr", dino_cosine(5e-4, 1e-6, 100, per_epoch, 10)),
        ("weight_decay", dino_cosine(0.04, 0.4, 100, per_epoch)),
        ("teacher_momentum", dino_cosine(0.996, 1, 100, per_epoch)),
        ("teacher_temperature", np.repeat(temperature, per_epoch)),
    ]:
        got = bound[name].curve(100 * per_epoch)
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-15, err_msg=name)


def test_dino_leaves_biases_without_decay(page: dict[str, Any]) -> None:
    groups: list[dict[str, Any]] = [
        {"params": [torch.zeros(2, requires_grad=True)]},
        {"params": [torch.zeros(2, requires_grad=True)], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=5e-4, weight_decay=0.04)
    scheduler = page["dino"].to_torch(optimizer, steps_per_epoch=1000)
    want = dino_cosine(0.04, 0.4, 100, 1000)[:3000]
    assert record(scheduler, 3000, key="weight_decay") == pytest.approx(want, rel=1e-9)
    assert not record(scheduler, 3000, group=1, key="weight_decay").any()


def test_dinov2(page: dict[str, Any]) -> None:
    length, names = 1250, ("blocks.0", "patch_embed", "last_layer")
    rates = {"blocks.0": 0.004 * 0.9**12, "patch_embed": 0.004 * 0.2, "last_layer": 0.004}
    bound = page["dinov2"].bind(names, lr=rates, weight_decay=0.04)
    rate = dino_cosine(0.004, 1e-6, 100, length, 10)
    for name in names:
        want = rate * (rates[name] / 0.004)
        if name == "last_layer":
            want[:length] = 0
        got = bound["lr"][name].curve(100 * length)
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-15, err_msg=name)
    decay = bound["weight_decay"]["blocks.0"].curve(100 * length)
    np.testing.assert_allclose(decay, dino_cosine(0.04, 0.4, 100, length), rtol=1e-9)
    momentum = bound["teacher_momentum"].curve(100 * length)
    np.testing.assert_allclose(momentum, dino_cosine(0.992, 1, 100, length), rtol=1e-9)
    temperature = np.full(100 * length, 0.07)
    temperature[: 30 * length] = np.linspace(0.04, 0.07, 30 * length)
    got = bound["teacher_temperature"].curve(100 * length)
    np.testing.assert_allclose(got, temperature, rtol=1e-9)


def test_yolo(page: dict[str, Any]) -> None:
    lr0, lrf, epochs, batches = 0.01, 0.01, 100, 100
    warmup_bias_lr, warmup_momentum, momentum = 0.1, 0.8, 0.937
    warm = 3 * batches
    want: dict[str, list[float]] = {"bias": [], "weights": [], "momentum": []}
    for ni in range(epochs * batches):
        factor = (1 - (ni // batches) / epochs) * (1.0 - lrf) + lrf
        rate = lr0 * factor
        bias = float(np.interp(ni, [0, warm], [warmup_bias_lr, rate])) if ni <= warm else rate
        other = float(np.interp(ni, [0, warm], [0.0, rate])) if ni <= warm else rate
        want["bias"].append(bias)
        want["weights"].append(other)
        want["momentum"].append(float(np.interp(ni, [0, warm], [warmup_momentum, momentum])))
    groups = ("bias", "weights")
    bound = page["yolo"].bind(groups, lr=lr0, momentum=momentum, steps_per_epoch=batches)
    for group in groups:
        got = bound["lr"][group].curve(epochs * batches)
        np.testing.assert_allclose(got, want[group], rtol=1e-9, err_msg=group)
        got = bound["momentum"][group].curve(epochs * batches)
        np.testing.assert_allclose(got, want["momentum"], rtol=1e-9)


def test_mae(page: dict[str, Any]) -> None:
    lr, min_lr, warmup_epochs, epochs, batches = 1e-3, 1e-6, 5, 100, 100
    recorded = [record(page["scheduler"], 10_000, group=layer) for layer in (0, 6, 13)]
    for layer, got in zip((0, 6, 13), recorded, strict=True):
        scale = 0.75 ** (13 - layer)
        want = []
        for update in range(epochs * batches):
            epoch = update / batches
            if epoch < warmup_epochs:
                rate = lr * epoch / warmup_epochs
            else:
                share = (epoch - warmup_epochs) / (epochs - warmup_epochs)
                rate = min_lr + (lr - min_lr) * 0.5 * (1.0 + cos(pi * share))
            want.append(rate * scale)
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("per_epoch", [312, 1251])
def test_efficientnet(page: dict[str, Any], per_epoch: int) -> None:
    bound = page["efficientnet"].bind(lr=0.256, steps_per_epoch=per_epoch)
    warmup = 5 * per_epoch
    rates = [
        0.256 * n / warmup if n < warmup else 0.256 * 0.97 ** (n * 5 // (12 * per_epoch))
        for n in range(60 * per_epoch)
    ]
    np.testing.assert_allclose(bound["lr"].curve(len(rates)), rates, rtol=1e-9)
    decays = [min(0.9999, (1 + n) / (10 + n)) for n in range(100_000)]
    np.testing.assert_allclose(bound["ema_decay"].curve(len(decays)), decays, rtol=1e-12)


def test_gpt3(page: dict[str, Any]) -> None:
    bound = page["gpt3"].bind(lr=6e-5)
    rates, batches = [], []
    for millions in range(300_000):
        tokens = millions * 1e6
        share = min((tokens - 375e6) / (260e9 - 375e6), 1.0)
        cosine = 6e-6 + 0.5 * (6e-5 - 6e-6) * (1 + cos(pi * share))
        rates.append(6e-5 * tokens / 375e6 if tokens < 375e6 else cosine)
        batches.append(32e3 + (3.2e6 - 32e3) * min(tokens / 12e9, 1.0))
    np.testing.assert_allclose(bound["lr"].curve(len(rates)), rates, rtol=1e-9)
    np.testing.assert_allclose(bound["batch_size"].curve(len(batches)), batches, rtol=1e-9)
