"""The tests that a mutant has to fail: the fast ones first, in which most of them end."""

from __future__ import annotations

import sys

import pytest

FAST = "quantities formula context timing lowering plateau registering values"
REST = "limits program errors places counterparts identity dict_form properties mistakes"


def run(names: str) -> int:
    """Run test files until a test fails; the exit status."""
    files = [f"tests/test_{name}.py" for name in names.split()]
    return pytest.main(["-x", "-q", "-p", "no:cacheprovider", *files])


if __name__ == "__main__":
    sys.exit(run(FAST) or run(REST))
