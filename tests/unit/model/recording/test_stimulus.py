import numpy as np
import pytest
from numpy.typing import NDArray

from model.recording.connectome import hexagon
from model.recording.stimulus import FRAME_S, Scene, SceneStatistics, ornstein_uhlenbeck

FRAMES = 20_000
STILL = SceneStatistics(contrast=1.0, contrast_sigma=0.0, contrast_time_constant_s=0.3, luminance=0.0)
NATURAL = SceneStatistics(contrast=2.0, contrast_sigma=0.4, contrast_time_constant_s=0.3, luminance=0.5)


def scene(
    statistics: SceneStatistics, columns: NDArray[np.int64] | None = None, seed: int = 0, frames: int = FRAMES
) -> Scene:
    columns = hexagon(1) if columns is None else columns
    return Scene(columns, frames, statistics, np.random.SeedSequence(seed))


def kurtosis(values: NDArray[np.float32]) -> float:
    centred = values - values.mean()
    return float((centred**4).mean() / (centred**2).mean() ** 2)


def test_motion_alone_is_band_limited_in_time() -> None:
    """With steady contrast and luminance, less than 0.1 % of the power lies above 6 Hz."""
    light = scene(STILL).light(0, FRAMES) * np.hanning(FRAMES)[:, None]
    power = (np.abs(np.fft.rfft(light, axis=0)) ** 2).sum(axis=1)
    frequency = np.fft.rfftfreq(FRAMES, FRAME_S)
    assert power[frequency > 6].sum() < 1e-3 * power.sum()


def test_natural_light_is_slow_enough_for_the_kept_rows() -> None:
    """With everything on, 99 % of the power lies below 8.3 Hz, which rows 60 ms apart can represent."""
    light = scene(NATURAL).light(0, FRAMES) * np.hanning(FRAMES)[:, None]
    power = (np.abs(np.fft.rfft(light, axis=0)) ** 2).sum(axis=1)
    assert power[np.fft.rfftfreq(FRAMES, FRAME_S) > 1 / 0.12].sum() < 1e-2 * power.sum()


def test_the_image_is_band_limited_in_space() -> None:
    """Along a row of columns, more than 99 % of the power lies below 1/4 cycle per column, and none dominates above."""
    row = np.stack([np.arange(256), np.zeros(256, dtype=int)], axis=1)
    light = scene(STILL, row).light(0, FRAMES)[:: FRAMES // 200] * np.hanning(256)
    power = (np.abs(np.fft.rfft(light, axis=1)) ** 2).sum(axis=0)
    assert power[np.fft.rfftfreq(256) > 0.26].sum() < 1e-2 * power.sum()


def test_what_one_column_sees_its_neighbour_sees_later() -> None:
    """The image moves: neighbours along the motion see the same light with a delay of 60 to 100 ms."""
    light = scene(STILL).light(0, FRAMES)
    columns = hexagon(1).tolist()
    here, ahead = light[:, columns.index([0, 0])], light[:, columns.index([1, 0])]
    correlation = [np.corrcoef(here[20:-20], np.roll(ahead, -delay)[20:-20])[0, 1] for delay in range(11)]
    assert 3 <= int(np.argmax(correlation)) <= 5
    assert max(correlation) > 0.9


def test_luminance_changes_all_columns_together() -> None:
    """With no contrast what is left is luminance: the same at every column, changing over seconds."""
    statistics = SceneStatistics(contrast=0.0, contrast_sigma=0.0, contrast_time_constant_s=0.3, luminance=0.5)
    light = scene(statistics).light(0, FRAMES)
    assert np.ptp(light, axis=1).max() == 0
    assert light[:, 0].std() == pytest.approx(0.5, rel=0.2)


def test_contrast_modulation_makes_heavy_tails() -> None:
    """Steady contrast is near Gaussian (kurtosis 3); log-normal contrast of sigma 0.4 has clearly heavier tails."""
    columns = hexagon(4)
    steady, varied = (
        np.mean([kurtosis(scene(statistics, columns, seed, 10_000).light(0, 10_000)) for seed in range(4)])
        for statistics in (STILL, NATURAL)
    )
    assert steady == pytest.approx(3, abs=0.35)
    assert varied > steady + 0.7


def test_light_does_not_depend_on_how_it_is_asked_for() -> None:
    """Any range of frames is, bit for bit, that range of the whole."""
    whole = scene(NATURAL, frames=500).light(0, 500)
    again = scene(NATURAL, frames=500)
    assert np.array_equal(np.concatenate([again.light(a, b) for a, b in ((0, 1), (1, 333), (333, 500))]), whole)


def test_an_ornstein_uhlenbeck_path_has_its_variance_and_memory() -> None:
    """Variance is one, and correlation falls to 1/e after the time constant."""
    path = ornstein_uhlenbeck(np.random.default_rng(0), 400_000, 0.3)
    lag = round(0.3 / FRAME_S)
    assert path.var() == pytest.approx(1, abs=0.05)
    assert np.mean(path[lag:] * path[:-lag]) == pytest.approx(np.exp(-1), abs=0.05)
