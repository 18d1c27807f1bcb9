"""What must hold on an NVIDIA GPU; plain functions, so that a machine without pytest can check them too.

    python benchmarks/gpu_checks.py

`tests/gpu/test_gpu.py` runs the same functions under pytest.
"""

import gc
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from benchmarks.models import MODELS
from benchmarks.rehearsal import DEVICE, REHEARSED, stage
from model.device.cuda_graph import WARM_UP_CALLS, Captured
from model.device.gpu_sampler import watch_gpu
from model.trainer import LatentEvolutionTrainer

ROWS, NEURONS, SEEDS = *((900, 40) if REHEARSED else (3000, 300)), [1, 12, 123]
SPLIT = {"train": [0, ROWS * 2 // 3], "validation": [ROWS * 2 // 3, ROWS * 5 // 6], "test": [ROWS * 5 // 6, ROWS]}
SMALL = {"latent_dims": 16, "hidden_units": 64, "batch_size": 128, "device": DEVICE}
LAB = {**MODELS["lab"], "stimulus_dims": 8, "stimulus_units": 16}
UNROLLED = {**MODELS["unrolled"], "evolve_steps": 4}
LOSSES = ("train_loss", "reconstruction_loss", "validation_loss", "grad_norm")


def build(
    state: Any = None, seeds: list[int] = SEEDS, *, other: bool = False, **settings: Any
) -> LatentEvolutionTrainer:
    """Make a trainer over sine waves with noise, which may be another recording as well."""
    time = np.arange(ROWS, dtype=np.float32)[:, None]
    waves = np.sin(time * np.linspace(0.01, 0.2, NEURONS, dtype=np.float32))
    noise = np.random.default_rng(0).normal(0, 0.05, waves.shape).astype(np.float32)
    recording: dict[str, Any] = {"voltages": waves + noise, "stimulus": waves[:, ::4].copy(), "split": SPLIT}
    beside = {"others": {"same": recording}} if other else {}
    return LatentEvolutionTrainer({**SMALL, **settings}, {**recording, **beside}, seeds, state)


def curves(trainer: LatentEvolutionTrainer, epochs: int) -> list[dict[str, Any]]:
    """Train; keep what is computed, not what is timed."""
    return [{name: one[name] for name in LOSSES} for one in trainer.train(epochs)]


@contextmanager
def launched_one_by_one() -> Iterator[None]:
    """Forbid CUDA graphs for a while."""
    real = Captured.__call__
    Captured.__call__ = lambda self, *inputs: self._function(*inputs)  # type: ignore[method-assign]
    try:
        yield
    finally:
        Captured.__call__ = real  # type: ignore[method-assign]


def check_a_graph_is_captured() -> None:
    """Step and validation run as CUDA graphs after the warm-up."""
    trainer = build()
    list(trainer.train(WARM_UP_CALLS + 2))
    lane = trainer._group._lanes[0]
    assert lane._runs[False]._graph is not None
    assert lane._evaluations[tuple(SPLIT["validation"])]._graph is not None


def check_graph_equals_eager() -> None:
    """A training replayed from a graph has the same curves, bit for bit, as one launched kernel by kernel."""
    for settings in (
        {},
        {"use_batch_norm": False, "l1": 1e-5, "ema": 0.99},
        {"precision": "bfloat16"},
        {"optimizer": "sgd"},
        {"optimizer": "adamw", "schedule": "cosine", "epochs": 6, "gradient_clipping": 0.1},  # the rate is an input
        LAB,
        UNROLLED,
        {"evolve_steps": 3, "loss": "huber"},  # with batch norm: statistics of each run
        {**LAB, "reconstruction_warmup_epochs": 2},  # another graph for each kind of epoch
    ):
        graph = curves(build(deterministic=True, **settings), 6)
        with launched_one_by_one():
            eager = curves(build(deterministic=True, **settings), 6)
        assert graph == eager, settings


def check_repeats() -> None:
    """With `deterministic`, curves repeat bit for bit after any number of saves and resumes."""
    whole = curves(build(deterministic=True), 6)
    trainer, pieces = build(deterministic=True), []
    for epochs in (1, 2, 3):
        pieces += curves(trainer, epochs)
        trainer = build(trainer.state(), deterministic=True)
    assert whole == pieces


def check_agrees_with_the_cpu() -> None:
    """In float32 the first epoch's losses are those of the CPU, up to rounding; tf32 and bfloat16 are near."""
    expected = curves(build(device="cpu"), 1)[0]
    for precision, tolerance in (("float32", 1e-3), ("tf32", 2e-2), ("bfloat16", 5e-2)):
        found = curves(build(precision=precision), 1)[0]
        for name in ("train_loss", "validation_loss"):
            assert np.allclose(found[name], expected[name], rtol=tolerance), (precision, name)


def check_later_models_agree_with_the_cpu() -> None:
    """So do those of the lab's later model and of an evolver that runs several steps."""
    for settings in (LAB, UNROLLED):
        expected, found = (curves(build(precision="float32", device=one, **settings), 1)[0] for one in ("cpu", DEVICE))
        for name in ("train_loss", "validation_loss"):
            assert np.allclose(found[name], expected[name], rtol=1e-3), (settings, name)


def check_compiled_agrees() -> None:
    """A training really is compiled, and captured with it, and has the losses of an eager one, up to rounding."""
    trainer = build(compile="on")
    compiled, plain = curves(trainer, 2)[0], curves(build(compile="off"), 2)[0]
    lane = trainer._group._lanes[0]
    assert lane._steps[False]._forward_backward._compiled is not None
    assert lane._runs[False]._graph is not None
    assert np.allclose(compiled["train_loss"], plain["train_loss"], rtol=1e-2)


def check_failed_seed_is_alone() -> None:
    """Companions of a seed with NaN weights go on bit for bit, in the graph too."""
    trainer = build(deterministic=True)
    list(trainer.train(1))
    state = dict(trainer.state())
    healthy = curves(build(state, deterministic=True), 3)
    state[12]["parameters"]["evolver.1.weight"][0, 0] = torch.nan
    broken = curves(build(state, deterministic=True), 3)
    for one, other in zip(healthy, broken, strict=True):
        assert [one["train_loss"][i] for i in (0, 2)] == [other["train_loss"][i] for i in (0, 2)]
        assert np.isnan(other["train_loss"][1])


def check_memory_is_given_back() -> None:
    """After `close` a trainer holds nothing on the device, at once: nothing waits for Python to look for cycles."""

    def use_a_trainer() -> None:
        trainer = build()
        list(trainer.train(WARM_UP_CALLS + 1))
        trainer.close()

    use_a_trainer()  # what libraries keep per process, such as cuBLAS its workspace per stream
    gc.collect()
    gc.disable()
    try:
        before = torch.cuda.memory_allocated()
        use_a_trainer()
        assert torch.cuda.memory_allocated() <= before + 2**20
    finally:
        gc.enable()


def check_roll_outs_agree_with_the_cpu() -> None:
    """Between replays of graphs, roll-outs and other recordings are evaluated as on the CPU, and change no curve."""
    asked = {"deterministic": True, "precision": "float32", "rollout_steps": 20, "use_batch_norm": False}
    plain, rolled = build(deterministic=True, precision="float32", use_batch_norm=False), build(**asked)
    for one, other in zip(curves(plain, WARM_UP_CALLS + 2), rolled.train(WARM_UP_CALLS + 2), strict=True):
        assert one == {name: other[name] for name in LOSSES}
        found = rolled.evaluate()
    expected = build(rolled.state(), **{**asked, "device": "cpu"}).evaluate()
    assert found.keys() == expected.keys()
    for name in ("rollout_loss", "rollout_loss_decoded", "test_loss"):
        assert np.allclose(found[name], expected[name], rtol=1e-2), name
    metrics = build(other=True, **asked).evaluate()
    assert np.allclose(metrics["test_loss@same"], metrics["test_loss"], rtol=1e-4)


def check_nvml_sees_this_process() -> None:
    """NVML reports utilisation and power; own memory too, unless the process hides in another pid namespace."""
    keep = torch.zeros(2**26, device=DEVICE)
    sampler = watch_gpu(torch.device("cuda"))
    reading = sampler.take()
    sampler.close()
    assert reading.utilisation_percent is not None
    assert reading.memory_mib is None or reading.memory_mib > keep.nbytes / 2**20


CHECKS: list[Callable[[], None]] = [value for name, value in list(globals().items()) if name.startswith("check_")]


def main() -> int:
    """Run all checks, say how each went."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    failed = 0
    with stage():
        for check in CHECKS:
            try:
                check()
            except Exception:  # noqa: BLE001 - one broken check must not hide the others
                failed += 1
                print(f"FAILED {check.__name__}: {check.__doc__}")
                traceback.print_exc()
            else:
                print(f"ok     {check.__name__}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
