"""A figure of the report as one plotly figure, for notebooks: its panels side by side."""

from typing import TYPE_CHECKING, Any

from tune.views.report.blocks import Figure
from tune.views.report.figures.interactive import plain_panels

if TYPE_CHECKING:
    import plotly.graph_objects as go


def joined(figure: Figure) -> "go.Figure":
    """Returns a figure with all panels, in rows of as many as the report has side by side."""
    from plotly.subplots import make_subplots

    panels = plain_panels(figure)
    columns = max(1, min(figure.columns, len(panels)))
    rows = -(-len(panels) // columns)
    titles = [panel["layout"]["title"]["text"] for panel in panels]
    drawn = make_subplots(rows=rows, cols=columns, subplot_titles=titles if any(titles) else None)
    for place, panel in enumerate(panels):
        at = {"row": place // columns + 1, "col": place % columns + 1}
        for trace in panel["data"]:
            drawn.add_trace(_beside(trace, drawn, **at), **at)
        drawn.update_xaxes(panel["layout"]["xaxis"], **at)
        drawn.update_yaxes(panel["layout"]["yaxis"], **at)
    height = sum(panel["layout"]["height"] for panel in panels[::columns]) + 60
    drawn.update_layout(title=figure.title, height=height, showlegend=False, hovermode="closest", barmode="overlay")
    return drawn


def _beside(trace: dict[str, Any], drawn: "go.Figure", row: int, col: int) -> dict[str, Any]:
    """Returns a trace whose bar of colours, if it has one, stands at the right of its own panel."""
    if "colorbar" not in trace:
        return trace
    panel = drawn.get_subplot(row, col)
    (_, right), (low, high) = panel.xaxis.domain, panel.yaxis.domain
    return {**trace, "colorbar": {**trace["colorbar"], "x": right, "y": (low + high) / 2, "len": high - low}}
