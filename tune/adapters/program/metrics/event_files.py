"""Metrics in TensorBoard's event files, by TensorBoard's own reader."""

from pathlib import Path
from typing import Any

from tune.adapters.program.metrics.row import Naming, Row
from tune.adapters.program.metrics.written import Written


class EventFiles:
    """The scalars of all event files below a folder; a step is an epoch, unless there is a scalar `epoch` at it.

    Args:
        written: The event files.
        naming: What the metrics are called: tags of scalars.
    """

    whole = False

    def __init__(self, written: Written, naming: Naming) -> None:
        self._written, self._naming = written, naming
        self._loaders: dict[Path, Any] = {}
        self._steps: dict[int, dict[str, float]] = {}
        self._epoch = naming.names.get("epoch", "epoch")

    @property
    def place(self) -> str:
        """Says where it looks."""
        return f"event files below {self._written.place}"

    def read(self, *, ended: bool) -> list[Row]:  # noqa: ARG002 - the reader holds back what is half written
        """Returns the rows of the steps of which there is something new."""
        new: dict[int, None] = {}
        for path in self._written.files():
            if path not in self._loaders:
                from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

                self._loaders[path] = EventFileLoader(str(path))
            for event in self._loaders[path].Load():
                for value in event.summary.value:
                    number = _scalar(value)
                    if number is not None:
                        self._steps.setdefault(event.step, {})[value.tag] = number
                        new[event.step] = None
        numbered = any(self._epoch in values for values in self._steps.values())
        steps = [step for step in sorted(new) if not numbered or self._epoch in self._steps[step]]
        return [self._naming.row(self._steps[step], step) for step in steps]


def _scalar(value: Any) -> float | None:
    """Returns the number of a summary; None of pictures, texts and histograms."""
    if not value.HasField("tensor") or value.metadata.plugin_data.plugin_name not in ("scalars", ""):
        return None
    from tensorboard.util.tensor_util import make_ndarray

    array = make_ndarray(value.tensor)
    return float(array) if array.shape == () and array.dtype.kind in "fiub" else None
