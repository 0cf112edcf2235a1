"""Trainers and config systems: one module for each, which imports its library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs(extra: str, module: str) -> Iterator[None]:
    """Name the extra that installs a library, if it is missing among the imports of a module.

    Raises:
        ModuleNotFoundError: if one is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = str(error.name).partition(".")[0]
        message = f"{module} needs {library}: pip install 'schedlang[{extra}]'"
        raise ModuleNotFoundError(message, name=error.name) from None
