"""Draw the tables of `search.py`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def draw(table: str, rows: Sequence[Mapping[str, Any]], labels: Mapping[str, str], path: Path) -> None:
    """Draw regret and failure probability by budget, one line per competitor; nothing without matplotlib."""
    try:
        import matplotlib as mpl
    except ModuleNotFoundError:
        print("no figure: matplotlib is not installed")
        return
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "latent-tune"  # the same file for the same numbers
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(12, 4), layout="constrained")
    titles = {"regret": "regret, baselines", "fails": "fails on at least one of ten seeds"}
    colours = {name: f"C{place % 10}" for place, name in enumerate(labels)}
    for panel, (name, title) in zip(panels, titles.items(), strict=True):
        for competitor, label in labels.items():
            mine = [row for row in rows if row["competitor"] == competitor]
            if mine:
                x, y = [row["budget"] for row in mine], [row[name] for row in mine]
                errors = [row[f"{name}_error"] or 0.0 for row in mine]
                ours = competitor == next(iter(labels))
                dash = "--" if list(labels).index(competitor) >= 10 else "-"
                style = {"linestyle": dash, "marker": "o", "markersize": 4, "capsize": 2, "color": colours[competitor]}
                panel.errorbar(x, y, yerr=errors, label=label, linewidth=2.5 if ours else 1, **style)
        panel.set_xscale("log", base=2)
        panel.set_ylim(bottom=0)
        panel.set_xlabel("seed-epochs spent")
        panel.set_title(title)
        panel.spines[["top", "right"]].set_visible(False)
        ticks = sorted({row["budget"] for row in rows})
        panel.set_xticks(ticks, [str(tick) for tick in ticks], rotation=45)
        panel.minorticks_off()
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right center", frameon=False, fontsize=8)
    figure.suptitle(table)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
