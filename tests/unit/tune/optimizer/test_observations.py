"""What a sampler is shown of a study that has many trials."""

from random import Random

import optuna
import pytest
from optuna.samplers._tpe.sampler import _split_trials, default_gamma
from optuna.trial import TrialState

from tests.fakes.ledgers import BASELINE, SCALE, latent_study
from tune.ledger.records import Reached, Trial
from tune.optimizer.observations import BEST, SEEN, SHOWN, Observations
from tune.optimizer.suggest import suggest

STUDY = latent_study(search={"method": "tpe", "trials": 5000})


def trials(count: int, training: int = 0, confirmed: float = 0.0) -> list[Trial]:
    """So many trials, a few at higher rungs, some failing there; the newest are in training."""
    random, made = Random(count), []  # noqa: S311
    for number in range(count):
        setting = {
            "learning_rate": 10 ** random.uniform(-4, -2),
            "batch_size": random.choice([16, 64, 256]),
            "latent_dims": random.randint(4, 64),
            "use_batch_norm": random.random() < 0.5,
        }
        trial = Trial(number, setting)
        if number < count - training:
            top = 2 if random.random() < confirmed else random.choice([0, 0, 0, 0, 0, 1]) if confirmed >= 0 else 0
            for rung in range(top + 1):
                losses = {seed: random.choice([0.02, 0.03, 0.03, 2 * BASELINE]) for seed in (1, 12)}
                trial.reached[rung] = Reached(rung, random.uniform(0.02, 0.05), losses, confirmed=rung == 2)
            trial.rung = top
        made.append(trial)
    return made


def observations_of(made: list[Trial]) -> Observations:
    observations = Observations(STUDY, SCALE)
    for trial in made:
        observations.follow(trial)
    return observations


def best_of(observations: Observations) -> list[int]:
    """The trials that TPE counts among the best of those that it is shown."""
    seen = [trial for trial in observations.shown() if trial.state != TrialState.FAIL]
    below, _ = _split_trials(optuna.create_study(), seen, default_gamma(observations.scored))
    return [trial.number for trial in below]


@pytest.mark.parametrize("confirmed", [-1.0, 0.0, 0.02])
def test_of_many_trials_the_best_are_those_of_all(confirmed: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many trials there are, TPE counts the same among the best as if it saw every one."""
    observations = observations_of(trials(1500, training=8, confirmed=confirmed))
    few = best_of(observations)
    assert (len(observations.shown()), len(few)) == (SHOWN, BEST)
    monkeypatch.setattr("tune.optimizer.observations.SHOWN", 1500)
    assert len(observations.shown()) == 1500
    assert best_of(observations) == few


def test_up_to_so_many_all_are_shown() -> None:
    """A study of ordinary size keeps nothing from its sampler."""
    assert [trial.number for trial in observations_of(trials(SHOWN)).shown()] == list(range(1, SHOWN + 1))


def test_the_others_shown_are_those_in_training_and_the_newest() -> None:
    """Beside the best, all without a result are shown, then the newest; enough with a result, however many train."""
    shown = observations_of(trials(1200, training=40)).shown()
    numbers = {trial.number - 1 for trial in shown}
    assert numbers >= set(range(1160, 1200))
    assert len(numbers & set(range(1160 - (SHOWN - 40 - BEST), 1160))) == SHOWN - 40 - BEST
    crowded = observations_of(trials(1500, training=700)).shown()
    assert sum(trial.state == TrialState.RUNNING for trial in crowded) == 700
    assert len(crowded) == 700 + SEEN


def test_what_is_kept_up_is_what_would_be_made_anew() -> None:
    """Trials that climb, one result after the other, leave the observations and the suggestion of their end."""
    made = trials(60, confirmed=0.2)
    kept = Observations(STUDY, SCALE)
    ends = [dict(trial.reached) for trial in made]
    for trial in made:
        trial.reached.clear()
        kept.follow(trial)
    for rung in range(3):
        for trial, end in zip(made, ends, strict=True):
            if rung in end:
                trial.reached[rung], trial.rung = end[rung], rung
                kept.follow(trial)
                kept.shown()
    assert kept.scored == 60
    assert suggest(STUDY, made, SCALE, kept) == suggest(STUDY, made, SCALE)
