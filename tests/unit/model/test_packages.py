"""What a machine must have to train: it may be a bare GPU machine."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

PROGRAM = """
import sys

for name in ("pydantic", "pydantic_core", "scipy", "platformdirs", "ray", "optuna", "yaml", "rich", "matplotlib"):
    sys.modules[name] = None  # importing it is then an error

import numpy as np

from model.trainer import LatentEvolutionTrainer

sys.path.insert(0, "benchmarks")  # as if its programs were started
import gpu_checks, gpu_training, train_step

split = {"train": [0, 40], "validation": [40, 50], "test": [50, 60]}
recording = {"voltages": np.random.default_rng(0).standard_normal((60, 7), dtype=np.float32), "split": split}
config = {"latent_dims": 2, "hidden_units": 4, "batch_size": 8, "device": "cpu"}
trainer = LatentEvolutionTrainer(config, LatentEvolutionTrainer.prepare_recording(recording), [1, 12])
(metrics,) = trainer.train(1)
assert np.isfinite([*metrics["validation_loss"], *trainer.evaluate()["test_loss"]]).all()
"""


def test_training_needs_torch_and_numpy_alone() -> None:
    """A recording in memory is trained on, and the GPU benchmarks start, where no other package is installed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
