"""A polynomial is fitted by mini-batches; tyro with nested options, a CSV file as loggers write it."""

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tyro


@dataclass
class Training:
    batch_size: int = 32
    learning_rate: float = 0.1
    epochs: int = 10


@dataclass
class Config:
    training: Training = field(default_factory=Training)
    degree: int = 3
    seed: int = 0
    output_dir: Path = Path("out")


config = tyro.cli(Config)
data = np.random.default_rng(0)
x = data.uniform(-1, 1, 300)
y = x**3 - x + 0.05 * data.standard_normal(300)
features = x[:, None] ** np.arange(config.degree + 1)
random, weights = np.random.default_rng(config.seed), np.zeros(config.degree + 1)
config.output_dir.mkdir(parents=True, exist_ok=True)
with (config.output_dir / "metrics.csv").open("w", newline="") as file:
    writer = csv.DictWriter(file, ["epoch", "step", "train_loss", "val_loss"])
    writer.writeheader()
    for epoch in range(config.training.epochs):
        for batch in (
            random.permutation(200)
            .reshape(-1)[: 200 // config.training.batch_size * config.training.batch_size]
            .reshape(-1, config.training.batch_size)
        ):
            error = features[batch] @ weights - y[batch]
            weights -= config.training.learning_rate * features[batch].T @ error / len(batch)
        writer.writerow({"epoch": epoch, "step": epoch, "train_loss": np.mean(error**2)})
        writer.writerow({"epoch": epoch, "step": epoch, "val_loss": np.mean((features[200:] @ weights - y[200:]) ** 2)})
        file.flush()
