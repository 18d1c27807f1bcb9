"""Studies in real ledgers: played whole, by the optimizer with losses from a formula, or put in by hand."""

from collections.abc import Callable, Mapping
from math import inf, nan
from pathlib import Path
from random import Random
from typing import Any

from tests.fakes.clock import Clock
from tests.fakes.studies import quadratic_study
from tune.ledger.ledger import Ledger
from tune.ledger.loss_scale import LossScale
from tune.ledger.reader import LedgerReader
from tune.optimizer.optimizer import Optimizer
from tune.optimizer.work import Work
from tune.study.study import Study

BASELINE = 0.0355
"""The constant model's validation loss in the published sweeps, rounded."""

SCALE = LossScale(baseline=BASELINE)
"""What makes losses of validation losses with that baseline: they are losses."""

Loss = Callable[[Mapping[str, Any], int, int], float]
"""From parameters, seed and epoch to a validation loss."""


def latent_study(**changes: Any) -> Study:
    """A study like the quickstart, small: four parameters, five seeds, three rungs."""
    given: dict[str, Any] = {
        "name": "batch-norm",
        "trainer": "tests.fakes.trainers:Quadratic",
        "fixed": {"hidden_units": 64},
        "space": {
            "learning_rate": {"log_uniform": [1e-4, 1e-2]},
            "batch_size": {"choice": [16, 64, 256]},
            "latent_dims": {"int": [4, 64], "log": True},
            "use_batch_norm": {"choice": [True, False]},
        },
        "search": {"method": "random", "trials": 18, "seed": 90, "reduction_factor": 2},
        "seeds": [1, 12, 123, 1234, 12345],
        "rungs": [{"epochs": 2, "seeds": 2}, {"epochs": 4, "seeds": 3}, {"epochs": 8, "seeds": 5}],
    }
    return Study.model_validate({**given, **changes})


def latent_loss(parameters: Mapping[str, Any], seed: int, epoch: int) -> float:
    """A loss as in the published sweeps: small batches with batch norm shine on seed 123 and fail on 12 and 1234."""
    base = 0.024 + 0.02 / (1 + epoch) + 0.3 * abs(parameters.get("learning_rate", 1e-3) - 1e-3)
    noise = Random(f"{sorted(parameters.items())} {seed}").gauss(0, 0.0004)  # noqa: S311
    if parameters.get("use_batch_norm") and parameters.get("batch_size", 64) < 64:
        if seed in (12, 1234):
            return nan if seed == 1234 and epoch > 5 else base * 3
        return base - 0.0025 + noise
    return base + noise


class Player:
    """Works on a study like a driver with one slot.

    Args:
        ledger: Of the study.
        clock: Goes on by a second per epoch.
        loss: What training comes to.
        deaths: Why a trial dies, by its number.
    """

    def __init__(
        self, ledger: Ledger, clock: Clock, loss: Loss = latent_loss, deaths: Mapping[int, str] | None = None
    ) -> None:
        self.ledger, self.clock, self._loss, self._deaths = ledger, clock, loss, deaths or {}
        self.optimizer = Optimizer(ledger, ledger.elapsed_s)
        ledger.set_baseline({"validation_loss": BASELINE, "test_loss": BASELINE * 1.02})

    def play(self, units: float = inf, after_each: Callable[[], None] = lambda: None) -> None:
        """Does so many units of work, all there are if not told how many."""
        while units > 0 and (work := self.optimizer.next_work()) is not None:
            units -= 1
            if work.trial in self._deaths:
                self.optimizer.failed(work, self._deaths[work.trial], f"logs/trial-{work.trial}.log")
            else:
                self.train(work)
                self.optimizer.complete(work)
            after_each()

    def train(self, work: Work, epochs: int | None = None) -> None:
        """Trains a unit of work, or only its first epochs, after which nothing is saved."""
        last = work.to_epoch if epochs is None else work.from_epoch + epochs
        for epoch in range(work.from_epoch + 1, last + 1):
            self.clock.sleep(1.0)
            losses = [self._loss(work.configuration, seed, epoch) for seed in work.seeds]
            metrics: dict[str, list[float | None]] = {
                "train_loss": [loss * 1.2 for loss in losses],
                "validation_loss": list(losses),
                "grad_norm": [1 / epoch for _ in losses],
                "learning_rate": [work.configuration.get("learning_rate", 1e-3)] * len(losses),
                "seconds": [0.5 + 0.001 * epoch + 1e-6 * work.trial + 1e-7 * len(losses)] * len(losses),
                "gpu_memory_mib": [None] * len(losses),
            }
            if epoch == work.to_epoch:
                metrics["test_loss"] = [loss * 1.02 for loss in losses]
            self.ledger.record(work.trial, work.seeds, epoch, metrics)
        if epochs is None:
            self.ledger.saved(work.trial, work.seeds, work.to_epoch)


def played(folder: Path, study: Study | None = None, loss: Loss = latent_loss, **given: Any) -> Ledger:
    """A whole study, from its first trial to its end, as one looks at it afterwards."""
    clock = Clock()
    study = study or latent_study()
    ledger = Ledger.open(study, folder, clock=clock, detail={"driver": "inline"})
    player = Player(ledger, clock, loss, **given)
    player.play()
    player.optimizer.finish()
    ledger.close("finished")
    return LedgerReader.read(folder, clock=clock)


def opened(folder: Path, **changes: Any) -> Ledger:
    """The ledger of a quadratic study, for `start` and `train`."""
    return Ledger.open(quadratic_study(**changes), folder, clock=Clock(tick_s=1.0))


def start(ledger: Ledger, x: float = 0.5) -> int:
    """Decides that a trial starts, and returns its number."""
    ledger.decide("start", len(ledger.trials), 0, "by hand", {"parameters": {"x": x, "fragile": False}})
    return len(ledger.trials) - 1


def train(ledger: Ledger, trial: int, epochs: range, seeds: tuple[int, ...] = (1, 2), *, save: bool = True) -> None:
    """Records epochs of a trial whose loss falls, and saves the last of them."""
    for epoch in epochs:
        ledger.record(trial, seeds, epoch, {"validation_loss": [1 / epoch] * len(seeds), "extra": [None] * len(seeds)})
    if save:
        ledger.checkpoints.save(trial, epochs[-1], {seed: {"epoch": epochs[-1]} for seed in seeds})
        ledger.saved(trial, seeds, epochs[-1])


def killed(ledger: Ledger) -> None:
    """What a SIGKILL leaves: nothing is closed, the lease is still written, its process is gone."""
    assert ledger._lease is not None
    ledger._lease._stop.set()
    ledger._lease._thread.join()
    held = ledger._lease._held
    assert ledger._database.replace_note("lease", held, {**held, "pid": 2**22 + 1})
