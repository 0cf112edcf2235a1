"""Pictures: the line on the axes is the curve."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

import schedlang
from schedlang import plot
from tests.cases import CASES, PLATEAUS, Case


def _curve(lines: list[Line2D]) -> Line2D:
    """The one line that is no mark of a boundary."""
    (curve,) = [line for line in lines if line.get_color() == plot.CURVE]
    return curve


@pytest.mark.parametrize("case", [*CASES, *PLATEAUS], ids=str)
def test_the_line_is_the_curve(case: Case) -> None:
    program = case.bind()
    curve = _curve(list(plot.draw(program).lines))
    ticks = np.asarray(curve.get_xdata())
    if program.length is not None:
        assert ticks[-1] == max(1, program.length)
    assert np.array_equal(ticks, np.arange(len(ticks)))
    assert np.array_equal(np.asarray(curve.get_ydata()), program.curve(len(ticks)))


def test_the_front_door_draws_on_the_axes_that_it_is_given() -> None:
    ax = Figure().add_subplot()
    schedule = schedlang.parse("warmup 10 -> hold 5 -> cosine 85 min=1e-4")
    assert schedule.plot(lr=0.1, ticks=40, ax=ax, clock="epoch") is ax
    assert np.asarray(_curve(list(ax.lines)).get_xdata())[-1] == 39
    marks = [np.asarray(line.get_xdata())[0] for line in ax.lines if line.get_color() == plot.INK]
    assert marks == [10, 15]
    assert [text.get_text() for text in ax.texts] == ["warmup", "hold", "cosine"]
    assert ax.get_title(loc="left") == "warmup linear 10 -> hold 5 -> cosine 85 min=1e-4"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epochs", "learning rate")


AXES: list[tuple[str, float | None, str, str]] = [
    ("cosine 90", 0.1, "ticks: calls of step()", "learning rate"),
    ("cosine 90st", 0.1, "optimizer updates", "learning rate"),
    ("cosine 90ep", None, "epochs", "share of the base rate"),
    ("cosine 90ep from=0.996 to=1", None, "epochs", "value"),
]


@pytest.mark.parametrize(("text", "lr", "x", "y"), AXES)
def test_the_axes_say_what_they_are(text: str, lr: float | None, x: str, y: str) -> None:
    program = schedlang.parse(text).bind(lr)
    ax = plot.draw(program)
    assert (ax.get_xlabel(), ax.get_ylabel()) == (x, y)
    assert plot.in_terminal(program, width=60).splitlines()[-1].split("  ")[0] == y
    assert plot.in_terminal(program, width=60).splitlines()[-1].endswith(x)


# line, base rate, the lowest and the highest value on the axis (before its margin)
LIMITS: list[tuple[str, float | None, float, float]] = [
    ("cosine 90 from=0.996 to=1", None, 0.996, 1.0),
    ("cosine 90 from=0.996 to=1", 0.1, 0.0, 1.0),
    ("cosine 90 min=80%", None, 0.0, 1.0),
    ("linear 90 from=0.04 to=0.07", None, 0.04, 0.07),
    ("linear 90 from=0.01 to=0.07", None, 0.0, 0.07),
    ("hold 9 to=0.3", None, 0.0, 0.3),
]


@pytest.mark.parametrize(("text", "lr", "bottom", "top"), LIMITS)
def test_the_axis_of_values_that_stay_far_above_0(
    text: str, lr: float | None, bottom: float, top: float
) -> None:
    program = schedlang.parse(text).bind(lr)
    limits = plot.draw(program).get_ylim()
    assert limits == pytest.approx((bottom, top + 0.04 * (top - bottom)))
    label = plot.in_terminal(program, width=60).splitlines()[-4].partition("┤")[0].strip()
    assert float(label) == bottom


LONG = "(linear 9 to=0.1x -> linear 9 to=1x) x 7 -> cosine 100 min=0.001x -> hold 20 -> linear 30"
TITLES: list[tuple[str, int, int]] = [  # with the axes side by side, and the lines of the title
    ("cosine 90", 1, 1),
    (LONG, 1, 2),
    (LONG, 3, 3),
    (" -> ".join([LONG] * 9), 1, 3),
    (" -> ".join(["linear 3 to=99.5%"] * 20_000), 1, 3),
    (f"fn 9 {{{' + '.join(['0.12345 * t'] * 40)}}}", 1, 3),
]


@pytest.mark.parametrize(("text", "axes", "lines"), TITLES)
def test_the_title_fits(text: str, axes: int, lines: int) -> None:
    program = schedlang.parse(text).bind(lr=0.1)
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    for ax in np.atleast_1d(figure.subplots(1, axes)):
        plot.draw(program, ax=ax)
    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib's
    for ax in figure.axes:
        title = ax.get_title(loc="left")
        (found,) = [child for child in ax.findobj(Text) if child.get_text() == title]
        box = found.get_window_extent()
        assert box.x1 <= ax.get_window_extent().x1
        assert box.y1 <= figure.bbox.y1
        assert title.count("\n") + 1 == lines
        whole = title.replace("\n", "").replace(" ", "")
        start = program.text.replace(" ", "")
        assert whole == start or (whole.endswith("…") and start.startswith(whole[:-1]))


def test_a_long_title_in_the_terminal() -> None:
    picture = plot.in_terminal(schedlang.parse(f"{LONG} -> hold 9").bind(lr=0.1), width=60)
    lines = picture.splitlines()
    assert max(map(len, lines)) <= 60
    assert " ".join(lines[:2]) == str(schedlang.parse(f"{LONG} -> hold 9"))


TICKS: list[tuple[str, float, list[str], list[str]]] = [
    (
        "warmup 2000 -> cosine 10k",
        0.002,
        ["0", "2k", "4k", "6k", "8k", "10k", "12k"],
        ["0", "0.00025", "0.0005", "0.00075", "0.001", "0.00125", "0.0015", "0.00175", "0.002"],
    ),
    (
        "cosine 900 -> linear 100",
        3e-4,
        ["0", "200", "400", "600", "800", "1k"],
        ["0", "5e-5", "1e-4", "1.5e-4", "2e-4", "2.5e-4", "3e-4"],
    ),
    (
        "cosine 1.2M",
        0.1,
        ["0", "200k", "400k", "600k", "800k", "1M", "1.2M"],
        ["0", "0.02", "0.04", "0.06", "0.08", "0.1"],
    ),
    (
        "hold 1B -> cosine 2B",
        30,
        ["0", "500M", "1B", "1.5B", "2B", "2.5B", "3B"],
        ["0", "5", "10", "15", "20", "25", "30"],
    ),
    ("cosine 1", 0.1, ["0", "1"], ["0", "0.02", "0.04", "0.06", "0.08", "0.1"]),
    ("cosine 2", 0.1, ["0", "1", "2"], ["0", "0.02", "0.04", "0.06", "0.08", "0.1"]),
]


@pytest.mark.parametrize(("text", "lr", "ticks", "rates"), TICKS)
def test_the_labels_of_an_axis(text: str, lr: float, ticks: list[str], rates: list[str]) -> None:
    ax = plot.draw(schedlang.parse(text).bind(lr=lr))
    figure = ax.figure
    FigureCanvasAgg(figure).draw()  # type: ignore[arg-type, no-untyped-call]  # matplotlib's
    shown = [label.get_text() for label in ax.get_xticklabels()]
    assert shown == ticks
    low, high = ax.get_ylim()
    marks = zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)
    assert [label.get_text() for mark, label in marks if low <= mark <= high] == rates


def test_the_labels_in_the_terminal() -> None:
    picture = plot.in_terminal(schedlang.parse("warmup 2000 -> cosine 8k").bind(lr=3e-4), width=60)
    lines = picture.splitlines()
    assert lines[-2].split() == ["0", "2k", "4k", "6k", "8k", "10k"]
    labels = [line.split("┤")[0].strip() for line in lines if "┤" in line]
    assert labels == ["3e-4", "2e-4", "1e-4", "0"]


ENDLESS: list[tuple[str, int]] = [
    ("hold", 100),
    ("total=50 | hold", 50),
    ("warmup 400 -> plateau", 500),
    ("restarts first=100 mult=2", 700),
    ("cyclic up=50 min=1%", 400),
    ("cyclic up=50 down=10 min=1%", 240),
    ("warmup 4000 -> inverse_sqrt", 40_000),
    ("inverse_sqrt timescale=100", 900),
    ("multistep at=[400, 800]", 1000),
    ("(linear 100 -> linear 100 to=1x) x inf", 600),
    ("exp gamma=0.99", 512),  # 2% is left after 390
    ("fn {2 + sin(t)}", 1000),
    ("(warmup 800 from=0 -> hold) * (step every=30)", 1000),
]


@pytest.mark.parametrize(("text", "last"), ENDLESS)
def test_how_far_an_endless_curve_is_drawn(text: str, last: int) -> None:
    ticks, _ = plot.points(schedlang.parse(text).bind())
    assert ticks[-1] == last


def test_a_curve_too_long_for_the_memory() -> None:
    program = schedlang.parse("warmup 1T -> hold 1T -> linear 1 -> hold 1T to=50%").bind()
    tracemalloc.start()
    ticks, rates = plot.points(program)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50_000_000
    assert (ticks[0], ticks[-1]) == (0, 3e12 + 1)
    for tick in (10**12 - 1, 10**12, 2 * 10**12, 2 * 10**12 + 1):  # both sides of each boundary
        assert rates[np.searchsorted(ticks, tick)] == program.at(tick)
        assert tick in ticks
    assert "┤" in plot.in_terminal(program, width=60)


def _rows(picture: str) -> list[str]:
    """What stands between the frame's sides, row by row."""
    rows = [line for line in picture.splitlines() if line.endswith("│")]
    return [re.split("[┤│]", row, maxsplit=1)[1][:-1] for row in rows]


def test_in_the_terminal() -> None:
    program = schedlang.parse("linear 100").bind(lr=0.1)
    picture = plot.in_terminal(program, width=48)
    lines = picture.splitlines()
    assert lines[0].strip() == "linear 100"
    assert lines[-2].split() == ["0", "20", "40", "60", "80", "100"]
    assert [line.split("┤")[0].strip() for line in lines if "┤" in line] == [
        "0.1", "0.075", "0.05", "0.025", "0",
    ]  # fmt: skip
    rows = _rows(picture)
    for i, row in enumerate(rows):  # a straight line from the left above to the right below
        columns = [j for j, char in enumerate(row) if char != " "]
        expected = i * (len(row) - 1) / (len(rows) - 1)
        assert min(columns) - 2 <= expected <= max(columns) + 2


def test_a_spike_of_one_tick_is_seen() -> None:
    text = "hold 50000 to=1% -> hold 1 to=1x -> hold 49999 to=1%"
    first = _rows(plot.in_terminal(schedlang.parse(text).bind(), width=60))[0]
    assert any("\u2800" < char <= "\u28ff" for char in first)


def test_a_picture_of_nothing() -> None:
    program = schedlang.parse("hold 0 -> hold 0 to=0").bind()
    assert plot.draw(program).get_ylim()[1] > 0
    assert plot.in_terminal(program, width=40)


def test_an_svg_has_no_ground_of_its_own(tmp_path: Path) -> None:
    """It stands on pages that are white and on pages that are black."""
    path = tmp_path / "a.svg"
    plot.save(schedlang.parse("cosine 90").bind(lr=0.1), path)
    text = path.read_text(encoding="utf-8")
    assert "fill: #ffffff" not in text
    assert "#000000" not in text


def test_a_jump_is_one_stroke() -> None:
    picture = plot.in_terminal(schedlang.parse("hold 2 to=0 -> hold 2 to=1x").bind(), width=90)
    for row in _rows(picture):
        assert any("\u2800" < char <= "\u28ff" for char in row)
