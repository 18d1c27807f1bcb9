"""What a study says about its recording: the ``recording`` block, checked before anything is read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.recording.flyvis import Simulation
from model.recording.mistakes import ROOT, RecordingError, in_lines
from model.recording.split import find_mistakes


class RecordingSpec(BaseModel):
    """The ``recording`` block: ``simulate`` or ``path``, and how to read and split it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    simulate: Simulation | None = Field(None, description="parameters of the built-in recording")
    path: Path | None = Field(None, strict=False, description="a .npy, .npz, .arrow, .feather or .parquet file")
    column: str | None = Field(None, description="column of [T, N, 9] (VOLTAGE), or the array's name in an .npz")
    stimulus: bool = Field(default=False, description="also read the stimulus; a simulation always gives it")
    stimulus_inputs: int = Field(1_736, ge=1, description="photoreceptors: first entries of the STIMULUS column")
    stimulus_path: Path | None = Field(None, strict=False, description="a [T, M] .npy beside a [T, N] one")
    stimulus_columns: tuple[str, ...] = Field((), strict=False, description="a table's columns that are stimulus")
    columns: tuple[str | int, ...] = Field(
        (), strict=False, description="the neurons: a table's columns by name, a matrix's by number; default: all"
    )
    exclude: tuple[str | int, ...] = Field(
        (), strict=False, description="columns that are no neurons, such as a clock: by name in a table, else by number"
    )
    standardize: bool = Field(
        default=False, description="bring each neuron to mean 0 and standard deviation 1, over the training rows"
    )
    split: Mapping[str, Any] | None = Field(None, description="default: the published proportions")
    allow_constant: bool = Field(default=False, description="accept neurons whose value never changes")


def read_spec(spec: Mapping[str, Any]) -> RecordingSpec:
    """Check a ``recording`` block by itself, without opening any file.

    Raises:
        RecordingError: one line per mistake, all of them at once.
    """
    lines: list[str] = []
    given = [key for key in ("simulate", "path") if spec.get(key) is not None]
    if len(given) != 1:
        got = "both" if given else "neither"
        lines.append(f"{ROOT}: needs either simulate or path, got {got}")
    if "simulate" in given:
        lines += [
            f"{ROOT}.{key}: belongs to path, not to simulate"
            for key in ("column", "columns", "exclude", "stimulus_inputs", "stimulus_path", "stimulus_columns")
            if key in spec
        ]
    if spec.get("columns") and spec.get("exclude"):
        lines.append(f"{ROOT}.exclude: columns names what is taken, so nothing is left to exclude; give one of the two")
    lines += _find_simulation_mistakes(spec.get("simulate"))
    lines += find_mistakes(spec["split"]) if spec.get("split") is not None else []
    try:
        checked = RecordingSpec.model_validate(
            {key: value for key, value in spec.items() if key not in {"simulate", "split"}}
        )
    except ValidationError as error:
        lines += in_lines(error.errors(), ROOT, [*RecordingSpec.model_fields])
    if lines:
        raise RecordingError("\n".join(lines))
    simulation = Simulation.model_validate(spec["simulate"]) if "simulate" in given else None
    return checked.model_copy(update={"simulate": simulation, "split": spec.get("split")})


def _find_simulation_mistakes(value: Any) -> list[str]:
    if value is None:
        return []
    known = [*Simulation.model_fields]
    if not isinstance(value, Mapping):
        return [f"{ROOT}.simulate: must be a mapping with {', '.join(known)}, got {value!r}"]
    try:
        Simulation.model_validate(dict(value))
    except ValidationError as error:
        return in_lines(error.errors(), f"{ROOT}.simulate", known)
    return []
