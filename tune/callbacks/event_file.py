"""An event file of TensorBoard's that is appended to and closed again, so that none is ever kept open."""

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.record_writer import RecordWriter

from tune.ledger.files import WholeWrites

_NAME = "events.out.tfevents.0000000000.latent-tune"
"""One file per run under a name of its own: TensorBoard reads files by name, and this one only grows."""


def append_events(run: Path, events: Iterable[Event]) -> None:
    """Appends events to the event file of a run, all or none of them; it is made when it is not there."""
    run.mkdir(parents=True, exist_ok=True)
    records = BytesIO()
    writer = RecordWriter(records)
    with WholeWrites(run / _NAME, "ab") as file:
        size = file.tell()
        if size == 0:
            writer.write(Event(wall_time=0, file_version="brain.Event:2").SerializeToString())
        for event in events:
            writer.write(event.SerializeToString())
        try:
            file.write(records.getvalue())
        except OSError:
            # A record cut short by a full disk would hide every later one.
            file.truncate(size)
            raise
