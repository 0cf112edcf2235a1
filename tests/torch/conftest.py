"""What holds for all tests of PyTorch."""

from __future__ import annotations

import gc

import pytest

from tests.torch.rig import sgd


@pytest.fixture(autouse=True, scope="module")
def _imported_objects_are_frozen() -> None:
    """Leave what the imports made out of the collector's lists.

    A scheduler on an optimizer that had one before looks for that one among all objects in these
    lists: half a million after the imports of the frameworks.
    """
    sgd()  # PyTorch imports its compiler with the first optimizer
    gc.collect()
    gc.freeze()
