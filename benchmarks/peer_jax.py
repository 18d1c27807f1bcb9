"""The training step of our model in JAX, as plain as it goes: what ours is measured against.

One function does a step of one seed, `jit(vmap(step))` one of all seeds, with optax's Adam and donated buffers.
Parameters, batches and arithmetic are ours (`model/network/passes.py`), so losses and running statistics are as well,
up to rounding. Whatever saves time in plain JAX is done: the batch is gathered inside the compiled step, one decoder
pass, no bias where batch norm would subtract it again, no `vmap` for one seed.

How many threads XLA takes is settled when JAX is imported: see `benchmarks/step_sides.py`.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax  # type: ignore[import-untyped]
import torch
from jax import Array
from torch import Tensor

from benchmarks.ours import LEARNING_RATE, draw_batches
from model.config import TrainingConfig
from model.network.layout import Layout
from model.network.network import Network
from model.network.norm import BATCH_NORM_EPSILON
from model.training.step import BATCH_NORM_MOMENTUM

Moments = dict[str, tuple[Array, Array]]  # layer to mean and unbiased variance, [G, H] of a seed


class State(NamedTuple):
    """All that training changes, of one seed; of several, every array leads with the seed axis.

    Attributes:
        parameters: By name, as in `Network.parameters`.
        running: By name, as in `Network.statistics`.
        optimizer: Adam's.
        failed: bool scalar; never true without checks.
        totals: `[2]`, with checks `[3]`: prediction loss, reconstruction loss and gradient norm, summed over steps.
    """

    parameters: dict[str, Array]
    running: dict[str, Array]
    optimizer: Any
    failed: Array
    totals: Array


class JaxTraining:
    """S seeds in JAX.

    Args:
        voltages: `[T, N]` on the CPU; JAX reads them where they lie.
        batch_size: B.
        seeds: S.
        checks: Also each seed's gradient norm, and a flag that silences a seed whose loss or gradient is not finite.
        settings: Of `TrainingConfig`; the activation is ReLU whatever they say.

    Attributes:
        state: With the seed axis only where there are several seeds.
    """

    def __init__(self, voltages: Tensor, batch_size: int, seeds: int, *, checks: bool, **settings: Any) -> None:
        config = TrainingConfig(batch_size=batch_size, **settings)
        network = Network(config, voltages.shape[1])
        self._seeds, self._voltages = seeds, jnp.from_dlpack(voltages)
        flat, running = network.initialise(range(seeds))
        parameters, optimizer = _named(network.parameters, flat), optax.adam(LEARNING_RATE)
        self.state = State(
            parameters,
            _named(network.statistics, running),
            jax.vmap(optimizer.init)(parameters),
            jnp.zeros(seeds, bool),
            jnp.zeros((seeds, 3 if checks else 2)),
        )
        batches = draw_batches(seeds, voltages, batch_size).int().numpy()
        self._batches = [jnp.array(rows[0] if seeds == 1 else rows) for rows in batches]
        step = partial(_step, network, optimizer)
        if seeds == 1:
            self.state = jax.tree.map(lambda one: one[0], self.state)
        else:
            step = jax.vmap(step, in_axes=(0, None, 0))
        # Placed like the recording, and so like what a step returns: the second step would be compiled anew.
        self.state = jax.device_put(self.state, self._voltages.device)
        self._step = jax.jit(step, donate_argnums=0)

    def run(self, steps: int) -> Tensor:
        """Do some steps of every seed, and wait for them.

        Returns:
            Prediction loss and reconstruction loss, with checks also the gradient norm: means over the steps, `[2, S]`
            or `[3, S]`.
        """
        self.state = self.state._replace(totals=jnp.zeros_like(self.state.totals))
        for i in range(steps):
            self.state = self._step(self.state, self._voltages, self._batches[i % len(self._batches)])
        jax.block_until_ready(self.state)  # type: ignore[no-untyped-call]
        totals = np.array(self.state.totals).reshape(self._seeds, -1).T
        return torch.from_numpy(totals) / steps


def _named(layout: Layout, flat: Tensor) -> dict[str, Array]:
    """Copy `[S, P]` into named arrays `[S, ...]`."""
    return {
        name: jnp.array(view.reshape(-1, *layout.shapes[name]).numpy()) for name, view in layout.views(flat).items()
    }


def _step(
    network: Network, optimizer: optax.GradientTransformation, state: State, voltages: Array, rows: Array
) -> State:
    """Do one step of one seed on the time steps `rows [B]` of `voltages [T, N]`."""
    targets = voltages.at[jnp.stack((rows + 1, rows))].get(mode="promise_in_bounds")
    differentiate = jax.value_and_grad(partial(_loss, network), has_aux=True)
    (_, (losses, moments)), gradients = differentiate(state.parameters, targets)
    failed, told = state.failed, losses
    if len(state.totals) == 3:
        norm = optax.tree.norm(gradients)
        failed |= ~jnp.isfinite(norm + losses.sum())
        gradients = jax.tree.map(lambda one: jnp.where(failed, 0.0, one), gradients)
        told = jnp.append(losses, norm)
    updates, moved = optimizer.update(gradients, state.optimizer)
    return State(
        optax.apply_updates(state.parameters, updates),
        _update_running(state.running, moments),
        moved,
        failed,
        state.totals + told,
    )


def _loss(network: Network, parameters: dict[str, Array], targets: Array) -> tuple[Array, tuple[Array, Moments]]:
    """Compute one seed's loss on `[2, B, N]`, the voltages at t + 1 and t; beside it its two terms and the moments."""
    moments: Moments = {}
    targets = targets.astype(_product_type(network))
    z = _apply(network, "encoder", parameters, targets[1:], moments)
    evolved = z + _apply(network, "evolver", parameters, z, moments)
    error = _apply(network, "decoder", parameters, jnp.concatenate((evolved, z)), moments) - targets
    losses = jnp.square(error.astype(jnp.float32)).mean((1, 2))
    return losses.sum(), (losses, moments)


def _apply(network: Network, part: str, parameters: dict[str, Array], h: Array, moments: Moments) -> Array:
    """Run one part over `[G, B, in]`; each group is normalised with its own statistics."""
    groups, samples = h.shape[:2]
    h = h.reshape(groups * samples, -1)
    *hidden, last = network.parts[part].layers
    for layer in hidden:
        weight, bias = (parameters[f"{layer}.{kind}"].astype(h.dtype) for kind in ("weight", "bias"))
        if not network.config.use_batch_norm:
            h = jax.nn.relu(h @ weight + bias)
            continue
        grouped = (h @ weight).reshape(groups, samples, -1).astype(jnp.float32)
        mean = grouped.mean(1, keepdims=True)
        variance = jnp.square(grouped - mean).mean(1, keepdims=True)
        moments[layer] = (mean[:, 0] + parameters[f"{layer}.bias"], variance[:, 0] * (samples / (samples - 1)))
        factor = jax.lax.rsqrt(variance + BATCH_NORM_EPSILON) * parameters[f"{layer}.scale"]
        y = (grouped - mean) * factor + parameters[f"{layer}.shift"]
        h = jax.nn.relu(y.astype(h.dtype).reshape(groups * samples, -1))
    weight, bias = (parameters[f"{last}.{kind}"].astype(h.dtype) for kind in ("weight", "bias"))
    return (h @ weight + bias).reshape(groups, samples, -1)


def _update_running(running: dict[str, Array], moments: Moments) -> dict[str, Array]:
    """Move the running statistics: from the prediction, then, in the decoder, from the reconstruction."""
    running = dict(running)
    for layer, of_layer in moments.items():
        for kind, of_groups in zip(("mean", "variance"), of_layer, strict=True):
            for newest in of_groups:
                old = running[f"{layer}.{kind}"]
                running[f"{layer}.{kind}"] = old + BATCH_NORM_MOMENTUM * (newest - old)
    return running


def _product_type(network: Network) -> Any:
    return jnp.bfloat16 if network.config.precision == "bfloat16" else jnp.float32
