"""The index over a study's trials."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.clock import Clock
from tests.fakes.ledgers import BASELINE, Loss, Player, latent_loss, latent_study
from tune.ledger.ledger import Ledger
from tune.optimizer.trial_index import TrialIndex
from tune.scoring.standings import unseen_failures


def said(index: TrialIndex, rungs: int) -> dict[str, Any]:
    """Everything that an index says."""
    index.follow()
    contests = [index.contest(rung) for rung in range(rungs)]
    return {
        "sets": [index.open, index.paused, index.confirmed, index.racing],
        "raced": index.raced,
        "penalties": [index.failure_risk.penalties_at(rung) for rung in range(rungs - 1)],
        "earned": [list(index.earned(rung)) for rung in range(rungs)],
        "waiting": [list(contest.waiting()) for contest in contests],
        "shown": [(one.number, one.state, one.intermediate_values) for one in index.observations.shown()],
    }


def fails_early(parameters: Mapping[str, Any], seed: int, epoch: int) -> float:
    """Learns at once; with a high learning rate two runs in three come back up, most of them at once."""
    ill = parameters["learning_rate"] > 2e-3 and (parameters["latent_dims"] + seed) % 3 > 0
    return (2 if ill and epoch > 1 + parameters["latent_dims"] % 2 else 0.8) * BASELINE - 1e-4 * epoch


def fails_late(parameters: Mapping[str, Any], seed: int, epoch: int) -> float:
    """With batch norm the seed fails that joins at the second rung."""
    return 2 * BASELINE if parameters["use_batch_norm"] and seed == 123 else latent_loss(parameters, seed, epoch)


@pytest.mark.parametrize(("halving", "loss"), [("promote", fails_late), ("stop", fails_late), ("promote", fails_early)])
def test_an_index_that_was_kept_up_says_what_one_made_now_says(tmp_path: Path, halving: str, loss: Loss) -> None:
    """After every unit of a study with failures, deaths and a race the index is that of the trials as they are."""
    search = {"method": "random", "trials": 24, "seed": 90, "reduction_factor": 2, "halving": halving}
    study = latent_study(search=search, seeds=[1, 12, 123, 1234, 12345, 6, 7])
    clock = Clock()
    ledger = Ledger.open(study, tmp_path / "s", clock=clock)
    kept = TrialIndex(ledger)
    player = Player(ledger, clock, loss, deaths={3: "it died", 9: "it died as well"})
    penalised = 0

    def compare() -> None:
        nonlocal penalised
        assert said(kept, len(study.rungs)) == said(TrialIndex(ledger), len(study.rungs))
        penalties = {one: penalty for one, penalty in kept.failure_risk.penalties().items() if one in kept.confirmed}
        assert penalties == pytest.approx(unseen_failures(ledger), rel=1e-9, abs=1e-12)
        penalised += bool(penalties)

    player.play(after_each=compare)
    player.optimizer.finish()
    compare()
    assert penalised
    told = [bool(kept.failure_risk.penalties_at(rung)) for rung in range(len(study.rungs) - 1)]
    assert told == [loss is fails_early] * len(told)
    ledger.close("finished")
