"""Our training step over a random recording, and the plain reference doing the same steps."""

import torch

from model.config import TrainingConfig
from model.network.network import Network
from model.training.optim import SeedOptimizer
from model.training.step import SeedTensors, StepInputs, TrainingStep
from tests.fakes.reference import Reference, build_optimizer

SEEDS = (1, 12, 123)
ROWS, NEURONS, STIMULI = 60, 11, 3
SMALL = {"latent_dims": 4, "hidden_units": 7, "hidden_layers": 2, "batch_size": 8, "device": "cpu"}


class Bench:
    """Our step for three seeds over a random recording, with everything in reach."""

    def __init__(self, **settings: object) -> None:
        self.config = TrainingConfig(**{**SMALL, **settings})
        source = torch.Generator().manual_seed(0)
        self.voltages = torch.randn(ROWS, NEURONS, generator=source, dtype=torch.float64)
        self.stimulus = torch.randn(ROWS, STIMULI, generator=source, dtype=torch.float64)
        self.seen = self.stimulus if self.config.use_stimulus else None
        self.network = Network(self.config, NEURONS, STIMULI if self.config.use_stimulus else 0)
        flat, running = (tensor.double() for tensor in self.network.initialise(SEEDS))
        average = (flat.clone(), running.clone()) if self.config.ema else None
        self.tensors = SeedTensors(flat, running, torch.zeros(len(SEEDS), dtype=torch.bool), average)
        self.optimizer = SeedOptimizer(self.config, flat, 0)
        given = (self.network, self.tensors, self.optimizer, self.voltages, self.seen)
        self.step = TrainingStep(*given)
        self.reconstruct = TrainingStep(*given, reconstruction_only=True)
        self.source = source

    def draw(self, rate: float | None = None, averaging: float = 0.0) -> StepInputs:
        # No row twice: of two equal rows, alone in a batch, batch norm leaves only rounding, and ReLU cuts at 0.
        orders = [torch.randperm(ROWS - self.config.horizon, generator=self.source) for _ in SEEDS]
        rows = torch.stack(orders)[:, : self.config.batch_size]
        rate = self.config.learning_rate if rate is None else rate
        return StepInputs(rows, torch.tensor(rate), torch.tensor(averaging, dtype=torch.float64))

    def stimuli(self, rows: torch.Tensor, steps: int) -> list[torch.Tensor | None]:
        """What is seen of the stimulus at each of so many steps from some rows on."""
        return [None if self.seen is None else self.seen[rows + step] for step in range(steps)]

    def named(self, row: int) -> dict[str, torch.Tensor]:
        parameters = self.network.parameters.views(self.tensors.parameters)
        statistics = self.network.statistics.views(self.tensors.running)
        return {name: view[row].clone() for name, view in (parameters | statistics).items()}

    def references(self) -> list[Reference]:
        def shaped(row: int) -> dict[str, torch.Tensor]:
            shapes = {**self.network.parameters.shapes, **self.network.statistics.shapes}
            return {name: value.view(shapes[name]) for name, value in self.named(row).items()}

        return [Reference(self.network).load(shaped(row)) for row in range(len(SEEDS))]


def train_reference(bench: Bench, reference: Reference, batches: list[StepInputs], row: int) -> torch.Tensor:
    """Train one seed the plain way; return its losses and gradient norms."""
    optimizer, history = build_optimizer(reference), []
    for inputs in batches:
        rows = inputs.rows[row]
        horizon, apart = bench.config.horizon, bench.config.evolve_steps
        following = [bench.voltages[rows + ahead] for ahead in range(apart, horizon + 1, apart)]
        stimuli = bench.stimuli(rows, horizon)
        prediction, reconstruction = reference.losses(bench.voltages[rows], following, stimuli)
        optimizer.zero_grad()
        (prediction + reconstruction + reference.penalty()).backward()
        limit = bench.config.gradient_clipping or float("inf")
        norm = torch.nn.utils.clip_grad_norm_(reference.parameters(), limit)
        optimizer.param_groups[0]["lr"] = float(inputs.learning_rate)
        optimizer.step()
        history.append((prediction.item(), reconstruction.item(), norm.item()))
    return torch.tensor(history, dtype=torch.float64)


STIMULUS_ENCODER = {"use_stimulus": True, "stimulus_dims": 2}
LAB = {
    **STIMULUS_ENCODER,
    "hidden_layers": 1,
    "use_batch_norm": False,
    "input_skips": True,
    "stimulus_layers": 3,
    "stimulus_units": 6,
    "evolver_activation": "tanh",
    "evolver_zero_init": True,
    "loss": "huber",
    "evolver_l1": 1e-2,
}
"""As the model's lab trains it later, small."""
