"""Fits a line robustly; a YAML file, a few options that override it, `--resume CHECKPOINT`."""

import argparse
import json
from pathlib import Path

import numpy as np
import yaml

parser = argparse.ArgumentParser()
parser.add_argument("--config", type=Path, required=True)
parser.add_argument("--lr", type=float)
parser.add_argument("--batch_size", type=int)
parser.add_argument("--epochs", type=int)
parser.add_argument("--seed", type=int)
parser.add_argument("--output_dir", type=Path)
parser.add_argument("--resume", type=Path)
options = vars(parser.parse_args())
config = {**yaml.safe_load(options.pop("config").read_text()), **{k: v for k, v in options.items() if v is not None}}
out = Path(config["output_dir"])
out.mkdir(parents=True, exist_ok=True)
state = {"epoch": 0, "weights": [0.0, 0.0]}
if config.get("resume"):
    state = json.loads(Path(config["resume"]).read_text())
data = np.random.default_rng(0)
x = np.c_[data.uniform(-1, 1, 200), np.ones(200)]
y = x @ [2.0, -1.0] + data.standard_t(2, 200) / 4
for epoch in range(state["epoch"] + 1, config["epochs"] + 1):
    random, weights = np.random.default_rng([config["seed"], epoch]), np.array(state["weights"])
    for batch in np.array_split(random.permutation(160), 160 // config["batch_size"]):
        error = x[batch] @ weights - y[batch]
        weights -= config["lr"] * x[batch].T @ np.clip(error, -config["huber"], config["huber"]) / len(batch)
    state = {"epoch": epoch, "weights": weights.tolist()}
    (out / "last.json").write_text(json.dumps(state))
    print(f"{epoch:3d} | val {np.mean(np.abs(x[160:] @ weights - y[160:])):.4f} |")
