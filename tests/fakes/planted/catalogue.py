"""The planted faults as studies: which item of a check has to name each, in which words, and how severely."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.fakes.planted.faults import FIRST_RUNG, TOP
from tests.fakes.planted.ways import BASELINE

NOTEBOOK = Path(__file__).parent / "notebook"
"""What the fault `path_of_the_notebook` has among its paths at home."""

MIDDLE: dict[str, Any] = {"learning_rate": 0.00949, "width": 16, "batch_size": 32}
"""The middle of the space that all of them search."""

Verdict = Literal["no-go", "warning"]

_SPACE = {
    "learning_rate": {"log_uniform": [0.0003, 0.3]},
    "width": {"choice": [8, 16, 32]},
    "batch_size": {"choice": [16, 32, 64]},
}
_PROGRAM = [
    *(sys.executable, str(Path(__file__).with_name("ways.py")), "{args}", "--seed", "{seed}", "--epochs", "{epochs}"),
    *("--checkpoint", "{checkpoint}", "--metrics", "{run}/metrics.jsonl"),
]
_WAYS: dict[str, dict[str, Any]] = {
    "class": {"trainer": "tests.fakes.planted.ways:Trainer"},
    "function": {"function": "tests.fakes.planted.ways:train", "score": {"baseline": BASELINE}},
    "program": {
        "program": {"command": _PROGRAM, "metrics": {"jsonl": "{run}/metrics.jsonl"}},
        "score": {"baseline": BASELINE},
    },
}
_OF_RECORDINGS = ("test_is_validation", "train_rows_in_validation")
"""What is wrong with the data, which a class is given, is said of the data."""


@dataclass(frozen=True)
class Planted:
    """A study with one fault.

    Attributes:
        name: Of the fault and of the way in which it is written.
        study: The study file.
        healthy: The same without the fault: one line differs.
        item: Which item of a check has to name it.
        words: What is to stand in what that item says, in any case of letters: they lead to the cause.
        verdict: Of that item, at least.
    """

    name: str
    study: Mapping[str, Any]
    healthy: Mapping[str, Any]
    item: str
    words: tuple[str, ...]
    verdict: Verdict


def _planted(way: str, fault: str, item: str, words: tuple[str, ...], verdict: Verdict) -> Planted:
    name = f"{fault}-{way}".replace("_", "-")
    return Planted(name, _study(way, name, fault), _study(way, name, fault, healthy=True), item, words, verdict)


def _study(way: str, name: str, fault: str, *, healthy: bool = False) -> dict[str, Any]:
    said, of_recording = "none" if healthy else fault, fault in _OF_RECORDINGS
    recording = {"recording": {"fault": said} if of_recording else {}} if way == "class" else {}
    return {
        "name": name,
        **_WAYS[way],
        **recording,
        "fixed": {"fault": "none" if of_recording else said},
        "space": _SPACE,
        "search": {"method": "random", "trials": 6},
        "seeds": [1, 2, 3],
        "rungs": [{"epochs": FIRST_RUNG, "seeds": 2}, {"epochs": TOP, "seeds": 3}],
    }


_CLASSES: tuple[tuple[str, str, tuple[str, ...], Verdict], ...] = (
    ("path_of_the_notebook", "imports", ("lab_helpers", "new shell"), "no-go"),
    ("unseeded", "determinism", ("nondeterministic", "faults.py", "default_rng"), "warning"),
    ("seed_ignored", "seeds differ", ("seeds 1 and 2", "ignored"), "no-go"),
    ("global_random_state", "seeds apart", ("seed 1 alone", "beside others", "global random state"), "no-go"),
    ("order_shared", "random generators", ("faults.py", "default_rng", "order of batches"), "warning"),
    ("state_without_optimizer", "continues", ("saved", "differ", "optimizer"), "no-go"),
    ("state_of_this_process", "continues", ("another could not continue", "KeyError"), "no-go"),
    ("evaluates_another_model", "evaluation", ("loaded checkpoint", "broadcast", "same configuration"), "no-go"),
    ("metric_renamed", "metric told", ("validation_loss", "epoch 10", "val_loss"), "no-go"),
    ("test_is_validation", "splits", ("test", "validation"), "no-go"),
    ("train_rows_in_validation", "splits", ("validation in train", "37.5%"), "warning"),
    ("other_units", "baseline", ("baseline", "validation_loss"), "warning"),
    ("nothing_learned", "loss drop", ("not get better", "optimizer", "weights"), "no-go"),
    ("unscaled_inputs", "divergence", ("not finite", "learning_rate = 0.3"), "warning"),
    ("spikes", "spikes", ("epoch 3", "warm up"), "warning"),
    ("gradients_kept", "gradient norm", ("gradient_norm",), "warning"),
    ("schedule_of_the_first_rung", "schedule", ("9 of 27 epochs", "another schedule"), "warning"),
    ("collapse", "collapse", ("effective rank 1.0 of",), "warning"),
    ("uneven_steps", "speed", ("variation",), "warning"),
    ("slows_down", "drift", ("times as long",), "warning"),
    ("slow_first_epoch", "slow start", ("first epoch",), "warning"),
    ("waits_for_input", "waiting", ("waits for its input",), "warning"),
    ("out_of_memory", "memory", ("out of memory", "batch_size = 64"), "warning"),
    ("leak", "leak", ("per epoch", "kept"), "warning"),
)
_FUNCTIONS: tuple[tuple[str, str, tuple[str, ...], Verdict], ...] = (
    ("variable_of_the_shell", "imports", ("LAB_SCALE",), "no-go"),
    ("module_variable", "seeds apart", ("seed 1 alone", "beside others", "share"), "no-go"),
    ("state_without_optimizer", "continues", ("saved", "differ", "optimizer"), "no-go"),
    ("order_shared", "random generators", ("faults.py", "default_rng", "order of batches"), "warning"),
    ("unseeded", "determinism", ("nondeterministic", "faults.py", "default_rng"), "warning"),
    ("metric_renamed", "metric told", ("validation_loss", "epoch 10", "val_loss"), "no-go"),
)
_PROGRAMS: tuple[tuple[str, str, tuple[str, ...], Verdict], ...] = (
    ("missing_module", "imports", ("lab_optimizers",), "no-go"),
    ("seed_ignored", "seeds differ", ("seeds 1 and 2", "ignored"), "no-go"),
    ("unseeded", "determinism", ("nondeterministic", "seed every generator"), "warning"),
    ("state_without_optimizer", "continues", ("saved", "differ", "optimizer"), "no-go"),
    ("nothing_learned", "loss drop", ("not get better", "optimizer", "weights"), "no-go"),
)

PLANTED: tuple[Planted, ...] = (
    *(_planted("class", *one) for one in _CLASSES),
    *(_planted("function", *one) for one in _FUNCTIONS),
    *(_planted("program", *one) for one in _PROGRAMS),
)
