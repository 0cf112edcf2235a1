"""Trainers, config systems and trackers: one module for each library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs(extra: str, module: str) -> Iterator[None]:
    """Add the extra that installs a library to the error if an import of a module fails.

    Raises:
        ModuleNotFoundError: if a library is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = str(error.name).partition(".")[0]
        message = f"{module} needs {library}: pip install 'schedlang[{extra}]'"
        raise ModuleNotFoundError(message, name=error.name) from None
