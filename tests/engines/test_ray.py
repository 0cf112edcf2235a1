"""Spaces in Ray Tune, and the sweep with it. The suite of `make engines`, which installs Ray."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schedlang import Space, parse
from tests.examples.sweeps import swept

tune = pytest.importorskip("ray.tune", reason="Ray is installed by `make engines`")

DOMAINS: list[tuple[str, dict[str, tuple[str, Any]]]] = [
    ("cosine 9", {}),
    ("<cosine, linear> 9", {"phase1": ("Categorical", ["cosine", "linear"])}),
    ("cosine <1 .. 9>", {"cosine": ("Integer _Uniform", (1, 10))}),
    ("cosine <1 .. 9 log>", {"cosine": ("Integer _LogUniform", (1, 10))}),
    ("cosine 9 min=<0 .. 10%>", {"min": ("Float _Uniform", (0.0, 10.0))}),
    ("cosine 9 min=a<1e-4x .. 0.1x log>", {"a": ("Float _LogUniform", (1e-4, 0.1))}),
]


def _described(domain: Any) -> tuple[str, Any]:
    if isinstance(domain, tune.search.sample.Categorical):
        return "Categorical", domain.categories
    kind = f"{type(domain).__name__} {type(domain.get_sampler()).__name__}"
    return kind, (domain.lower, domain.upper)


@pytest.mark.parametrize(("text", "domains"), DOMAINS, ids=str)
def test_the_domains(text: str, domains: dict[str, tuple[str, Any]]) -> None:
    found = {name: _described(domain) for name, domain in Space(text).to_ray().items()}
    assert found == domains


@pytest.mark.parametrize("text", [text for text, _ in DOMAINS])
def test_what_ray_draws_is_in_the_space(text: str) -> None:
    space = Space(text)
    for _ in range(100):
        config = {name: domain.sample() for name, domain in space.to_ray().items()}
        parse(space.line({**config, "batch_size": 32}))


def test_ray_draws_both_ends_of_whole_numbers() -> None:
    domain = Space("cosine <1 .. 3>").to_ray()["cosine"]
    assert {int(domain.sample()) for _ in range(200)} == {1, 2, 3}


def test_the_sweep(tmp_path: Path) -> None:
    arguments = ["--trials", "6", "--epochs", "3", "--storage", str(tmp_path / "trials")]
    printed = swept("sweep_ray.py", arguments, tmp_path / "best.svg")
    assert printed["trials"] == "6, 0 with an error"
    assert int(printed["pruned"]) > 0
    last = [
        json.loads(file.read_text(encoding="utf-8").splitlines()[-1])
        for file in (tmp_path / "trials").rglob("result.json")
    ]
    assert len(last) == 6
    assert len({result["pid"] for result in last}) > 1
    assert sum(result["training_iteration"] < 3 for result in last) == int(printed["pruned"])
    best = max(last, key=lambda result: float(result["accuracy"]))
    assert printed["accuracy"] == f"{best['accuracy']:.1%} on 360 other digits"
