"""Does the 80 % interval of the estimated time hold the real one?

    python -m benchmarks.check_estimate [--only NAME ...] [--seconds 4]

Ten studies of different kinds, half a minute each, are probed by a few short trainings in fresh processes, estimated,
and then really run on this machine. Writes benchmarks/results/check_estimate.json.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Literal

import latent_tune
from benchmarks.record import record
from tune.adapters.loading import load
from tune.drivers.config_checks import config_check, middle
from tune.drivers.estimate.epoch_times import EpochTimes
from tune.drivers.estimate.overheads import measured
from tune.drivers.estimate.play import Setup
from tune.drivers.estimate.study_estimate import Estimate, estimate
from tune.drivers.unit import limit_threads
from tune.ledger.reader import LedgerReader
from tune.scoring.check.measured import Epoch, Probed, Purpose
from tune.study.settings.conditions import existing, with_conditions
from tune.study.settings.constraints import violated
from tune.study.study import Study
from tune.trainer import prepare_recording

TARGET = 8
_EPOCHS = 3
_LEAST_SEEDS = 3  # of the probes side by side, where the study has as many: later rungs train with more than the first
_SEEDS = [1, 2, 3, 4, 5]
_WIDTH = {"learning_rate": {"log_uniform": [1e-3, 1e-1]}, "width": {"int": [16, 256], "log": True},
          "batch_size": {"choice": [16, 32, 64]}}  # fmt: skip
_FLY = {"learning_rate": {"log_uniform": [5e-4, 1e-2]}, "batch_size": {"choice": [64, 128, 256]},
        "latent_dims": {"int": [8, 32], "log": True}}  # fmt: skip


def _fly(steps: int) -> dict[str, Any]:
    split = {"train": [0, steps * 6 // 10], "validation": [steps * 6 // 10 + 50, steps * 8 // 10]}
    return {"simulate": {"extent": 1, "steps": steps, "seed": 0}, "split": {**split, "test": [steps * 8 // 10, steps]}}


@dataclass(frozen=True)
class Kind:
    """One study.

    Attributes:
        keys: As in a study file.
        driver: On which it runs.
        resumes: Whether what trains goes on where it was.
    """

    keys: Mapping[str, Any]
    driver: Literal["inline", "ray"] = "inline"
    resumes: bool = True


_SLEEPER = {"trainer": "benchmarks.estimate_trainers:Sleeper", "seeds": _SEEDS, "epochs": 6}
_NETWORK = {"trainer": "benchmarks.estimate_trainers:Network", "seeds": _SEEDS, "epochs": 6, "space": _WIDTH}
KINDS: dict[str, Kind] = {
    "function": Kind({
        "function": "benchmarks.estimate_trainers:sleeping", "seeds": _SEEDS, "epochs": 6,
        "space": {"depth": {"int": [1, 10]}, "batch": {"choice": [8, 16, 32, 64]}}, "search": {"trials": 24},
    }, resumes=False),
    "class": Kind({**_NETWORK, "recording": {"passes": 80}, "search": {"trials": 24}}),
    "program": Kind({
        "program": {"command": [sys.executable, "-m", "benchmarks.estimate_trainers", "{work}", "{rate}", "{seed}",
                                "{epochs}"],
                    "metrics": {"lines": r"epoch (?P<epoch>\d+) loss=(?P<validation_loss>\S+)"}},
        "seeds": _SEEDS, "epochs": 3, "search": {"trials": 14},
        "space": {"work": {"int": [100, 1000], "log": True}, "rate": {"log_uniform": [1e-3, 1e-1]}},
    }, resumes=False),
    "built-in, small": Kind({
        "recording": _fly(1500), "fixed": {"hidden_units": 32, "hidden_layers": 2, "use_batch_norm": False},
        "space": _FLY, "seeds": _SEEDS, "epochs": 12, "search": {"trials": 20},
    }),
    "built-in, larger": Kind({
        "recording": _fly(3000), "fixed": {"hidden_units": 64, "hidden_layers": 3, "use_batch_norm": False},
        "space": _FLY, "seeds": _SEEDS[:3], "epochs": 6, "search": {"trials": 9, "method": "random"},
    }),
    "conditional": Kind({
        **_SLEEPER, "recording": {"cost": 0.04}, "search": {"trials": 24},
        "space": {"size": {"uniform": [1, 12]}, "optimizer": {"choice": ["sgd", "adam"]},
                  "momentum": {"uniform": [0.5, 0.99], "when": {"optimizer": "sgd"}}},
    }),
    "wall clock": Kind({
        **_NETWORK, "recording": {"passes": 40}, "search": {"trials": 200}, "budget": {"wall_clock": 25},
    }),
    "dying settings": Kind({
        **_SLEEPER, "recording": {"cost": 0.05}, "search": {"trials": 24},
        "space": {"size": {"uniform": [1, 12]}, "edge": {"uniform": [0, 1]}},
    }),
    "grid": Kind({
        **_SLEEPER, "recording": {"cost": 0.06}, "search": {"method": "grid"},
        "space": {"size": {"choice": [1, 2, 4, 8]}, "other": {"choice": [0.1, 0.2, 0.3, 0.4]}},
        "rungs": [{"epochs": 2, "seeds": 2}, {"epochs": 6, "seeds": 5}],
    }),
    "Ray, two slots": Kind({
        **_NETWORK, "recording": {"passes": 60}, "search": {"trials": 30}, "budget": {"seed_epochs": 400},
    }, driver="ray"),
}  # fmt: skip


def probe(
    study: Study, purpose: Purpose, parameters: Mapping[str, Any], seeds: Sequence[int], submitted: float
) -> tuple[Probed, float]:
    """Trains a setting for a few epochs, in a process of its own, and says what that took.

    A stand-in for what the product does: it measures time and losses, and nothing else.

    Returns:
        The probe, and how long the same process takes to construct the trainer once more.
    """
    limit_threads(study.resources.threads)
    configuration = {**study.fixed, **parameters}
    trainer, epochs, died, start_s, baseline, again_s = load(study), list[Epoch](), "", 0.0, {}, 0.0
    tried = None
    try:
        recording = prepare_recording(trainer, study.recording)
        tried = trainer(configuration, recording, list(seeds))
        start_s, began, cpu = time.time() - submitted, time.monotonic(), _cpu_seconds()
        for metrics in tried.train(_EPOCHS):
            now, used = time.monotonic(), _cpu_seconds()
            epochs.append(Epoch(len(epochs) + 1, now - began, used - cpu, {k: list(v) for k, v in metrics.items()}))
            began, cpu = now, used
        baseline = dict(tried.baseline())
        began = time.monotonic()
        trainer(configuration, recording, list(seeds)).close()
        again_s = time.monotonic() - began
    except Exception as error:  # noqa: BLE001 - of what trains
        died = f"crashed: {error}"
    finally:
        if tried is not None:
            tried.close()
    said = (purpose, configuration, parameters, seeds, 0, _EPOCHS, epochs)
    return Probed(*said, start_s=start_s, baseline=baseline, died=died), again_s


def _cpu_seconds() -> float:
    """Returns the CPU-seconds of this process, and of its children that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def settings(study: Study) -> Iterator[tuple[Purpose, dict[str, Any], tuple[int, ...]]]:
    """Yields what is probed: the middle with several seeds and with one, then each end of each parameter.

    Not of a learning rate, whose ends are no dearer than its middle.
    """
    trainer = load(study)
    center = middle(study, trainer)
    seeds = tuple(study.seeds[: max(study.rungs[0].seeds, min(_LEAST_SEEDS, study.top.seeds))])
    yield "whole", center, seeds
    yield "alone", center, seeds[:1]
    for name, parameter in ((name, one) for name, one in study.space.items() if not name.endswith("rate")):
        ends = parameter.extremes if len(parameter.extremes) < 4 else (parameter.extremes[0], parameter.extremes[-1])
        for value in ends:
            setting = existing(study.space, {**center, **with_conditions(study.space, {name: value})})
            if setting != center and not violated(study.where, {**study.fixed, **setting}):
                yield "corner", setting, seeds


def probed(study: Study) -> list[tuple[Probed, float]]:
    """Returns what `probe` returns of each setting, each in a fresh process, one after the other."""
    found = []
    for purpose, parameters, seeds in settings(study):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
            found.append(fresh.submit(probe, study, purpose, parameters, seeds, time.time()).result())
    return found


def real_s(study: latent_tune.Study, driver: Literal["inline", "ray"]) -> tuple[float, LedgerReader]:
    """Runs a study; returns how long it was worked on, and its ledger."""
    with tempfile.TemporaryDirectory(prefix="latent-tune-estimate-") as scratch:
        latent_tune.run(study, results=scratch, driver=driver, progress=False)
        ledger = LedgerReader.read(Path(scratch) / study.name, clock=time.time)
        return ledger.elapsed_s(), ledger


def row_of(name: str, kind: Kind, seconds: float) -> dict[str, Any]:
    """Probes, estimates and runs a study; returns what was said and what it took."""
    study = latent_tune.Study(name=name.replace(",", "").replace(" ", "-").lower(), **kind.keys)
    began = time.monotonic()
    found = probed(study)
    probes = [one for one, _ in found]
    construction_s = median(again_s for one, again_s in found if not one.died)
    probed_s = time.monotonic() - began
    busy = max(0.0, os.getloadavg()[0] - 1) / (os.cpu_count() or 1)  # one of them is the probe
    cores = os.cpu_count() or 1
    setup = Setup(kind.driver, 2 if kind.driver == "ray" else 1, cores=cores, resumes=kind.resumes)
    setup = replace(setup, construction_s=construction_s, overheads=measured(study), busy=busy)
    said = estimate(study, probes, setup, seconds=seconds, check=config_check(load(study)))
    estimated_s = time.monotonic() - began - probed_s
    took_s, ledger = real_s(study, kind.driver)
    held = said.wall_clock_s.low <= took_s <= said.wall_clock_s.high
    return {
        "study": name, "low_s": round(said.wall_clock_s.low, 1), "median_s": round(said.wall_clock_s.median, 1),
        "high_s": round(said.wall_clock_s.high, 1), "real_s": round(took_s, 1), "held": held,
        "seed_epochs": [round(said.seed_epochs.low), round(said.seed_epochs.high), ledger.spent],
        "confirmed": [round(said.confirmed.low), round(said.confirmed.high), _confirmed(ledger)],
        "plays": said.plays, "probes": len(probes), "probed_s": round(probed_s, 1),
        "estimated_s": round(estimated_s, 1), **_about(study, probes, said),
    }  # fmt: skip


def _confirmed(ledger: LedgerReader) -> int:
    return sum(trial.confirmed and not trial.ended for trial in ledger.trials)


def _about(study: Study, probes: Sequence[Probed], said: Estimate) -> dict[str, Any]:
    """Returns how restless the machine is, and how wide the interval is."""
    times = EpochTimes.fit(study, probes)
    spread = median(abs(one.seconds / median(e.seconds for e in p.steady) - 1) for p in probes for one in p.steady)
    width = said.wall_clock_s.high / max(said.wall_clock_s.low, 1e-9)
    about = {"load_average": os.getloadavg()[0], "epoch_spread": spread, "drift_sd": times.drift_sd}
    return {**{name: round(value, 3) for name, value in about.items()}, "high_to_low": round(width, 2)}


def main() -> int:
    """Runs the benchmark; returns 1 where the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seconds", type=float, default=4.0, help="of plays for each study")
    given = parser.parse_args()
    rows = []
    for name in given.only:
        rows.append(row_of(name, KINDS[name], given.seconds))
        print(rows[-1], flush=True)
    held = sum(row["held"] for row in rows)
    print(f"held in {held} of {len(rows)}")
    if given.only == list(KINDS):
        what = "80 % interval of the estimated wall clock of ten studies, and what each really took on this machine"
        made_by = f"python -m benchmarks.check_estimate --seconds {given.seconds:g}"
        record("check_estimate", what, made_by, rows, held=held, of=len(rows), target=TARGET)
    return int(held < TARGET * len(rows) / len(KINDS))


if __name__ == "__main__":
    sys.exit(main())
