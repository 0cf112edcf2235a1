"""A plan in optax and Keras: the schedules of its hyperparameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from schedlang.counterparts.optax import OPTAX_NAMES
from schedlang.errors import Mistake, ScheduleError
from schedlang.plan.binding import Binder, bind, by_line, lines_of
from schedlang.plan.reading import PLAN_SETTINGS

if TYPE_CHECKING:
    from keras.callbacks import Callback
    from keras.optimizers.schedules import LearningRateSchedule

    from schedlang.plan.model import Plan
    from schedlang.program.program import Program


def to_optax(plan: Plan, groups: Sequence[str] | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """The optax schedules of a plan; see `Plan.to_optax`."""
    from schedlang import optax

    bound = bind(plan, groups, given)

    def built(group: str | None) -> dict[str, Any]:
        found = {}
        for key in plan.hyperparameters:
            program = _with_base(key, bound[key] if group is None else bound[key][group])
            place = key if group is None else f"{key} of {group}"
            found[OPTAX_NAMES.get(key, key)] = _built(place, program, optax.build)
        return found

    return built(None) if groups is None else {group: built(group) for group in groups}


def to_keras(
    plan: Plan, gradient_accumulation_steps: int, given: Mapping[str, Any]
) -> LearningRateSchedule:
    """The Keras schedule of the rate; see `Plan.to_keras`."""
    from schedlang import keras

    refuse_groups(plan)
    if "lr" not in plan.hyperparameters:
        instead = "give the optimizer a number, and use keras_callbacks(...)"
        raise ValueError(f"the plan has no line for `lr`: {instead}")
    if given.get("lr") == 0:
        message = "a Keras schedule needs a base rate above 0"
        raise ScheduleError([Mistake("out-of-range", message, place="lr")])
    _unbound(plan, given)
    program = _of_base(plan, "lr", given)
    steps = gradient_accumulation_steps
    return _built("lr", _with_base("lr", program), lambda program: keras.build(program, steps))


def keras_callbacks(plan: Plan, given: Mapping[str, Any]) -> list[Callback]:
    """The Keras callbacks of a plan; see `Plan.keras_callbacks`."""
    from schedlang import keras

    refuse_groups(plan)
    bases = {
        key: base for key, base in given.items() if key not in PLAN_SETTINGS and base is not None
    }
    programs = _unbound(plan, given)
    for key in plan.hyperparameters:
        (line,) = lines_of(plan, key)
        if line.schedule.lr is not None:
            bases.setdefault(key, float(line.schedule.lr))

    def bound(key: str, base: float) -> Program:
        return _of_base(plan, key, {**given, key: base})

    return keras.plan_callbacks(programs, bases, bound)


def _unbound(plan: Plan, given: Mapping[str, Any]) -> dict[str, Program]:
    """The programs of the hyperparameters, not bound to bases.

    Raises:
        ScheduleError: with all mistakes of all lines that do not depend on a base.
    """
    bound = by_line(plan, given, symbolic=True)
    return {line.key: program for line, program in bound if not line.is_value}


def _of_base(plan: Plan, key: str, given: Mapping[str, Any]) -> Program:
    """The program of a hyperparameter.

    Raises:
        ScheduleError: if it is wrong for its base.
    """
    binder = Binder(plan, given)
    (line,) = lines_of(plan, key)
    program = binder.bind(line, given.get(key))
    binder.finish()
    assert program is not None
    return program


def refuse_groups(plan: Plan) -> None:
    """Raise an error for lines by groups.

    Raises:
        ScheduleError: naming the hyperparameters and their patterns.
    """
    found = []
    for key in plan.hyperparameters:
        patterns = [f"`{line.pattern}`" for line in lines_of(plan, key) if line.pattern is not None]
        if patterns:
            message = f"Keras has no parameter groups, and `{key}` has lines for "
            message += ", ".join(patterns)
            found.append(Mistake("groups", message, f"write one line for {key}", place=key))
    if found:
        raise ScheduleError(found)


def _with_base(key: str, program: Program) -> Program:
    """The program, checked to be bound to a base.

    Raises:
        ScheduleError: if the base is not known.
    """
    if program.in_shares:
        message = f"the line of `{key}` has shares of its base, which is not known"
        raise ScheduleError([Mistake("no-base", message, f"give it: {key}=0.1", place=key)])
    return program


def _built(place: str, program: Program, build: Callable[[Program], Any]) -> Any:
    """The result of ``build``; its error gets the key as a prefix."""
    try:
        return build(program)
    except ScheduleError:
        raise
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
