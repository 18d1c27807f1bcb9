"""The training as a function for latent-tune, one seed."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from digits import trained


def train(config: Mapping[str, Any], seed: int, epochs: int) -> Iterator[dict[str, float]]:
    """Yields the loss after each epoch."""
    for loss in islice(trained(config["learning_rate"], config["width"], seed), epochs):
        yield {"validation_loss": loss}
