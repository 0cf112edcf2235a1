"""`explain`: what happens when, and what each target is made of."""

from __future__ import annotations

import re

import pytest

from tests.cases import CASES, PLATEAUS, Case
from tests.cli.running import Ran, Run

WHOLE = """\
warmup linear 10 -> cosine 90 min=1e-4

  One tick is one call of step(), whether per update or per epoch.
  It lasts 100 ticks; then the end level holds.
  The base rate is 0.1.

What happens
  ticks 0 to 9: the rate rises in a straight line from 1e-4 to 0.1 at tick 10
  ticks 10 to 99: the rate falls along half a cosine wave from 0.1 to 1e-4 at tick 100
  from tick 100 on: the rate stays at 1e-4

What each target uses
  PyTorch  SequentialLR, which switches at ticks 10, 100:
             LinearLR(start_factor=0.001, total_iters=10)
             CosineAnnealingLR(T_max=90, eta_min=1e-4)
             ConstantLR(factor=0.001, total_iters=2**53)
  Keras    ScheduledRate, one LearningRateSchedule of keras.ops
           as source: CosineDecay(initial_learning_rate=1e-4, decay_steps=90, alpha=0.001,\
 warmup_target=0.1, warmup_steps=10)
  optax    one function, count -> rate, of jax.numpy
           as source: warmup_cosine_decay_schedule(init_value=1e-4, peak_value=0.1,\
 warmup_steps=10, decay_steps=100, end_value=1e-4)
"""


def test_the_whole(run: Run) -> None:
    assert run("explain", "warmup 10 -> cosine 90 min=1e-4", "--lr", "0.1") == Ran(0, WHOLE, "")


SAID: list[tuple[str, list[str], list[str]]] = [
    # line, options, what is among the lines
    (
        "warmup 5ep -> multistep at=[30, 60]ep",
        ["--steps-per-epoch", "100"],
        [
            "One tick is one optimizer update.",
            "It never ends.",
            "5ep is 500 ticks (100 an epoch)",
            "from tick 500 on: the rate is 1, 0.1 from tick 3,000 on, 0.01 from tick 6,000 on",
            "MultiStepLR(milestones=[2500, 5500], gamma=0.1)",
        ],
    ),
    (
        "warmup 5% from=0 -> hold rest -> decay sqrt 20%",
        ["--total", "1000"],
        [
            "5% is 50 ticks (1,000 in all)",
            "ticks 50 to 799: the rate stays at 1",
            (
                "LambdaLR for `warmup linear 5% from=0`: LinearLR has factors above 0 and up to 1"
                " of the base rate"
            ),
            "LambdaLR for `decay sqrt 20%`: PyTorch has no class for `sqrt`",
        ],
    ),
    (
        "tokens_per_step=4M | warmup 4B tok -> cosine 40B tok min=10%",
        [],
        ["4B tok is 1,000 ticks (4e+06 tokens an update)"],
    ),
    (
        "(cosine 20 min=1% -> cosine 20 to=1x) x 3",
        [],
        [
            "ticks 0 to 119: 3 rounds of 40 ticks; the first:",
            "ticks 20 to 39: the rate rises along half a cosine wave from 0.01 to 1 at tick 40",
        ],
    ),
    (
        "(warmup 5 from=0 -> hold) * (step every=10 gamma=0.5)",
        [],
        ["Multiplied by", "from tick 0 on: the rate begins at 1, multiplied by 0.5 every 10 ticks"],
    ),
    (
        "warmup 5 -> plateau factor=0.5",
        ["--lr", "0.1"],
        [
            "PyTorch  one fused scheduler of schedlang:",
            (
                "`plateau factor=0.5` follows another phase, and SequentialLR refuses"
                " ReduceLROnPlateau"
            ),
            "Keras    callbacks that set the rate (keras_callbacks): `plateau` follows a metric",
            (
                "optax    not possible: `plateau` follows a metric, and an optax schedule is a"
                " function of the count"
            ),
        ],
    ),
    (
        "cosine 90ep",
        [],
        [
            "One tick is one epoch.",
            (
                "Keras    not possible without --steps-per-epoch: it counts updates, but a tick is"
                " an epoch"
            ),
        ],
    ),
    (
        "onecycle 100 momentum=[0.85, 0.95]",
        ["--lr", "0.1"],
        [
            "ticks 0 to 99: the rate rises from 0.004 to 0.1 at tick 29, and falls to 4e-7",
            "and a callback for the momentum (keras_callbacks)",
        ],
    ),
    ("cosine 90 skip=10", [], ["LambdaLR for `cosine 90 skip=10`: its class has no `skip`"]),
    (
        "restarts 70 first=10 mult=2",
        [],
        ["falls from 1 to 0 in cycles of a cosine: 10 ticks, each 2 times as long"],
    ),
    (
        "exp gamma=0.5 every=10",
        [],
        ["the rate begins at 1 and is multiplied by 0.5 every 10 ticks"],
    ),
    ("inverse_sqrt timescale=100", [], ["as 1/sqrt(time); half is left after 300 ticks"]),
]


@pytest.mark.parametrize(("line", "options", "said"), SAID)
def test_said(run: Run, line: str, options: list[str], said: list[str]) -> None:
    ran = run("explain", line, *options)
    assert (ran.status, ran.err) == (0, "")
    for part in said:
        assert part in ran.out


def test_what_is_missing_is_an_error(run: Run) -> None:
    ran = run("explain", "warmup 5% -> cosine 95%")
    assert (ran.status, ran.out) == (1, "")
    assert "`5%` needs a total" in ran.err
    assert "set --total" in ran.err


def _options(case: Case) -> list[str]:
    pairs = ((f"--{name.replace('_', '-')}", str(value)) for name, value in case.binding.items())
    return ["--lr", str(case.lr), *(word for pair in pairs for word in pair)]


@pytest.mark.parametrize("case", [*CASES, *PLATEAUS], ids=str)
def test_every_case_is_explained(run: Run, case: Case) -> None:
    """Nothing internal is printed, and Keras' class is the one of the emitted source."""
    explained = run("explain", case.text, *_options(case))
    assert (explained.status, explained.err) == (0, "")
    assert not re.search(r"Number|Symbol|Apply|Fraction|None\b", explained.out)
    assert case.bind().text in explained.out
    found = re.search(r"Keras +ScheduledRate.*\n.*as source: (\w+)\(", explained.out)
    emitted = run("emit", "keras", case.text, *_options(case))
    if found is not None:
        assert f"{found[1]}(" in emitted.out
    elif emitted.status == 0 and not case.bind().plateau:
        assert "class LearningRate(" in emitted.out
