"""A momentum that moves inside of a compiled training step."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras


class MovingMomentum(keras.Variable):
    """The momentum of an optimizer as a variable.

    Keras holds momentum as a Python float, which becomes a constant where the step is compiled. A
    variable in its place is read anew by each step; what else reads it, sees it as it was.
    """

    @classmethod
    def take(cls, optimizer: Any) -> MovingMomentum:
        """The optimizer's momentum, made movable once.

        Raises:
            ValueError: if the optimizer has none, or one that is switched off.
        """
        name = next((name for name in ("momentum", "beta_1") if hasattr(optimizer, name)), None)
        if name is None or not getattr(optimizer, name):
            kind = type(optimizer).__name__
            raise ValueError(f"{kind} has no momentum to move: use SGD(momentum=0.9), or Adam")
        found = getattr(optimizer, name)
        if isinstance(found, cls):
            return found
        moving = cls(found, dtype="float32", trainable=False, name=name)
        optimizer._track_variable(moving)  # noqa: SLF001  # else JAX would not see it change
        setattr(optimizer, name, moving)
        optimizer.get_config = partial(_config, optimizer, name)
        optimizer.save_own_variables = partial(_save, optimizer)
        optimizer.load_own_variables = partial(_load, optimizer)
        return moving

    def __bool__(self) -> bool:
        return True

    def __ne__(self, other: object) -> Any:
        return True  # `if self.momentum != 0` is asked while the step is traced

    def __eq__(self, other: object) -> Any:
        return self is other

    def __gt__(self, other: object) -> Any:
        return True

    __hash__ = keras.Variable.__hash__


def _config(optimizer: Any, name: str) -> dict[str, Any]:
    config = type(optimizer).get_config(optimizer)
    return {**config, name: float(keras.ops.convert_to_tensor(config[name]))}


def _own(optimizer: Any) -> list[Any]:
    return [v for v in optimizer.variables if not isinstance(v, MovingMomentum)]


def _save(optimizer: Any, store: Any) -> None:
    for i, variable in enumerate(_own(optimizer)):
        store[str(i)] = variable.numpy()


def _load(optimizer: Any, store: Any) -> None:
    for i, variable in enumerate(_own(optimizer)):
        variable.assign(store[str(i)])
