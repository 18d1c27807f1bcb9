"""One flat vector per seed, and the named tensors inside it.

All parameters of a training live in one `[S, P]` tensor. Optimizer, clipping, L1 and averaging are then single
vector operations, and a seed's state is one row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

import torch
from torch import Tensor

ALIGNMENT = 16  # elements: 64 bytes in float32, so that each matrix starts where vector loads are fast


@dataclass(frozen=True)
class Layout:
    """Names and shapes of the tensors that make up one seed's vector, in order.

    Attributes:
        shapes: Name to shape of one seed's tensor, without the seed axis.
    """

    shapes: Mapping[str, tuple[int, ...]]

    @cached_property
    def offsets(self) -> dict[str, int]:
        """Where each tensor starts in the vector."""
        offsets, end = {}, 0
        for name, shape in self.shapes.items():
            offsets[name] = end
            end += -(-prod(shape) // ALIGNMENT) * ALIGNMENT
        return offsets

    @cached_property
    def size(self) -> int:
        """Length P of the vector, padding included; padding is zero and stays zero."""
        return sum(-(-prod(shape) // ALIGNMENT) * ALIGNMENT for shape in self.shapes.values())

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Look into a flat tensor by name.

        Args:
            flat: `[S, P]`.

        Returns:
            Name to `[S, in, out]` for matrices and `[S, 1, out]` for vectors, sharing `flat`'s memory.
        """
        views = {}
        for name, shape in self.shapes.items():
            start = self.offsets[name]
            matrix = (1, *shape) if len(shape) == 1 else shape
            views[name] = flat[:, start : start + prod(shape)].view(-1, *matrix)
        return views

    def span(self, part: str) -> slice:
        """Where the tensors of one part lie in the vector, the padding between them included."""
        own = [name for name in self.shapes if name.startswith(f"{part}.")]
        return slice(self.offsets[own[0]], self.offsets[own[-1]] + prod(self.shapes[own[-1]]))

    def count(self, part: str) -> int:
        """How many numbers one part has."""
        return sum(prod(shape) for name, shape in self.shapes.items() if name.startswith(f"{part}."))

    def unpack(self, row: Tensor) -> dict[str, Tensor]:
        """Copy one seed's vector `[P]` into named CPU tensors that own their memory."""
        named = self.views(row.unsqueeze(0))
        return {
            name: view.detach()
            .reshape(self.shapes[name])
            .to("cpu", copy=True)
            .clone(memory_format=torch.contiguous_format)
            for name, view in named.items()
        }

    def pack(self, named: Mapping[str, Tensor]) -> Tensor:
        """Copy named tensors into one seed's vector `[P]`, on the CPU.

        Raises:
            ValueError: A tensor is missing, superfluous or of another shape: the state is of another model.
        """
        saved = {name: tuple(tensor.shape) for name, tensor in named.items()}
        if saved != dict(self.shapes):
            name = next(n for n in [*self.shapes, *saved] if saved.get(n) != self.shapes.get(n))
            raise ValueError(
                f"the saved state is of another model: {name} has shape {saved.get(name)}, "
                f"this configuration needs {self.shapes.get(name)}"
            )
        row = torch.zeros(self.size)
        for name, view in self.views(row.unsqueeze(0)).items():
            view.copy_(named[name].reshape(view.shape))
        return row
