"""Spaces in Optuna: which parameters a trial has, and which line."""

from __future__ import annotations

import re

import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from schedlang import Space, parse

DISTRIBUTIONS: list[tuple[str, dict[str, BaseDistribution]]] = [
    ("cosine 9", {}),
    ("<cosine, linear> 9", {"phase1": CategoricalDistribution(("cosine", "linear"))}),
    ("cosine <1 .. 9>", {"cosine": IntDistribution(1, 9)}),
    ("cosine <1 .. 9 log>", {"cosine": IntDistribution(1, 9, log=True)}),
    ("cosine 9 min=<0 .. 10%>", {"min": FloatDistribution(0, 10)}),
    ("cosine 9 min=a<1e-4x .. 0.1x log>", {"a": FloatDistribution(1e-4, 0.1, log=True)}),
    ("hold a<1, 2> -> cosine a<1, 2>", {"a": CategoricalDistribution(("1", "2"))}),
]


def _study() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))


@pytest.mark.parametrize(("text", "distributions"), DISTRIBUTIONS, ids=str)
def test_the_parameters_of_a_trial(text: str, distributions: dict[str, BaseDistribution]) -> None:
    trial = _study().ask()
    Space(text).suggest(trial)
    assert trial.distributions == distributions


def test_the_lines_of_trials_are_those_of_their_parameters() -> None:
    space = Space("warmup <1 .. 9> -> <cosine, linear> 90 min=<0 .. 10%> -> poly n<1, 2>")
    study = _study()
    study.optimize(lambda trial: len(str(parse(space.suggest(trial)))), n_trials=20)
    for trial in study.trials:
        line = space.line(trial.params)
        assert trial.value == len(str(parse(line)))
        found = re.fullmatch(r"warmup (\d+) -> (\w+) 90 min=([\d.e-]+)% -> poly (\d)", line)
        assert found
        assert int(found[1]) == trial.params["warmup"]
        assert found[2] == trial.params["phase2"]
        assert float(found[3]) == pytest.approx(trial.params["min"], rel=1e-5)
        assert found[4] == trial.params["n"]


def test_a_fixed_trial() -> None:
    space = Space("warmup <1 .. 9> -> <cosine, linear> 90")
    trial = optuna.trial.FixedTrial({"warmup": 3, "phase2": "linear"})
    assert space.suggest(trial) == "warmup 3 -> linear 90"
