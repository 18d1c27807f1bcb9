"""Forward and backward of S seeds in training mode: losses and batch moments out, gradients into the flat vector.

With `z = encode(x[t])`, the model predicts `x[t+1]` by `decode(z + evolve(z))` and reconstructs `x[t]` by `decode(z)`;
with `evolve_steps` k it predicts `x[t+k]` from k such steps, and the loss of prediction is the mean of those at k, 2 k,
up to `evolve_multiples` times k. The loss of a seed is the sum of the two mean squared errors, or of what `loss` has in
their place.

Two places differ from a plain loop over the published recipe, by design:

* The decoder runs once, over evolved and plain latents together, as two groups (G = 2, or one more for each further
  multiple): each group is normalised with its own batch statistics and the running statistics are updated first from
  the predictions, then from the reconstruction, exactly as calls in this order would.
* The published recipe encodes the same `x[t]` twice, which gives the same latents and moves the encoder's running
  statistics twice per step. Here it is encoded once and they move once.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from model.network.driven import DrivenLayers
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
        reconstruction_only: Nothing is predicted; the gradients of evolver and stimulus encoder are left alone.
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
        reconstruction_only: bool = False,
    ) -> None:
        config, layout = network.config, network.parameters
        self._stimulus = stimulus
        self._apart, self._horizon = config.evolve_steps, 0 if reconstruction_only else config.horizon
        ahead = range(self._apart, self._horizon + 1, self._apart)
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
        # For one step alone, one product with [z, u] is the faster.
        driven = stimulus is not None and self._horizon > 1
        self._driven = DrivenLayers(evolver, weights, config.latent_dims) if driven else None
        self._evolver = Part(evolver, weights, outside=evolver.layers[0] if driven else None, calls=self._horizon)
        self._decoder = Part(decoder, weights, outside=decoder.layers[-1], groups=1 + len(ahead))
        of_stimulus = network.parts.get("stimulus")
        self._stimulus_encoder = None if of_stimulus is None else Part(of_stimulus, weights, leaf=True)
        self._outer = OuterLayers(
            voltages,
            weights.linear(encoder.layers[0]),
            weights.linear(decoder.layers[-1]),
            first_normalised=encoder.normalised and len(encoder.layers) > 1,
            ahead=ahead,
            skips=weights.skips(encoder),
            loss=LOSSES[config.loss],
            workspace=workspace,
        )
        self._latent_dims = config.latent_dims
        self._later = torch.arange(self._horizon, device=voltages.device).view(1, -1, 1)

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
        of_encoder, of_decoder, of_stimulus = Tape(), Tape(), Tape()
        first, projections = self._outer.encode(inputs)
        z = self._encoder.forward(first, of_encoder, projections)
        seen = self._see(rows, z, of_stimulus)
        evolved, of_evolver = self._evolve(z, seen)
        decoded = torch.stack([one.transpose(0, 1) for one in (*evolved, z)], dim=1).flatten(0, 1).transpose(0, 1)
        losses, gradient = self._outer.decode(targets, self._decoder.forward(decoded, of_decoder))
        gradient = self._decoder.backward(gradient, of_decoder)
        groups = len(evolved) + 1
        arriving = [gradient[:, i::groups] for i in range(groups)]
        gradient, of_seen = self._evolve_backward(arriving, of_evolver, seen)
        if self._stimulus_encoder is not None and of_seen is not None:
            self._stimulus_encoder.backward(of_seen.contiguous(), of_stimulus)
        self._outer.encode_backward(inputs, self._encoder.backward(gradient, of_encoder), of_encoder.of_projections)
        moments = {**self._encoder.moments(), **self._evolver.moments(), **self._decoder.moments()}
        return losses, moments

    def _evolve(self, z: Tensor, seen: Tensor | None) -> tuple[list[Tensor], list[Tape]]:
        """Run the evolver step by step from latents `[S, B, L]`.

        Returns:
            The latents at each multiple of `evolve_steps`, and the tape of each step.
        """
        evolved, tapes = [], []
        driven = None if self._driven is None or seen is None else self._driven.drive(seen, self._horizon)
        for step in range(self._horizon):
            tapes.append(Tape())
            if self._driven is not None and driven is not None:
                first, projections = self._driven.forward(z, driven[step], tapes[-1])
                change = self._evolver.forward(first, tapes[-1], projections, call=step)
            else:
                given = z if seen is None else torch.cat((z, seen), dim=2)
                change = self._evolver.forward(given, tapes[-1], call=step)
            z = z + change
            if (step + 1) % self._apart == 0:
                evolved.append(z)
        return evolved, tapes

    def _evolve_backward(
        self, arriving: list[Tensor], tapes: list[Tape], seen: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Go the steps of `_evolve` back, from the gradients of what it returned and, last, of the latents at t.

        Returns:
            The gradients `[S, B, L]` of the latents at t, and `[S, k B, M]` of what a stimulus encoder gave.
        """
        *of_evolved, of_plain = arriving
        gradient = of_evolved[-1] if of_evolved else of_plain
        of_driven: list[Sequence[Tensor]] = []
        of_seen = None
        for step in range(self._horizon - 1, -1, -1):
            tape, add = tapes[step], step < self._horizon - 1
            of_given = self._evolver.backward(gradient, tape, add=add)
            if self._driven is not None:
                of_latents, of_layers = self._driven.backward(of_given, tape, add=add)
                of_driven.insert(0, of_layers)
            else:
                of_latents, of_seen = of_given[:, :, : self._latent_dims], of_given[:, :, self._latent_dims :]
            if step == 0:
                gradient = gradient + of_plain
            elif step % self._apart == 0:
                gradient = gradient + of_evolved[step // self._apart - 1]
            gradient = gradient + of_latents
        if self._driven is not None and seen is not None:
            of_whole = self._driven.drive_backward(seen, of_driven)
            of_seen = None if self._stimulus_encoder is None else self._driven.seen_backward(of_whole)
        return gradient, of_seen

    def _see(self, rows: Tensor, z: Tensor, tape: Tape) -> Tensor | None:
        """Fetch the stimulus of each step, or what its encoder makes of it, `[S, k B, M]` in the type of `z`."""
        if self._stimulus is None or self._horizon == 0:
            return None
        needed = rows if self._horizon == 1 else (rows.unsqueeze(1) + self._later).flatten(1)
        seen = self._stimulus.index_select(0, needed.flatten()).view(*needed.shape, -1).to(z.dtype)
        return seen if self._stimulus_encoder is None else self._stimulus_encoder.forward(seen, tape)
