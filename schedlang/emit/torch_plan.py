"""The torch target for plans: one scheduler that sets every number of every group."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from schedlang.emit import header
from schedlang.emit.code import (
    Code,
    Statement,
    call,
    digits,
    docstring,
    function,
    let,
    listed,
    template,
    text_literal,
)
from schedlang.emit.file import File
from schedlang.emit.plan import EmittedLine, define_scalar, file_of, name, numbers_of

_NAMES = (
    *("BETAS", "LINES", "PLAN", "Line", "PlanScheduler", "build_scheduler"),
    *("_read", "_base", "_choose"),
)

_USES = ("Any", "Callable", "NamedTuple", "Tensor", "fnmatchcase", "math")

_LINE = '''\
class Line(NamedTuple):
    """How a number of the parameter groups that match a pattern is set."""

    key: str
    pattern: str | int | None
    number: Callable[[int, float], float]
    base: float | None = None
    takes_zero: bool = True

    def matches(self, i: int, group: dict[str, Any]) -> bool:
        if isinstance(self.pattern, str):
            return fnmatchcase(str(group.get("name", "")), self.pattern)
        return self.pattern is None or self.pattern == i

    def check(self, i: int, group: dict[str, Any]) -> None:
        try:
            base = _base(group, self.key)
        except (KeyError, TypeError):
            raise ValueError(f"parameter group {i} has no number {self.key!r}") from None
        if base == 0 and not self.takes_zero:
            raise ValueError(f"parameter group {i} has {self.key}=0: its line needs another base")
        if self.base is not None and not math.isclose(base, self.base, rel_tol=1e-6):
            raise ValueError(
                f"parameter group {i} has {self.key}={base}: its line is for {self.base}"
            )

    def set(self, group: dict[str, Any], step: int) -> None:
        base = _base(group, self.key)
        is_frozen = base == 0 and self.key in ("lr", "weight_decay")
        number = 0.0 if is_frozen else self.number(step, base)
        found = _read(group, self.key)
        if isinstance(found, Tensor):
            found.fill_(number)
        elif self.key in group:
            group[self.key] = number
        else:
            betas = list(group["betas"])
            betas[BETAS[self.key]] = number
            group["betas"] = tuple(betas)'''

_READ = '''\
def _read(group: dict[str, Any], key: str) -> Any:
    """A number of a parameter group; of Adam, the momentum is the first beta."""
    if key in BETAS and key not in group:
        return group["betas"][BETAS[key]]
    return group[key]'''

_BASE = '''\
def _base(group: dict[str, Any], key: str) -> float:
    """The number that a schedule begins with, which is kept in the parameter group."""
    number = _read(group, key)
    if isinstance(number, bool):
        raise TypeError
    return float(group.setdefault(f"initial_{key}", float(number)))'''

_SCHEDULER = '''\
class PlanScheduler(LRScheduler):
    """Sets every number of every parameter group in one `step()`."""

    def __init__(self, optimizer: Optimizer) -> None:
        groups = list(enumerate(optimizer.param_groups))
        for line in LINES:
            if line.pattern != "*" and not any(line.matches(i, group) for i, group in groups):
                raise ValueError(f"{line.pattern!r} matches no parameter group")
        self.chosen = [_choose(i, group) for i, group in groups]
        super().__init__(optimizer)

    def get_lr(self) -> list[Any]:
        """The rate of each group, below all numbers that are set."""
        groups = self.optimizer.param_groups
        for i in range(len(self.chosen), len(groups)):
            self.chosen.append(_choose(i, groups[i]))
        for group, lines in zip(groups, self.chosen, strict=True):
            for line in lines:
                line.set(group, self.last_epoch)
        return [group["lr"] for group in groups]

    def state_dict(self) -> dict[str, Any]:
        counts = {"last_epoch": self.last_epoch, "_step_count": self._step_count}
        return {**counts, "plan": PLAN}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if state_dict.get("plan", PLAN) != PLAN:
            raise ValueError("this state is of another plan")
        super().load_state_dict(state_dict)
        self._last_lr = self.get_lr()'''
_CHOOSE = '''\
def _choose(i: int, group: dict[str, Any]) -> list[Line]:
    """The lines of a parameter group: of each number, the first that matches."""
    chosen: dict[str, Line] = {}
    for line in LINES:
        if line.key not in chosen and line.matches(i, group):
            line.check(i, group)
            chosen[line.key] = line
    missing = [line.key for line in LINES if line.key not in chosen]
    if missing:
        raise ValueError(f"no line of {missing[0]!r} matches parameter group {i}")
    return list(chosen.values())'''

_SUMMARY = "The scheduler of an optimizer: call its `step()` after each step of the training."
_BASES = (
    "The bases are the numbers of each parameter group, which are kept in it as `initial_lr` and"
    " so on."
)


def emit(lines: Sequence[EmittedLine]) -> File:
    """A module with ``build_scheduler(optimizer)``, and a function for each value."""
    file = file_of(lines, *_NAMES)
    rows: list[Code] = []
    numbers_of(lines)
    for line in lines:
        if line.is_value:
            define_scalar(file, line, name(file, line), line.explained(), takes_base=False)
        else:
            named = name(file, line, {"lr": "learning_rate"}, private=True)
            define_scalar(file, line, named, docstring(line.summary()), takes_base=True)
            rows.append(_row(line, named))
    key = [(*line[:2], line.program.text, *line.program.binding.items()) for line in lines]
    file.constants += [
        Statement('BETAS = {"momentum": 0, "beta1": 0, "beta2": 1}'),
        Statement(
            f'PLAN = "{crc32(str(key).encode()):08x}"', comment="the plan that a state is of"
        ),
    ]
    file.define(*template(_LINE, *_NAMES, *_USES))
    file.define(let("LINES", listed(*rows)))
    for text in (_READ, _BASE, _CHOOSE, _SCHEDULER):
        file.define(*template(text, "LRScheduler"))
    explained = f"{header.step(lines[0].program)} {_BASES}"
    says = docstring(_SUMMARY, [explained])
    body = (Statement("return PlanScheduler(optimizer)"),)
    parameters = {"optimizer": "Optimizer"}
    file.define(function("build_scheduler", parameters, "PlanScheduler", says, body))
    return file


def _row(line: EmittedLine, named: str) -> Code:
    pattern = text_literal(line.group) if isinstance(line.group, str) else Code(str(line.group))
    options = {}
    if line.program.base is not None and line.program.needs_base:
        options["base"] = digits(line.program.base, whole=False)
    if not line.takes_zero:
        options["takes_zero"] = "False"
    return call("Line", text_literal(line.key), pattern, named, **options)
