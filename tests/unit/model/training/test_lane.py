"""Which seeds go together, tiles of the wide layers, counted work; and that results depend on none of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.config import TrainingConfig
from model.device.cost import Rates, count_bytes, count_flops, floor_s
from model.network.network import Network
from model.trainer import LatentEvolutionTrainer
from model.training.lane import split_into_lanes

torch.set_num_threads(1)

SEEDS = [1, 12, 123]
SPLIT = {"train": [0, 120], "validation": [130, 160], "test": [170, 200]}
SMALL = {"latent_dims": 4, "hidden_units": 8, "hidden_layers": 2, "batch_size": 16, "device": "cpu"}


def build(**settings: Any) -> LatentEvolutionTrainer:
    voltages = np.random.default_rng(0).standard_normal((200, 700)).astype(np.float32)
    return LatentEvolutionTrainer({**SMALL, **settings}, {"voltages": voltages, "split": SPLIT}, SEEDS)


def trained(**settings: Any) -> list[dict[str, Any]]:
    return [{k: v for k, v in one.items() if "loss" in k or k == "grad_norm"} for one in build(**settings).train(2)]


@pytest.mark.parametrize(
    ("neurons", "batch_size", "device", "lanes"),
    [
        (65, 32, "cpu", [[1, 12, 123, 1234, 12345]]),
        (443, 32, "cpu", [[1, 12, 123], [1234, 12345]]),
        (443, 128, "cpu", [[1], [12], [123], [1234], [12345]]),
        (13741, 32, "cpu", [[1], [12], [123], [1234], [12345]]),
        (13741, 512, "cuda", [[1, 12, 123, 1234, 12345]]),
    ],
)
def test_lanes(neurons: int, batch_size: int, device: str, lanes: list[list[int]]) -> None:
    """Small models go together; the larger the step of one seed, the fewer; a GPU takes all."""
    network = Network(TrainingConfig(batch_size=batch_size, hidden_units=256 if neurons > 100 else 64), neurons)
    assert split_into_lanes([1, 12, 123, 1234, 12345], network, torch.device(device)) == lanes


def test_results_do_not_depend_on_lanes_or_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """One seed per lane, two per lane, and narrow tiles train alike, up to rounding."""
    together = trained()
    for lane_flops in (1.0, 2.5 * count_flops(Network(TrainingConfig(**SMALL), 700), 16)):
        monkeypatch.setattr("model.training.lane.TOGETHER_FLOPS", lane_flops)
        for one, expected in zip(trained(), together, strict=True):
            for name, values in expected.items():
                assert one[name] == pytest.approx(values, rel=1e-4)
    monkeypatch.setattr("model.network.outer.TILE", {"cpu": 1})
    for one, expected in zip(trained(), together, strict=True):
        assert one["train_loss"] == pytest.approx(expected["train_loss"], rel=1e-3)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_deterministic_training_repeats_itself(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same configuration and seeds give the same bits, in several lanes too, whenever it is saved and continued."""
    monkeypatch.setattr("model.training.lane.TOGETHER_FLOPS", 1.0)
    settings = {"deterministic": True, "precision": precision}
    whole = list(build(**settings).train(3))
    trainer, pieces = build(**settings), []
    recording = {"voltages": np.random.default_rng(0).standard_normal((200, 700)).astype(np.float32), "split": SPLIT}
    for _ in range(3):
        pieces += list(trainer.train(1))
        trainer = LatentEvolutionTrainer({**SMALL, **settings}, recording, SEEDS, trainer.state())
    for one, other in zip(whole, pieces, strict=True):
        assert one["train_loss"] == other["train_loss"]
        assert one["validation_loss"] == other["validation_loss"]


def test_published_work() -> None:
    """The published step of one seed at batch 256 counts 61 MFLOP a sample, 15.7 GFLOP in all, 0.35 GB at least."""
    network = Network(TrainingConfig(), 13741)
    assert count_flops(network, 256) / 256 == pytest.approx(61e6, rel=0.01)
    assert count_flops(network, 256) == pytest.approx(15.7e9, rel=0.01)
    assert count_bytes(network, 256) == pytest.approx(0.351e9, rel=0.01)
    rates = Rates(copy_bytes_per_s=1e9, flops_per_s={"float32": 15.7e9, "bfloat16": 1e12})
    assert floor_s(network, 256, rates, "float32") == pytest.approx(1.0, rel=0.01)
    assert floor_s(network, 256, rates, "bfloat16") == pytest.approx(0.351, rel=0.01)


def test_work_of_the_options() -> None:
    """Projections and a stimulus encoder are counted as the products that they are, each seen as often as its part."""
    sizes = {"latent_dims": 3, "hidden_units": 5, "hidden_layers": 1, "use_stimulus": True, "stimulus_dims": 2}
    network = Network(TrainingConfig(**sizes, input_skips=True), 7, 8)
    encoder, evolver = 2 * 2 * 7 * 5 + 3 * 10 * 3, 3 * (2 * 5 * 5 + 10 * 3)
    decoder, stimulus = 2 * 3 * (2 * 3 * 5 + 10 * 7), 2 * 8 * 5 + 3 * 5 * 2
    assert count_flops(network, 1) == 2 * (encoder + evolver + decoder + stimulus)
    unrolled = Network(TrainingConfig(**sizes, input_skips=True, evolve_steps=4, evolve_multiples=3), 7, 8)
    assert count_flops(unrolled, 1) == 2 * (encoder + 12 * evolver + 2 * decoder + 12 * stimulus)
    assert count_bytes(unrolled, 2) - count_bytes(network, 2) == 4 * 2 * 2 * 7


def test_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile names the time by kind of work, the counted floor and what was reached, and leaves a Chrome trace."""
    rates = Rates(copy_bytes_per_s=1e9, flops_per_s={"float32": 1e9})
    monkeypatch.setattr("model.device.profiling.measure_rates", lambda _: rates)
    figures = build().profile(tmp_path / "trace.json")
    assert figures["step_ms"] > 0
    assert figures["ms_per_step"]["matrix products"] > 0
    assert figures["floor_percent"] == pytest.approx(100 * figures["floor_ms"] / figures["step_ms"])
    assert json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
