"""The compiler: used where it pays, and never what a training dies of."""

import logging
import os
from typing import Any

import pytest
import torch

from model.config import TrainingConfig
from model.device import compiling
from model.device.compiling import COMPILE_COST_S, EXPECTED_GAIN, Compiled, pays
from model.device.cuda_graph import Captured
from model.network.network import Network
from model.network.outer import Workspace
from model.network.passes import Passes

GPU, CPU = torch.device("cuda"), torch.device("cpu")
LONG_S = 2 * COMPILE_COST_S / EXPECTED_GAIN


def break_down(*_: Any, **__: Any) -> Any:
    """Compile nothing."""
    raise RuntimeError("no kernel for you")


@pytest.fixture
def nothing_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """As in a fresh process."""
    monkeypatch.setattr(compiling, "_reported", set())
    monkeypatch.setenv("LATENT_TUNE_CACHE", str(tmp_path))
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)


@pytest.mark.usefixtures("nothing_reported")
def test_a_failing_compiler_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """Every function whose compilation fails goes on uncompiled, and the log says so once."""
    with caplog.at_level(logging.WARNING, logger="latent-tune"):
        functions = [Compiled(lambda x: x + 1, backend=break_down) for _ in range(2)]
        results = [function(torch.ones(2)) for function in functions for _ in range(2)]
    assert all(torch.equal(result, torch.full((2,), 2.0)) for result in results)
    (record,) = [record for record in caplog.records if record.name == "latent-tune"]
    assert "torch.compile failed, training goes on without" in record.message
    assert "no kernel for you" in record.message


@pytest.mark.usefixtures("nothing_reported")
def test_a_function_that_fails_by_itself_still_fails() -> None:
    """An error of the function, not of the compiler, reaches the caller."""

    def divide(x: torch.Tensor) -> torch.Tensor:
        return x.view(3)

    with pytest.raises(RuntimeError, match="shape"):
        Compiled(divide, backend=break_down)(torch.ones(2))


@pytest.mark.usefixtures("nothing_reported")
def test_the_cache_is_shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Compiled kernels go to one folder for all trials, or to the folder that the environment names."""
    compiling.share_cache()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "inductor")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "mine")
    compiling.share_cache()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == "mine"


def test_when_compiling_pays() -> None:
    """On and off are obeyed; auto compiles on a GPU with long work ahead, and never in a deterministic training."""
    expected = {
        ("on", False, CPU, 0.0): True,
        ("off", False, GPU, LONG_S): False,
        ("auto", False, CPU, LONG_S): False,
        ("auto", False, GPU, LONG_S): True,
        ("auto", False, GPU, LONG_S / 4): False,
        ("auto", True, GPU, LONG_S): False,
    }
    for (choice, deterministic, device, remaining_s), answer in expected.items():
        assert pays(TrainingConfig(compile=choice, deterministic=deterministic), device, remaining_s) is answer


def test_without_a_gpu_nothing_is_captured() -> None:
    """On a CPU the function is called as it is, every time, with the tensors given."""
    seen = []
    captured = Captured(lambda x: seen.append(x) or x, CPU)
    given = [torch.ones(1), torch.ones(2)]
    assert [captured(x) for x in given] == given
    assert [a is b for a, b in zip(seen, given, strict=True)] == [True, True]


OPTIONS = {"input_skips": True, "use_stimulus": True, "stimulus_dims": 2, "evolver_activation": "tanh"}


@pytest.mark.usefixtures("nothing_reported")
@pytest.mark.parametrize("settings", [{}, {**OPTIONS, "loss": "huber"}, {**OPTIONS, "loss": "l1", "evolve_steps": 2}])
def test_the_compiled_step_agrees(settings: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """What the compiler is given for a step, plain functions without writes into strided memory, does the same step."""
    config = TrainingConfig(latent_dims=4, hidden_units=8, hidden_layers=1, batch_size=4, **settings)
    network = Network(config, 7, 3 if config.use_stimulus else 0)
    flat, _ = network.initialise([1, 12])
    voltages = torch.randn(10, 7, generator=torch.Generator().manual_seed(0))
    stimulus = voltages[:, :3] if config.use_stimulus else None
    rows = torch.arange(8).view(2, 4)
    results = []
    for wrap in (lambda run: run, lambda run: Compiled(run, backend="eager")):
        gradient = torch.zeros_like(flat)
        plain = {"product_type": torch.float32, "workspace": Workspace()}
        losses, _ = wrap(Passes(network, flat, gradient, voltages, stimulus, **plain).run)(rows)
        results.append((losses, gradient))
    assert not [record for record in caplog.records if record.name == "latent-tune"]
    torch.testing.assert_close(*results)


@pytest.mark.usefixtures("nothing_reported")
def test_each_training_is_compiled_once() -> None:
    """One process compiles any number of trainings, whatever their sizes, each of them once."""
    compiled: list[int] = []

    def count(graph: torch.fx.GraphModule, _: Any) -> Any:
        compiled[-1] += 1
        return graph.forward

    voltages = torch.randn(9, 7, generator=torch.Generator().manual_seed(0))
    rows = torch.arange(8).view(2, 4)
    for latent_dims in range(2, 12):
        compiled.append(0)
        network = Network(TrainingConfig(latent_dims=latent_dims, hidden_units=8, hidden_layers=1, batch_size=4), 7)
        flat, _ = network.initialise([1, 12])
        shared = {"product_type": torch.float32, "workspace": Workspace()}
        run = Compiled(Passes(network, flat, torch.zeros_like(flat), voltages, None, **shared).run, backend=count)
        for _ in range(3):
            run(rows)
    assert compiled == [1] * 10
