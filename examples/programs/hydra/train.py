"""A logistic regression; Hydra, prints one line per epoch."""

import hydra
import numpy as np
from omegaconf import DictConfig


@hydra.main(version_base=None, config_path="conf", config_name="config")
def train(config: DictConfig) -> None:
    random = np.random.default_rng(config.seed)
    x = random.standard_normal((200, 5))
    labels = (x @ np.arange(5.0) + random.standard_normal(200) > 0).astype(float)
    weights = np.zeros(5)
    for epoch in range(config.epochs):
        chance = 1 / (1 + np.exp(-x[:150] @ weights))
        weights -= config.optimizer.lr * (x[:150].T @ (chance - labels[:150]) / 150 + config.optimizer.decay * weights)
        chance = 1 / (1 + np.exp(-x[150:] @ weights))
        loss = -np.mean(labels[150:] * np.log(chance) + (1 - labels[150:]) * np.log(1 - chance))
        print(f"[{epoch}] val/nll {loss:.5f}")


if __name__ == "__main__":
    train()
