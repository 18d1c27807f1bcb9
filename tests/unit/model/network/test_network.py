"""The shape of the model, its initial weights, and the flat vectors they live in."""

from math import prod, sqrt

import pytest
import torch

from model.config import TrainingConfig
from model.network.generators import derive_generator, draw_rows
from model.network.layout import ALIGNMENT, Layout
from model.network.network import Network
from model.network.outer import Workspace
from model.network.passes import Passes


def build(**settings: object) -> Network:
    return Network(TrainingConfig(**{"latent_dims": 3, "hidden_units": 5, "hidden_layers": 2, **settings}), neurons=7)


def test_tensors_of_the_model() -> None:
    """Names and shapes of one seed, read as a picture."""
    assert dict(build(hidden_layers=1).parameters.shapes) == {
        "encoder.0.weight": (7, 5),
        "encoder.0.bias": (5,),
        "encoder.0.scale": (5,),
        "encoder.0.shift": (5,),
        "encoder.1.weight": (5, 3),
        "encoder.1.bias": (3,),
        "evolver.0.weight": (3, 5),
        "evolver.0.bias": (5,),
        "evolver.0.scale": (5,),
        "evolver.0.shift": (5,),
        "evolver.1.weight": (5, 3),
        "evolver.1.bias": (3,),
        "decoder.0.weight": (3, 5),
        "decoder.0.bias": (5,),
        "decoder.0.scale": (5,),
        "decoder.0.shift": (5,),
        "decoder.1.weight": (5, 7),
        "decoder.1.bias": (7,),
    }
    statistics = ("encoder.0.mean", "encoder.0.variance", "evolver.0.mean", "evolver.0.variance")
    assert list(build(hidden_layers=1).statistics.shapes) == [*statistics, "decoder.0.mean", "decoder.0.variance"]


def test_published_size() -> None:
    """The published model has 7,832,493 parameters at N = 13,741 with batch norm."""
    layers = [(13741, 256), (256, 256), (256, 256), (256, 256)] + [(256, 256)] * 4
    layers += [(256, 256), (256, 256), (256, 256), (256, 13741)]
    expected = sum(fan_in * fan_out + fan_out for fan_in, fan_out in layers) + 9 * 2 * 256
    shapes = Network(TrainingConfig(), neurons=13741).parameters.shapes.values()
    assert sum(map(prod, shapes)) == expected


def test_without_batch_norm_there_is_nothing_to_normalise() -> None:
    """Batch norm off leaves weights and biases only, and empty running statistics."""
    network = build(use_batch_norm=False)
    assert {name.rpartition(".")[2] for name in network.parameters.shapes} == {"weight", "bias"}
    assert network.initialise([1])[1].shape == (1, 0)


def test_the_stimulus_widens_the_evolver() -> None:
    """With M stimulus values the evolver's first layer takes L + M inputs; the other parts stay."""
    network = Network(TrainingConfig(latent_dims=3), neurons=7, stimuli=2)
    assert [part.widths[0] for part in network.parts.values()] == [7, 5, 3]


def test_input_skips_widen_all_layers_but_the_first() -> None:
    """Each gets the layer before it and a projection as wide as a hidden layer; a linear part has no projections."""
    matrices = {name: dict(part.matrices) for name, part in build(input_skips=True, evolver_layers=0).parts.items()}
    assert matrices == {
        "encoder": {"encoder.0": (7, 5), "encoder.1": (10, 5), "encoder.2": (10, 3), "encoder.skip": (7, 10)},
        "evolver": {"evolver.0": (3, 3)},
        "decoder": {"decoder.0": (3, 5), "decoder.1": (10, 5), "decoder.2": (10, 7), "decoder.skip": (3, 10)},
    }


def test_parts_of_their_own_widths_with_a_stimulus_encoder() -> None:
    """Each part has its units; the stimulus encoder comes last, is never normalised, and feeds the evolver."""
    own = {"encoder_units": 4, "decoder_units": 6, "hidden_layers": 1, "stimulus_dims": 2, "stimulus_units": 9}
    network = Network(TrainingConfig(latent_dims=3, hidden_units=5, use_stimulus=True, input_skips=True, **own), 7, 8)
    assert {name: part.widths for name, part in network.parts.items()} == {
        "encoder": (7, 4, 3),
        "evolver": (5, 5, 3),
        "decoder": (3, 6, 7),
        "stimulus": (8, 9, 2),
    }
    kinds = {name.rpartition(".")[2] for name in network.parameters.shapes if name.startswith("stimulus")}
    assert kinds == {"weight", "bias"}
    assert network.statistics.shapes["decoder.0.mean"] == (6,)


def test_an_evolver_from_zero_predicts_no_change() -> None:
    """Prediction equals reconstruction at first, and all other weights are those of the seed without the option."""
    zero, plain = build(evolver_zero_init=True, use_batch_norm=False), build(use_batch_norm=False)
    named, expected = (one.parameters.views(one.initialise([1])[0]) for one in (zero, plain))
    for name, view in named.items():
        last = name.startswith("evolver.2")
        assert torch.equal(view, torch.zeros_like(view) if last else expected[name])
    folded = zero.fold(*zero.initialise([1]), torch.float32)
    x = torch.randn(1, 4, 7, generator=derive_generator(0, "x"))
    reconstruction = zero._apply("decoder", folded, zero.encode(folded, x))
    assert torch.equal(zero.predict(folded, x, None), reconstruction)


def test_initial_weights() -> None:
    """Weights and biases are uniform in ±1/sqrt(fan_in), as nn.Linear draws them; batch norm starts as identity."""
    network = Network(TrainingConfig(latent_dims=32, hidden_units=400, hidden_layers=1), neurons=100)
    flat, running = network.initialise([1])
    named = network.parameters.views(flat)
    for layer, fan_in in (("encoder.0", 100), ("encoder.1", 400), ("decoder.0", 32)):
        for kind in ("weight", "bias"):
            values = named[f"{layer}.{kind}"]
            assert values.abs().max() <= 1 / sqrt(fan_in)
            assert values.std() == pytest.approx(1 / sqrt(3 * fan_in), rel=0.25)
    assert (named["encoder.0.scale"] == 1).all()
    assert (named["encoder.0.shift"] == 0).all()
    statistics = network.statistics.views(running)
    assert (statistics["decoder.0.mean"] == 0).all()
    assert (statistics["decoder.0.variance"] == 1).all()


def test_a_seed_has_its_weights_whoever_comes_along() -> None:
    """Initial weights depend on the seed alone."""
    network = build()
    flat, _ = network.initialise([1, 12, 123])
    assert torch.equal(network.initialise([12])[0][0], flat[1])
    assert torch.equal(network.initialise([123, 1])[0], flat[[2, 0]])
    assert not torch.equal(flat[0], flat[1])


@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh", "silu", "elu"])
def test_training_mode_normalises_prediction_and_reconstruction_apart(activation: str) -> None:
    """One decoder pass over both equals two passes over each: neither sees the other's statistics."""
    network = build(activation=activation, batch_size=6)
    flat, _ = network.initialise([1, 12])
    voltages = torch.randn(6, 7, generator=derive_generator(0, "x")).repeat_interleave(2, dim=0)
    plain = {"product_type": torch.float32, "workspace": Workspace()}
    rows = torch.arange(0, 12, 2).expand(2, -1)  # x[t + 1] = x[t]: both halves have the same target
    losses, moments = Passes(network, flat, torch.zeros_like(flat), voltages, None, **plain).run(rows)
    silent = flat.clone()
    for name, view in network.parameters.views(silent).items():
        view.mul_(0.0 if name.startswith("evolver") else 1.0)
    still, _ = Passes(network, silent, torch.zeros_like(flat), voltages, None, **plain).run(rows)
    assert losses.shape == (2, 2)
    assert (losses[:, 0] != losses[:, 1]).all()
    torch.testing.assert_close(still[:, 0], still[:, 1])
    torch.testing.assert_close(losses[:, 1], still[:, 1])
    assert {name: len(groups) for name, groups in moments.items() if name.endswith("0.mean")} == {
        "encoder.0.mean": 1,
        "evolver.0.mean": 1,
        "decoder.0.mean": 2,
    }


def test_layout_is_aligned_and_padding_is_zero() -> None:
    """Each tensor starts at a multiple of the alignment; what lies between is zero and belongs to nobody."""
    layout = Layout({"a": (3, 5), "b": (5,), "c": (16,)})
    assert layout.offsets == {"a": 0, "b": ALIGNMENT, "c": 2 * ALIGNMENT}
    assert layout.size == 3 * ALIGNMENT
    named = {"a": torch.ones(3, 5), "b": torch.full((5,), 2.0), "c": torch.full((16,), 3.0)}
    row = layout.pack(named)
    assert row.sum() == 15 + 10 + 48
    unpacked = layout.unpack(row)
    assert all(torch.equal(unpacked[name], named[name]) for name in named)
    assert all(tensor.untyped_storage().nbytes() == 4 * tensor.numel() for tensor in unpacked.values())
    assert layout.views(row.repeat(2, 1))["b"].shape == (2, 1, 5)


def test_layout_refuses_other_tensors() -> None:
    """A missing tensor is named."""
    with pytest.raises(ValueError, match=r"b has shape None, this configuration needs \(5,\)"):
        Layout({"a": (2,), "b": (5,)}).pack({"a": torch.zeros(2)})


def test_batches_of_an_epoch() -> None:
    """Rows lie inside the split with their successors, repeat for the same seed and epoch, and differ otherwise."""
    rows = draw_rows(1, 0, (10, 14), 100, 8)
    assert rows.shape == (100, 8)
    assert set(rows.flatten().tolist()) == {10, 11, 12}
    assert torch.equal(rows, draw_rows(1, 0, (10, 14), 100, 8))
    assert not torch.equal(rows, draw_rows(1, 1, (10, 14), 100, 8))
    assert not torch.equal(rows, draw_rows(2, 0, (10, 14), 100, 8))
    assert set(draw_rows(1, 0, (10, 14), 100, 8, horizon=3).flatten().tolist()) == {10}
