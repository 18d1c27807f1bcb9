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

    def forward(self, a: Tensor, *, normalised: bool) -> Tensor:
        """Map `[S, R, in]` to `[S, R, out]`.

        Where batch norm follows, the bias is left out: it would be subtracted with the mean, after it has cost
        digits. `BatchNorm.moments` puts it back.
        """
        if normalised:
            if writes_in_place(self.weight_gradient, a):
                return torch.bmm(a, self.weight, out=_empty_rows(a, self.weight.shape[2]))
            return multiply(a, self.weight)
        if writes_in_place(self.weight_gradient, a):
            return torch.baddbmm(self.bias, a, self.weight, out=_empty_rows(a, self.weight.shape[2]))
        if len(a) == 1:
            return torch.addmm(self.bias[0], a[0], self.weight[0]).unsqueeze(0)
        return torch.baddbmm(self.bias, a, self.weight)

    def backward(self, a: Tensor, gradient: Tensor, *, normalised: bool, add: bool = False) -> None:
        """Fill the gradients, or add to them, from the input `a` and the gradient `[S, R, out]` of the output.

        Where batch norm follows, the mean that it subtracts cancels the bias: its gradient is zero.
        """
        if add:
            add_product(self.weight_gradient, a.transpose(1, 2), gradient)
        else:
            write_product(self.weight_gradient, a.transpose(1, 2), gradient)
        if normalised:
            self.bias_gradient.zero_()
        elif add:
            self.bias_gradient.add_(gradient.sum(dim=1, keepdim=True, dtype=self.bias_gradient.dtype))
        else:
            sum_rows(self.bias_gradient, gradient)

    def backward_input(self, gradient: Tensor) -> Tensor:
        """Give the gradient `[S, R, in]` of the input."""
        transposed = self.weight.transpose(1, 2)
        if writes_in_place(self.weight_gradient, gradient):
            return torch.bmm(gradient, transposed, out=_empty_rows(gradient, transposed.shape[2]))
        return multiply(gradient, transposed)


def writes_in_place(out: Tensor, factor: Tensor) -> bool:
    """Say whether products may go straight into a strided result.

    Not into one of another type; and a compiler wants plain functions.
    """
    return out.dtype == factor.dtype and not torch.compiler.is_compiling()


def multiply(left: Tensor, right: Tensor) -> Tensor:
    """Multiply `[S, a, b]` by `[S, b, c]`; one seed as plain matrices, which oneDNN then takes without a copy."""
    return torch.mm(left[0], right[0]).unsqueeze(0) if len(left) == 1 else torch.bmm(left, right)


def write_product(out: Tensor, left: Tensor, right: Tensor, scale: float = 1.0) -> None:
    """Write `scale * left @ right` into `out`, which may be wider than the factors and strided between seeds."""
    if writes_in_place(out, left):
        torch.baddbmm(out, left, right, beta=0, alpha=scale, out=out)
        return
    product = multiply(left, right)
    out.copy_(product if scale == 1.0 else product.mul_(scale))


def add_product(out: Tensor, left: Tensor, right: Tensor, scale: float = 1.0) -> None:
    """Add `scale * left @ right` to `out`; in the type of `out`, even where the product's is narrower."""
    if out.dtype != left.dtype:
        out.add_(multiply(left, right), alpha=scale)
    elif len(out) == 1:
        out[0].addmm_(left[0], right[0], alpha=scale)
    else:
        out.baddbmm_(left, right, alpha=scale)


def sum_rows(out: Tensor, gradient: Tensor) -> None:
    """Write the sum over rows of `[S, R, out]` into `[S, 1, out]`."""
    if torch.compiler.is_compiling():
        out.copy_(gradient.sum(dim=1, keepdim=True, dtype=out.dtype))
    else:
        torch.sum(gradient, dim=1, keepdim=True, dtype=out.dtype, out=out)


def _empty_rows(a: Tensor, width: int) -> Tensor:
    """`[S, R, width]` for the result of a layer that reads `a`, stored rows first."""
    return a.new_empty(a.shape[1], a.shape[0], width).transpose(0, 1)
