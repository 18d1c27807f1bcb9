"""The records of a `run-ID.wandb` file, W&B's own log of a run.

It is a log of LevelDB's with a header of its own: blocks of 32 KiB, in each of them records of a checksum, a length, a
kind and data; a record that does not fit is split over several. Source: LevelDB, doc/log_format.md; the header:
wandb/sdk/internal/datastore.py of wandb 0.16.
"""

import struct
from collections.abc import Iterator

_HEAD = struct.Struct("<4sHB")  # of the file: `:W&B`, a magic number, a version
_RECORD = struct.Struct("<IHB")  # of a record: checksum, length, kind
_BLOCK = 32_768
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def records(content: bytes) -> Iterator[bytes]:
    """Yields the data of each record that is whole; what a killed process cut off at the end is left out.

    Args:
        content: Of the file.

    Raises:
        ValueError: If it is none of W&B's.
    """
    if len(content) < _HEAD.size or _HEAD.unpack_from(content)[:2] != (b":W&B", 0xBEE1):
        raise ValueError("it does not begin as such a file does")
    at, parts = _HEAD.size, b""
    while at + _RECORD.size <= len(content):
        left = _BLOCK - at % _BLOCK
        if left < _RECORD.size:
            at += left
            continue
        _, length, kind = _RECORD.unpack_from(content, at)
        start = at + _RECORD.size
        at = start + length
        if at > len(content) or kind not in (_FULL, _FIRST, _MIDDLE, _LAST):
            return
        parts = content[start:at] if kind in (_FULL, _FIRST) else parts + content[start:at]
        if kind in (_FULL, _LAST):
            yield parts
