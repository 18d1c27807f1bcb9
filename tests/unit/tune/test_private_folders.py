"""Folders that are gone in the end, also where their process was killed."""

import stat
import subprocess
from pathlib import Path

from tune.private_folders import own_name, private_folder


def test_what_killed_processes_left_goes_and_what_others_use_stays(tmp_path: Path) -> None:
    """Of one purpose and machine; those of another keep theirs, and so do processes that live."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    kept = {"check-1-abc", f"other-{gone.pid}-abc", "check-here-abc"}
    for name in (*kept, f"check-{gone.pid}-abc"):
        (tmp_path / name / "checkpoints").mkdir(parents=True)
    with private_folder("check-", tmp_path) as folder:
        assert folder.name.startswith(own_name("check-"))
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {path.name for path in tmp_path.iterdir()} == {*kept, folder.name}
    assert not folder.exists()
