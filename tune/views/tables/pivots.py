"""A table of two factors as a DataFrame."""

from math import isfinite, nan
from statistics import fmean
from typing import TYPE_CHECKING

from tune.views import wording
from tune.views.plan.pivot import COVERAGE, Pivot, comparable, pivot_cells

if TYPE_CHECKING:
    import pandas as pd


def pivot_frame(table: Pivot) -> "pd.DataFrame":
    """Returns a row and a column per value of each factor: text for coverage, otherwise means over trials."""
    import pandas as pd

    cells: list[list[str]] | list[list[float]]
    if table.value == COVERAGE:
        cells = [list(row[1:]) for row in pivot_cells(table).rows]
    else:
        places = range(len(table.column_values))
        cells = [[_mean(table, (row, column)) for column in places] for row in range(len(table.row_values))]
    heads = list(table.column_values) if table.columns else [table.value]
    keys = [
        value if isinstance(value, str | int | float | bool) else wording.value(value) for value in table.row_values
    ]
    return pd.DataFrame(
        cells, index=pd.Index(keys, name=table.rows), columns=pd.Index(heads, name=table.columns or None)
    )


def _mean(table: Pivot, at: tuple[int, int]) -> float:
    """Returns the mean over those of a cell that trained longest; nan where nothing is known of them."""
    groups = comparable(table.cells.get(at, ()), table.numbers.get(at, ()))
    known = [[number for _, number in group if isfinite(number)] for group in groups.values()]
    longest = next((values for values in reversed(known) if values), [])
    return fmean(longest) if longest else nan
