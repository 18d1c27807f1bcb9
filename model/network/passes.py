"""Forward and backward of S seeds in training mode: losses and batch moments out, gradients into the flat vector.

With `z = encode(x[t])`, the model predicts `x[t+1]` by `decode(z + evolve(z))` and reconstructs `x[t]` by `decode(z)`;
the loss of a seed is the sum of the two mean squared errors, or of what `loss` has in their place.

Two places differ from a plain loop over the published recipe, by design:

* The decoder runs once, over evolved and plain latents together, as two groups (G = 2): each group is normalised with
  its own batch statistics and the running statistics are updated first from the prediction, then from the
  reconstruction, exactly as two calls in this order would.
* The published recipe encodes the same `x[t]` twice, which gives the same latents and moves the encoder's running
  statistics twice per step. Here it is encoded once and they move once.
"""

import torch
from torch import Tensor

from model.network.losses import LOSSES
from model.network.network import Network
from model.network.norm import Moments
from model.network.outer import OuterLayers, Workspace
from model.network.part import Part, Tape, Weights


class Passes:
    """One forward and backward pass over a batch.

    Args:
        network: The model's shape.
        parameters: `[S, P]`, read at every call.
        gradient: `[S, P]`, overwritten at every call; padding is left alone.
        voltages: `[T, N]` on the device.
        stimulus: `[T, M]` on the device when the evolver sees it, else None.
        product_type: Type of the matrix products.
        workspace: May be shared with passes that run at another time.
    """

    def __init__(
        self,
        network: Network,
        parameters: Tensor,
        gradient: Tensor,
        voltages: Tensor,
        stimulus: Tensor | None,
        *,
        product_type: torch.dtype,
        workspace: Workspace,
    ) -> None:
        layout = network.parameters
        self._stimulus = stimulus
        named = layout.views(parameters)
        matrices = [name for name in named if name.endswith(("weight", "bias"))]
        self._live = [named[name] for name in matrices]
        products = named
        if product_type != parameters.dtype:
            # packed, not views of one flat copy: oneDNN copies what is strided
            products = {name: named[name].to(product_type, memory_format=torch.contiguous_format) for name in matrices}
        self._rounded = [] if products is named else [products[name] for name in matrices]
        weights = Weights(products, named, layout.views(gradient))
        encoder, evolver, decoder = (network.parts[part] for part in ("encoder", "evolver", "decoder"))
        self._encoder = Part(encoder, weights, outside=encoder.layers[0])
        self._evolver = Part(evolver, weights)
        self._decoder = Part(decoder, weights, outside=decoder.layers[-1], groups=2)
        of_stimulus = network.parts.get("stimulus")
        self._stimulus_encoder = None if of_stimulus is None else Part(of_stimulus, weights, leaf=True)
        self._outer = OuterLayers(
            voltages,
            weights.linear(encoder.layers[0]),
            weights.linear(decoder.layers[-1]),
            first_normalised=encoder.normalised and len(encoder.layers) > 1,
            skips=weights.skips(encoder),
            loss=LOSSES[network.config.loss],
            workspace=workspace,
        )
        self._latent_dims = network.config.latent_dims

    def run(self, rows: Tensor) -> tuple[Tensor, Moments]:
        """Fill the gradient.

        Args:
            rows: int64 `[S, B]`, the time steps t.

        Returns:
            Losses `[S, 2]` of prediction and reconstruction, and the batch's moments per normalised layer.
        """
        if self._rounded:
            torch._foreach_copy_(self._rounded, self._live)
        targets, inputs = self._outer.gather(rows)
        tapes = [Tape(), Tape(), Tape(), Tape()]
        first, projections = self._outer.encode(inputs)
        z = self._encoder.forward(first, tapes[0], projections)
        step = self._evolver.forward(self._with_stimulus(z, rows, tapes[3]), tapes[1])
        both = torch.stack(((z + step).transpose(0, 1), z.transpose(0, 1)), dim=1).flatten(0, 1).transpose(0, 1)
        losses, gradient = self._outer.decode(targets, self._decoder.forward(both, tapes[2]))
        gradient = self._decoder.backward(gradient, tapes[2])
        of_evolved, of_plain = gradient[:, 0::2], gradient[:, 1::2]
        of_seen = self._evolver.backward(of_evolved, tapes[1])
        if self._stimulus_encoder is not None:
            self._stimulus_encoder.backward(of_seen[:, :, self._latent_dims :], tapes[3])
        of_latent = of_evolved + of_plain + of_seen[:, :, : self._latent_dims]
        of_first = self._encoder.backward(of_latent, tapes[0])
        self._outer.encode_backward(inputs, of_first, tapes[0].of_projections)
        moments = {**self._encoder.moments(), **self._evolver.moments(), **self._decoder.moments()}
        return losses, moments

    def _with_stimulus(self, z: Tensor, rows: Tensor, tape: Tape) -> Tensor:
        """Append the stimulus at t, or what its encoder makes of it, to the latents: `[S, B, L + M]`."""
        if self._stimulus is None:
            return z
        seen = self._stimulus.index_select(0, rows.flatten()).view(*rows.shape, -1).to(z.dtype)
        if self._stimulus_encoder is not None:
            seen = self._stimulus_encoder.forward(seen, tape)
        return torch.cat((z, seen), dim=2)
