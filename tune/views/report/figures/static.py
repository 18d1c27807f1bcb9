"""Figures as PNG, drawn with matplotlib: for `report.md`, for paper, and where a page may run no script."""

from collections.abc import Sequence
from io import BytesIO
from math import ceil, isfinite
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

from tune.ledger.printable import printable
from tune.views.report.blocks import Figure
from tune.views.report.marks import PALETTE, Axis, Band, Bars, Cells, Key, Line, Panel, Points, Rule, legend

WIDTH_IN = 8.2
"""Of every figure, in inches."""

_DPI = 120
_LEGEND_LETTERS = 110  # that fit beside each other
_MARKERS = {"circle": "o", "ring": "o", "cross": "x", "bar": "|", "diamond": "D"}
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.edgecolor": "#999999",
    "axes.labelcolor": "#333333",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#ebebeb",
    "grid.linewidth": 0.6,
    "text.color": "#333333",
    "text.parse_math": False,  # names of parameters are no formulas
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "legend.frameon": False,
}


def draw_png(figure: Figure) -> bytes:
    """Returns a figure as PNG; the same figure makes the same bytes."""
    columns = min(figure.columns, len(figure.panels))
    rows = ceil(len(figure.panels) / columns)
    keys = legend(figure.panels)
    with rc_context(_STYLE):
        canvas = Canvas(figsize=(WIDTH_IN, figure.height * rows + (0.35 if keys else 0)), layout="constrained")
        FigureCanvasAgg(canvas)
        grid = canvas.subplots(rows, columns, squeeze=False)
        for place, axes in enumerate(grid.flat):
            if place < len(figure.panels):
                _draw_panel(axes, figure.panels[place])
            else:
                axes.set_visible(False)
        if keys:
            handles = [_handle(key) for key in keys]
            columns = len(keys) if sum(len(key.name) + 8 for key in keys) <= _LEGEND_LETTERS else 3
            canvas.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=8)
        out = BytesIO()
        canvas.savefig(out, format="png", dpi=_DPI, metadata={"Software": None})
    return out.getvalue()


def _draw_panel(axes: Axes, panel: Panel) -> None:
    for axis, given in (("x", panel.x), ("y", panel.y)):
        _set_axis(axes, axis, given)
    for place, mark in enumerate(panel.marks):
        match mark:
            case Points():
                _draw_points(axes, mark, 3 + place)
            case Line():
                dash = "--" if mark.dashed else "-"
                axes.plot(mark.x, mark.y, color=PALETTE[mark.colour], linewidth=mark.width, linestyle=dash)
            case Band():
                axes.fill_between(mark.x, mark.low, mark.high, color=PALETTE[mark.colour], alpha=0.18, linewidth=0)
            case Bars():
                axes.barh(mark.y, mark.length, left=mark.start, height=0.6, color=PALETTE[mark.colour])
            case Rule():
                line = axes.axvline if mark.axis == "x" else axes.axhline
                line(mark.at, color=PALETTE[mark.colour], linewidth=1.1, linestyle=(0, (4, 3)), zorder=2)
            case Cells():
                _draw_cells(axes, mark)
    if panel.title:
        axes.set_title(printable(panel.title))


def _set_axis(axes: Axes, name: str, given: Axis) -> None:
    axis: Any = getattr(axes, f"{name}axis")
    axes.set(**{f"{name}label": printable(given.label)})
    if given.log:
        axes.set(**{f"{name}scale": "log"})
    if given.at:
        axis.set_ticks(given.at, [f"{tick:g}" for tick in given.at])
        axis.set_minor_locator(NullLocator())
    if given.ticks:
        names = [printable(one if name == "x" else one.replace("\n", "")) for one in given.ticks]
        widest = max(len(line) for one in names for line in one.split("\n"))
        long = name == "x" and widest * len(names) > 36
        axis.set_ticks(range(len(given.ticks)), names, **({"fontsize": 6} if long else {}))
        axes.set(**{f"{name}lim": (-0.5, len(given.ticks) - 0.5)})
    if given.bounds is not None:
        axes.set(**{f"{name}lim": given.bounds})
    if given.reverse:
        axis.set_inverted(True)


def _draw_points(axes: Axes, mark: Points, order: int) -> None:
    colour = PALETTE[mark.colour]
    if mark.low:
        ends = [[x - low for x, low in zip(mark.x, mark.low, strict=True)]]
        ends += [[high - x for x, high in zip(mark.x, mark.high, strict=True)]]
        axes.errorbar(mark.x, mark.y, xerr=ends, fmt="none", ecolor=colour, elinewidth=1.2, capsize=2.5, zorder=order)
    axes.plot(
        mark.x,
        mark.y,
        linestyle="none",
        marker=_MARKERS[mark.marker],
        markersize=mark.size * (1.7 if mark.marker == "bar" else 0.8),
        markeredgewidth=1.6 if mark.marker in ("cross", "bar") else 0.9 if mark.marker == "ring" else 0,
        color=colour,
        markerfacecolor="none" if mark.marker == "ring" else colour,
        alpha=mark.opacity,
        zorder=order,
        clip_on=False,
    )


def _draw_cells(axes: Axes, mark: Cells) -> None:
    values = np.array(mark.values, dtype=float)
    axes.grid(visible=False)
    axes.set_facecolor("#f4f4f4")
    known = values[np.isfinite(values)]
    if known.size:
        across, down = (np.arange(count + 1) - 0.5 for count in reversed(values.shape))
        look: dict[str, Any] = {
            "cmap": "cividis_r",
            "vmax": mark.high,
            "edgecolors": "white",
            "linewidth": 1.5,
            "zorder": 1,
        }
        mesh = axes.pcolormesh(across, down, np.ma.masked_invalid(values), **look)
        canvas = axes.get_figure(root=True)
        assert canvas is not None
        bar = canvas.colorbar(mesh, ax=axes, label=printable(mark.name), pad=0.02, fraction=0.05)
        bar.outline.set_visible(False)
    low = known.min() if known.size else 0.0
    for row, line in enumerate(mark.texts):
        for column, text in enumerate(line):
            value = values[row, column]
            dark = isfinite(value) and (value - low) > 0.5 * (mark.high - low)
            colour = "white" if dark else "#333333" if isfinite(value) else "#999999"
            axes.text(column, row, printable(text), ha="center", va="center", color=colour, fontsize=7.5)


def _handle(key: Key) -> Line2D | Patch:
    colour = PALETTE[key.colour]
    if key.shape == "area":
        return Patch(color=colour, alpha=0.8, label=printable(key.name))
    if key.shape in ("line", "dashed"):
        return Line2D([], [], color=colour, linestyle="--" if key.shape == "dashed" else "-", label=printable(key.name))
    hollow: dict[str, Any] = {"markerfacecolor": "none"} if key.shape == "ring" else {}
    wide = 1.6 if key.shape in ("cross", "bar") else 1
    return Line2D(
        [],
        [],
        color=colour,
        linestyle="none",
        marker=_MARKERS[key.shape],
        markersize=6,
        markeredgewidth=wide,
        label=printable(key.name),
        **hollow,
    )


def draw_all(figures: Sequence[Figure]) -> dict[str, bytes]:
    """Returns by file the figures as PNG."""
    return {figure.file: draw_png(figure) for figure in figures}
