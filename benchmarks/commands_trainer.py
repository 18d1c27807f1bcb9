"""The built-in trainer, which notes when the first epoch of all begins (`benchmarks/commands.py`)."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from model.trainer import LatentEvolutionTrainer, Metrics

NOTE = "LATENT_TUNE_NOTE"
"""Names the environment variable that says in which file."""


class Noted(LatentEvolutionTrainer):
    """See the module."""

    def train(self, epochs: int) -> Iterator[Metrics]:
        """Trains, and notes before the first step at what time that is, once in a study."""
        with suppress(FileExistsError), Path(os.environ[NOTE]).open("x", encoding="ascii") as note:
            note.write(str(time.time()))
        yield from super().train(epochs)
