"""Growing a study: what may change, what is refused, and what becomes of old trials."""

from pathlib import Path
from typing import Any

import optuna
import pytest

from tests.fakes.clock import Clock
from tests.fakes.ledgers import Player, latent_study, played
from tune.errors import FileMistakes, StudyConflict
from tune.ledger.database.optuna_mirror import Mirror, settled
from tune.ledger.ledger import Ledger
from tune.ledger.reader import LedgerReader
from tune.study.growth import described, differences, extended, extended_rungs, refused
from tune.study.ladder import Rung
from tune.study.study import Study


def changed(**changes: Any) -> Study:
    return latent_study(**changes)


ALLOWED: dict[str, dict[str, Any]] = {
    "more trials": {"search": {"method": "random", "trials": 30, "seed": 90, "reduction_factor": 2}},
    "another method": {"search": {"method": "tpe", "trials": 18, "seed": 90, "reduction_factor": 2}},
    "a budget": {"budget": {"wall_clock": 60}},
    "a further rung": {"rungs": [*latent_study().model_dump()["rungs"], {"epochs": 16, "seeds": 5}]},
    "further seeds": {"seeds": [*latent_study().seeds, 7]},
    "a race": {"confirm": {"seeds": 20}},
    "more checkpoints": {"storage": {"checkpoints": 2}},
}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "fixed": ({"fixed": {"hidden_units": 32}}, "trained with the old value"),
    "score": ({"score": {"risk": 3.0}}, "worked out with the old value"),
    "fewer trials": ({"search": {"method": "random", "trials": 3, "seed": 90, "reduction_factor": 2}}, "taken back"),
    "halving": (
        {"search": {"method": "random", "trials": 18, "seed": 90, "reduction_factor": 2, "halving": "stop"}},
        "decided by the old value",
    ),
    "another first rung": (
        {"rungs": [{"epochs": 1, "seeds": 2}, *latent_study().model_dump()["rungs"][1:]]},
        "stand at the old rungs",
    ),
    "seeds in another order": ({"seeds": [12, 1, 123, 1234, 12345]}, "in their order"),
    "threads": ({"resources": {"cpus_per_trial": 2}}, "number of threads"),
    "a GPU": ({"resources": {"gpus_per_trial": 1}}, "a CPU and a GPU"),
    "another database": ({"storage": {"database": "sqlite:///other.db"}}, "in the old one"),
    "another trainer": ({"trainer": "tests.fakes.trainers:Moody"}, "trained with the old value"),
}

SPACES: dict[str, tuple[dict[str, Any], str | None]] = {
    "wider bounds": ({"learning_rate": {"log_uniform": [1e-5, 1e-1]}}, None),
    "further choices": ({"batch_size": {"choice": [512, 256, 64, 16]}}, None),
    "a wider range": ({"latent_dims": {"int": [2, 128], "log": True}}, None),
    "narrower bounds": ({"learning_rate": {"log_uniform": [1e-3, 1e-2]}}, "every value that could be tried"),
    "a choice less": ({"batch_size": {"choice": [16, 64]}}, "every value that could be tried"),
    "another scale": ({"latent_dims": {"int": [4, 64]}}, "on the same scale"),
    "another kind": ({"learning_rate": {"uniform": [1e-5, 1e-1]}}, "on the same scale"),
    "one more parameter": ({"momentum": {"uniform": [0, 1]}}, "no value of it"),
}


@pytest.mark.parametrize("changes", ALLOWED.values(), ids=ALLOWED.keys())
def test_what_leaves_old_results_alone_is_allowed(changes: dict[str, Any]) -> None:
    """More to do, kept elsewhere or chosen otherwise: no old result changes its meaning."""
    assert refused(latent_study(), changed(**changes), started=18) == []
    assert differences(latent_study(), changed(**changes))


@pytest.mark.parametrize(("changes", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_would_change_old_results_is_refused(changes: dict[str, Any], why: str) -> None:
    """Every such difference is named, with both values and the reason."""
    (mistake,) = refused(latent_study(), changed(**changes), started=18)
    assert why in mistake.message


@pytest.mark.parametrize(("changes", "why"), SPACES.values(), ids=SPACES.keys())
def test_a_space_may_only_become_wider(changes: dict[str, Any], why: str | None) -> None:
    """Old trials must be points of the new space, on the same scales."""
    space = {**latent_study().model_dump(by_alias=True)["space"], **changes}
    found = refused(latent_study(), changed(space=space))
    assert [why in one.message for one in found] == ([] if why is None else [True] * len(found))
    assert bool(found) == (why is not None)


CHOSEN = {"optimizer": {"choice": ["adam", "sgd"]}}
MOMENTUM = {"momentum": {"uniform": [0, 1], "when": {"optimizer": "sgd"}}}
CONDITIONAL: dict[str, tuple[dict[str, Any], dict[str, Any], str | None]] = {
    "what exists under a new value": (
        {"optimizer": {"choice": ["adam"]}}, {**CHOSEN, **MOMENTUM}, None),
    "what exists under an old value": (CHOSEN, {**CHOSEN, **MOMENTUM}, "old trials have no value of it"),
    "what existed": ({**CHOSEN, **MOMENTUM}, CHOSEN, "old trials differ in it"),
    "another condition": (
        {**CHOSEN, **MOMENTUM}, {**CHOSEN, "momentum": {"uniform": [0, 1]}}, "by the old condition"),
    "a finer step": ({"x": {"uniform": [0, 1], "step": 0.5}}, {"x": {"uniform": [0, 1], "step": 0.25}}, None),
    "no step": ({"x": {"uniform": [0, 1], "step": 0.5}}, {"x": {"uniform": [0, 1]}}, None),
    "a step": ({"x": {"uniform": [0, 1]}}, {"x": {"uniform": [0, 1], "step": 0.5}}, "every value that could be tried"),
    "a coarser step": ({"n": {"int": [0, 8], "step": 2}}, {"n": {"int": [0, 8], "step": 4}}, "every value"),
    "steps from elsewhere": ({"n": {"int": [0, 8], "step": 4}}, {"n": {"int": [-2, 8], "step": 2}}, None),
    "another list": ({"n": {"choice": [[1, 2]]}}, {"n": {"choice": [[1], [1, 2]]}}, None),
    "a list less": ({"n": {"choice": [[1, 2], [1]]}}, {"n": {"choice": [[1]]}}, "every value that could be tried"),
    "a prior": ({"x": {"uniform": [0, 1]}}, {"x": {"uniform": [0, 1], "prior": 0.5}}, None),
    "a dotted name": ({"model.n": {"int": [0, 8]}}, {"model.n": {"int": [0, 9]}}, None),
}  # fmt: skip


@pytest.mark.parametrize(("space", "asked", "why"), CONDITIONAL.values(), ids=CONDITIONAL.keys())
def test_a_space_grows_by_what_no_old_trial_could_have(
    space: dict[str, Any], asked: dict[str, Any], why: str | None
) -> None:
    """Conditions and steps may change where each old trial stays a point of the space, with all that it had."""
    found = refused(changed(space=space), changed(space=asked))
    assert [why in str(mistake) for mistake in found] == ([] if why is None else [True] * len(found))
    assert bool(found) == (why is not None)


def test_constraints_can_be_taken_away_only() -> None:
    """Old trials may violate a new one."""
    free, bound = changed(), changed(where=["latent_dims < batch_size"])
    assert refused(bound, free) == []
    assert "where: there nothing, asked for ['latent_dims < batch_size']: old trials may violate it" in str(
        refused(free, bound)[0]
    )


def test_a_planned_schedule_cannot_be_extended() -> None:
    """Where the trainer was told how many epochs are planned, longer trainings would be other trainings."""
    old = changed(fixed={"epochs": 8})
    (mistake,) = refused(old, extended(old, "q", epochs=16))
    assert "planned for 8 epochs" in mistake.message


@pytest.mark.parametrize(
    ("epochs", "added"), [(16, [16]), (24, [24]), (25, [14, 25]), (72, [24, 72]), (9, [9])], ids=str
)
def test_a_ladder_is_extended_in_equal_steps(epochs: int, added: list[int]) -> None:
    """No further rung asks for more than reduction_factor times the epochs of the one before."""
    old = [Rung(epochs=4, seeds=3), Rung(epochs=8, seeds=5)]
    assert extended_rungs(old, epochs, 3.0) == [*old, *(Rung(epochs=level, seeds=5) for level in added)]


def test_new_choices_stand_after_the_old_ones() -> None:
    """Optuna stores a choice by its place, so old places stay what they were."""
    grown = extended(latent_study(), "q", changes=["space.batch_size.choice=[8,16,32,64,256]"])
    assert grown.space["batch_size"].values == (16, 64, 256, 8, 32)


def test_what_makes_no_study_is_said_like_any_mistake() -> None:
    """A seed twice, a budget below one trial, fewer epochs: the study's own mistakes, all at once."""
    with pytest.raises(FileMistakes, match="12 twice"):
        extended(latent_study(), "q", seeds=[12])
    with pytest.raises(FileMistakes, match="has 8 already"):
        extended(latent_study(), "q", epochs=8)
    with pytest.raises(FileMistakes, match="cannot confirm one trial"):
        extended(latent_study(), "q", changes=["budget.seed_epochs=3"])


def grown(folder: Path, study: Study, clock: Clock | None = None) -> Ledger:
    """The study played on as what it is to become."""
    clock = clock or Clock(1_900_000_000.0)
    ledger = Ledger.open(study, folder, clock=clock, grow=True)
    player = Player(ledger, clock)
    player.play()
    player.optimizer.finish()
    ledger.close("finished")
    return LedgerReader.read(folder, clock=clock)


def test_more_trials(tmp_path: Path) -> None:
    """A finished study goes on: old trials keep their results, and stopped ones may be promoted after all."""
    before = played(tmp_path / "q")
    after = grown(tmp_path / "q", extended(latent_study(), "q", trials=40))
    assert len(after.trials) == 40
    assert [trial.parameters for trial in after.trials[:18]] == [trial.parameters for trial in before.trials]
    for old, new in zip(before.trials, after.trials, strict=False):
        for rung, reached in old.reached.items():
            assert new.reached[rung].losses == pytest.approx(reached.losses, nan_ok=True)
    climbed = [new.number for old, new in zip(before.trials, after.trials, strict=False) if new.rung > old.rung]
    assert climbed
    assert after.spent > before.spent
    assert after.study.trials == 40
    assert "search: {method: random" not in (tmp_path / "q" / "study.yaml").read_text()
    assert "trials: 40" in (tmp_path / "q" / "study.yaml").read_text()


def test_longer_trainings(tmp_path: Path) -> None:
    """What was confirmed earns further rungs, and goes on from where it stood."""
    before = played(tmp_path / "q")
    study = extended(latent_study(), "q", epochs=16)
    after = grown(tmp_path / "q", study)
    confirmed = [trial for trial in after.trials if trial.confirmed]
    assert confirmed
    assert all(trial.rung == 3 and 2 in trial.reached for trial in confirmed)
    assert after.spent - before.spent == sum(8 * len(trial.reached[3].losses) for trial in confirmed)
    assert not [trial for trial in after.trials if not trial.confirmed and trial.state(in_flight=False) != "stopped"]


def test_further_seeds(tmp_path: Path) -> None:
    """The final race gives the best few the further seeds, from epoch 0."""
    before = played(tmp_path / "q")
    after = grown(tmp_path / "q", extended(latent_study(), "q", seeds=[7, 77, 777]))
    best = max((trial for trial in after.trials if trial.confirmed), key=lambda trial: trial.seeds)
    assert best.seeds == 8
    assert list(best.reached[2].losses) == [1, 12, 123, 1234, 12345, 7, 77, 777]
    assert after.spent > before.spent


def test_optuna_follows(tmp_path: Path) -> None:
    """Optuna's own study opens after growth: all trials in the wider space, those that went on with their new end."""
    played(tmp_path / "q")
    space = ["space.batch_size.choice=[16,64,256,512]", "space.learning_rate.log_uniform=[1e-5,1e-1]"]
    after = grown(tmp_path / "q", extended(latent_study(), "q", trials=30, changes=space))
    told = optuna.load_study(study_name="batch-norm", storage=f"sqlite:///{tmp_path / 'q' / 'study.db'}").trials
    assert [trial.params for trial in told] == [dict(trial.parameters) for trial in after.trials]
    ends = {"confirmed": "COMPLETE", "stopped": "PRUNED", "failed": "FAIL"}
    assert [trial.state.name for trial in told] == [ends[trial.state(in_flight=False)] for trial in after.trials]
    assert {trial.distributions["batch_size"] for trial in told} == {
        optuna.distributions.CategoricalDistribution([16, 64, 256, 512])
    }


def test_growth_survives_a_kill_at_any_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the decision is durable the study has grown, whatever was not written after it."""

    class Gone(BaseException):
        pass

    def die(*_: object) -> None:
        raise Gone

    played(tmp_path / "q")
    study = extended(latent_study(), "q", trials=30)
    with monkeypatch.context() as patch:
        patch.setattr(Mirror, "follow", die)
        with pytest.raises(Gone):
            Ledger.open(study, tmp_path / "q", clock=Clock(), grow=True)
    assert "trials: 18" in (tmp_path / "q" / "study.yaml").read_text()
    assert LedgerReader.read(tmp_path / "q", clock=Clock()).study.trials == 30
    ledger = Ledger.open(study, tmp_path / "q", clock=Clock(1_900_000_000.0))
    assert "trials: 30" in (tmp_path / "q" / "study.yaml").read_text()
    assert sum(decision.kind == "grow" for decision in ledger.decisions) == 1
    for number, there in ledger._mirror.there().items():
        assert not there.closed or settled(ledger.study, ledger.trials[number])
    ledger.close("interrupted")


def test_a_study_that_is_not_asked_to_grow_does_not(tmp_path: Path) -> None:
    """Opened as another study it says what differs, and which command has it grow."""
    before = played(tmp_path / "q")
    with pytest.raises(StudyConflict, match=r"there 18, asked for 30[\s\S]*resume .*--set search\.trials="):
        Ledger.open(changed(search={**before.study.search.model_dump(), "trials": 30}), tmp_path / "q", clock=Clock())
    assert len(LedgerReader.read(tmp_path / "q", clock=Clock()).decisions) == len(before.decisions)


def test_described_in_a_line() -> None:
    """The decision's reason names each change, rungs as epochs x seeds."""
    study = latent_study()
    said = described(differences(study, extended(study, "q", epochs=16, changes=["budget.wall_clock=2h"])))
    assert said == "budget.wall_clock nothing → 7200.0; rungs 2 x 2, 4 x 3, 8 x 5 → 2 x 2, 4 x 3, 8 x 5, 16 x 5"
