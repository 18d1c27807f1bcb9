"""Tabular studies: every configuration of a grid trained on ten seeds, so that searches can be replayed in no time.

    python -m benchmarks.tables connectome-sgd [connectome-adam ...] [--look]

Trains with this repository's own trainer on its built-in recording, one thread, all seeds of a configuration together.
One row per (configuration, seed, epoch) goes into benchmarks/results/search/<name>.parquet: the losses, the seconds
that an epoch of all ten seeds took, and the configuration; the baseline and everything needed to make the table again
lie in the file's metadata. Every finished configuration is kept in build/tables/, so an interrupted run goes on.
"""

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "benchmarks" / "results" / "search"
METADATA = b"latent_tune"
SEEDS, EPOCHS = 10, 27
LOSSES = ("train_loss", "validation_loss", "test_loss")


@dataclass(frozen=True)
class Grid:
    """What a table holds.

    Attributes:
        recording: As in a study file.
        fixed: Configuration values shared by all.
        space: Values by parameter; the table is their product, the last varying fastest.
    """

    recording: Mapping[str, Any]
    fixed: Mapping[str, Any]
    space: Mapping[str, tuple[Any, ...]]

    @property
    def configurations(self) -> list[dict[str, Any]]:
        """Every configuration of the grid, without what is fixed."""
        return [dict(zip(self.space, values, strict=True)) for values in product(*self.space.values())]


# Strong scenes are rare (contrast_sigma 0.8) and rows are few, so held-out rows hold scenes that training rows do not:
# there seeds fail whose training loss looks fine. See model/recording/stimulus.py.
GRIDS = {
    "connectome-sgd": Grid(
        recording={
            "simulate": {"extent": 1, "steps": 2480, "seed": 2, "contrast_sigma": 0.8},
            "split": {"train": [0, 1280], "validation": [1380, 1880], "test": [1980, 2480]},
        },
        fixed={"hidden_units": 48, "hidden_layers": 2, "optimizer": "sgd"},
        space={
            "learning_rate": (0.01, 0.025, 0.06, 0.15, 0.4),
            "batch_size": (16, 32, 64, 128),
            "latent_dims": (8, 16, 32),
            "use_batch_norm": (True, False),
        },
    ),
    "connectome-adam": Grid(
        recording={
            "simulate": {"extent": 1, "steps": 2480, "seed": 2, "contrast_sigma": 0.8},
            "split": {"train": [0, 1280], "validation": [1380, 1880], "test": [1980, 2480]},
        },
        fixed={"hidden_units": 48, "hidden_layers": 2},
        space={
            "learning_rate": (5e-4, 1e-3, 2.5e-3, 6e-3, 1.5e-2),
            "batch_size": (16, 32, 64, 128),
            "latent_dims": (8, 16, 32),
            "use_batch_norm": (True, False),
        },
    ),
    "connectome-wide": Grid(
        recording={
            "simulate": {"extent": 2, "steps": 2024, "seed": 1, "contrast_sigma": 0.6},
            "split": {"train": [0, 1024], "validation": [1124, 1524], "test": [1624, 2024]},
        },
        fixed={"latent_dims": 16, "hidden_layers": 3, "epochs": EPOCHS},
        space={
            "learning_rate": (1e-3, 3e-3, 1e-2),
            "batch_size": (32, 64, 128),
            "hidden_units": (16, 32, 64),
            "use_batch_norm": (True, False),
            "schedule": ("constant", "cosine"),
        },
    ),
    "connectome-large": Grid(
        recording={
            "simulate": {"extent": 2, "steps": 2024, "seed": 1, "contrast_sigma": 0.8},
            "split": {"train": [0, 1024], "validation": [1124, 1524], "test": [1624, 2024]},
        },
        fixed={"latent_dims": 16, "hidden_layers": 2, "epochs": EPOCHS},
        space={
            "learning_rate": (1e-3, 3e-3, 1e-2),
            "batch_size": (32, 64, 128),
            "hidden_units": (16, 32, 48),
            "use_batch_norm": (True, False),
            "schedule": ("constant", "cosine"),
        },
    ),
}


def main() -> None:
    """Makes the tables named, or looks at them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=list(GRIDS))
    parser.add_argument("--look", action="store_true", help="print what a finished table holds")
    options = parser.parse_args()
    for name in options.names:
        if options.look:
            look(name)
        else:
            make(name, GRIDS[name])


def make(name: str, grid: Grid) -> None:
    """Trains what is not trained yet, then writes the table."""
    import torch

    from model.trainer import LatentEvolutionTrainer

    torch.set_num_threads(1)
    parts = ROOT / "build" / "tables" / f"{name}-{blake2b(repr(grid).encode(), digest_size=4).hexdigest()}"
    parts.mkdir(parents=True, exist_ok=True)
    recording = LatentEvolutionTrainer.prepare_recording(grid.recording)
    baseline: Mapping[str, float] = {}
    for index, chosen in enumerate(grid.configurations):
        file = parts / f"{index:04d}.npz"
        if file.exists() and baseline:
            continue
        config = {**grid.fixed, **chosen, "device": "cpu"}
        trainer = LatentEvolutionTrainer(config, recording, range(SEEDS), clock=time.process_time)
        baseline = trainer.baseline()
        if not file.exists():
            curves = train(trainer)
            temporary = file.with_suffix(".tmp.npz")
            np.savez(temporary, **curves)
            temporary.rename(file)
            print(f"{name} {index + 1}/{len(grid.configurations)} {chosen} {curves['seconds'].sum():.1f} s", flush=True)
        trainer.close()
    write(name, grid, parts, baseline, torch.__version__)


def train(trainer: Any) -> dict[str, Any]:
    """Returns the losses `[epoch, seed]` and seconds `[epoch]`; asked an epoch at a time, so each has its test loss."""
    rows = [{**next(iter(trainer.train(1))), **trainer.evaluate()} for _ in range(EPOCHS)]
    curves = {name: np.array([row[name] for row in rows], dtype=np.float32) for name in LOSSES}
    return {**curves, "seconds": np.array([row["seconds"][0] for row in rows], dtype=np.float32)}


def write(name: str, grid: Grid, parts: Path, baseline: Mapping[str, float], torch_version: str) -> None:
    """Puts the parts together into one Parquet file."""
    configurations = grid.configurations
    curves = [np.load(parts / f"{index:04d}.npz") for index in range(len(configurations))]
    # [configuration, seed, epoch], as the rows go
    index, seed, epoch = np.indices((len(configurations), SEEDS, EPOCHS)).reshape(3, -1)
    columns: dict[str, Any] = {
        "configuration": pa.array(index, pa.int16()),
        "seed": pa.array(seed, pa.int8()),
        "epoch": pa.array(epoch + 1, pa.int8()),
    }
    for key in LOSSES:
        columns[key] = pa.array(np.stack([one[key].T for one in curves]).ravel(), pa.float32())
    seconds = np.stack([np.broadcast_to(one["seconds"], (SEEDS, EPOCHS)) for one in curves])
    columns["seconds"] = pa.array(seconds.ravel(), pa.float32())
    for key in grid.space:
        columns[key] = pa.array([configurations[number][key] for number in index]).dictionary_encode()
    about = {
        "made_by": f"python -m benchmarks.tables {name}",
        "date": datetime.now(UTC).date().isoformat(),
        "torch": torch_version,
        "baseline": dict(baseline),
        "recording": grid.recording,
        "fixed": dict(grid.fixed),
        "space": {key: list(values) for key, values in grid.space.items()},
        "configurations": configurations,
    }
    table = pa.table(columns).replace_schema_metadata({METADATA: json.dumps(about).encode()})
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.parquet"
    losses = [*LOSSES, "seconds"]
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=19,
        use_dictionary=[key for key in columns if key not in losses],
        use_byte_stream_split=losses,
    )
    print(f"{path}: {table.num_rows} rows, {path.stat().st_size / 2**20:.2f} MiB")


def look(name: str) -> None:
    """Prints what the table says about seeds, rungs and winners."""
    from benchmarks.tabular import describe, load

    for line in describe(load(name)):
        print(line)


if __name__ == "__main__":
    main()
