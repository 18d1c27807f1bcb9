"""One seed's share of the stacked tensors, as named tensors that can be saved and read back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from model.network.layout import Layout
from model.network.network import Network
from model.training.step import SeedTensors


@dataclass(frozen=True)
class SeedState:
    """Moves rows between the stacked tensors and nested dicts.

    The dict of a seed holds `parameters` and each of `moments` by parameter name, `statistics` by statistic name, and,
    with EMA, `average_parameters` and `average_statistics`. Shapes are those of `Network.parameters` and
    `Network.statistics`, without the seed axis.

    Attributes:
        network: Knows the layouts.
        tensors: Rows to copy from or into.
        moments: The optimizer's `[S, P]` tensors by name.
    """

    network: Network
    tensors: SeedTensors
    moments: Mapping[str, Tensor]

    def unpack(self, row: int) -> dict[str, dict[str, Any]]:
        """Copy one seed's row out; the copies own their memory."""
        moments = {name: self.network.parameters.unpack(flat[row]) for name, flat in self.moments.items()}
        sections = {name: layout.unpack(flat[row]) for name, (layout, flat) in self._sections().items()}
        return {**sections, "moments": moments}

    def pack(self, row: int, saved: Mapping[str, Any]) -> None:
        """Copy one seed's dict into its row.

        Raises:
            ValueError: The dict is of another configuration.
        """
        pairs = [(flat, layout, saved.get(name)) for name, (layout, flat) in self._sections().items()]
        parameters, moments = self.network.parameters, saved.get("moments", {})
        pairs += [(flat, parameters, moments.get(name)) for name, flat in self.moments.items()]
        for flat, layout, named in pairs:
            if named is None:
                raise ValueError("state: is of another optimizer or another choice of EMA than the configuration")
            flat[row] = layout.pack(named).to(flat.device)

    def _sections(self) -> dict[str, tuple[Layout, Tensor]]:
        """Section name to its layout and stacked tensor."""
        parameters, statistics = self.network.parameters, self.network.statistics
        sections = {
            "parameters": (parameters, self.tensors.parameters),
            "statistics": (statistics, self.tensors.running),
        }
        if self.tensors.average is not None:
            sections["average_parameters"] = (parameters, self.tensors.average[0])
            sections["average_statistics"] = (statistics, self.tensors.average[1])
        return sections
