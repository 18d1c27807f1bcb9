"""An event file of TensorBoard's that is appended to and closed again, so that none is ever kept open."""

import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
from tensorboard.summary.writer.record_writer import RecordWriter

from tune.ledger.storage.files import WholeWrites

_NAME = "events.out.tfevents.{order:010d}.latent-tune-2"
"""TensorBoard reads the files of a run by name. At the end stands the version of what is written: a folder without
such a file at its root is another version's."""

_HEAD = struct.Struct("<QI")  # of a record: length of its data, and the checksum of that
_FOOT = struct.Struct("<I")  # the checksum of the data


def event_file(run: Path, order: int = 1) -> Path:
    """Returns the path of an event file of a run.

    Args:
        run: The folder of the run.
        order: Its place among the files of the run. Where TensorBoard has no data server it reads them one after the
            other, and does not come back to one before: so only the last one may grow.
    """
    return run / _NAME.format(order=order)


def append_events(file: Path, events: Iterable[Event]) -> None:
    """Appends events to an event file, all or none of them; it and its folder are made when they are not there."""
    try:
        stream = WholeWrites(file, "ab")
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
        stream = WholeWrites(file, "ab")
    with stream:
        size = stream.tell()
        try:
            stream.write(_records(events, begin=size == 0))
        except OSError:
            # A record cut short by a full disk would hide every later one.
            stream.truncate(size)
            raise


def replace_events(file: Path, events: Iterable[Event]) -> None:
    """Makes an event file with these events only; whoever reads it sees all of them or none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(".new")  # TensorBoard looks at names with tfevents in them
    try:
        with WholeWrites(temporary, "wb") as stream:
            stream.write(_records(events, begin=True))
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def keep_only(file: Path) -> None:
    """Removes the other event files of a run."""
    for other in file.parent.glob("*tfevents*"):
        if other != file:
            other.unlink(missing_ok=True)


def read_events(file: Path, *, thorough: bool = False) -> list[Event]:
    """Reads an event file that is going to be appended to, and cuts off what cannot be read at its end.

    A process that was killed, or a damaged disk, leaves records that are cut short or make no sense; TensorBoard reads
    nothing that comes after them.

    Args:
        file: The file; it need not be there.
        thorough: Whether to check the data against its checksums, which takes ten times as long.

    Returns:
        The events before the first that cannot be read.
    """
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return []
    events, end = [], 0
    with suppress(ValueError, DecodeError, struct.error):
        for start, stop, after in _places(data, thorough=thorough):
            events.append(Event.FromString(data[start:stop]))
            end = after
    if end < len(data):
        with file.open("r+b") as stream:
            stream.truncate(end)
    return events[1:]  # the first one is the version of the format


def _places(data: bytes, *, thorough: bool) -> Iterator[tuple[int, int, int]]:
    """Yields where the data of each record begins and ends, and where the record ends; raises ValueError for others."""
    at = 0
    while at < len(data):
        length, checksum = _HEAD.unpack_from(data, at)
        start = at + _HEAD.size
        stop = start + length
        (foot,) = _FOOT.unpack_from(data, stop) if masked_crc32c(data[at : at + 8]) == checksum else (None,)
        if foot is None or (thorough and masked_crc32c(data[start:stop]) != foot):
            raise ValueError("a record is damaged")
        at = stop + _FOOT.size
        yield start, stop, at


def _records(events: Iterable[Event], *, begin: bool) -> bytes:
    """Returns events as they lie in a file, with what stands at its beginning."""
    records = BytesIO()
    writer = RecordWriter(records)
    if begin:
        writer.write(Event(wall_time=0, file_version="brain.Event:2").SerializeToString())
    for event in events:
        writer.write(event.SerializeToString())
    return records.getvalue()
