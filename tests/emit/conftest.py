"""A folder of emitted files: every case of the table, every golden one, and random schedules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, seed, settings
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

import schedlang
from tests.cases import CASES, Case, golden, ticks_of
from tests.strategies import schedules

collect_ignore = ["__snapshots__"]  # no tests, and no doctests
Target = Literal["torch", "keras", "optax", "python"]
RANDOM: dict[Target, int] = {"python": 200, "torch": 200, "keras": 200, "optax": 200}
TOLERANCE: dict[Target, float] = {"python": 1e-9, "torch": 1e-9, "keras": 1e-4, "optax": 1e-4}
MOST_TICKS = 11_000
BEYOND = 300
"""Ticks that PyTorch's schedulers take beyond the end, or in all where there is none."""


def _ramps(count: int, levels: str) -> str:
    """So many different ramps one after the other."""
    kinds = ("linear", "cosine", "poly", "sqrt", "exp", "hold", "poly power=2")
    ramps = []
    for i in range(count):
        kind, _, argument = kinds[i % 7].partition(" ")
        level = ("{}x", "{}x", "{}e-1")[i % 3 if levels == "mixed" else 0]
        share = (i * 37 % 100 + 1) / 100
        ramps.append(f"{kind} {2 + i % 5} {argument} to={level.format(share)}")
    return " -> ".join(ramps)


TELLING = [
    Case("long", _ramps(45, "shares")),
    Case("long, with rates too", _ramps(45, "mixed")),
    Case("long, to zero", f"{_ramps(50, 'shares')} -> linear 9 to=0 -> linear 9 to=1x"),
    Case("long, again and again", f"({_ramps(45, 'shares')} -> linear 3 to=1x) x inf"),
    Case("long, as a factor", f"({_ramps(45, 'shares')}) * (exp gamma=0.99)"),
    Case("long, by epochs", f"clock=epoch | {_ramps(41, 'shares')}", {"steps_per_epoch": 3}),
    Case("long, not from the start", f"step 9 every=2 -> {_ramps(45, 'mixed')} -> step every=7"),
    Case("minus a power", "fn 20 {exp(-p ** 2) * exp(-(p * 3) ** 2)}"),
    Case("a logarithm of nearly 1", "fn 20 {log(1 + 0.01 ** 2) * (2 - p)}"),
    Case(
        "a single fractional cycle", "restarts 17/4ep first=40st mult=1.5", {"steps_per_epoch": 5}
    ),
    Case("an end inside of growing cycles", "restarts 14 first=2 mult=2 min=5% -> hold 3"),
    Case("from its own minimum", "restarts 9 cycles=1 from=0.1x min=0.1x -> cosine 9"),
    Case("a peak between ticks", "onecycle 33 anneal=linear"),
    Case("nothing but zeros", "linear 5 -> restarts 4 cycles=1 -> restarts 9 cycles=2 from=1x"),
    Case(
        "many digits",
        "inverse_time every=1M tok rate=0.001 staircase=true",
        {"tokens_per_step": 262_144},
    ),
    Case("many digits again", "restarts first=1M tok min=10%", {"tokens_per_step": 262_144}),
    Case("digits that end", "step 1B tok every=2M tok gamma=0.99", {"tokens_per_step": 1999}),
    Case("long, with skips", f"cosine 300 skip=200 min=1% -> {_ramps(45, 'shares')}"),
]

LEVELS = [
    Case("a level of its own", "restarts 15 first=10 min=1e-3 -> restarts 15 first=10 min=20%"),
    Case("levels over levels", f"(restarts 15 first=10 min=1e-3 -> {_ramps(2, 'mixed')}) x 3"),
    Case("levels in a table", f"restarts 15 first=10 min=1e-3 -> {_ramps(50, 'mixed')}"),
]
"""Levels that are no multiple of the base rate and a number."""


@dataclass
class Folder:
    """Emitted files and what must come out of them."""

    path: Path
    target: Target
    jobs: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def add(self, case: Case, *, style: Literal["native", "closed-form"], known: bool) -> None:
        """Emit a case, with its base rate or without it."""
        schedule = schedlang.parse(case.text)
        lr = case.lr if known and schedule.lr is None else None
        try:
            source = schedule.emit(self.target, style=style, lr=lr, **case.binding)
        except ValueError as error:
            self.refused.append(f"{case.text}: {error}")
            return
        name = f"case_{len(self.jobs)}"
        path = self.path / f"{name}.py"
        path.write_text(source, encoding="utf-8")
        program = case.bind()
        job: dict[str, Any] = {"name": f"{name} [{case.text}]", "path": str(path)}
        job |= {"target": self.target, "scale": case.lr, "tolerance": TOLERANCE[self.target]}
        # A framework's own cosine rounds as its floats of 32 bits do; ours keeps digits near 0.
        # A formula of a user's own is evaluated as it stands.
        rounds = style == "native" or "fn" in case.text
        job["floor"] = 2e-3 if rounds and self.target in {"keras", "optax"} else 1e-4
        job["compiled"] = len(self.jobs) % 4 == 0  # all of them would take minutes
        job |= self._torch(case, known) if self.target == "torch" else self._steps(program)
        job["lr"] = [case.lr] if "lr: float" in source else []
        self.jobs.append(job)

    def _steps(self, program: Any) -> dict[str, Any]:
        ticks = ticks_of(program)
        if self.target == "keras":
            ticks = sorted({*ticks[:40], *ticks[-20:]})
        epoch = program.steps_per_epoch if program.tick == "epoch" else 1
        if self.target in {"keras", "optax"}:
            steps = [tick * epoch + i for tick in ticks for i in {0, epoch - 1}]
            steps = sorted(step for step in steps if step < 2**31)
        else:
            steps, epoch = ticks, 1
        return {"ticks": steps, "want": {"rates": [program.at(step // epoch) for step in steps]}}

    def _torch(self, case: Case, known: bool) -> dict[str, Any]:
        """Every tick, on two groups with rates of their own where no rate is known."""
        schedule = schedlang.parse(case.text)
        groups = [case.lr] if known or schedule.lr is not None else [case.lr, case.lr / 2]
        try:
            programs = [
                schedule.bind(lr=rate if schedule.lr is None else None, **case.binding)
                for rate in groups
            ]
        except schedlang.ScheduleError:
            groups, programs = [case.lr], [case.bind()]
        ticks = min((programs[0].length or 0) + BEYOND, MOST_TICKS)
        curves = [program.curve(ticks) for program in programs]
        want: dict[str, Any] = {
            "rates": [float(curve[tick]) for tick in range(ticks) for curve in curves]
        }
        momentum = programs[0].momentum
        if momentum is not None:
            begin = momentum.begins[0]
            want["momenta"] = [
                momentum.at(tick) if tick >= begin else 0.5 for tick in range(ticks) for _ in groups
            ]
        return {"groups": groups, "ticks": [ticks - 1], "metrics": [], "want": want}

    def complaints(self) -> list[str]:
        """What is wrong, found in an interpreter of its own."""
        return run(self.path, self.jobs)


def run(folder: Path, jobs: list[dict[str, Any]], **environment: str) -> list[str]:
    """The complaints about jobs of one target."""
    (folder / "jobs.json").write_text(json.dumps(jobs), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("run.py")), str(folder / "jobs.json")],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": "0", **environment},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def drawn(count: int, *, smooth: bool, momentum: bool) -> list[Case]:
    """Random schedules, always the same ones."""
    found: list[Case] = []

    @seed(20)
    @settings(max_examples=count, database=None, suppress_health_check=list(HealthCheck))
    @given(schedules(smooth=smooth, momentum=momentum))
    def draw(case: Case) -> None:
        found.append(case)

    draw()
    return found


def every_golden() -> list[Case]:
    return [
        Case(f"golden {case['name']}", case["schedule"], {}, case["lr"])
        for case in golden()
        if not case["schedule"].startswith("plateau")
    ]


class Sources(SingleFileSnapshotExtension):
    """Emitted files as they are, one for each case: `__snapshots__/test_file/test[case].py`."""

    file_extension = "py"
    _write_mode = WriteMode.TEXT


@pytest.fixture
def sources(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(Sources)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Target], Folder]:
    made: dict[Target, Folder] = {}

    def of(target: Target) -> Folder:
        if target not in made:
            path = tmp_path_factory.mktemp(target)
            folder = made[target] = Folder(path, target)
            floats = target in {"keras", "optax"}
            for case in [*CASES, *TELLING, *LEVELS, *every_golden()]:
                folder.add(case, style="native", known=True)
                folder.add(case, style="native", known=False)
                if target != "python":
                    folder.add(case, style="closed-form", known=True)
            for i, case in enumerate(
                drawn(RANDOM[target], smooth=floats, momentum=target == "torch")
            ):
                folder.add(case, style=("native", "closed-form")[i % 2], known=i % 3 > 0)
        return made[target]

    return of
