"""Which files of a folder are state, and how they come back."""

from pathlib import Path

from tune.adapters.checkpoint_folder import files_of, write_files


def test_a_link_to_a_file_of_the_folder_counts_as_that_file(tmp_path: Path) -> None:
    """The latest checkpoint under a name of its own is there again, whatever it was a link to."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "epoch-3.pt").write_bytes(b"three")
    (tmp_path / "last.pt").symlink_to("runs/epoch-3.pt")
    (tmp_path / "latest").symlink_to("runs")
    (tmp_path / "gone.pt").symlink_to("runs/epoch-2.pt")
    kept = files_of(tmp_path, "mine")
    assert kept == {"last.pt": b"three", "runs/epoch-3.pt": b"three"}
    again = tmp_path / "again"
    write_files(again, kept, "mine")
    assert files_of(again, "mine") == kept
