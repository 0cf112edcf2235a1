"""The sweep with Optuna: it ends trials early, and goes on where it was stopped."""

from __future__ import annotations

from pathlib import Path

import optuna
from optuna.trial import TrialState

from tests.examples.sweeps import swept


def test_a_sweep_is_pruned_and_goes_on(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/sweep.db"
    arguments = ["--epochs", "3", "--storage", storage, "--trials"]
    first = swept("sweep_optuna.py", [*arguments, "8"], tmp_path / "best.svg")
    assert first["trials"] == "8, 0 of them from before"
    assert int(first["pruned"]) > 0
    second = swept("sweep_optuna.py", [*arguments, "9"], tmp_path / "best.svg")
    assert second["trials"] == "9, 8 of them from before"
    trials = optuna.load_study(study_name="digits", storage=storage).trials
    assert len(trials) == 9
    pruned = [trial for trial in trials if trial.state == TrialState.PRUNED]
    assert len(pruned) == int(second["pruned"])
    best = max((t for t in trials if t.state == TrialState.COMPLETE), key=lambda t: t.value or 0)
    assert second["line"] == best.user_attrs["line"]
    assert second["accuracy"] == f"{best.value:.1%} on 360 other digits"
