"""Search for the best line with Optuna; trials that lag behind the others are ended early.

    python examples/sweep_optuna.py [--trials 30] [--epochs 10] [--storage sqlite:///sweep.db]

All trials are in the storage: the same command again goes on where it was stopped, with a greater
number of trials it adds some, and several processes may work on one storage.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import optuna
from digits import SPACE, accuracies, show
from optuna.trial import TrialState


def main() -> None:
    """Run the trials that are missing, and show the best line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--storage", default="sqlite:///sweep.db")
    parser.add_argument("--picture", type=Path, default=Path("best.svg"))
    options = parser.parse_args()

    def objective(trial: optuna.Trial) -> float:
        line = SPACE.suggest(trial)
        trial.set_user_attr("line", line)
        accuracy = 0.0
        for epoch, accuracy in enumerate(accuracies(line, options.epochs), start=1):
            trial.report(accuracy, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return accuracy

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name="digits",
        storage=options.storage,
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1),
    )
    over = study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    study.optimize(objective, n_trials=max(0, options.trials - len(over)))
    pruned = study.get_trials(states=(TrialState.PRUNED,))
    print(f"trials    {options.trials}, {len(over)} of them from before")
    print(f"pruned    {len(pruned)}")
    show(study.best_trial.user_attrs["line"], study.best_value, options.picture)


if __name__ == "__main__":
    main()
