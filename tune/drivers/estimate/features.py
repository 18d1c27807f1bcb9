"""What of a setting the time of an epoch may depend on: how far each parameter lies from the middle, on its scale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any, Protocol, Self

import numpy as np

from tune.study.coordinates import positions
from tune.study.space import Parameter
from tune.study.values import frozen

_MOVED_SD = 3.0  # of an effect of a parameter that a probe has moved; e^3 is twenty times as long
_BEND_SD = 0.5  # of how much the two ways from the middle differ
_UNMOVED_SD = 0.4  # of one that no probe has moved, because nothing says that it is dear
_NODE_SD = 1.0
_CURVE = (0.2, 0.4)
"""Mean and standard deviation of the logarithm of the power with which an effect grows. Above 1: where a cost is
`a + b x`, its logarithm rises late on a logarithmic scale; below 1: early on a linear one."""

Shape = Mapping[tuple[str, bool], float]
"""By parameter and whether it lies above the middle: the power."""


class _Setting(Protocol):
    @property
    def parameters(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Features:
    """The numbers of a setting that the regression takes.

    Attributes:
        space: The parameters.
        middle: The setting from which distances are counted.
        ordered: By parameter with an order, where its middle lies, 0 to 1.
        values: By parameter without one, its values but the middle's, each once.
        nodes: The types of node but the first.
        sds: Of the effects, before anything was measured; as many as `row` returns.
    """

    space: Mapping[str, Parameter]
    middle: Mapping[str, Any]
    ordered: Mapping[str, float]
    values: Mapping[str, Sequence[object]]
    nodes: Sequence[str]
    sds: Sequence[float]

    @classmethod
    def of(
        cls,
        space: Mapping[str, Parameter],
        middle: Mapping[str, Any],
        probed: Sequence[_Setting],
        nodes: Sequence[str],
    ) -> Self:
        """Returns the features of a space.

        Args:
            space: The parameters.
            middle: A setting.
            probed: Settings that were tried, which says of what parameters something will be known.
            nodes: Types of node.
        """
        ordered, values, sds = dict[str, float](), dict[str, list[object]](), list[float]()
        for name, parameter in space.items():
            tried = {frozen(one.parameters[name]) for one in probed if name in one.parameters}
            moved = _MOVED_SD if len(tried) > 1 else _UNMOVED_SD
            at = positions(parameter, [middle[name]] if name in middle else [])
            if at is not None:
                ordered[name] = float(at[0]) if len(at) else 0.5
                sds += [moved, _BEND_SD]
            else:
                own = frozen(middle[name]) if name in middle else None
                values[name] = [one for one in map(frozen, parameter.values or ()) if one != own]
                sds += [_MOVED_SD if one in tried else _UNMOVED_SD for one in values[name]]
        sds += [_NODE_SD] * (len(nodes) - 1)
        return cls(space, middle, ordered, values, nodes[1:], sds)

    @property
    def straight(self) -> Shape:
        """Effects that grow in proportion to the distance from the middle."""
        return {}

    def bent(self, rng: np.random.Generator) -> Shape:
        """Returns how effects may bend."""
        return {(name, up): exp(rng.normal(*_CURVE)) for name in self.ordered for up in (False, True)}

    def row(self, parameters: Mapping[str, Any], node: str, shape: Shape) -> list[float]:
        """Returns the numbers of a setting: of a parameter with an order its distance from the middle and the amount.

        A parameter that the setting does not have has no effect, and neither has one at its middle.
        """
        row: list[float] = []
        for name, parameter in self.space.items():
            if name not in self.ordered:
                own = frozen(parameters[name]) if name in parameters else None
                row += [float(name in parameters and own == one) for one in self.values[name]]
                continue
            distance = self._distance(name, parameter, parameters, shape) if name in parameters else 0.0
            row += [distance, abs(distance)]
        return row + [float(node == one) for one in self.nodes]

    def _distance(self, name: str, parameter: Parameter, parameters: Mapping[str, Any], shape: Shape) -> float:
        at = positions(parameter, [parameters[name]])
        assert at is not None
        far = float(at[0]) - self.ordered[name]
        most = 1 - self.ordered[name] if far > 0 else self.ordered[name]
        if not far or not most:
            return 0.0
        power = shape.get((name, far > 0), 1.0)
        return float(np.sign(far) * most * min(1.0, abs(far) / most) ** power)
