"""The search in W&B sweeps: the mean over five seeds, stopped by Hyperband; needs W&B's server."""

from statistics import fmean

import wandb
from digits import trained

SWEEP = {
    "method": "bayes",
    "metric": {"name": "validation_loss", "goal": "minimize"},
    "parameters": {
        "learning_rate": {"distribution": "log_uniform_values", "min": 1e-3, "max": 1.0},
        "width": {"values": [16, 32, 64, 128]},
    },
    "early_terminate": {"type": "hyperband", "min_iter": 1},
}


def train() -> None:
    """Trains five seeds side by side, so that the sweep sees their mean."""
    with wandb.init(config={"learning_rate": 0.03, "width": 32}) as run:
        runs = [trained(run.config.learning_rate, run.config.width, seed) for seed in (1, 2, 3, 4, 5)]
        for _ in range(9):
            run.log({"validation_loss": fmean(next(one) for one in runs)})


if __name__ == "__main__":
    wandb.agent(wandb.sweep(SWEEP, project="digits"), train, count=24)
