"""What a framework's class does not understand gets a formula: every kind, argument and target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest

import schedlang
from schedlang.counterparts import keras, optax, torch
from schedlang.counterparts.levels import Levels
from schedlang.counterparts.table import Call, Counterpart
from schedlang.formula import expressions as formula
from schedlang.formula.expressions import BASE, Expr, power, rounds
from schedlang.language.quantities import Length
from schedlang.phases import BUILT_IN
from schedlang.phases.arguments import Duration, NonNegativeInt, PositiveLength
from schedlang.phases.base import NO_ARGUMENTS, Context, Phase
from schedlang.phases.plateau import Plateau
from schedlang.phases.ramps import Hold
from schedlang.phases.rates import Step
from schedlang.program.program import Piece
from schedlang.schedule import Schedule
from schedlang.targets import Target

TABLES: dict[str, dict[str, Counterpart]] = {
    "torch": torch.COUNTERPARTS,
    "keras": keras.COUNTERPARTS,
    "optax": optax.COUNTERPARTS,
}
FIND: dict[str, Callable[[Piece, Levels], Call | None]] = {
    "torch": torch.counterpart,
    "keras": keras.counterpart,
    "optax": optax.counterpart,
}

# Kind, the line in which as little as can be is set, and for each argument a line that sets it.
_RAMP = {
    "role": "warmup {0} 10 from=10%",
    "from": "{0} 10 from=50%",
    "to": "{0} 10 to=50%",
    "min": "{0} 10 min=50%",
    "skip": "{0} 10 skip=5",
    "every": "{0} 10 every=5",
}


def _ramp(kind: str, **more: str) -> dict[str, str]:
    return {name: line.format(kind) for name, line in _RAMP.items()} | more


LEAST = {
    "hold": "hold",
    "linear": "linear 10",
    "cosine": "cosine 10",
    "poly": "poly 10",
    "sqrt": "sqrt 10",
    "exp": "exp gamma=0.9",
    "step": "step every=30",
    "multistep": "multistep at=[30, 60]",
    "piecewise": "piecewise at=[10] values=[1x, 50%]",
    "inverse_time": "inverse_time rate=1",
    "inverse_sqrt": "inverse_sqrt timescale=10",
    "restarts": "restarts first=10",
    "cyclic": "cyclic up=5 min=10%",
    "onecycle": "onecycle 50",
    "plateau": "plateau",
    "fn": "fn {0.9 ** t}",
}
LINES: dict[str, dict[str, str]] = {
    "hold": {"to": "hold to=50%"},
    "linear": _ramp("linear"),
    "cosine": _ramp("cosine"),
    "poly": _ramp("poly", power="poly 10 power=2"),
    "sqrt": _ramp("sqrt"),
    "exp": {
        "role": "warmup exp 10 from=10%",
        "from": "exp gamma=0.9 from=50%",
        "to": "exp 10 to=10%",
        "min": "exp gamma=0.9 min=10%",
        "skip": "exp gamma=0.9 skip=5",
        "gamma": "exp gamma=0.8",
        "every": "exp gamma=0.9 every=2",
    },
    "step": {
        "from": "step every=30 from=50%",
        "min": "step every=30 min=10%",
        "skip": "step every=30 skip=5",
        "every": "step every=31",
        "gamma": "step every=30 gamma=0.5",
    },
    "multistep": {
        "at": "multistep at=[30, 61]",
        "gamma": "multistep at=[30, 60] gamma=0.5",
        "from": "multistep at=[30, 60] from=50%",
        "min": "multistep at=[30, 60] min=10%",
    },
    "piecewise": {
        "at": "piecewise at=[11] values=[1x, 50%]",
        "values": "piecewise at=[10] values=[1x, 40%]",
    },
    "inverse_time": {
        "from": "inverse_time rate=1 from=50%",
        "min": "inverse_time rate=1 min=10%",
        "skip": "inverse_time rate=1 skip=5",
        "rate": "inverse_time rate=2",
        "every": "inverse_time rate=1 every=2",
        "staircase": "inverse_time rate=1 staircase=true",
    },
    "inverse_sqrt": {
        "from": "inverse_sqrt timescale=10 from=50%",
        "min": "inverse_sqrt timescale=10 min=10%",
        "skip": "inverse_sqrt timescale=10 skip=5",
        "timescale": "inverse_sqrt timescale=11",
    },
    "restarts": {
        "first": "restarts first=11",
        "mult": "restarts first=10 mult=2",
        "min": "restarts first=10 min=10%",
        "shrink": "restarts first=10 shrink=0.5",
        "cycles": "restarts first=10 cycles=2",
        "from": "restarts first=10 from=50%",
        "skip": "restarts first=10 skip=5",
    },
    "cyclic": {
        "up": "cyclic up=6 min=10%",
        "down": "cyclic up=5 down=6 min=10%",
        "min": "cyclic up=5 min=20%",
        "max": "cyclic up=5 min=10% max=2x",
        "mode": "cyclic up=5 min=10% mode=triangular2",
        "gamma": "cyclic up=5 min=10% mode=exp_range gamma=0.9",
        "momentum": "cyclic up=5 min=10% momentum=[0.8, 0.9]",
        "skip": "cyclic up=5 min=10% skip=3",
    },
    "onecycle": {
        "max": "onecycle 50 max=2x",
        "pct": "onecycle 50 pct=0.4",
        "div": "onecycle 50 div=10",
        "final_div": "onecycle 50 final_div=10",
        "anneal": "onecycle 50 anneal=linear",
        "three_phase": "onecycle 50 three_phase=true",
        "momentum": "onecycle 50 momentum=[0.8, 0.9]",
        "skip": "onecycle 50 skip=5",
    },
    "plateau": {
        "mode": "plateau mode=max",
        "factor": "plateau factor=0.5",
        "patience": "plateau patience=5",
        "threshold": "plateau threshold=0.1",
        "threshold_mode": "plateau threshold_mode=abs",
        "cooldown": "plateau cooldown=3",
        "min": "plateau min=10%",
        "eps": "plateau eps=0.1",
        "monitor": "plateau monitor=train_loss",
    },
    "fn": {"expression": "fn {0.8 ** t}"},
}
BESIDE: list[tuple[str, str, str]] = [
    ("exp", "exp 10 to=10%", "exp 10 to=10% every=2"),
    *(
        (kind, f"warmup {kind} 10 from=10%", f"warmup {kind} 10 from=10% {more}")
        for kind in ("linear", "cosine", "poly", "exp")
        for more in ("skip=1", "every=2")
    ),
]
"""Arguments beside others that change what they mean: the kind, a line without, and one with."""
WITHOUT_EFFECT = {("restarts", "cycles"), ("plateau", "monitor")}
"""What no class takes, but the schedule's end and the training loop do."""


def _arguments() -> Iterator[tuple[str, str]]:
    for kind, phase in BUILT_IN.items():
        for name, field in phase.model_fields.items():
            if name not in NO_ARGUMENTS:
                yield kind, field.alias or name


ARGUMENTS = list(_arguments())
ENROLLED = [
    (target, kind, argument)
    for target, table in TABLES.items()
    for kind, argument in ARGUMENTS
    if kind in table
]


def _piece(line: str) -> Piece:
    return schedlang.parse(line).bind(lr=0.1).symbolic[0].pieces[0]


@pytest.mark.parametrize(("kind", "argument"), ARGUMENTS)
def test_every_argument_has_a_line_that_sets_it(kind: str, argument: str) -> None:
    assert argument in LINES[kind], f"add a line that sets {argument}= of `{kind}`"
    piece = _piece(LINES[kind][argument])
    assert piece.kind == kind
    assert argument in piece.arguments["given"]


@pytest.mark.parametrize(("target", "kind", "argument"), ENROLLED)
@pytest.mark.parametrize("bases", [(), (0.1,), (0.1, 0.2)])
def test_an_argument_is_understood_or_there_is_no_counterpart(
    target: str, kind: str, argument: str, bases: tuple[float, ...]
) -> None:
    """One that is understood changes the call, or leads to none."""
    levels = Levels(bases)
    least, line = (_piece(text) for text in (LEAST[kind], LINES[kind][argument]))
    found = FIND[target](line, levels)
    if argument not in TABLES[target][kind].understands:
        assert found is None
    elif (kind, argument) not in WITHOUT_EFFECT:
        assert found is None or found != FIND[target](least, levels)


@pytest.mark.parametrize("target", TABLES)
@pytest.mark.parametrize(("kind", "without", "line"), BESIDE, ids=[row[2] for row in BESIDE])
@pytest.mark.parametrize("bases", [(), (0.1,), (0.1, 0.2)])
def test_an_argument_beside_others(
    target: str, kind: str, without: str, line: str, bases: tuple[float, ...]
) -> None:
    levels = Levels(bases)
    found, other = (FIND[target](_piece(text), levels) for text in (line, without))
    assert _piece(line).kind == kind
    assert found is None or found != other


COUNTERPARTS = [(target, kind) for target, table in TABLES.items() for kind in table]


@pytest.mark.parametrize(("target", "kind"), COUNTERPARTS)
def test_a_phase_of_the_table_has_a_counterpart(target: str, kind: str) -> None:
    lines = [LEAST[kind], *LINES[kind].values()]
    assert any(FIND[target](_piece(line), Levels((0.1,))) for line in lines)


@pytest.mark.parametrize(
    ("target", "line"),
    [(t, line) for t, kind in COUNTERPARTS for line in (LEAST[kind], *LINES[kind].values())],
)
def test_an_argument_that_no_counterpart_has(target: str, line: str) -> None:
    piece = _piece(line)
    arguments = piece.arguments.copy()
    arguments["given"] |= {"warp"}
    assert FIND[target](piece._replace(arguments=arguments), Levels((0.1,))) is None


@pytest.mark.parametrize("target", TABLES)
def test_what_is_understood_are_arguments(target: str) -> None:
    declared = {(k, name) for k, found in TABLES[target].items() for name in found.understands}
    assert declared <= set(ARGUMENTS)


class Delayed(Step):
    """`step` with one more argument, as if somebody had added it."""

    kind: Literal["step"]
    delay: PositiveLength | None = None

    def factor(self, context: Context) -> Expr:
        late = 0 if self.delay is None else context.convert(self.delay)
        return power(self.gamma, rounds(context.t + late, context.convert(self.every)))


def delayed(**arguments: Any) -> Schedule:
    """A schedule of one such phase."""
    phase = Delayed(kind="step", every=Length.read(30), **arguments)
    return Schedule.model_construct(stages=(phase,))


class Smoothed(Plateau):
    """`plateau` with one more argument."""

    kind: Literal["plateau"]
    window: NonNegativeInt = 1


@pytest.mark.parametrize("warmup", [(), (Hold(kind="hold", duration=Duration.read(5)),)])
def test_an_argument_added_to_plateau_is_refused(warmup: tuple[Phase, ...]) -> None:
    line, other = (
        Schedule.model_construct(stages=(*warmup, Smoothed(kind="plateau", window=window)))
        for window in (1, 3)
    )
    assert "factor=0.1, patience=10)" in line.emit("torch", lr=0.1)
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole text is compared
        other.emit("torch", lr=0.1)
    assert str(refused.value) == "ReduceLROnPlateau has no `window=`, which `plateau` sets"


@pytest.mark.parametrize(
    ("target", "name"),
    [("torch", "StepLR"), ("keras", "ExponentialDecay"), ("optax", "exponential_decay")],
)
def test_an_argument_added_to_step_is_not_dropped(target: Target, name: str) -> None:
    assert f"{name}(" in delayed().emit(target, lr=0.1)
    assert f"{name}(" not in delayed(delay=5).emit(target, lr=0.1)


# Levels, as shares and rates of the base rates; (share, rate, whether it is known, the base itself)
HALF, THOUSANDTH = formula.mul(0.5, BASE), formula.Number(1e-3)
READ = [
    (HALF, (), (0.5, None, True, False)),
    (HALF, (0.1,), (0.5, 0.05, True, False)),
    (HALF, (0.1, 0.2), (0.5, None, True, False)),
    (HALF, (0.1, 0.0), (0.5, None, True, False)),
    (HALF, (0.0,), (None, 0.0, True, True)),
    (THOUSANDTH, (), (None, 1e-3, True, False)),
    (THOUSANDTH, (0.1,), (0.01, 1e-3, True, False)),
    (THOUSANDTH, (0.1, 0.2), (None, 1e-3, True, False)),
    (THOUSANDTH, (1e-3, 1e-3), (1.0, 1e-3, True, True)),
    (HALF + THOUSANDTH, (), (None, None, False, False)),
    (HALF + THOUSANDTH, (0.1,), (0.51, 0.051, True, False)),
    (HALF + THOUSANDTH, (0.1, 0.2), (None, None, True, False)),
    (formula.maximum(HALF, THOUSANDTH), (), (None, None, False, False)),
    (formula.maximum(HALF, THOUSANDTH), (0.1, 0.2), (0.5, None, True, False)),
    (formula.ZERO, (), (0.0, 0.0, True, False)),
    (BASE, (), (1.0, None, True, True)),
    (BASE, (0.1, 0.2), (1.0, None, True, True)),
    (formula.T, (0.1,), (None, None, False, False)),
]


@pytest.mark.parametrize(("level", "bases", "read"), READ)
def test_levels(level: Expr, bases: tuple[float, ...], read: tuple[object, ...]) -> None:
    levels = Levels(bases)
    known = levels.is_known(level)
    is_base = known and levels.is_base(level)
    assert (levels.share(level), levels.rate(level), known, is_base) == read


def test_the_same_level() -> None:
    tenth = formula.Number(0.1)
    assert Levels((0.1,)).same(BASE, tenth)
    assert not Levels((0.1, 0.2)).same(BASE, tenth)
    assert not Levels().same(BASE, tenth)
    assert Levels().same(formula.mul(0.1 + 0.2, BASE), formula.mul(0.3, BASE))
    assert not Levels((0.1,)).same(formula.T, formula.T + 1)
