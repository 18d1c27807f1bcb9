"""The two layers as wide as the recording: gather, first product, last product with the loss, and their gradients.

At N = 13,741 nearly all time goes here. On a CPU the decoder's output is never whole: it is made in tiles that stay
near the core, and each tile is turned into error, loss and gradients before the next. Seeds whose outputs do not fit
into one tile take turns, which is as fast as training them alone; small recordings take all seeds at once.
"""

import torch
from torch import Tensor

from model.layers import Linear, sum_rows, write_product

# Elements of the decoder's output made at once. CPU: 4 MiB, the fastest of 2**17 to 2**21 (docs/speed.md); GPU: large
# products are the fast ones, the limit only bounds memory.
TILE = {"cpu": 2**20, "cuda": 2**28}
NARROWEST_TILE = 256


class OuterLayers:
    """First layer of the encoder and last layer of the decoder, with the loss between prediction and recording.

    Args:
        voltages: `[T, N]` on the device.
        first: The encoder's first layer.
        last: The decoder's last layer.
        first_normalised: Batch norm follows the first layer.
        batch_size: B.
    """

    def __init__(
        self, voltages: Tensor, first: Linear, last: Linear, *, first_normalised: bool, batch_size: int
    ) -> None:
        self._voltages, self._first, self._last = voltages, first, last
        self._first_normalised = first_normalised
        seeds, neurons = len(first.weight), voltages.shape[1]
        decoded, tile = 2 * batch_size * neurons, TILE[voltages.device.type]
        turn = min(seeds, max(1, tile // decoded))
        self._turns = [slice(start, min(start + turn, seeds)) for start in range(0, seeds, turn)]
        columns = neurons if turn > 1 else min(neurons, max(NARROWEST_TILE, tile // (2 * batch_size)))
        self._tiles = [slice(start, min(start + columns, neurons)) for start in range(0, neurons, columns)]
        self._gathered = voltages.new_empty(turn * batch_size * 2, neurons)
        product_type = first.weight.dtype
        self._narrow = None if product_type == voltages.dtype else self._gathered.new_empty(0, dtype=product_type)
        self._error = voltages.new_empty(turn * 2 * batch_size * columns, dtype=product_type)
        self._scale = 2 / (batch_size * neurons)

    def encode(self, rows: Tensor) -> Tensor:
        """Apply the encoder's first layer to the voltages at `rows`, int64 `[S, B]`; return `[S, B, H]`."""
        out = [_select(self._first, turn).forward(self._inputs(rows, turn, fresh=True)) for turn in self._turns]
        return out[0] if len(out) == 1 else torch.cat([one.transpose(0, 1) for one in out], dim=1).transpose(0, 1)

    def encode_backward(self, rows: Tensor, gradient: Tensor) -> None:
        """Fill the first layer's gradients from the gradient `[S, B, H]` of its output; after `decode`."""
        for turn in self._turns:
            inputs = self._inputs(rows, turn, fresh=len(self._turns) > 1)
            _select(self._first, turn).backward(inputs, gradient[turn], normalised=self._first_normalised)

    def decode(self, rows: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Predict, compare with the recording, and fill the last layer's gradients; after `encode`.

        The derivative of the two mean squared errors after the decoder is `2 (decoded - target) / (B N)`.

        Args:
            rows: int64 `[S, B]`.
            hidden: `[S, 2 B, H]`, the last layer's input; rows are (b, prediction then reconstruction).

        Returns:
            Mean squared errors `[S, 2]` of prediction and reconstruction, and the gradient `[S, 2 B, H]` of `hidden`.
        """
        losses, gradients = [], []
        for turn in self._turns:
            targets = self._gather(rows[turn]) if len(self._turns) > 1 else self._gathered
            squares, gradient = self._decode_turn(turn, targets.view(len(rows[turn]), -1, targets.shape[1]), hidden)
            losses.append(squares.view(len(squares), -1, 2).sum(dim=1).mul_(self._scale / 2))
            gradients.append(gradient)
        return (losses[0], gradients[0]) if len(losses) == 1 else (torch.cat(losses), torch.cat(gradients))

    def _decode_turn(self, turn: slice, targets: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Decode some seeds, tile by tile; return squared errors `[s, 2 B]` summed over N, and the gradient."""
        last, hidden = _select(self._last, turn), hidden[turn]
        seeds, rows = targets.shape[:2]
        squares = torch.zeros(seeds, rows, dtype=last.weight_gradient.dtype, device=targets.device)
        gradient = torch.empty_like(hidden)
        for tile in self._tiles:
            weight = last.weight[:, :, tile]
            error = self._error[: seeds * rows * weight.shape[2]].view(seeds, rows, -1)
            torch.sub(last.bias[:, :, tile], targets[:, :, tile], out=error)
            error.baddbmm_(hidden, weight)
            squares += torch.linalg.vector_norm(error, dim=2, dtype=squares.dtype).square_()
            write_product(last.weight_gradient[:, :, tile], hidden.transpose(1, 2), error, self._scale)
            sum_rows(last.bias_gradient[:, :, tile], error)
            kept = 1 if tile.start else 0
            gradient.baddbmm_(error, weight.transpose(1, 2), beta=kept, alpha=self._scale)
        last.bias_gradient.mul_(self._scale)
        return squares, gradient

    def _inputs(self, rows: Tensor, turn: slice, *, fresh: bool) -> Tensor:
        """Voltages `[s, B, N]` at t of the seeds whose turn it is, in the type of the matrix products."""
        rows = rows[turn]
        gathered = self._gather(rows) if fresh else self._gathered
        inputs = gathered.view(*rows.shape, 2, -1)[:, :, 1]
        if self._narrow is None:
            return inputs
        if fresh:
            self._narrow.resize_(inputs.shape).copy_(inputs)
        return self._narrow

    def _gather(self, rows: Tensor) -> Tensor:
        """Voltages at t + 1 and t, `[s B 2, N]`, in memory that is used again."""
        both = torch.stack((rows + 1, rows), dim=2).flatten()
        return torch.index_select(self._voltages, 0, both, out=self._gathered[: len(both)])


def _select(linear: Linear, turn: slice) -> Linear:
    """Look at some seeds' share of a layer."""
    tensors = (linear.weight, linear.bias, linear.weight_gradient, linear.bias_gradient)
    return Linear(*(tensor[turn] for tensor in tensors))
