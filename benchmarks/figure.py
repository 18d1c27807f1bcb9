"""Draw the table of `train_step.py`."""

from pathlib import Path
from typing import Any


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw published / ours and alone / together by batch size, one panel per N; nothing without matplotlib."""
    try:
        import matplotlib as mpl
    except ModuleNotFoundError:
        print("no figure: matplotlib is not installed")
        return
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "latent-tune"  # the same file for the same numbers
    from matplotlib import pyplot as plt

    rows = [row for row in result["rows"] if "published_over_ours" in row]
    neurons = sorted({row["neurons"] for row in rows})
    size = (4 * len(neurons), 6.4)
    panels, grid = plt.subplots(2, len(neurons), figsize=size, sharex=True, sharey="row", squeeze=False)
    for column, n in enumerate(neurons):
        of_size = [row for row in rows if row["neurons"] == n]
        for side in dict.fromkeys(row["side"] for row in of_size):
            for panel, seeds, ratio in ((0, 1, "published_over_ours"), (1, 5, "alone_over_together")):
                of_side = [row for row in of_size if (row["side"], row["seeds"]) == (side, seeds)]
                _line(grid[panel][column], of_side, ratio, side)
        grid[0][column].set_title(f"N = {n:,}")
        grid[1][column].set_xlabel("batch size")
        for panel in (grid[0][column], grid[1][column]):
            panel.axhline(1.0, color="0.7", linewidth=0.8, zorder=0)
            panel.set_xscale("log", base=2)
            panel.set_ylim(bottom=0)
            panel.spines[["top", "right"]].set_visible(False)
    grid[0][0].set_ylabel("published / ours, one seed")
    grid[1][0].set_ylabel("five alone / five together")
    grid[0][-1].legend(frameon=False)
    machine = result["machine"]
    panels.suptitle(f"{machine['device']}, {machine['cores']} core(s), torch {machine['torch']}, {machine['date']}")
    panels.tight_layout()
    panels.savefig(path, metadata={"Date": None})
    plt.close(panels)


def _line(panel: Any, rows: list[dict[str, Any]], ratio: str, label: str) -> None:
    """Medians with their range over the rounds."""
    if rows:
        x, middle = [row["batch_size"] for row in rows], [row[ratio]["median"] for row in rows]
        down = [row[ratio]["median"] - row[ratio]["low"] for row in rows]
        up = [row[ratio]["high"] - row[ratio]["median"] for row in rows]
        panel.errorbar(x, middle, yerr=[down, up], marker="o", markersize=4, capsize=2, label=label)
