"""What metrics say by being told, or by being the same."""

from dataclasses import replace

import pytest

from tests.fakes.short_trainings import SEEDS, changed, healthy, items, study, training
from tune.scoring.check.measured import Epoch


@pytest.mark.parametrize("told_at", [(5,), (3, 6), (8,)])
def test_a_metric_that_is_told_every_few_epochs_is_told(told_at: tuple[int, ...]) -> None:
    """A validation every few epochs is no mistake, wherever short trainings end between them."""
    rungs = [{"epochs": told_at[-1], "seeds": 2}, {"epochs": 20, "seeds": 2}]
    probed = [replace(one, epochs=[_kept_at(told_at, epoch) for epoch in one.epochs]) for one in healthy()]
    assert items(probed, study(rungs=rungs))["metric told"].verdict == "go"
    missed = study(rungs=[{"epochs": 7, "seeds": 2}, {"epochs": 20, "seeds": 2}])
    expected = "go" if told_at == (8,) else "no-go"
    assert items(probed, missed)["metric told"].verdict == expected


def test_a_metric_that_has_another_name_beyond_the_first_rung() -> None:
    """What every epoch of the first rung tells and the next one does not is missed there."""
    climb = training("climb", SEEDS[:1])
    renamed = [*climb.epochs[:-1], replace(climb.epochs[-1], metrics={"loss": [0.1]})]
    found = items([*healthy(), replace(climb, epochs=renamed)])["metric told"]
    assert found.verdict == "no-go"
    assert "is not told in epoch 8, beyond the first rung; told are: loss" in found.measured


def _kept_at(told_at: tuple[int, ...], epoch: Epoch) -> Epoch:
    """An epoch whose metrics are known only at some numbers."""
    return epoch if epoch.number in told_at else replace(epoch, metrics={"validation_loss": [None] * 2, "loss": [1, 2]})


def test_a_coarse_metric_may_be_the_same_by_chance() -> None:
    """Seeds and splits of one accuracy are no copies where seeds differ at other settings."""
    same = [Epoch(1, 1.0, 1.0, {"validation_loss": [0.25, 0.25], "test_loss": [0.25, 0.25]})]
    found = items(changed("whole", epochs=same))
    assert found["seeds differ"].verdict == "go"
    assert found["splits"].verdict != "no-go"
    everywhere = [replace(one, epochs=same) if len(one.seeds) == 2 else one for one in healthy()]
    assert items(everywhere)["seeds differ"].verdict == "no-go"
