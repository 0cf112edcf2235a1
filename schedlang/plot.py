"""Plots of curves: on matplotlib axes, in a file, or in the terminal; of plans as panels."""

from __future__ import annotations

import math
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from schedlang.formula.notation import number
from schedlang.program.program import Piece, Program, Track

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter, MaxNLocator

    from schedlang.formula.evaluate import Array

MOST_POINTS = 1_000_000
"""The maximum number of ticks that are all computed."""
MOST_MARKS = 40
"""More boundary marks than these would hide the curve."""
TITLE_LINES = 3
"""A longer title is cut, with an ellipsis."""
FONT_SIZE = 9
"""In points. A letter of the monospaced title is 0.602 times as wide, one of a label narrower."""

CURVE = "#2f7fd1"
COLOURS = (CURVE, "#e0702f", "#2f9e6b", "#c0479a", "#9a7d1f", "#7a68d8")
"""The colours of the groups of a panel; for more groups, a colour map is used."""
MOST_IN_COLUMN = 12
"""More labels than these are in several columns beside a panel."""
INK = "#808890"
"""Readable on white and black, since the picture's background is transparent."""


def draw(program: Program, ticks: int | None = None, ax: Axes | None = None) -> Axes:
    """Draw the rate over the ticks.

    Args:
        program: the program.
        ticks: the number of ticks; by default the whole length, or for a program that never ends
            its total, or enough ticks to show how it continues.
        ax: the axes; by default those of a new figure.

    Returns:
        The matplotlib axes, with one line and a faint mark at the beginning of each phase.
    """
    if ax is None:
        from matplotlib.figure import Figure

        ax = Figure(figsize=(8, 3.6), layout="constrained").add_subplot()
    curve = _draw_one(ax, program, ticks)
    _dress(ax, [(program, curve)], program.text, _y_label(program))
    ax.set_xlabel(_x_label(program), color=INK)
    return ax


def _draw_one(ax: Axes, program: Program, ticks: int | None) -> tuple[Array, Array]:
    """Draw a curve with its phases. Returns its points."""
    x, y = points(program, ticks)
    ax.plot(x, y, color=CURVE, linewidth=2, solid_joinstyle="round", zorder=3)
    ax.fill_between(x, y, color=CURVE, alpha=0.08, linewidth=0)
    begins = [begin for begin in _begins(program) if begin < x[-1]]
    if len(begins) <= MOST_MARKS:
        for begin in begins[1:]:
            ax.axvline(begin, color=INK, linewidth=0.8, alpha=0.6, dashes=(2, 3), zorder=1)
        if len(program.tracks) == 1 and program.tracks[0].loop is None:
            _name_phases(program, ax, float(x[-1]))
    return x, y


def _dress(
    ax: Axes, drawn: Sequence[tuple[Program, tuple[Array, Array]]], title: str, y_label: str
) -> None:
    """Set the title, the limits and the tick marks of axes."""
    title = "\n".join(_wrapped(title, _letters(ax)))
    ax.set_title(title, loc="left", pad=20, family="monospace", fontsize=FONT_SIZE, color=INK)
    bottom, top, last = _limits(drawn)
    ax.set_xlim(0, last)
    ax.set_ylim(bottom, top + 0.04 * (top - bottom))
    ax.set_ylabel(y_label, color=INK)
    ax.xaxis.set_major_locator(_whole_numbers("auto"))
    ax.xaxis.set_major_formatter(_tick_labels())
    ax.yaxis.set_major_formatter(lambda rate, _: _rate_label(rate, top))
    ax.tick_params(colors=INK, length=3)
    ax.grid(axis="y", color=INK, alpha=0.2, linewidth=0.8)
    ax.set_axisbelow(True)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(INK)


Panels: TypeAlias = "Mapping[str, Mapping[str, Program]]"
"""For each title of a panel its curves by label; a single curve has an empty label."""


def draw_panels(panels: Panels, ticks: int | None = None) -> Figure:
    """Draw the panels below each other, on the same ticks.

    Args:
        panels: the panels.
        ticks: the number of ticks; by default the length of the longest curve, see `draw`.

    Returns:
        The matplotlib figure, with axes for each panel, and a legend if curves have labels.
    """
    from matplotlib.figure import Figure

    ticks = ticks or _longest(panels)
    figure = Figure(figsize=(8, 0.5 + 2.2 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for ax, (title, curves) in zip(axes, panels.items(), strict=True):
        programs = list(curves.values())
        if [*curves] == [""]:
            drawn = [_draw_one(ax, programs[0], ticks)]
        else:
            drawn = _draw_groups(ax, curves, ticks)
        _dress(ax, [*zip(programs, drawn, strict=True)], title, _panel_label(programs))
    axes[-1].set_xlabel(_x_label(programs[0]), color=INK)
    return figure


def _draw_groups(ax: Axes, curves: Mapping[str, Program], ticks: int) -> list[tuple[Array, Array]]:
    """Draw curves in colours with a legend. Returns their points.

    The first ones are wider, so that they are visible below others with the same values.
    """
    from matplotlib import colormaps

    drawn = [points(program, ticks) for program in curves.values()]
    count = len(curves)
    for i, (label, curve) in enumerate(zip(curves, drawn, strict=True)):
        color = COLOURS[i] if count <= len(COLOURS) else colormaps["turbo"](0.05 + 0.9 * i / count)
        width = 1.5 + 2 * (count - 1 - i) / count
        ax.plot(*curve, color=color, linewidth=width, label=label, zorder=3)
    ax.legend(
        loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0, frameon=False,
        fontsize=FONT_SIZE, labelcolor=INK, ncols=math.ceil(count / MOST_IN_COLUMN),
    )  # fmt: skip
    return drawn


def _longest(panels: Panels) -> int:
    """The ticks of the longest curve that ends; if none does, of the longest one."""
    programs = [program for curves in panels.values() for program in curves.values()]
    ends = [program.total if program.length is None else program.length for program in programs]
    known = [end + 1 for end in ends if end is not None]
    return max(known or map(horizon, programs))


def _panel_label(programs: Sequence[Program]) -> str:
    return "share of the base" if all(program.in_shares for program in programs) else "value"


def save_panels(panels: Panels, path: Path, ticks: int | None = None) -> None:
    """Write the panels to a picture file; raises the errors of `save`."""
    _write(draw_panels(panels, ticks), "; ".join(panels), path)


def save(program: Program, path: Path, ticks: int | None = None) -> None:
    """Write the curve to a reproducible picture file, whose format is the path's suffix.

    Raises:
        OSError: if the file cannot be written.
        ValueError: if there is no such format.
    """
    from matplotlib.figure import Figure

    figure = draw(program, ticks).figure
    assert isinstance(figure, Figure)
    _write(figure, program.text, path)


def _write(figure: Figure, text: str, path: Path) -> None:
    from matplotlib import rc_context

    with rc_context({"svg.hashsalt": text, "savefig.transparent": path.suffix == ".svg"}):
        metadata = {"Title": text, "Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, dpi=150, metadata=metadata)


def points(program: Program, ticks: int | None = None) -> tuple[Array, Array]:
    """Ticks and their rates; for a very long curve, even steps and both sides of each boundary."""
    import numpy as np

    if ticks is None:  # the tick after the last one has the end level
        ticks = horizon(program) if program.length is None else program.length + 1
    last = max(1, ticks - 1)
    if last < MOST_POINTS:
        return np.arange(last + 1, dtype=np.float64), program.curve(last + 1)
    begins = _begins(program)[:MOST_POINTS]
    edges = {tick for begin in begins for tick in (begin - 1, begin) if 0 <= tick <= last}
    x = sorted({*edges, *(last * i // 20_000 for i in range(20_001))})
    return np.array(x, dtype=np.float64), np.array([program.at(tick) for tick in x])


def horizon(program: Program) -> int:
    """The total of a program that never ends, or enough ticks to show how it continues."""
    if program.total is not None:
        return program.total + 1
    last = 0.0
    for track in program.tracks:
        if track.loop is not None:
            last = max(last, track.loop.begin + 3 * track.loop.period)
        else:
            last = max(last, _informative_end(track.pieces[-1]))
    return max(100, math.ceil(last)) + 1


def _informative_end(piece: Piece) -> float:
    """The tick up to which an endless piece should be shown."""
    phase = piece.arguments
    match piece.kind:
        case "restarts":
            return piece.begin + 7 * phase["first"]  # three cycles, if each lasts twice as long
        case "cyclic":
            return piece.begin + 4 * (phase["up"] + phase.get("down", phase["up"]))
        case "inverse_sqrt":
            return piece.begin + 9 * phase.get("timescale", piece.begin)
        case "multistep" | "piecewise":
            return piece.begin + 1.25 * phase["at"][-1]
        case "hold" | "plateau":
            return 1.25 * piece.begin
        case _:
            return piece.begin + _until_small(piece)


def _until_small(piece: Piece) -> float:
    """The ticks (a power of 2) until less than 2% of the first value is left, or 1000."""
    track = Track((Piece(0, None, piece.curve),))
    first = track.at(0)
    steps = (2**i for i in range(7, 24))
    return next((ticks for ticks in steps if track.at(ticks) < 0.02 * first), 1000)


def _begins(program: Program) -> list[int]:
    return sorted({piece.begin for track in program.tracks for piece in track.pieces})


def _limits(drawn: Sequence[tuple[Program, tuple[Array, Array]]]) -> tuple[float, float, float]:
    """The lowest and highest rate and the last tick of the axes for some curves.

    The lowest is 0, except for absolute values far above 0, such as a teacher's momentum: then it
    is their minimum.
    """
    bottom, top, last = math.inf, 0.0, 0.0
    for program, (x, y) in drawn:
        low, high = float(y.min()), float(y.max()) or 1.0
        stays_above = program.base is None and high / 2 < low < high
        bottom = min(bottom, low if stays_above else 0.0)
        top, last = max(top, high), max(last, float(x[-1]))
    return bottom, top, last


def _x_label(program: Program) -> str:
    match program.tick:
        case "step":
            return "optimizer updates"
        case "epoch":
            return "epochs"
        case None:
            return "ticks: calls of step()"


def _y_label(program: Program) -> str:
    if program.in_shares:
        return "share of the base rate"
    return "value" if program.base is None else "learning rate"


def _letters(ax: Axes) -> int:
    """The number of letters of the title that fit above the axes on one line."""
    inches = ax.bbox.width / ax.figure.dpi
    return max(20, int(inches * 72 / (0.602 * FONT_SIZE)))


def _wrapped(text: str, width: int) -> list[str]:
    """The text in at most three lines, broken at blanks if possible."""
    text = text[: (TITLE_LINES + 1) * width]  # the rest of a very long one is cut anyway
    return textwrap.wrap(
        text, width, max_lines=TITLE_LINES, placeholder=" …", break_on_hyphens=False
    )


def _whole_numbers(most: int | Literal["auto"]) -> MaxNLocator:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(most, integer=True, steps=[1, 2, 2.5, 5, 10])


def _tick_labels() -> EngFormatter:
    """Formats ticks as in a line: 90, 2k, 1.5M."""
    from matplotlib.ticker import EngFormatter

    labels = EngFormatter(sep="")
    labels.ENG_PREFIXES = {0: "", 3: "k", 6: "M", 9: "B", 12: "T"}
    return labels


def _rate_label(rate: float, top: float) -> str:
    """A rate in a notation that suits the highest one: 0.0005 below 0.002, 5e-5 below 2e-4."""
    rounded = float(f"{rate:.6g}")
    return number(rounded) if top < 1e-3 else f"{rounded:.10f}".rstrip("0").rstrip(".")


def _name_phases(program: Program, ax: Axes, last: float) -> None:
    """Write each phase's first word above its part of the curve, if there is room."""
    for piece in program.pieces:
        end = min(last, last if piece.end is None else piece.end)
        word = piece.text.partition(" ")[0]
        if (end - piece.begin) / last * _letters(ax) > len(word) > 0:
            ax.text(
                (piece.begin + end) / 2, 1.01, word, color=INK, fontsize=FONT_SIZE, ha="center",
                transform=ax.get_xaxis_transform(),
            )  # fmt: skip


# ── In the terminal ──────────────────────────────────────────────────────────────────────────────

ROWS = 20
PANEL_ROWS = 12
SIGNS = ("braille", "x", "o", "+", "*", "#", "@")
"""The markers of the curves of a panel in the terminal."""


def in_terminal(program: Program, ticks: int | None = None, width: int | None = None) -> str:
    """The curve in the terminal, drawn by plotext.

    Args:
        program: the program.
        ticks: the number of ticks, see `draw`.
        width: the width in columns; by default that of the terminal, at most 100.
    """
    return _picture(program.text, {"": program}, ticks, width, ROWS, _y_label(program))


def panels_in_terminal(panels: Panels, ticks: int | None = None, width: int | None = None) -> str:
    """The panels in the terminal, below each other; see `draw_panels` and `in_terminal`."""
    ticks = ticks or _longest(panels)
    return "\n\n".join(
        _picture(title, curves, ticks, width, PANEL_ROWS, _panel_label([*curves.values()]))
        for title, curves in panels.items()
    )


def both_in_terminal(first: Program, second: Program, ticks: int, of: str | None = None) -> str:
    """The curves of two schedules, of ``of``, in the terminal, one over the other."""
    return _picture("", {"A": first, "B": second}, ticks, None, ROWS, of or _y_label(first))


def _picture(
    title: str,
    curves: Mapping[str, Program],
    ticks: int | None,
    width: int | None,
    rows: int,
    y_label: str,
) -> str:
    """A plot of curves by label on the same axes, below a title."""
    import plotext
    from matplotlib.ticker import MaxNLocator

    columns = width or min(100, shutil.get_terminal_size().columns)
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(columns, rows)
    drawn: list[tuple[Program, tuple[Array, Array]]] = []
    for i, (label, program) in enumerate(curves.items()):
        sign = SIGNS[i % len(SIGNS)]
        x, y = _thinned(*points(program, ticks), 4 * columns if sign == "braille" else columns // 2)
        drawn.append((program, (x, y)))
        plotext.plot(x.tolist(), y.tolist(), marker=sign, label=label or None)
    plotext.xlabel(_x_label(drawn[0][0]))
    plotext.ylabel(y_label)
    bottom, top, last = _limits(drawn)
    rates = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(bottom, top)
    slack = 1e-9 * top  # the last one may be rounded up
    rates = [rate for rate in rates if bottom - slack <= rate <= top + slack]
    marks = [mark for mark in _whole_numbers(5).tick_values(0, last) if mark <= last]
    plotext.ylim(bottom, top)
    plotext.yticks(rates, [_rate_label(rate, top) for rate in rates])
    plotext.xticks(marks, list(map(_tick_labels(), marks)))
    picture: str = plotext.uncolorize(plotext.build())
    return "\n".join([*_wrapped(title, columns), *(line.rstrip() for line in picture.splitlines())])


def _thinned(x: Array, y: Array, parts: int) -> tuple[Array, Array]:
    """The highest and lowest point of each of ``parts`` parts, and both ends."""
    import numpy as np

    if len(x) <= 4 * parts:
        return x, y
    chosen = {0, len(x) - 1}
    for part in np.array_split(np.arange(len(x)), parts):
        chosen |= {int(part[y[part].argmin()]), int(part[y[part].argmax()])}
    kept = sorted(chosen)
    return x[kept], y[kept]
