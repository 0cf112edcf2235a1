"""`each_backend.py` in a process for each backend, and what is the same on all of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import schedlang
from tests.cases import golden

HERE = Path(__file__).parent


FILES = [("each_backend.py", 990, "tensorflow"), ("each_backend.py", 990, "jax")]
FILES += [("each_backend.py", 930, "torch"), ("two_replicas.py", 12, "tensorflow")]
FILES += [("two_replicas.py", 12, "jax")]


@pytest.mark.parametrize(("file", "tests", "backend"), FILES)
def test_backend(file: str, tests: int, backend: str) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", HERE / file],
        env={**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"},
        cwd=HERE.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, f"{found.stdout[-8000:]}\n{found.stderr[-2000:]}"
    summary = re.search(r"^(\d+) passed(, \d+ skipped)?,? .*in ", found.stdout, re.MULTILINE)
    assert summary is not None
    assert int(summary[1]) >= tests


@pytest.mark.parametrize(
    ("text", "binding", "message"),
    [
        *(
            (
                "cosine 9",
                {"gradient_accumulation_steps": steps},
                f"gradient_accumulation_steps must be a whole number of at least 1, not {steps!r}",
            )
            for steps in (0, -2, 1.5, None, "2")
        ),
        (
            "warmup 5 -> plateau",
            {},
            (
                "`plateau` needs metrics, which a Keras schedule does not get:"
                " use keras_callbacks(...), which sets the rate"
            ),
        ),
        (
            "warmup 2ep -> cosine 8ep",
            {},
            "Keras counts updates, but this schedule counts epochs: set steps_per_epoch=",
        ),
    ],
)
def test_refusals(text: str, binding: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        schedlang.parse(text).to_keras(lr=0.1, **binding)


def test_the_rate_alone_of_a_line_that_moves_the_momentum_too() -> None:
    schedule = schedlang.parse("onecycle 9 momentum=[0.8, 0.9]")
    message = "a Keras schedule sets only the rate: for `momentum=` use keras_callbacks(...)"
    with pytest.warns(schedlang.ScheduleWarning, match=f"^{re.escape(message)}$"):
        rate = schedule.to_keras(lr=0.1)
    want = schedule.bind(lr=0.1).curve(12)
    assert [float(rate(step)) for step in range(12)] == pytest.approx(want, rel=1e-4)


SEEDS = [seed for seed in golden() if not seed["schedule"].startswith("plateau")]


@pytest.mark.filterwarnings("ignore:a Keras schedule sets only the rate")  # see the test above
@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed['framework']} {seed['name']}")
def test_the_front_door_takes_every_line_of_the_articles(seed: dict[str, Any]) -> None:
    rate = schedlang.parse(seed["schedule"]).to_keras(lr=seed["lr"])
    step = seed["steps"][5] if "steps" in seed else 5
    assert float(rate(step)) == pytest.approx(seed["values"][5], rel=1e-4)


@pytest.mark.parametrize(
    ("written", "call", "message"),
    [
        (
            {"lr": {"a*": "hold", "*": "hold"}, "eps": {0: "hold"}, "weight_decay": "hold"},
            lambda plan: plan.to_keras(lr=0.1),
            """
            error[groups]: Keras has no parameter groups, and `lr` has lines for `a*`, `*`
              at lr
              write one line for lr

            error[groups]: Keras has no parameter groups, and `eps` has lines for `0`
              at eps
              write one line for eps
            """,
        ),
        (
            {"lr": {"a*": "hold", "*": "hold"}},
            lambda plan: plan.keras_callbacks(),
            """
            error[groups]: Keras has no parameter groups, and `lr` has lines for `a*`, `*`
              at lr
              write one line for lr
            """,
        ),
        (
            {"weight_decay": "hold"},
            lambda plan: plan.to_keras(),
            (
                "the plan has no line for `lr`: give the optimizer a number, and use "
                "keras_callbacks(...)"
            ),
        ),
        (
            {"lr": "cosine 9"},
            lambda plan: plan.to_keras(),
            """
            error[no-base]: the line of `lr` has shares of its base, which is not known
              at lr
              give it: lr=0.1
            """,
        ),
        (
            {"lr": "plateau", "eps": "hold"},
            lambda plan: plan.to_keras(lr=0.1),
            (
                "lr: `plateau` needs metrics, which a Keras schedule does not get: use "
                "keras_callbacks(...), which sets the rate"
            ),
        ),
        (
            {"lr": "cosine 9", "rho": "hold"},
            lambda plan: plan.keras_callbacks(),
            (
                "`rho` cannot be set in a compiled step of Keras; lr, weight_decay, momentum, "
                "beta1, beta2, eps can"
            ),
        ),
        (
            {"lr": "hold", "weight_decay": "plateau"},
            lambda plan: plan.keras_callbacks(),
            (
                "`plateau` needs metrics, which `weight_decay` in a compiled step of Keras "
                "does not get: use it for lr"
            ),
        ),
        (
            {"lr": "cosine 9 min=1%", "eps": "cosine 100%", "weight_decay": "linear rest"},
            lambda plan: plan.keras_callbacks(lr=0.1),
            """
            error[missing-setting]: `100%` needs a total
              at eps
              |
            1 | cosine 100%
              | ^^^^^^^^^^^ set total=

            error[missing-setting]: `rest` needs a total
              at weight_decay
              |
            1 | linear rest
              |        ^^^^ set total=
            """,
        ),
    ],
)
def test_refusals_of_plans(written: Any, call: Any, message: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011  # the whole text is compared
        call(schedlang.Plan(written))
    assert str(raised.value) == textwrap.dedent(message).strip("\n")
