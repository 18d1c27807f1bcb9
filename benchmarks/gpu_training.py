"""Whole trainings on a GPU, and what the targets of docs/speed.md ask of them. Under six minutes on an H200.

Times are of whole epochs, validation included, and are scaled to 5,000 of them: an epoch takes as long as any other.
"""

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from model import trainer as trainer_module
from model.device.gpu_sampler import NullSampler
from model.trainer import LatentEvolutionTrainer

SPLIT = {"train": [0, 30_000], "validation": [30_000, 40_000], "test": [40_000, 50_000]}
PUBLISHED_EPOCHS = 5000
SEEDS = [1, 12, 123, 1234, 12345, 2, 22, 222, 2222, 22222]


def record(neurons: int) -> dict[str, Any]:
    """Make a random recording of the published length."""
    generator = np.random.default_rng(0)
    voltages = np.empty((50_000, neurons), dtype=np.float32)
    for start in range(0, len(voltages), 5000):
        generator.standard_normal(out=voltages[start : start + 5000], dtype=np.float32)
    return {"voltages": voltages, "split": SPLIT}


def epochs_s(recording: dict[str, Any], seeds: int, epochs: int, **config: Any) -> dict[str, Any]:
    """Train; give the first epoch (start, warm-up, capture, compiler) and the median of the later ones."""
    torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    trainer = LatentEvolutionTrainer({"device": "cuda", **config}, recording, SEEDS[:seeds])
    built_s = time.perf_counter() - started
    times = []
    for _ in trainer.train(epochs):
        times.append(time.perf_counter())  # noqa: PERF401 - the training is what is timed
    trainer.close()
    seconds = np.diff(times)
    return {
        "build_s": built_s,
        "first_epoch_s": times[0] - started - built_s,
        "epoch_s": median(seconds[4:]),  # after validation's graph has been captured too
        "peak_memory_mib": torch.cuda.max_memory_allocated() / 2**20,
    }


def main() -> None:
    """Measure and write the result file."""
    rows, begun = [], time.perf_counter()

    def add(name: str, recording: dict[str, Any], seeds: int, epochs: int, **config: Any) -> dict[str, Any]:
        measured = epochs_s(recording, seeds, epochs, **config)
        row = {"name": name, "seeds": seeds, "config": config, **measured}
        row["minutes_for_5000_epochs"] = (measured["epoch_s"] * PUBLISHED_EPOCHS + measured["first_epoch_s"]) / 60
        rows.append(row)
        print(f"{name:42s} {1e3 * row['epoch_s']:8.1f} ms/epoch  {row['minutes_for_5000_epochs']:6.2f} min", flush=True)
        return row

    large = record(13_741)
    for precision in ("float32", "tf32", "bfloat16"):
        for compiler in ("off", "on"):
            options = {"batch_size": 256, "precision": precision, "compile": compiler}
            add(f"13,741 x 256, {precision}, compile {compiler}", large, 1, 30, **options)
    options = {"batch_size": 256, "precision": "bfloat16", "recording_precision": "bfloat16", "compile": "off"}
    add("13,741 x 256, bfloat16, recording too", large, 1, 30, **options)
    add("13,741 x 256, five seeds, tf32", large, 5, 20, batch_size=256, compile="off")
    add("13,741 x 256, five seeds, bfloat16", large, 5, 20, batch_size=256, precision="bfloat16", compile="off")
    del large
    middle = record(1203)
    one = add("1,203 x 128, one seed", middle, 1, 30, batch_size=128, compile="off")
    ten = add("1,203 x 128, ten seeds", middle, 10, 30, batch_size=128, compile="off")
    watched = trainer_module.watch_gpu
    trainer_module.watch_gpu = lambda _: NullSampler()
    unwatched = add("1,203 x 128, one seed, NVML off", middle, 1, 30, batch_size=128, compile="off")
    trainer_module.watch_gpu = watched
    result = {
        "device": torch.cuda.get_device_name(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "date": datetime.now(UTC).date().isoformat(),
        "seconds": time.perf_counter() - begun,
        "ten_seeds_over_one": ten["epoch_s"] / one["epoch_s"],
        "nvml_cost_percent": 100 * (one["epoch_s"] / unwatched["epoch_s"] - 1),
        "rows": rows,
    }
    out = Path(__file__).parent / "results" / "gpu_training.json"
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"ten seeds / one: {result['ten_seeds_over_one']:.2f}; NVML costs {result['nvml_cost_percent']:.2f} %")


if __name__ == "__main__":
    main()
