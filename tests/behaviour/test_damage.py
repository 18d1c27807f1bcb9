"""Files that were damaged while a study rested: it says so, goes on, and comes to the same answer."""

import signal
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from tests.behaviour.command import Running, Trained, decided, here, ledger_of, status, text_of, write_study
from tests.fakes.damage import cut, flip, garble

CHANGES: dict[str, Any] = {
    "fixed": {"sleep_s": 0.01},
    "search": {"method": "tpe", "trials": 6, "seed": 5},
    "rungs": [{"epochs": 3, "seeds": 2}, {"epochs": 6, "seeds": 3}],
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study as nothing disturbed it."""
    cwd = tmp_path_factory.mktemp("whole")
    write_study(cwd, **{**CHANGES, "fixed": {"sleep_s": 0.0}})
    said = here("run", cwd / "study.yaml", "--results", cwd, "--driver", "inline")
    assert said.code == 0, said.err
    return cwd / "tiny"


def interrupted(cwd: Path, epochs: int, *, kill: bool) -> Path:
    """Runs the study until it has trained so many seed-epochs more; returns its folder."""
    folder, log = cwd / "results" / "tiny", cwd / "log"
    before = len(Trained.read(log).lines)
    arguments = ("resume", "results/tiny") if folder.exists() else ("run", "study.yaml", "--driver", "inline")
    with Running(cwd, *arguments, QUADRATIC_LOG=str(log)) as process:
        process.until(lambda: len(Trained.read(log).lines) >= before + epochs, "some epochs")
        if kill:
            process.kill()
        else:
            process.signal(signal.SIGTERM)
            assert process.wait() == 130
    return folder


def check_same_answer(whole: Path, folder: Path) -> None:
    """Decisions, losses included, and the winner are those of the undisturbed study."""
    first, second = ledger_of(whole), ledger_of(folder)
    assert decided(second) == decided(first)
    best, again = (yaml.safe_load((one / "best.yaml").read_text()) for one in (whole, folder))
    assert again == {**best, "config": {**best["config"], "sleep_s": 0.01}}


@pytest.mark.slow
def test_a_study_survives_damage_to_any_of_its_files(tmp_path: Path, whole: Path) -> None:
    """Checkpoints, curves, write-ahead log and study.yaml are flipped, cut or garbled: resumed, nothing is wrong."""
    write_study(tmp_path, **CHANGES)
    draw = Random(4)  # noqa: S311
    harmed: list[str] = []
    for epochs, kill in ((9, True), (5, False), (8, True)):
        folder = interrupted(tmp_path, epochs, kill=kill)
        files = sorted(path for path in folder.glob("c*/**/*") if path.suffix in (".pt", ".arrows", ".parquet"))
        chosen = [path for path in files if draw.random() < 0.6]
        for path in (*chosen, folder / "study.yaml", *folder.glob("study.db-wal")):
            if path.stat().st_size:
                draw.choice([flip, cut, garble])(path)
                harmed.append(path.name)
        for command in ("status", "report"):
            said = here(command, folder)
            assert said.code == 0, said.err
            assert "Traceback" not in said.err
    said = here("resume", folder, "--driver", "inline", QUADRATIC_LOG=str(tmp_path / "log"))
    assert said.code == 0, said.err
    assert {"study.yaml", "study.db-wal"} <= set(harmed)
    assert any(name.endswith(".pt") for name in harmed)
    assert any(name.endswith((".arrows", ".parquet")) for name in harmed)
    check_same_answer(whole, folder)
    assert list((folder / "damaged").iterdir())
    assert "it lies in" in text_of(folder / "latent-tune.log")
    assert status(folder)["state"] == "finished"
    for command in (["status"], ["report"], ["compare"]):
        said = here(*command, folder, *(["0", "1"] if command == ["compare"] else []))
        assert said.code == 0, said.err


def test_a_finished_study_without_its_curves_still_answers(tmp_path: Path) -> None:
    """Every curve is lost: what was decided is shown as before."""
    write_study(tmp_path, **CHANGES)
    folder = tmp_path / "results" / "tiny"
    assert here("run", "study.yaml", "--driver", "inline", cwd=tmp_path).code == 0
    before = status(folder)["incumbent"]
    for path in folder.glob("curves/*"):
        garble(path)
    for command in (["status"], ["report"], ["compare"]):
        said = here(*command, folder, *(["0", "1"] if command == ["compare"] else []))
        assert said.code == 0, said.err
        assert "Traceback" not in said.err
    assert status(folder)["incumbent"] == before


@pytest.mark.parametrize("harm", [cut, garble])
def test_every_command_names_a_damaged_database(tmp_path: Path, harm: Any) -> None:
    """Exit code 2, the file, and what to do."""
    write_study(tmp_path, **{**CHANGES, "fixed": {}})
    assert here("run", "study.yaml", "--driver", "inline", cwd=tmp_path).code == 0
    folder = tmp_path / "results" / "tiny"
    harm(folder / "study.db")
    for command in (["status"], ["report"], ["resume"], ["compare"], ["tensorboard"]):
        said = here(*command, folder, *(["0", "1"] if command == ["compare"] else []))
        assert said.code == 2, said
        assert "study.db: the study's database cannot be opened: " in said.err
        assert "put a copy of it back" in said.err


TRAINING: dict[str, Any] = {
    "name": "one",
    "trainer": "tests.fakes.trainers:Quadratic",
    "recording": {},
    "config": {"x": 0.5},
    "seeds": [1, 2],
    "epochs": 3,
}


@pytest.mark.parametrize("pattern", ["checkpoints/0/*.pt", "curves/*.parquet", "checkpoints/0/configuration.json"])
@pytest.mark.parametrize("harm", [cut, garble, Path.unlink])
def test_a_training_is_done_again_where_it_was_damaged(tmp_path: Path, pattern: str, harm: Any) -> None:
    """Asked again for a training of which a file is damaged, it trains what is lost and shows the same."""
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(TRAINING))
    assert here("train", "one.yaml", cwd=tmp_path).code == 0
    metrics = (tmp_path / "results" / "one" / "metrics.json").read_bytes()
    for path in (tmp_path / "results" / "one").glob(pattern):
        harm(path)
    said = here("train", "one.yaml", cwd=tmp_path)
    assert said.code == 0, said.err
    assert (tmp_path / "results" / "one" / "metrics.json").read_bytes() == metrics


def test_a_damaged_baseline_of_a_training_is_named(tmp_path: Path) -> None:
    """Exit code 2, the file, and what to do."""
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(TRAINING))
    assert here("train", "one.yaml", cwd=tmp_path).code == 0
    cut(tmp_path / "results" / "one" / "baseline.json")
    said = here("train", "one.yaml", cwd=tmp_path)
    assert said.code == 2
    assert "baseline.json: must hold one number by metric, and is damaged or gone; remove results/one" in said.err
