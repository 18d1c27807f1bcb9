"""Figures for the interactive page: panels as plotly's data and layout, in plain values that JSON can hold."""

import html
import json
from collections.abc import Iterable, Sequence
from functools import cache
from math import isfinite, log10
from typing import Any

from tune.ledger.printable import printable
from tune.views.report.blocks import Figure
from tune.views.report.marks import PALETTE, Axis, Band, Bars, Cells, Colour, Line, Panel, Points, Rule

_MARKERS = {
    "circle": "circle",
    "ring": "circle-open",
    "cross": "x-thin",
    "bar": "line-ns",
    "diamond": "diamond",
}
_PIXELS_PER_INCH = 96
_DIGITS = 6


@cache
def plotly_script() -> str:
    """Returns plotly.js, which the page holds so that it needs no network."""
    from plotly.offline import get_plotlyjs

    # Of a script in a page only its end tag must not stand in it.
    return str(get_plotlyjs()).replace("</script", "<\\/script")


def panels_of(figure: Figure) -> list[str]:
    """Returns each panel as JSON that may stand in a page: plotly's `data` and `layout`."""
    return [_safe(panel) for panel in plain_panels(figure)]


def plain_panels(figure: Figure) -> list[dict[str, Any]]:
    """Returns each panel as plotly's `data` and `layout`, in plain values."""
    panels = ({"data": list(_traces(panel)), "layout": _layout(panel, figure.height)} for panel in figure.panels)
    return [_plain(panel) for panel in panels]


def _safe(value: Any) -> str:
    """Returns JSON in which nothing can end the script element that holds it."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _plain(value: Any) -> Any:
    """Returns numbers to six digits, None where there is none (plotly leaves a gap there), and texts as printed."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if isfinite(value) else None
    return printable(value) if isinstance(value, str) else value


def _shown(texts: Iterable[str]) -> list[str]:
    """Returns texts in which plotly sees no markup."""
    return [html.escape(text, quote=False) for text in texts]


def _layout(panel: Panel, height_in: float) -> dict[str, Any]:
    maps = any(isinstance(mark, Cells) for mark in panel.marks)
    return {
        "title": {"text": html.escape(panel.title, quote=False), "x": 0, "xref": "paper", "font": {"size": 13}},
        "height": round(height_in * _PIXELS_PER_INCH + (30 if panel.title else 0)),
        "margin": {"l": _room(panel.y), "r": 0 if maps else 14, "t": 36 if panel.title else 12, "b": 10},
        "xaxis": _axis(panel.x, "x", grid=not maps),
        "yaxis": _axis(panel.y, "y", grid=not maps),
        "showlegend": False,
        "hovermode": "closest",
        "barmode": "overlay",
        "meta": {"maps": maps},
    }


def _axis(given: Axis, name: str, *, grid: bool) -> dict[str, Any]:
    axis: dict[str, Any] = {
        "title": {"text": html.escape(given.label, quote=False), "standoff": 8},
        "automargin": True,
        "zeroline": False,
        "showgrid": grid,
        "ticks": "outside",
        "ticklen": 3,
    }
    if given.log:
        axis["type"] = "log"
    if given.at:
        axis |= {"tickmode": "array", "tickvals": list(given.at), "ticktext": [f"{tick:g}" for tick in given.at]}
    if given.ticks:
        places = list(range(len(given.ticks)))
        ends = [-0.5, len(given.ticks) - 0.5]
        axis |= {"tickmode": "array", "tickvals": places, "ticktext": _names(given, name)}
        axis |= {"range": ends[::-1] if given.reverse else ends}
    elif given.bounds is not None:
        axis["range"] = [log10(end) for end in given.bounds] if given.log else list(given.bounds)
    return axis


def _names(given: Axis, axis: str) -> list[str]:
    """Returns the names of places, in two lines where they ask for it and there is room."""
    return [name.replace("\n", "<br>" if axis == "x" else "") for name in _shown(given.ticks)]


def _room(given: Axis) -> int:
    """Returns how many pixels the names at the left need; plotly makes more room where it sees that it is needed."""
    widest = max((len(name) for name in given.ticks), default=6)
    return min(210, round(16 + 6.3 * widest + (26 if given.label else 0)))


def _traces(panel: Panel) -> Iterable[dict[str, Any]]:
    for mark in panel.marks:
        match mark:
            case Points():
                yield _points(mark)
            case Line():
                line = {"color": PALETTE[mark.colour], "width": mark.width, "dash": "dash" if mark.dashed else "solid"}
                yield {**_named(mark.name, mark.colour), "mode": "lines", "x": [*mark.x], "y": [*mark.y], "line": line}
            case Band():
                yield from _band(mark)
            case Bars():
                yield _bars(mark)
            case Cells():
                yield _cells(mark, panel)
            case Rule():
                yield _rule(mark, panel)


def _named(name: str, colour: Colour) -> dict[str, Any]:
    """Returns what all traces share; the script of the page gives `ink` the colour of the text."""
    meta = {"colour": PALETTE[colour], "ink": colour == "ink"}
    return {"type": "scatter", "name": html.escape(name, quote=False), "meta": meta, "hoverlabel": {"namelength": -1}}


def _points(mark: Points) -> dict[str, Any]:
    thin = mark.marker in ("cross", "bar")
    trace = {
        **_named(mark.name, mark.colour),
        "mode": "markers",
        "x": [*mark.x],
        "y": [*mark.y],
        "opacity": mark.opacity,
        "cliponaxis": False,
        "marker": {
            "symbol": _MARKERS[mark.marker],
            "size": mark.size * (1.9 if mark.marker == "bar" else 1.25),
            "color": PALETTE[mark.colour],
            "line": {"width": 2 if thin else 1.4 if mark.marker == "ring" else 0, "color": PALETTE[mark.colour]},
        },
    }
    if mark.texts:
        trace |= {"text": _shown(mark.texts), "hovertemplate": "%{text}<extra></extra>"}
    if mark.low:
        trace["error_x"] = {
            "type": "data",
            "symmetric": False,
            "array": [high - x for x, high in zip(mark.x, mark.high, strict=True)],
            "arrayminus": [x - low for x, low in zip(mark.x, mark.low, strict=True)],
            "color": PALETTE[mark.colour],
            "thickness": 1.4,
            "width": 4,
        }
    return trace


def _band(mark: Band) -> Iterable[dict[str, Any]]:
    edge = {**_named(mark.name, mark.colour), "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    red, green, blue = (int(PALETTE[mark.colour][place : place + 2], 16) for place in (1, 3, 5))
    yield {**edge, "x": [*mark.x], "y": [*mark.low]}
    yield {**edge, "x": [*mark.x], "y": [*mark.high], "fill": "tonexty", "fillcolor": f"rgba({red},{green},{blue},0.2)"}


def _bars(mark: Bars) -> dict[str, Any]:
    trace = {
        **_named(mark.name, mark.colour),
        "type": "bar",
        "orientation": "h",
        "y": [*mark.y],
        "base": [*mark.start],
        "x": [*mark.length],
        "width": 0.6,
        "marker": {"color": PALETTE[mark.colour]},
    }
    if mark.texts:
        trace |= {"hovertext": _shown(mark.texts), "hovertemplate": "%{hovertext}<extra></extra>"}
    return trace


def _cells(mark: Cells, panel: Panel) -> dict[str, Any]:
    names = [[f"{panel.x.label} {x}, {panel.y.label} {y}" for x in panel.x.ticks] for y in panel.y.ticks]
    return {
        "type": "heatmap",
        "name": html.escape(mark.name, quote=False),
        "z": [[*row] for row in mark.values],
        "text": [_shown(row) for row in mark.texts],
        "hovertext": [[name.replace("\n", "") for name in _shown(row)] for row in names],
        "zmax": mark.high,
        "zmin": min((value for row in mark.values for value in row if isfinite(value)), default=0.0),
        "texttemplate": "%{text}",
        "hovertemplate": "%{hovertext}<br>%{text}<extra></extra>",
        "colorscale": "Cividis",
        "reversescale": True,
        "xgap": 2,
        "ygap": 2,
        "colorbar": {"title": {"text": html.escape(mark.name, quote=False), "side": "right"}, "thickness": 10},
    }


def _rule(mark: Rule, panel: Panel) -> dict[str, Any]:
    """Returns a line over the whole panel; as a trace, so that it has a name, and a long one, as axes may grow."""
    along = panel.y if mark.axis == "x" else panel.x
    across = (-0.5, len(along.ticks) - 0.5) if along.ticks else along.bounds or _extent(panel, mark.axis)
    given = {"x": [mark.at, mark.at], "y": list(across)}
    if mark.axis == "y":
        given = {"x": given["y"], "y": given["x"]}
    line = {"color": PALETTE[mark.colour], "width": 1.4, "dash": "dash"}
    return {**_named(mark.name, mark.colour), "mode": "lines", **given, "line": line}


def _extent(panel: Panel, axis: str) -> tuple[float, float]:
    """Returns the least and the greatest place of what is drawn along the other axis."""
    other = "y" if axis == "x" else "x"
    marks: Sequence[Points | Line | Band] = [one for one in panel.marks if isinstance(one, Points | Line | Band)]
    found = [value for mark in marks for value in _along(mark, other) if isfinite(value)]
    return (min(found), max(found)) if found else (0.0, 1.0)


def _along(mark: Points | Line | Band, axis: str) -> Sequence[float]:
    if axis == "x":
        return mark.x
    return [*mark.low, *mark.high] if isinstance(mark, Band) else mark.y
