"""Little programs, one in each style in which options are declared."""

ARGPARSE = """
import argparse

def build_parser():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", "-l", type=float, default=1e-3)
    parser.add_argument("-b", "--batch-size", type=int, default=2**6)
    group = parser.add_argument_group("model")
    group.add_argument("--width", type=int, default=100)
    group.add_argument("--dropout", type=float, default=0.1)
    group.add_argument("--layers", type=int, default=3)
    parser.add_argument("--optimizer", choices=["adam", "sgd"], default="adam")
    parser.add_argument("--amp", action="store_true")
    parser.add_argument("--no-norm", dest="norm", action="store_false")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--num-workers", type=int, default=4)
    parser.add_argument("--milestones", type=int, nargs="+", default=[10, 20])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--output-dir", default="out")
    parser.add_argument("--version", action="version", version="1")
    return parser

def main():
    args = build_parser().parse_args()
    for epoch in range(args.epochs):
        loss = accuracy = 0.5
        print(f"Epoch {epoch + 1}/{args.epochs}: Train Loss: {loss:.4f}, Val Loss: {loss:8.4f}, val acc {accuracy:.1%}")

if __name__ == "__main__":
    main()
"""

CLICK = """
import click

@click.command()
@click.option("--lr", "learning_rate", default=0.01, show_default=True)
@click.option("--hidden", type=click.IntRange(8, 1024), default=128)
@click.option("--momentum", type=float, default=0.9)
@click.option("--shuffle/--no-shuffle", default=False)
@click.option("--activation", type=click.Choice(["relu", "tanh"]), default="relu")
@click.option("--seed", type=int, default=0)
@click.option("--epochs", default=5)
@click.argument("data", type=click.Path())
def main(learning_rate, hidden, momentum, shuffle, activation, seed, epochs, data):
    pass

if __name__ == "__main__":
    main()
"""

CLICK_GROUP = """
import click

@click.group()
def cli():
    pass

@cli.command()
@click.option("--lr", default=0.1)
@click.option("--seed", default=1)
def fit(lr, seed):
    pass

@cli.command("predict")
@click.option("--batch", default=8)
def run_prediction(batch):
    pass
"""

TYPER = """
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

@app.command()
def main(
    data: Path,
    learning_rate: float = 3e-4,
    width: Annotated[int, typer.Option("--width", "-w", help="of a layer")] = 64,
    dropout: float = typer.Option(0.2, help="share"),
    normalize: bool = False,
    seed: int = 0,
    max_epochs: int = 7,
):
    pass

if __name__ == "__main__":
    app()
"""

TYRO = """
from dataclasses import dataclass, field
from typing import Literal

import tyro

@dataclass
class Optimizer:
    learning_rate: float = 1e-3
    weight_decay: float = 0.0

@dataclass
class Args:
    optimizer: Optimizer = field(default_factory=Optimizer)
    hidden_units: int = 32
    norm: Literal["layer", "batch"] = "batch"
    use_bias: bool = True
    warmup: int | None = None
    seed: int = 0
    epochs: int = 4

if __name__ == "__main__":
    args = tyro.cli(Args)
"""

FIRE = """
import fire

def train(lr=0.05, units=16, seed=0, epochs=3):
    pass

fire.Fire(train)
"""

HYDRA = """
import hydra

@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    print(f"epoch {cfg.epoch} val_loss={cfg.loss}")

if __name__ == "__main__":
    main()
"""

HYDRA_FILES = {
    "conf/config.yaml": "defaults:\n  - model: mlp\n  - _self_\n  - override hydra/launcher: basic\nseed: 1\n"
    "trainer: {max_epochs: 6}\noptimizer: {lr: 1e-3, nesterov: true}\noutput_dir: ${hydra:runtime.output_dir}\n",
    "conf/model/mlp.yaml": "width: 128\nname: mlp\n",
}

CONFIGURED = """
import json
import sys

config = json.load(open(sys.argv[1]))
for epoch in range(1, config["training"]["epochs"] + 1):
    print("Epoch %d/%d: Train Loss: %.2f, Test Scaled Loss: %.2f" % (epoch, 3, 1.0, 2.0))
"""

CONFIGURATION = (
    '{"data": {"seed": 3, "path": "x.npy"}, "output_dir": "out", '
    '"training": {"learning_rate": 0.001, "batch_size": 32, "epochs": 12, "shuffle": true}}'
)

OVERRIDDEN = """
import argparse

import torch
import yaml

parser = argparse.ArgumentParser()
parser.add_argument("--config", required=True)
parser.add_argument("--lr", type=float)
parser.add_argument("--epochs", type=int)
parser.add_argument("--output_dir")
parser.add_argument("--resume")
args = parser.parse_args()
settings = yaml.safe_load(open(args.config))
if args.resume:
    torch.load(args.resume, weights_only=True)
torch.save({}, args.output_dir + "/last.pt")
"""
