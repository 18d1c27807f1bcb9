"""The built-in recording: the fly visual system, simulated from its connectome.

Passive point neurons with graded release,

``tau dv/dt = -v + bias + sum_j weight_ij relu(v_j) + light``,

integrated by Euler steps of 20 ms with ``tau = 50 ms``; ``bias ~ Normal(0.5, 0.05)`` per cell type; light enters
R1-R8 only (:mod:`model.recording.stimulus`); independent process noise is added to every neuron at every step.

Source: Lappalainen et al., Nature 2024, doi:10.1038/s41586-024-07939-3, Methods ("Neuronal and synaptic
dynamics"); wiring in :mod:`model.recording.connectome`.

Why these defaults. Every third step is kept, 60 ms or about one time constant apart: at 20 ms "nothing
changes" is so good a guess that any model looks alike. Forward motion persists, so a model can learn to beat that
guess by half. Contrast is log-normal and lasts for seconds, as scenes do (reasons and sources in
:mod:`model.recording.stimulus`), so a few thousand rows hold a few dozen scenes, and held-out rows hold strong ones
that training rows did not. There, small-batch batch norm fails on some seeds while its training loss looks fine, as in
the published sweep; with steady contrast (``contrast_sigma`` 0) the same configurations pass on all seeds.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.recording.arrays import RowWriter
from model.recording.cache import find_or_build, fsync
from model.recording.connectome import MAX_EXTENT, unroll
from model.recording.mistakes import RecordingError, in_lines
from model.recording.stimulus import FRAME_S, Scene, SceneStatistics

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_TAU_S = 0.05
"""Membrane time constant, s (initial value for every cell type in Lappalainen et al. 2024)."""

_BIAS_MEAN, _BIAS_SD = 0.5, 0.05
"""Resting activity per cell type (initial distribution in Lappalainen et al. 2024)."""

_SETTLE_FRAMES = 100
"""Frames simulated and thrown away first: 2 s, forty time constants, so that no transient is recorded."""

_CHUNK_BYTES = 4 << 20
"""Memory for one chunk of drive: larger ones fall out of the processor's cache."""

_FORMAT = 1
"""Raise it whenever the same parameters would give other numbers: cached recordings are then made again."""


class Simulation(BaseModel):
    """What one simulated recording is; equal parameters give equal recordings.

    The recording has ``steps`` rows, ``stride`` frames of 20 ms apart.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    extent: int = Field(1, ge=1, le=MAX_EXTENT, description="grid radius, columns; 8 is the published size")
    steps: int = Field(16_000, ge=2, le=10_000_000, description="rows T; the published recording has 64,000")
    seed: int = Field(0, ge=0, lt=2**63, description="source of biases, scene and process noise")
    noise: float = Field(0.02, ge=0, le=10, description="process noise, sd per frame, activity: a floor to prediction")
    contrast: float = Field(2.0, ge=0, le=100, description="sd of the image at median contrast, drive: well above bias")
    contrast_sigma: float = Field(0.6, ge=0, le=2, description="sd of log contrast: x 1.8 either way, heavy tails")
    contrast_time_constant_s: float = Field(5.0, gt=0, le=1000, description="memory of contrast, s: a scene lasts")
    luminance: float = Field(0.5, ge=0, le=100, description="sd of mean light, drive: a quarter of contrast")
    stride: int = Field(3, ge=1, le=1000, description="every stride-th frame is kept: 60 ms, about tau")

    @property
    def statistics(self) -> SceneStatistics:
        """The light's strength and variability."""
        return SceneStatistics(self.contrast, self.contrast_sigma, self.contrast_time_constant_s, self.luminance)

    @property
    def neurons(self) -> int:
        """N, the number of neurons at this extent."""
        return unroll(self.extent).neurons

    @property
    def photoreceptors(self) -> int:
        """M, the number of stimulus inputs at this extent."""
        return len(unroll(self.extent).photoreceptors)


def simulate(
    parameters: Simulation, chunk_bytes: int = _CHUNK_BYTES
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Simulate, handing over the recording in chunks of rows.

    Args:
        parameters: what to simulate.
        chunk_bytes: memory for one chunk; it changes no value.

    Yields:
        voltages ``[t, N]`` (activity, dimensionless) and the stimulus ``[t, M]`` (drive) that acts from that row
        on; the ``t`` add up to ``parameters.steps``.
    """
    circuit = unroll(parameters.extent)
    biases, noise, scene_seeds = np.random.SeedSequence(parameters.seed).spawn(3)
    per_type = np.random.default_rng(biases).normal(_BIAS_MEAN, _BIAS_SD, int(circuit.neuron_type.max()) + 1)
    bias = per_type[circuit.neuron_type].astype(np.float32)
    kicks = np.random.default_rng(noise)
    seen = circuit.photoreceptors
    columns, column_of = np.unique(circuit.neuron_uv[seen], axis=0, return_inverse=True)
    scene = Scene(columns, _SETTLE_FRAMES + parameters.steps * parameters.stride, parameters.statistics, scene_seeds)

    rate = np.float32(FRAME_S / _TAU_S)
    weights = circuit.weights * rate
    v = bias.copy()
    rows = max(1, chunk_bytes // (4 * circuit.neurons * parameters.stride))
    start, kept = -_SETTLE_FRAMES, 0
    while kept < parameters.steps:
        take = min(rows, parameters.steps - kept)
        stop = (kept + take) * parameters.stride
        light = scene.light(start + _SETTLE_FRAMES, stop + _SETTLE_FRAMES)[:, column_of]
        drive = kicks.standard_normal((stop - start, circuit.neurons), dtype=np.float32)
        drive *= np.float32(parameters.noise)
        drive += rate * bias
        drive[:, seen] += rate * light
        first = kept * parameters.stride - start  # 0 but in the first chunk, which settles first
        voltages = np.empty((take, circuit.neurons), dtype=np.float32)
        v = _integrate(weights, v, drive, voltages, first)
        yield voltages, light[first :: parameters.stride]
        start, kept = stop, kept + take


def _integrate(
    weights: "csr_matrix[np.float32]",
    v: NDArray[np.float32],
    drive: NDArray[np.float32],
    voltages: NDArray[np.float32],
    first: int,
) -> NDArray[np.float32]:
    """Euler steps through ``drive [frames, N]``, keeping evenly spaced rows from frame ``first`` on.

    ``v <- (1 - rate) v + rate weights relu(v) + drive``; ``weights`` and ``drive`` come multiplied by
    ``rate = dt / tau``. Returns the v after the last step.
    """
    decay = np.float32(1 - FRAME_S / _TAU_S)
    stride = (len(drive) - first) // len(voltages)
    v, released = v.copy(), np.empty_like(v)
    for frame, kick in enumerate(drive):
        row, between = divmod(frame - first, stride)
        if row >= 0 and not between:
            voltages[row] = v
        np.maximum(v, 0, out=released)
        v *= decay
        v += weights @ released
        v += kick
    return v


def simulated(parameters: Simulation) -> Path:
    """The folder holding ``voltages.npy`` and ``stimulus.npy`` of a simulation, made once and cached.

    Raises:
        RecordingError: the cache cannot be written.
    """
    key = {"simulation": parameters.model_dump(), "format": _FORMAT}
    size = 4 * parameters.steps * (parameters.neurons + parameters.photoreceptors)
    return find_or_build(key, lambda folder: _write(parameters, folder / "voltages.npy", folder / "stimulus.npy"), size)


def write_recording(out: Path, *, extent: int = 1, steps: int = 16_000, seed: int = 0) -> Path:
    """Simulate into ``out`` (``[steps, N]``) and ``<stem>-stimulus.npy`` beside it (``[steps, M]``), float32.

    Each file appears whole or not at all; files of these names are replaced.

    Args:
        out: the ``.npy`` to write; the suffix is added where it is missing.
        extent: grid radius in columns, 1 .. 15.
        steps: rows T.
        seed: source of biases, scene and process noise.

    Returns:
        The path of the voltages.

    Raises:
        RecordingError: a parameter is out of range.
        OSError: the place cannot be written.
    """
    try:
        parameters = Simulation(extent=extent, steps=steps, seed=seed)
    except ValidationError as error:
        raise RecordingError("\n".join(in_lines(error.errors(), "simulate", [*Simulation.model_fields]))) from error
    if out.is_dir():
        raise IsADirectoryError(f"{out} is a folder; name a file in it, such as {out / 'recording.npy'}")
    out = out if out.suffix == ".npy" else out.with_name(out.name + ".npy")
    stimulus = out.with_name(f"{out.stem}-stimulus.npy")
    try:
        with tempfile.TemporaryDirectory(prefix=f".{out.stem}.", suffix=".tmp", dir=out.parent) as work:
            parts = {Path(work) / "voltages.npy": out, Path(work) / "stimulus.npy": stimulus}
            _write(parameters, *parts)
            for part, final in parts.items():
                fsync(part)
                part.replace(final)
            fsync(out.parent)
    except OSError as error:
        raise type(error)(f"{out} cannot be written: {error.strerror or error}; choose another place") from error
    return out


def _write(parameters: Simulation, voltages: Path, stimulus: Path) -> None:
    """Simulate straight into two files."""
    with (
        RowWriter(voltages, parameters.steps, parameters.neurons) as rows,
        RowWriter(stimulus, parameters.steps, parameters.photoreceptors) as light_rows,
    ):
        for v, light in simulate(parameters):
            rows.write(v)
            light_rows.write(light)
