"""What a study says about its recording: the ``recording`` block, checked before anything is read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.recording.flyvis import Simulation
from model.recording.mistakes import ROOT, RecordingError, in_lines, of_other
from model.recording.recording import find_name_mistakes
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
    others: Mapping[str, Any] = Field(
        default_factory=dict,
        description="by name, recordings of the same neurons on which what is trained is evaluated too: such blocks, "
        "but for others and standardize",
    )


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
    others, of_others = _read_others(spec.get("others"))
    try:
        checked = RecordingSpec.model_validate(
            {key: value for key, value in spec.items() if key not in {"simulate", "split", "others"}}
        )
    except ValidationError as error:
        lines += in_lines(error.errors(), ROOT, [*RecordingSpec.model_fields])
    lines += of_others
    if lines:
        raise RecordingError("\n".join(lines))
    simulation = Simulation.model_validate(spec["simulate"]) if "simulate" in given else None
    return checked.model_copy(update={"simulate": simulation, "split": spec.get("split"), "others": others})


def _read_others(given: Any) -> tuple[dict[str, RecordingSpec], list[str]]:
    """Check the blocks of other recordings; give those that are right, and the lines of all mistakes."""
    if given is None:
        return {}, []
    if not isinstance(given, Mapping):
        return {}, [f"{ROOT}.others: must be a mapping from names to recordings, got {given!r}"]
    checked, lines = {}, find_name_mistakes(given)
    for name, block in given.items():
        where = f"{ROOT}.others.{name}"
        if not isinstance(block, Mapping):
            lines.append(f"{where}: must be a mapping, a recording's, got {block!r}")
            continue
        if "standardize" in block:
            lines.append(f"{where}.standardize: others are scaled as the recording that is trained on; leave it out")
        if "others" in block:
            lines.append(f"{where}.others: other recordings have none of their own")
        try:
            with of_other(str(name)):
                checked[name] = read_spec({key: value for key, value in block.items() if key != "others"})
        except RecordingError as error:
            lines += str(error).splitlines()
    return checked, lines


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
