"""A second reading of the semantics: slow, direct, from the dict form alone.

It shares nothing with the package's own way from a tree to numbers. Time is exact, a curve is a
Python function of the tick, rounds of a repeat are written out, and each formula stands here as
its definition or PyTorch's documentation has it.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

Node: TypeAlias = Mapping[str, Any]
Value: TypeAlias = Callable[[int], float]
"""The value at a tick of the run."""

_QUANTITY = re.compile(r"([\d.]+)(?:e([+-]?\d+))?(?:/(\d+))?([kMBT]?) ?([a-z%]*)")
_SUFFIX = {"": 1, "k": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


def _quantity(text: object) -> tuple[Fraction, str]:
    match = _QUANTITY.fullmatch(str(text))
    assert match is not None, text
    digits, exponent, denominator, suffix, unit = match.groups()
    number = Fraction(digits) * Fraction(10) ** int(exponent or 0) / int(denominator or 1)
    return number * _SUFFIX[suffix], unit


def _number(text: object) -> Fraction:
    number, unit = _quantity(text)
    return number / 100 if unit == "%" else number


def nearest(exact: Fraction) -> int:
    """The nearest tick, a half going up."""
    return math.floor(exact + Fraction(1, 2))


@dataclass
class Segment:
    """``[begin, end)`` with its value, and the momentum if it moves it."""

    begin: int
    end: float
    value: Value
    momentum: Value | None = None
    momentum_leaves: float = 0.0


@dataclass
class Line:
    """A timeline: segments, the exact moment of its end, and the level that it leaves."""

    segments: list[Segment]
    end: Fraction | None
    leaves: float

    def at(self, tick: int) -> float:
        for segment in self.segments:
            if segment.begin <= tick < segment.end:
                return segment.value(tick)
        assert self.end is not None
        assert tick >= nearest(self.end), "a gap in the timeline"
        return self.leaves

    def momentum(self, tick: int) -> float | None:
        """The momentum at a tick; None where nothing has moved it yet."""
        found: float | None = None
        for segment in self.segments:
            if segment.momentum is not None and segment.begin <= tick:
                found = segment.momentum(tick) if tick < segment.end else segment.momentum_leaves
        return found


@dataclass
class _Oracle:
    settings: dict[str, Any]
    horizon: int
    """No round of an endless repeat beyond this tick is written out."""
    rest: Fraction = Fraction(0)
    clock: str = "step"
    _expressions: dict[str, ast.expr] = field(default_factory=dict)

    # ── Lengths and levels ──

    def ticks(self, text: object) -> Fraction:
        number, unit = _quantity(text)
        if unit == "":
            return number
        if unit == "%":
            return number / 100 * self.ticks(self.settings["total"])
        steps_per_epoch = self.settings.get("steps_per_epoch")
        if unit == "ep":
            return number if self.clock == "epoch" else number * _number(steps_per_epoch)
        if unit == "tok":
            number /= _number(self.settings["tokens_per_step"])
        if unit == "ex":
            number /= _number(self.settings["samples_per_step"])
        return number / _number(steps_per_epoch) if self.clock == "epoch" else number

    @staticmethod
    def rate(text: object, base: float) -> float:
        number, unit = _quantity(text)
        return float(_number(text)) * base if unit else float(number)

    # ── Joins ──

    def pipeline(
        self, nodes: Sequence[Node], now: Fraction, level: float, base: float, first: bool
    ) -> Line:
        line = Line([], now, level)
        for i, node in enumerate(nodes):
            assert line.end is not None
            here = self.stage(node, now, line.end, line.leaves, base, first and i == 0)
            line = Line(line.segments + here.segments, here.end, here.leaves)
        return line

    def stage(
        self, node: Node, start: Fraction, now: Fraction, level: float, base: float, first: bool
    ) -> Line:
        match node["kind"]:
            case "group":
                return self.group(node, now, level, base, first)
            case "product":
                return self.product(node, now, level)
            case _:
                return self.phase(node, start, now, level, base, first)

    def group(self, node: Node, now: Fraction, level: float, base: float, first: bool) -> Line:
        times = node.get("times", 1)
        line = Line([], now, level)
        rounds = 0
        while times == "inf" or rounds < times:
            assert line.end is not None
            if times == "inf" and nearest(line.end) > self.horizon:
                return Line(line.segments, None, line.leaves)
            once = first and rounds == 0
            here = self.pipeline(node["stages"], line.end, line.leaves, base, once)
            line = Line(line.segments + here.segments, here.end, here.leaves)
            rounds += 1
            if line.end is None:
                break
        return line

    def product(self, node: Node, now: Fraction, level: float) -> Line:
        factors = [self.stage(factor, now, now, 1.0, 1.0, True) for factor in node["factors"]]
        ends = [factor.end for factor in factors]
        known = [end for end in ends if end is not None]
        end = max(known) if len(known) == len(ends) else None

        def value(tick: int) -> float:
            return level * math.prod(factor.at(tick) for factor in factors)

        leaves = level * math.prod(factor.leaves for factor in factors)
        last = math.inf if end is None else nearest(end)
        return Line([Segment(nearest(now), last, value)], end, leaves)

    # ── Phases ──

    def phase(
        self, node: Node, start: Fraction, now: Fraction, level: float, base: float, first: bool
    ) -> Line:
        skip = nearest(self.ticks(node["skip"])) if "skip" in node else 0
        duration = node.get("duration")
        length: Fraction | None
        if duration is None:
            length = None
            if node["kind"] == "restarts" and "cycles" in node:
                length = sum(
                    (
                        self.ticks(node["first"]) * _number(node["mult"]) ** i
                        for i in range(node["cycles"])
                    ),
                    Fraction(0),
                )
                length -= skip
        elif duration == "rest":
            length = self.rest
        elif duration.startswith("until "):
            length = start + self.ticks(duration.removeprefix("until ")) - now
        else:
            length = max(Fraction(0), self.ticks(duration) - skip)
        begin = nearest(now)
        end = None if length is None else nearest(now + length)
        ticks = None if end is None else end - begin + skip  # T
        place = _Place(node, level, base, first, ticks, start, now, self)
        curve, leaves = getattr(place, _CURVES[node["kind"]])()
        if ticks is not None and end == begin:
            return Line(
                [], now + length if length is not None else None, place.after_nothing(leaves)
            )
        segment = Segment(
            begin, math.inf if end is None else end, lambda tick: curve(tick - begin + skip)
        )
        if "momentum" in node:
            moves, stays = place.momentum()
            segment.momentum = lambda tick: moves(tick - begin + skip)
            segment.momentum_leaves = stays
        return Line([segment], None if length is None else now + length, leaves)


_CURVES = {
    "hold": "hold", "linear": "ramp", "cosine": "ramp", "poly": "ramp", "sqrt": "ramp",
    "exp": "exp", "step": "step", "multistep": "multistep", "piecewise": "piecewise",
    "inverse_time": "inverse_time", "inverse_sqrt": "inverse_sqrt", "restarts": "restarts",
    "cyclic": "cyclic", "onecycle": "onecycle", "plateau": "plateau", "fn": "fn",
}  # fmt: skip

_Curve: TypeAlias = tuple[Callable[[int], float], float]
"""The value at t = skip, skip + 1, …, and the level on which the phase ends."""


@dataclass
class _Place:
    """A phase where it stands; a method for each kind says its curve over t and its end level."""

    node: Node
    level: float
    base: float
    first: bool
    T: int | None
    start: Fraction
    now: Fraction
    oracle: _Oracle

    def rate(self, name: str, default: float) -> float:
        return self.oracle.rate(self.node[name], self.base) if name in self.node else default

    def ticks(self, name: str, default: Fraction) -> Fraction:
        return self.oracle.ticks(self.node[name]) if name in self.node else default

    def after_nothing(self, leaves: float) -> float:
        """What a phase of no length leaves: a ramp, `hold` and `onecycle` move the level."""
        moves = ("hold", "linear", "cosine", "poly", "sqrt", "onecycle")
        to_a_level = self.node["kind"] == "exp" and "gamma" not in self.node
        return leaves if self.node["kind"] in moves or to_a_level else self.level

    def ended(self, value: Callable[[Fraction, bool], float]) -> _Curve:
        """A curve with its limit from the left; ``value(t, left)``."""
        end = value(Fraction(self.T), True) if self.T else self.level
        return lambda t: value(Fraction(t), False), end

    def hold(self) -> _Curve:
        level = self.rate("to", self.level)
        return lambda _: level, level

    def plateau(self) -> _Curve:
        return lambda _: self.level, self.level

    def ends(self) -> tuple[float, float]:
        """Where a ramp starts and ends."""
        a = self.level
        if self.node.get("role") == "warmup":
            a = 0.001 * self.base if self.first else a
            return self.rate("from", a), self.rate("to", self.base)
        return self.rate("from", a), self.rate("to", self.rate("min", 0.0))

    def part(self, t: int) -> float:
        """How much of a ramp's time has gone by; with ``every``, whole periods only."""
        if self.T is None or not self.T:
            return 0.0
        if "every" not in self.node:
            return t / self.T
        every = self.ticks("every", Fraction(1))
        return float(math.floor(t / every) * every / self.T)

    def ramp(self) -> _Curve:
        a, b = self.ends()
        exponent = float(_number(self.node.get("power", 1)))
        up = self.node.get("role") == "warmup"

        def way(p: float) -> float:
            match self.node["kind"], up:
                case "linear", _:
                    return p
                case "cosine", _:
                    return (1 - math.cos(math.pi * p)) / 2
                case "poly", False:
                    return 1 - math.pow(1 - p, exponent)
                case "poly", True:
                    return float(p**exponent)
                case "sqrt", False:
                    return math.sqrt(p)
                case _:
                    return 1 - math.sqrt(1 - p)

        return lambda t: a + (b - a) * way(self.part(t)), b

    def exp(self) -> _Curve:
        if "gamma" in self.node:
            return self.decaying(lambda x: float(_number(self.node["gamma"])) ** float(x))
        a, b = self.ends()
        return lambda t: a * (b / a) ** self.part(t), b

    def decaying(self, factor: Callable[[Fraction], float]) -> _Curve:
        """A rate: the entry level times a factor of the periods that went by, floored."""
        level, low = self.rate("from", self.level), self.rate("min", 0.0)
        every = self.ticks("every", Fraction(1))
        return self.ended(lambda t, _: max(low, level * factor(t / every)))

    def step(self) -> _Curve:
        level, low = self.rate("from", self.level), self.rate("min", 0.0)
        every, gamma = self.ticks("every", Fraction(1)), float(_number(self.node["gamma"]))
        return self.ended(lambda t, left: max(low, level * gamma ** _drops(t / every, left)))

    def inverse_time(self) -> _Curve:
        level, low = self.rate("from", self.level), self.rate("min", 0.0)
        every, rate = self.ticks("every", Fraction(1)), float(_number(self.node["rate"]))

        def value(t: Fraction, left: bool) -> float:
            time = Fraction(_drops(t / every, left)) if self.node["staircase"] else t / every
            return max(low, level / (1 + rate * float(time)))

        return self.ended(value)

    def inverse_sqrt(self) -> _Curve:
        level, low = self.rate("from", self.level), self.rate("min", 0.0)
        scale = self.ticks("timescale", self.now - self.start)
        return self.ended(lambda t, _: max(low, level / math.sqrt(1 + float(t / scale))))

    def reached(self, t: Fraction, left: bool) -> int:
        """How many positions of the enclosing pipeline have been reached (or passed)."""
        tick = nearest(self.now) + t  # no `skip` in phases with positions
        at = [self.start + self.oracle.ticks(position) for position in self.node["at"]]
        return sum(position < tick if left else position <= tick for position in at)

    def multistep(self) -> _Curve:
        level, low = self.rate("from", self.level), self.rate("min", 0.0)
        gamma = self.node["gamma"]
        gammas = gamma if isinstance(gamma, list | tuple) else [gamma] * len(self.node["at"])

        def value(t: Fraction, left: bool) -> float:
            done = gammas[: self.reached(t, left)]
            return max(low, level * math.prod(float(_number(one)) for one in done))

        return self.ended(value)

    def piecewise(self) -> _Curve:
        values = [self.oracle.rate(level, self.base) for level in self.node["values"]]
        return self.ended(lambda t, left: values[self.reached(t, left)])

    def restarts(self) -> _Curve:
        low, level = self.rate("min", 0.0), self.rate("from", self.level)
        mult, shrink = _number(self.node["mult"]), float(_number(self.node["shrink"]))
        if "first" in self.node:
            first = self.oracle.ticks(self.node["first"])
        else:
            cycles = range(self.node["cycles"])
            first = Fraction(self.T or 0) / sum((mult**i for i in cycles), Fraction(0))
        limit = self.node.get("cycles", math.inf)

        def value(t: Fraction, left: bool) -> float:
            cycle, begin, length = 0, Fraction(0), first
            while (t > begin + length if left else t >= begin + length) and cycle + 1 < limit:
                cycle, begin, length = cycle + 1, begin + length, length * mult
            peak = max(low, level * shrink**cycle)
            p = float((t - begin) / length)
            return low + (peak - low) * (1 + math.cos(math.pi * p)) / 2

        if not first:
            return lambda _: self.level, self.level
        curve, leaves = self.ended(value)
        return curve, leaves if limit == math.inf else low  # counted cycles end on a cycle's end

    def wave(self, t: Fraction, left: bool) -> tuple[float, int]:
        """How high a cyclic phase is at t, from 0 to 1, and in which cycle."""
        up = self.oracle.ticks(self.node["up"])
        down = self.ticks("down", up)
        cycle = _drops(t / (up + down), left)
        x = t - cycle * (up + down)
        return float(x / up if x <= up else (up + down - x) / down), cycle

    def amplitude(self, t: Fraction, cycle: int) -> float:
        match self.node["mode"]:
            case "triangular2":
                return 0.5**cycle
            case "exp_range":
                return math.pow(float(_number(self.node["gamma"])), float(t))
            case _:
                return 1.0

    def cyclic(self) -> _Curve:
        low, high = self.rate("min", 0.0), self.rate("max", self.base)

        def value(t: Fraction, left: bool) -> float:
            height, cycle = self.wave(t, left)
            return low + (high - low) * height * self.amplitude(t, cycle)

        return self.ended(value)

    def onecycle(self) -> _Curve:
        peak = self.rate("max", self.base)
        low = peak / float(_number(self.node["div"]))
        end = low / float(_number(self.node["final_div"]))
        return self.through(low, peak, end), end

    def through(self, low: float, peak: float, end: float) -> Callable[[int], float]:
        """PyTorch's OneCycleLR.get_lr, its list of phases and its loop over them."""
        assert self.T is not None
        top = _number(self.node["pct"]) * self.T - 1
        phases = [(top, low, peak)]
        if self.node["three_phase"]:
            phases += [(2 * top, peak, low), (Fraction(self.T - 1), low, end)]
        else:
            phases += [(Fraction(self.T - 1), peak, end)]

        def value(t: int) -> float:
            begin = Fraction(0)
            if t > phases[-1][0]:
                return end
            for i, (mark, a, b) in enumerate(phases):
                if t <= mark or i == len(phases) - 1:
                    p = float((t - begin) / (mark - begin)) if mark != begin else 1.0
                    if self.node["anneal"] == "linear":
                        return a + (b - a) * p
                    return b + (a - b) * (1 + math.cos(math.pi * p)) / 2
                begin = mark
            raise AssertionError

        return value

    def momentum(self) -> tuple[Callable[[int], float], float]:
        low, high = (float(_number(part)) for part in self.node["momentum"])
        if self.node["kind"] == "onecycle":
            return self.through(high, low, high), high

        def value(t: Fraction, left: bool) -> float:
            height, cycle = self.wave(t, left)
            return high - (high - low) * height * self.amplitude(t, cycle)

        stays = high if self.T is None else value(Fraction(self.T), True)
        return lambda t: value(Fraction(t), False), stays

    def fn(self) -> _Curve:
        tree = ast.parse(self.node["expression"], mode="eval").body

        def value(t: int) -> float:
            names = {"t": float(t), "pi": math.pi, "start": self.level / self.base}
            if self.T is not None:
                names |= {"T": float(self.T), "p": t / self.T}
            with np.errstate(all="ignore"):
                return self.base * float(_arithmetic(tree, names))

        return value, value(self.T) if self.T else self.level


def _drops(periods: Fraction, left: bool) -> int:
    """Whole periods that have gone by; from the left, the one that ends here has not."""
    return math.ceil(periods) - 1 if left else math.floor(periods)


_SIGNS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: np.divide, ast.Pow: np.power,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip


def _arithmetic(e: ast.expr, names: Mapping[str, float]) -> Any:
    """An expression of `fn` by Python's own reading of its text, in NumPy's doubles."""

    def go(part: ast.expr) -> Any:
        return _arithmetic(part, names)

    match e:
        case ast.Constant(value=(int() | float()) as number):
            return np.float64(number)
        case ast.Name(id=name):
            return np.float64(names[name])
        case ast.UnaryOp(op=ast.USub(), operand=x):
            return -go(x)
        case ast.UnaryOp(op=ast.Not(), operand=x):
            return not go(x)
        case ast.BinOp(left=x, op=sign, right=y):
            return _SIGNS[type(sign)](go(x), go(y))
        case ast.Compare(left=x, ops=[sign], comparators=[y]):
            return _SIGNS[type(sign)](go(x), go(y))
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(map(go, parts))
        case ast.BoolOp(op=ast.Or(), values=parts):
            return any(map(go, parts))
        case ast.IfExp(test=condition, body=x, orelse=y):
            return go(x) if go(condition) else go(y)
        case ast.Call(func=ast.Name(id="min" | "max" as name), args=args):
            pairwise = np.minimum if name == "min" else np.maximum
            return pairwise.reduce([go(arg) for arg in args])
        case ast.Call(func=ast.Name(id=name), args=[x]):
            return getattr(np, name)(go(x))
    raise AssertionError(ast.dump(e))


def _counted(tree: Any) -> set[str]:
    """The units of all lengths of a dict form."""
    lengths = ("duration", "every", "at", "first", "up", "down", "timescale", "skip", "total")
    found: set[str] = set()
    for name, value in tree.items():
        if name in ("stages", "factors"):
            for node in value:
                found |= _counted(node)
        elif name in lengths and value != "rest":
            for length in value if isinstance(value, list | tuple) else [value]:
                found.add(_quantity(str(length).removeprefix("until "))[1])
    return found


def _rested(oracle: _Oracle, tree: Node) -> Fraction:
    """What the other stages leave of the total, with no rest yet; what never ends takes nothing."""
    if "total" not in oracle.settings:
        return Fraction(0)

    def taken(nodes: Sequence[Node], start: Fraction) -> Fraction:
        now = start
        for node in nodes:
            if node["kind"] == "group" and "times" not in node:
                now += taken(node["stages"], now)
            else:
                end = oracle.stage(node, start, now, 1.0, 1.0, False).end
                now = now if end is None else end
        return now - start

    return oracle.ticks(oracle.settings["total"]) - taken(tree["stages"], Fraction(0))


def interpret(tree: Node, lr: float, binding: Mapping[str, Any], horizon: int) -> Line:
    """The run of a schedule, given as its `model_dump()`, up to a tick."""
    settings = {name: value for name, value in tree.items() if name != "stages"}
    settings |= {name: str(value) for name, value in binding.items()}
    oracle = _Oracle(settings, horizon)
    units = _counted({**tree, **settings})
    if "clock" in settings:
        oracle.clock = settings["clock"]
    elif not units & {"st", "tok", "ex"} and "steps_per_epoch" not in settings and "ep" in units:
        oracle.clock = "epoch"
    if '"rest"' in str(tree).replace("'", '"'):
        oracle.rest = _rested(oracle, tree)
    return oracle.pipeline(tree["stages"], Fraction(0), lr, lr, True)
