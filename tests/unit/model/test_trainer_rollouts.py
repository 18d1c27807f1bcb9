"""Roll-outs of the built-in trainer, against a plain loop over the reference model and by what is told of them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from model.trainer import LatentEvolutionTrainer
from tests.fakes.latent import (
    OPTIONS,
    SEEDS,
    SMALL,
    SPLIT,
    assert_same,
    build,
    compared,
    make_recording,
    through_a_file,
)
from tests.fakes.reference import Reference

torch.set_num_threads(1)

STEPS = 6
ROLLED = {"rollout_steps": STEPS, "rollout_starts": 5}
NAMES = ("rollout_horizon", "rollout_loss", "rollout_diverged", "rollout_loss_to_interpolation")


def references(trainer: LatentEvolutionTrainer) -> Iterator[Reference]:
    """The plain model with the weights that each seed is evaluated with."""
    (lane,) = trainer._require_group()._lanes
    for saved in trainer.state().values():
        kind = "average_" if "average_parameters" in saved else ""
        yield Reference(lane._network).load({**saved[f"{kind}parameters"], **saved[f"{kind}statistics"]})


def recorded(first: int, last: int) -> torch.Tensor:
    return torch.from_numpy(make_recording()["voltages"][first:last]).double()


def plain_errors(reference: Reference, starts: list[int], *, through_voltages: bool) -> np.ndarray:
    """Mean squared errors [starts, steps], a start and a row at a time."""
    loaded, k = make_recording(), reference.config.evolve_steps
    voltages, stimulus = (torch.from_numpy(loaded[name]).double() for name in ("voltages", "stimulus"))
    errors = []
    for t in starts:
        stimuli = [stimulus[t + i, None] if reference.config.use_stimulus else None for i in range(STEPS * k)]
        predicted = reference.roll_out(voltages[t, None], stimuli, through_voltages=through_voltages)
        errors.append([float((x[0] - voltages[t + j * k]).square().mean()) for j, x in enumerate(predicted, start=1)])
    return np.array(errors)


@pytest.mark.parametrize("settings", OPTIONS.values(), ids=OPTIONS.keys())
def test_roll_outs_agree_with_a_plain_loop(settings: dict[str, Any]) -> None:
    """In latent space and through voltages, errors are the plain model's step by step, and so is what is told."""
    trainer = build(**settings, **ROLLED)
    list(trainer.train(2))
    errors, metrics = trainer.rollout_errors(), trainer.evaluate()
    first, last = SPLIT["validation"]
    starts = np.linspace(first, last - 1 - STEPS * settings.get("evolve_steps", 1), 5).round().astype(int).tolist()
    rows, k = recorded(0, last).numpy(), settings.get("evolve_steps", 1)
    begun, ended = (np.array([rows[t + ahead] for t in starts]) for ahead in (0, STEPS * k))
    at = [np.array([rows[t + j * k] for t in starts]) for j in range(1, STEPS + 1)]
    constant = np.array([np.mean((begun - x) ** 2) for x in at])
    lines = (begun + j / STEPS * (ended - begun) for j in range(1, STEPS + 1))
    interpolated = np.array([np.mean((line - x) ** 2) for line, x in zip(lines, at, strict=True)])
    np.testing.assert_allclose(errors["constant"], constant, rtol=1e-5)
    np.testing.assert_allclose(errors["interpolated"], interpolated, rtol=1e-5, atol=1e-12)
    for number, reference in enumerate(references(trainer)):
        for way, ending in (("latent", ""), ("decoded", "_decoded")):
            plain = plain_errors(reference, starts, through_voltages=way == "decoded").mean(axis=0)
            np.testing.assert_allclose(errors[way][SEEDS[number]], plain, rtol=1e-4)
            lost = [j for j in range(1, STEPS + 1) if plain[j - 1] >= constant[j - 1]]
            told = {name: metrics[f"{name}{ending}"][number] for name in NAMES}
            assert told == {
                "rollout_horizon": lost[0] if lost else STEPS,
                "rollout_loss": pytest.approx(plain.mean(), rel=1e-4),
                "rollout_diverged": 0.0,
                "rollout_loss_to_interpolation": pytest.approx(plain.mean() / interpolated.mean(), rel=1e-4),
            }


def test_the_first_step_from_all_rows_is_the_validation_loss() -> None:
    """One step from every row of the split is what epochs tell; a line of one step has no error to compare with."""
    for settings in ({}, {"evolve_steps": 4, "use_stimulus": True}):
        trainer = build(rollout_steps=1, rollout_starts=1000, **settings)
        (epoch,) = trainer.train(1)
        metrics = trainer.evaluate()
        assert metrics["rollout_loss"] == pytest.approx(epoch["validation_loss"], rel=1e-5)
        assert metrics["rollout_loss_decoded"] == pytest.approx(epoch["validation_loss"], rel=1e-5)
        assert trainer.baseline()["rollout_loss"] == pytest.approx(trainer.baseline()["validation_loss"], rel=1e-5)
        assert "rollout_loss_to_interpolation" not in {*metrics, *trainer.baseline()}


def test_without_roll_outs_nothing_else_is_told() -> None:
    """A configuration that asks for none tells what it always told."""
    trainer = build()
    list(trainer.train(1))
    assert list(trainer.evaluate()) == ["test_loss"]
    assert list(trainer.baseline()) == ["train_loss", "validation_loss", "test_loss"]
    assert trainer.rollout_errors() == {}


@pytest.mark.parametrize("settings", [{"ema": 0.9}, OPTIONS["lab"]])
def test_roll_outs_change_nothing_that_is_trained(settings: dict[str, Any]) -> None:
    """Epochs after them are bit for bit those of a training without any."""
    rolled, plain = build(**settings, **ROLLED), build(**settings)
    told = []
    for metrics in rolled.train(3):
        told.append(compared(metrics))
        rolled.evaluate()
    assert told == [compared(metrics) for metrics in plain.train(3)]
    assert rolled.evaluate()["test_loss"] == plain.evaluate()["test_loss"]
    assert_same(rolled.state(), plain.state())


def test_company_and_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A seed's roll-outs are to rounding the same alone, among others, and decoded a step at a time."""
    together, alone = build(**ROLLED), build([123], **ROLLED)
    list(together.train(1))
    list(alone.train(1))
    monkeypatch.setattr("model.network.evaluate.CHUNK_ELEMENTS", {"cpu": 1})
    for name, values in alone.evaluate().items():
        assert values[0] == pytest.approx(together.evaluate()[name][2], rel=1e-3)


def test_a_failed_seed_has_no_roll_outs_and_its_companions_keep_theirs() -> None:
    """All its numbers are NaN but the one that says that it diverged."""
    healthy = build(**ROLLED)
    list(healthy.train(1))
    state = through_a_file(healthy.state())
    broken_state = through_a_file(state)
    broken_state[12]["failed"] = True
    metrics, expected = (build(state=one, **ROLLED).evaluate() for one in (broken_state, state))
    for name, values in metrics.items():
        assert (values[0], values[2]) == (expected[name][0], expected[name][2])
        assert values[1] == 1.0 if "diverged" in name else np.isnan(values[1])


def test_a_model_that_runs_away_is_told_and_has_not_failed() -> None:
    """An evolver that doubles the latents diverges from the recording: its horizon is known, its loss is not finite."""
    settings = {"use_batch_norm": False, "evolver_layers": 0, "rollout_steps": 79}
    state = build(**settings).state()
    for saved in state.values():
        saved["parameters"]["evolver.0.weight"] = 1e3 * torch.eye(4)
    metrics = build(state=state, **settings).evaluate()
    assert metrics["rollout_diverged"] == [1.0] * 3
    assert metrics["rollout_horizon"] == [1.0] * 3
    assert not np.isfinite(metrics["rollout_loss"]).any()
    assert np.isfinite(metrics["test_loss"]).all()


def test_roll_outs_stay_inside_their_split() -> None:
    """Values outside the validation split change nothing in them; the last start ends in its last row."""
    recording, first, last = make_recording(), *SPLIT["validation"]
    changed = {name: recording[name].copy() for name in ("voltages", "stimulus")}
    for values in changed.values():
        values[:first] = values[last:] = 1e6
    settings = {**SMALL, "evolve_steps": 3, "use_stimulus": True, "rollout_steps": 20}
    given, other = (LatentEvolutionTrainer(settings, one, SEEDS) for one in (recording, {**recording, **changed}))
    assert {**given.evaluate(), "test_loss": 0} == {**other.evaluate(), "test_loss": 0}
    assert given._require_group()._course.starts.max() == last - 1 - 20 * 3


def test_there_are_no_more_starts_than_rows() -> None:
    """Of 16 starts those are left that lead far enough, each once."""
    course = build(rollout_steps=77)._require_group()._course
    assert course.starts.tolist() == [220, 221, 222]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rollout_steps": 80}, "at most 79, got 80: a roll-out ends 80 rows after its start, the validation"),
        ({"rollout_steps": 30, "evolve_steps": 3}, "at most 26, got 30: a roll-out ends 90 rows after its start"),
    ],
)
def test_roll_outs_out_of_the_split_are_refused(settings: dict[str, Any], message: str) -> None:
    """What would leave the validation split is told before anything trains, with the most that there can be."""
    prepared = LatentEvolutionTrainer.prepare_recording(make_recording())
    assert message in LatentEvolutionTrainer.check_config({**SMALL, **settings}, prepared)["rollout_steps"]
    with pytest.raises(ValueError, match=message):
        build(**settings)


def test_the_baseline_of_roll_outs() -> None:
    """The constant model loses to itself at the first step; its loss is that of the same rows."""
    trainer = build(**ROLLED)
    baseline, errors = trainer.baseline(), trainer.rollout_errors()
    assert baseline["rollout_horizon"] == baseline["rollout_horizon_decoded"] == 1
    assert baseline["rollout_loss"] == pytest.approx(float(errors["constant"].mean()))
    assert baseline["rollout_loss_to_interpolation"] > 1
    assert "rollout_diverged" not in baseline


def test_rounded_products_roll_out_alike() -> None:
    """In bfloat16 latents are added up in float32: errors are those of full precision to rounding."""
    exact = build(**ROLLED, use_batch_norm=False)
    list(exact.train(2))
    rounded = build(
        state=exact.state(), **ROLLED, use_batch_norm=False, precision="bfloat16", recording_precision="bfloat16"
    )
    for name, values in exact.evaluate().items():
        if "loss" in name:
            assert rounded.evaluate()[name] == pytest.approx(values, rel=0.02)
