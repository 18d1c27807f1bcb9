"""How long do roll-outs take? In latent space and through voltages, on one core.

    python -m benchmarks.rollout [--neurons 1203] [--steps 500] [--starts 16] [--seeds 5] [--repetitions 3]

The recording is noise: what a roll-out costs depends on sizes alone. Beside them stand `evaluate()`, which does both,
and an epoch of training of the same seeds. Writes benchmarks/results/rollout.json.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch

from benchmarks.record import record
from model.trainer import LatentEvolutionTrainer

SPLIT = {"train": [0, 6_000], "validation": [6_000, 8_000], "test": [8_000, 10_000]}
SETTINGS: dict[str, dict[str, Any]] = {
    "published": {},
    "lab": {"use_batch_norm": False, "hidden_layers": 1, "input_skips": True, "evolver_zero_init": True},
}


def main() -> int:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("neurons", 1203), ("steps", 500), ("starts", 16), ("seeds", 5), ("repetitions", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    torch.set_num_threads(1)
    noise = np.random.default_rng(0).standard_normal((SPLIT["test"][1], options.neurons), dtype=np.float32)
    asked = {"rollout_steps": options.steps, "rollout_starts": options.starts, "device": "cpu"}
    rows = []
    for model, settings in SETTINGS.items():
        recording, seeds = {"voltages": noise, "split": SPLIT}, list(range(options.seeds))
        trainer = LatentEvolutionTrainer({**settings, **asked}, recording, seeds)
        sides = measured(trainer, options.repetitions)
        print(f"{model}: " + ", ".join(f"{side} {seconds:.2f} s" for side, seconds in sides.items()))
        rows.append({"model": model, **{f"{side}_s": round(seconds, 3) for side, seconds in sides.items()}})
    command = f"python -m benchmarks.rollout --neurons {options.neurons} --steps {options.steps}"
    record("rollout", __doc__.splitlines()[0], command, rows, torch=torch.__version__, threads=1, **vars(options))
    return 0


def measured(trainer: LatentEvolutionTrainer, repetitions: int) -> dict[str, float]:
    """Times what the trainer does by side, median seconds over repetitions."""
    group = trainer._require_group()
    course = group._course
    assert course is not None

    def roll_out(*, through_voltages: bool) -> None:
        for lane in group._lanes:
            lane.roll_out(course, through_voltages=through_voltages)

    sides: dict[str, Callable[[], object]] = {
        "latent": lambda: roll_out(through_voltages=False),
        "decoded": lambda: roll_out(through_voltages=True),
        "evaluate": trainer.evaluate,
        "epoch": lambda: list(trainer.train(1)),
    }
    return {side: median(seconds_of(run) for _ in range(repetitions)) for side, run in sides.items()}


def seconds_of(run: Callable[[], object]) -> float:
    """Times one call."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


if __name__ == "__main__":
    raise SystemExit(main())
