"""The study in TensorBoard's files."""

import shutil
import signal
import subprocess
import sys
from itertools import pairwise
from math import isnan, nan
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import api_pb2, metadata

from tests.fakes.ledgers import Clock, Player, latent_study, played
from tune.callbacks.root_run import CHARTS_TAG, INCUMBENT_TAG, STUDY_TAG
from tune.callbacks.tensorboard import TensorBoard, tag_of
from tune.growth import extended
from tune.ledger import Ledger, Reached
from tune.report.results import gather, leaderboard
from tune.standings import unseen_failures
from tune.study import dump_study

RACE = {
    "seeds": [1, 12, 123, 1234, 12345, 2, 23],
    "rungs": [{"epochs": 2, "seeds": 2}, {"epochs": 4, "seeds": 3}, {"epochs": 4, "seeds": 5}],
}
"""A ladder that ends with more seeds after as many epochs, and two seeds for the race."""

_KILLED = """
import os, signal, sys
from pathlib import Path

from tests.fakes.ledgers import Clock, Player, latent_study
from tune.callbacks import event_file
from tune.callbacks.root_run import CHARTS_TAG, INCUMBENT_TAG, STUDY_TAG
from tune.callbacks.tensorboard import TensorBoard
from tune.ledger import Ledger


class Deadly(event_file.WholeWrites):
    left = int(sys.argv[2])

    def write(self, data):
        Deadly.left -= 1
        if Deadly.left < 0:
            super().write(data[: len(data) * 2 // 3])
            os.kill(os.getpid(), signal.SIGKILL)
        return super().write(data)


event_file.WholeWrites = Deadly
clock = Clock()
ledger = Ledger.open(latent_study(), Path(sys.argv[1]), clock=clock)
board, player = TensorBoard(ledger), Player(ledger, clock)
player.play(after_each=board.refresh)
"""
"""Works on a study and dies in the middle of a write to TensorBoard's files."""


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """A finished study in which one trial died, in TensorBoard."""
    ledger = played(tmp_path_factory.mktemp("board") / "batch-norm", deaths={5: "RuntimeError: no memory"})
    TensorBoard(ledger).close()
    return ledger


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """A finished study with a race, in TensorBoard, which was refreshed after every unit of work."""
    clock = Clock()
    ledger = Ledger.open(latent_study(**RACE), tmp_path_factory.mktemp("raced") / "s", clock=clock)
    board, player = TensorBoard(ledger), Player(ledger, clock)
    player.play(after_each=board.refresh)
    player.optimizer.finish()
    board.close()
    ledger.close("finished")
    return ledger


def test_more_seeds_after_as_many_epochs_are_a_step_further(raced: Ledger) -> None:
    """The score moves on at the last rung and with each seed of the race; what is said of one seed stands once."""
    best = max(raced.trials, key=lambda trial: trial.seeds)
    assert best.seeds == 7
    told = [Reached.of(one) for one in raced.decisions if (one.kind, one.trial) == ("reach", best.number)]
    scores = [result.score for result in told]
    assert [len(result.losses) for result in told] == [2, 3, 5, 6, 7]
    assert len(set(scores)) == 5
    runs = {seed: _scalars(_runs(raced)[f"trial-{best.number:04d}/seed-{seed}"]) for seed in raced.study.seeds}
    assert runs[1]["trial/score"] == pytest.approx(dict(zip((2, 4, 5, 6, 7), scores, strict=True)))
    assert list(runs[1]["trial/loss"]) == list(runs[1]["trial/epochs"]) == [2, 4]
    assert runs[23]["trial/score"] == pytest.approx({7: scores[-1]})
    assert list(runs[23]["trial/loss"]) == [4]
    for events in _runs(raced).values():
        points = [(tag, step) for tag, step, _ in _points(events)]
        assert len(set(points)) == len(points)


def test_a_session_of_the_race_ends_like_any_other(tmp_path: Path) -> None:
    """Cut short within the race, its seed is said to be unfinished, and those of the ladder to have succeeded."""
    clock = Clock()
    ledger = Ledger.open(latent_study(**RACE), tmp_path / "s", clock=clock)
    board, player = TensorBoard(ledger), Player(ledger, clock)
    while not (racing := [trial for trial in ledger.trials if trial.racing]):
        player.play(units=1)
        work = player.optimizer.next_work()
        assert work is not None
        player.optimizer.released(work)
    board.close()
    folder = f"trial-{racing[0].number:04d}"
    ends = {seed: _ends(_runs(ledger)[f"{folder}/seed-{seed}"]) for seed in ledger.study.seeds[:6]}
    assert ends.pop(2) == [api_pb2.STATUS_RUNNING]
    assert list(ends.values()) == [[api_pb2.STATUS_SUCCESS]] * 5
    board = TensorBoard(ledger)
    player.play()
    board.close()
    assert _ends(_runs(ledger)[f"{folder}/seed-2"]) == [api_pb2.STATUS_SUCCESS]


def test_one_experiment_at_the_root_and_a_run_per_trial_and_seed(ledger: Ledger) -> None:
    """TensorBoard picks an arbitrary experiment where there are several, so there is one."""
    runs = _runs(ledger)
    described = [run for run, events in runs.items() if _plugin(events, metadata.EXPERIMENT_TAG) is not None]
    assert described == ["."]
    seeds = {
        f"trial-{trial.number:04d}/seed-{seed}"
        for trial in ledger.trials
        for seed in ledger.study.rung_seeds(trial.rung)
    }
    bands = {f"trial-{trial.number:04d}" for trial in ledger.trials if trial.reached}
    assert set(runs) == {".", *seeds, *bands}


def test_columns_are_the_varying_parameters_with_their_domains(ledger: Ledger) -> None:
    """Ranges are intervals, choices are lists, and a bool is a bool, so that it can be filtered by."""
    experiment = metadata.parse_experiment_plugin_data(_plugin(_runs(ledger)["."], metadata.EXPERIMENT_TAG))
    columns = {info.name: info for info in experiment.hparam_infos}
    assert list(columns) == ["learning_rate", "batch_size", "latent_dims", "use_batch_norm"]
    rate = columns["learning_rate"].domain_interval
    assert (rate.min_value, rate.max_value) == (1e-4, 1e-2)
    assert [value.number_value for value in columns["batch_size"].domain_discrete.values] == [16, 64, 256]
    assert columns["use_batch_norm"].type == api_pb2.DATA_TYPE_BOOL
    assert [value.bool_value for value in columns["use_batch_norm"].domain_discrete.values] == [True, False]
    assert [info.display_name for info in experiment.metric_infos] == [
        "score",
        "validation loss",
        "test loss",
        "failure rate",
        "reproducibility",
        "epochs",
        "seconds",
    ]


def test_values_of_a_mixed_choice_are_text(tmp_path: Path) -> None:
    """Null, bools and numbers side by side are shown as they are written in a study file."""
    study = latent_study(space={"clip": {"choice": [None, 1.5, True, "auto"]}}, search={"method": "grid"})
    ledger = played(tmp_path / "s", study)
    TensorBoard(ledger).close()
    runs = _runs(ledger)
    values = [_start(runs[f"trial-{trial:04d}/seed-1"]).hparams["clip"].string_value for trial in range(4)]
    assert values == ["null", "1.5", "true", "auto"]


def test_seeds_of_a_trial_are_one_group_with_its_parameters(ledger: Ledger) -> None:
    """HParams then shows one row per trial, averaged over its seeds."""
    runs = _runs(ledger)
    for trial in ledger.trials:
        for seed in ledger.study.rung_seeds(trial.rung):
            start = _start(runs[f"trial-{trial.number:04d}/seed-{seed}"])
            assert start.group_name == f"trial-{trial.number:04d}"
            assert start.hparams["learning_rate"].number_value == trial.parameters["learning_rate"]
            assert start.hparams["use_batch_norm"].bool_value == trial.parameters["use_batch_norm"]


def test_status_is_that_of_the_trial(ledger: Ledger) -> None:
    """Success for confirmed and stopped trials, failure for those that died; each told once."""
    runs = _runs(ledger)
    for trial in ledger.trials:
        for seed in ledger.study.rung_seeds(trial.rung):
            told = _ends(runs[f"trial-{trial.number:04d}/seed-{seed}"])
            assert told == [api_pb2.STATUS_FAILURE if trial.ended == "failed" else api_pb2.STATUS_SUCCESS]


def test_averages_of_a_row_are_the_figures_of_the_leaderboard(ledger: Ledger, raced: Ledger) -> None:
    """What HParams averages agrees with the terminal's table, after a race too, but for the charge for neighbours."""
    _check_averages(ledger)
    _check_averages(raced)


def test_curves_are_grouped_and_whole(ledger: Ledger) -> None:
    """Each metric that the trainer told stands under its group, one point per epoch; what is unknown is left out."""
    best = gather(ledger).best
    assert best is not None
    scalars = _scalars(_runs(ledger)[f"trial-{best.number:04d}/seed-12"])
    curve = ledger.curve(best.number, 12)
    assert scalars["loss/validation"] == pytest.approx(dict(enumerate(curve, start=1)))
    assert list(scalars["loss/test"]) == [2, 4, 8]
    assert {"loss/train", "optimisation/grad_norm", "optimisation/learning_rate"} <= set(scalars)
    assert not [tag for tag in scalars if tag.startswith("machine/")]


def test_failed_seeds_do_not_disappear(tmp_path: Path) -> None:
    """A loss that is not finite is NaN in its curve, and its seed counts in the failure rate and nowhere else."""
    study = latent_study(search={"trials": 1}, rungs=[{"epochs": 3, "seeds": 2}], confirm={"seeds": 2})
    ledger = played(tmp_path / "s", study, loss=lambda _, seed, epoch: nan if seed == 12 and epoch > 1 else 0.03)
    TensorBoard(ledger).close()
    good, bad = (_scalars(_runs(ledger)[f"trial-0000/seed-{seed}"]) for seed in (1, 12))
    assert isnan(bad["loss/validation"][2])
    assert "trial/loss" not in bad
    assert (good["trial/failure_rate"][3], bad["trial/failure_rate"][3]) == (0.0, 1.0)
    assert good["trial/reproducibility"] == bad["trial/reproducibility"] == {3: 0.5}


@pytest.mark.parametrize("changes", [{}, RACE], ids=["ladder of epochs", "ladder of seeds and race"])
def test_growing_step_by_step_and_made_at_once_are_the_same(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Refreshed after every unit of work, with a process that ends in between: no step is missing or written twice."""
    clock, study = Clock(), latent_study(**changes)
    for units in (4, 1000):
        ledger = Ledger.open(study, tmp_path / "s", clock=clock)
        board, player = TensorBoard(ledger), Player(ledger, clock)
        player.play(units=units, after_each=board.refresh)
        if units == 1000:
            player.optimizer.finish()
        board.close()
        ledger.close("finished" if units == 1000 else "interrupted")
    grown = {run: [event.SerializeToString() for event in events] for run, events in _runs(ledger).items()}
    TensorBoard(Ledger.read(tmp_path / "s", clock=clock)).close()
    made = _runs(ledger)
    assert set(grown) == set(made)
    for run, events in made.items():
        points = sorted(_points(events))
        assert points == sorted(_points([Event.FromString(event) for event in grown[run]]))
        assert len({(tag, step) for tag, step, _ in points}) == len(points)


@pytest.mark.parametrize(
    "more",
    [
        {"trials": 22},
        {"epochs": 16},
        {"seeds": [7, 77]},
        {"changes": ["space.batch_size.choice=[16, 64, 256, 512]", "search.trials=22"]},
    ],
    ids=["trials", "epochs", "seeds", "space"],
)
def test_a_study_that_grows_says_what_one_made_at_once_says(tmp_path: Path, more: dict[str, Any]) -> None:
    """Whatever it grows by, nothing is missing, stands twice or contradicts the study as it is now."""
    clock = Clock()
    TensorBoard(played(tmp_path / "s")).close()
    ledger = Ledger.open(extended(latent_study(), "s", **more), tmp_path / "s", clock=clock, grow=True)
    board, player = TensorBoard(ledger), Player(ledger, clock)
    player.play(after_each=board.refresh)
    player.optimizer.finish()
    board.close()
    ledger.close("finished")
    grown = _runs(ledger)
    shutil.rmtree(ledger.folder / "tensorboard")
    TensorBoard(Ledger.read(ledger.folder, clock=clock)).close()
    made = _runs(ledger)
    assert set(grown) == set(made)
    for run, events in made.items():
        assert sorted(_points(grown[run])) == sorted(_points(events))
        assert _ends(grown[run]) == _ends(events)
    assert _plugin(grown["."], metadata.EXPERIMENT_TAG) == _plugin(made["."], metadata.EXPERIMENT_TAG)
    assert _texts(grown["."], STUDY_TAG)[-1] == _texts(made["."], STUDY_TAG)[-1]


def test_unfinished_trials_are_running_when_the_process_ends(tmp_path: Path) -> None:
    """Until then nothing is said, for the first status that TensorBoard reads is the one it keeps."""
    clock = Clock()
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock)
    board, player = TensorBoard(ledger), Player(ledger, clock)
    player.play(units=1)
    board.refresh()
    assert _ends(_runs(ledger)["trial-0000/seed-1"]) == []
    board.close()
    assert _ends(_runs(ledger)["trial-0000/seed-1"]) == [api_pb2.STATUS_RUNNING]


def test_catching_up_takes_a_slice_at_a_time(ledger: Ledger, tmp_path: Path) -> None:
    """With no time at all a call takes one trial; after as many calls as there are trials all is there."""
    whole = _runs(ledger)
    shutil.copytree(ledger.folder, tmp_path / "s", ignore=shutil.ignore_patterns("tensorboard"))
    copied = Ledger.read(tmp_path / "s", clock=Clock())
    board = TensorBoard(copied, slice_s=0.0)
    assert set(_runs(copied)) == {"."}
    seen = []
    for _ in copied.trials:
        board.refresh()
        seen.append(len({run.split("/")[0] for run in _runs(copied)} - {"."}))
    assert seen == list(range(1, len(copied.trials) + 1))
    board.close()
    assert {run: sorted(_points(events)) for run, events in _runs(copied).items()} == {
        run: sorted(_points(events)) for run, events in whole.items()
    }


def test_long_trainings_are_thinned_and_taken_in_parts(tmp_path: Path) -> None:
    """A trial of many rows does not hold a study up; a spike of one epoch is there, in the curve and in the band."""
    study = latent_study(search={"trials": 1}, rungs=[{"epochs": 1200, "seeds": 2}], confirm={"seeds": 2})
    ledger = played(tmp_path / "s", study, loss=lambda _, seed, epoch: 9.0 if (seed, epoch) == (12, 1001) else 0.03)
    board, calls = TensorBoard(ledger, slice_s=0.0), 0
    while "trial-0000" not in _runs(ledger):
        board.refresh()
        calls += 1
    assert calls > 2
    runs = _runs(ledger)
    curve = _scalars(runs["trial-0000/seed-12"])["loss/validation"]
    assert curve[1001] == 9.0
    assert max(curve) == 1200
    assert len(curve) < 450
    assert _scalars(runs["trial-0000"])["seeds/validation_max"][1001] == 9.0


def test_what_is_there_is_appended_to(tmp_path: Path) -> None:
    """A study that goes on adds to its files, for an open TensorBoard holds them; without news no byte is written."""
    clock = Clock()
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock)
    player = Player(ledger, clock)
    player.play(units=6)
    TensorBoard(ledger).close()
    before = _files(ledger)
    TensorBoard(ledger).close()
    assert {name: content for name, (_, content) in _files(ledger).items()} == {
        name: content for name, (_, content) in before.items()
    }
    player.play()
    TensorBoard(ledger).close()
    after = _files(ledger)
    marks = {name for name in before if "0000000000" in name}  # of unfinished runs
    grown = [name for name in before if name in after and name not in marks]
    assert len(grown) > 6
    for name in grown:
        assert after[name][0] == before[name][0], "another file stands in its place"
        assert after[name][1].startswith(before[name][1])
    gone = before.keys() - after.keys() - marks
    assert {name.count("/") for name in gone} == {1}, "only bands over fewer seeds"


@pytest.mark.parametrize("fatal", [1, 9, 30])
def test_killed_while_it_writes(tmp_path: Path, fatal: int) -> None:
    """A process killed with half a record written leaves a file that the next one mends: all is there once."""
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path / "s"), str(fatal)], check=False)
    assert killed.returncode == -signal.SIGKILL
    clock = Clock(1_900_000_000.0)
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock)
    board, player = TensorBoard(ledger), Player(ledger, clock)
    player.play(after_each=board.refresh)
    player.optimizer.finish()
    board.close()
    ledger.close("finished")
    grown = _runs(ledger)
    shutil.rmtree(ledger.folder / "tensorboard")
    TensorBoard(Ledger.read(ledger.folder, clock=clock)).close()
    made = _runs(ledger)
    assert set(grown) == set(made)
    for run, events in made.items():
        assert sorted(_points(grown[run])) == sorted(_points(events))
        assert _ends(grown[run]) == _ends(events)


def test_a_damaged_file_is_mended_when_one_looks_closely(tmp_path: Path) -> None:
    """A value with a flipped bit is found by its checksum; it and what follows is written again."""
    ledger = played(tmp_path / "s", latent_study(search={"method": "random", "trials": 2, "seed": 0}))
    TensorBoard(ledger).close()
    whole = _files(ledger)
    for name, (_, content) in whole.items():
        place = len(content) * 2 // 3
        (ledger.folder / "tensorboard" / name).write_bytes(
            content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :]
        )
    TensorBoard(ledger, thorough=True).close()
    assert {name: content for name, (_, content) in _files(ledger).items()} == {
        name: content for name, (_, content) in whole.items()
    }


def test_files_of_another_version_are_replaced(ledger: Ledger, tmp_path: Path) -> None:
    """A folder whose root does not begin with this experiment is emptied, so that nothing is shown twice."""
    shutil.copytree(ledger.folder, tmp_path / "s")
    home = tmp_path / "s" / "tensorboard"
    for file in list(home.rglob("*tfevents*")):
        file.rename(file.with_name("events.out.tfevents.0000000000.latent-tune"))
    copied = Ledger.read(tmp_path / "s", clock=Clock())
    TensorBoard(copied).close()
    assert set(_files(copied)) == set(_files(ledger))


def test_bands_are_of_the_seeds_of_the_latest_result(raced: Ledger) -> None:
    """Mean, least and greatest value of all seeds from the first epoch on, each step once though seeds joined."""
    best = max(raced.trials, key=lambda trial: trial.seeds)
    run = f"trial-{best.number:04d}"
    scalars, curves = _scalars(_runs(raced)[run]), [raced.curve(best.number, seed) for seed in raced.study.seeds]
    points = [(tag, step) for tag, step, _ in _points(_runs(raced)[run])]
    assert len(set(points)) == len(points)
    at = list(zip(*curves, strict=True))
    assert list(scalars["seeds/validation_mean"].values()) == pytest.approx([sum(one) / 7 for one in at])
    assert list(scalars["seeds/validation_min"].values()) == pytest.approx([min(one) for one in at])
    assert list(scalars["seeds/validation_max"].values()) == pytest.approx([max(one) for one in at])
    assert set(scalars["seeds/validation_counted"].values()) == {7}
    assert len(list((raced.folder / "tensorboard" / run).glob("*tfevents*"))) == 1


def test_a_band_leaves_out_what_is_not_finite_and_counts_what_is_left(tmp_path: Path) -> None:
    """Where every seed is lost the mean is NaN; the number of finite ones is told at every epoch."""
    study = latent_study(search={"trials": 1}, rungs=[{"epochs": 3, "seeds": 2}], confirm={"seeds": 2})

    def loss(_: Any, seed: int, epoch: int) -> float:
        return nan if epoch == 3 or (epoch == 2 and seed == 12) else 0.03

    ledger = played(tmp_path / "s", study, loss=loss)
    TensorBoard(ledger).close()
    scalars = _scalars(_runs(ledger)["trial-0000"])
    assert scalars["seeds/validation_counted"] == {1: 2, 2: 1, 3: 0}
    assert scalars["seeds/validation_max"][2] == pytest.approx(0.03)
    assert isnan(scalars["seeds/validation_mean"][3])


def test_custom_scalars_are_as_many_for_any_number_of_trials(ledger: Ledger) -> None:
    """One layout at the root: a band chart per loss, then what begins closed, the curves of single seeds last."""
    runs = _runs(ledger)
    assert [run for run, events in runs.items() if _texts(events, CHARTS_TAG)] == ["."]
    (content,) = _texts(runs["."], CHARTS_TAG)
    trials, counted, seeds = layout_pb2.Layout.FromString(content).category
    assert (trials.closed, counted.closed, seeds.closed) == (False, True, True)
    lines = {series.value for chart in trials.chart for series in chart.margin.series}
    assert lines == {"seeds/validation_mean", "seeds/train_mean"}
    tags = [tag.strip("^$") for chart in seeds.chart for tag in chart.multiline.tag]
    assert sorted(tags) == ["loss/train", "loss/validation", "optimisation/grad_norm"]


def test_gpu_figures_have_charts_where_they_were_measured(tmp_path: Path) -> None:
    """They stand in a group of their own, after the losses, and among the custom scalars."""
    clock = Clock()
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock)
    player = Player(ledger, clock)
    work = player.optimizer.next_work()
    assert work is not None
    metrics = {"validation_loss": [0.03] * 2, "gpu_utilisation": [0.9] * 2}
    ledger.record(work.trial, work.seeds, 1, metrics)
    TensorBoard(ledger).close()
    runs = _runs(ledger)
    assert _scalars(runs["trial-0000/seed-1"])["machine/gpu_utilisation"] == pytest.approx({1: 0.9})
    assert b"machine/gpu_utilisation" in _texts(runs["."], CHARTS_TAG)[0]


def test_the_text_page_says_the_study_and_the_incumbent(tmp_path: Path) -> None:
    """The study file stands there once; the incumbent for each time that it changed, the latest as in the report."""
    clock = Clock()
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock)
    board, player = TensorBoard(ledger), Player(ledger, clock)
    player.play(after_each=board.close)
    player.optimizer.finish()
    board.close()
    TensorBoard(ledger).close()
    root = _runs(ledger)["."]
    (study,) = _texts(root, STUDY_TAG)
    assert dump_study(ledger.study).encode() in study
    told = _texts(root, INCUMBENT_TAG)
    assert all(one != following for one, following in pairwise(told))
    best = gather(ledger).best
    assert best is not None
    assert f"**Trial {best.number}**".encode() in told[-1]
    assert f"| score | {best.score:.5g} |".encode() in told[-1]
    assert f"`{best.trial.parameters['learning_rate']:.6g}`".encode() in told[-1]


def test_no_file_is_kept_open(tmp_path: Path) -> None:
    """However many runs there are."""
    clock = Clock()
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock)
    board, player = TensorBoard(ledger), Player(ledger, clock)
    player.play(after_each=board.refresh)
    held = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert not [path for path in held if "tfevents" in path.name]


@pytest.mark.parametrize(
    ("metric", "tag"),
    [
        ("validation_loss", "loss/validation"),
        ("grad_norm", "optimisation/grad_norm"),
        ("samples_per_second", "speed/samples_per_second"),
        ("gpu_memory_mib", "machine/gpu_memory_mib"),
        ("effective_rank", "metric/effective_rank"),
    ],
)
def test_tags_are_grouped(metric: str, tag: str) -> None:
    """By what they tell; what a trainer adds of its own has a group too."""
    assert tag_of(metric) == tag


def _check_averages(ledger: Ledger) -> None:
    runs, charges = _runs(ledger), unseen_failures(ledger)
    for row in leaderboard(gather(ledger)):
        if row.summary is None:
            continue
        seeds = ledger.trials[row.number].reached[row.rung or 0].losses
        last = [_scalars(runs[f"trial-{row.number:04d}/seed-{seed}"]) for seed in seeds]

        def average(tag: str, last: list[dict[str, dict[int, float]]] = last) -> float:
            return sum(list(scalars[tag].values())[-1] for scalars in last) / len(last)

        assert average("trial/score") + charges.get(row.number, 0.0) == pytest.approx(row.score)
        assert average("trial/failure_rate") == pytest.approx(row.summary.failure_rate)
        assert average("trial/loss") == pytest.approx(row.summary.mean_all)
        assert average("trial/epochs") == row.epochs
        assert average("trial/seconds") == pytest.approx(row.seconds)


def _runs(ledger: Ledger) -> dict[str, list[Event]]:
    home = ledger.folder / "tensorboard"
    found: dict[str, list[Event]] = {}
    for file in sorted(home.rglob("*tfevents*")):
        events = [Event.FromString(raw) for raw in RawEventFileLoader(str(file)).Load()]
        found.setdefault(str(file.parent.relative_to(home)), []).extend(events)
    return found


def _files(ledger: Ledger) -> dict[str, tuple[int, bytes]]:
    """Returns inode and content of each event file."""
    home = ledger.folder / "tensorboard"
    return {str(one.relative_to(home)): (one.stat().st_ino, one.read_bytes()) for one in home.rglob("*tfevents*")}


def _texts(events: list[Event], tag: str) -> list[bytes]:
    return [value.tensor.string_val[0] for _, value in _values(events) if value.tag == tag]


def _values(events: list[Event]) -> list[tuple[int, Any]]:
    return [(event.step, value) for event in events for value in event.summary.value]


def _points(events: list[Event]) -> list[tuple[str, int, str]]:
    return [
        (value.tag, step, repr(value.simple_value))
        for step, value in _values(events)
        if not value.metadata.plugin_data.plugin_name
    ]


def _scalars(events: list[Event]) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for step, value in _values(events):
        if not value.metadata.plugin_data.plugin_name:
            found.setdefault(value.tag, {})[step] = value.simple_value
    return found


def _plugin(events: list[Event], tag: str) -> bytes | None:
    told = [value.metadata.plugin_data.content for _, value in _values(events) if value.tag == tag]
    assert len(told) < 2, "told twice"
    return told[0] if told else None


def _start(events: list[Event]) -> Any:
    return metadata.parse_session_start_info_plugin_data(_plugin(events, metadata.SESSION_START_INFO_TAG))


def _ends(events: list[Event]) -> list[int]:
    content = _plugin(events, metadata.SESSION_END_INFO_TAG)
    return [] if content is None else [metadata.parse_session_end_info_plugin_data(content).status]
