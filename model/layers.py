"""Linear layers and activations of S seeds, forward and backward by hand.

PyTorch's autograd would allocate every gradient anew and copy it into the flat vector; here each product is written
where it belongs. Activations are `[S, R, H]` stored rows first (as `[R, S, H]`), which batch norm reads without a copy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

Backward = Callable[[Tensor, Tensor, Tensor], Tensor]
_backward = torch.ops.aten

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "gelu": functional.gelu,
    "tanh": torch.tanh,
    "silu": functional.silu,
    "elu": functional.elu,
}

# Gradient after the activation, its input, its output; returns the gradient before it.
ACTIVATION_GRADIENTS: Mapping[str, Backward] = {
    "relu": lambda gradient, _, output: _backward.threshold_backward(gradient, output, 0),
    "gelu": lambda gradient, given, _: _backward.gelu_backward(gradient, given),
    "tanh": lambda gradient, _, output: _backward.tanh_backward(gradient, output),
    "silu": lambda gradient, given, _: _backward.silu_backward(gradient, given),
    "elu": lambda gradient, given, _: _backward.elu_backward(gradient, 1.0, 1.0, 1.0, False, given),
}


@dataclass(frozen=True)
class Linear:
    """One linear layer of all seeds.

    Attributes:
        weight: `[S, in, out]`, in the type of the matrix products.
        bias: `[S, 1, out]`, likewise.
        weight_gradient: View of the flat gradient that `backward` fills.
        bias_gradient: The same.
    """

    weight: Tensor
    bias: Tensor
    weight_gradient: Tensor
    bias_gradient: Tensor

    def forward(self, a: Tensor) -> Tensor:
        """Map `[S, R, in]` to `[S, R, out]`."""
        if torch.compiler.is_compiling():
            return torch.baddbmm(self.bias, a, self.weight)
        return torch.baddbmm(self.bias, a, self.weight, out=_empty_rows(a, self.weight.shape[2]))

    def backward(self, a: Tensor, gradient: Tensor, *, normalised: bool) -> None:
        """Fill the gradients from the input `a` and the gradient `[S, R, out]` of the output.

        Where batch norm follows, the mean that it subtracts cancels the bias: its gradient is zero.
        """
        write_product(self.weight_gradient, a.transpose(1, 2), gradient)
        if normalised:
            self.bias_gradient.zero_()
        else:
            sum_rows(self.bias_gradient, gradient)

    def backward_input(self, gradient: Tensor) -> Tensor:
        """Give the gradient `[S, R, in]` of the input."""
        transposed = self.weight.transpose(1, 2)
        if torch.compiler.is_compiling():
            return torch.bmm(gradient, transposed)
        out = _empty_rows(gradient, transposed.shape[2])
        if gradient.dtype == torch.bfloat16 and not gradient.is_cuda:
            # oneDNN's batched product with a transposed strided weight is five times slower than one after the other
            for seed in range(len(gradient)):
                torch.mm(gradient[seed], transposed[seed], out=out[seed])
            return out
        return torch.bmm(gradient, transposed, out=out)


def write_product(out: Tensor, left: Tensor, right: Tensor, scale: float = 1.0) -> None:
    """Write `scale * left @ right` into `out`, which may be wider than the factors and strided between seeds."""
    if out.dtype == left.dtype and not torch.compiler.is_compiling():
        torch.baddbmm(out, left, right, beta=0, alpha=scale, out=out)
    elif scale == 1.0:
        out.copy_(torch.bmm(left, right))
    else:
        out.copy_(torch.bmm(left, right).mul_(scale))


def sum_rows(out: Tensor, gradient: Tensor) -> None:
    """Write the sum over rows of `[S, R, out]` into `[S, 1, out]`."""
    if torch.compiler.is_compiling():
        out.copy_(gradient.sum(dim=1, keepdim=True, dtype=out.dtype))
    else:
        torch.sum(gradient, dim=1, keepdim=True, dtype=out.dtype, out=out)


def _empty_rows(a: Tensor, width: int) -> Tensor:
    """`[S, R, width]` for the result of a layer that reads `a`, stored rows first."""
    return a.new_empty(a.shape[1], a.shape[0], width).transpose(0, 1)
