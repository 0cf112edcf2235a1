"""What holds for every schedule and every text."""

from __future__ import annotations

import contextlib
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schedlang import Schedule, ScheduleError, parse
from schedlang.program.program import Program
from tests.cases import CASES, FAR, Case, ticks_of
from tests.strategies import schedules, texts


def has_rest(case: Case) -> bool:
    """Whether it has a `rest`, which only a stage of the line itself can have."""
    return "rest" in case.text.replace("restarts", "")


def _length(program: Program) -> int:
    return 200 if program.length is None else min(program.length + 5, 1000)


def _same_values(ours: Program, theirs: Program) -> None:
    ticks = _length(ours)
    np.testing.assert_allclose(ours.curve(ticks), theirs.curve(ticks), rtol=1e-9, atol=1e-300)
    assert ours.at(FAR) == pytest.approx(theirs.at(FAR), rel=1e-9)
    assert ours.length == theirs.length


def _parsed(form: object) -> Schedule | ScheduleError:
    """The schedule, or what is wrong with it; any other exception goes through."""
    try:
        return Schedule.model_validate(form)
    except ScheduleError as error:
        return error


@given(texts())
def test_any_text_parses_or_raises(text: str) -> None:
    schedule = _parsed(text)
    if isinstance(schedule, ScheduleError):
        assert schedule.mistakes
        spans = [mistake.span for mistake in schedule.mistakes if mistake.span is not None]
        assert all(0 <= span.begin <= span.end <= len(text) for span in spans)
        return
    assert parse(str(schedule)) == schedule
    assert str(parse(str(schedule))) == str(schedule)
    with contextlib.suppress(ScheduleError):
        schedule.bind(lr=0.1, total=1000, steps_per_epoch=9, tokens_per_step=10, samples_per_step=8)


_KINDS = ["hold", "cosine", "step", "group", "product", "fn"]
_TEXTS = ["10", "10%", "1x", "5ep", "inf", "t", "rest", "until 5"]
_KEYS = ["kind", "stages", "factors", "duration", "to", "at", "every", "times", "expression", "lr"]
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 100)
    | st.floats()
    | st.sampled_from(_TEXTS + _KINDS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)
_nodes = st.builds(
    lambda kind, rest: {**rest, "kind": kind},
    st.sampled_from(_KINDS),
    st.dictionaries(st.sampled_from(_KEYS), _values, max_size=4),
)


@given(_values | _nodes)
def test_any_dict_form_is_read_or_refused(value: object) -> None:
    schedule = _parsed({"stages": [value]})
    if isinstance(schedule, Schedule):
        assert parse(str(schedule)) == schedule


@given(schedules(max_depth=3, momentum=True))
def test_at_is_the_curve_is_between(case: Case) -> None:
    program = case.bind()
    ticks = _length(program)
    curve = program.curve(ticks)
    assert curve.dtype == np.float64
    assert curve.shape == (ticks,)
    assert np.isfinite(curve).all()
    assert (curve >= 0).all()
    at = [program.at(tick) for tick in range(ticks)]
    np.testing.assert_allclose(curve, at, rtol=1e-12, atol=1e-300)
    middle = ticks // 3
    np.testing.assert_array_equal(program.between(middle, ticks), curve[middle:])
    for tick in ticks_of(program):
        value = program.between(tick, tick + 1)[0]
        assert value == pytest.approx(program.at(tick), rel=1e-12, abs=1e-300)


@given(schedules(momentum=True))
def test_the_end_holds(case: Case) -> None:
    program = case.bind()
    if program.length is not None:
        last = program.at(program.length)
        assert [program.at(program.length + k) for k in (1, 7, 1000, FAR)] == [last] * 4
        assert program.curve().shape == (program.length,)


# Phases in which a rate is a share of the base and a number, added; not so a floor, a peak of
# `restarts`, or equal ratios from a rate to a share.
_AFFINE = [
    "linear {} to={}",
    "cosine {} from={}",
    "poly {} power=2 to={}",
    "sqrt {} to={}",
    "hold {} to={}",
    "exp {} gamma=0.9 from={}",
    "step {} every=2 from={}",
    "multistep {} at=[100000] from={}",
    "inverse_time {} rate=0.5 from={}",
    "inverse_sqrt {} timescale=3 from={}",
    "onecycle {} max={}",
    "cyclic {} up=2 min=0 max={}",
]
_affine_phases = st.builds(
    str.format,
    st.sampled_from(_AFFINE),
    st.integers(0, 9),
    st.sampled_from(["0", "1e-3", "0.05", "10%", "0.5x", "2x"]),
)
_affine_lines = st.builds(
    str.format,
    st.sampled_from(["{}", "({}) x 3", "hold 4 -> ({}) x 5 -> linear 7"]),
    st.lists(_affine_phases, min_size=1, max_size=5).map(" -> ".join),
)


@given(_affine_lines, st.sampled_from([0.5, 2.0, 10.0]))
def test_values_are_affine_in_the_base(line: str, factor: float) -> None:
    schedule = parse(line)
    bases = (0.1, 0.1 * factor, 0.1 * (1 + factor) / 2)
    one, other, between = (schedule.bind(lr=base).curve(60) for base in bases)
    np.testing.assert_allclose(between, (one + other) / 2, rtol=1e-9, atol=1e-15)


@given(schedules(lr_in_line=False))
def test_rebasing_is_binding_again(case: Case) -> None:
    try:
        again = parse(case.text).bind(lr=case.lr * 2, **case.binding)
    except ScheduleError:
        with pytest.raises(ScheduleError):
            case.bind().rebase(case.lr * 2)
        return
    _same_values(case.bind().rebase(case.lr * 2), again)
    _same_values(again.rebase(case.lr), case.bind())


@given(schedules(max_depth=1))
def test_parentheses_change_nothing(case: Case) -> None:
    """Positions count from the same place, and the level is the same, at the start of a line."""
    settings, bar, line = case.text.rpartition("| ")
    wrapped = Case("", f"{settings}{bar}({line})", case.binding, case.lr)
    _same_values(wrapped.bind(), case.bind())


@given(schedules(max_depth=1))
def test_once_is_the_same(case: Case) -> None:
    program = case.bind()
    settings, bar, line = case.text.rpartition("| ")
    assume(program.length is not None and not has_rest(case))
    once = Case("", f"{settings}{bar}({line}) x 1", case.binding, case.lr)
    _same_values(once.bind(), program)


def _times_one(case: Case) -> str:
    settings, bar, line = case.text.rpartition("| ")
    return f"{settings}{bar}({line}\n) * hold 0"


_WITHOUT_REST = [case for case in CASES if not has_rest(case)]
_FACTORS = [case for case in _WITHOUT_REST if isinstance(_parsed(_times_one(case)), Schedule)]
_NO_FACTORS = [case for case in _WITHOUT_REST if case not in _FACTORS]


@pytest.mark.parametrize("case", _FACTORS, ids=str)
def test_multiplying_by_one_changes_nothing(case: Case) -> None:
    _same_values(Case("", _times_one(case), case.binding, case.lr).bind(), case.bind())


@pytest.mark.parametrize("case", _NO_FACTORS, ids=str)
def test_what_cannot_be_multiplied(case: Case) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse(_times_one(case))
    codes = {mistake.code for mistake in caught.value.mistakes}
    assert codes <= {"absolute-in-product", "does-not-apply", "mixed-units", "ambiguous-ticks"}


def test_most_cases_can_be_multiplied() -> None:
    assert len(_FACTORS) > len(_NO_FACTORS)


@given(
    st.lists(st.fractions(0, 5, max_denominator=12), min_size=1, max_size=12), st.integers(1, 50)
)
def test_the_total_is_kept(lengths: list[float], steps_per_epoch: int) -> None:
    """However unlike ticks the lengths are, the run is as long as their sum, to half a tick."""
    line = " -> ".join(f"hold {length}ep" for length in lengths)
    program = parse(line).bind(lr=0.1, steps_per_epoch=steps_per_epoch)
    assert program.length == math.floor(sum(lengths) * steps_per_epoch + 0.5)
    total = math.ceil(sum(lengths)) + 1
    filled = parse(f"{line} -> hold rest").bind(
        lr=0.1, steps_per_epoch=steps_per_epoch, total=f"{total}ep"
    )
    assert filled.length == total * steps_per_epoch


def test_ticks_are_whole_and_not_negative() -> None:
    program = parse("cosine 90").bind(lr=0.1)
    assert program.at(np.int64(90)) == 0
    with pytest.raises(ValueError, match="a tick must be at least 0, not -1"):
        program.at(-1)
    with pytest.raises(TypeError):
        program.at(1.5)  # type: ignore[arg-type]  # that is the mistake
    with pytest.raises(ValueError, match="this schedule never ends: pass the number of ticks"):
        parse("hold").bind(lr=0.1).curve()
