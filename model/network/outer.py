"""The two layers as wide as the recording: gather, first product, last product with the loss, and their gradients.

At N = 13,741 nearly all time goes here. On a CPU the decoder's output is never whole: it is made in tiles that stay
near the core, and each tile is turned into error, loss and gradients before the next.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from model.network.layers import Linear, add_product, sum_rows, write_product, writes_in_place
from model.network.losses import Loss
from model.network.skips import InputSkips

# Elements of the decoder's output made at once. CPU: 4 MiB stay near the core. GPU: large products are the fast ones,
# and the limit only bounds memory.
TILE = {"cpu": 2**20, "cuda": 2**28}
NARROWEST_TILE = 256
GATHERED = {"cpu": 2**18, "cuda": 2**28}  # elements gathered before they are rounded to another type


class Workspace:
    """Memory that is used again at every step: new pages cost more than the arithmetic that fills them."""

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, torch.dtype], Tensor] = {}

    def take(self, name: str, like: Tensor, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
        """Give uninitialised memory of this shape on the device of `like`; what had this name before is lost."""
        dtype = like.dtype if dtype is None else dtype
        if (
            torch.compiler.is_compiling()
        ):  # a compiler plans memory itself, and would compile anew when a buffer appears
            return torch.empty(shape, dtype=dtype, device=like.device)
        size = torch.Size(shape).numel()
        buffer = self._buffers.get((name, dtype))
        if buffer is None or len(buffer) < size:
            buffer = self._buffers[name, dtype] = torch.empty(size, dtype=dtype, device=like.device)
        return buffer[:size].view(shape)


class OuterLayers:
    """First layer of the encoder and last layer of the decoder, with the loss between prediction and recording.

    Args:
        voltages: `[T, N]` on the device.
        first: The encoder's first layer.
        last: The decoder's last layer.
        first_normalised: Batch norm follows the first layer.
        ahead: Time steps from a row to those that are predicted from it, A of them.
        skips: The encoder's projections of its input, if there are any.
        loss: Between prediction and recording.
        workspace: May be shared with others that run at another time.
    """

    def __init__(
        self,
        voltages: Tensor,
        first: Linear,
        last: Linear,
        *,
        first_normalised: bool,
        ahead: Sequence[int],
        skips: InputSkips | None,
        loss: Loss,
        workspace: Workspace,
    ) -> None:
        self._voltages, self._first, self._last = voltages, first, last
        self._first_normalised = first_normalised
        self._ahead, self._skips, self._loss = ahead, skips, loss
        self._workspace = workspace

    def gather(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Fetch a batch in the type of the matrix products.

        Args:
            rows: int64 `[S, B]`, the time steps t.

        Returns:
            Targets `[S, B, A + 1, N]`, voltages at what is predicted and at t, and inputs `[S, B, N]`, voltages at t;
            in memory that the next call uses again.
        """
        needed = torch.stack((*(rows + ahead for ahead in self._ahead), rows), dim=2).flatten()
        neurons, product_type = self._voltages.shape[1], self._first.weight.dtype
        if torch.compiler.is_compiling():
            targets = self._voltages.index_select(0, needed).to(product_type).view(*rows.shape, -1, neurons)
            return targets, targets[:, :, -1]
        flat = self._workspace.take("targets", self._first.weight, len(needed), neurons)
        if self._voltages.dtype == product_type:
            torch.index_select(self._voltages, 0, needed, out=flat)
        else:
            self._gather_rounded(needed, flat)
        targets = flat.view(*rows.shape, -1, neurons)
        if product_type == self._first.weight_gradient.dtype:
            return targets, targets[:, :, -1]
        return targets, self._workspace.take("inputs", flat, *rows.shape, neurons).copy_(targets[:, :, -1])

    def _gather_rounded(self, rows: Tensor, out: Tensor) -> None:
        """Gather and round, in blocks that stay near the core in between."""
        neurons = out.shape[1]
        block = max(1, GATHERED[out.device.type] // neurons)
        wide = self._workspace.take("wide", self._voltages, min(block, len(rows)), neurons)
        for start in range(0, len(rows), block):
            picked = rows[start : start + block]
            out[start : start + block].copy_(torch.index_select(self._voltages, 0, picked, out=wide[: len(picked)]))

    def encode(self, inputs: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """Apply the encoder's first layer to a batch's inputs `[S, B, N]`.

        Returns:
            `[S, B, H]`, and the projections of the inputs for the other layers, `[S, B, H]` each.
        """
        projections = () if self._skips is None else self._skips.forward(inputs)
        return self._first.forward(inputs, normalised=self._first_normalised), projections

    def encode_backward(self, inputs: Tensor, gradient: Tensor, of_projections: Sequence[Tensor]) -> None:
        """Fill the gradients from those of what `encode` returned."""
        self._first.backward(inputs, gradient, normalised=self._first_normalised)
        if self._skips is not None:
            self._skips.backward(inputs, of_projections)

    def decode(self, targets: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Predict, compare with the recording, and fill the last layer's gradients.

        The derivative of the mean losses after the decoder is, for mean squared errors, `2 (decoded - target) / (B N)`;
        see `model.network.losses` for the others. The loss of prediction is the mean over the A rows predicted,
        and 0 where none is.

        Args:
            targets: `[S, B, A + 1, N]`, voltages at what is predicted and at t.
            hidden: `[S, (A + 1) B, H]`, the last layer's input; rows are (b, predictions then reconstruction).

        Returns:
            Mean losses `[S, 2]` of prediction and reconstruction, and the gradient `[S, (A + 1) B, H]` of `hidden`.
        """
        groups = targets.shape[2]
        last, targets = self._last, targets.flatten(1, 2)
        seeds, rows, neurons = targets.shape
        scale = groups * self._loss.slope / (rows * neurons)
        sums = torch.zeros(seeds, rows, dtype=last.weight_gradient.dtype, device=targets.device)
        gradient = torch.zeros_like(hidden, dtype=sums.dtype)
        packed = not writes_in_place(last.weight_gradient, hidden)
        width = max(NARROWEST_TILE, TILE[targets.device.type] // (seeds * rows))
        for start in range(0, neurons, width):
            tile = slice(start, min(start + width, neurons))
            weight = last.weight[:, :, tile].contiguous() if packed else last.weight[:, :, tile]
            error = self._workspace.take("error", hidden, seeds, rows, weight.shape[2])
            torch.sub(last.bias[:, :, tile], targets[:, :, tile], out=error)
            add_product(error, hidden, weight)
            sums += self._loss.take(error, sums.dtype)
            if groups > 2:
                error.view(seeds, -1, groups, error.shape[2])[:, :, :-1].div_(groups - 1)
            write_product(last.weight_gradient[:, :, tile], hidden.transpose(1, 2), error, scale)
            sum_rows(last.bias_gradient[:, :, tile], error)
            add_product(gradient, error, weight.transpose(1, 2), scale)
        last.bias_gradient.mul_(scale)
        losses = sums.view(seeds, -1, groups).sum(dim=1).mul_(groups / (rows * neurons))
        if groups == 1:
            losses = torch.cat((torch.zeros_like(losses), losses), dim=1)
        elif groups > 2:
            losses = torch.stack((losses[:, :-1].mean(dim=1), losses[:, -1]), dim=1)
        return losses, gradient.to(hidden.dtype)
