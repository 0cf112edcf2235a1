"""The data of a schedule for trackers: its numbers at an update, and entries of the run's config.

The names are the same for every framework and tracker. ``NAME`` is ``lr``, another hyperparameter
or value of a plan, or one of a group: ``lr.head``, or without a group's name ``lr.1``, ``lr.2``, …

====================== ============================================================================
``schedule/NAME``      the number that the update uses
``schedule/phase``     the number of the phase in ``schedule/phases`` of the config
``schedule/progress``  the completed share of the run, from 0 to 1; only if a total is known
====================== ============================================================================

In a plan, ``schedule/phase.NAME`` is the phase of each line except that of `lr` for all groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

from schedlang.program.program import Program, Track, pieces_of

if TYPE_CHECKING:
    from torch.optim.lr_scheduler import LRScheduler

    from schedlang.torch import BoundScheduler

    Scheduled: TypeAlias = LRScheduler | Program | Mapping[str, Program | Mapping[str, Program]]

PREFIX = "schedule/"


class _Number(NamedTuple):
    """A number that a schedule sets.

    Attributes:
        name: ``lr``, ``weight_decay``, ``lr.head``.
        line: the name of its line: the hyperparameter, or for a line by groups its first number.
        program: the line.
        now: the optimizer's current number; None if it is the program's.
        base: the value of ``1x``, if known.
    """

    name: str
    line: str
    program: Program
    now: float | None
    base: float | None


def scalars(schedule: Scheduled, tick: int | None = None) -> dict[str, float]:
    """The numbers of an update by name, for a tracker's log call.

    Args:
        schedule: a PyTorch scheduler of a line or a plan; for other training loops, a program or
            the result of `Plan.bind`.
        tick: for a program, the tick of the update: the number of earlier updates. A scheduler has
            its own, which `step` ends.

    Raises:
        TypeError: if a program is given without a tick, a scheduler with one, or anything else.

    >>> import schedlang
    >>> program = schedlang.parse("warmup 10% -> cosine rest").bind(lr=0.1, total=100)
    >>> scalars(program, 10)
    {'schedule/lr': 0.1, 'schedule/phase': 1, 'schedule/progress': 0.1}
    """
    is_program = isinstance(schedule, Program | Mapping)
    if is_program != (tick is not None):
        raise TypeError(
            "the tick of the update is needed for a program: scalars(program, tick)"
            if is_program
            else "a scheduler has its own tick: scalars(scheduler)"
        )
    numbers = _numbers(schedule)
    at = max(0, _bound(schedule).last_epoch) if tick is None else tick
    found = {
        PREFIX + each.name: each.program.at(at) if each.now is None else each.now
        for each in numbers
    }
    for name, program in _lines(numbers).items():
        track = program.tracks[0]
        found[f"{PREFIX}phase{_suffix(name)}"] = _phases(track)[track.find(at)[0].text]
    total = _total(schedule, numbers)
    if total:
        found[f"{PREFIX}progress"] = min(1.0, at / total)
    return found


def config(schedule: Scheduled) -> dict[str, str | float]:
    """The entries for the run's config by name: texts and numbers.

    These are ``schedule/line``, ``schedule/phases`` and ``schedule/base``, for each line of a plan
    (``schedule/line.weight_decay``), and the bound settings, such as ``schedule/total``.

    Args:
        schedule: as for `scalars`.

    Raises:
        TypeError: if the schedule is anything else.

    >>> import schedlang
    >>> program = schedlang.parse("warmup 10% -> cosine rest").bind(lr=0.1, total=100)
    >>> for name, value in config(program).items():
    ...     print(name, "=", value)
    schedule/line = warmup linear 10% -> cosine rest
    schedule/phases = 0: warmup linear 10%, 1: cosine rest, 2: (end level)
    schedule/base = 0.1
    schedule/total = 100
    """
    numbers = _numbers(schedule)
    found: dict[str, str | float] = {}
    for name, program in _lines(numbers).items():
        phases = _phases(program.tracks[0])
        found[f"{PREFIX}line{_suffix(name)}"] = program.text
        found[f"{PREFIX}phases{_suffix(name)}"] = ", ".join(
            f"{i}: {text or '(end level)'}" for text, i in phases.items()
        )
    for each in numbers:
        if each.base is not None:
            found[f"{PREFIX}base{_suffix(each.name)}"] = each.base
    for each in numbers:
        settings = {name: x for name, x in each.program.binding.items() if name != "lr"}
        found |= {f"{PREFIX}{name}": value for name, value in settings.items()}
    return found


def check_every_n(every_n: int | None) -> None:
    """Raise an error for an invalid number of updates.

    Raises:
        ValueError: if it is neither None nor a whole number of at least 1.
    """
    if every_n is not None and (not isinstance(every_n, int) or every_n < 1):
        raise ValueError(f"every_n must be a whole number of at least 1, not {every_n!r}")


def _numbers(schedule: Scheduled) -> list[_Number]:
    if isinstance(schedule, Program):
        return [_Number("lr", "lr", schedule, None, _base(schedule))]
    if isinstance(schedule, Mapping):
        return list(_of_programs(schedule))
    return list(_of_scheduler(_bound(schedule)))


def _bound(schedule: Scheduled) -> BoundScheduler:
    if not hasattr(schedule, "_assignments"):
        raise TypeError(
            "expected a scheduler that schedlang made, a program or the programs of a plan, not "
            + type(schedule).__name__
        )
    return cast("BoundScheduler", schedule)


def _of_programs(programs: Mapping[str, Program | Mapping[str, Program]]) -> Iterator[_Number]:
    """The numbers of a result of `Plan.bind`."""
    for key, found in programs.items():
        if isinstance(found, Program):
            yield _Number(key, key, found, None, _base(found))
        else:
            for group, program in found.items():
                name = f"{key}.{group}"
                yield _Number(name, name, program, None, _base(program))


def _of_scheduler(scheduler: BoundScheduler) -> Iterator[_Number]:
    """The numbers of a PyTorch scheduler, as they are in its optimizer."""
    from schedlang.torch import name_of

    groups = scheduler.optimizer.param_groups
    for assignment in scheduler._assignments:
        if assignment.slot is None or not assignment.members:
            continue  # its groups have not been added yet
        line = assignment.key if assignment.pattern is None else None
        program = assignment.program
        for i, base in zip(assignment.members, assignment.bases, strict=True):
            group = name_of(groups[i]) or (str(i) if i else "")
            name = f"{assignment.key}.{group}" if group else assignment.key
            line = line or name
            now = float(assignment.slot.read(groups[i]))
            yield _Number(name, line, program, now, base)
    for value in getattr(scheduler, "_values", ()):
        name = str(value.pattern)
        yield _Number(name, name, value.program, scheduler.get_last(name), None)


def _base(program: Program) -> float | None:
    return program.base if program.needs_base and not program.in_shares else None


def _lines(numbers: list[_Number]) -> dict[str, Program]:
    """The lines by name."""
    return {each.line: each.program for each in reversed(numbers)}


def _suffix(name: str) -> str:
    """The suffix of ``phase`` for the line of this name."""
    return "" if name == "lr" else f".{name}"


@lru_cache(maxsize=256)
def _phases(track: Track) -> dict[str, int]:
    """The index of each phase by its text, in the order of the line."""
    texts = dict.fromkeys(piece.text for piece in pieces_of(track.parts))
    return {text: i for i, text in enumerate(texts)}


def _total(schedule: Scheduled, numbers: list[_Number]) -> int | None:
    """The ticks of the run, else of the longest line; None if a line never ends."""
    if not isinstance(schedule, Program | Mapping):
        return _bound(schedule).total
    programs = [each.program for each in numbers]
    lengths = [program.length for program in programs]
    if programs[0].total is not None:
        return programs[0].total
    return None if None in lengths else max(length or 0 for length in lengths)
