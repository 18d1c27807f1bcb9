"""An event file of TensorBoard's that is appended to and closed again, so that none is ever kept open."""

from collections.abc import Iterable
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.record_writer import RecordWriter

_NAME = "events.out.tfevents.0000000000.latent-tune"
"""One file per run under a name of its own: TensorBoard reads files by name, and this one only grows."""


def append_events(run: Path, events: Iterable[Event]) -> None:
    """Appends events to the event file of a run, which is made when it is not there."""
    path = run / _NAME
    new = not path.exists()
    run.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        writer = RecordWriter(file)
        if new:
            writer.write(Event(wall_time=0, file_version="brain.Event:2").SerializeToString())
        for event in events:
            writer.write(event.SerializeToString())
