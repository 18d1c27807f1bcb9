"""The table of `train_step.py`: figures of each side, printed as they come, and the result file."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.step_sides import PEERS, RECIPES, Side
from model.device.cost import Rates, count_bytes, count_flops, floor_s
from model.network.network import Network

TRAINING_ROWS = 30_000  # of the published recording: what an epoch is counted over
RATIO_WIDTH = 20


@dataclass
class Rounds:
    """What was measured of one side of one size.

    Attributes:
        step_s: Seconds per step, round by round.
        cores: Processor time over time on the clock, round by round: the cores that it kept busy.
        memory_mib: Peak while it was built and did its first steps; None where nobody counts it.
        first_steps_s: What the first steps took, compiling included.
    """

    memory_mib: float | None
    first_steps_s: float
    step_s: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)


def describe(
    side: Side, measured: dict[Side, Rounds], network: Network, rates: Rates, model: str = "published"
) -> dict[str, Any]:
    """Put one side of one size of a model into figures."""
    rounds, batch_size, seeds = measured[side], network.config.batch_size, side.seeds
    step_s = median(rounds.step_s)
    precision = side.precision if side.precision in rates.flops_per_s else "float32"
    row: dict[str, Any] = {
        "model": model,
        "neurons": network.neurons,
        "batch_size": batch_size,
        "hidden_units": network.config.hidden_units,
        "batch_norm": network.config.use_batch_norm,
        "seeds": seeds,
        "side": side.name,
        "step_ms": 1e3 * step_s,
        "step_ms_range": [1e3 * min(rounds.step_s), 1e3 * max(rounds.step_s)],
        "epoch_ms": 1e3 * step_s * (TRAINING_ROWS // batch_size),
        "samples_per_s": batch_size / step_s,
        "seeds_samples_per_s": seeds * batch_size / step_s,
        "peak_memory_mib": rounds.memory_mib,
        "gflop_per_seed": count_flops(network, batch_size) / 1e9,
        "mib_per_seed": count_bytes(network, batch_size) / 2**20,
        "floor_fraction": seeds * floor_s(network, batch_size, rates, precision) / step_s,
        "rounds": len(rounds.step_s),
        "cores_used": median(rounds.cores),
        "first_steps_s": rounds.first_steps_s,
    }
    if side.program in RECIPES:
        return row
    alone = side._replace(seeds=1)
    if alone not in measured:
        alone = alone._replace(variant="")
    row["alone_over_together"] = spread([seeds * one for one in measured[alone].step_s], rounds.step_s)
    if side.program == "ours":
        recipe = next(one for one in measured if one.program in RECIPES)  # the first, which is not compiled
        row[f"{recipe.program}_over_ours"] = spread([seeds * one for one in measured[recipe].step_s], rounds.step_s)
        row["peer_over_ours"] = {
            peer.column: spread(of_peer.step_s, rounds.step_s)
            for peer, of_peer in measured.items()
            if peer.program in PEERS and (peer.precision, peer.seeds) == (side.precision, seeds)
        }
    return row


def spread(slow: list[float], fast: list[float]) -> dict[str, float]:
    """Median, smallest and largest ratio over the rounds."""
    ratios = [a / b for a, b in zip(slow, fast, strict=True)]
    return {"median": median(ratios), "low": min(ratios), "high": max(ratios)}


def show_head(recipe: str, columns: list[str]) -> None:
    """Print the head of the table; `columns` are the peers, in the order in which `show` gives their ratios to ours."""
    ratios = [f"{recipe}/ours", "alone/together", *(f"{column}/ours" for column in columns)]
    print(f"     N     B   S  {'side':31s}   ms/step  s/epoch samples/s  x seeds/s     MiB  floor"
          + "".join(f"  {ratio:{_width(ratio)}s}" for ratio in ratios).rstrip())  # fmt: skip


def show(row: dict[str, Any], recipe: str, columns: list[str]) -> None:
    """Print one line of the table."""
    memory = "" if row["peak_memory_mib"] is None else f"{row['peak_memory_mib']:.0f}"
    line = (
        f"{row['neurons']:6d} {row['batch_size']:5d} {row['seeds']:3d}  {row['side']:31s} {row['step_ms']:9.2f}"
        f" {row['epoch_ms'] / 1e3:8.2f} {row['samples_per_s']:9.0f} {row['seeds_samples_per_s']:10.0f} {memory:>7s}"
        f" {row['floor_fraction']:6.0%}"
    )
    peers = row.get("peer_over_ours", {})
    ratios = {name.replace("_over_", "/"): row.get(name) for name in (f"{recipe}_over_ours", "alone_over_together")}
    ratios |= {f"{column}/ours": peers.get(column) for column in columns}
    for name, ratio in ratios.items():
        shown = "" if ratio is None else f"{ratio['median']:5.2f} [{ratio['low']:.2f} {ratio['high']:.2f}]"
        line += f"  {shown:{_width(name)}s}"
    print(line.rstrip(), flush=True)


def _width(ratio: str) -> int:
    return max(RATIO_WIDTH, len(ratio))


def write(result: dict[str, Any], path: Path, *, append: bool) -> None:
    """Write the result file, when `append` together with what it had of other sizes; `result` then has both."""
    if append and path.exists():
        again = {_size(row) for row in result["rows"]}
        before = json.loads(path.read_text(encoding="utf-8"))["rows"]
        rows = [row for row in before if _size(row) not in again] + result["rows"]
        result["rows"] = sorted(rows, key=_size)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _size(row: dict[str, Any]) -> tuple[bool, str, int, int, bool]:
    """Give what rows of one table share, in the order of the file: the published model first."""
    model = row.get("model", "published")
    return model != "published", model, row["neurons"], row["batch_size"], not row.get("batch_norm", True)
