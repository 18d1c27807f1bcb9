"""The planted faults of `tests.fakes.planted`: studies that can be run, each with the fault that it is to have."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import isfinite
from typing import Any

import pytest
import yaml

from tests.fakes.planted.catalogue import MIDDLE, NOTEBOOK, PLANTED, Planted
from tests.fakes.planted.faults import COUNTED, FIRST_RUNG
from tests.fakes.planted.healthy import healthy_studies
from tune.adapters.loading import load
from tune.study.study import Study, mistakes_of
from tune.trainer import Trainer, hook, prepare_recording

FAST = {"pace_s": 0.0}
SEEDS = [1, 2]


@contextmanager
def begun(document: Mapping[str, Any], seeds: list[int] = SEEDS, state: Any = None, **more: Any) -> Iterator[Trainer]:
    """A trainer of a study in the middle of its space, in no time where it is no program."""
    study = Study.model_validate(document)
    config = {**study.fixed, **MIDDLE, **({} if study.program else FAST), **more}
    trainer = load(study)(config, study.recording, seeds, state)
    try:
        yield trainer
    finally:
        trainer.close()


def losses(document: Mapping[str, Any], epochs: int, seeds: list[int] = SEEDS, **more: Any) -> list[Any]:
    """The validation losses of each epoch."""
    with begun(document, seeds, **more) as trainer:
        return [list(row["validation_loss"]) for row in trainer.train(epochs)]


def continued(document: Mapping[str, Any]) -> list[Any]:
    """The same, of which the second half continues the first."""
    with begun(document) as trainer:
        first = [list(row["validation_loss"]) for row in trainer.train(2)]
        state = trainer.state()
    with begun(document, state=state) as trainer:
        return first + [list(row["validation_loss"]) for row in trainer.train(2)]


def of(name: str) -> Planted:
    """A planted fault by its name."""
    return next(one for one in PLANTED if one.name == name)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda one: one.name)
def test_fault_and_twin_are_valid_studies_of_which_one_line_differs(planted: Planted) -> None:
    """Whatever a check says of one and not of the other is said of that line."""
    for document in (planted.study, planted.healthy):
        assert not mistakes_of(Study.model_validate(document))
    lines, others = (yaml.safe_dump(dict(one)).splitlines() for one in (planted.study, planted.healthy))
    assert len(lines) == len(others)
    assert len([1 for line, other in zip(lines, others, strict=True) if line != other]) == 1


def test_there_are_more_than_twenty_faults_of_all_three_kinds() -> None:
    """Each with a name of its own, and words by which its item is to be known."""
    assert len({one.name for one in PLANTED}) == len(PLANTED) > 20
    assert all(one.words for one in PLANTED)
    assert {kind for one in PLANTED for kind in ("trainer", "function", "program") if kind in one.study} == {
        "trainer",
        "function",
        "program",
    }


@pytest.mark.parametrize("planted", [*{one.name.rpartition("-")[2]: one for one in PLANTED}.values()])
def test_a_twin_trains_in_each_kind(planted: Planted) -> None:
    """Two epochs, in which the loss falls on every seed."""
    first, second = losses(planted.healthy, 2)
    assert all(isfinite(after) and after < before for before, after in zip(first, second, strict=True))


@pytest.mark.parametrize("name", ["unseeded-class", "unseeded-function"])
def test_a_twin_is_a_sound_experiment(name: str) -> None:
    """It repeats itself, a seed is what it is alone, seeds differ, and what is continued is what is not stopped."""
    healthy = of(name).healthy
    whole = losses(healthy, 4)
    assert losses(healthy, 4) == whole
    assert [[first] for first, _ in whole] == losses(healthy, 4, [1])
    assert all(first != second for first, second in whole)
    assert continued(healthy) == whole


@pytest.mark.parametrize("name", ["global-random-state-class", "module-variable-function"])
def test_a_seed_beside_others_is_another_where_they_share_something(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By more than rounding, within the first epochs."""
    monkeypatch.setitem(COUNTED, "steps", 0)
    beside = losses(of(name).study, 4)
    monkeypatch.setitem(COUNTED, "steps", 0)  # as in a process of its own
    alone = losses(of(name).study, 4, [1])
    assert max(abs(one[0] / other[0] - 1) for one, other in zip(beside, alone, strict=True)) > 2e-3


@pytest.mark.parametrize("name", ["state-without-optimizer-class", "state-without-optimizer-function"])
def test_what_was_saved_without_the_optimizer_continues_otherwise(name: str) -> None:
    """By more than rounding, in the epoch after."""
    whole, again = losses(of(name).study, 4), continued(of(name).study)
    assert whole[:2] == again[:2]
    assert abs(whole[2][0] / again[2][0] - 1) > 2e-3


def test_faults_of_seeds_show_in_the_losses() -> None:
    """An ignored seed makes copies, a generator without a seed makes no two trainings alike."""
    assert all(first == second for first, second in losses(of("seed-ignored-class").study, 2))
    assert losses(of("unseeded-class").study, 2) != losses(of("unseeded-class").study, 2)
    assert all(first != second for first, second in losses(of("order-shared-class").study, 2))


def test_what_learns_nothing_diverges_or_spikes_does_so() -> None:
    """Each in the middle of the space, but for the learning rate that diverges at the end of its range."""
    assert len({tuple(row) for row in losses(of("nothing-learned-class").study, 3)}) == 1
    assert not isfinite(losses(of("unscaled-inputs-class").study, 2, learning_rate=0.3)[-1][0])
    assert losses(of("unscaled-inputs-class").study, 2)[-1][0] < 0.5
    spiking = losses(of("spikes-class").study, 8)
    assert spiking[2][0] > 3 * spiking[0][0]
    assert spiking[7][0] < 3 * spiking[0][0]
    assert min(row[0] for row in losses(of("other-units-class").study, 8)) > 1


def test_metric_and_schedule_end_where_the_first_rung_does() -> None:
    """The metric has another name from its next epoch on; the rate has decayed by then."""
    with begun(of("metric-renamed-class").study) as trainer:
        named = ["validation_loss" in row for row in trainer.train(FIRST_RUNG + 1)]
    assert named == [True] * FIRST_RUNG + [False]
    with begun(of("schedule-of-the-first-rung-class").study) as trainer:
        rates = [row["learning_rate"][0] for row in trainer.train(FIRST_RUNG)]
    assert rates[-1] / max(rates) == pytest.approx(0.41, abs=0.01)


def test_faults_of_settings_data_and_checkpoints_raise_or_show() -> None:
    """Memory at the largest batch alone, an evaluation of what was loaded alone, rows that lie in two splits."""
    assert losses(of("out-of-memory-class").study, 1)
    with pytest.raises(MemoryError, match="allocate"):
        losses(of("out-of-memory-class").study, 1, batch_size=64)

    other = of("evaluates-another-model-class").study
    with begun(other) as trainer:
        list(trainer.train(1))
        assert trainer.evaluate()["test_loss"]  # type: ignore[attr-defined] # it has the method
        state = trainer.state()
    with begun(other, state=state) as trainer, pytest.raises(ValueError, match="broadcast"):
        trainer.evaluate()  # type: ignore[attr-defined]

    shares = {}
    for name in ("train-rows-in-validation-class", "test-is-validation-class"):
        trainer_class = load(Study.model_validate(of(name).study))
        for document in (of(name).study, of(name).healthy):
            splits = hook(trainer_class, "splits")
            assert splits is not None
            rows = {split: {row.tobytes() for row in part} for split, part in splits(document["recording"]).items()}
            shares[name, document["recording"]["fault"]] = (
                len(rows["validation"] & rows["train"]) / len(rows["validation"]),
                len(rows["validation"] & rows["test"]) / len(rows["test"]),
            )
    assert [*shares.values()] == [(0.375, 0), (0, 0), (0, 1), (0, 0)]


def test_what_is_imported_at_home_is_found_there_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The notebook that has its folder on its path trains; a process without it cannot begin."""
    study = of("path-of-the-notebook-class").study
    with pytest.raises(ModuleNotFoundError, match="lab_helpers"):
        losses(study, 1)
    monkeypatch.setattr(sys, "path", [*sys.path, str(NOTEBOOK)])
    assert losses(study, 1) == losses(of("path-of-the-notebook-class").healthy, 1)


def test_features_collapse_in_the_fault_alone() -> None:
    """All hidden units are one; without the fault no two are."""
    for document, rank in ((of("collapse-class").study, 1), (of("collapse-class").healthy, 16)):
        with begun(document) as trainer:
            list(trainer.train(2))
            features = trainer.features()[1]  # type: ignore[attr-defined] # it has the method
        assert len({tuple(column) for column in features.T.round(9)}) == rank


def test_healthy_studies_are_valid_varied_and_learn() -> None:
    """Fifty of the built-in trainer, the same for the same seed; two of them train, and their loss falls."""
    documents = healthy_studies(50, 0)
    assert documents[:10] == healthy_studies(10, 0) != healthy_studies(10, 1)
    assert len({yaml.safe_dump({**one, "name": ""}) for one in documents}) == 50
    studies = [Study.model_validate(one) for one in documents]
    trainer = load(studies[0])
    check = hook(trainer, "check_config")
    assert check is not None
    recording = prepare_recording(trainer, studies[0].recording)
    for study in studies:
        assert not mistakes_of(study)
        space = {name: one.extremes[-1] for name, one in study.space.items()}
        assert not check({**study.fixed, **space}, recording)
    for study in studies[:2]:
        setting = {name: one.extremes[0] for name, one in study.space.items()}
        one = trainer({**study.fixed, **setting}, recording, study.seeds[:1])
        first, *_, last = (row["validation_loss"][0] for row in one.train(3))
        one.close()
        assert last < first
