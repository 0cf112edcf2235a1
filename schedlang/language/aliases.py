"""Names of schedulers, arguments, units and settings in other libraries, and the names here.

Tables, and the functions that look names up in them, used only for error messages. The advice for a
whole line is made in `schedlang.language.other_libraries`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from schedlang.errors import did_you_mean

# ── Schedulers ───────────────────────────────────────────────────────────────────────────────────


class Scheduler(NamedTuple):
    """A scheduler of another library."""

    library: str
    name: str
    phases: str
    """Its equivalent here: phases joined by ``+``; the arguments go to the last one."""
    parameters: str
    """Its parameters in the order of its signature; ``a:b`` is read as the argument ``b``."""
    otherwise: str = ""
    """Its defaults that differ from those of the phase here; ``then`` is the level at which it
    continues after its end."""


_RUN = "optimizer num_warmup_steps num_training_steps"
_ZERO = "warmup_from=0"

SCHEDULERS: tuple[Scheduler, ...] = (
    Scheduler("PyTorch", "CosineAnnealingLR", "cosine", "optimizer T_max eta_min"),
    Scheduler("PyTorch", "CosineAnnealingWarmRestarts", "restarts", "optimizer T_0 T_mult eta_min"),
    Scheduler("PyTorch", "StepLR", "step", "optimizer step_size gamma"),
    Scheduler("PyTorch", "MultiStepLR", "multistep", "optimizer milestones gamma"),
    Scheduler("PyTorch", "ExponentialLR", "exp", "optimizer gamma"),
    Scheduler(
        "PyTorch", "LinearLR", "linear", "optimizer start_factor end_factor total_iters",
        "T=5 from=1/3x to=1x",
    ),
    Scheduler(
        "PyTorch", "ConstantLR", "hold", "optimizer factor total_iters", "T=5 to=1/3x then=1x"
    ),
    Scheduler("PyTorch", "PolynomialLR", "poly", "optimizer total_iters power", "T=5"),
    Scheduler(
        "PyTorch", "OneCycleLR", "onecycle",
        "optimizer max_lr total_steps epochs steps_per_epoch pct_start anneal_strategy",
    ),
    Scheduler(
        "PyTorch", "CyclicLR", "cyclic",
        "optimizer base_lr max_lr step_size_up step_size_down mode gamma", "up=2000",
    ),
    Scheduler(
        "PyTorch", "ReduceLROnPlateau", "plateau", "optimizer mode factor patience threshold"
    ),
    Scheduler("PyTorch", "LambdaLR", "fn", "optimizer lr_lambda"),
    Scheduler("Keras", "CosineDecay", "cosine", "initial_learning_rate decay_steps alpha"),
    Scheduler(
        "Keras", "CosineDecayRestarts", "restarts",
        "initial_learning_rate first_decay_steps t_mul m_mul alpha", "mult=2",
    ),
    Scheduler(
        "Keras", "ExponentialDecay", "exp",
        "initial_learning_rate decay_steps decay_rate staircase",
    ),
    Scheduler(
        "Keras", "InverseTimeDecay", "inverse_time",
        "initial_learning_rate decay_steps decay_rate staircase",
    ),
    Scheduler("Keras", "PiecewiseConstantDecay", "piecewise", "boundaries values"),
    Scheduler(
        "Keras", "PolynomialDecay", "poly",
        "initial_learning_rate decay_steps end_learning_rate power", "min=1e-4",
    ),
    Scheduler("Keras", "LearningRateScheduler", "fn", "lr_lambda"),
    Scheduler("transformers", "get_constant_schedule", "hold", "optimizer"),
    Scheduler(
        "transformers", "get_constant_schedule_with_warmup", "warmup + hold",
        "optimizer num_warmup_steps", _ZERO,
    ),
    Scheduler("transformers", "get_linear_schedule_with_warmup", "warmup + linear", _RUN, _ZERO),
    Scheduler("transformers", "get_cosine_schedule_with_warmup", "warmup + cosine", _RUN, _ZERO),
    Scheduler(
        "transformers", "get_cosine_with_min_lr_schedule_with_warmup", "warmup + cosine", _RUN,
        _ZERO,
    ),
    Scheduler(
        "transformers", "get_cosine_with_hard_restarts_schedule_with_warmup",
        "warmup + restarts", f"{_RUN} num_cycles", f"{_ZERO} cycles=1",
    ),
    Scheduler(
        "transformers", "get_polynomial_decay_schedule_with_warmup", "warmup + poly",
        f"{_RUN} lr_end power", f"{_ZERO} min=1e-7",
    ),
    Scheduler(
        "transformers", "get_inverse_sqrt_schedule", "warmup + inverse_sqrt",
        "optimizer num_warmup_steps timescale", _ZERO,
    ),
    Scheduler(
        "transformers", "get_wsd_schedule", "warmup + hold + cosine",
        "optimizer num_warmup_steps num_decay_steps num_training_steps num_stable_steps", _ZERO,
    ),
    Scheduler("timm", "CosineLRScheduler", "cosine", "optimizer t_initial lr_min", "skip=warmup"),
    Scheduler("timm", "StepLRScheduler", "step", "optimizer decay_t decay_rate"),
    Scheduler("timm", "MultiStepLRScheduler", "multistep", "optimizer decay_t decay_rate"),
    Scheduler("timm", "PolyLRScheduler", "poly", "optimizer t_initial power lr_min", "power=0.5"),
    Scheduler(
        "timm", "PlateauLRScheduler", "plateau", "optimizer decay_rate patience_t", "mode=max"
    ),
    Scheduler(
        "DeepSpeed", "WarmupDecayLR", "warmup + linear",
        "optimizer total_num_steps warmup_min_lr warmup_max_lr warmup_num_steps",
    ),
    Scheduler(
        "DeepSpeed", "WarmupCosineLR", "warmup + cosine",
        "optimizer total_num_steps warmup_min_ratio warmup_num_steps cos_min_ratio",
    ),
    Scheduler("tensor2tensor", "noam", "warmup + inverse_sqrt", "warmup_steps", _ZERO),
    Scheduler("optax", "constant_schedule", "hold", "value"),
    Scheduler("optax", "cosine_decay_schedule", "cosine", "init_value decay_steps alpha"),
    Scheduler(
        "optax", "exponential_decay", "exp",
        "init_value transition_steps decay_rate transition_begin staircase end_value",
    ),
    Scheduler("optax", "linear_schedule", "linear", "init_value end_value transition_steps"),
    Scheduler(
        "optax", "polynomial_schedule", "poly", "init_value end_value power transition_steps"
    ),
    Scheduler(
        "optax", "warmup_constant_schedule", "warmup + hold", "init_value peak_value warmup_steps"
    ),
    Scheduler(
        "optax", "warmup_cosine_decay_schedule", "warmup + cosine",
        "init_value peak_value warmup_steps decay_steps:decay_until end_value",
    ),
    Scheduler(
        "optax", "cosine_onecycle_schedule", "onecycle",
        "transition_steps peak_value pct_start div_factor final_div_factor",
    ),
    Scheduler("MMEngine", "PolyLR", "poly", "optimizer power eta_min"),
    Scheduler("MMEngine", "ReduceOnPlateauLR", "plateau", "optimizer monitor rule factor patience"),
)  # fmt: skip

SEQUENCES = ("SequentialLR", "join_schedules")
"""Classes and functions that take a list of schedulers to run in sequence."""

_KINDS = {
    "cosine": "cosine", "cos": "cosine", "linear": "linear", "lin": "linear",
    "polynomial": "poly", "poly": "poly", "exponential": "exp", "expo": "exp", "exp": "exp",
    "sqrt": "sqrt", "step": "step", "stepwise": "step", "multistep": "multistep",
    "plateau": "plateau", "cyclic": "cyclic", "cyclical": "cyclic", "clr": "cyclic",
    "triangular": "cyclic", "onecycle": "onecycle", "1cycle": "onecycle",
    "restarts": "restarts", "restart": "restarts", "sgdr": "restarts",
    "constant": "hold", "const": "hold", "stable": "hold", "flat": "hold", "fixed": "hold",
    "hold": "hold", "keep": "hold", "rsqrt": "inverse_sqrt", "noam": "warmup inverse_sqrt",
    "piecewise": "piecewise", "wsd": "warmup hold decay", "trapezoidal": "warmup hold decay",
    "warmup": "warmup", "lambda": "fn",
}  # fmt: skip
"""The phases that a word of a name stands for."""

_JOINED = (
    ("warm_up", "warmup"), ("warmup_stable_decay", "wsd"), ("warm_restart", "restart"),
    ("hard_restart", "restart"), ("one_cycle", "onecycle"), ("1_cycle", "1cycle"),
    ("multi_step", "multistep"), ("inverse_square_root", "rsqrt"), ("inverse_sqrt", "rsqrt"),
    ("inv_sqrt", "rsqrt"), ("reciprocal_sqrt", "rsqrt"), ("square_root", "sqrt"),
    ("piecewise_constant", "piecewise"), ("reduce_on_plateau", "plateau"),
    ("reduce_lr_on_plateau", "plateau"),
)  # fmt: skip
_FILLERS = {
    "lr", "schedule", "scheduler", "sched", "decay", "decayed", "annealing", "anneal", "annealed",
    "get", "with", "learning", "rate", "policy", "to", "min", "up",
}  # fmt: skip
"""Words of a name that do not change what it means."""

# ── Arguments and settings ───────────────────────────────────────────────────────────────────────

ARGUMENT_ALIASES: dict[str, str] = {
    # Durations. `end` is a position in the run; if there is only one phase, it is its duration.
    "t_max": "T", "t": "T", "duration": "T", "length": "T", "total_iters": "T", "period": "T",
    "steps": "T st", "num_steps": "T st", "n_steps": "T st", "iters": "T st",
    "iterations": "T st", "decay_steps": "T st", "num_decay_steps": "T st", "decay_iters": "T st",
    "transition_steps": "T st", "decay_epochs": "T ep", "num_stable_steps": "hold T st",
    "stable_steps": "hold T st", "wsd.stable": "hold T", "wsd.hold": "hold T", "wsd.decay": "T",
    "decay_ratio": "T %", "decay_fraction": "T %",
    "t_initial": "end", "end": "end", "decay_until": "end st",
    "epochs": "end ep", "epoch": "end ep", "num_epochs": "end ep", "n_epochs": "end ep",
    "max_epochs": "end ep", "total_epochs": "end ep", "num_train_epochs": "end ep",
    "train_epochs": "end ep",
    "total_steps": "end st", "max_steps": "end st", "num_training_steps": "end st",
    "train_steps": "end st", "num_train_steps": "end st", "total_iterations": "end st",
    "max_iters": "end st", "max_iter": "end st", "total_num_steps": "end st",
    "train_iters": "end st", "lr_decay_steps": "end st", "lr_decay_iters": "end st",
    "total_tokens": "end tok", "max_tokens": "end tok", "total_samples": "end ex",
    # Levels. `x` is a share of the base.
    "eta_min": "min", "min_lr": "min", "lr_min": "min", "minimum_lr": "min", "minimum": "min",
    "min_learning_rate": "min", "learning_rate_min": "min", "floor": "min", "min_value": "min",
    "eta_min_ratio": "min x", "min_lr_ratio": "min x", "min_lr_rate": "min x", "min_ratio": "min x",
    "min_lr_factor": "min x", "alpha": "min x", "alpha_f": "min x", "lrf": "min x",
    "final_lr_ratio": "min x", "cos_min_ratio": "min x",
    "end_lr": "to", "lr_end": "to", "final_lr": "to", "end_value": "to",
    "end_learning_rate": "to", "final_value": "to", "final": "to", "stop": "to", "target": "to",
    "start_lr": "from", "start": "from", "start_value": "from", "from_lr": "from", "init": "from",
    "start_factor": "from x", "end_factor": "to x",
    "hold.factor": "to x", "hold.value": "lr",
    "initial_learning_rate": "initial", "initial_lr": "initial", "init_lr": "initial",
    "init_value": "initial", "linear.init_value": "from",
    "learning_rate": "lr", "base_lr": "lr", "lr0": "lr", "base_learning_rate": "lr",
    "init_learning_rate": "lr",
    "peak_value": "peak", "peak_lr": "peak", "max_lr": "peak", "lr_max": "peak",
    "peak_learning_rate": "peak", "warmup_target": "peak", "max_learning_rate": "peak",
    "cyclic.base_lr": "min", "cyclic.max_lr": "max", "onecycle.max_lr": "max",
    "onecycle.peak_value": "max", "onecycle.peak_lr": "max", "onecycle.lr_max": "max",
    # Warm-ups.
    "warmup": "warmup T", "warmup_t": "warmup T", "warmup_length": "warmup T",
    "warmup_duration": "warmup T", "warmup_period": "warmup T",
    "warmup_steps": "warmup T st", "num_warmup_steps": "warmup T st", "warmup_iters": "warmup T st",
    "warmup_iterations": "warmup T st", "warmup_updates": "warmup T st",
    "warmup_batches": "warmup T st", "n_warmup_steps": "warmup T st", "warmup_step": "warmup T st",
    "warmup_num_steps": "warmup T st", "lr_warmup_steps": "warmup T st",
    "lr_warmup_iters": "warmup T st", "warm_up_steps": "warmup T st",
    "warmup_epochs": "warmup T ep", "num_warmup_epochs": "warmup T ep",
    "warmup_epoch": "warmup T ep", "lr_warmup_epochs": "warmup T ep",
    "warm_up_epochs": "warmup T ep", "warmup_tokens": "warmup T tok",
    "warmup_ratio": "warmup T %", "warmup_fraction": "warmup T %", "warmup_frac": "warmup T %",
    "warmup_proportion": "warmup T %", "warmup_pct": "warmup T %", "warmup_percent": "warmup T %",
    "warmup_lr": "warmup from", "warmup_init_lr": "warmup from", "warmup_lr_init": "warmup from",
    "warmup_start_lr": "warmup from", "warmup_init_value": "warmup from",
    "warmup_from": "warmup from",
    "warmup_factor": "warmup from x", "warmup_start_factor": "warmup from x",
    "lr_warmup_decay": "warmup from x", "warmup_min_ratio": "warmup from x",
    "warmup_min_lr": "warmup from", "warmup_max_lr": "peak",
    "warmup_type": "warmup shape", "warmup_mode": "warmup shape", "warmup_method": "warmup shape",
    "warmup_policy": "warmup shape", "warmup_shape": "warmup shape",
    # Factors and periods.
    "decay_rate": "gamma", "factor": "gamma", "lr_decay": "gamma", "decay_factor": "gamma",
    "lr_decay_rate": "gamma", "lr_decay_factor": "gamma", "drop": "gamma", "drop_rate": "gamma",
    "lr_gamma": "gamma", "exp.decay": "gamma", "step.decay": "gamma", "exp.rate": "gamma",
    "step.rate": "gamma",
    "inverse_time.decay_rate": "rate", "inverse_time.decay": "rate",
    "plateau.decay_rate": "factor", "plateau.gamma": "factor", "plateau.patience_t": "patience",
    "plateau.patience_epochs": "patience", "plateau.rule": "mode", "plateau.metric": "monitor",
    "plateau.min_delta": "threshold",
    "step_size": "every", "decay_t": "every", "step.size": "every", "step.step": "every",
    "step.period": "every", "step.steps": "every st", "step.decay_steps": "every st",
    "step.decay_epochs": "every ep", "step.epochs": "every ep", "step.interval": "every",
    "step.epochs_drop": "every ep", "step.drop_every": "every", "step.lr_step_size": "every",
    "exp.decay_steps": "every st", "exp.transition_steps": "every st",
    "exp.decay_epochs": "every ep", "inverse_time.decay_steps": "every st",
    "staircase": "staircase",
    "milestones": "at", "boundaries": "at", "lr_steps": "at", "positions": "at",
    "multistep.steps": "at", "multistep.step": "at", "multistep.decay_t": "at",
    "multistep.epochs": "at ep", "multistep.decay_epochs": "at ep",
    "multistep.decay_milestones": "at", "multistep.every": "at", "multistep.step_size": "at",
    "piecewise.steps": "at", "piecewise.lrs": "values", "piecewise.rates": "values",
    "gammas": "gamma",
    # Cycles.
    "t_0": "first", "first_decay_steps": "first st", "first_cycle_steps": "first st",
    "cycle_length": "first", "cycle_len": "first", "cycle_steps": "first st",
    "restarts.t_max": "first", "restarts.t": "first", "restarts.period": "first",
    "restarts.t_initial": "first",
    "t_mult": "mult", "t_mul": "mult", "cycle_mult": "mult", "cycle_mul": "mult",
    "m_mul": "shrink", "cycle_decay": "shrink", "restarts.gamma": "shrink",
    "restarts.decay_rate": "shrink", "cycle_limit": "cycles", "num_cycles": "cycles",
    "n_cycles": "cycles", "cosine.num_cycles": "- 0.5",
    "pct_start": "pct", "div_factor": "div", "final_div_factor": "final_div",
    "anneal_strategy": "anneal", "cycle_momentum": "-",
    "step_size_up": "up", "step_size_down": "down", "cyclic.step_size": "up",
    "power": "power", "exponent": "power", "poly.p": "power", "poly.gamma": "power",
    "degree": "power", "lr_power": "power", "timescale": "timescale",
    "inverse_sqrt.shift": "timescale",
    # Arguments without a counterpart in a line.
    "optimizer": "-", "d_model": "-", "optim": "-", "last_epoch": "-", "verbose": "-",
    "begin": "- 0", "transition_begin": "- 0", "convert_to_iter_based": "-", "frequency": "-",
    "by_epoch": "unit", "t_in_epochs": "unit", "interval": "clock", "lr_lambda": "expression",
}  # fmt: skip
"""The meaning of an argument here, by its name in lower case or by ``phase.name``.

It is an argument of the phase, its duration ``T``, its ``end`` as a position, a setting, or one of
these for the ``warmup`` or ``hold`` before the phase. The unit that the name implies follows:
``st``, ``ep``, ``tok``, ``ex``, ``%``, or ``x`` for a share of the base. ``-`` means that the
argument is dropped, ``- 0`` that it is dropped if it is 0.
"""

KIND_ARGUMENTS = {
    "type", "scheduler", "sched", "policy", "lr_scheduler_type", "lr_scheduler", "lr_schedule",
    "schedule", "lr_policy", "scheduler_type", "lr_decay_style", "decay_type", "decay_style",
    "class_name", "_target_", "kind", "name", "lr_scheduler_name", "scheduler_name",
    "schedule_type",
}  # fmt: skip
"""Arguments and settings whose value names the scheduler."""

DISTINCTIVE_ARGUMENTS = {
    "t_max": "cosine", "eta_min": "cosine", "step_size": "step", "milestones": "multistep",
    "t_0": "restarts", "boundaries": "piecewise", "patience": "plateau", "pct_start": "onecycle",
    "step_size_up": "cyclic",
}  # fmt: skip
"""Arguments that only one kind of phase has."""

# ── Units and values ─────────────────────────────────────────────────────────────────────────────

UNIT_ALIASES = {
    "it": "st", "its": "st", "iter": "st", "iters": "st", "iteration": "st", "iterations": "st",
    "update": "st", "updates": "st", "batch": "st", "batches": "st", "ba": "st",
    "e": "ep", "eps": "ep", "epo": "ep",
    "toks": "tok", "img": "ex", "imgs": "ex", "image": "ex", "images": "ex",
    "seq": "ex", "seqs": "ex", "sequences": "ex",
    "percent": "%", "pct": "%",
}  # fmt: skip

SUFFIX_ALIASES = {"K": "k", "b": "B"}

WORD_ALIASES = {
    "True": "true", "False": "false", "cosine": "cos", "relative": "rel", "absolute": "abs",
    "less": "min", "greater": "max",
}  # fmt: skip
"""Values that are words."""

# ── Looking names up ─────────────────────────────────────────────────────────────────────────────


class Meaning(NamedTuple):
    """The phases that a name stands for."""

    phases: tuple[tuple[str, str], ...]
    """Pairs of a role and a kind; each may be empty."""
    row: Scheduler | None = None


@cache
def _rows() -> dict[str, Scheduler]:
    normalized = {_normalized(row.name): row for row in reversed(SCHEDULERS)}
    return normalized | {row.name: row for row in SCHEDULERS}


def scheduler(name: str) -> Meaning | None:
    """The meaning of a scheduler's name, in any library and any spelling."""
    last = name.rpartition(".")[2]
    row = _rows().get(last) or _rows().get(_normalized(last))
    if row is not None:
        phases = [phase.strip() for phase in row.phases.split("+")]
        return Meaning(tuple(_phase(phase) for phase in phases), row)
    return _by_words(last)


def nearest_name(name: str, names: Iterable[str], kind: str | None = None) -> str:
    """The advice for an unknown name: its equivalent here, the nearest name, or all names.

    Args:
        name: the unknown name, of a phase, an argument or a setting.
        names: the valid names.
        kind: the phase of the argument, none for a setting; without it, the name is a phase's.
    """
    choices = list(names)
    if kind is None:
        meaning = scheduler(name)
        here = " ".join(meaning.phases[0]).strip() if meaning and len(meaning.phases) == 1 else ""
    else:
        here = (argument(kind, name) or "").partition(" ")[0]
    return f"did you mean `{here}`?" if here in choices else did_you_mean(name, choices)


def is_sequence(name: str) -> bool:
    """Whether the name is that of a class or function that takes a list of schedulers."""
    return _normalized(name.rpartition(".")[2]) in map(_normalized, SEQUENCES)


def argument(kind: str, name: str) -> str | None:
    """The meaning here of another library's argument, in a phase of this kind."""
    name = name.lstrip("-").replace("-", "_").lower()
    return ARGUMENT_ALIASES.get(f"{kind}.{name}") or ARGUMENT_ALIASES.get(name)


def _phase(name: str) -> tuple[str, str]:
    return (name, "") if name in ("warmup", "decay") else ("", name)


def _normalized(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def _by_words(name: str) -> Meaning | None:
    """The meaning by the words in the name: ``LinearWarmupCosineAnnealingLR``."""
    joined = "_".join(word.lower() for word in _WORD.findall(name))
    for apart, together in _JOINED:
        joined = joined.replace(apart, together)
    words = [word for word in joined.split("_") if word not in _FILLERS]
    if not words or not all(word in _KINDS for word in words):
        return None
    kinds = " ".join(_KINDS[word] for word in words).split()
    if kinds[-1] == "restarts":
        kinds = [kind for kind in kinds if kind != "cosine"]
    if kinds == ["warmup"] or "decay" in kinds:
        return Meaning(tuple(_phase(kind) for kind in kinds))
    if "warmup" not in kinds:
        return Meaning((("", kinds[-1]),)) if len(kinds) == 1 else None
    before, after = kinds[: kinds.index("warmup")], kinds[kinds.index("warmup") + 1 :]
    if len(before) > 1 or len(after) > 1:
        return None
    if not after and "with" in re.split(r"_|(?<=[a-z])(?=[A-Z])", name.lower()):
        before, after = [], before
    shape = before[0] if before else ""
    return Meaning((("warmup", shape), *(_phase(kind) for kind in after)))
