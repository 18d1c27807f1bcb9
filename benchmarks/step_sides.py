"""The sides of the comparison of training steps: the published recipe, ours, and ours in other libraries."""

import argparse
import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from benchmarks.ours import OurTraining
from benchmarks.plain import PlainTraining
from benchmarks.published import PublishedTraining
from benchmarks.rehearsal import on_gpu

PEERS = ("torch.func", "jax")
RECIPES = ("published", "plain")  # without a library's help: in every table one of them, in float32, one seed
CHECKED = "with checks"  # gradient norm and failed flag of each seed, which our step always has


class Training(Protocol):
    """Anything that does training steps; what it returns is of no concern here."""

    def run(self, steps: int) -> object:
        """Do some steps, and wait for them as far as the library's own device goes."""


class Side(NamedTuple):
    """One thing that takes its turn.

    Attributes:
        program: "published", "plain", "ours" or a peer.
        precision: Of the matrix products.
        seeds: S.
        variant: What is special about it, empty if nothing.
    """

    program: str
    precision: str
    seeds: int = 1
    variant: str = ""

    @property
    def name(self) -> str:
        """What a row of the table is called; ours, as in older files, by precision."""
        precision = "" if self.program in RECIPES else self.precision
        program = "" if self.program == "ours" else self.program
        return " ".join(word for word in (program, precision, self.variant) if word)

    @property
    def column(self) -> str:
        """What the ratio of a peer to ours is called."""
        return f"{self.program} {self.variant}".strip()


def usable_peers(options: argparse.Namespace) -> list[str]:
    """Give the peers that were asked for and are there; say of the others why not.

    Threads of XLA are settled here: on a CPU it makes as many as NPROC says when JAX starts. Its flags
    `xla_cpu_multi_thread_eigen` and `intra_op_parallelism_threads` change nothing (jaxlib 0.10: still 1.9 cores).
    """
    if options.peers is None:
        return []
    usable = []
    for name in options.peers or PEERS:
        if name == "jax" and not all(find_spec(module) for module in ("jax", "optax")):
            print("no jax: `pip install jax optax` for it")
        elif name == "jax" and on_gpu(torch.device(options.device)):
            print("no jax: its step is compared on a CPU only")
        else:
            usable.append(name)
    if "jax" in usable:
        os.environ["NPROC"] = os.environ["PJRT_NPROC"] = str(options.threads)
        os.environ["JAX_PLATFORMS"] = "cpu"
    return usable


def list_sides(options: argparse.Namespace, peers: list[str]) -> Iterator[Side]:
    """Give the sides of every size, in the order of the table."""
    variants = ["", "compiled"] if options.compile else [""]
    for variant in variants:
        yield Side("published" if options.model == "published" else "plain", "float32", 1, variant)
    for seeds in sorted({1, *options.seeds}):
        for precision in options.precisions:
            for variant in variants:
                yield Side("ours", precision, seeds, variant)
            for together in options.together if seeds > 1 else ():
                yield Side("ours", precision, seeds, f"{together} in a lane")
            for peer in peers:
                for variant in ("", CHECKED, *(["compiled"] if options.compile and peer == "torch.func" else [])):
                    yield Side(peer, precision, seeds, variant)
        if options.rounded_recording and "bfloat16" in options.precisions:
            yield Side("ours", "bfloat16", seeds, "+ recording")


def build(
    side: Side, voltages: Tensor, stimulus: Tensor | None, batch_size: int, settings: Mapping[str, Any]
) -> Training:
    """Build one side.

    Args:
        side: Which.
        voltages: `[T, N]` on the device.
        stimulus: `[T, M]` on the device, None where the model does not see it.
        batch_size: B.
        settings: Of `TrainingConfig`: sizes and what the model has.
    """
    compiled, sizes, settings = side.variant == "compiled", settings, {**settings, "precision": side.precision}
    if side.program == "plain":
        return PlainTraining(voltages, stimulus, batch_size, compiled=compiled, **sizes)
    if side.program == "published":
        chosen = {name: sizes[name] for name in ("hidden_units", "use_batch_norm")}
        return PublishedTraining(voltages, batch_size, compiled=compiled, **chosen)
    if side.program == "torch.func":
        from benchmarks.peer_torch_func import TorchFuncTraining

        checks = side.variant == CHECKED
        return TorchFuncTraining(voltages, batch_size, side.seeds, checks=checks, compiled=compiled, **settings)
    if side.program == "jax":
        from benchmarks.peer_jax import JaxTraining

        return JaxTraining(voltages, batch_size, side.seeds, checks=side.variant == CHECKED, **settings)
    if compiled:
        settings["compile"] = "on"
    if side.variant == "+ recording":
        settings["recording_precision"] = "bfloat16"
    together = int(side.variant.split()[0]) if side.variant.endswith("in a lane") else None
    return OurTraining(voltages, batch_size, side.seeds, stimulus=stimulus, together=together, **settings)
