"""A trainer of one file, to be laid where every host of a cluster finds it; it says where and when it trained what."""

import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any


class Paced:
    """Loss falls towards `(x - 0.3)^2 + 0.1`; the baseline is 1.

    Configuration: `x`; `sleep_s` is spent per epoch, on the host of the recording's `slow_host` ten times as much, and
    hardly any once the recording's `brake`, a file, is gone.
    Every run of an epoch leaves a line `host x seed epoch` in the recording's `log`.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        recording: Mapping[str, Any],
        seeds: Sequence[int],
        state: Mapping[int, Any] | None = None,
    ) -> None:
        self.config, self.recording, self.seeds = dict(config), dict(recording), list(seeds)
        self.epochs = {seed: int((state or {}).get(seed, {}).get("epoch", 0)) for seed in seeds}

    def train(self, epochs: int) -> Iterator[dict[str, list[float]]]:
        for _ in range(epochs):
            time.sleep(self._pause_s())
            yield {"validation_loss": [self._epoch(seed) for seed in self.seeds]}

    def state(self) -> dict[int, Any]:
        return {seed: {"epoch": epoch} for seed, epoch in self.epochs.items()}

    def baseline(self) -> dict[str, float]:
        return {"validation_loss": 1.0}

    def close(self) -> None:
        self.seeds = []

    def _pause_s(self) -> float:
        if "brake" in self.recording and not Path(self.recording["brake"]).exists():
            return 0.01
        return float(self.config["sleep_s"]) * (10 if self.recording.get("slow_host") == _host() else 1)

    def _epoch(self, seed: int) -> float:
        self.epochs[seed] += 1
        epoch, x = self.epochs[seed], float(self.config["x"])
        with Path(self.recording["log"]).open("a") as file:
            file.write(f"{_host()} {x!r} {seed} {epoch}\n")
        return (x - 0.3) ** 2 + 0.1 + 0.5 / epoch + Random(f"{seed} {epoch}").gauss(0, 0.01)  # noqa: S311


def _host() -> str:
    """Returns the name of this host, or what `PACED_HOST` says where several nodes lie on one."""
    return os.environ.get("PACED_HOST", socket.gethostname())
