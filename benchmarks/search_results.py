"""What the plays of `benchmarks.search` were worth: means, tables, and the files in which they are kept."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from statistics import fmean
from typing import Any, NamedTuple

from benchmarks.competitors import LABELS, OURS
from benchmarks.record import RESULTS, mean_and_error, record


class Outcome(NamedTuple):
    """What one recommendation was worth.

    Attributes:
        regret: True loss minus the best there is, in baselines.
        fails: Probability of failing on at least one of ten seeds.
        seconds: How long the play took, shared among its budgets.
    """

    table: str
    competitor: str
    budget: int
    repetition: int
    regret: float
    fails: float
    seconds: float


def summary(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """Returns one row per competitor and budget: means and their standard errors over repetitions."""
    groups: dict[tuple[str, int], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.competitor, outcome.budget].append(outcome)
    order = {name: place for place, name in enumerate(LABELS)}
    rows = []
    for (competitor, budget), members in sorted(groups.items(), key=lambda item: (order[item[0][0]], item[0][1])):
        row: dict[str, Any] = {"competitor": competitor, "budget": budget, "repetitions": len(members)}
        for name in ("regret", "fails"):
            mean, error = mean_and_error([getattr(member, name) for member in members])
            row |= {name: mean, f"{name}_error": error}
        rows.append({**row, "seconds": fmean(member.seconds for member in members)})
    return rows


def show(table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Prints the table."""
    print(f"\n{table:<40}{'budget':>8}{'regret':>9}{'± s.e.':>8}{'fails':>8}{'± s.e.':>8}{'n':>5}{'s each':>8}")
    for row in rows:
        values = f"{row['regret']:>9.3f}{row['regret_error']:>8.3f}{row['fails']:>8.3f}{row['fails_error']:>8.3f}"
        label = LABELS[row["competitor"]]
        print(f"{label:<40}{row['budget']:>8}{values}{row['repetitions']:>5}{row['seconds']:>8.1f}")


def compare(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns in words how ours stands against the best of the others; grids, whatever they cost, are left out."""
    at = {(row["competitor"], row["budget"]): row for row in rows if not row["competitor"].startswith("grid")}
    mine = sorted(budget for name, budget in at if name == "ours")
    others = [key for key in at if key[0] not in OURS]
    if not mine or not others:
        return []
    most = max(budget for _, budget in others)
    best = min((key for key in others if key[1] == most), key=lambda key: at[key]["regret"])
    goal = at[best]["regret"]
    said = [f"best peer by regret at {most}: {LABELS[best[0]]}, {goal:.4f} ± {at[best]['regret_error'] or 0:.4f}"]
    reached = next((budget for budget in mine if at["ours", budget]["regret"] <= goal), None)
    if reached is None:
        said.append(f"ours does not come to that within {mine[-1]}: {at['ours', mine[-1]]['regret']:.4f}")
    else:
        said.append(f"ours comes to that within {reached}, a budget {most / reached:g} times as small")
    for budget in mine:
        rivals = [key for key in others if key[1] == budget]
        if rivals:
            safest = min(rivals, key=lambda key: at[key]["fails"])
            line = f"{at['ours', budget]['fails']:.3f}, best peer {at[safest]['fails']:.3f} ({LABELS[safest[0]]})"
            said.append(f"fails on a seed at {budget}: ours {line}")
    return said


def markdown(tables: Sequence[str], budgets: Sequence[int]) -> Iterator[str]:
    """Yields the kept results as a Markdown table: regret ± standard error / share that fails."""
    kept: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    for table in tables:
        path = RESULTS / f"search-{table}.json"
        for row in json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else ():
            cell = f"{row['regret']:.3f} ± {row['regret_error']:.3f} / {row['fails']:.2f}"
            kept[row["competitor"], row["budget"]][table] = cell
    named = [table for table in tables if any(table in cells for cells in kept.values())]
    yield f"| | seed-epochs | {' | '.join(named)} |"
    yield f"| --- | --- |{' --- |' * len(named)}"
    order = [(name, budget) for budget in budgets for name in LABELS if (name, budget) in kept]
    for name, budget in order:
        cells = " | ".join(kept[name, budget].get(table, "") for table in named)
        yield f"| {LABELS[name]} | {budget:,} | {cells} |"


def write(table: str, outcomes: list[Outcome], *, append: bool) -> list[dict[str, Any]]:
    """Writes the table's results beside those that are kept, draws them, and returns all rows."""
    path = RESULTS / f"search-{table}.json"
    played = {(outcome.competitor, outcome.budget) for outcome in outcomes}
    old = json.loads(path.read_text(encoding="utf-8"))["rows"] if append and path.exists() else []
    now = {"date": datetime.now(UTC).date().isoformat()}
    order = {name: place for place, name in enumerate(LABELS)}
    fresh = [{**row, **now} for row in summary(outcomes)]
    rows = [row for row in old if (row["competitor"], row["budget"]) not in played] + fresh
    rows.sort(key=lambda row: (order[row["competitor"]], row["budget"]))
    what = "regret in baselines and probability of failing on at least one of ten seeds, by seed-epochs spent"
    record(path.stem, what, "python -m benchmarks.search", rows, table=table)
    from benchmarks.search_figure import draw

    draw(table, rows, LABELS, path.with_suffix(".svg"))
    return rows
