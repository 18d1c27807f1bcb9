"""Epochs that only reconstruct: encoder and decoder train as the plain reference, all else rests."""

import pytest
import torch

from model.training.step import StepInputs
from tests.fakes.reference import LOSSES, Reference, build_optimizer
from tests.fakes.steps import LAB, SEEDS, Bench, train_reference


def reconstruct_reference(bench: Bench, reference: Reference, batches: list[StepInputs], row: int) -> torch.Tensor:
    """Train encoder and decoder of one seed the plain way; return reconstruction losses and gradient norms."""
    trained = [p for part in ("encoder", "decoder") for p in reference.parts[part].parameters()]
    optimizer, history = build_optimizer(reference, trained), []
    for inputs in batches:
        x = bench.voltages[inputs.rows[row]]
        loss = LOSSES[bench.config.loss](reference.parts["decoder"](reference.parts["encoder"](x)), x)
        reference.zero_grad()
        (loss + reference.penalty()).backward()
        norm = torch.nn.utils.clip_grad_norm_(trained, bench.config.gradient_clipping or float("inf"))
        optimizer.param_groups[0]["lr"] = float(inputs.learning_rate)
        optimizer.step()
        history.append((0.0, loss.item(), norm.item()))
    return torch.tensor(history, dtype=torch.float64)


WARMED_UP = {
    "published": {},
    "decay and penalties": {"weight_decay": 0.1, "l1": 1e-3, "evolver_l1": 0.5, "gradient_clipping": 0.05},
    "adamw": {"optimizer": "adamw", "weight_decay": 0.1, "use_batch_norm": False},
    "sgd": {"optimizer": "sgd", "use_batch_norm": False, "loss": "l1"},
    "lab": {**LAB, "evolver_zero_init": False, "evolve_steps": 2, "evolve_multiples": 2},
}


@pytest.mark.parametrize("settings", WARMED_UP.values(), ids=WARMED_UP.keys())
def test_reconstruction_first(settings: dict[str, object]) -> None:
    """Encoder and decoder train alone, evolver and stimulus encoder rest; then all train, with a fresh optimizer."""
    bench = Bench(learning_rate=0.01, **settings)
    references, before = bench.references(), [bench.named(row) for row in range(len(SEEDS))]
    early, late = ([bench.draw() for _ in range(4)] for _ in range(2))
    totals = []
    for inputs in early:
        bench.reconstruct.totals.zero_()
        bench.reconstruct.run(inputs)
        totals.append(bench.reconstruct.totals.clone())
    for row, reference in enumerate(references):
        history = reconstruct_reference(bench, reference, early, row)
        torch.testing.assert_close(torch.stack(totals)[:, :, row], history, rtol=1e-7, atol=1e-9)
        for name, value in bench.named(row).items():
            if name.startswith(("evolver", "stimulus")):
                assert torch.equal(value, before[row][name])
    bench.optimizer.restart()
    for inputs in late:
        bench.step.run(inputs)
    for row, reference in enumerate(references):
        train_reference(bench, reference, late, row)
        theirs = reference.named()
        for name, value in bench.named(row).items():
            torch.testing.assert_close(value.view(theirs[name].shape), theirs[name], rtol=1e-6, atol=1e-8)
