"""Does it cost anything to say a space with conditions and constraints rather than flat?

    python -m benchmarks.shapes [--tables connectome-sgd connectome-adam] [--budget 600] [--repetitions 20]
    python -m benchmarks.shapes --markdown                                    # the results as in docs/space.md

The same table of real trainings is searched in three shapes, over the same settings, seeds and randomness:

- flat: the table's space as it is;
- conditional: batch sizes are small or large (`scale`), and each kind has a parameter of its own that exists only then;
- constrained: a space that is twice as large, of which `where` rules out what the table does not have.

Each recommendation is judged by the table's truth, as in benchmarks/search.py; the differences are paired by
repetition. Writes benchmarks/results/shapes.json.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.record import RESULTS, mean_and_error, record
from benchmarks.search import FRESH, SCRATCH, quiet, setting_of, settings
from benchmarks.tabular import TabularTrainer, load

SHAPES = ("flat", "conditional", "constrained")
_SIZE = "batch_size"


def space_of(shape: str, flat: Mapping[str, Any]) -> dict[str, Any]:
    """Returns `space` and `where` of a study that searches a table's settings in a shape.

    Args:
        shape: One of `SHAPES`.
        flat: The table's space, with four batch sizes.
    """
    sizes, others = flat[_SIZE]["choice"], {name: one for name, one in flat.items() if name != _SIZE}
    half = len(sizes) // 2
    if shape == "flat":
        return {"space": dict(flat)}
    if shape == "conditional":
        kinds = {"small": sizes[:half], "large": sizes[half:]}
        split = {f"{_SIZE}_{kind}": {"choice": some, "when": {"scale": kind}} for kind, some in kinds.items()}
        return {"space": {**others, "scale": {"choice": list(kinds)}, **split}}
    wider = [number for size in sizes for number in (size, size + 1)]
    return {"space": {**others, _SIZE: {"choice": wider}}, "where": [f"{_SIZE} % {min(sizes)} == 0"]}


def flattened(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a setting of any shape as the table knows it."""
    found = {name: value for name, value in parameters.items() if name != "scale" and not name.startswith(_SIZE)}
    return {**found, _SIZE: next(value for name, value in parameters.items() if name.startswith(_SIZE))}


class ShapedTrainer(TabularTrainer):
    """Replays a table for settings of any shape."""

    def __init__(
        self,
        config: Mapping[str, Any],
        recording: Mapping[str, Any],
        seeds: Sequence[int],
        state: Mapping[int, Any] | None = None,
    ) -> None:
        super().__init__(flattened(config), recording, seeds, state)


def play(table: str, shape: str, repetition: int, budget: int) -> tuple[float, float]:
    """Plays our study in one shape; returns the regret of what it recommends, and whether that fails on a seed."""
    from tune.drivers.job import Job
    from tune.drivers.simulated import VirtualClock, drive
    from tune.ledger.ledger import Ledger
    from tune.optimizer.optimizer import Optimizer
    from tune.scoring.standings import incumbent, standings
    from tune.study.reading import read_study

    objective = load(table)
    setting = setting_of(objective, repetition, budget)
    given = settings(objective, setting.seeds, setting.seed, budget)
    folder = Path(tempfile.mkdtemp(dir=SCRATCH, prefix="latent-tune-"))
    try:
        file = folder / "study.yaml"
        shaped = {"trainer": "benchmarks.shapes:ShapedTrainer", **space_of(shape, objective.space)}
        file.write_text(json.dumps({**given, **shaped}), encoding="utf-8")
        study, clock = read_study(file), VirtualClock()
        ledger = Ledger.open(study, folder / study.name, clock=time.time)
        optimizer = Optimizer(ledger, clock)
        drive(Job(optimizer, study.recording, ShapedTrainer), 1, clock)
        optimizer.finish()
        best = incumbent(standings(ledger, frozenset()))
        ledger.close("finished")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if best is None:
        raise RuntimeError(f"{table}, {shape}, repetition {repetition}: nothing is recommended")
    truth = objective.truth(flattened(best.trial.parameters))
    return truth.loss - objective.best, truth.fails


def rows_of(table: str, repetitions: Sequence[int], budget: int) -> list[dict[str, Any]]:
    """Plays a table in each shape; returns a row per shape, with what it differs from the flat space."""
    found = {shape: [play(table, shape, one, budget) for one in repetitions] for shape in SHAPES}
    rows = []
    for shape, played in found.items():
        regret, error = mean_and_error([one for one, _ in played])
        pairs = zip(played, found["flat"], strict=True)
        more, more_error = mean_and_error([one - flat for (one, _), (flat, _) in pairs])
        fails = sum(failed for _, failed in played) / len(played)
        rows.append(
            {
                "table": table, "shape": shape, "budget": budget, "repetitions": len(repetitions), "regret": regret,
                "error": error, "fails": fails, "more_than_flat": more, "more_than_flat_error": more_error,
            }
        )  # fmt: skip
    return rows


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns the results as a table."""
    lines = ["| table | shape | regret | beyond the flat space | fails on a seed |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        more = "–" if row["shape"] == "flat" else f"{row['more_than_flat']:+.3f} ± {row['more_than_flat_error']:.3f}"
        cells = [row["table"], row["shape"], f"{row['regret']:.3f} ± {row['error']:.3f}", more, f"{row['fails']:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", default=["connectome-sgd", "connectome-adam"])
    parser.add_argument("--budget", type=int, default=600, help="seed-epochs")
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--markdown", action="store_true", help="print the results that are there")
    options = parser.parse_args()
    if options.markdown:
        print(markdown(json.loads((RESULTS / "shapes.json").read_text(encoding="utf-8"))["rows"]))
        return
    quiet()
    repetitions = range(FRESH, FRESH + options.repetitions)
    rows = [row for table in options.tables for row in rows_of(table, repetitions, options.budget)]
    what = "Regret of what is recommended, in baselines, by the shape in which the same settings are searched."
    made_by = f"python -m benchmarks.shapes --budget {options.budget} --repetitions {options.repetitions}"
    record("shapes", what, made_by, rows)
    print(markdown(rows))


if __name__ == "__main__":
    main()
