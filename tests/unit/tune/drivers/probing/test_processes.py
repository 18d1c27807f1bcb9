"""Short trainings in processes of their own: the first from nothing, the others forked from one that has libraries."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from tune.drivers.probing.asked import Asked
from tune.drivers.probing.preloaded import LIBRARIES, preloading
from tune.drivers.probing.processes import FreshProcesses
from tune.errors import Interrupted
from tune.scoring.check.measured import Probed, Purpose
from tune.study.study import Study

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")

TRAINING = """
    import os, signal, threading, time
    import numpy
    drawn = numpy.random.random()  # before anything seeds the global state

    def train(config, seed, checkpoint):
        what = config["what"]
        if what == "killed":
            os.kill(os.getpid(), signal.SIGSEGV)
        if what == "exit":
            os._exit(7)
        if what == "input":
            input()
        if what == "thread":  # one that nobody ends, and that is waited for at the end of Python
            threading.Thread(target=threading.Event().wait).start()
        for epoch in range(3):
            if what == "hang":
                open(config["mark"], "w").write(str(os.getpid()))
                time.sleep(600)
            yield {"loss": 1 / (1 + epoch), "parent": os.getppid(), "pid": os.getpid(), "drawn": drawn}
"""
assert np.__name__ in LIBRARIES


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study of a function in a file, in the folder of that file."""
    (tmp_path / "mine.py").write_text(textwrap.dedent(TRAINING))
    monkeypatch.chdir(tmp_path)
    choices = ["plain", "killed", "exit", "input", "hang", "thread"]
    return Study.model_validate(
        {
            "name": "forked",
            "function": "mine:train",
            "score": {"metric": "loss"},
            "fixed": {"mark": str(tmp_path / "mark")},
            "space": {"what": {"choice": choices}},
            "seeds": [1],
            "search": {"trials": 3},
            "rungs": [{"epochs": 3, "seeds": 1}],
        }
    )


@pytest.fixture
def processes(study: Study) -> Iterator[FreshProcesses]:
    """The processes of its trainings; at the end none is left."""
    before = set(psutil.Process().children(recursive=True))
    with FreshProcesses(study) as made:
        yield made
    gone, left = psutil.wait_procs(set(psutil.Process().children(recursive=True)) - before, 10)
    assert not left, gone


def trained(processes: FreshProcesses, folder: Path, what: str, purpose: Purpose = "again") -> Probed:
    """What a short training of three epochs comes to."""
    own = folder / f"{what}-{purpose}-{len(list(folder.iterdir()))}"
    own.mkdir()
    fixed = {"mark": str(folder / "mark")}
    return processes(Asked(purpose, {**fixed, "what": what}, {"what": what}, [1], 0, 3, str(own), 60.0))


def told(probed: Probed, metric: str) -> Any:
    return probed.epochs[0].metrics[metric][0]


def test_the_first_starts_from_nothing_and_others_are_forked(processes: FreshProcesses, tmp_path: Path) -> None:
    """All import the user's code for themselves, train the same, and are told to be as large."""
    assert preloading()
    whole = trained(processes, tmp_path, "plain", "whole")
    again, more = (trained(processes, tmp_path, "plain") for _ in range(2))
    assert [one.died for one in (whole, again, more)] == ["", "", ""]
    losses = [[epoch.metrics["loss"] for epoch in one.epochs] for one in (whole, again, more)]
    assert losses == [[[1.0], [1 / 2], [1 / 3]]] * 3
    assert told(whole, "parent") == os.getpid()
    assert len({told(one, "parent") for one in (whole, again, more)} | {told(one, "pid") for one in (again, more)}) == 5
    assert all(one.start_s > one.construction_s > 0 for one in (again, more))


def test_the_most_memory_is_that_of_the_training_alone(processes: FreshProcesses, tmp_path: Path) -> None:
    """What the process of the check has is counted in no training, and a forked one is told as large as a whole one."""
    held = np.ones(2**26)  # 512 MiB
    whole, again, more = (trained(processes, tmp_path, "plain", one) for one in ("whole", "again", "again"))
    libraries = 2**29  # more than all of `LIBRARIES` take, which this process may have and the training does not need
    assert 0 < whole.peak_bytes < held.nbytes
    assert all(0 < one.peak_bytes < whole.peak_bytes + libraries for one in (again, more))


def test_forked_processes_do_not_share_a_random_state(processes: FreshProcesses, tmp_path: Path) -> None:
    """NumPy's global state is drawn anew after a fork, as it is in a process that starts from nothing."""
    assert len({told(trained(processes, tmp_path, "plain"), "drawn") for _ in range(3)}) == 3


@pytest.mark.parametrize("purpose", ["whole", "again"])
def test_how_one_ends_is_told(processes: FreshProcesses, tmp_path: Path, purpose: Purpose) -> None:
    """A signal, an exit code and nothing to read are told alike of both, with what was printed."""
    killed = trained(processes, tmp_path, "killed", purpose)
    assert (killed.died, killed.kind) == ("its process ended, killed by SIGSEGV", "crashed")
    left = trained(processes, tmp_path, "exit", purpose)
    assert "os._exit(7)" in left.died or "exit code 7" in left.died
    asked = trained(processes, tmp_path, "input", purpose)
    assert "EOF" in asked.died


@pytest.mark.timeout(60)
@pytest.mark.parametrize("purpose", ["whole", "again"])
def test_threads_that_go_on_are_not_waited_for(processes: FreshProcesses, tmp_path: Path, purpose: Purpose) -> None:
    """A logger or a prefetcher that is no daemon would keep its process for ever."""
    probed = trained(processes, tmp_path, "thread", purpose)
    assert (probed.died, len(probed.epochs)) == ("", 3)


def test_whoever_stops_leaves_nothing_behind(study: Study, tmp_path: Path) -> None:
    """A training that hangs is ended where the check is interrupted."""
    mark = tmp_path / "mark"
    with (
        FreshProcesses(study, lambda: mark.exists() and bool(mark.read_text())) as processes,
        pytest.raises(Interrupted),
    ):
        trained(processes, tmp_path, "hang")
    pid = int(mark.read_text())
    while psutil.pid_exists(pid):  # its parent is no longer ours to wait for
        time.sleep(0.01)


def test_one_more_is_forked_after_the_process_that_forks_was_killed(processes: FreshProcesses, tmp_path: Path) -> None:
    """The libraries are imported again, and nobody waits for what will not come."""
    others = psutil.Process().children()
    first = trained(processes, tmp_path, "plain")
    (forks,) = set(psutil.Process().children()) - set(others)
    forks.kill()
    forks.wait(10)
    second = trained(processes, tmp_path, "plain")
    assert not first.died
    assert not second.died


def test_trainings_end_with_the_process_that_asked_for_them(study: Study, tmp_path: Path) -> None:
    """A check that is killed leaves no training behind, forked or not."""
    asks = """
        import sys
        sys.path.insert(0, sys.argv[1])
        import numpy
        from pathlib import Path
        from tests.unit.tune.drivers.probing.test_processes import trained
        from tune.drivers.probing.processes import FreshProcesses
        from tune.study.study import Study
        study = Study.model_validate_json(Path("study.json").read_text())
        with FreshProcesses(study) as processes:
            trained(processes, Path.cwd(), "hang")
    """
    (tmp_path / "study.json").write_text(study.model_dump_json(by_alias=True))
    root = str(Path(__file__).parents[5])
    check = subprocess.Popen([sys.executable, "-c", textwrap.dedent(asks), root], cwd=tmp_path)
    mark = tmp_path / "mark"
    while not (mark.exists() and mark.read_text()):
        assert check.poll() is None
    training = psutil.Process(int(mark.read_text()))
    check.send_signal(signal.SIGKILL)
    check.wait()
    training.wait(20)
