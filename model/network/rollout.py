"""Roll-outs: the model runs freely from rows of a split, and what it predicts is compared with what was recorded.

With k `evolve_steps`, a step of a roll-out is an observed one: k runs of the evolver, each with the stimulus of its own
time. From `x[t]` it goes in one of two ways, with `z = encode(x[t])` at first:

* *latent*: `z` moves on by the evolver alone, and is decoded at each step to be compared;
* *decoded*: at each step `x' = decode(z)` is compared, and `z = encode(x')` is what the next step begins from.

Axes: S seeds, R starts, J steps, N neurons, M stimulus, L latent.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from model.network.evaluate import rows_at_a_time, spread_rows
from model.network.network import Network

DIVERGED = 100.0
"""A roll-out has diverged where its squared error is so many times the variance of what was recorded."""

Folded = Mapping[str, tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Course:
    """Where roll-outs begin, how far they go, and what was recorded there.

    Attributes:
        voltages: `[T, N]`.
        stimulus: `[T, M]` when the evolver sees it, else None.
        span: First row and one past the last row of the split, which has more than `steps * apart` rows.
        steps: J.
        most: Starts; fewer where fewer rows lead so far.
        apart: k, rows from step to step.
    """

    voltages: Tensor
    stimulus: Tensor | None
    span: tuple[int, int]
    steps: int
    most: int
    apart: int

    @cached_property
    def starts(self) -> Tensor:
        """Rows t from which roll-outs begin, int64 `[R]`: at equal distances, the first and the last that can be."""
        first, last = self.span
        return spread_rows((first, last - self.steps * self.apart), self.most, self.voltages.device)

    @cached_property
    def constant(self) -> Tensor:
        """Mean squared errors of the constant model `x[t+jk] = x[t]`, float64 `[R, J]`."""
        return self._errors(torch.zeros(self.steps, dtype=torch.float64))

    @cached_property
    def interpolated(self) -> Tensor:
        """Mean squared errors of a straight line from start to end, float64 `[R, J]`; it knows the end, no model does.

        `x[t+jk] = x[t] + j/J (x[t+Jk] - x[t])`, exact at j = J.
        """
        return self._errors(torch.arange(1, self.steps + 1, dtype=torch.float64) / self.steps)

    @cached_property
    def variance(self) -> float:
        """Variance of a neuron over the rows of the split, mean over neurons."""
        return float(self._widen(self.voltages[slice(*self.span)]).var(dim=0, correction=0).mean())

    def recorded(self, steps: range) -> Tensor:
        """Give what was recorded at some steps, counted from 1, `[R, steps, N]`."""
        ahead = torch.arange(steps.start, steps.stop, device=self.starts.device) * self.apart
        return self.voltages[self.starts.unsqueeze(1) + ahead]

    def seen(self, step: int) -> Iterator[Tensor | None]:
        """Give the stimulus `[R, M]` of each run of the evolver that leads to a step."""
        for run in range((step - 1) * self.apart, step * self.apart):
            yield None if self.stimulus is None else self.stimulus[self.starts + run]

    def _errors(self, shares: Tensor) -> Tensor:
        """Compare with `x[t]`, moved at each step by a share of the way to `x[t+Jk]`."""
        far = self.steps * self.apart
        begun, ended = (self._widen(self.voltages[self.starts + ahead]) for ahead in (0, far))
        errors = [
            _mean_squares(torch.lerp(begun, ended, share) - self.voltages[self.starts + step * self.apart])
            for step, share in enumerate(shares.tolist(), start=1)
        ]
        return torch.stack(errors, dim=1)

    @staticmethod
    def _widen(rows: Tensor) -> Tensor:
        """Errors are taken in at least float32."""
        return rows.to(torch.promote_types(rows.dtype, torch.float32))


def roll_out(
    network: Network,
    weights: tuple[Tensor, Tensor],
    course: Course,
    *,
    through_voltages: bool,
    product_type: torch.dtype = torch.float32,
) -> Tensor:
    """Compute the mean squared error of each roll-out at each step.

    Args:
        network: The model's shape.
        weights: Parameters `[S, P]` and running statistics `[S, Q]`.
        course: Where from and how far.
        through_voltages: The decoded way, else the latent one.
        product_type: Type of the matrix products. Latents are added up in that of the parameters: over hundreds of
            steps a narrow type would lose what a step adds.

    Returns:
        Float64 `[S, R, J]`, on the device; not finite where the model ran away.
    """
    folded = network.fold(*weights, product_type)
    seeds, count, wide = len(weights[0]), len(course.starts), weights[0].dtype
    begun = course.voltages[course.starts].to(product_type).expand(seeds, -1, -1)
    z = network.encode(folded, begun).to(wide)
    # Decoded many steps at a time, the wide product is as fast as in evaluation; what is encoded again cannot wait.
    together = 1 if through_voltages else max(1, rows_at_a_time(network, seeds, course.voltages) // count)
    errors = []
    for first in range(1, course.steps + 1, together):
        steps, kept = range(first, min(first + together, course.steps + 1)), []
        for step in steps:
            z = _advance(network, folded, z, course.seen(step), product_type)
            kept.append(z)
        decoded = network.decode(folded, torch.stack(kept, dim=2).flatten(1, 2).to(product_type))
        error = decoded.to(wide).view(seeds, count, len(steps), -1) - course.recorded(steps)
        errors.append(_mean_squares(error))
        if through_voltages:
            z = network.encode(folded, decoded).to(wide)
    return torch.cat(errors, dim=2)


def summarise(errors: Tensor, course: Course) -> dict[str, Tensor]:
    """Put the errors of roll-outs into numbers.

    Args:
        errors: `[S, R, J]`, from `roll_out`.
        course: Whose they are.

    Returns:
        Float64 `[S]` each:

        - `horizon`: the first step at which the error, mean over starts, is no smaller than the constant model's; J
          where that is the last or none;
        - `loss`: the error, mean over starts and steps;
        - `loss_to_interpolation`: that as a share of the straight line's, which knows the end; not for one step;
        - `diverged`: 1 where an error at any step from any start is not finite, or beyond `DIVERGED` times the variance
          of the split; else 0.
    """
    lost = ~(errors.mean(dim=1) < course.constant.mean(dim=0))  # so put, NaN has lost
    numbers = torch.arange(1, course.steps + 1, device=errors.device)
    horizon = torch.where(lost, numbers, course.steps).amin(dim=1)
    diverged = ~(errors <= DIVERGED * course.variance)
    loss = errors.mean(dim=(1, 2))
    found = {"horizon": horizon.double(), "loss": loss, "diverged": diverged.flatten(1).any(dim=1).double()}
    return found | ({"loss_to_interpolation": loss / course.interpolated.mean()} if course.steps > 1 else {})


def _advance(
    network: Network, folded: Folded, z: Tensor, stimuli: Iterable[Tensor | None], product_type: torch.dtype
) -> Tensor:
    """Move latents `[S, R, L]` on to the next step, with the stimulus `[R, M]` of each run of the evolver."""
    for stimulus in stimuli:
        seen = None if stimulus is None else stimulus.to(product_type).expand(len(z), -1, -1)
        z = z + network.evolve(folded, z.to(product_type), seen)
    return z


def _mean_squares(error: Tensor) -> Tensor:
    """Mean of the squares over the last axis, summed in the error's type, float64."""
    norms: Tensor = torch.linalg.vector_norm(error, dim=-1)
    return norms.double().square_() / error.shape[-1]
