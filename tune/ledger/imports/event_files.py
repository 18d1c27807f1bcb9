"""TensorBoard's event files, by TensorBoard's own reader; a folder with event files is a run."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import Any

from tune.errors import UserMistake
from tune.ledger.imports.names import role
from tune.ledger.imports.run import (
    MOST_RUNS,
    ImportedRun,
    flat,
    from_one,
    refuse_large,
    seed_in,
    whole,
    without_seed,
)
from tune.study import document

_SEED = re.compile(r"(?:^|[/_.,-])seed[-_=]?(\d{1,9})(?=$|[/_.,-])")
_HPARAMS = "_hparams_/session_start_info"
_OWN = ".latent-tune-"


@dataclass
class _Told:
    """What the event files of one folder tell: by tag the value at each step; hyperparameters; first and last time."""

    steps: dict[str, dict[int, float]] = field(default_factory=dict)
    configuration: dict[str, Any] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)


def holds_event_files(folder: Path) -> bool:
    """Says whether there are event files in a folder or below."""
    return next(_event_files(folder), None) is not None


def read_event_files(place: Path, source: str) -> list[ImportedRun]:
    """Returns the runs of a folder, or that of one event file.

    Hyperparameters are those of TensorBoard's HParams, which PyTorch puts in a folder of its own below the run, or of
    Lightning's `hparams.yaml`. The seed is a hyperparameter of that name, else the number after `seed` in the folder's
    name. A step is an epoch where steps count by one; where a scalar `epoch` is told, that is it.

    Raises:
        UserMistake: If nothing can be read there, or too much.
    """
    home = place if place.is_dir() else place.parent
    folders: dict[str, _Told] = {}
    for path in [place] if place.is_file() else _event_files(place):
        key = path.parent.relative_to(home).as_posix()
        if key not in folders and len(folders) == MOST_RUNS:
            raise UserMistake(f"{source}: holds more than {MOST_RUNS:,} runs; give a folder below it")
        _read(path, folders.setdefault(key, _Told()))
    for key, told in list(folders.items()):
        told.configuration = {**_hparams_file(home / key), **told.configuration}
        above = folders.get(Path(key).parent.as_posix())
        single = all(len(values) == 1 for values in told.steps.values())
        if key != "." and above is not None and single and told.configuration and not above.configuration:
            above.configuration = told.configuration
            for tag, values in told.steps.items():
                above.steps.setdefault(tag, values)
            del folders[key]
    found = [_run(key, told, source) for key, told in folders.items() if told.steps]
    if not found:
        raise UserMistake(f"{source}: its event files hold no scalars, so there is nothing to compare")
    return found


def _event_files(folder: Path) -> Iterator[Path]:
    for here, below, names in os.walk(folder):
        below.sort()
        for name in sorted(names):
            # Our own have what sums up the seeds of a trial in the folders above these.
            if "tfevents" in name and (_OWN not in name or Path(here).name.startswith("seed")):
                yield Path(here, name)


def _read(path: Path, told: _Told) -> None:
    refuse_large(path)
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    for event in EventFileLoader(str(path)).Load():
        for value in event.summary.value:
            if value.tag == _HPARAMS:
                with suppress(Exception):  # of whatever version of the plugin
                    data = HParamsPluginData.FromString(value.metadata.plugin_data.content)
                    given = data.session_start_info.hparams
                    told.configuration |= {name: _plain(one) for name, one in given.items()}
                continue
            number = _scalar(value)
            if number is not None:
                told.steps.setdefault(value.tag, {})[event.step] = number
                told.times = [min([event.wall_time, *told.times]), max([event.wall_time, *told.times])]


def _scalar(value: Any) -> float | None:
    """Returns the number of a summary; None of pictures, texts and histograms."""
    if not value.HasField("tensor") or value.metadata.plugin_data.plugin_name not in ("scalars", ""):
        return None
    from tensorboard.util.tensor_util import make_ndarray

    array = make_ndarray(value.tensor)
    return float(array) if array.shape == () and array.dtype.kind in "fiub" else None


def _plain(value: Any) -> Any:
    """Returns what a hyperparameter is; whole numbers, which TensorBoard keeps as floats, as such."""
    kind = value.WhichOneof("kind")
    given = getattr(value, kind) if kind else None
    return int(given) if isinstance(given, float) and given.is_integer() and abs(given) < 2**53 else given


def _hparams_file(folder: Path) -> dict[str, Any]:
    """Returns what Lightning's `hparams.yaml` beside event files says; nothing of more than plain values."""
    path = folder / "hparams.yaml"
    try:
        return dict(flat(document.read(path).value)) if path.is_file() else {}
    except UserMistake:
        return {}


def _run(key: str, told: _Told, source: str) -> ImportedRun:
    epoch = next((values for tag, values in told.steps.items() if role(tag) == "epoch"), None)
    curves = {tag: values for tag, values in told.steps.items() if values is not epoch}
    if epoch is not None:  # the last value of each epoch
        known = sorted((step, value) for step, value in epoch.items() if isfinite(value)) or [(0, 0.0)]
        curves = {tag: _by_epoch(values, known) for tag, values in curves.items()}
    single = len({step for values in curves.values() for step in values}) == 1
    counted = from_one({tag: values for tag, values in curves.items() if values})
    by_one = single or any(max(one) - min(one) == len(one) - 1 for one in counted.values() if len(one) > 1)
    seed, side = seed_in(told.configuration), key
    if seed is None and (match := _SEED.search(key)):
        seed = int(match[1])
        side = _SEED.sub("", key).strip("/_.,-") or key
    configuration = without_seed(told.configuration)
    run = ImportedRun(
        key,
        source,
        configuration,
        seed=seed,
        curves=counted,
        seconds=told.times[1] - told.times[0] if len(told.times) > 1 and told.times[1] > told.times[0] else None,
        axis="epoch" if epoch is not None or by_one else "step",
    )
    return run if configuration or side == key else replace(run, group=side)


def _by_epoch(values: Mapping[int, float], known: list[tuple[int, float]]) -> dict[int, float]:
    """Returns values by the epoch that was told last at, or else first after, their step."""
    found: dict[int, float] = {}
    at = 0
    for step, value in sorted(values.items()):
        while at + 1 < len(known) and known[at][0] < step:
            at += 1
        found[whole(known[at][1])] = value
    return found
