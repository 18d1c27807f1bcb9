"""The shape of one part of the model: which layers it has and how wide each is."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from model.config import TrainingConfig


@dataclass(frozen=True)
class PartShape:
    """A multilayer perceptron: hidden linear layers, each with batch norm (when on) and activation, then a linear one.

    With input skips every layer after the first gets, beside what the layer before it gives, a linear projection of
    the part's input, as wide as a hidden layer and without activation. A part without hidden layers has none.

    Attributes:
        name: Leads the names of its layers.
        widths: Sizes that it passes through: input, hidden layers, output.
        activation: After each hidden layer.
        normalised: Batch norm after each hidden linear layer.
        input_skips: As above.
    """

    name: str
    widths: tuple[int, ...]
    activation: str
    normalised: bool = False
    input_skips: bool = False

    @cached_property
    def layers(self) -> list[str]:
        """Names of the linear layers, in order: `name.0`, `name.1`, ..."""
        return [f"{self.name}.{i}" for i in range(len(self.widths) - 1)]

    @cached_property
    def skip(self) -> str | None:
        """Name of the linear layer that makes all projections of the input, side by side; None if there are none."""
        return f"{self.name}.skip" if self.input_skips and len(self.layers) > 1 else None

    @property
    def skip_width(self) -> int:
        """Width of one projection; 0 if there are none."""
        return self.widths[1] if self.skip else 0

    @cached_property
    def matrices(self) -> Mapping[str, tuple[int, int]]:
        """Linear layer to the sizes of its input and output, that of the projections last."""
        sizes = list(pairwise(self.widths))
        widened = [sizes[0], *((fan_in + self.skip_width, fan_out) for fan_in, fan_out in sizes[1:])]
        found = dict(zip(self.layers, widened, strict=True))
        return found | ({self.skip: (self.widths[0], self.skip_width * (len(self.layers) - 1))} if self.skip else {})

    @property
    def widest(self) -> int:
        """Size of the largest activation of one row."""
        return max(*self.widths, self.skip_width * (len(self.layers) - 1))


def build_parts(config: TrainingConfig, neurons: int, stimuli: int) -> dict[str, PartShape]:
    """Give the shapes of encoder, evolver, decoder and, last, the stimulus encoder if there is one.

    | part | maps | hidden layers |
    | --- | --- | --- |
    | encoder | N to L | `encoder_layers` of `encoder_units` |
    | evolver | L, or L and what is seen of the stimulus, to L | `evolver_layers` of `evolver_units` |
    | decoder | L to N | `decoder_layers` of `decoder_units` |
    | stimulus | M to `stimulus_dims`; without batch norm and input skips | `stimulus_layers` of `stimulus_units` |

    Args:
        config: Sizes, activations, batch norm, input skips.
        neurons: N.
        stimuli: M when the evolver sees the stimulus, else 0.
    """
    latent = config.latent_dims
    seen = (config.stimulus_dims or stimuli) if stimuli else 0
    ends = {"encoder": (neurons, latent), "evolver": (latent + seen, latent), "decoder": (latent, neurons)}
    parts = {}
    for (name, (first, last)), layers, units in zip(ends.items(), config.layers, config.units, strict=True):
        activation = (config.evolver_activation if name == "evolver" else None) or config.activation
        widths = (first, *[units] * layers, last)
        parts[name] = PartShape(name, widths, activation, config.use_batch_norm, config.input_skips)
    if stimuli and config.stimulus_dims:
        layers, units = config.stimulus_shape
        parts["stimulus"] = PartShape("stimulus", (stimuli, *[units] * layers, seen), config.activation)
    return parts
