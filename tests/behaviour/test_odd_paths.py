"""A path is a path, whatever characters are in it, and a place for temporary files may be long."""

import tempfile
from pathlib import Path

import pytest

from tests.behaviour.command import Running, here, status, write_study

NAMES = ["with space", "who?when=now", "100%20", "a#b", "{braces}", "~home", "ünïcode", "file:"]


@pytest.mark.parametrize("name", NAMES)
def test_a_study_lies_where_it_was_told_to(tmp_path: Path, name: str) -> None:
    """It is run, looked at and continued in a folder of that name, and nothing lies beside it."""
    cwd = tmp_path / name
    cwd.mkdir()
    write_study(cwd, fixed={}, search={"trials": 2})
    folder = cwd / "results" / "tiny"
    said = here("run", cwd / "study.yaml", "--results", cwd / "results", "--driver", "inline")
    assert (said.code, said.err) == (0, "")
    assert (folder / "study.db").is_file()
    assert here("resume", folder, "--driver", "inline", "--trials", "3").code == 0
    assert status(folder)["trials"]["confirmed"] >= 1
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.cluster
def test_ray_works_in_an_odd_folder_with_a_long_tmpdir(tmp_path: Path) -> None:
    """Its sockets lie in a private folder that is short enough, and is removed; nothing is left in either place."""
    cwd, scratch = tmp_path / "who?when=100%20", tmp_path / ("long" * 20)
    cwd.mkdir()
    scratch.mkdir()
    write_study(cwd, fixed={}, search={"trials": 2})
    with Running(cwd, "run", "study.yaml", "--driver", "ray", TMPDIR=str(scratch)) as running:
        assert running.wait() == 0, running.said()
    assert status(cwd / "results" / "tiny")["state"] == "finished"
    assert list(scratch.iterdir()) == []
    assert list(Path(tempfile.gettempdir()).glob(f"latent-tune-{running.pid}-*")) == []
