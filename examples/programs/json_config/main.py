"""Learns a map step by step; told everything by one JSON file, tells all at its end in a folder named by the time."""

import json
import sys
import time
from pathlib import Path

import numpy as np

config = json.loads(Path(sys.argv[1]).read_text())
random = np.random.default_rng(config["data"]["seed"])
x = random.standard_normal((100, config["model"]["dims"]))
y = np.tanh(x @ np.linspace(-1, 1, config["model"]["dims"]))
weights, history = np.zeros(config["model"]["dims"]), []
for epoch in range(1, config["training"]["epochs"] + 1):
    gradient = x[:80].T @ (x[:80] @ weights - y[:80]) / 80
    weights -= config["training"]["learning_rate"] * gradient
    train, test = (float(np.mean((x[part] @ weights - y[part]) ** 2)) for part in (slice(80), slice(80, None)))
    print(f"Epoch {epoch}/{config['training']['epochs']}: Train Loss: {train:.4f}, Test Scaled Loss: {test:.4f}")
    history.append({"epoch": epoch, "train": {"loss": train}, "test": {"scaled_loss": test}})
folder = Path(config["output_dir"]) / f"{config['experiment']}_{time.strftime('%Y%m%d_%H%M%S')}"
folder.mkdir(parents=True)
(folder / "results.json").write_text(json.dumps({"config": config, "training_history": history}))
