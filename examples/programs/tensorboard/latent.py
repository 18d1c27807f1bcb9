"""An autoencoder of one line; `latent.py CODE CONFIG.yaml --training.batch-size 256`, TensorBoard for every metric."""

import argparse
from pathlib import Path

import numpy as np
import yaml
from tensorboardX import SummaryWriter

parser = argparse.ArgumentParser()
parser.add_argument("code")
parser.add_argument("config", type=Path)
known, rest = parser.parse_known_args()
config = yaml.safe_load(known.config.read_text())
for name, value in zip(rest[::2], rest[1::2], strict=True):
    *way, last = name.removeprefix("--").replace("-", "_").split(".")
    section = config
    for key in way:
        section = section[key]
    section[last] = yaml.safe_load(value)
random = np.random.default_rng(config["training"]["seed"])
x = random.standard_normal((256, 3)) @ random.standard_normal((3, 10))
encode = 0.1 * random.standard_normal((10, config["latent_dims"]))
decode = 0.1 * random.standard_normal((config["latent_dims"], 10))
with SummaryWriter(str(Path(config["output"]) / known.code)) as writer:
    for epoch in range(config["training"]["epochs"]):
        for batch in np.array_split(random.permutation(200), 200 // config["training"]["batch_size"]):
            latent = x[batch] @ encode
            error = latent @ decode - x[batch]
            decode -= config["training"]["learning_rate"] * latent.T @ error / len(batch)
            encode -= config["training"]["learning_rate"] * x[batch].T @ (error @ decode.T) / len(batch)
        writer.add_scalar("Train/loss", np.mean(error**2), epoch)
        writer.add_scalar("Val/loss", np.mean((x[200:] @ encode @ decode - x[200:]) ** 2), epoch)
