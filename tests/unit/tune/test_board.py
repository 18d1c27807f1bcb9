"""The index over a study's trials."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.ledgers import BASELINE, Clock, Player, latent_loss, latent_study
from tune.ledger import Ledger
from tune.optimizer.board import Board
from tune.standings import unseen_failures


def said(board: Board, rungs: int) -> dict[str, Any]:
    """Everything that an index says."""
    board.follow()
    contests = [board.contest(rung) for rung in range(rungs)]
    return {
        "sets": [board.open, board.paused, board.confirmed, board.racing],
        "raced": board.raced,
        "earned": [list(board.earned(rung)) for rung in range(rungs)],
        "waiting": [list(contest.waiting()) for contest in contests],
        "shown": [(one.number, one.state, one.intermediate_values) for one in board.evidence.shown()],
    }


def fails_late(parameters: Mapping[str, Any], seed: int, epoch: int) -> float:
    """With batch norm the seed fails that joins at the second rung."""
    return 2 * BASELINE if parameters["use_batch_norm"] and seed == 123 else latent_loss(parameters, seed, epoch)


@pytest.mark.parametrize("halving", ["promote", "stop"])
def test_an_index_that_was_kept_up_says_what_one_made_now_says(tmp_path: Path, halving: str) -> None:
    """After every unit of a study with failures, deaths and a race the index is that of the trials as they are."""
    search = {"method": "random", "trials": 24, "seed": 90, "reduction_factor": 2, "halving": halving}
    study = latent_study(search=search, seeds=[1, 12, 123, 1234, 12345, 6, 7])
    clock = Clock()
    ledger = Ledger.open(study, tmp_path / "s", clock=clock)
    kept = Board(ledger)
    player = Player(ledger, clock, fails_late, deaths={3: "it died", 9: "it died as well"})
    charged = 0

    def compare() -> None:
        nonlocal charged
        assert said(kept, len(study.rungs)) == said(Board(ledger), len(study.rungs))
        charges = {one: charge for one, charge in kept.suspicion.charges().items() if one in kept.confirmed}
        assert charges == pytest.approx(unseen_failures(ledger), rel=1e-9, abs=1e-12)
        charged += bool(charges)

    player.play(after_each=compare)
    player.optimizer.finish()
    compare()
    assert charged
    ledger.close("finished")
