"""The study in TensorBoard's files: its table of hyperparameters, and its curves."""

from math import isnan, nan
from pathlib import Path

import pytest
from tensorboard.plugins.hparams import api_pb2, metadata

from tests.fakes.boards import RACE, ends_of, plugin_of, points_of, runs_of, scalars_of, start_of
from tests.fakes.clock import Clock
from tests.fakes.ledgers import Player, latent_study, played
from tune.ledger.ledger import Ledger
from tune.ledger.records import Reached
from tune.scoring.standings import unseen_failures
from tune.views.results import gather, leaderboard
from tune.views.tensorboard.writer import TensorBoard, tag_of


def test_more_seeds_after_as_many_epochs_are_a_step_further(raced: Ledger) -> None:
    """The score moves on at the last rung and with each seed of the race; what is said of one seed stands once."""
    best = max(raced.trials, key=lambda trial: trial.seeds)
    assert best.seeds == 7
    told = [Reached.of(one) for one in raced.decisions if (one.kind, one.trial) == ("reach", best.number)]
    scores = [result.score for result in told]
    assert [len(result.losses) for result in told] == [2, 3, 5, 6, 7]
    assert len(set(scores)) == 5
    runs = {seed: scalars_of(runs_of(raced)[f"trial-{best.number:04d}/seed-{seed}"]) for seed in raced.study.seeds}
    assert runs[1]["trial/score"] == pytest.approx(dict(zip((2, 4, 5, 6, 7), scores, strict=True)))
    assert list(runs[1]["trial/loss"]) == list(runs[1]["trial/epochs"]) == [2, 4]
    assert runs[23]["trial/score"] == pytest.approx({7: scores[-1]})
    assert list(runs[23]["trial/loss"]) == [4]
    for events in runs_of(raced).values():
        points = [(tag, step) for tag, step, _ in points_of(events)]
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
    ends = {seed: ends_of(runs_of(ledger)[f"{folder}/seed-{seed}"]) for seed in ledger.study.seeds[:6]}
    assert ends.pop(2) == [api_pb2.STATUS_RUNNING]
    assert list(ends.values()) == [[api_pb2.STATUS_SUCCESS]] * 5
    board = TensorBoard(ledger)
    player.play()
    board.close()
    assert ends_of(runs_of(ledger)[f"{folder}/seed-2"]) == [api_pb2.STATUS_SUCCESS]


def test_one_experiment_at_the_root_and_a_run_per_trial_and_seed(ledger: Ledger) -> None:
    """TensorBoard picks an arbitrary experiment where there are several, so there is one."""
    runs = runs_of(ledger)
    described = [run for run, events in runs.items() if plugin_of(events, metadata.EXPERIMENT_TAG) is not None]
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
    experiment = metadata.parse_experiment_plugin_data(plugin_of(runs_of(ledger)["."], metadata.EXPERIMENT_TAG))
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
    runs = runs_of(ledger)
    values = [start_of(runs[f"trial-{trial:04d}/seed-1"]).hparams["clip"].string_value for trial in range(4)]
    assert values == ["null", "1.5", "true", "auto"]


def test_seeds_of_a_trial_are_one_group_with_its_parameters(ledger: Ledger) -> None:
    """HParams then shows one row per trial, averaged over its seeds."""
    runs = runs_of(ledger)
    for trial in ledger.trials:
        for seed in ledger.study.rung_seeds(trial.rung):
            start = start_of(runs[f"trial-{trial.number:04d}/seed-{seed}"])
            assert start.group_name == f"trial-{trial.number:04d}"
            assert start.hparams["learning_rate"].number_value == trial.parameters["learning_rate"]
            assert start.hparams["use_batch_norm"].bool_value == trial.parameters["use_batch_norm"]


def test_status_is_that_of_the_trial(ledger: Ledger) -> None:
    """Success for confirmed and stopped trials, failure for those that died; each told once."""
    runs = runs_of(ledger)
    for trial in ledger.trials:
        for seed in ledger.study.rung_seeds(trial.rung):
            told = ends_of(runs[f"trial-{trial.number:04d}/seed-{seed}"])
            assert told == [api_pb2.STATUS_FAILURE if trial.ended == "failed" else api_pb2.STATUS_SUCCESS]


def test_averages_of_a_row_are_the_figures_of_the_leaderboard(ledger: Ledger, raced: Ledger) -> None:
    """What HParams averages agrees with the terminal's table, after a race too, but for the penalty for neighbours."""
    _check_averages(ledger)
    _check_averages(raced)


def test_curves_are_grouped_and_whole(ledger: Ledger) -> None:
    """Each metric that the trainer told stands under its group, one point per epoch; what is unknown is left out."""
    best = gather(ledger).best
    assert best is not None
    scalars = scalars_of(runs_of(ledger)[f"trial-{best.number:04d}/seed-12"])
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
    good, bad = (scalars_of(runs_of(ledger)[f"trial-0000/seed-{seed}"]) for seed in (1, 12))
    assert isnan(bad["loss/validation"][2])
    assert "trial/loss" not in bad
    assert (good["trial/failure_rate"][3], bad["trial/failure_rate"][3]) == (0.0, 1.0)
    assert good["trial/reproducibility"] == bad["trial/reproducibility"] == {3: 0.5}


@pytest.mark.parametrize(
    ("metric", "tag"),
    [
        ("validation_loss", "loss/validation"),
        ("grad_norm", "optimisation/grad_norm"),
        ("samples_per_second", "speed/samples_per_second"),
        ("gpu_memory_mib", "machine/gpu_memory_mib"),
        ("effective_rank", "features/effective_rank"),
        ("mutual_information", "metric/mutual_information"),
    ],
)
def test_tags_are_grouped(metric: str, tag: str) -> None:
    """By what they tell; what a trainer adds of its own has a group too."""
    assert tag_of(metric) == tag


def _check_averages(ledger: Ledger) -> None:
    runs, penalties = runs_of(ledger), unseen_failures(ledger)
    for row in leaderboard(gather(ledger)):
        if row.summary is None:
            continue
        seeds = ledger.trials[row.number].reached[row.rung or 0].losses
        last = [scalars_of(runs[f"trial-{row.number:04d}/seed-{seed}"]) for seed in seeds]

        def average(tag: str, last: list[dict[str, dict[int, float]]] = last) -> float:
            return sum(list(scalars[tag].values())[-1] for scalars in last) / len(last)

        assert average("trial/score") + penalties.get(row.number, 0.0) == pytest.approx(row.score)
        assert average("trial/failure_rate") == pytest.approx(row.summary.failure_rate)
        assert average("trial/loss") == pytest.approx(row.summary.mean_all)
        assert average("trial/epochs") == row.epochs
        assert average("trial/seconds") == pytest.approx(row.seconds)
