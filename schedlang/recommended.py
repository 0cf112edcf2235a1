"""Schedules for a task or an aim, as ready lines: the tables of introductions to schedulers."""

from __future__ import annotations

from typing import NamedTuple

from schedlang.errors import did_you_mean, quoted


class Recommendation(NamedTuple):
    """A line that suits a task.

    Attributes:
        line: the schedule.
        scheduler: its name in PyTorch.
        reason: why it suits the task.
    """

    line: str
    scheduler: str
    reason: str


class _LineTemplate(NamedTuple):
    """A scheduler as a line; ``{n}`` is the number of epochs, ``{third}`` a third of it."""

    template: str
    name: str


COSINE = _LineTemplate("cosine {n}ep min=1%", "CosineAnnealingLR")
LINEAR = _LineTemplate("warmup {warmup}ep -> linear {left}ep", "LinearLR after a warm-up")
WARMUP_COSINE = _LineTemplate(
    "warmup {warmup}ep -> cosine {left}ep min=1%", "a warm-up, then a cosine"
)
MULTISTEP = _LineTemplate("multistep {n}ep at=[{third}, {two_thirds}]ep gamma=0.1", "MultiStepLR")
LATE_MULTISTEP = _LineTemplate(
    "warmup {warmup}ep -> multistep {left}ep at=[{two_thirds}, {nine_tenths}]ep gamma=0.1",
    "MultiStepLR after a warm-up",
)
STEP = _LineTemplate("step {n}ep every={quarter}ep gamma=0.1", "StepLR")
GENTLE_STEP = _LineTemplate("step {n}ep every={quarter}ep gamma=0.5", "StepLR")
POLY = _LineTemplate("poly {n}ep power=0.9", "PolynomialLR")
EXP = _LineTemplate("exp {n}ep to=1%", "ExponentialLR")
PLATEAU = _LineTemplate("plateau factor=0.5 patience=10", "ReduceLROnPlateau")
REWARD_PLATEAU = _LineTemplate(
    "plateau monitor=reward mode=max factor=0.5 patience=10", "ReduceLROnPlateau"
)
STEADY = _LineTemplate("hold {half}ep -> linear {other_half}ep", "LinearLR")
ONE_CYCLE = _LineTemplate("onecycle {n}ep max=3x", "OneCycleLR")

TASKS: dict[str, tuple[tuple[_LineTemplate, str], ...]] = {
    "image-classification": (
        (COSINE, "the usual choice for ResNets and EfficientNets, and falls smoothly to the end"),
        (MULTISTEP, "proven on ResNets, and converges stably"),
    ),
    "nlp": (
        (WARMUP_COSINE, "Transformers need the warm-up, and large models do well with the cosine"),
        (LINEAR, "Transformers need the warm-up; BERT and similar models decay linearly"),
    ),
    "object-detection": (
        (LATE_MULTISTEP, "the standard way of training on COCO: late drops, after a short warm-up"),
        (STEP, "the same with equal steps, where the milestones are not known"),
    ),
    "segmentation": (
        (POLY, "DeepLab's decay; its small rates at the end make fine corrections"),
        (COSINE, "also ends on small rates"),
    ),
    "gan": (
        (PLATEAU, "adapts to unstable training"),
        (STEADY, "CycleGAN's: the rate is constant for half of the run, then decays linearly"),
    ),
    "reinforcement-learning": (
        (EXP, "falls smoothly, whatever the environment does"),
        (
            REWARD_PLATEAU,
            "adapts to the environment: the rate falls when the reward stops improving",
        ),
    ),
    "transfer-learning": (
        (GENTLE_STEP, "suits fine-tuning, with a few small drops"),
        (PLATEAU, "fine-tunes until the validation loss no longer falls"),
    ),
}
"""The schedulers for each task, the best first, with the reason."""

AIMS: dict[str, tuple[tuple[_LineTemplate, str], ...]] = {
    "known-length": (
        (COSINE, "the length of the run is known, and the cosine fills it"),
        (LINEAR, "the length of the run is known, and the line fills it"),
    ),
    "unknown-length": ((PLATEAU, "it needs no length: the metric decides"),),
    "fast-convergence": (
        (ONE_CYCLE, "high rates in the middle converge fastest; find the highest by a range test"),
    ),
    "stability": (
        (STEP, "the rate is constant between few drops"),
        (MULTISTEP, "the rate is constant between drops at positions of your choice"),
    ),
    "best-quality": ((WARMUP_COSINE, "what most of the best published results were trained with"),),
}
"""The schedulers for each aim, likewise."""

ALIASES = {
    "cnn": "image-classification", "classification": "image-classification",
    "transformer": "nlp", "language": "nlp", "detection": "object-detection",
    "generative": "gan", "rl": "reinforcement-learning", "fine-tuning": "transfer-learning",
}  # fmt: skip
FEWEST = 10
"""The minimum number of epochs."""


def recommend(
    task: str, *, epochs: int = 100, lr: float | None = None
) -> tuple[Recommendation, ...]:
    """Lines for a task or an aim, the best first, each with its reason.

    Args:
        task: one of `TASKS` or `AIMS`.
        epochs: the length of the run.
        lr: the base rate, to be set in the lines.

    Raises:
        ValueError: if the task is unknown, or there are fewer than 10 epochs.

    >>> [found.line for found in recommend("image-classification", epochs=90)]
    ['cosine 90ep min=1%', 'multistep 90ep at=[30, 60]ep gamma=0.1']
    """
    known = {**TASKS, **AIMS}
    name = ALIASES.get(task, task)
    if name not in known:
        raise ValueError(
            f"there is no task {quoted(task)}: {did_you_mean(task, [*known, *ALIASES])}"
        )
    if epochs < FEWEST:
        raise ValueError(f"lines are for at least {FEWEST} epochs, not {epochs}")
    warmup = max(1, round(epochs / 20))
    numbers = {
        "n": epochs,
        "warmup": warmup,
        "left": epochs - warmup,
        "quarter": epochs // 4,
        "third": round(epochs / 3),
        "half": epochs // 2,
        "other_half": epochs - epochs // 2,
        "two_thirds": round(2 * epochs / 3),
        "nine_tenths": round(0.9 * epochs),
    }
    head = "" if lr is None else f"lr={lr:g} | "
    return tuple(
        Recommendation(head + kind.template.format(**numbers), kind.name, reason)
        for kind, reason in known[name]
    )
