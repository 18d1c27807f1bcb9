"""The built-in trainer's evaluation on other recordings: what is told of them is what would be told of them alone."""

from typing import Any

import numpy as np
import pytest

from model.trainer import LatentEvolutionTrainer
from tests.fakes.latent import OPTIONS, SEEDS, SMALL, assert_same, build, compared, make_recording, through_a_file
from tune.trainer import direction_of

OTHER_SPLIT = {"train": [0, 50], "validation": [50, 150], "test": [150, 300]}
ROLLED = {"rollout_steps": 5, "rollout_starts": 4}


def make_other(**changes: Any) -> dict[str, Any]:
    """The sines without their noise, half as fast, in another split."""
    recording = make_recording()
    smooth = np.sin(np.arange(300)[:, None] * np.linspace(0.05, 0.25, 9)).astype(np.float32)
    return {"voltages": smooth, "stimulus": recording["stimulus"][100:], "split": OTHER_SPLIT, **changes}


def with_others(state: Any = None, others: Any = None, **settings: Any) -> LatentEvolutionTrainer:
    others = {"smooth": make_other(), "same-1": make_recording()} if others is None else others
    return LatentEvolutionTrainer({**SMALL, **settings}, make_recording(others=others), SEEDS, state)


@pytest.mark.parametrize("settings", OPTIONS.values(), ids=OPTIONS.keys())
def test_what_is_told_of_another_recording(settings: dict[str, Any]) -> None:
    """Its losses, roll-outs and baseline are those that a trainer has who is given that recording alone."""
    trainer = with_others(**settings, **ROLLED)
    (metrics,) = trainer.train(1)
    told, baseline = trainer.evaluate(), trainer.baseline()
    alone = LatentEvolutionTrainer({**SMALL, **settings, **ROLLED}, make_other(), SEEDS, trainer.state())
    expected, of_constant = alone.evaluate(), alone.baseline()
    del of_constant["train_loss"]
    expected["validation_loss"] = alone._require_group().evaluate("validation").tolist()
    assert {name for name in told if name.endswith("@smooth")} == {f"{name}@smooth" for name in expected}
    for name, values in expected.items():
        assert told[f"{name}@smooth"] == pytest.approx(values, rel=1e-5)
        own = metrics[name] if name == "validation_loss" else told[name]
        assert told[f"{name}@same-1"] == pytest.approx(own, rel=1e-5)
    assert {name for name in baseline if name.endswith("@smooth")} == {f"{name}@smooth" for name in of_constant}
    for name, value in of_constant.items():
        assert baseline[f"{name}@smooth"] == pytest.approx(value, rel=1e-6)


def test_other_recordings_change_nothing_that_is_trained() -> None:
    """Epochs, their own losses and baselines are bit for bit those of a study without them."""
    beside, plain = with_others(ema=0.9), build(ema=0.9)
    told = []
    for metrics in beside.train(3):
        told.append(compared(metrics))
        beside.evaluate()
    assert told == [compared(metrics) for metrics in plain.train(3)]
    assert_same(beside.state(), plain.state())
    assert plain.evaluate().items() <= beside.evaluate().items()
    assert plain.baseline().items() <= beside.baseline().items()


def test_a_failed_seed_has_failed_on_all_recordings() -> None:
    """Its losses on others are NaN too, and those of its companions are not."""
    state = through_a_file(with_others().state())
    state[12]["failed"] = True
    metrics = with_others(state).evaluate()
    for name in ("validation_loss@smooth", "test_loss@smooth", "test_loss@same-1"):
        assert np.isnan(metrics[name]).tolist() == [False, True, False]


SHORT = {"train": [0, 50], "validation": [50, 60], "test": [60, 64]}
AHEAD = "the prediction is 4 rows ahead, the test split of recording.others.x has 4"
AFTER = "a roll-out ends 10 rows after its start, the validation split of recording.others.x has 10"
MISFITS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no stimulus": (
        {"use_stimulus": True},
        {"stimulus": None},
        "use_stimulus: is true, but recording.others.x has no stimulus inputs, what is trained on 2",
    ),
    "another stimulus": (
        {"use_stimulus": True},
        {"stimulus": np.zeros((300, 3))},
        "use_stimulus: is true, but recording.others.x has 3 stimulus inputs, what is trained on 2",
    ),
    "a short split": ({"evolve_steps": 4}, {"split": SHORT}, f"evolve_steps: must be smaller, got 4: {AHEAD}"),
    "long roll-outs": ({"rollout_steps": 10}, {"split": SHORT}, f"rollout_steps: must be at most 9, got 10: {AFTER}"),
    "a stimulus that nobody sees": ({}, {"stimulus": None}, ""),
}


@pytest.mark.parametrize(("settings", "changes", "message"), MISFITS.values(), ids=MISFITS.keys())
def test_what_does_not_fit_another_recording(settings: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    """A setting that cannot be evaluated there is told before anything trains, with the recording's name."""
    prepared = LatentEvolutionTrainer.prepare_recording(make_recording(others={"x": make_other(**changes)}))
    mistakes = LatentEvolutionTrainer.check_config({**SMALL, **settings}, prepared)
    assert "".join(f"{key}: {told}" for key, told in mistakes.items()) == message


def test_what_is_maximised_is_so_on_other_recordings() -> None:
    """A study that scores a horizon need not say that longer ones are better, whatever recording it is of."""
    for metric in ("rollout_horizon", "rollout_horizon_decoded@noise_free", "rollout_horizon@x"):
        assert direction_of(LatentEvolutionTrainer, metric, None, "score.direction") == "maximize"
    for metric in ("validation_loss@x", "rollout_loss"):
        assert direction_of(LatentEvolutionTrainer, metric, None, "score.direction") is None
