"""`latent-tune check`: go or no-go, before a study is paid for."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

import latent_tune
from tests.behaviour.command import Running, here, poll, status, text_of, write_study
from tests.behaviour.command import latent_tune as command

FUNCTION = """
import numpy as np


def train(config, seed, epochs, checkpoint):
    random = np.random.default_rng({seeded})
    loss = 1.0 + 0.1 * random.random()
    for _ in range(epochs):
        loss *= 0.8 + 0.02 * random.random() * config["x"]
        yield {{"validation_loss": loss}}
"""
CHECK = ("check", "study.yaml", "--driver", "inline")


def with_function(cwd: Path, seeded: str = "seed", **changes: Any) -> None:
    """Writes a study of a function, whose generator is seeded so."""
    (cwd / "mine.py").write_text(FUNCTION.format(seeded=seeded))
    study: dict[str, Any] = {"search": {"trials": 3}, "function": "mine:train", "rungs": [{"epochs": 4, "seeds": 2}]}
    write_study(cwd, **{"trainer": None, "fixed": {}, "score": {"baseline": 1.0}, **study, **changes})
    text = (cwd / "study.yaml").read_text().replace("trainer: null\n", "")
    (cwd / "study.yaml").write_text(text)


def test_a_sound_study_goes_and_the_check_is_kept(tmp_path: Path) -> None:
    """Exit code 0, a line per item; `run` begins it with what was found, which report and status tell for ever."""
    with_function(tmp_path)
    said = command(tmp_path, *CHECK)
    assert said.code == 0, said.err
    assert "go      determinism" in said.out
    assert said.out.rstrip().splitlines()[-1].startswith("Verdict: go")
    assert [path.name for path in (tmp_path / "results/tiny").iterdir()] == ["check.json"]
    assert "checked before: go" in command(tmp_path, "run", "study.yaml", "--driver", "inline").out
    kept = status(tmp_path / "results/tiny")["check"]
    assert kept["verdict"] in ("go", "warning")
    assert {"determinism", "seeds differ", "speed"} <= {item["name"] for item in kept["items"]}
    report = (tmp_path / "results/tiny/report.md").read_text()
    assert "## Check before it began" in report
    assert "| determinism | go |" in report


def test_seeds_that_are_ignored_are_no_go(tmp_path: Path) -> None:
    """Exit code 3 with the item in words; `run` of a study with `check: full` does not begin it."""
    with_function(tmp_path, seeded="0", check="full")
    said = command(tmp_path, *CHECK, "--json")
    assert said.code == 3
    assert "latent-tune: no-go: seeds differ; nothing was begun" in said.err
    found = json.loads(said.out)
    assert found["verdict"] == "no-go"
    told = {item["name"]: item for item in found["items"]}
    assert told["seeds differ"]["verdict"] == "no-go"
    assert "mine.py:6 seeds numpy.random.default_rng with 0 for every seed" in told["random generators"]["measured"]
    begun = command(tmp_path, "run", "study.yaml", "--driver", "inline")
    assert begun.code == 3
    assert "no-go" in begun.out
    assert not (tmp_path / "results/tiny/study.yaml").exists()


def test_a_study_that_is_not_to_be_checked_begins(tmp_path: Path) -> None:
    """With `check: off` nothing is asked and nothing told; by default the first trials are looked at for nothing."""
    with_function(tmp_path, seeded="0")
    silent = here("run", "study.yaml", "--driver", "inline", "--set", "check=off", cwd=tmp_path)
    assert silent.code == 0
    assert "check" not in silent.out
    assert status(tmp_path / "results/tiny")["check"] is None
    told = here("run", "study.yaml", "--driver", "inline", "--set", "name=again", cwd=tmp_path)
    assert told.out.count("check, seeds differ: seeds 1 and 2 gave the same values of every metric") == 1


def test_a_check_of_other_code_is_not_taken(tmp_path: Path) -> None:
    """What was found of code that has been edited since is not said of the new one."""
    with_function(tmp_path)
    assert command(tmp_path, *CHECK, "--minutes", "0.2").code == 0
    (tmp_path / "mine.py").write_text(FUNCTION.format(seeded="seed + 1"))
    assert "checked before" not in here("run", "study.yaml", "--driver", "inline", cwd=tmp_path).out


def test_a_trainer_that_cannot_be_imported_elsewhere(tmp_path: Path) -> None:
    """An import that works only where the check was given is found by its processes, with the line that failed."""
    with_function(tmp_path)
    only_here = f"import os\n\nassert os.getpid() == {os.getpid()}, 'only here'\n\n"
    (tmp_path / "mine.py").write_text(only_here + FUNCTION.format(seeded="seed"))
    said = here(*CHECK, cwd=tmp_path)
    assert said.code == 3
    assert "no-go   imports" in said.out
    assert "'mine' cannot be imported" in said.out


def test_interrupted_it_leaves_no_process(tmp_path: Path) -> None:
    """Ctrl-C ends what trains, says that nothing is kept, and exits with 130; so does a kill end what trains."""
    (tmp_path / "slow.py").write_text(
        "import time\n\ndef train(config, seed, epochs):\n    while True:\n"
        "        open('began', 'a').close()\n        time.sleep(3600)\n        yield {'validation_loss': 1.0}\n"
    )
    with_function(tmp_path, function="slow:train")
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)):
        (tmp_path / "began").unlink(missing_ok=True)
        with Running(tmp_path, *CHECK) as process:
            process.until((tmp_path / "began").exists, "it trains")
            children = psutil.Process(process.pid).children(recursive=True)
            assert children
            process.signal(number)
            assert process.wait() == code
            poll(lambda of=tuple(children): not any(child.is_running() for child in of), "its processes end")
        if code > 0:
            assert "interrupted; a check keeps nothing" in text_of(process.err)


def test_from_python_also_what_no_process_can_import(tmp_path: Path) -> None:
    """A function that was defined in a script is checked in this process; the answer is an object."""

    def train(config: dict[str, Any], seed: int, epochs: int) -> Any:
        for epoch in range(epochs):
            yield {"validation_loss": 0.8**epoch + 0.01 * seed}

    train.__module__ = "__main__"
    study = latent_tune.Study(
        name="s", function="mine:train", space={"x": {"uniform": [0, 1]}}, seeds=[1, 2], epochs=8, score={"baseline": 2}
    )
    found = latent_tune.check(study, train, tmp_path, progress=False)
    assert found.verdict != "no-go", found.said
    assert {item.name: item.verdict for item in found.items}["seeds apart"] == "go"
    with pytest.raises(latent_tune.UserMistake, match="minutes: must be above 0 and at most 10080, got 0"):
        latent_tune.check(study, train, tmp_path, minutes=0)
    refused = latent_tune.Study(**{**study.model_dump(mode="json"), "check": "full", "seeds": [1, 2]})
    with pytest.raises(latent_tune.NoGo, match="seeds differ"):
        latent_tune.run(refused, lambda_of_no_seed(train), tmp_path / "b", progress=False)


def lambda_of_no_seed(train: Any) -> Any:
    """The same function, which is given no seed but one."""

    def ignoring(config: dict[str, Any], epochs: int) -> Any:
        yield from train(config, 1, epochs)

    ignoring.__module__ = "__main__"
    return ignoring


@pytest.mark.parametrize("text", ["[" * 100_000, " " * 2**22 + "{}", "\x00", "{"])
def test_a_kept_check_that_is_damaged_is_none(tmp_path: Path, text: str) -> None:
    """What lies in the place of check.json is read for a check or not at all."""
    with_function(tmp_path)
    (tmp_path / "results/tiny").mkdir(parents=True)
    (tmp_path / "results/tiny/check.json").write_text(text)
    begun = here("run", "study.yaml", "--driver", "inline", cwd=tmp_path)
    assert begun.code == 0, begun.err
    assert "checked before" not in begun.out


def test_a_folder_in_the_place_of_a_kept_check(tmp_path: Path) -> None:
    """Refused in words, before minutes are spent."""
    with_function(tmp_path)
    (tmp_path / "results/tiny/check.json").mkdir(parents=True)
    said = here(*CHECK, cwd=tmp_path)
    assert said.code == 2
    assert "check.json: a folder lies where the study keeps its file of that name; move it away" in said.err


def test_in_one_process_one_trains_at_a_time(tmp_path: Path) -> None:
    """Random states are the process's, so what is trained in it is not trained beside another, whatever the driver."""
    training, most = [0], [0]

    def train(seed: int, epochs: int) -> Any:
        training[0] += 1
        most[0] = max(most[0], training[0])
        for epoch in range(epochs):
            time.sleep(0.01)
            yield {"validation_loss": 0.8**epoch + 0.01 * seed}
        training[0] -= 1

    train.__module__ = "__main__"
    study = latent_tune.Study(
        name="s", function="mine:train", space={"x": {"uniform": [0, 1]}}, seeds=[1], epochs=4, score={"baseline": 2}
    )
    latent_tune.check(study, train, tmp_path, driver="ray", minutes=0.2, progress=False)
    assert most == [1]


@pytest.mark.parametrize("minutes", ["inf", "nan", "0", "-1", "1e9"])
def test_minutes_that_are_none(tmp_path: Path, minutes: str) -> None:
    """Refused before anything is trained, with what is allowed."""
    with_function(tmp_path)
    said = here(*CHECK, f"--minutes={minutes}", cwd=tmp_path)
    assert said.code == 2
    assert "--minutes: must be above 0 and at most 10080" in said.err


def test_a_loop_of_ones_own_is_not_checked(tmp_path: Path) -> None:
    """What the study's own process cannot have train is not refused for that: `check: full` asks trainers alone."""
    study = latent_tune.Study(
        name="s", space={"x": {"uniform": [0, 1]}}, seeds=[1, 2], epochs=1, search={"trials": 2}, check="full"
    )
    with latent_tune.ask_tell(study, tmp_path / "s") as search:
        work = search.ask()
        assert work is not None
        search.tell(work, {"validation_loss": [0.1] * len(work.seeds)})
