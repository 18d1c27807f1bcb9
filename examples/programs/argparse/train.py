"""A network of one hidden layer learns a sine; argparse, prints its losses, resumes from a checkpoint."""

import argparse
from pathlib import Path

import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--width", type=int, default=16)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--checkpoint-dir", type=Path)
args = parser.parse_args()

data = np.random.default_rng(0)
x = data.uniform(-3, 3, (300, 1))
y = np.sin(x) + 0.1 * data.standard_normal((300, 1))
random = np.random.default_rng(args.seed)
w1, b1, w2 = random.standard_normal((1, args.width)), np.zeros(args.width), np.zeros((args.width, 1))
epoch = 0
saved = args.checkpoint_dir / "last.npz" if args.checkpoint_dir else None
if saved and saved.exists():
    state = np.load(saved)
    w1, b1, w2, epoch = state["w1"], state["b1"], state["w2"], int(state["epoch"])
while epoch < args.epochs:
    epoch += 1
    for _ in range(20):
        hidden = np.tanh(x[:200] @ w1 + b1)
        error = hidden @ w2 - y[:200]
        back = (error @ w2.T) * (1 - hidden**2)
        w2 -= args.lr * hidden.T @ error / 200
        w1 -= args.lr * x[:200].T @ back / 200
        b1 -= args.lr * back.mean(axis=0)
    val = np.mean((np.tanh(x[200:] @ w1 + b1) @ w2 - y[200:]) ** 2)
    if saved:
        np.savez(saved, w1=w1, b1=b1, w2=w2, epoch=epoch)
    print(f"epoch {epoch}/{args.epochs}  train_loss={np.mean(error**2):.5f}  val_loss={val:.5f}")
