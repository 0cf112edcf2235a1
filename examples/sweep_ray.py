"""Search for the best line with Ray Tune; ASHA ends the trials that lag behind the others.

    python examples/sweep_ray.py [--trials 30] [--epochs 10] [--address auto]

Without an address, Ray starts on this machine with two workers. With the address of a cluster
(`auto`, or `ray://HOST:10001`) the same trials run there; its machines need schedlang, PyTorch and
scikit-learn.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import digits
import ray
from ray import cloudpickle, tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.basic_variant import BasicVariantGenerator

WORKERS = 2


def trial(config: dict[str, Any]) -> None:
    """Train with the line of a config, and report after each epoch."""
    line = digits.SPACE.line(config)
    for accuracy in digits.accuracies(line, config["epochs"]):
        tune.report({"accuracy": accuracy, "line": line})


def main() -> None:
    """Run the trials, and show the best line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--address", help="of a cluster")
    parser.add_argument("--storage", help="a folder, or a bucket, that all machines can reach")
    parser.add_argument("--picture", type=Path, default=Path("best.svg"))
    options = parser.parse_args()

    local = {} if options.address else {"num_cpus": WORKERS, "include_dashboard": False}
    ray.init(address=options.address or "local", log_to_driver=False, **local)
    cloudpickle.register_pickle_by_value(digits)  # the workers get it with the trial
    tuner = tune.Tuner(
        tune.with_resources(trial, {"cpu": 1}),
        param_space={**digits.SPACE.to_ray(), "epochs": options.epochs},
        tune_config=tune.TuneConfig(
            metric="accuracy",
            mode="max",
            num_samples=options.trials,
            scheduler=ASHAScheduler(max_t=options.epochs, grace_period=1, reduction_factor=2),
            search_alg=BasicVariantGenerator(random_state=0),
        ),
        run_config=tune.RunConfig(storage_path=options.storage, verbose=0),
    )
    results = tuner.fit()
    best = results.get_best_result()
    ended = sum(result.metrics["training_iteration"] < options.epochs for result in results)
    print(f"trials    {len(results)}, {results.num_errors} with an error")
    print(f"pruned    {ended}")
    digits.show(best.metrics["line"], best.metrics["accuracy"], options.picture)
    ray.shutdown()


if __name__ == "__main__":
    main()
