"""`Plan`: the model, its text, and its methods, which are implemented in the other modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, overload

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    create_model,
    model_serializer,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler  # from 2.10 on in pydantic
from typing_extensions import Unpack

from schedlang.errors import Mistake, ScheduleError, quoted
from schedlang.language.text import set_values, value_text
from schedlang.language.tree import Settings
from schedlang.language.validate import OwnErrors, plain_data
from schedlang.patterns import Pattern
from schedlang.plan.reading import (
    PLAN_SETTINGS,
    VALUES,
    Line,
    is_line,
    is_text_of_plan,
    read_plan,
)
from schedlang.schedule import Binding, Schedule
from schedlang.targets import Target

if TYPE_CHECKING:
    from keras.callbacks import Callback
    from keras.optimizers.schedules import LearningRateSchedule
    from matplotlib.figure import Figure
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

    from schedlang.program.program import Program


class Plan(OwnErrors):
    """Lines for hyperparameters and parameter groups: frozen and validated.

    A key is a hyperparameter, with a line or with a mapping from patterns of group names to lines;
    or a setting (``total``, ``steps_per_epoch``, ``samples_per_step``, ``tokens_per_step``,
    ``clock``), which applies to each line; or ``values``, which maps names to lines that belong to
    no optimizer.

    A plan is built from YAML or JSON text, a mapping, or keywords. A single line is the plan
    ``{lr: line}``. Two plans are equal if they have the same settings and lines; the order matters
    only for the patterns of a hyperparameter, of which the first that matches a group is used. As a
    field of a pydantic model, a plan is validated from any of these and dumped as a mapping of
    texts.

    Attributes:
        settings: the settings of the plan itself.
        lines: every line with its key and its pattern, in order, including `values`.

    >>> plan = Plan({"lr": "warmup 5% -> cosine rest", "weight_decay": "cosine 100% to=10x"})
    >>> print(plan)
    lr: warmup linear 5% -> cosine rest
    weight_decay: cosine 100% to=10x
    <BLANKLINE>
    >>> plan.bind(lr=0.1, weight_decay=0.04, total=100)["weight_decay"].at(100)
    0.4
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    settings: Settings
    lines: tuple[Line, ...]

    def __init__(self, plan: Any = None, /, **values: Any) -> None:
        """Build a plan from a text, a mapping, a line or a plan, or from its keys as keywords.

        Raises:
            ScheduleError: with every mistake of every line.
        """
        if plan is not None and values:
            raise TypeError("Plan takes one plan, or keywords, not both")
        self.__setstate__(_plan_of(values if plan is None else plan).__getstate__())

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, value: Any, handler: ModelWrapValidatorHandler[Plan]) -> Plan:
        return _plan_of(value)

    @model_serializer(mode="plain")
    def _write(self) -> dict[str, Any]:
        return self.mapping()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        mapping = handler(_form().__pydantic_core_schema__)
        if handler.mode == "serialization":
            return mapping
        return {"anyOf": [{"type": "string", "description": "a plan's YAML, or a line"}, mapping]}

    def mapping(self) -> dict[str, Any]:
        """The plan as a mapping of plain values, each line as its canonical text."""
        found: dict[str, Any] = {}
        for name, value in set_values(self.settings):
            text = value_text(value)
            found[name] = int(text) if text.isdecimal() else text
        for line in sorted(self.lines, key=lambda line: line.is_value):
            if line.pattern is None:
                found[line.key] = str(line.schedule)
            else:
                found.setdefault(line.key, {})[line.pattern] = str(line.schedule)
        return found

    def __str__(self) -> str:
        from schedlang.plan.yaml import dump

        return dump(self.mapping())

    def __repr__(self) -> str:
        return f"Plan({self.mapping()!r})"

    def _compared(self) -> tuple[Any, ...]:
        groups: dict[str, list[tuple[Pattern | None, Schedule]]] = {}
        values: set[Line] = set()
        for line in self.lines:
            if line.is_value:
                values.add(line)
            else:
                groups.setdefault(line.key, []).append((line.pattern, line.schedule))
        lines = frozenset((key, tuple(inside)) for key, inside in groups.items())
        return tuple(set_values(self.settings)), lines, frozenset(values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash(self._compared())

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """The hyperparameters, in order."""
        return tuple(dict.fromkeys(line.key for line in self.lines if not line.is_value))

    @property
    def only_line(self) -> Line | None:
        """The line of `lr` for all groups, if that is the whole plan; else None."""
        (line, *others) = self.lines
        is_alone = line.key == "lr" and line.pattern is None and not others
        return line if is_alone else None

    @overload
    def bind(self, groups: None = None, **given: Any) -> dict[str, Program]: ...

    @overload
    def bind(self, groups: Sequence[str], **given: Any) -> dict[str, Any]: ...

    def bind(self, groups: Sequence[str] | None = None, **given: Any) -> dict[str, Any]:
        """The programs by hyperparameter, and those of the values by their names.

        Args:
            groups: the names of the parameter groups, required if a hyperparameter has lines by
                groups. With them, the result has ``[key][group]`` for each hyperparameter.
            **given: settings, see `Binding`; and the base of each hyperparameter by its key, a
                number or ``{group: number}``. Without a base, the program is in shares of it.

        Raises:
            ScheduleError: with all mistakes of all lines under this binding.

        >>> plan = Plan(lr={"backbone*": "cosine 9 min=1%", "*": "cosine 9"})
        >>> plan.bind(groups=("backbone", "head"), lr=0.1)["lr"]["backbone"].at(9)
        0.001
        """
        from schedlang.plan.binding import bind

        return bind(self, groups, given)

    def to_torch(
        self,
        optimizer: Optimizer,
        *,
        engine: Literal["auto", "chain", "fused"] = "auto",
        start: int = 0,
        on_mismatch: Literal["raise", "keep-step", "keep-fraction"] = "raise",
        later: Sequence[str] = (),
        lr: float | None = None,
        **binding: Unpack[Binding],
    ) -> LRScheduler:
        """One PyTorch scheduler for the whole plan.

        It has ``get_last_lr()``, and ``get_last("weight_decay")`` for every hyperparameter and
        every value. A plan of one line for `lr` gives the scheduler of that line.

        Args:
            optimizer: any ``torch.optim.Optimizer``. The base of a number is the group's
                ``initial_…`` (such as ``initial_weight_decay``), else the number, which is then
                stored there.
            engine: as for a line, if the plan is a single line; else ``"auto"`` or ``"fused"``.
            start: the tick to begin at, to resume without a state.
            on_mismatch: the default of ``load_state_dict`` for a state of another plan, see
                `Schedule.to_torch`.
            later: the patterns of groups that will be added to the optimizer later.
            lr: the base rate; must agree with every group.
            **binding: what the plan leaves open, see `Binding`.

        Raises:
            ScheduleError: with all mistakes under this binding and for the optimizer's groups.
            ValueError: if this engine or optimizer cannot do it.
        """
        from schedlang.plan.torch import build

        options: dict[str, Any] = {"start": start, "on_mismatch": on_mismatch, "later": later}
        return build(self, optimizer, binding, lr=lr, engine=engine, **options)

    def to_optax(self, *, groups: Sequence[str] | None = None, **given: Any) -> dict[str, Any]:
        """The optax schedules by optax's names, for ``optax.inject_hyperparams``.

        `lr` is ``learning_rate``, `beta1` and `beta2` are ``b1`` and ``b2``; any other key is the
        name itself. The values of the plan belong to no optimizer and are not among them.

        Args:
            groups: the names of the groups, required if a hyperparameter has lines by groups. With
                them, the result is ``{group: {name: schedule}}``, for ``optax.partition``.
            **given: settings, see `Binding`; and the base of each hyperparameter by its key, a
                number or ``{group: number}``.

        Raises:
            ScheduleError: with everything that is wrong under this binding; if a line has shares
                of a base that is not given.
            ValueError: if optax cannot do it, naming the key.
        """
        from schedlang.plan.arrays import to_optax

        return to_optax(self, groups, given)

    def to_keras(
        self, *, gradient_accumulation_steps: int = 1, **given: Any
    ) -> LearningRateSchedule:
        """The rate as a Keras schedule; `keras_callbacks` sets the other hyperparameters.

        Args:
            gradient_accumulation_steps: the optimizer's, see `Schedule.to_keras`.
            **given: settings, see `Binding`, and the base rate ``lr``.

        Raises:
            ScheduleError: with everything that is wrong under this binding; if the plan has lines
                by groups, which Keras does not have.
            ValueError: if a schedule cannot do it, with what to use instead.
        """
        from schedlang.plan.arrays import to_keras

        return to_keras(self, gradient_accumulation_steps, given)

    def keras_callbacks(self, **given: Any) -> list[Callback]:
        """The Keras callbacks of the plan.

        They set ``weight_decay``, ``momentum``, ``beta1``, ``beta2`` and ``eps`` inside the
        compiled training step, and the rate if the optimizer has a number instead of a schedule.

        Args:
            **given: settings, see `Binding`. The bases are the optimizer's own numbers; a given
                base must agree within 1e-6.

        Raises:
            ScheduleError: with everything that is wrong under this binding; if the plan has lines
                by groups, which Keras does not have.
            ValueError: if Keras cannot set a hyperparameter, or, at the start of ``fit``, if the
                optimizer does not have it.
        """
        from schedlang.plan.arrays import keras_callbacks

        return keras_callbacks(self, given)

    def plot(
        self, *, groups: Sequence[str] | None = None, ticks: int | None = None, **given: Any
    ) -> Figure:
        """A matplotlib figure with a panel for each hyperparameter and value, a colour per group.

        Args:
            groups: the names of the groups; without them, there is a curve for each pattern.
            ticks: the number of ticks; by default the length of the longest line.
            **given: settings, see `Binding`; and the base of each hyperparameter by its key, a
                number or, with ``groups``, ``{group: number}``. Without a base, a curve is in
                shares of it.

        Raises:
            ScheduleError: with everything that is wrong under this binding.
        """
        from schedlang import plot
        from schedlang.plan.binding import panels

        return plot.draw_panels(panels(self, groups, given), ticks)

    def emit(
        self,
        target: Target,
        *,
        groups: Sequence[str] | None = None,
        style: Literal["native", "closed-form"] = "native",
        gradient_accumulation_steps: int = 1,
        **given: Any,
    ) -> str:
        """Standalone source code, which needs only the framework.

        For optax and python it defines a function of the step for each hyperparameter
        (``learning_rate(step)``, ``weight_decay(step)``) and each value; with lines by groups, for
        each hyperparameter and pattern. For torch it defines ``build_scheduler(optimizer)``, and
        for keras ``build_schedule()`` and ``build_callbacks()``. A plan of one line for `lr` gives
        the source of that line.

        Args:
            target: the target: torch, keras, optax or python.
            groups: for optax and python, the names of groups: then there is a function for each
                hyperparameter and group.
            style: as for a line, see `Schedule.emit`.
            gradient_accumulation_steps: the Keras optimizer's, see `Schedule.to_keras`.
            **given: settings, see `Binding`; and the base of each hyperparameter by its key, a
                number or, with ``groups``, ``{group: number}``. A base that is not given is a
                parameter of the function; torch and keras read it from the optimizer.

        Raises:
            ScheduleError: with everything that is wrong under this binding.
            ValueError: if the target does not support it; the message names the key.
        """
        from schedlang.plan.source import to_source

        options: dict[str, Any] = {"gradient_accumulation_steps": gradient_accumulation_steps}
        return to_source(self, target, groups, given, style=style, **options)


def _plan_of(value: Any) -> Plan:
    """The plan of a text, a mapping, a line or a plan.

    Raises:
        ScheduleError: with all mistakes.
    """
    if isinstance(value, Plan):
        return value
    if isinstance(value, str) and is_text_of_plan(value):
        from schedlang.plan.yaml import load

        value = load(value)
        if not isinstance(value, Mapping):
            message = f"expected a mapping from hyperparameters to lines, not {quoted(value)}"
            raise ScheduleError([Mistake("wrong-type", message)])
    if isinstance(value, Mapping):
        value = plain_data(value)  # config systems such as OmegaConf have their own mappings
    if isinstance(value, Mapping) and not is_line(value):
        settings, lines = read_plan(value)
    elif isinstance(value, str | Mapping | Schedule):
        settings, lines = Settings(), (Line("lr", None, Schedule.model_validate(value)),)
    else:
        message = f"expected a plan as text or as a mapping, not {quoted(value)}"
        raise ScheduleError([Mistake("wrong-type", message)])
    return Plan.model_construct(settings=settings, lines=lines)


class _Extra(BaseModel):
    model_config = ConfigDict(extra="allow", defer_build=True)
    __pydantic_extra__: dict[str, Schedule | dict[str, Schedule]]


@cache
def _form() -> type[BaseModel]:
    """A model of a plan's mapping, for its JSON Schema."""
    fields: dict[str, Any] = {
        name: (field.annotation, field)
        for name, field in Settings.model_fields.items()
        if name in PLAN_SETTINGS
    }
    fields[VALUES] = (dict[str, Schedule], Field({}, description="lines of no optimizer, by name"))
    form: type[BaseModel] = create_model("PlanMapping", __base__=_Extra, **fields)
    form.model_rebuild()
    return form
