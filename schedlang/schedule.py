"""The public interface: `Schedule` and `parse`. Their methods import what they need."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from pydantic import (
    ConfigDict,
    GetJsonSchemaHandler,
    PrivateAttr,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler  # from 2.10 on in pydantic
from typing_extensions import Unpack

from schedlang.errors import Mistake, ScheduleError, ScheduleWarning, quoted
from schedlang.language.placed import place_of, set_place
from schedlang.language.text import write
from schedlang.language.tree import ClockName, Tree
from schedlang.language.validate import OwnErrors, from_dict, from_text, plain_data
from schedlang.phases import REGISTERED, Phase
from schedlang.targets import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from keras.callbacks import Callback
    from keras.optimizers.schedules import LearningRateSchedule
    from matplotlib.axes import Axes
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

    from schedlang.program.program import Program

_AS_TREE = object()


class Schedule(OwnErrors, Tree):
    """A schedule: frozen and validated. Two schedules are equal if their canonical texts are.

    As a field of a pydantic model it is validated from a line of text or the dict form, and dumped
    as text; its own `model_dump` returns the tree.

    >>> schedule = parse("warmup linear 10 -> cosine 90 min=1e-4")
    >>> str(schedule)
    'warmup linear 10 -> cosine 90 min=1e-4'
    >>> schedule.bind(lr=0.1).at(100)
    0.0001
    """

    model_config = ConfigDict(json_schema_extra={"description": "a schedule as a tree"})

    _source: str | None = PrivateAttr(None)

    def __init__(self, text: str | None = None, /, **values: Any) -> None:
        """Build a schedule from a line of text, or from the keys of the dict form.

        Raises:
            ScheduleError: with everything that is wrong.
            TypeError: if both are given.
        """
        if text is not None and values:
            raise TypeError(
                "a schedule takes a line of text or the keys of the dict form, not both"
            )
        whole = Schedule.model_validate(values if text is None else text)
        self.__setstate__(whole.__getstate__())

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, value: Any, handler: ModelWrapValidatorHandler[Schedule]) -> Schedule:
        match value:
            case Schedule():
                return value
            case str():
                return parse(value)
            case Mapping():  # config systems such as OmegaConf have their own mappings
                return cls._of(from_dict(plain_data(value)), None)
            case Tree():
                return cls._of(value, None)
            case _:
                message = f"expected a line of text or its dict form, not {quoted(value)}"
                raise ScheduleError([Mistake("wrong-type", message)])

    @classmethod
    def _of(cls, tree: Tree, source: str | None) -> Schedule:
        schedule = cls.model_construct(tree.model_fields_set, **tree.__dict__)
        schedule._source = source
        set_place(schedule, place_of(tree))
        return schedule

    @model_serializer(mode="wrap")
    def _write(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
        return handler(self) if info.context is _AS_TREE else str(self)

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """The tree as a dict; every quantity is written as text, exactly."""
        return super().model_dump(**{**_DUMP, **options})

    def model_dump_json(self, **options: Any) -> str:
        """The tree as JSON."""
        return super().model_dump_json(**{**_DUMP, **options})

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        line = {"type": "string", "description": "a line such as `warmup 10 -> cosine 90`"}
        if handler.mode == "serialization":
            return line
        tree = handler.resolve_ref_schema(handler(core_schema))  # pydantic 2.9 gives a reference
        return {"anyOf": [line, tree]}

    def __str__(self) -> str:
        return write(self)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __repr__(self) -> str:
        return f"Schedule({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schedule) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__.values()))

    def bind(self, lr: float | None = None, **binding: Unpack[Binding]) -> Program:
        """The program: the rate as a function of the tick.

        Args:
            lr: the base rate, ``1x``. Without it (and without ``lr=`` in the line) the values are
                shares of the base.
            **binding: what the line leaves open, see `Binding`.

        Raises:
            ScheduleError: with everything that is wrong under this binding.

        >>> program = parse("cosine 90").bind(lr=0.1)
        >>> program.at(0), program.at(90), program.length
        (0.1, 0.0, 90)
        """
        return self._bind({"lr": lr, **binding})

    def _bind(self, given: dict[str, Any], **options: Any) -> Program:
        from schedlang.program.binding import bind

        return bind(self, given, self._source, **options)

    def to_torch(
        self,
        optimizer: Optimizer,
        *,
        engine: Literal["auto", "chain", "fused"] = "auto",
        start: int = 0,
        on_mismatch: Literal["raise", "keep-step", "keep-fraction"] = "raise",
        lr: float | None = None,
        **binding: Unpack[Binding],
    ) -> LRScheduler:
        """A PyTorch scheduler on this optimizer; each parameter group has its own base rate.

        Args:
            optimizer: any ``torch.optim.Optimizer``; a group's base is its ``initial_lr``, else
                its ``lr``.
            engine: ``"chain"``: PyTorch's own schedulers; ``"fused"``: one scheduler for any
                schedule; ``"auto"``: the chain, unless PyTorch's classes cannot express the
                schedule, or a rate is a tensor.
            start: the tick to begin at, to resume without a state.
            on_mismatch: the default of ``load_state_dict``, which a trainer may call itself, for a
                state of another schedule: keep nothing (``"raise"``), the tick
                (``"keep-step"``), or the completed share of the total (``"keep-fraction"``).
            lr: the base rate; must agree with every group.
            **binding: what the line leaves open, see `Binding`.

        Raises:
            ScheduleError: with everything that is wrong under this binding.
            ValueError: if this engine or optimizer cannot do it.
        """
        from schedlang import torch

        program = self._bind({"lr": lr, **binding}, groups=torch.base_rates(optimizer))
        return torch.build(program, optimizer, engine=engine, start=start, on_mismatch=on_mismatch)

    def to_keras(
        self,
        lr: float | None = None,
        *,
        gradient_accumulation_steps: int = 1,
        **binding: Unpack[Binding],
    ) -> LearningRateSchedule:
        """A Keras learning-rate schedule, for any backend of Keras 3.

        Keras counts batches; with the optimizer's ``gradient_accumulation_steps``, a step of the
        line is still an update.

        Raises:
            ScheduleError: with everything that is wrong under this binding.
            ValueError: if a schedule cannot do it, with what to use instead.
        """
        from schedlang import keras

        return keras.build(self._bind({"lr": lr, **binding}), gradient_accumulation_steps)

    def keras_callbacks(
        self, lr: float | None = None, **binding: Unpack[Binding]
    ) -> list[Callback]:
        """The Keras callbacks for what a Keras schedule does not support: `plateau` and momentum.

        Raises:
            ScheduleError: with everything that is wrong under this binding.
        """
        from schedlang import keras

        return keras.callbacks(self._bind({"lr": lr, **binding}))

    def to_optax(self, lr: float | None = None, **binding: Unpack[Binding]) -> Callable[[Any], Any]:
        """An optax schedule, ``count -> rate``.

        Raises:
            ScheduleError: with everything that is wrong under this binding.
            ValueError: if optax cannot do it.
        """
        from schedlang import optax

        return optax.build(self._bind({"lr": lr, **binding}))

    def emit(
        self,
        target: Target,
        lr: float | None = None,
        *,
        function: str | None = None,
        style: Literal["native", "closed-form"] = "native",
        gradient_accumulation_steps: int = 1,
        **binding: Unpack[Binding],
    ) -> str:
        """Standalone source code, which needs only the framework.

        It defines ``build_scheduler(optimizer)`` for torch, ``build_schedule()`` for keras and
        ``learning_rate(step)`` for optax and python.

        Args:
            target: the target: torch, keras, optax or python.
            lr: the base rate; without it, it is a parameter if the target needs one.
            function: the name of the function that is defined.
            style: ``"native"`` uses what the framework has, ``"closed-form"`` only formulas.
            gradient_accumulation_steps: the Keras optimizer's, see `to_keras`.
            **binding: what the line leaves open, see `Binding`.

        Raises:
            ScheduleError: with everything that is wrong under this binding.
            ValueError: if the target cannot do it.
        """
        from schedlang import emit

        program = self._bind({"lr": lr, **binding}, symbolic=True)
        return emit.emit(target, program, function, style, gradient_accumulation_steps)

    def plot(
        self,
        lr: float | None = None,
        *,
        ticks: int | None = None,
        ax: Axes | None = None,
        **binding: Unpack[Binding],
    ) -> Axes:
        """The curve on matplotlib axes (by default those of a new figure).

        Raises:
            ScheduleError: with everything that is wrong under this binding.
        """
        from schedlang import plot

        return plot.draw(self._bind({"lr": lr, **binding}), ticks=ticks, ax=ax)


class Binding(TypedDict, total=False):
    """The settings of a line that can be given when it is bound."""

    total: int | str | None
    """The length of the run, in ticks or as a length such as ``"100ep"``."""
    steps_per_epoch: int | None
    """Optimizer updates per epoch."""
    samples_per_step: float | None
    """Training examples per update."""
    tokens_per_step: float | None
    """Tokens per update."""
    clock: ClockName | None
    """What one tick is: ``"step"`` or ``"epoch"``."""


_DUMP: dict[str, Any] = {"by_alias": True, "exclude_none": True, "context": _AS_TREE}


def parse(text: str, *, clock: ClockName | None = None) -> Schedule:
    """The schedule of a line of text.

    Args:
        text: the line.
        clock: what one tick is, as if the line set it: ``"step"`` or ``"epoch"``.

    Raises:
        ScheduleError: with every mistake of the line: its code, place and advice.

    >>> parse("cosine 90").stages[0].kind
    'cosine'
    """
    if not isinstance(text, str):
        raise TypeError(f"parse takes a string, not {type(text).__name__}")
    try:
        tree = from_text(text, clock)
    except ScheduleError as error:
        from schedlang.language.other_libraries.suggestion import with_suggestion

        raise with_suggestion(error, clock) from None
    return Schedule._of(tree, text)


@lru_cache(maxsize=256)
def _restored(
    text: str,
    binding: tuple[tuple[str, str | int], ...],
    base: float | None,
    registered: tuple[type[Phase], ...],  # noqa: ARG001  # a part of the cache's key
) -> Program:
    groups = () if base is None else (base,)
    with warnings.catch_warnings():  # they were issued when it was first bound
        warnings.simplefilter("ignore", ScheduleWarning)
        return parse(text)._bind(dict(binding), groups=groups)


def restore(text: str, binding: Mapping[str, str | int], base: float | None = None) -> Program:
    """The program of a saved state, from its text, binding and base rate.

    A `ScheduleError` is raised if the text is not, or no longer, a valid schedule.
    """
    return _restored(text, tuple(sorted(binding.items())), base, tuple(REGISTERED.values()))
