"""Precision as a parameter: how far each may be from float64, and that nothing is left behind in the process."""

import pytest
import torch

from model.config import TrainingConfig
from model.device.precision import numerics, product_type, recording_type
from model.network.network import Network
from model.training.optim import SeedOptimizer
from model.training.step import SeedTensors, StepInputs, TrainingStep

SEEDS, ROWS, NEURONS = (1, 12), 60, 19

# Largest relative difference from float64 of losses, of gradient norms, and of the gradient's direction (1 - cosine).
# Batch norm over 16 samples magnifies the rounding of bfloat16.
TOLERANCES = {"float32": (1e-5, 1e-4, 1e-6), "tf32": (1e-5, 1e-4, 1e-6), "bfloat16": (5e-3, 1e-1, 5e-2)}


SETTINGS: dict[str, dict[str, object]] = {
    "published": {},
    "lab": {"input_skips": True, "use_batch_norm": False, "evolver_activation": "tanh", "loss": "huber"},
    "l1": {"use_batch_norm": False, "loss": "l1"},
}


def first_step(
    settings: dict[str, object], precision: str, recording: torch.dtype, exact: torch.dtype = torch.float32
) -> tuple[torch.Tensor, ...]:
    """Losses, gradient norms and gradients of the first step."""
    sizes = {"latent_dims": 8, "hidden_units": 32, "batch_size": 16, "device": "cpu"}
    config = TrainingConfig(**sizes, precision=precision, **settings)
    voltages = torch.randn(ROWS, NEURONS, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    network = Network(config, NEURONS)
    flat, running = (tensor.to(exact) for tensor in network.initialise(SEEDS))
    tensors = SeedTensors(flat, running, torch.zeros(len(SEEDS), dtype=torch.bool), None)
    optimizer = SeedOptimizer(config, flat, 0)
    step = TrainingStep(network, tensors, optimizer, voltages.to(recording), None)
    rows = torch.arange(32).view(2, 16)
    step.run(StepInputs(rows, torch.tensor(1e-3), torch.tensor(0.0)))
    return step.totals, optimizer.gradient.double()


@pytest.mark.parametrize("recording", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("precision", TOLERANCES)
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
def test_each_precision_agrees_with_float64(
    settings: dict[str, object], precision: str, recording: torch.dtype
) -> None:
    """Losses and gradients of every precision stay within its tolerance of the exact ones, seed by seed."""
    if recording == torch.bfloat16 and precision != "bfloat16":
        pytest.skip("a rounded recording is meant for rounded products")
    of_loss, of_norm, of_gradient = TOLERANCES[precision]
    totals, gradient = first_step(settings, precision, recording)
    exact_totals, exact_gradient = first_step(settings, "float32", torch.float64, torch.float64)
    torch.testing.assert_close(totals[:2], exact_totals[:2], rtol=of_loss, atol=0.0)
    torch.testing.assert_close(totals[2], exact_totals[2], rtol=of_norm, atol=0.0)
    cosine = torch.nn.functional.cosine_similarity(gradient, exact_gradient, dim=1)
    assert (1 - cosine < of_gradient).all()


def test_types() -> None:
    """Only bfloat16 changes the type of the products, only recording_precision that of the recording."""
    assert product_type(TrainingConfig(), torch.zeros(1)) == torch.float32
    assert product_type(TrainingConfig(precision="bfloat16"), torch.zeros(1)) == torch.bfloat16
    assert recording_type(TrainingConfig(precision="bfloat16")) == torch.float32
    assert recording_type(TrainingConfig(recording_precision="bfloat16")) == torch.bfloat16


def test_determinism_is_scoped() -> None:
    """Deterministic kernels are demanded inside a training and left as they were outside, whatever happens."""
    config, cpu = TrainingConfig(deterministic=True), torch.device("cpu")
    with pytest.raises(KeyError), numerics(config, cpu):  # noqa: PT012
        assert torch.are_deterministic_algorithms_enabled()
        raise KeyError
    assert not torch.are_deterministic_algorithms_enabled()
    with numerics(TrainingConfig(), cpu):
        assert not torch.are_deterministic_algorithms_enabled()


def test_tf32_is_scoped() -> None:
    """TF32 is allowed inside a GPU training that wants it, forbidden in one that does not, and then as before."""
    matmul, gpu = torch.backends.cuda.matmul, torch.device("cuda")
    name = "fp32_precision" if hasattr(matmul, "fp32_precision") else "allow_tf32"
    before = getattr(matmul, name)
    inside = {}
    for precision in ("auto", "tf32", "float32", "bfloat16"):
        with numerics(TrainingConfig(precision=precision), gpu):
            inside[precision] = getattr(matmul, name) in {"tf32", True}
            assert matmul.allow_tf32 == inside[precision]  # whoever reads the old name
            assert torch.get_float32_matmul_precision() == ("high" if inside[precision] else "highest")
    assert inside == {"auto": True, "tf32": True, "float32": False, "bfloat16": False}
    assert getattr(matmul, name) == before
