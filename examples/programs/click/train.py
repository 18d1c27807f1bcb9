"""Ridge regression by gradient descent; click with a flag, one JSON object per epoch."""

import json
from pathlib import Path

import click
import numpy as np


@click.command()
@click.option("--learning-rate", default=0.1)
@click.option("--weight-decay", default=0.0)
@click.option("--center/--no-center", default=False)
@click.option("--seed", default=0)
@click.option("--epochs", default=10)
@click.option("--out", type=Path, default=Path("out"))
def train(learning_rate: float, weight_decay: float, center: bool, seed: int, epochs: int, out: Path) -> None:
    random = np.random.default_rng(seed)
    x = random.standard_normal((120, 8)) + 1
    y = x @ np.arange(8.0) / 8 + 0.1 * random.standard_normal(120)
    if center:
        x, y = x - x.mean(axis=0), y - y.mean()
    weights = np.zeros(8)
    out.mkdir(parents=True, exist_ok=True)
    with (out / "log.jsonl").open("w") as log:
        for epoch in range(epochs):
            gradient = x[:80].T @ (x[:80] @ weights - y[:80]) / 80 + weight_decay * weights
            weights -= learning_rate * gradient
            loss = float(np.mean((x[80:] @ weights - y[80:]) ** 2))
            log.write(json.dumps({"epoch": epoch, "val": {"loss": loss}}) + "\n")
            log.flush()


if __name__ == "__main__":
    train()
