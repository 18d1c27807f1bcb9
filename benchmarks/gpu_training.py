"""Whole trainings on a GPU, and what the targets of docs/speed.md ask of them. Under six minutes on an H200.

Times are of whole epochs, validation included, and are scaled to 5,000 of them: an epoch takes as long as any other.
"""

import json
import os
import sys
import time
from datetime import UTC, datetime
from statistics import median
from typing import Any

import numpy as np
import torch

from benchmarks.models import MODELS, STIMULI
from benchmarks.rehearsal import DEVICE, REHEARSED, RESULTS, stage
from model import trainer as trainer_module
from model.device.gpu_sampler import NullSampler
from model.trainer import LatentEvolutionTrainer

ROWS = 50_000 // (50 if REHEARSED else 1)  # in a rehearsal all is small
SPLIT = {"train": [0, ROWS * 3 // 5], "validation": [ROWS * 3 // 5, ROWS * 4 // 5], "test": [ROWS * 4 // 5, ROWS]}
PUBLISHED, MIDDLE = (50, 20) if REHEARSED else (13_741, 1203)
NARROW = {"hidden_units": 16, "latent_dims": 16} if REHEARSED else {}
PUBLISHED_EPOCHS = 5000
SEEDS = [1, 12, 123, 1234, 12345, 2, 22, 222, 2222, 22222]


def record(neurons: int) -> dict[str, Any]:
    """Make a random recording of the published length, with a stimulus."""
    generator = np.random.default_rng(0)
    voltages, stimulus = (np.empty((ROWS, width), dtype=np.float32) for width in (neurons, STIMULI))
    for values in (voltages, stimulus):
        for start in range(0, ROWS, 5000):
            generator.standard_normal(out=values[start : start + 5000], dtype=np.float32)
    return {"voltages": voltages, "stimulus": stimulus, "split": SPLIT}


def epochs_s(recording: dict[str, Any], seeds: int, epochs: int, **config: Any) -> dict[str, Any]:
    """Train; give the first epoch (start, warm-up, capture, compiler) and the median of the later ones."""
    torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    trainer = LatentEvolutionTrainer({"device": DEVICE, **config, **NARROW}, recording, SEEDS[:seeds])
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


def main() -> int:
    """Measure, write the result file after each row, and return how many rows failed."""
    rows, failed, begun = [], [], time.perf_counter()

    def add(name: str, recording: dict[str, Any], seeds: int, epochs: int, **config: Any) -> float:
        """Add a row; return seconds per epoch, nan where it failed."""
        try:
            measured = epochs_s(recording, seeds, min(epochs, 7) if REHEARSED else epochs, **config)
        except RuntimeError as error:  # such as too little memory: the other rows are still of use
            failed.append(f"{name}: {next(iter(str(error).splitlines()), '')}")
            print(f"FAILED {failed[-1]}", flush=True)
            return float("nan")
        row = {"name": name, "seeds": seeds, "config": config, **measured}
        row["minutes_for_5000_epochs"] = (measured["epoch_s"] * PUBLISHED_EPOCHS + measured["first_epoch_s"]) / 60
        rows.append(row)
        print(f"{name:42s} {1e3 * row['epoch_s']:8.1f} ms/epoch  {row['minutes_for_5000_epochs']:6.2f} min", flush=True)
        write()
        return float(measured["epoch_s"])

    def write(**more: float) -> None:
        result = {
            "device": torch.cuda.get_device_name(),
            "cores": os.cpu_count(),
            "torch": torch.__version__,
            "date": datetime.now(UTC).date().isoformat(),
            "seconds": time.perf_counter() - begun,
            **{name: value for name, value in more.items() if value == value},  # noqa: PLR0124 - nan is no JSON
            "failed": failed,
            "rows": rows,
        }
        (RESULTS / "gpu_training.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")

    large = record(PUBLISHED)
    plain = {"batch_size": 256, "compile": "off"}
    for precision in ("tf32", "bfloat16"):  # what is asked for first, should time be short
        add(f"13,741 x 256, five seeds, {precision}", large, 5, 20, precision=precision, **plain)
    for precision in ("float32", "tf32", "bfloat16"):
        for compiler in ("off", "on"):
            options = {"batch_size": 256, "precision": precision, "compile": compiler}
            add(f"13,741 x 256, {precision}, compile {compiler}", large, 1, 30, **options)
    rounded = {"precision": "bfloat16", "recording_precision": "bfloat16", **plain}
    add("13,741 x 256, bfloat16, recording too", large, 1, 30, **rounded)
    lab = {**MODELS["lab"], **plain}
    for seeds, words in ((1, "one seed"), (5, "five seeds")):
        add(f"the lab's later model, {words}, tf32", large, seeds, 10, precision="tf32", **lab)
    del large
    middle = record(MIDDLE)
    one = add("1,203 x 128, one seed", middle, 1, 30, batch_size=128, compile="off")
    ten = add("1,203 x 128, ten seeds", middle, 10, 30, batch_size=128, compile="off")
    unrolled = {**MODELS["unrolled"], **plain}
    add("1,203 x 256, 20 steps and 40, five seeds", middle, 5, 7, **unrolled)
    watched = trainer_module.watch_gpu
    trainer_module.watch_gpu = lambda _: NullSampler()
    unwatched = add("1,203 x 128, one seed, NVML off", middle, 1, 30, batch_size=128, compile="off")
    trainer_module.watch_gpu = watched
    write(ten_seeds_over_one=ten / one, nvml_cost_percent=100 * (one / unwatched - 1))
    print(f"ten seeds / one: {ten / one:.2f}; NVML costs {100 * (one / unwatched - 1):.2f} %")
    return len(failed)


if __name__ == "__main__":
    with stage():
        sys.exit(1 if main() else 0)
