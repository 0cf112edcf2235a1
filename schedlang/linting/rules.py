"""The rules, each a function that yields the probable mistakes in a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from math import isclose
from typing import NamedTuple, TypeAlias

from schedlang.errors import Path
from schedlang.language.consistency import lengths
from schedlang.language.quantities import Length, Level
from schedlang.linting.run import BoundStage, Run
from schedlang.phases.base import Phase, Ramp
from schedlang.phases.cycles import Cyclic, OneCycle, Restarts
from schedlang.phases.expression import Fn
from schedlang.phases.plateau import Plateau
from schedlang.phases.ramps import Cosine, Exp, Hold
from schedlang.phases.rates import Multistep, Piecewise, Step
from schedlang.program.timing import TimedGroup


class Problem(NamedTuple):
    """A problem that a rule has found: its path, message and advice."""

    path: Path
    message: str
    advice: str


FindProblems: TypeAlias = "Callable[[Run], Iterator[Problem]]"


class Rule(NamedTuple):
    """A rule.

    Attributes:
        code: its stable name.
        reason: why its findings are probably mistakes.
        source: the source of the reason.
        find_problems: finds it in a run.
    """

    code: str
    reason: str
    source: str
    find_problems: FindProblems


_RULES: list[Rule] = []


def _rule(reason: str, source: str) -> Callable[[FindProblems], FindProblems]:
    """Register a function as a rule; its name gives the code."""

    def listed(find_problems: FindProblems) -> FindProblems:
        code = find_problems.__name__.strip("_").replace("_", "-")
        _RULES.append(Rule(code, reason, source, find_problems))
        return find_problems

    return listed


# ── From the articles on schedulers ──────────────────────────────────────────────────────────────

ARTICLE = "the tuning tables of introductions to schedulers"
LANGUAGE_MODELS = Fraction(1, 10)
"""The floor of most published language models: GPT-3, Llama, Pythia."""


@_rule(
    "below 1/1000 of the base training makes no progress, above 1/100 it stays noisy;"
    " 1/10 is usual for language models",
    f"{ARTICLE}; Brown et al. 2020, appendix B, for 1/10",
)
def _floor(run: Run) -> Iterator[Problem]:
    low, high = Fraction(1, 1000), Fraction(1, 100)
    plateaus = {path for path, phase in run.phases() if isinstance(phase, Plateau | Cyclic)}
    for path, name, share in run.levels():
        if name != "min" or share in {0, 1, LANGUAGE_MODELS} or path[:-1] in plateaus:
            continue
        if not low <= share <= high:
            message = f"this floor is {_percent(share)} of the base rate"
            yield Problem(path, message, "write 0.1% to 1%, or leave it out")


@_rule(
    "a shorter rise is unstable at the peak; a longer one leaves too little time to anneal",
    ARTICLE,
)
def _pct(run: Run) -> Iterator[Problem]:
    for path, phase in run.phases():
        if isinstance(phase, OneCycle) and not Fraction(1, 5) <= phase.pct <= Fraction(2, 5):
            message = f"the rate rises for {_percent(phase.pct)} of the cycle"
            yield Problem((*path, "pct"), message, "write pct=20% to pct=40%")


@_rule(
    "a drop to less than a tenth freezes the model; a drop by less than half does little",
    ARTICLE,
)
def _gamma(run: Run) -> Iterator[Problem]:
    for path, phase in run.phases():
        if not isinstance(phase, Step | Multistep) or _is_staircase(run, phase):
            continue
        gammas = phase.gamma if isinstance(phase.gamma, tuple) else (phase.gamma,)
        for gamma in gammas:
            if not Fraction(1, 10) <= gamma <= Fraction(1, 2):
                message = f"each drop leaves {_percent(gamma)} of the rate"
                yield Problem((*path, "gamma"), message, "write gamma=0.1 to gamma=0.5")
                break


def _is_staircase(run: Run, phase: Phase) -> bool:
    """Whether frequent small drops approximate an exponential decay."""
    if not isinstance(phase, Step) or phase.gamma < Fraction(9, 10):
        return False
    every = run.ticks(phase.every)
    return not run.length or every is None or not Fraction(1, 5) <= every / run.length <= 1


@_rule(
    "rarer drops keep the rate too high; more frequent ones end training early",
    ARTICLE,
)
def _step_every(run: Run) -> Iterator[Problem]:
    for path, phase in run.phases():
        if not isinstance(phase, Step) or _is_staircase(run, phase) or not run.length:
            continue
        every = run.ticks(phase.every)
        if every is not None and not Fraction(1, 5) <= every / run.length <= Fraction(1, 3):
            message = f"`every={phase.every}` is {_percent(every / run.length)} of the run"
            yield Problem((*path, "every"), message, "set it to a fifth to a third of the run")


@_rule(
    "a cosine over the whole run is what has been shown to work",
    f"{ARTICLE}; Hoffmann et al. 2022, appendix B",
)
def _short_cosine(run: Run) -> Iterator[Problem]:
    for i, stage in enumerate(run.stages):
        end = stage.end or 0
        if not isinstance(stage.phase, Cosine) or run.at(stage.begin) <= run.at(end - 1):
            continue
        before = run.stages[:i]
        only_warms_up = all(_is_warmup(each) or _is_short(each, run) for each in before)
        if only_warms_up and run.length and end < Fraction(4, 5) * run.length:
            message = f"this cosine ends after {_percent(Fraction(end, run.length))} of the run"
            yield Problem(stage.path, message, "give it the duration `rest`")
        return


def _is_warmup(stage: BoundStage) -> bool:
    return isinstance(stage.phase, Ramp) and stage.phase.role == "warmup"


def _is_short(stage: BoundStage, run: Run) -> bool:
    return stage.end is not None and 100 * (stage.end - stage.begin) <= (run.length or 0)


# ── From the field ───────────────────────────────────────────────────────────────────────────────

MANY_UPDATES = 100
"""In a warm-up of this many updates, one at rate 0 does not matter."""


TOLERANCE = 1 + 1e-6


@_rule(
    "an update at rate 0 trains nothing, and an epoch of them is lost",
    "PyTorch issue 86695, nanoGPT issue 578",
)
def _zero_start(run: Run) -> Iterator[Problem]:
    if run.program is None or run.assumed or not run.stages:
        return
    first = run.stages[0]
    ticks = (first.end or MANY_UPDATES) - first.begin
    wasted = run.program.tick == "epoch" or ticks < MANY_UPDATES
    if wasted and isinstance(first.phase, Ramp) and run.at(0) == 0 < run.at(1):
        what = "epoch" if run.program.tick == "epoch" else "update"
        message = f"the first {what} has rate 0"
        yield Problem((*first.path, "from"), message, "leave `from` out: it starts at 0.1%")


@_rule(
    "a warm-up that is more than a fifth of the run leaves little time to train",
    "published runs: 0.1% to 2% (GPT-3, BERT, Pythia, DeiT)",
)
def _long_warmup(run: Run) -> Iterator[Problem]:
    end = 0
    for stage in run.stages:
        if not _is_warmup(stage) or not run.length:
            return
        end = run.length if stage.end is None else stage.end
        goes_on = stage is not run.stages[-1] or run.total is not None
        if goes_on and end * 5 > run.length:
            message = f"the warm-up lasts for {_percent(Fraction(end, run.length))} of the run"
            yield Problem((*stage.path, "duration"), message, "1% to 10% are usual")
            return


@_rule(
    "a sudden change of the rate makes the loss spike, or hides a wrong level",
    "Goyal et al. 2017, section 2.2, on abrupt changes and gradual warm-up",
)
def _jump(run: Run) -> Iterator[Problem]:
    for before, stage in pairwise(run.stages):
        if before.phase is None or stage.phase is None:
            continue
        old, new = run.at(stage.begin - 1), run.at(stage.begin)
        if old > 0 < new and max(new / old, old / new) > 10 * TOLERANCE and not _goes_on(stage):
            times = max(new / old, old / new)
            what = "rises" if new > old else "falls"
            message = f"the rate {what} {times:.3g} times at once, at tick {stage.begin:,}"
            yield Problem(stage.path, message, "approach it with a warm-up or a decay")


def _goes_on(stage: BoundStage) -> bool:
    """Whether a stage starts at the level on which the previous one ended.

    A cosine's last values fall fast, so that one tick can be many times the next.
    """
    assert stage.phase is not None
    start = getattr(stage.phase, "start", None)
    to = getattr(stage.phase, "to", None) if isinstance(stage.phase, Hold) else None
    return start is None and to is None and not isinstance(stage.phase, Piecewise)


@_rule(
    "outside cycles, a rate does not normally rise again; PyTorch's cosine does after its end",
    "PyTorch issue 152081",
)
def _rise(run: Run) -> Iterator[Problem]:
    fell = False
    for before, stage in pairwise((None, *run.stages)):
        if stage is None or stage.phase is None or isinstance(stage.phase, _CYCLES):
            return
        last = (run.end_of(stage) or stage.begin + 1) - 1
        if last < stage.begin:
            return
        first, end = run.at(stage.begin), run.at(last)
        old = first if before is None else run.at(stage.begin - 1)
        if fell and max(first, end) > old * TOLERANCE and not _is_jump(old, first):
            message = (
                f"the rate rises again after its decay, from {old:.3g} to {max(first, end):.3g}"
            )
            yield Problem(stage.path, message, "write a cycle: restarts, or ( … ) x 3")
            return
        fell = fell or (not isinstance(stage.phase, Hold | Fn) and end * TOLERANCE < first)


_CYCLES = (Restarts, Cyclic, OneCycle, Fn)


def _is_jump(old: float, new: float) -> bool:
    return old > 0 and new / old > 10 * TOLERANCE


@_rule(
    "a milestone or cycle after the end of its phase, or of the run, has no effect",
    "detectron2, which warns of SOLVER.STEPS above SOLVER.MAX_ITER and leaves them out",
)
def _never_reached(run: Run) -> Iterator[Problem]:
    for stage in run.stages:
        end = run.end_of(stage)
        if end is None:
            continue
        match stage.phase:
            case Multistep(at=at) | Piecewise(at=at):
                for i, position in enumerate(at):
                    ticks = run.ticks(position)
                    if ticks is not None and ticks >= end:
                        message = f"position {position} is not reached: this ends at tick {end:,}"
                        yield Problem((*stage.path, "at", i), message, "leave it out")
                        break
            case Step(every=every):
                yield from _too_long(run, stage, every, "every", "the rate never drops")
            case Restarts(first=Length() as first):
                yield from _too_long(run, stage, first, "first", "no cycle is complete")
            case Cyclic(up=up):
                yield from _too_long(run, stage, up, "up", "the highest rate is not reached")


def _too_long(
    run: Run, stage: BoundStage, period: Length, name: str, what: str
) -> Iterator[Problem]:
    end, ticks = run.end_of(stage), run.ticks(period)
    if ticks is not None and end is not None and ticks > end - stage.begin:
        message = f"{what}: `{name}={period}` is longer than the phase"
        yield Problem((*stage.path, name), message, "make it shorter")


@_rule(
    "the run ends on a high rate, and the model is not annealed",
    "Loshchilov & Hutter 2017, section 4: snapshots are taken at the ends of cycles",
)
def _cut_cycle(run: Run) -> Iterator[Problem]:
    for stage in run.stages:
        end = run.end_of(stage)
        if end is None:
            continue
        left = _left_over(run, stage, Fraction(end - stage.begin))
        if left is not None and left >= 1:
            message = f"the run ends within a cycle, {float(left):g} ticks after it began"
            yield Problem(stage.path, message, "make the run a whole number of cycles")


def _left_over(run: Run, stage: BoundStage, ticks: Fraction) -> Fraction | None:
    """The ticks of an incomplete last cycle; None if there is not one complete cycle."""
    match stage.phase, stage.timed:
        case Restarts(first=Length() as first, mult=mult), _:
            period = run.ticks(first)
        case Cyclic(up=up, down=down), _:
            mult, rise, fall = Fraction(1), run.ticks(up), run.ticks(down or up)
            period = None if rise is None or fall is None else rise + fall
        case None, TimedGroup(times=None, round=period):
            mult = Fraction(1)
        case _:
            return None
    if not period or period > ticks:
        return None
    if mult == 1:
        left = ticks % period
        return min(left, period - left)  # a cycle that is cut by half a tick is complete
    while period <= ticks:
        ticks -= period
        period *= mult
    return ticks


@_rule(
    "the end level holds until the total, which is rarely what was meant",
    "timm issues 1242 and 2312",
)
def _unfilled(run: Run) -> Iterator[Problem]:
    length = None if run.program is None else run.program.length
    if run.total is not None and length is not None and length < run.total:
        message = f"the phases end at tick {length:,} of {run.total:,}"
        yield Problem(("stages",), message, "give a phase the duration `rest`")


SAMPLES = 200


@_rule(
    "updates at such a rate change nothing in single precision, but cost as much as others",
    "the spacing of float32 is 1.2e-7",
)
def _vanishing(run: Run) -> Iterator[Problem]:
    if not run.length or run.program is None:
        return
    length = min(run.length, run.program.length or run.length)
    ticks = [length * i // SAMPLES for i in range(SAMPLES)]
    rates = [run.at(tick) for tick in ticks]
    base = run.base or max(rates)
    begun = next((i for i, rate in enumerate(rates) if rate > 0), 0)
    small = sum(rate < 1e-10 * base for rate in rates[begun:])
    if small * 10 > SAMPLES:
        share = _percent(Fraction(small, SAMPLES))
        message = f"the rate is below 1e-10 of the base for {share} of the run"
        yield Problem(("stages", len(run.schedule.stages) - 1), message, "give the decay a `min`")


@_rule(
    "the base is the rate that was tuned; training at more than 3 times it usually diverges",
    f"{ARTICLE}, where 3 to 10 times the usual rate needs a range test",
)
def _high_level(run: Run) -> Iterator[Problem]:
    for path, _, share in run.levels():
        if share > 3:
            message = f"this is {float(share):g} times the base rate"
            yield Problem(path, message, "set lr= to the highest rate, and write shares of it")


@_rule(
    "a ramp between equal levels is a constant",
    "Axolotl's examples with cosine_min_lr_ratio: 1.0",
)
def _flat_ramp(run: Run) -> Iterator[Problem]:
    for stage in run.stages:
        phase = stage.phase
        if not isinstance(phase, Ramp) or stage.end is None or stage.end - stage.begin < 2:
            continue
        if isinstance(phase, Exp) and phase.gamma is not None:
            continue
        first, last = run.at(stage.begin), run.at(stage.end - 1)
        if isclose(first, last, rel_tol=1e-12):
            yield Problem(stage.path, f"`{phase.kind}` stays at {first:g}", "write `hold`")


@_rule(
    "`at` counts from the start of the line, so the drops come early by the length of the warm-up",
    "PyTorch's MultiStepLR inside SequentialLR counts from its own begin",
)
def _local_milestones(run: Run) -> Iterator[Problem]:
    for stage in run.stages:
        phase = stage.phase
        written = phase.duration if isinstance(phase, Multistep | Piecewise) else None
        if written is None or written.length is None or written.how == "until" or not stage.begin:
            continue
        assert isinstance(phase, Multistep | Piecewise)
        own, end = run.ticks(written.length), run.length or stage.end
        positions = [run.ticks(position) for position in phase.at]
        known = [position for position in positions if position is not None]
        if own is None or end is None or not _even(known, own) or _even(known, Fraction(end)):
            continue
        message = "these positions divide the phase evenly, but count from the start of the line"
        yield Problem(
            (*stage.path, "at"), message, f"add the {stage.begin:,} ticks before the phase"
        )


def _even(positions: list[Fraction], length: Fraction) -> bool:
    """Whether the positions divide a length into halves, thirds or quarters."""
    parts = [position / length for position in positions if position < length]
    return bool(parts) and any(
        all((part * count).denominator == 1 for part in parts) for count in (2, 3, 4)
    )


@_rule(
    "the rate that the warm-up reaches is not the rate at which training continues",
    "DeepSpeed's WarmupCosineLR, which never reaches its base rate",
)
def _unused_peak(run: Run) -> Iterator[Problem]:
    for before, stage in pairwise(run.stages):
        if not _is_warmup(before) or getattr(stage.phase, "skip", None) is not None:
            continue
        assert isinstance(before.phase, Ramp)
        base = run.base
        peak = before.phase.to or Level(Fraction(1), "x")
        rate = float(peak.value) if peak.share is None else None
        if rate is None and base is not None:
            rate = float(peak.share or 0) * base
        first = run.at(stage.begin)
        if rate is not None and first < 0.9 * rate:
            message = f"the warm-up ends at {peak}, but the next update uses {first:.3g}"
            yield Problem(before.path, message, "end it at the rate of the next phase")


@_rule(
    "mistaking steps for epochs, or epochs for steps, changes a run by a factor of thousands",
    "Lightning issues 20436 and 19774",
)
def _bare_ticks(run: Run) -> Iterator[Problem]:
    known = run.settings.clock is not None or run.settings.steps_per_epoch is not None
    if known or not run.in_file:
        return
    for path, length in lengths(run.schedule):
        if not length.unit and length.value:
            number = "the default `every=1`" if isinstance(path[-1], int) else f"`{length}`"
            message = f"{number} means updates or epochs, depending on the training loop"
            yield Problem(path, message, "write 10ep or 10st, or set clock=")
            return


def _percent(share: Fraction) -> str:
    return f"{float(100 * share):.3g}%"


RULES = tuple(sorted(_RULES))
"""The rules by their codes."""
CODES = tuple(rule.code for rule in RULES)
