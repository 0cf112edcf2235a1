"""A file of tests whose library is not installed is skipped: `make integrations` installs them."""

import os
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest

# transformers 4 imports TensorFlow where it is installed, and then refuses Keras 3.
os.environ.setdefault("USE_TF", "0")

NEEDED = {
    "accelerate_ranks.py": ("accelerate",),
    "test_accelerate.py": ("accelerate",),
    "two_ranks.py": ("ignite", "lightning", "transformers"),
    "test_two_processes.py": ("ignite", "lightning", "transformers"),
    "test_docs.py": (
        "accelerate",
        "equinox",
        "flax",
        "hydra",
        "ignite",
        "jsonargparse",
        "lightning",
        "orbax",
        "tensorboard",
        "transformers",
    ),
    "test_flax.py": ("flax", "equinox", "orbax"),
    "test_hydra.py": ("hydra",),
    "test_ignite.py": ("ignite",),
    "test_jsonargparse.py": ("jsonargparse", "lightning"),
    "test_keras_tuner.py": ("keras_tuner",),
    "test_lightning.py": ("lightning",),
    "test_trackers.py": (
        "accelerate",
        "lightning",
        "mlflow",
        "tensorboard",
        "transformers",
        "wandb",
    ),
    "test_transformers.py": ("transformers", "accelerate"),
}


class Missing(pytest.File):
    def collect(self) -> NoReturn:
        missing = [name for name in NEEDED[self.path.name] if not find_spec(name)]
        pytest.skip(f"{self.path.name} needs {', '.join(missing)}: see `make integrations`")


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    collectors = yield
    if all(map(find_spec, NEEDED.get(file_path.name, ()))):
        return collectors
    return [Missing.from_parent(parent, path=file_path)]
