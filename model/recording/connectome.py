"""The fly visual system's wiring: cell types in columns, unrolled on a hexagonal grid.

Letters: N neurons, K cell-type pairs, O (pair, column offset) entries, M photoreceptors.

Source of the wiring: flyvis 1.2.0 (MIT), Lappalainen et al., Nature 2024,
doi:10.1038/s41586-024-07939-3; see ``model/data/README.md``.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MAX_EXTENT = 15
"""Radius in columns that the reconstruction is meant for: 15 gives 721 columns, about one eye."""

_STRENGTH = 0.01
"""Strength of a cell-type pair at its mean synapse count, in units of activity (Lappalainen et al. 2024)."""


@dataclass(frozen=True)
class Wiring:
    """What the reconstruction says about cell types, before any grid is laid out.

    Attributes:
        type_name: ``[65]`` cell-type names.
        type_stride: ``[65, 2]`` a type stands in columns whose ``u`` and ``v`` these divide.
        input_type: ``[8]`` indices of the types that see light (R1 to R8).
        pair_source: ``[K]`` presynaptic type of each pair.
        pair_target: ``[K]`` postsynaptic type of each pair.
        pair_sign: ``[K]`` +1 excites, -1 inhibits.
        offset_pair: ``[O]`` the pair that an entry belongs to.
        offset_uv: ``[O, 2]`` target column minus source column.
        offset_count: ``[O]`` mean number of synapses, > 0.
    """

    type_name: NDArray[np.str_]
    type_stride: NDArray[np.int64]
    input_type: NDArray[np.int64]
    pair_source: NDArray[np.int64]
    pair_target: NDArray[np.int64]
    pair_sign: NDArray[np.int64]
    offset_pair: NDArray[np.int64]
    offset_uv: NDArray[np.int64]
    offset_count: NDArray[np.float64]


@dataclass(frozen=True)
class Circuit:
    """One network on one grid, ready to simulate.

    Attributes:
        connections: ``[E]`` float32 sign x count x strength of each connection, ``[E]`` its target, ``[E]`` its source.
        neuron_type: ``[N]`` cell type of each neuron; neurons of a type are adjacent, columns in order.
        neuron_uv: ``[N, 2]`` hexagonal coordinates of each neuron's column.
        photoreceptors: ``[M]`` indices of the neurons that see light; they are 0 .. M-1.
    """

    connections: tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]
    neuron_type: NDArray[np.int64]
    neuron_uv: NDArray[np.int64]
    photoreceptors: NDArray[np.int64]

    @property
    def neurons(self) -> int:
        """N, the number of neurons."""
        return len(self.neuron_type)

    @cached_property
    def weights(self) -> "csr_matrix[np.float32]":
        """``[N, N]`` float32 CSR: ``weights[i, j]`` is of the connection from neuron j to neuron i."""
        from scipy.sparse import csr_matrix  # takes a while to import, and only a simulation needs it

        weight, target, source = self.connections
        return csr_matrix((weight, (target, source)), shape=(self.neurons, self.neurons), dtype=np.float32)


@cache
def load_wiring() -> Wiring:
    """Read the wiring that ships with the package (no pickles; about 13 KB)."""
    with as_file(files("model.data") / "connectome.npz") as path, np.load(path, allow_pickle=False) as arrays:
        fields: dict[str, Any] = {
            name: array.astype(np.int64) if array.dtype.kind == "i" else array for name, array in arrays.items()
        }
    return Wiring(**fields)


def hexagon(extent: int) -> NDArray[np.int64]:
    """Columns ``(u, v)`` of a hexagonal grid of radius ``extent``, sorted by ``u`` then ``v``.

    Returns:
        ``[3 e (e + 1) + 1, 2]`` axial coordinates, ``|u| <= e``, ``|v| <= e``, ``|u + v| <= e``.
    """
    e = extent
    return np.array([(u, v) for u in range(-e, e + 1) for v in range(max(-e, -e - u), min(e, e - u) + 1)])


@cache
def unroll(extent: int) -> Circuit:
    """Lay the wiring out on a grid of radius ``extent`` columns.

    A type stands in every column that its stride divides; an edge with offset ``(du, dv)`` joins its
    source at ``(u, v)`` to its target at ``(u + du, v + dv)`` where both stand. A connection's weight is
    ``sign x count x 0.01 / mean count of its pair``.

    Args:
        extent: grid radius in columns, 1 .. 15. Extent 1 has 443 neurons, extent 8 has 13,741.

    Raises:
        ValueError: ``extent`` is out of range.

    Source: Lappalainen et al. 2024, Methods ("Neuronal and synaptic dynamics").
    """
    if not 1 <= extent <= MAX_EXTENT:
        raise ValueError(f"extent: got {extent}, allowed are whole numbers from 1 to {MAX_EXTENT}")
    wiring = load_wiring()
    columns = hexagon(extent)
    stands = (columns[None, :, :] % wiring.type_stride[:, None, :] == 0).all(axis=2)  # [65, C]
    neuron_type, neuron_column = np.nonzero(stands)
    # number[type, u + e, v + e] is the neuron standing there, or -1; the margin catches offsets that leave the grid.
    margin = extent + int(np.abs(wiring.offset_uv).max())
    number = np.full((len(wiring.type_name), 2 * margin + 1, 2 * margin + 1), -1)
    uv = columns[neuron_column]
    number[neuron_type, uv[:, 0] + margin, uv[:, 1] + margin] = np.arange(len(neuron_type))

    pair = wiring.offset_pair
    at = columns[None, :, :] + margin  # [1, C, 2]
    to = at + wiring.offset_uv[:, None, :]  # [O, C, 2]
    source = number[wiring.pair_source[pair][:, None], at[..., 0], at[..., 1]]
    target = number[wiring.pair_target[pair][:, None], to[..., 0], to[..., 1]]
    mean_count = np.bincount(pair, wiring.offset_count) / np.bincount(pair)
    weight = wiring.pair_sign[pair] * wiring.offset_count * _STRENGTH / mean_count[pair]
    entry, column = np.nonzero((source >= 0) & (target >= 0))
    connections = (weight[entry].astype(np.float32), target[entry, column], source[entry, column])
    photoreceptors = np.flatnonzero(np.isin(neuron_type, wiring.input_type))
    return Circuit(connections, neuron_type, uv, photoreceptors)
