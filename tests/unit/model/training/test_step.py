"""One optimisation step against the plain reference, in float64 so that only real differences show."""

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from model.network.evaluate import prediction_loss
from model.training.optim import SeedOptimizer
from model.training.schedule import averaging_weight_at
from model.training.step import SeedTensors, TrainingStep
from tests.fakes.steps import LAB, STIMULUS_ENCODER, Bench, train_reference

CASES = {
    "published": {},
    "without batch norm": {"use_batch_norm": False},
    "one hidden layer": {"hidden_layers": 1},
    "linear parts": {"hidden_layers": 0},
    "own layers": {"encoder_layers": 1, "evolver_layers": 3, "decoder_layers": 2},
    "gelu": {"activation": "gelu"},
    "tanh": {"activation": "tanh"},
    "silu": {"activation": "silu", "use_batch_norm": False},
    "elu": {"activation": "elu"},
    "stimulus": {"use_stimulus": True},
    "l1": {"l1": 1e-3},
    "clipping": {"gradient_clipping": 0.05},
    "adam with decay": {"weight_decay": 0.1},
    "adamw": {"optimizer": "adamw", "weight_decay": 0.1},
    "sgd": {"optimizer": "sgd", "weight_decay": 0.1, "use_batch_norm": False},
    "sgd without momentum": {"optimizer": "sgd", "momentum": 0.0},
    "smallest batch": {"batch_size": 2},
    "input skips": {"input_skips": True},
    "input skips without batch norm": {"input_skips": True, "use_batch_norm": False},
    "input skips of one layer": {"input_skips": True, "hidden_layers": 1, "use_batch_norm": False},
    "input skips of some parts": {"input_skips": True, "encoder_layers": 0, "evolver_layers": 3, "decoder_layers": 1},
    "own units": {"encoder_units": 9, "evolver_units": 5, "decoder_units": 6},
    "own units with input skips": {"encoder_units": 9, "evolver_units": 5, "decoder_units": 6, "input_skips": True},
    "stimulus encoder": {**STIMULUS_ENCODER, "stimulus_layers": 3, "stimulus_units": 6},
    "stimulus encoder without batch norm": {**STIMULUS_ENCODER, "use_batch_norm": False},
    "linear stimulus encoder": {**STIMULUS_ENCODER, "stimulus_layers": 0},
    "tanh in the evolver": {"evolver_activation": "tanh"},
    "evolver from zero": {"evolver_zero_init": True},
    "evolver from zero without batch norm": {"evolver_zero_init": True, "use_batch_norm": False},
    "huber": {"loss": "huber"},
    "huber without batch norm": {"loss": "huber", "use_batch_norm": False},
    "mean absolute error": {"loss": "l1"},
    "l1 by part": {"encoder_l1": 0.5, "evolver_l1": 0.25, "decoder_l1": 1.0, "l1": 1e-3},
    "l1 of one part without batch norm": {"evolver_l1": 0.5, "use_batch_norm": False},
    "as its lab trains it": LAB,
    "every third step": {"evolve_steps": 3},
    "every third step with the stimulus": {"evolve_steps": 3, "use_stimulus": True, "use_batch_norm": False},
    "multiples": {"evolve_steps": 2, "evolve_multiples": 3},
    "multiples of one step": {"evolve_multiples": 2, "use_batch_norm": False, "loss": "l1"},
    "multiples with input skips": {"evolve_steps": 2, "evolve_multiples": 2, "input_skips": True, "use_stimulus": True},
    "as its lab trains it, every second step": {**LAB, "evolve_steps": 2, "evolve_multiples": 2},
}


@pytest.mark.parametrize("settings", CASES.values(), ids=CASES.keys())
def test_agrees_with_plain_pytorch(settings: dict[str, object]) -> None:
    """Losses, gradient norms, parameters, running statistics and evaluation equal the plain model's, seed by seed."""
    bench = Bench(learning_rate=0.01, **settings)
    references = bench.references()
    batches = [bench.draw() for _ in range(6)]
    totals = []
    for inputs in batches:
        bench.step.totals.zero_()
        bench.step.run(inputs)
        totals.append(bench.step.totals.clone())
    evaluated = prediction_loss(bench.network, bench.tensors.evaluated(), bench.voltages, bench.seen, (5, 40))
    for row, reference in enumerate(references):
        history = train_reference(bench, reference, batches, row)
        torch.testing.assert_close(torch.stack(totals)[:, :, row], history, rtol=1e-7, atol=1e-9)
        ours, theirs = bench.named(row), reference.named()
        assert set(ours) == set(theirs)
        for name in ours:
            torch.testing.assert_close(ours[name].view(theirs[name].shape), theirs[name], rtol=1e-6, atol=1e-8)
        ahead = bench.config.evolve_steps
        within = torch.arange(5, 40 - ahead)
        prediction = reference.predict(bench.voltages[within], bench.stimuli(within, ahead))
        error = prediction - bench.voltages[within + ahead]
        torch.testing.assert_close(evaluated[row], error.square().mean(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    "settings",
    [{}, {"use_batch_norm": False}, LAB, {**LAB, "use_batch_norm": True, "hidden_layers": 2, "evolve_steps": 2}],
)
def test_alone_and_in_company(settings: dict[str, object]) -> None:
    """A seed trained alone ends where it ends among others."""
    together = Bench(**settings)
    batches = [together.draw() for _ in range(5)]
    alone = Bench(**settings)
    flat, running = alone.tensors.parameters[1:2].clone(), alone.tensors.running[1:2].clone()
    tensors = SeedTensors(flat, running, torch.zeros(1, dtype=torch.bool), None)
    step = TrainingStep(alone.network, tensors, SeedOptimizer(alone.config, flat, 0), alone.voltages, alone.seen)
    for inputs in batches:
        together.step.run(inputs)
        step.run(inputs._replace(rows=inputs.rows[1:2]))
    torch.testing.assert_close(flat[0], together.tensors.parameters[1], rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(step.totals[:, 0], together.step.totals[:, 1])


@pytest.mark.parametrize("use_batch_norm", [True, False])
def test_overfits_one_batch(use_batch_norm: bool) -> None:
    """A hundredfold lower loss on one batch seen again and again."""
    bench = Bench(use_batch_norm=use_batch_norm, latent_dims=16, hidden_units=32, batch_size=8)
    inputs = bench.draw(rate=3e-3)
    history = []
    for _ in range(1200):
        bench.step.totals.zero_()
        bench.step.run(inputs)
        history.append(bench.step.totals[:2].sum(dim=0))
    assert (history[-1] < history[0] / 100).all()


@pytest.mark.parametrize("clipping", [None, 0.1])
def test_a_failed_seed_is_alone_with_it(clipping: float | None) -> None:
    """Companions of a seed with NaN weights end bit for bit where they end beside a healthy one."""
    healthy, broken = Bench(gradient_clipping=clipping), Bench(gradient_clipping=clipping)
    broken.tensors.parameters[1, 0] = torch.nan
    for inputs in [healthy.draw() for _ in range(4)]:
        healthy.step.run(inputs)
        broken.step.run(inputs)
    assert broken.tensors.failed.tolist() == [False, True, False]
    assert healthy.tensors.failed.tolist() == [False, False, False]
    for row in (0, 2):
        assert torch.equal(broken.tensors.parameters[row], healthy.tensors.parameters[row])
        assert torch.equal(broken.tensors.running[row], healthy.tensors.running[row])


def test_a_failed_seed_keeps_finite_weights() -> None:
    """A seed that overflows gets no gradient from that step on: its last finite weights can be inspected."""
    bench = Bench(use_batch_norm=False)
    bench.step.run(bench.draw())
    bench.voltages[:, 0] = torch.inf
    for _ in range(3):
        bench.step.run(bench.draw())
    assert bench.tensors.failed.all()
    assert torch.isfinite(bench.tensors.parameters).all()


def test_moving_average() -> None:
    """The average follows the update rule of an exponential moving average with a growing decay."""
    bench = Bench(ema=0.6)
    expected = bench.tensors.parameters.clone()
    for number in range(8):
        weight = averaging_weight_at(0.6, number)
        bench.step.run(bench.draw(averaging=weight))
        expected = (1 - weight) * expected + weight * bench.tensors.parameters
    torch.testing.assert_close(bench.tensors.evaluated()[0], expected)


class RefuseToWait(TorchDispatchMode):
    """Fails on every operation that makes the host wait for the device or depend on its results."""

    WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "unique")

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.name().split("::")[1].split(".")[0]
        assert name not in self.WAITS, f"{name} waits for the device"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("loss", ["mse", "huber", "l1"])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_no_step_waits_for_the_device(optimizer: str, loss: str) -> None:
    """Nothing in a step reads a value back, with every option on."""
    settings = {**LAB, "hidden_layers": 2, "use_batch_norm": True, "encoder_l1": 1e-3, "loss": loss}
    settings |= {"evolve_steps": 2, "evolve_multiples": 2}
    bench = Bench(optimizer=optimizer, l1=1e-4, gradient_clipping=1.0, ema=0.9, **settings)
    inputs = bench.draw()
    with RefuseToWait():
        bench.reconstruct.run(inputs)
        bench.step.run(inputs)
    with pytest.raises(AssertionError, match="waits"), RefuseToWait():
        inputs.learning_rate.item()
