"""The state of a study, as JSON and for people."""

import io
import json
import re
from pathlib import Path

from rich.console import Console

from tests.fakes.clock import Clock
from tests.fakes.ledgers import Player, latent_study, played
from tune.ledger.ledger import Ledger
from tune.ledger.reader import LedgerReader
from tune.scoring.standings import incumbent, standings
from tune.views.terminal.status import print_status, status

DOCS = Path(__file__).parents[5] / "docs" / "status.md"


def test_status_agrees_with_the_standings(tmp_path: Path) -> None:
    """The incumbent and the counts are those of the standings, from which the tables are made."""
    ledger = played(tmp_path / "s", deaths={5: "RuntimeError: no memory"})
    said, ranked = status(ledger), standings(ledger, frozenset())
    best = incumbent(ranked)
    assert best is not None
    assert said["state"] == "finished"
    assert sum(said["trials"].values()) == said["planned_trials"] == 18
    assert said["trials"]["failed"] == 1
    assert said["failures"] == {"RuntimeError: no memory": 2}
    assert said["incumbent"]["number"] == best.number
    assert said["incumbent"]["score"] == best.score
    assert said["incumbent"]["confirmed"] is True
    assert said["incumbent"]["losses"] == {str(seed): loss for seed, loss in best.losses.items()}
    assert said["seed_epochs_spent"] == sum(standing.seed_epochs for standing in ranked)


def test_status_is_json_even_where_training_diverged(tmp_path: Path) -> None:
    """A loss that is not finite is null, and its seed is among the failed ones."""
    ledger = played(
        tmp_path / "s",
        latent_study(search={"trials": 1}),
        loss=lambda _, seed, epoch: float("nan") if seed == 12 and epoch > 1 else 0.03,
    )
    said = json.loads(json.dumps(status(ledger), allow_nan=False))
    assert said["incumbent"]["losses"]["12"] is None
    assert said["incumbent"]["failed_seeds"] == [12]
    assert said["incumbent"]["failure_rate"] == 0.2


def test_status_of_a_study_that_has_just_begun(tmp_path: Path) -> None:
    """Before any trial there is no incumbent, and the process that has the study open is said to run."""
    clock = Clock()
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock)
    said = status(ledger)
    assert (said["state"], said["incumbent"], said["baseline"]) == ("running", None, None)
    assert said["trials"] == dict.fromkeys(said["trials"], 0)
    ledger.close("interrupted")
    assert status(ledger)["state"] == "interrupted"


def test_gpu_hours_are_told_where_trials_have_gpus(tmp_path: Path) -> None:
    """Used and budgeted, as JSON and for people; null and not a word where trials have none."""
    study = latent_study(budget={"gpu_hours": 24}, resources={"gpus_per_trial": 2})
    ledger = Ledger.open(study, tmp_path / "gpu", clock=Clock())
    assert Player(ledger, Clock()).optimizer.next_work() is not None
    ledger.record(0, (1, 12), 1, {"validation_loss": [0.03, 0.03]}, held_s=4500.0)
    said = status(ledger)
    assert (said["gpu_hours_used"], said["gpu_hours_budget"]) == (2.5, 24)
    assert "2.5 of 24 GPU-hours" in _printed(ledger)
    none = played(tmp_path / "cpu")
    said = status(none)
    assert (said["gpu_hours_used"], said["gpu_hours_budget"]) == (None, None)
    assert "GPU" not in _printed(none)


def test_money_is_told_where_the_study_has_a_price(tmp_path: Path) -> None:
    """Used, budgeted and at which price, as JSON and for people."""
    budget = {"money": 10, "price_per_gpu_hour": 2.1}
    ledger = Ledger.open(latent_study(budget=budget, resources={"gpus_per_trial": 2}), tmp_path / "s", clock=Clock())
    assert Player(ledger, Clock()).optimizer.next_work() is not None
    ledger.record(0, (1, 12), 1, {"validation_loss": [0.03, 0.03]}, held_s=4500.0)
    said = status(ledger)
    assert (said["money_used"], said["money_budget"], said["price_per_gpu_hour"]) == (5.25, 10, 2.1)
    assert "2.5 GPU-hours, 5.25 of 10.00 in money" in _printed(ledger)


def test_docs_and_status_agree(tmp_path: Path) -> None:
    """docs/status.md lists exactly the keys that are there, in their order."""
    said = status(played(tmp_path / "s"))
    outer, inner = DOCS.read_text().split("\n`driver`, from")[0].split("`incumbent`:\n")
    documented = [re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE) for part in (outer, inner)]
    assert documented == [list(said), list(said["incumbent"])]
    assert all(f"`{state}`" in outer for state in said["trials"])


def test_docs_and_what_was_promised_and_lost_agree(tmp_path: Path) -> None:
    """docs/status.md lists exactly the keys of a promise and of what was lost, in their order."""
    estimate = {"check": {"estimate": {"confirmed": [1, 2, 3]}}}
    Ledger.open(latent_study(), tmp_path / "s", clock=Clock(), detail=estimate).close("interrupted")
    said = status(LedgerReader.read(tmp_path / "s", clock=Clock()))
    parts = DOCS.read_text().split("`promise`, of the first")[1].split("`lost`: the first keys")
    documented = [re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE) for part in parts]
    assert documented == [list(said["promise"]), list(said["lost"])]


def test_what_was_lost_is_a_line_where_it_is_more_than_a_hundredth(tmp_path: Path) -> None:
    """In the status as in the summary; not where an epoch in two hundred was trained again."""
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=Clock())
    Player(ledger, Clock()).optimizer.next_work()
    row = {"validation_loss": [0.03]}
    for epoch in (1, 1):
        ledger.record(0, (1,), epoch, row)
    assert "lost      Lost to failures and work done again: 50.0% of the seed-epochs" in _printed(ledger)
    for epoch in range(2, 200):
        ledger.record(0, (1,), epoch, row)
    assert "Lost to failures" not in _printed(ledger)


def test_printed_status_names_who_runs_and_who_waits(tmp_path: Path) -> None:
    """People are told which trials are unfinished and how far they are, and why the latest decisions were taken."""
    clock = Clock()
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock)
    player = Player(ledger, clock)
    player.play(units=3)
    work = player.optimizer.next_work()
    assert work is not None
    player.train(work, epochs=1)
    assert f"running   trial {work.trial} (" in _printed(ledger)
    ledger.close("interrupted")
    shown = _printed(LedgerReader.read(tmp_path / "s", clock=clock))
    assert f"waiting   trial {work.trial} (" in shown
    assert "batch-norm: interrupted" in shown
    assert ledger.decisions[-2].reason in shown


def _printed(ledger: Ledger) -> str:
    out = io.StringIO()
    print_status(ledger, Console(file=out, width=200))
    return out.getvalue()
