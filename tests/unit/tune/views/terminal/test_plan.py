"""What a study is going to do, said before it does it."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from tests.fakes.one_objective import PROGRAM_ANEW, SPACE
from tests.fakes.studies import quadratic_study
from tune.cli import main
from tune.study.ladder import stages
from tune.study.study import Study, dump_study
from tune.views.terminal.plan import print_plan

FAKES = "tests.fakes.one_objective"


def test_stages_of_a_ladder() -> None:
    """27 trials on a ladder of three with one in three climbing: 27, 9, 3, each paying what it has not trained yet."""
    study = quadratic_study(rungs=[{"epochs": 2, "seeds": 1}, {"epochs": 6, "seeds": 1}, {"epochs": 6, "seeds": 3}])
    planned = stages(study.rungs, 27, 3.0)
    assert [(stage.trials, stage.seed_epochs) for stage in planned] == [(27, 54), (9, 36), (3, 36)]


def test_a_dry_run_says_the_plan_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Trials, rungs, the race, cost and time are printed; no folder appears."""
    monkeypatch.chdir(tmp_path)
    study = quadratic_study(
        seeds=[1, 2, 3, 4, 5], search={"trials": None}, budget={"seed_epochs": 200, "wall_clock": "2h"}
    )
    Path("study.yaml").write_text(dump_study(study))
    assert main(["run", "study.yaml", "--driver", "inline", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "quadratic: 18 trials, chosen by tpe" in said
    assert "race" in said
    assert "of a budget of 200." in said
    assert "Expected time: " in said
    assert "It stops after 2 h 00 min in any case." in said
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


def test_a_plan_says_how_far_the_budget_reaches() -> None:
    """At two slots and a second per seed-epoch on half a GPU: 85 seed-epochs ask for 42.5 GPU-seconds, nine rounds."""
    study = quadratic_study(
        rungs=[{"epochs": 5, "seeds": 1}],
        search={"trials": 17},
        confirm={"seeds": 1},
        budget={"wall_clock": "1min", "gpu_hours": 0.01},
        resources={"gpus_per_trial": 0.5},
    )
    out = io.StringIO()
    print_plan(study, 2, 1.0, Console(file=out, width=200))
    said = out.getvalue().splitlines()[-5:]
    assert said == [
        "About 85 seed-epochs.",
        "Expected time: 45 s (1 s per epoch of one seed, 2 trials at once).",
        "Expected use of GPUs: 0.0118 GPU-hours.",
        "It stops after 1 min 00 s in any case. At this pace that is enough for all of it.",
        (
            "It stops after 0.01 GPU-hours in any case. At this pace that is enough for about 72 of its "
            "seed-epochs (85%)."
        ),
    ]


def test_a_plan_says_what_it_costs() -> None:
    """42.5 GPU-seconds at 720 an hour are 8.50 in money, of which 4.25 pay for half."""
    study = quadratic_study(
        rungs=[{"epochs": 5, "seeds": 1}],
        search={"trials": 17},
        confirm={"seeds": 1},
        budget={"money": 4.25, "price_per_gpu_hour": 720},
        resources={"gpus_per_trial": 0.5},
    )
    out = io.StringIO()
    print_plan(study, 2, 1.0, Console(file=out, width=200))
    assert out.getvalue().splitlines()[-2:] == [
        "Expected use of GPUs: 0.0118 GPU-hours, 8.50 in money.",
        (
            "It stops after 4.25 in money in any case. At this pace that is enough for about 42 of its seed-epochs "
            "(50%)."
        ),
    ]


@pytest.mark.parametrize(("slots", "expected"), [(1, "20 min 00 s"), (16, "10 min 51 s")])
def test_a_plan_knows_that_slots_wait(slots: int, expected: str) -> None:
    """Where seed-epochs are limited most suggestions come one by one, and so do the seeds of the final race."""
    # With sixteen: 36 rounds of 9 (ten at random, then 35), 18 for all that climb, 54 again, 255 of the race.
    rungs = [{"epochs": 9, "seeds": 1}, {"epochs": 27, "seeds": 1}, {"epochs": 27, "seeds": 3}]
    study = quadratic_study(rungs=rungs, seeds=list(range(10)), search={}, budget={"seed_epochs": 1200})
    out = io.StringIO()
    print_plan(study, slots, 1.0, Console(file=out, width=200))
    assert f"Expected time: {expected} (1 s per epoch of one seed" in out.getvalue()
    assert ("In it slots wait for results" in out.getvalue()) is (slots > 1)


ANEW = {
    "takes no `checkpoint`: a run that climbs to more epochs trains again": {"function": f"{FAKES}:train_anew"},
    "has no {checkpoint}: a run that climbs to more epochs trains again": {"program": PROGRAM_ANEW},
    "": {"function": f"{FAKES}:train"},
}


@pytest.mark.parametrize("said", ANEW)
def test_a_dry_run_says_what_is_trained_again(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a training has no checkpoint, and the ladder climbs to more epochs; nowhere else."""
    monkeypatch.chdir(tmp_path)
    given = {"name": "ways", "space": SPACE, "seeds": [1, 2], "search": {"trials": 3}, **ANEW[said]}
    for first, there in (1, bool(said)), (2, False):
        rungs = [{"epochs": first, "seeds": 1}, {"epochs": 2, "seeds": 2}]
        Path("study.yaml").write_text(dump_study(Study.model_validate({**given, "rungs": rungs})))
        assert main(["run", "study.yaml", "--driver", "inline", "--dry-run"]) == 0
        plan = " ".join(capsys.readouterr().out.split())
        assert said in plan or not there
        assert ("trains again" in plan) is there


def test_a_dry_run_finds_what_every_trial_would_die_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trainer that cannot begin is a mistake of the user, with its cause."""
    monkeypatch.chdir(tmp_path)
    Path("study.yaml").write_text(dump_study(quadratic_study(trainer="tests.fakes.trainers:Broken")))
    assert main(["run", "study.yaml", "--dry-run"]) == 2
    assert "RuntimeError: no such file or directory: 'weights.bin'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "gpus", "said"),
    [
        (0.5, 2, "4 trials at once"),
        (0.5, 2, "Expected use of GPUs"),
        (1, 0, "This machine has no room for a trial: it asks for 1 CPU and 1 GPU, and there are 8 and 0. Planned for"),
        ("auto", 0, "8 trials at once"),
        ("auto", 2, "6 trials at once"),
        ("auto", 2, "resources.gpus_per_trial: auto: GPU: 3 trials on each (one trial of 3 seeds took 9 GB of 40 GB, "),
    ],
)
def test_a_dry_run_counts_gpus(
    tmp_path: Path,
    nvml: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    asked: float | str,
    gpus: int,
    said: str,
) -> None:
    """Slots are what cores and GPUs of this machine allow; what `auto` means is measured."""
    nvml.chdir(tmp_path)
    nvml.setenv("COLUMNS", "200")
    nvml.setattr("os.cpu_count", lambda: 8)
    nvml.setattr("tune.drivers.calibration._LONG_ENOUGH_S", 0.0)
    if gpus:
        nvml.setenv("FAKE_NVML", json.dumps({"gpus": gpus, "total": 40 * 10**9, "own": 9 * 10**9, "busy": 30}))
    Path("study.yaml").write_text(dump_study(quadratic_study(resources={"gpus_per_trial": asked})))
    assert main(["run", "study.yaml", "--dry-run"]) == 0
    assert said in capsys.readouterr().out
