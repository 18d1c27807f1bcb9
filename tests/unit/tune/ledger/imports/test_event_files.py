"""Runs in TensorBoard's event files."""

from pathlib import Path

import pytest

from tests.fakes.runs_elsewhere import curve, write_events
from tune.errors import UserMistake
from tune.ledger.imports.event_files import read_event_files


def test_a_folder_with_event_files_is_a_run(tmp_path: Path) -> None:
    """Steps that count by one are epochs; the time between the first and the last is what it took."""
    write_events(tmp_path / "fast", {"loss/val": curve(3, 2, 1, begin=0), "lr": curve(0.1, 0.1, 0.01, begin=0)})
    write_events(tmp_path / "slow", {"loss/val": {0: 3, 50: 2, 100: 1}})
    fast, slow = read_event_files(tmp_path, "tb")
    assert (fast.key, fast.axis, fast.seconds) == ("fast", "epoch", 2)
    assert fast.curve("validation_loss") == curve(3, 2, 1)
    assert fast.curve("learning_rate") == pytest.approx(curve(0.1, 0.1, 0.01))
    assert (slow.axis, list(slow.curves["loss/val"])) == ("step", [0, 50, 100])


def test_a_scalar_called_epoch_numbers_the_others(tmp_path: Path) -> None:
    """As Lightning logs: the last value of each epoch counts."""
    steps = {"epoch": {9: 0, 19: 1}, "train_loss": {4: 5, 9: 4, 14: 3, 19: 2}, "val_loss": {9: 0.5, 19: 0.25}}
    write_events(tmp_path / "version_0", steps)
    (tmp_path / "version_0" / "hparams.yaml").write_text("lr: 1e-3\nnet: {width: 8}\n")
    (run,) = read_event_files(tmp_path, "logs")
    assert run.curves == {"train_loss": curve(4, 2), "val_loss": curve(0.5, 0.25)}
    assert run.configuration == {"lr": 1e-3, "net.width": 8}


def test_hyperparameters_below_a_run_are_its_own(tmp_path: Path) -> None:
    """PyTorch writes them into a folder below; whole numbers are whole, the seed is none of them."""
    write_events(tmp_path / "a", {"loss": curve(3, 2)})
    write_events(tmp_path / "a" / "1700.1", {"best": {0: 2.0}}, {"bs": 32, "opt": "sgd", "amp": True, "seed": 4})
    (run,) = read_event_files(tmp_path, "tb")
    assert run.configuration == {"bs": 32, "opt": "sgd", "amp": True}
    assert (run.key, run.seed) == ("a", 4)
    assert run.final("best") == 2


def test_the_seed_may_stand_in_the_name(tmp_path: Path) -> None:
    """Where no hyperparameters are told, names say of what a run is a seed."""
    for seed in (1, 2):
        write_events(tmp_path / f"big/seed_{seed}", {"loss": curve(3, 2)})
    runs = read_event_files(tmp_path, "tb")
    assert [(run.seed, run.group) for run in runs] == [(1, "big"), (2, "big")]


def test_event_files_without_scalars(tmp_path: Path) -> None:
    """There is nothing to compare."""
    write_events(tmp_path, {})
    with pytest.raises(UserMistake, match="tb: its event files hold no scalars"):
        read_event_files(tmp_path, "tb")


def test_a_damaged_event_file_tells_what_is_before_the_damage(tmp_path: Path) -> None:
    """TensorBoard's reader stops where a record was cut off."""
    write_events(tmp_path, {"loss": curve(3, 2, 1)})
    (file,) = tmp_path.glob("*tfevents*")
    file.write_bytes(file.read_bytes()[:-5])
    (run,) = read_event_files(tmp_path, "tb")
    assert run.curves == {"loss": curve(3, 2)}


def test_our_own_folders_are_runs_by_seed(tmp_path: Path) -> None:
    """What sums up a trial's seeds stands above them and is no run; each seed has its hyperparameters."""
    for folder in (".", "trial-0003"):
        write_events(tmp_path / folder, {"mean": curve(9, 9)}, ours=True)
    for seed in (1, 12):
        write_events(tmp_path / f"trial-0003/seed-{seed}", {"loss/validation": curve(3, 2)}, {"x": 0.5}, ours=True)
    runs = read_event_files(tmp_path, "tb")
    assert [(run.seed, run.configuration) for run in runs] == [(1, {"x": 0.5}), (12, {"x": 0.5})]
