"""A plan for optax and for Keras: the schedules of its hyperparameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from schedlang.errors import Mistake, ScheduleError, quoted
from schedlang.plan.binding import bind

if TYPE_CHECKING:
    from keras.callbacks import Callback
    from keras.optimizers.schedules import LearningRateSchedule

    from schedlang.plan.model import Plan
    from schedlang.program.program import Program

_OPTAX = {"lr": "learning_rate", "beta1": "b1", "beta2": "b2"}


def to_optax(plan: Plan, groups: Sequence[str] | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """The optax schedules of a plan; see `Plan.to_optax`."""
    from schedlang import optax

    bound = bind(plan, groups, given)
    if groups is None:
        return {
            _OPTAX.get(key, key): _built(key, _with_base(key, bound[key]), optax.build)
            for key in plan.hyperparameters
        }
    return {
        group: {
            _OPTAX.get(key, key): _built(
                f"{key} of {group}", _with_base(key, bound[key][group]), optax.build
            )
            for key in plan.hyperparameters
        }
        for group in groups
    }


def _with_base(key: str, program: Program) -> Program:
    """The program, which is not one of shares.

    Raises:
        ScheduleError: if the base is not known.
    """
    if program.in_shares:
        message = f"the line of `{key}` has shares of its base, which is not known"
        raise ScheduleError([Mistake("no-base", message, f"give it: {key}=0.1", place=key)])
    return program


def _built(place: str, program: Program, build: Callable[[Program], Any]) -> Any:
    """What a target makes of a program; if it cannot, the error names the key."""
    try:
        return build(program)
    except ScheduleError:
        raise
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
