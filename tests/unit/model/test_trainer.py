"""The trainer through its contract: epochs in, per-seed metrics out; state in, state out."""

import gc
import weakref
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.trainer import LatentEvolutionTrainer
from tests.fakes.latent import (
    OPTIONS,
    ROWS,
    SEEDS,
    SMALL,
    SPLIT,
    assert_same,
    build,
    compared,
    make_recording,
    through_a_file,
)

torch.set_num_threads(1)


@pytest.mark.parametrize("settings", OPTIONS.values(), ids=OPTIONS.keys())
def test_continuing_equals_never_stopping(settings: dict[str, Any]) -> None:
    """Training 2 epochs, saving, loading and training 3 more gives bit for bit what 5 epochs give."""
    whole, first = build(**settings), build(**settings)
    expected = [compared(metrics) for metrics in whole.train(5)]
    list(first.train(2))
    second = build(state=through_a_file(first.state()), **settings)
    assert [compared(metrics) for metrics in second.train(3)] == expected[2:]
    assert_same(second.state(), whole.state())


def test_state_between_two_epochs() -> None:
    """A state taken while `train` is under way continues as if taken at the end of a shorter call."""
    whole = build()
    epochs = whole.train(3)
    next(epochs)
    saved = through_a_file(whole.state())
    rest = [compared(metrics) for metrics in epochs]
    assert {seed: one["epoch"] for seed, one in saved.items()} == dict.fromkeys(SEEDS, 1)
    assert [compared(metrics) for metrics in build(state=saved).train(2)] == rest


def test_state_owns_its_memory() -> None:
    """Training on does not change a state, and one seed's file does not hold the other seeds."""
    trainer = build(latent_dims=64, hidden_units=64)
    list(trainer.train(1))
    state = trainer.state()
    copy = through_a_file(state)
    list(trainer.train(1))
    assert_same(state, copy)
    one, three = BytesIO(), BytesIO()
    torch.save(state[1], one)
    torch.save(state, three)
    assert one.tell() < 0.4 * three.tell()


@pytest.mark.parametrize("use_batch_norm", [True, False])
def test_company_does_not_matter(use_batch_norm: bool) -> None:
    """A seed's curves agree to float32 tolerance whether it trains alone, among others, or in another place."""
    together = [dict(metrics) for metrics in build(use_batch_norm=use_batch_norm).train(3)]
    swapped = [dict(metrics) for metrics in build([123, 7, 1], use_batch_norm=use_batch_norm).train(3)]
    alone = [dict(metrics) for metrics in build([123], use_batch_norm=use_batch_norm).train(3)]
    for a, b, c in zip(together, swapped, alone, strict=True):
        for name in ("train_loss", "reconstruction_loss", "validation_loss", "grad_norm"):
            assert a[name][2] == pytest.approx(c[name][0], rel=1e-4)
            assert b[name][0] == pytest.approx(c[name][0], rel=1e-4)


def test_seeds_differ_and_the_global_generator_is_left_alone() -> None:
    """Each seed has weights and batches of its own, and PyTorch's and NumPy's global generators do not move."""
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002  # the global one is the point
    (metrics,) = build().train(1)
    assert len(set(metrics["train_loss"])) == len(SEEDS)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002  # as above


def test_metrics() -> None:
    """Every epoch gives one number per seed for each metric; only the last epoch of a call has a test loss."""
    ticks = count()
    trainer = LatentEvolutionTrainer(SMALL, make_recording(), SEEDS, clock=lambda: 2.0 * next(ticks))
    first, last = trainer.train(2)
    assert set(last) == set(first)
    assert set(first) == {
        *("train_loss", "reconstruction_loss", "validation_loss", "grad_norm", "learning_rate"),
        *("iterations", "seconds", "samples_per_second", "gpu_utilisation", "gpu_memory_mib", "gpu_power_w"),
    }
    assert all(len(values) == len(SEEDS) for values in last.values())
    assert first["seconds"] == [2.0] * 3
    assert first["samples_per_second"] == [200 // 16 * 16 / 2] * 3
    assert first["learning_rate"] == [1e-3] * 3
    assert first["iterations"] == [200 // 16] * 3
    assert first["gpu_utilisation"] == first["gpu_memory_mib"] == first["gpu_power_w"] == [None] * 3


def test_a_warm_up_of_reconstruction() -> None:
    """Its epochs tell no prediction loss and leave the evolver as it was; the next epoch trains all parts."""
    trainer = build(reconstruction_warmup_epochs=2, use_stimulus=True, stimulus_dims=3)
    states, epochs = [trainer.state()], []
    for metrics in trainer.train(3):
        epochs.append(metrics)
        states.append(trainer.state())
    assert [one["train_loss"] == [None] * len(SEEDS) for one in epochs] == [True, True, False]
    for name in ("reconstruction_loss", "validation_loss", "grad_norm"):
        assert all(np.isfinite(value) for one in epochs for value in one[name])

    def changed(before: int, after: int) -> set[str]:
        first, second = (states[number][1]["parameters"] for number in (before, after))
        return {name.partition(".")[0] for name in first if not torch.equal(first[name], second[name])}

    assert changed(0, 2) == {"encoder", "decoder"}
    assert changed(2, 3) == {"encoder", "evolver", "decoder", "stimulus"}


def test_learns() -> None:
    """The losses fall, on seen and unseen rows."""
    epochs = list(build(learning_rate=0.01, use_batch_norm=False, hidden_units=32, latent_dims=8).train(25))
    for name in ("train_loss", "reconstruction_loss", "validation_loss"):
        assert max(epochs[-1][name]) < 0.3 * min(epochs[0][name])


@pytest.mark.parametrize("steps", [1, 7])
def test_baseline(steps: int) -> None:
    """The baseline is the mean squared difference of rows that far apart inside each split."""
    recording = make_recording()
    baseline = build(evolve_steps=steps).baseline()
    assert list(baseline) == ["train_loss", "validation_loss", "test_loss"]
    for name, (first, last) in SPLIT.items():
        rows = recording["voltages"][first:last].astype(float)
        assert baseline[f"{name}_loss"] == pytest.approx(np.mean((rows[steps:] - rows[:-steps]) ** 2), rel=1e-6)


@pytest.mark.parametrize("settings", [{}, {"evolve_steps": 4, "use_stimulus": True, "stimulus_dims": 3}])
def test_losses_do_not_depend_on_the_chunks(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluation row by row gives the loss of evaluation in one piece."""
    trainer = build(**settings)
    (whole,), baseline = trainer.train(1), trainer.baseline()
    tested = trainer.evaluate()
    monkeypatch.setattr("model.network.evaluate.CHUNK_ELEMENTS", {"cpu": 1})
    again = build(**settings)
    (pieces,) = again.train(1)
    assert pieces["validation_loss"] == pytest.approx(whole["validation_loss"], rel=1e-5)
    assert again.evaluate()["test_loss"] == pytest.approx(tested["test_loss"], rel=1e-5)
    assert trainer.baseline() == pytest.approx(baseline, rel=1e-5)


@pytest.mark.parametrize(
    "settings", [{}, {"evolve_steps": 8, "use_stimulus": True}, {"evolve_steps": 8, "evolve_multiples": 3}]
)
def test_training_stays_inside_its_split(settings: dict[str, Any]) -> None:
    """Values outside the train and validation splits change nothing that is computed from those."""
    recording = make_recording()
    changed = {name: recording[name].copy() for name in ("voltages", "stimulus")}
    for first, last in ((0, 10), (210, 220), (300, ROWS)):
        for values in changed.values():
            values[first:last] = 1e6
    (expected,) = build(**settings).train(1)
    (metrics,) = LatentEvolutionTrainer({**SMALL, **settings}, {**recording, **changed}, SEEDS).train(1)
    assert metrics["train_loss"] == expected["train_loss"]
    assert metrics["validation_loss"] == expected["validation_loss"]


def test_a_failed_seed_is_reported_and_stays_failed() -> None:
    """From the epoch of the failure on, a seed's losses are NaN, also after a resume; companions go on bit for bit."""
    healthy = build()
    list(healthy.train(1))
    state = healthy.state()
    broken_state = through_a_file(state)
    broken_state[12]["parameters"]["evolver.1.weight"][0, 0] = torch.nan
    expected = [compared(metrics) for metrics in build(state=state).train(3)]
    broken = build(state=broken_state)
    metrics = [compared(one) for one in broken.train(2)]
    mended = through_a_file(broken.state())
    mended[12]["parameters"] = state[12]["parameters"]
    metrics += [compared(one) for one in build(state=mended).train(1)]
    for one, healthy_one in zip(metrics, expected, strict=True):
        for name in ("train_loss", "reconstruction_loss", "validation_loss", "grad_norm"):
            assert np.isnan(one[name][1])
            assert (one[name][0], one[name][2]) == (healthy_one[name][0], healthy_one[name][2])
    assert np.isnan(broken.evaluate()["test_loss"]).tolist() == [False, True, False]
    assert {seed: one["failed"] for seed, one in broken.state().items()} == {1: False, 12: True, 123: False}


def test_closing() -> None:
    """A closed trainer says so; closing twice is fine."""
    trainer = build()
    trainer.close()
    trainer.close()
    with pytest.raises(RuntimeError, match="this trainer is closed"):
        trainer.state()
    with pytest.raises(RuntimeError, match="this trainer is closed"):
        next(iter(trainer.train(1)))


def test_closing_frees_the_memory_at_once() -> None:
    """No cycle keeps parameters or recording alive until Python looks for cycles: the next trial needs the room."""
    trainer = build(ema=0.9, use_stimulus=True)
    gc.collect()
    gc.disable()
    try:
        list(trainer.train(2))
        trainer.baseline()
        trainer.state()
        group = trainer._require_group()
        kept = [
            weakref.ref(part) for part in (group, group._lanes[0], group._voltages, group._lanes[0].tensors.parameters)
        ]
        del group
        trainer.close()
        assert [part() for part in kept] == [None] * len(kept)
    finally:
        gc.enable()


def test_a_read_only_recording_is_fine() -> None:
    """A shared, read-only array is used as it stands, without a warning."""
    recording = make_recording()
    recording["voltages"].setflags(write=False)
    assert len(list(LatentEvolutionTrainer(SMALL, recording, [1]).train(1))) == 1


def test_a_specification_and_the_prepared_recording_train_alike(tmp_path: Path) -> None:
    """A recording given by its path equals the one loaded once and handed over."""
    np.save(tmp_path / "sines.npy", make_recording()["voltages"])
    specification = {"path": str(tmp_path / "sines.npy"), "split": SPLIT}
    prepared = LatentEvolutionTrainer.prepare_recording(specification)
    first, second = (LatentEvolutionTrainer(SMALL, one, SEEDS) for one in (specification, prepared))
    for trainer in (first, second, other := build()):
        next(iter(trainer.train(1)))
    assert first.evaluate() == second.evaluate() == other.evaluate()
