"""Spaces: lines with choices and ranges, which represent many lines, for sweeps."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

from typing_extensions import Self, assert_never

from schedlang.errors import quoted, refuse
from schedlang.language.quantities import AsText
from schedlang.language.space_marks import Choices, Parameters, Range, Template, read_space

if TYPE_CHECKING:
    from optuna.trial import BaseTrial
    from pydantic.json_schema import JsonSchemaValue

MOST_LINES = 1_000_000
"""The maximum number of lines that `Space.lines` returns."""


@dataclass(frozen=True)
class Space(AsText):
    """A line with marks: choices ``<a, b, c>`` and ranges ``<low .. high>``.

    Its lines are parsed when it is constructed: all combinations of choices and the ends of ranges,
    or, if there are more than 10,000, a sample of 10,000 with a fixed seed. Two spaces are equal if
    their texts are. As a field of a pydantic model, a space is validated from its text and dumped
    as text.

    Args:
        text: the line with marks. A word directly before a mark is its name: ``tail<10%, 20%>``;
            else it has the name of its argument or phase.

    Raises:
        ScheduleError: with the mistakes of the marks, or of any line of the space.

    >>> space = Space("warmup <1%, 5%> -> cosine rest min=<0, 1%>")
    >>> for line in space.lines():
    ...     print(line)
    warmup 1% -> cosine rest min=0
    warmup 1% -> cosine rest min=1%
    warmup 5% -> cosine rest min=0
    warmup 5% -> cosine rest min=1%
    >>> space.line({"warmup": "5%", "min": "1%"})
    'warmup 5% -> cosine rest min=1%'
    """

    text: str
    _template: Template = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise TypeError(f"Space takes a string, not {type(self.text).__name__}")
        object.__setattr__(self, "_template", read_space(self.text))

    @property
    def _parameters(self) -> Parameters:
        return self._template.parameters

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Space({self.text!r})"

    @classmethod
    def read(cls, value: object) -> Self:
        """The space of a text, or of another space.

        Raises:
            ScheduleError: as `Space`, and if it is neither.
        """
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            refuse("wrong-type", f"expected a line of text, not {quoted(value)}")
        return cls(value)

    @classmethod
    def json_schema(cls) -> JsonSchemaValue:
        return {"type": "string", "description": "a line with choices: `cosine <50, 100>`"}

    def lines(self) -> list[str]:
        """Every line of the space, the last mark changing first.

        Comments are removed, and runs of blanks become one.

        Raises:
            ValueError: if the space has a range, or more than a million lines.
        """
        ranges = [name for name, each in self._parameters.items() if isinstance(each, Range)]
        if ranges:
            which = f"`{ranges[0]}` is a range"
            raise ValueError(f"the lines of this space cannot be listed: {which}; draw a sample")
        options = [each.options for each in self._parameters.values()]
        if (size := math.prod(map(len, options))) > MOST_LINES:
            which = f"there are {size:,}"
            raise ValueError(f"the lines of this space cannot be listed: {which}; draw a sample")
        return [
            self._template.line(dict(zip(self._parameters, chosen, strict=True)))
            for chosen in product(*options)
        ]

    def sample(self, count: int, seed: int = 0) -> list[str]:
        """Independent random lines; a line may occur more than once.

        Args:
            count: the number of lines.
            seed: the random seed.
        """
        rng = random.Random(seed)  # noqa: S311  # not for secrets
        return [
            self.line({name: each.draw(rng) for name, each in self._parameters.items()})
            for _ in range(count)
        ]

    def line(self, config: Mapping[str, Any]) -> str:
        """The line of one trial.

        Args:
            config: a value for each name: the text of a choice, or the number of a range without
                its unit. Other names are ignored.

        Raises:
            ValueError: if a name is missing, or a value is not in the space.
        """
        texts = {}
        for name, each in self._parameters.items():
            if name not in config:
                raise ValueError(f"the config has no `{name}`, which the space {quoted(self)} has")
            try:
                texts[name] = each.text(config[name])
            except ValueError as error:
                raise ValueError(f"`{name}`: {error}") from None
        return self._template.line(texts)

    def suggest(self, trial: BaseTrial) -> str:
        """The line of an Optuna trial: a parameter for each name, categorical, integer or float.

        A float is rounded to six digits.
        """
        config: dict[str, Any] = {}
        for name, each in self._parameters.items():
            match each:
                case Choices():
                    config[name] = trial.suggest_categorical(name, each.options)
                case Range(low=low, high=high, log=log, whole=True):
                    config[name] = trial.suggest_int(name, int(low), int(high), log=log)
                case Range(low=low, high=high, log=log):
                    config[name] = trial.suggest_float(name, float(low), float(high), log=log)
                case _:
                    assert_never(each)
        return self.line(config)

    def to_ray(self) -> dict[str, Any]:
        """A search space of Ray Tune, a domain for each name; `line` gives the line of a config.

        Raises:
            ModuleNotFoundError: if Ray Tune is not installed.
        """
        try:
            from ray import tune
        except ModuleNotFoundError:
            message = "to_ray needs Ray Tune: pip install 'schedlang[ray]'"
            raise ModuleNotFoundError(message, name="ray") from None

        space: dict[str, Any] = {}
        for name, each in self._parameters.items():
            match each:
                case Choices():
                    space[name] = tune.choice(list(each.options))
                case Range(whole=True):  # Ray excludes the upper end of integers
                    integers = tune.lograndint if each.log else tune.randint
                    space[name] = integers(int(each.low), int(each.high) + 1)
                case Range():
                    floats = tune.loguniform if each.log else tune.uniform
                    space[name] = floats(float(each.low), float(each.high))
                case _:
                    assert_never(each)
        return space

    def to_wandb(self) -> dict[str, dict[str, Any]]:
        """The ``parameters`` of a Weights & Biases sweep; `line` gives the line of a run's config.

        >>> Space("warmup <1%, 5%> -> cosine rest min=<0 .. 10%>").to_wandb()["min"]
        {'distribution': 'uniform', 'min': 0.0, 'max': 10.0}
        """
        block: dict[str, dict[str, Any]] = {}
        for name, each in self._parameters.items():
            match each:
                case Choices():
                    block[name] = {"values": list(each.options)}
                case Range(whole=True):
                    kind = "q_log_uniform_values" if each.log else "int_uniform"
                    ends = {"min": int(each.low), "max": int(each.high)}
                    block[name] = {"distribution": kind, **ends}
                case Range():
                    kind = "log_uniform_values" if each.log else "uniform"
                    real = {"min": float(each.low), "max": float(each.high)}
                    block[name] = {"distribution": kind, **real}
                case _:
                    assert_never(each)
        return block
