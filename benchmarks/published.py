"""The published training step, written afresh from its description: what ours is measured against.

One seed. The encoder is evaluated twice, the reconstruction is a pass of its own, L1 is a Python loop over the
parameters, Adam is neither fused nor grouped, and the loss is read back after every batch.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


class PublishedModel(nn.Module):
    """Encoder, evolver and decoder of three hidden layers with batch norm.

    Args:
        neurons: N.
        hidden_units: H, also the size of the latent state.
        use_batch_norm: As published; False leaves it out.
    """

    def __init__(self, neurons: int, hidden_units: int = 256, *, use_batch_norm: bool = True) -> None:
        super().__init__()
        hidden = [hidden_units] * 3
        self.encoder = build_perceptron([neurons, *hidden, hidden_units], use_batch_norm=use_batch_norm)
        self.evolver = build_perceptron([hidden_units, *hidden, hidden_units], use_batch_norm=use_batch_norm)
        self.decoder = build_perceptron([hidden_units, *hidden, neurons], use_batch_norm=use_batch_norm)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Predict `x[t+1]` and reconstruct `x[t]`, both `[B, N]`."""
        z = self.encoder(x)
        prediction = self.decoder(z + self.evolver(z))
        return prediction, self.decoder(self.encoder(x))


def build_perceptron(widths: list[int], *, use_batch_norm: bool) -> nn.Sequential:
    """Stack linear layers; batch norm, where it is on, and ReLU follow each but the last."""
    modules: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths[:-1]):
        norm = [nn.BatchNorm1d(fan_out)] if use_batch_norm else []
        modules += [nn.Linear(fan_in, fan_out), *norm, nn.ReLU()]
    return nn.Sequential(*modules, nn.Linear(widths[-2], widths[-1]))


class PublishedTraining:
    """One seed's training on one device.

    Args:
        voltages: `[T, N]` on the device.
        batch_size: B.
        compiled: Compile the model with `mode="reduce-overhead"`.
        l1: Weight of the penalty; the loop runs whatever it is.
        hidden_units: H.
        use_batch_norm: As published.
    """

    def __init__(
        self,
        voltages: Tensor,
        batch_size: int,
        *,
        compiled: bool = False,
        l1: float = 0.0,
        hidden_units: int = 256,
        use_batch_norm: bool = True,
    ) -> None:
        model = PublishedModel(voltages.shape[1], hidden_units, use_batch_norm=use_batch_norm).to(voltages.device)
        self._parameters = list(model.parameters())
        self._model = torch.compile(model, mode="reduce-overhead") if compiled else model
        self._optimizer = torch.optim.Adam(self._parameters, lr=1e-3, foreach=False, fused=False)
        self._voltages, self._batch_size, self._l1 = voltages, batch_size, l1
        self._generator = torch.Generator(voltages.device).manual_seed(0)

    def run(self, steps: int) -> float:
        """Do some steps; return the sum of their losses."""
        total = 0.0
        for _ in range(steps):
            total += self._step()
        return total

    def _step(self) -> float:
        shape = (self._batch_size,)
        device = self._voltages.device
        rows = torch.randint(0, len(self._voltages) - 1, shape, generator=self._generator, device=device)
        x, following = self._voltages[rows], self._voltages[rows + 1]
        self._optimizer.zero_grad()
        prediction, reconstruction = self._model(x)
        loss = functional.mse_loss(prediction, following) + functional.mse_loss(reconstruction, x)
        for parameter in self._parameters:
            loss = loss + self._l1 * parameter.abs().sum()
        loss.backward()
        self._optimizer.step()
        return float(loss.item())
