"""How values of the scored metric become losses: lower is better, and a ratio of two means something.

Everything that scores works on losses: caps, spreads and shares are parts of them. A metric that is minimised, is never
below zero and has a baseline above it is a loss as it is: it has a zero of its own (a ratio scale). Any other (one that
is maximised or negative, or has no baseline above zero) has none, and moving its zero must change no decision (an
interval scale). So its zero is placed by the study's own values: as far beyond the best result as that is from the
baseline, or, where there is no baseline, from where the worst quarter of the runs at the first rung begins: of these
half may be as good as the best, and a few may be beyond all measure. The best then has half of the loss of whatever it
is compared with, as good settings have on the scale of a loss, and adding a constant to the metric, multiplying it or
turning it round changes no loss relative to the others. Source of the terms: Stevens 1946, "On the
theory of scales of measurement", Science 103, 677-680.
"""

from dataclasses import dataclass
from math import inf, isfinite, nan


@dataclass(frozen=True)
class LossScale:
    """What turns values of the scored metric into losses, and back.

    Attributes:
        maximize: Whether higher values are better.
        baseline: The value that a run must beat, or it has failed; None where there is none.
        zero: The value, negated where it is maximised, at which nothing is left to lose; None: that of the metric.
        worst: The highest loss of a run that was finite, by which runs that were not are ranked where there is no
            baseline; None where that is not known.
    """

    maximize: bool = False
    baseline: float | None = None
    zero: float | None = None
    worst: float | None = None

    @property
    def is_ratio(self) -> bool:
        """Whether the metric is a loss as it is, and a share of the baseline means something."""
        return not self.maximize and self.zero is None and self.baseline is not None and self.baseline > 0

    @property
    def limit(self) -> float:
        """The loss at which a run has failed: that of the baseline; inf where there is none."""
        return inf if self.baseline is None else self.loss(self.baseline)

    def oriented(self, value: float) -> float:
        """Returns a value of which lower is better: the value itself, negated where it is maximised."""
        return -value if self.maximize else value

    def loss(self, value: float) -> float:
        """Returns the loss of a value."""
        return self.oriented(value) - (self.zero or 0.0)

    def value(self, loss: float) -> float:
        """Returns the value of a loss."""
        return self.oriented(loss + (self.zero or 0.0))

    def score(self, loss: float) -> float:
        """Returns a loss as a score: in units of the metric, lower is better, the same wherever the zero is."""
        return loss + (self.zero or 0.0)

    def loss_of_score(self, score: float) -> float:
        """Returns the loss of a score."""
        return score - (self.zero or 0.0)

    def failed(self, value: float) -> bool:
        """Says whether a run failed that ended with a value: it is not finite, or no better than the baseline."""
        if not isfinite(value):
            return True
        return self.baseline is not None and self.oriented(value) >= self.oriented(self.baseline)

    def gain(self, value: float) -> float:
        """Returns by how much a value is better than the baseline, in units of the metric; nan without a baseline."""
        return nan if self.baseline is None else self.oriented(self.baseline) - self.oriented(value)

    def improvement(self, value: float) -> float:
        """Returns by which share of the baseline a value is below it; nan where a share means nothing."""
        return 1 - value / self.baseline if self.is_ratio and self.baseline else nan


UNSCALED = LossScale()
"""Of a metric that is minimised and of which nothing else is known."""
