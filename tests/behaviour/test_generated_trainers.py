"""Whatever a trainer hands over, its study ends with a clear outcome, and can be continued and read."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.behaviour.command import Said, here, latent_tune, ledger_of, status, write_study
from tests.fakes.generated import BASELINES, ERRORS, ROWS, STATES
from tests.fakes.small_ray import SmallRay

RECORDINGS = st.fixed_dictionaries(
    {},
    optional={
        "rows": st.lists(st.sampled_from(sorted(ROWS)), min_size=1, max_size=3),
        "state": st.sampled_from(sorted(STATES)),
        "baseline": st.sampled_from(sorted(BASELINES)),
        "error": st.sampled_from(sorted(ERRORS)),
        "where": st.sampled_from(["train", "state", "baseline", "close", "evaluate"]),
        "evaluate": st.sampled_from(sorted(ROWS)),
        "epochs_too_many": st.integers(-2, 2),
    },
)
ENDS = {0: "finished", 1: "stopped", 2: "stopped"}


def check_ended(said: Said) -> None:
    """Fails unless a command ended in words: done, the user's mistake, or the study's end with its cause."""
    assert said.code in ENDS, said
    assert "Traceback" not in said.out + said.err
    assert "--debug shows where" not in said.err, "an error that nobody had thought of"
    assert all(one.isprintable() or one in "\n\t" for one in said.out + said.err), "what was printed moves the cursor"


def check_study(cwd: Path, recording: dict[str, Any], *driver: str) -> None:
    """Runs a study of a generated trainer, continues it, and reads it."""
    write_study(
        cwd,
        trainer="tests.fakes.generated:Generated",
        recording=recording,
        fixed={},
        search={"method": "random", "trials": 4, "seed": 3},
        seeds=[1, 12],
        rungs=[{"epochs": 2, "seeds": 2}, {"epochs": 4, "seeds": 2}],
    )
    for arguments in (("run", "study.yaml"), ("resume", "results/tiny")):
        said = here(*arguments, *driver, cwd=cwd) if "inline" in driver else latent_tune(cwd, *arguments, *driver)
        check_ended(said)
        assert status(cwd / "results" / "tiny")["state"] == ENDS[said.code]
    ledger = ledger_of(cwd / "results" / "tiny")
    assert ledger.decisions[-1].kind == "close"
    assert {row["seed"] for row in ledger.curves().to_pylist()} <= {1, 12}
    json.dumps([dict(decision.detail) for decision in ledger.decisions], ensure_ascii=False).encode()
    check_ended(here("report", "results/tiny", cwd=cwd))


@settings(max_examples=12, derandomize=True, deadline=None, database=None)
@given(RECORDINGS)
def test_no_trainer_bricks_a_study(recording: dict[str, Any]) -> None:
    """Rows, states, baselines and exceptions of all kinds: run, resume, status and report end in words."""
    with TemporaryDirectory() as cwd:
        check_study(Path(cwd), recording, "--driver", "inline")


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(RECORDINGS)
def test_no_trainer_bricks_a_study_in_many_cases(recording: dict[str, Any]) -> None:
    """The same, five times as often."""
    with TemporaryDirectory() as cwd:
        check_study(Path(cwd), recording, "--driver", "inline")


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.timeout(900)
@settings(max_examples=4, derandomize=True, deadline=None, database=None)
@given(recording=RECORDINGS)
def test_no_trainer_bricks_a_study_on_ray(ray_here: SmallRay, recording: dict[str, Any]) -> None:
    """The same in processes of Ray's."""
    import ray

    ray_here.be_free()
    with TemporaryDirectory() as cwd:
        check_study(Path(cwd), recording, "--driver", "ray", "--address", ray.get_runtime_context().gcs_address)
