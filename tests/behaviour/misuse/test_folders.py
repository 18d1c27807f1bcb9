"""A folder that holds a study: what would change what its results mean is refused, and every file stays as it was."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.behaviour.command import Running, here, latent_tune, status, write_study
from tests.behaviour.refusals import check_refused, snapshot


@dataclass(frozen=True)
class Study:
    """A working directory with a study in it."""

    cwd: Path
    folder: Path


@pytest.fixture(scope="module", params=["finished", "half-finished"])
def study(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study that is finished, and one that was killed half-way."""
    cwd = tmp_path_factory.mktemp(request.param)
    arguments = ["run", "study.yaml", "--driver", "inline"]
    if request.param == "finished":
        write_study(cwd, fixed={})
        assert latent_tune(cwd, *arguments).code == 0
    else:
        write_study(cwd)
        with Running(cwd, *arguments) as process:
            process.until(lambda: any(cwd.glob("results/tiny/checkpoints/2/*.pt")), "the third trial")
            process.kill()
    return Study(cwd, cwd / "results" / "tiny")


CONFLICTS: list[tuple[str, Callable[[Path], list[str]], list[str]]] = [
    (
        "another space",
        lambda cwd: ["run", str(cwd / "study.yaml"), "--set", "space.x.uniform=[0, 2]"],
        ["holds another study of the name 'tiny'\n", "space.x.uniform: there [0.0, 1.0], asked for [0.0, 2.0]"],
    ),
    (
        "other seeds",
        lambda cwd: ["run", str(cwd / "study.yaml"), "--set", "seeds=[1, 2, 4]"],
        ["  seeds: there [1, 2, 3], asked for [1, 2, 4]\n", "give this one another name (--set name=...)"],
    ),
    (
        "another trainer",
        lambda cwd: ["run", str(cwd / "study.yaml"), "--set", "trainer=tests.fakes.trainers:Choosy"],
        ["trainer: there tests.fakes.trainers:Quadratic, asked for tests.fakes.trainers:Choosy"],
    ),
    *(
        (
            f"grown with {' '.join(options)}",
            lambda cwd, given=options: ["resume", str(cwd / "results" / "tiny"), *given],
            parts,
        )
        for options, parts in [
            (["--trials", "0"], ["search.trials: must be greater than or equal to 1, got int 0"]),
            (["--trials", "1"], ["trials have been started, asked for 1; trials are never taken back"]),
            (["--epochs", "5"], ["epochs: 5 asked for, but a full training has 5 already; give more"]),
            (["--seeds", "7,x"], ["--seeds: numbers with commas between them are wanted", "got 'x'"]),
            (["--seeds", "7,1"], ["seeds: each seed once, got 1 twice"]),
            (["--budget", "seed_epoch=99"], ["unknown key; did you mean 'seed_epochs'?"]),
            (["--budget", "99"], ["--set budget.99: write path=value"]),
            (["--budget", "wall_clock=1ms"], ["a duration is written like 90s"]),
            (["--set", "fixed.sleep_s=2"], ["every trial so far was trained with the old value"]),
            (["--set", "space.x.uniform=[0.4,0.5]"], ["it must hold every value that could be tried before"]),
            (["--set", "space.x={choice: [0.3, 0.4]}"], ["it must hold every value that could be tried before"]),
            (["--set", "space.y.uniform=[0,1]"], ["old trials have no value of it"]),
            (["--set", "rungs=[{epochs: 9, seeds: 3}]"], ["trials stand at the old rungs"]),
            (["--set", "score.risk=2"], ["every score so far was worked out with the old value"]),
            (["--set", "seeds=[3,2,1]"], ["the old seeds come first and in their order"]),
            (["--set", "name=other"], ["it names the folder and the study in its database"]),
        ]
    ),
    ("a trial that is not there", lambda cwd: ["compare", str(cwd / "results" / "tiny"), "0", "99"], ["99"]),
    ("a list of a study", lambda cwd: ["list", str(cwd / "results" / "tiny")], ["is a study itself; see it with"]),
    *(
        (
            f"epochs {epochs!r} compared",
            lambda cwd, given=epochs: ["compare", str(cwd / "results" / "tiny"), "0", "1", "--epochs", given],
            [part],
        )
        for epochs, part in [
            ("99", "--at: 1 to "),
            ("0", "have been trained by some run; got 0"),
            ("1,x", "--at: numbers with commas between them are wanted"),
            ("", "have been trained by some run; none is given"),
        ]
    ),
]


@pytest.mark.parametrize(("arguments", "parts"), [case[1:] for case in CONFLICTS], ids=[case[0] for case in CONFLICTS])
def test_another_study_does_not_touch_this_one(
    study: Study, arguments: Callable[[Path], list[str]], parts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would change the meaning of a study's results is refused with the difference; every file stays as it was."""
    monkeypatch.chdir(study.cwd)
    given = arguments(study.cwd)
    before = snapshot(study.folder)
    assert {"study.yaml", "study.db"} <= before.keys()
    check_refused(here(*given, *(["--driver", "inline"] if given[0] in ("run", "resume") else [])), *parts)
    assert snapshot(study.folder) == before


def test_a_live_study_is_not_run_twice(tmp_path: Path) -> None:
    """The second process is refused and told which process and host it is; the first goes on undisturbed."""
    write_study(tmp_path, fixed={"sleep_s": 0.1}, search={"trials": 10_000})  # it does not end by itself
    other = tmp_path / "other"
    other.mkdir()
    with Running(tmp_path, "run", "study.yaml", "--driver", "inline") as first:
        first.until(lambda: any(tmp_path.glob("results/tiny/checkpoints/0/*.pt")), "the first rung")
        for arguments in (["run", "../study.yaml", "--results", "../results"], ["resume", "../results/tiny"]):
            said = latent_tune(other, *arguments, "--driver", "inline")
            check_refused(said, f"process {first.pid} on {os.uname().nodename} is running this study (last heard of ")
        assert first.alive
        assert status(tmp_path / "results" / "tiny")["state"] == "running"
        first.signal(signal.SIGTERM)
        assert first.wait() == 130
    assert status(tmp_path / "results" / "tiny")["sessions"] == ["interrupted"]
