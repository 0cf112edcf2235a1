"""The presets against formulas of their sources, and the recommended lines.

The formulas are written from the papers and the published code, without schedlang: the rate that
update ``n + 1`` uses, over ``n`` (updates, epochs or tokens, whatever the source counts).
"""

from __future__ import annotations

from collections.abc import Callable
from math import cos, isclose, pi, sqrt
from typing import Any

import pytest

import schedlang
from schedlang.linting import lint
from schedlang.presets import PRESETS
from schedlang.recommended import AIMS, ALIASES, TASKS, recommend


def half_cosine(high: float, low: float, part: float) -> float:
    return low + (high - low) * (1 + cos(pi * min(1.0, part))) / 2


def bert(n: int) -> float:
    """optimization.py: polynomial_decay from step 0, and the warm-up instead of its beginning."""
    return 1e-4 * n / 10_000 if n < 10_000 else 1e-4 * (1 - min(n, 1_000_000) / 1_000_000)


def dawnbench(n: int) -> float:
    """dawn.py: PiecewiseLinear([0, 5, 24], [0, 0.4, 0]) at multiples of 1/97 of an epoch."""
    epoch = n / 97
    return 0.4 * epoch / 5 if epoch < 5 else 0.4 * max(0.0, (24 - epoch) / 19)


def deeplab(n: int) -> float:
    return float(0.007 * (1 - min(n, 30_000) / 30_000) ** 0.9)


DEEPSEEK_STEPS = 2e12 / (2304 * 4096)


def deepseek_llm(n: int) -> float:
    if n < 2000:
        return 4.2e-4 * n / 2000
    part = n / DEEPSEEK_STEPS
    return 4.2e-4 * (1 if part < 0.8 else 0.316 if part < 0.9 else 0.1)


def deepseek_v3(n: int) -> float:
    """With 50M tokens an update, near the batch at the end, so that boundaries fall on updates."""
    tokens = n * 50_000_000
    if n < 2000:
        return 2.2e-4 * n / 2000
    if tokens < 10e12:
        return 2.2e-4
    if tokens < 14.3e12:
        return half_cosine(2.2e-4, 2.2e-5, (tokens - 10e12) / 4.3e12)
    return 2.2e-5 if tokens < 14.3e12 + 333e9 else 7.3e-6


def deit(epoch: int) -> float:
    """timm's CosineLRScheduler without a prefix: the cosine is measured from epoch 0."""
    if epoch < 5:
        return 1e-6 + epoch * (1e-3 - 1e-6) / 5
    return half_cosine(1e-3, 1e-5, epoch / 300)


def detr(epoch: int) -> float:
    """torch's StepLR(optimizer, 200)."""
    return float(1e-4 * 0.1 ** (epoch // 200))


STEPS_PER_EPOCH = 312  # 1281167 // 4096


def efficientnet(n: int) -> float:
    """utils.py: exponential_decay(staircase=True) from step 0; the warm-up replaces its start."""
    if n < 5 * STEPS_PER_EPOCH:
        return 0.256 * n / (5 * STEPS_PER_EPOCH)
    return 0.256 * 0.97 ** (n * 10 // (24 * STEPS_PER_EPOCH))


def gpt3(n: int) -> float:
    """With 3.125M tokens an update, near the batch of 3.2M, so that boundaries fall on updates."""
    tokens = n * 3_125_000
    if tokens < 375e6:
        return 6e-5 * tokens / 375e6
    return half_cosine(6e-5, 6e-6, (tokens - 375e6) / (260e9 - 375e6))


def llama2(n: int) -> float:
    steps = 2e12 / 4e6
    return 3e-4 * n / 2000 if n < 2000 else half_cosine(3e-4, 3e-5, (n - 2000) / (steps - 2000))


def llama3(n: int) -> float:
    return 8e-5 * n / 8000 if n < 8000 else half_cosine(8e-5, 8e-7, (n - 8000) / 1_192_000)


def mask_rcnn(n: int) -> float:
    """WarmupMultiStepLR: the warm-up is a factor from 0.001 to 1."""
    alpha = n / 1000
    warmup = 0.001 * (1 - alpha) + alpha if n < 1000 else 1
    return 0.02 * warmup * 0.1 ** sum(n >= step for step in (60_000, 80_000))


MINICPM_STEPS = 260_000


def minicpm(n: int) -> float:
    """Over 260,000 updates: w = 2600, the decay 0.5^((s - S)/5000) from S = 234,000 on."""
    if n < 2600:
        return 0.01 * n / 2600
    return float(0.01 * 0.5 ** (max(0, n - 234_000) / 5000))


def nanogpt(it: int) -> float:
    """train.py get_lr, since the warm-up begins at 1/(warmup_iters + 1)."""
    if it < 2000:
        return 6e-4 * (it + 1) / 2001
    return half_cosine(6e-4, 6e-5, (it - 2000) / 598_000)


def one_cycle(n: int) -> float:
    """fastai's combined_cos(0.25, lr/25, lr, lr/1e5) over n/1000."""
    part = n / 1000
    if part < 0.25:
        return half_cosine(0.01 / 25, 0.01, part / 0.25)
    return half_cosine(0.01, 0.01 / 1e5, (part - 0.25) / 0.75)


def pythia(n: int) -> float:
    warmup = 0.01 * 143_000
    return (
        2.5e-4 * n / warmup
        if n < warmup
        else half_cosine(2.5e-4, 2.5e-5, (n - warmup) / (143_000 - warmup))
    )


def resnet50(epoch: int) -> float:
    """torch's StepLR(optimizer, step_size=30, gamma=0.1)."""
    return float(0.1 * 0.1 ** (epoch // 30))


def sgdr(epoch: int) -> float:
    """T_0 = 10, T_mult = 2."""
    length = 10
    while epoch >= length:
        epoch, length = epoch - length, 2 * length
    return half_cosine(0.05, 0.0, epoch / length)


def t5(n: int) -> float:
    return 1 / sqrt(max(n, 10_000))


def transformer(n: int) -> float:
    """Equation 3, whose first step is 1."""
    step = n + 1
    return float(512**-0.5 * min(step**-0.5, step * 4000**-1.5))


SOURCES: dict[str, tuple[Callable[[int], float], dict[str, Any], int]] = {
    # name: the source's formula, what the line leaves open, the ticks of the run
    "bert": (bert, {}, 1_000_000),
    "cifar10-dawnbench": (dawnbench, {"steps_per_epoch": 97}, 24 * 97),
    "deeplab": (deeplab, {}, 30_000),
    "deepseek-llm-7b": (deepseek_llm, {}, int(DEEPSEEK_STEPS)),
    "deepseek-v3": (deepseek_v3, {"tokens_per_step": 50_000_000}, 296_000),
    "deit": (deit, {}, 300),
    "detr": (detr, {}, 300),
    "efficientnet": (efficientnet, {"steps_per_epoch": STEPS_PER_EPOCH}, 350 * STEPS_PER_EPOCH),
    "gpt3": (gpt3, {"tokens_per_step": 3_125_000}, 96_000),
    "llama2-7b": (llama2, {}, 500_000),
    "llama3-405b": (llama3, {}, 1_200_000),
    "mask-rcnn-1x": (mask_rcnn, {}, 90_000),
    "minicpm": (minicpm, {"total": MINICPM_STEPS}, MINICPM_STEPS),
    "nanogpt": (nanogpt, {}, 600_000),
    "one-cycle": (one_cycle, {"lr": 0.01, "total": 1000}, 1000),
    "pythia-1b": (pythia, {}, 143_000),
    "resnet50": (resnet50, {}, 90),
    "sgdr": (sgdr, {}, 150),
    "t5": (t5, {}, 524_288),
    "transformer": (transformer, {}, 100_000),
}


def test_every_preset_has_its_formula() -> None:
    assert list(PRESETS) == sorted(SOURCES)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_its_source(name: str) -> None:
    formula, binding, length = SOURCES[name]
    program = schedlang.preset(name).bind(**binding)
    begins = [piece.begin for piece in program.pieces]
    near = {begin + i for begin in begins for i in (-2, -1, 0, 1, 2)}
    ticks = sorted(tick for tick in {*range(0, length, max(1, length // 997)), *near} if tick >= 0)
    differing = [
        (tick, program.at(tick), formula(tick))
        for tick in ticks
        if tick < length
        and not isclose(program.at(tick), formula(tick), rel_tol=1e-9, abs_tol=1e-18)
    ]
    assert differing == []
    assert len(ticks) >= min(length, 300)


def test_one_wrong_number_is_noticed() -> None:
    program = schedlang.parse(PRESETS["nanogpt"].line.replace("1/2001x", "1/2000x")).bind()
    assert not isclose(program.at(0), nanogpt(0), rel_tol=1e-12)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_pass_lint(name: str) -> None:
    _, binding, _ = SOURCES[name]
    assert lint(PRESETS[name].line) == ()
    assert lint(PRESETS[name].line, **binding) == ()


@pytest.mark.parametrize("name", PRESETS)
def test_presets_say_what_and_where_from(name: str) -> None:
    found = PRESETS[name]
    assert found.source
    assert found.what
    _, binding, _ = SOURCES[name]
    assert [setting for setting in binding if setting not in found.what] == []


def test_an_unknown_preset() -> None:
    with pytest.raises(ValueError, match=r"there is no preset `gpt-3`: did you mean `gpt3`\?"):
        schedlang.preset("gpt-3")


# ── Recommendations ──────────────────────────────────────────────────────────────────────────────

ARTICLE = {
    # the article's table: task, and its schedulers
    "image-classification": ["CosineAnnealingLR", "MultiStepLR"],
    "nlp": ["a warm-up, then a cosine", "LinearLR"],
    "object-detection": ["MultiStepLR", "StepLR"],
    "segmentation": ["PolynomialLR", "CosineAnnealingLR"],
    "gan": ["ReduceLROnPlateau", "LinearLR"],
    "reinforcement-learning": ["ExponentialLR", "ReduceLROnPlateau"],
    "transfer-learning": ["StepLR", "ReduceLROnPlateau"],
    "known-length": ["CosineAnnealingLR", "LinearLR"],
    "unknown-length": ["ReduceLROnPlateau"],
    "fast-convergence": ["OneCycleLR"],
    "stability": ["StepLR", "MultiStepLR"],
    "best-quality": ["a warm-up, then a cosine"],
}


def test_the_tables_are_those_of_the_article() -> None:
    assert list(ARTICLE) == [*TASKS, *AIMS]
    assert set(ALIASES.values()) <= set(TASKS)


@pytest.mark.parametrize("task", ARTICLE)
@pytest.mark.parametrize("epochs", [10, 37, 90, 100, 350])
def test_a_recommended_line_is_ready(task: str, epochs: int) -> None:
    found = recommend(task, epochs=epochs, lr=0.1)
    for each, name in zip(found, ARTICLE[task], strict=True):
        assert each.scheduler.startswith(name)
        assert each.reason
        program = schedlang.parse(each.line).bind()
        assert program.base == 0.1
        assert program.length in {epochs, None}
        assert lint(each.line) == ()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"task": "nip"}, r"there is no task `nip`: did you mean `nlp`\?"),
        ({"task": "nlp", "epochs": 5}, "lines are for at least 10 epochs, not 5"),
    ],
)
def test_what_is_not_recommended(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        recommend(**arguments)
