"""The peers of the training step compute the same thing, or a comparison of speed would mean nothing."""

from importlib.util import find_spec
from typing import Any

import pytest
import torch

from benchmarks.ours import OurTraining, draw_batches
from benchmarks.peer_torch_func import TorchFuncTraining

PEERS = [
    "torch.func",
    pytest.param("jax", marks=pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")),
]
SETTINGS: dict[str, Any] = {"hidden_units": 16, "latent_dims": 8, "hidden_layers": 1, "precision": "float32"}
TOLERANCE = {"rtol": 2e-4, "atol": 1e-5}
BATCH_SIZE, STEPS = 16, 5


def build(name: str, seeds: int, *, checks: bool = True, rows: torch.Tensor | None = None, **settings: Any) -> Any:
    """A peer and its voltages, `[60, 13]` where no others are given."""
    voltages = recording() if rows is None else rows
    if name == "torch.func":
        return TorchFuncTraining(voltages, BATCH_SIZE, seeds, checks=checks, **{**SETTINGS, **settings})
    from benchmarks.peer_jax import JaxTraining

    return JaxTraining(voltages, BATCH_SIZE, seeds, checks=checks, **{**SETTINGS, **settings})


def recording() -> torch.Tensor:
    return torch.randn(60, 13, generator=torch.Generator().manual_seed(3))


def running_of(peer: Any) -> dict[str, torch.Tensor]:
    """Running statistics by name, `[S, H]`."""
    if isinstance(peer, TorchFuncTraining):
        return peer.running
    return {name: torch.tensor(one.tolist()).view(-1, one.shape[-1]) for name, one in peer.state.running.items()}


@pytest.mark.parametrize("use_batch_norm", [True, False])
@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("name", PEERS)
def test_a_peer_does_the_steps_that_we_do(name: str, seeds: int, use_batch_norm: bool) -> None:
    """From the same weights and batches come the same losses, gradient norms and, at first, running statistics."""
    ours = OurTraining(recording(), BATCH_SIZE, seeds, use_batch_norm=use_batch_norm, **SETTINGS)
    peer = build(name, seeds, use_batch_norm=use_batch_norm)
    torch.testing.assert_close(peer.run(1).double(), ours.run(1), **TOLERANCE)
    (lane,) = ours.lanes
    statistics = lane._network.statistics.views(lane.tensors.running)
    found = running_of(peer)
    assert set(found) == set(statistics)
    assert bool(found) == use_batch_norm
    for layer, expected in statistics.items():
        torch.testing.assert_close(found[layer], expected.flatten(1), rtol=1e-4, atol=1e-5)
    # Later running means differ: the bias before a part that begins with batch norm has no gradient but rounding, and
    # Adam makes steps of the learning rate of that. No loss sees it.
    for steps in range(2, STEPS):
        torch.testing.assert_close(peer.run(steps).double(), ours.run(steps), **TOLERANCE)


@pytest.mark.parametrize("name", PEERS)
def test_checks_change_no_loss(name: str) -> None:
    """A peer without checks trains as the one with them does, and tells no gradient norm."""
    torch.testing.assert_close(build(name, 3, checks=False).run(STEPS), build(name, 3).run(STEPS)[:2])


@pytest.mark.parametrize("use_batch_norm", [True, False])
@pytest.mark.parametrize("name", PEERS)
def test_a_peer_rounds_products_as_we_do(name: str, use_batch_norm: bool) -> None:
    """In bfloat16 losses differ from ours by its rounding alone."""
    settings = {**SETTINGS, "precision": "bfloat16", "use_batch_norm": use_batch_norm}
    ours = OurTraining(recording(), BATCH_SIZE, 3, **settings).run(STEPS)
    peer = build(name, 3, **settings).run(STEPS)
    exact = build(name, 3, use_batch_norm=use_batch_norm).run(STEPS)
    torch.testing.assert_close(peer[:2].double(), ours[:2], rtol=1e-2, atol=0.0)
    assert not torch.equal(peer, exact)


@pytest.mark.parametrize("name", PEERS)
def test_a_failed_seed_is_flagged_and_leaves_its_companions_alone(name: str) -> None:
    """A seed that meets a NaN is the only one flagged, and the others' losses are as without it."""
    ruined = recording()
    *companions, third = draw_batches(3, ruined, BATCH_SIZE)[0].tolist()
    seen = {step + later for rows in companions for step in rows for later in (0, 1)}
    ruined[next(step for step in third if step not in seen)] = torch.nan
    peer, sound = build(name, 3, rows=ruined), build(name, 3)
    torch.testing.assert_close(peer.run(1)[:, :2], sound.run(1)[:, :2])
    failed = peer.failed if isinstance(peer, TorchFuncTraining) else peer.state.failed
    assert failed.tolist() == [False, False, True]
