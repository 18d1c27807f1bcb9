"""A natural scene moving past the eye: what the photoreceptors of the built-in recording see.

``light(r, t) = l(t) + contrast * exp(sigma * c(t)) * s(r - X(t))``

- ``s`` is a still image of unit variance: plane waves of random direction and phase, their spatial
  frequency log-uniform in a band, their amplitudes equal. Equal variance per octave is a power spectrum
  of ``1 / f^2``, the scale invariance of natural images (Field 1987, J. Opt. Soc. Am. A 4:2379; Ruderman &
  Bialek 1994, Phys. Rev. Lett. 73:814). The band ends where a fly's optics do (Land 1997, Annu. Rev.
  Entomol. 42:147: the acceptance angle is near the spacing of the columns).
- ``X`` is how far the image has moved past the eye. Movies of nature owe their temporal spectrum mostly to
  images that move at varied speeds (Dong & Atick 1995, Network 6:345): here forward motion whose course and speed
  wander below a top speed, so that no column sees a frequency above top speed x band end = 5 Hz by motion.
  Motion that persists is what a model can learn to predict; what wanders, it cannot.
- ``c`` and ``l`` are Ornstein-Uhlenbeck processes: contrast and luminance change as the gaze passes
  from sky to foliage (van Hateren 1997, Vision Res. 37:3407; Frazor & Geisler 2006, Vision Res. 46:1585).

Heavy tails, and why they are kept. Within a patch a natural image is near Gaussian; across patches its
local standard deviation varies widely, about log-normally, so that the whole has nearly exponential
tails (Ruderman & Bialek 1994). ``exp(sigma * c)`` is that modulation: long quiet stretches, rare strong
ones, each as long as a scene lasts before the eye. A network trained on a few minutes has met a few dozen
scenes; statistics that it estimated from small batches fit the quiet ones, and held-out rows contain strong ones
of their own. That is where small-batch batch norm breaks on some seeds and not on others, with a good training
loss, as it did in the published sweep. Steady contrast has no tails and hides it.

Letters: T frames of 20 ms, C columns, W waves.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FRAME_S = 0.02
"""Integration step of the simulation and of the stimulus, s: that of the published recording."""

_WAVES = 48
"""Plane waves in the image: enough for Gaussian patches (kurtosis within 3 % of 3)."""

_BAND_CYCLES_PER_COLUMN = (1 / 16, 1 / 4)
"""Lowest and highest spatial frequency; a hexagonal grid of unit spacing represents up to 1/2."""

_FORWARD_COLUMNS_PER_S = 14.0
"""Mean gaze velocity: an animal that moves forward sees its surroundings pass front to back (Gibson 1950)."""

_TURNS_COLUMNS_PER_S = 2.0
"""Standard deviation of each component of gaze velocity about its mean: the course wanders (10 degrees per second)."""

_TOP_SPEED_COLUMNS_PER_S = 20.0
"""Bound on gaze speed (about 100 degrees per second: faster turns are saccades, when little is seen)."""

_TURN_TIME_CONSTANT_S = 1.0
"""Memory of gaze velocity, s: flies hold a course for about a second between saccades."""

_LUMINANCE_TIME_CONSTANT_S = 2.0
"""Memory of mean luminance: slower than contrast, which varies within a scene."""


@dataclass(frozen=True)
class SceneStatistics:
    """What varies between scenes; all standard deviations in units of photoreceptor drive.

    Attributes:
        contrast: standard deviation of the moving image at median contrast.
        contrast_sigma: standard deviation of log contrast; 0 is steady contrast, no heavy tail.
        contrast_time_constant_s: memory of log contrast, s.
        luminance: standard deviation of the mean light level.
    """

    contrast: float
    contrast_sigma: float
    contrast_time_constant_s: float
    luminance: float


class Scene:
    """One scene, fixed by its seed: light for any frames asked for, the same however they are asked for.

    Args:
        columns_uv: ``[C, 2]`` hexagonal coordinates of the columns.
        frames: number of frames T that may be asked for.
        statistics: how strong and how variable the light is.
        seeds: five independent sources of randomness are spawned from it.
    """

    def __init__(
        self, columns_uv: NDArray[np.int64], frames: int, statistics: SceneStatistics, seeds: np.random.SeedSequence
    ) -> None:
        image, gaze_x, gaze_y, contrast, luminance = (np.random.default_rng(child) for child in seeds.spawn(5))
        low, high = _BAND_CYCLES_PER_COLUMN
        frequency = low * (high / low) ** image.random(_WAVES)
        direction = 2 * np.pi * image.random(_WAVES)
        self._wave = 2 * np.pi * frequency * np.stack([np.cos(direction), np.sin(direction)])  # [2, W], rad per column
        # Axial to Cartesian coordinates of a hexagonal grid with unit spacing.
        u, v = columns_uv.T.astype(np.float64)
        position = np.stack([u + v / 2, v * np.sqrt(3) / 2], axis=1)
        phase = position @ self._wave + 2 * np.pi * image.random(_WAVES)
        self._cos, self._sin = np.cos(phase), np.sin(phase)  # [C, W]

        wander = [ornstein_uhlenbeck(axis, frames, _TURN_TIME_CONSTANT_S) for axis in (gaze_x, gaze_y)]
        velocity = _TURNS_COLUMNS_PER_S * np.stack(wander, axis=1)
        velocity[:, 0] += _FORWARD_COLUMNS_PER_S
        speed = np.linalg.norm(velocity, axis=1, keepdims=True)
        velocity *= _TOP_SPEED_COLUMNS_PER_S / np.hypot(speed, _TOP_SPEED_COLUMNS_PER_S)
        self._passed = np.cumsum(velocity * FRAME_S, axis=0)  # [T, 2]
        log_contrast = ornstein_uhlenbeck(contrast, frames, statistics.contrast_time_constant_s)
        self._gain = statistics.contrast * np.exp(statistics.contrast_sigma * log_contrast)  # [T]
        self._luminance = statistics.luminance * ornstein_uhlenbeck(luminance, frames, _LUMINANCE_TIME_CONSTANT_S)

    def light(self, start: int, stop: int) -> NDArray[np.float32]:
        """Light in frames ``start`` to ``stop - 1`` at every column, ``[stop - start, C]`` float32."""
        shift = self._passed[start:stop] @ self._wave  # [t, W]
        # cos(phase - shift), summed over waves. einsum, not BLAS: a row's value must not depend on how many are asked.
        image = np.einsum("tw,cw->tc", np.cos(shift), self._cos) + np.einsum("tw,cw->tc", np.sin(shift), self._sin)
        image *= np.sqrt(2 / _WAVES)
        light = self._luminance[start:stop, None] + self._gain[start:stop, None] * image
        return np.asarray(light, dtype=np.float32)


def ornstein_uhlenbeck(rng: np.random.Generator, frames: int, time_constant_s: float) -> NDArray[np.float64]:
    """A stationary Ornstein-Uhlenbeck path of unit variance, ``[frames]``, one value per 20 ms.

    Exact at any step: ``x[t+1] = a x[t] + sqrt(1 - a^2) n[t]``, ``a = exp(-FRAME_S / time_constant_s)``.

    Source: Gillespie 1996, Phys. Rev. E 54:2084, equation 3.1.
    """
    memory = np.exp(-FRAME_S / time_constant_s)
    kicks = rng.standard_normal(frames) * np.sqrt(1 - memory**2)
    kicks[:1] /= np.sqrt(1 - memory**2)  # the first value is drawn from the stationary distribution
    from scipy.signal import lfilter  # takes most of a second to import, and only a simulation needs it

    path: NDArray[np.float64] = lfilter([1.0], [1.0, -memory], kicks)
    return path
