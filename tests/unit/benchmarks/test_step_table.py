"""The table of the training step: ratios are taken within a round, of what can be compared."""

import argparse
from typing import Any

import pytest

from benchmarks import step_sides
from benchmarks.step_sides import Side, list_sides, usable_peers
from benchmarks.step_table import Rounds, describe
from model.config import TrainingConfig
from model.device.cost import Rates
from model.network.network import Network


def options(**given: Any) -> argparse.Namespace:
    defaults = {"device": "cpu", "model": "published", "threads": 1, "compile": False, "seeds": [3], "together": []}
    return argparse.Namespace(
        **{**defaults, "precisions": ["float32", "bfloat16"], "rounded_recording": False, **given}
    )


def test_a_peer_is_held_against_ours_within_a_round() -> None:
    """The ratio has the median and ends over the rounds, of as many seeds in the same precision."""
    step_s = {
        Side("published", "float32"): [4.0, 4.0, 8.0],
        Side("ours", "float32"): [1.0, 1.0, 1.0],
        Side("ours", "float32", 3): [2.0, 2.0, 4.0],
        Side("jax", "float32"): [9.0, 9.0, 9.0],
        Side("jax", "float32", 3): [2.0, 3.0, 8.0],
        Side("jax", "bfloat16", 3): [9.0, 9.0, 9.0],
        Side("jax", "float32", 3, "with checks"): [4.0, 4.0, 4.0],
    }
    measured = {side: Rounds(None, 0.0, taken, [1.0] * 3) for side, taken in step_s.items()}
    network = Network(TrainingConfig(hidden_units=2, latent_dims=2), 5)
    row = describe(Side("ours", "float32", 3), measured, network, Rates(1e9, {"float32": 1e9}))
    assert row["side"] == "float32"
    assert row["peer_over_ours"] == {
        "jax": {"median": 1.5, "low": 1.0, "high": 2.0},
        "jax with checks": {"median": 2.0, "low": 1.0, "high": 2.0},
    }
    assert row["published_over_ours"] == {"median": 6.0, "low": 6.0, "high": 6.0}
    assert row["alone_over_together"] == {"median": 1.5, "low": 0.75, "high": 1.5}


def test_each_peer_comes_bare_and_with_checks() -> None:
    """Beside ours, for one seed and several, in each precision; compiled only where ours is as well."""
    names = [f"{side.name}, {side.seeds}" for side in list_sides(options(precisions=["bfloat16"]), ["torch.func"])]
    assert names == [
        "published, 1",
        *("bfloat16, 1", "torch.func bfloat16, 1", "torch.func bfloat16 with checks, 1"),
        *("bfloat16, 3", "torch.func bfloat16, 3", "torch.func bfloat16 with checks, 3"),
    ]
    compiled = [side.name for side in list_sides(options(seeds=[1], compile=True), ["torch.func"])]
    assert "torch.func float32 compiled" in compiled


def test_without_jax_the_rest_is_measured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Who asks for peers gets those that are there, and is told how to get the other; who does not gets none."""
    monkeypatch.setattr(step_sides, "find_spec", lambda _: None)
    assert usable_peers(options(peers=["jax"])) == []
    assert usable_peers(options(peers=[])) == ["torch.func"]
    assert capsys.readouterr().out == 2 * "no jax: `pip install jax optax` for it\n"
    assert usable_peers(options(peers=None)) == []
