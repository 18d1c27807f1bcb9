"""The folder in which a Ray that is started here keeps its sockets, logs and spilled objects.

Ray's own default is one folder for all users of a machine, open to each of them; where TMPDIR is long, as batch systems
make it, the paths of its sockets are longer than the system takes.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tune.errors import UserMistake
from tune.private_folders import SUFFIX, own_name, private_folder

LONGEST = 40
"""Characters of a path to which Ray can add `/session_<date>_<time>_<microseconds>_<pid>/sockets/plasma_store`: a
socket's path has 107 at most (`sun_path` in unix(7))."""

_PREFIX = "latent-tune-"
_PLACES = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - what is made there is private and has a random name


@contextmanager
def session_folder(places: Sequence[str] | None = None) -> Iterator[Path]:
    """Makes a folder that nobody else can enter, and removes it in the end; what killed processes left goes as well.

    Args:
        places: Where it may lie, the first that will do; None: where temporary files go, else `/tmp`, `/var/tmp` or
            `/dev/shm`.

    Raises:
        UserMistake: If none of them can be written and is short enough.
    """
    given = [tempfile.gettempdir(), *_PLACES] if places is None else places
    name = own_name(_PREFIX)
    for place in given:
        if len(place) + len(f"/{name}") + SUFFIX > LONGEST or not os.access(place, os.W_OK | os.X_OK):
            continue
        with private_folder(_PREFIX, Path(place)) as folder:
            yield folder
        return
    raise UserMistake(
        f"Ray has no place for its sockets: it needs a folder that can be written and whose path has at most "
        f"{LONGEST - len(name) - SUFFIX - 1} characters, and none of {', '.join(given)} is one; set TMPDIR to such a "
        "folder, or train in this process with --driver inline"
    )
