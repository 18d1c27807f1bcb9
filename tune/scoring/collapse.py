"""Whether features have collapsed: how many of their dimensions are used, how far they spread, how alike samples are.

A model collapses when it maps different samples to the same features, or to a few directions of those that it has.
Three figures tell, because each is blind to what another sees:

- The effective rank, the number of directions that the samples spread over: the exponential of the entropy of their
  normalised singular values (Roy and Vetterli 2007, "The effective rank: a measure of effective dimensionality",
  EUSIPCO). The features are centred first, as where it is the covariance that is looked at (Jing et al. 2022,
  "Understanding dimensional collapse in contrastive self-supervised learning"): an offset that all samples share says
  nothing of them, the next layer's bias takes it away, and uncentred it would be the one great singular value that
  makes healthy features look collapsed. RankMe (Garrido et al. 2023) does not centre; its figure is another one.
- The variance per dimension: centred features that are noise around one point have a full rank and no variance.
- The mean cosine similarity of two samples, uncentred (Ethayarajh 2019, "How contextual are contextualized word
  representations?"): 1 where all of them point in one direction, so that a spread around a great offset shows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np

from tune.ledger.incoming_arrays import matrix_of

COLLAPSED_SHARE = 0.1
"""Features whose effective rank is less than this share of what it could be count as collapsed."""

MOST_SAMPLES = 20_000
"""Of one matrix; of more, so many at equal distances are looked at."""

COLUMNS = ("effective_rank", "effective_rank_share", "feature_variance", "feature_cosine")
"""Columns of the curves, in the last epoch of a unit."""

_MOST_WORK = MOST_SAMPLES * 2_048**2  # multiplications: seconds of a core
_DIGITS = 6


@dataclass(frozen=True)
class Spectrum:
    """How many directions of its features a seed's model uses.

    Attributes:
        dimensions: Of the features.
        effective_rank: 1 to the lesser of `dimensions` and `samples - 1`; 0 where all samples are the same.
        variance: Mean over dimensions.
        cosine: Mean cosine similarity of two samples, -1 to 1.
        samples: On how many it rests.
    """

    dimensions: int
    effective_rank: float
    variance: float
    cosine: float
    samples: int = 0

    @property
    def share(self) -> float:
        """The effective rank as a share of the dimensions; of `samples - 1` where that is less: more cannot be seen."""
        ceiling = min(self.dimensions, self.samples - 1) if self.samples > 1 else self.dimensions
        return self.effective_rank / ceiling


def spectrum(features: object) -> Spectrum:
    """Returns what the features of one seed use of their dimensions.

    Samples that hold nan or an infinity are left out; `Spectrum.samples` counts those that are not. Fewer than two
    tell nothing: every figure is nan. Where all are the same the effective rank and the variance are 0. With n samples
    the effective rank is at most n - 1, however many dimensions there are. A direction is not counted where it is no
    more than rounding: of the numbers as they came in, or of the 64 bits that it is computed in. Samples beyond
    `MOST_SAMPLES`, and of more than 2,048 dimensions so many that the work is no greater, are left out at equal
    distances, the same ones each time.

    Args:
        features: `[samples, dimensions]`, any array or tensor of real numbers; see `matrix_of`.

    Raises:
        TrainerMistake: If it is anything else.
    """
    given = matrix_of(features)
    dimensions = given.shape[1]
    chosen = _chosen(*given.shape)
    rows = (given if chosen is None else given[chosen]).astype(np.float64)
    finite = np.isfinite(rows).all(axis=1)
    rows = rows if finite.all() else rows[finite]
    samples = len(rows)
    if samples < 2:
        return Spectrum(dimensions, nan, nan, nan, samples)
    largest = float(max(rows.max(), -rows.min()))
    if not largest:
        return Spectrum(dimensions, 0.0, 0.0, nan, samples)
    rows /= largest  # squares then neither overflow nor vanish
    cosine, size = _cosine(rows), float(np.linalg.norm(rows))
    rows -= rows[0].copy()  # exact where all are the same, which their mean need not be
    rows -= rows.mean(axis=0)
    variance = float(np.linalg.norm(rows)) ** 2 / rows.size * largest * largest
    precision = np.finfo(given.dtype).eps if given.dtype.kind == "f" else 0.0
    rounding = float(precision) * size * (1 / sqrt(samples) + 1 / sqrt(dimensions))
    return Spectrum(dimensions, _effective_rank(rows, rounding), variance, cosine, samples)


def as_columns(spectra: Sequence[Spectrum]) -> Mapping[str, list[float | None]]:
    """Returns `COLUMNS` of some seeds, as metrics are: one number per seed.

    To six digits: the last bits of sums depend on the number of threads, and curves are to be the same without them.
    """
    figures = [(one.effective_rank, one.share, one.variance, one.cosine) for one in spectra]
    return {name: [float(f"{values[place]:.{_DIGITS}g}") for values in figures] for place, name in enumerate(COLUMNS)}


def _chosen(samples: int, dimensions: int) -> np.ndarray | None:
    """Returns which samples are looked at; None: all."""
    most = _MOST_WORK // dimensions**2  # the product of the features with themselves, on its shorter side
    most = min(MOST_SAMPLES, most if most >= dimensions else int(sqrt(_MOST_WORK / dimensions)))
    return None if samples <= most else np.linspace(0, samples - 1, max(2, most)).astype(np.int64)


def _cosine(rows: np.ndarray) -> float:
    """Returns the mean cosine similarity of two samples, without a matrix of pairs; nan where fewer than two have any.

    With unit vectors u, the sum over all pairs of different samples is |sum of u|^2 - n, of n (n - 1) pairs.
    """
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    known = lengths > 0  # a vector of zeros points nowhere
    count = int(known.sum())
    if count < 2:
        return nan
    inverse = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=known)
    total = inverse @ rows
    return float(np.clip((total @ total - count) / (count * (count - 1)), -1.0, 1.0))


def _effective_rank(centred: np.ndarray, rounding: float) -> float:
    """Returns exp(entropy of the singular values over their sum), of those that are more than rounding.

    Their squares are the eigenvalues of the product of the matrix with itself, on its shorter side, which costs a
    fraction of the decomposition and is exact to the root of the precision.
    """
    tall = centred.shape[0] > centred.shape[1]
    squares = np.linalg.eigvalsh(centred.T @ centred if tall else centred @ centred.T)
    floor = max(centred.shape) * np.finfo(np.float64).eps * max(squares[-1], 0.0)
    singular = np.sqrt(squares[squares > max(floor, rounding * rounding)])
    if not singular.size:
        return 0.0
    shares = singular / singular.sum()
    rank = float(np.exp(-np.sum(shares * np.log(shares))))
    return min(rank, float(min(centred.shape[1], centred.shape[0] - 1)))
