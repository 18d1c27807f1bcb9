"""How long a training step takes: the published recipe against ours, side by side in one process.

    python benchmarks/train_step.py --quick             # three sizes, a minute
    python benchmarks/train_step.py                     # all sizes: about ten minutes on one core
    python benchmarks/train_step.py --neurons 13741 --batches 512 --seeds 1 5
    python benchmarks/train_step.py --together 1 2 3 5 --neurons 443 --batches 32 128 512 --seeds 1 5 \
        --precisions float32 --name lanes-cpu           # how many seeds should go through a step together
    python benchmarks/train_step.py --compile --neurons 443 13741 --batches 32 512 --seeds 1 \
        --precisions float32 --name compile-cpu         # what compiling costs and saves
    python benchmarks/train_step.py --hidden-units 64 --neurons 443 --batches 16 32 64 256 --seeds 1 5 \
        --precisions float32 bfloat16 --name small-cpu           # the size of the demo

All sides of a size take turns, round after round, so that whatever else the machine does falls on all of them; each
ratio is taken within a round, and the table gives the median and, in the file, the smallest and largest. Times are of
training steps, without validation. "alone" is the time of S trainings of one seed, one after another.
"""

import argparse
import json
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import torch
from figure import draw
from published import PublishedTraining
from torch import Tensor

from benchmarks.memory import PeakMemory
from benchmarks.rehearsal import RESULTS, on_gpu, stage
from model.config import TrainingConfig
from model.device.cost import Rates, count_bytes, count_flops, floor_s, measure_rates
from model.device.precision import numerics
from model.network.generators import draw_rows
from model.network.network import Network
from model.network.outer import Workspace
from model.training.lane import Lane, split_into_lanes
from model.training.step import StepInputs

NEURONS, BATCHES, SEEDS = (443, 1203, 13741), (32, 128, 256, 512, 2048), (1, 5, 10)
QUICK = [(443, 32), (1203, 128), (13741, 512)]
ROWS = 4096  # of the random recording: 225 MB at N = 13,741, so that a batch comes from memory
DEFAULT_DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
TRAINING_ROWS = 30_000  # of the published recording: what an epoch is counted over


class OurTraining:
    """S seeds on our step, lane by lane as in an epoch.

    Args:
        voltages: `[T, N]` on the device.
        batch_size: B.
        seeds: S.
        together: Seeds per lane; None: as a training has them.
        settings: Of `TrainingConfig`.
    """

    def __init__(
        self, voltages: Tensor, batch_size: int, seeds: int, *, together: int | None = None, **settings: Any
    ) -> None:
        self.config = TrainingConfig(batch_size=batch_size, **settings)
        self._device = voltages.device
        recording = voltages.bfloat16() if self.config.recording_precision == "bfloat16" else voltages
        network, workspace = Network(self.config, voltages.shape[1]), Workspace()
        lanes = split_into_lanes(range(seeds), network, voltages.device)
        if together is not None:
            lanes = [list(range(seeds))[start : start + together] for start in range(0, seeds, together)]
        self._lanes = [Lane(network, lane, 0, recording, None, workspace=workspace) for lane in lanes]
        rate, weight = (torch.tensor(value, device=self._device) for value in (1e-3, 0.0))
        self._plans = []
        for lane in lanes:
            drawn = [draw_rows(seed, 0, (0, ROWS), 32, batch_size) for seed in lane]
            rows = torch.stack(drawn, dim=1).to(self._device)
            self._plans.append([StepInputs(one, rate, weight) for one in rows])
        if self.config.compile == "on":
            for one in self._lanes:
                one.compile()

    def run(self, steps: int) -> None:
        """Do some steps of every seed."""
        with numerics(self.config, self._device):
            for lane, plan in zip(self._lanes, self._plans, strict=True):
                lane.train([plan[i % len(plan)] for i in range(steps)])


def measure(neurons: int, batch_size: int, options: argparse.Namespace, rates: Rates) -> list[dict[str, Any]]:
    """Measure all sides of one size."""
    device = torch.device(options.device)
    voltages = torch.randn(ROWS, neurons, generator=torch.Generator().manual_seed(0)).to(device)
    sides: dict[tuple[str, int], PublishedTraining | OurTraining] = {}
    memory, first_s = {}, {}
    sizes = {"hidden_units": options.hidden_units, "latent_dims": options.hidden_units}
    network = Network(TrainingConfig(batch_size=batch_size, **sizes), neurons)

    def add(name: str, seeds: int, **settings: Any) -> None:
        with PeakMemory(device) as peak:
            if name.startswith("published"):
                compiled = name.endswith("compiled")
                sides[name, seeds] = PublishedTraining(
                    voltages, batch_size, compiled=compiled, hidden_units=options.hidden_units
                )
            else:
                sides[name, seeds] = OurTraining(voltages, batch_size, seeds, **sizes, **settings)
            started = time.perf_counter()
            run_timed(sides[name, seeds], 5 if on_gpu(device) else 2, device)
            first_s[name, seeds] = time.perf_counter() - started
        memory[name, seeds] = peak.mib

    add("published", 1)
    if options.compile:
        add("published compiled", 1)
    for seeds in sorted({1, *options.seeds}):
        for precision in options.precisions:
            add(precision, seeds, precision=precision)
            if options.compile:
                add(f"{precision} compiled", seeds, precision=precision, compile="on")
            for together in options.together if seeds > 1 else ():
                add(f"{precision} {together} in a lane", seeds, precision=precision, together=together)
        if options.rounded_recording and "bfloat16" in options.precisions:
            add("bfloat16 + recording", seeds, precision="bfloat16", recording_precision="bfloat16")
    rounds = take_turns(sides, options, device)
    return [describe(key, rounds, memory[key], network, rates) | {"first_steps_s": first_s[key]} for key in sides]


def take_turns(
    sides: dict[tuple[str, int], Any], options: argparse.Namespace, device: torch.device
) -> dict[tuple[str, int], list[float]]:
    """Time the sides in turn until the budget is spent; seconds per step of each side, round by round.

    Several seeds do as many steps as one does alone in its turn, each lane in one go: in training a lane keeps the
    caches for a whole epoch, and so does here what is compared with it.
    """
    rounds: dict[tuple[str, int], list[float]] = {key: [] for key in sides}
    started = time.perf_counter()
    once = {key: run_timed(side, 2, device) / 2 for key, side in sides.items()}
    steps = {}
    for name, seeds in sides:
        seconds = once[name, seeds] / (1 if on_gpu(device) else seeds)
        steps[name, seeds] = max(1 if seconds > 1 else 3, min(20, int(options.turn_s / seconds)))
    while len(rounds["published", 1]) < options.rounds or (
        time.perf_counter() - started < options.budget_s and len(rounds["published", 1]) < 10 * options.rounds
    ):
        for key, side in sides.items():
            rounds[key].append(run_timed(side, steps[key], device) / steps[key])
    return rounds


def run_timed(side: PublishedTraining | OurTraining, steps: int, device: torch.device) -> float:
    """Seconds that some steps take, the device's work included.

    On one core they are the processor's, not the clock's: a neighbour then costs caches, but no time.
    """
    clock = time.perf_counter if on_gpu(device) or torch.get_num_threads() > 1 else time.process_time
    started = clock()
    side.run(steps)
    if on_gpu(device):
        torch.cuda.synchronize(device)
    return clock() - started


def describe(
    key: tuple[str, int],
    rounds: dict[tuple[str, int], list[float]],
    memory_mib: float | None,
    network: Network,
    rates: Rates,
) -> dict[str, Any]:
    """Put one side of one size into figures."""
    (name, seeds), batch_size = key, network.config.batch_size
    step_s = median(rounds[key])
    precision = name.split()[0] if name.split()[0] in rates.flops_per_s else "float32"
    row: dict[str, Any] = {
        "neurons": network.neurons,
        "batch_size": batch_size,
        "hidden_units": network.config.hidden_units,
        "seeds": seeds,
        "side": name,
        "step_ms": 1e3 * step_s,
        "step_ms_range": [1e3 * min(rounds[key]), 1e3 * max(rounds[key])],
        "epoch_ms": 1e3 * step_s * (TRAINING_ROWS // batch_size),
        "samples_per_s": batch_size / step_s,
        "seeds_samples_per_s": seeds * batch_size / step_s,
        "peak_memory_mib": memory_mib,
        "gflop_per_seed": count_flops(network, batch_size) / 1e9,
        "mib_per_seed": count_bytes(network, batch_size) / 2**20,
        "floor_fraction": seeds * floor_s(network, batch_size, rates, precision) / step_s,
        "rounds": len(rounds[key]),
    }
    if not name.startswith("published"):
        row["published_over_ours"] = spread([seeds * p for p in rounds["published", 1]], rounds[key])
        alone = rounds[name if (name, 1) in rounds else precision, 1]
        row["alone_over_together"] = spread([seeds * one for one in alone], rounds[key])
    return row


def spread(slow: list[float], fast: list[float]) -> dict[str, float]:
    """Median, smallest and largest ratio over the rounds."""
    ratios = [a / b for a, b in zip(slow, fast, strict=True)]
    return {"median": median(ratios), "low": min(ratios), "high": max(ratios)}


def machine(device: torch.device) -> dict[str, Any]:
    """Say what was measured on, and when."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    return {
        "device": torch.cuda.get_device_name(device) if on_gpu(device) else "cpu",
        "processor": name,
        "cores": torch.get_num_threads(),
        "amx": torch.cpu._is_amx_tile_supported(),
        "torch": torch.__version__,
        "date": datetime.now(UTC).date().isoformat(),
    }


def show(row: dict[str, Any]) -> None:
    """Print one line of the table."""
    memory = "" if row["peak_memory_mib"] is None else f"{row['peak_memory_mib']:.0f}"
    line = (
        f"{row['neurons']:6d} {row['batch_size']:5d} {row['seeds']:3d}  {row['side']:21s} {row['step_ms']:9.2f}"
        f" {row['epoch_ms'] / 1e3:8.2f} {row['samples_per_s']:9.0f} {row['seeds_samples_per_s']:10.0f} {memory:>7s}"
        f" {row['floor_fraction']:6.0%}"
    )
    for name in ("published_over_ours", "alone_over_together"):
        if ratio := row.get(name):
            line += f"  {ratio['median']:5.2f} [{ratio['low']:.2f} {ratio['high']:.2f}]"
    print(line, flush=True)


def parse() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neurons", type=int, nargs="+", default=list(NEURONS))
    parser.add_argument("--batches", type=int, nargs="+", default=list(BATCHES))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--hidden-units", type=int, default=256, help="H, also the size of the latent state")
    parser.add_argument("--precisions", nargs="+", default=None, help="default: float32 and bfloat16, tf32 on a GPU")
    parser.add_argument("--quick", action="store_true", help="three sizes, one and five seeds")
    parser.add_argument("--budget-s", type=float, default=6.0, help="seconds per size, beyond the fewest rounds")
    parser.add_argument("--rounds", type=int, default=3, help="fewest rounds per size")
    parser.add_argument("--turn-s", type=float, default=0.15, help="seconds of a side's turn, at least two steps")
    parser.add_argument("--threads", type=int, default=1, help="cores; one is what a trial of a study gets")
    parser.add_argument("--device", choices=("cpu", "cuda"), default=DEFAULT_DEVICE.type)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=on_gpu(DEFAULT_DEVICE))
    parser.add_argument("--together", type=int, nargs="*", default=[], help="also with so many seeds in a lane")
    parser.add_argument("--rounded-recording", action="store_true", help="also with the recording in bfloat16")
    parser.add_argument("--append", action="store_true", help="keep the other sizes of the result file")
    parser.add_argument("--name", default=None, help="of the result files (default: by device)")
    options = parser.parse_args()
    if options.precisions is None:
        options.precisions = ["tf32" if on_gpu(torch.device(options.device)) else "float32", "bfloat16"]
    if options.quick:
        options.seeds, options.budget_s = [1, 5], 3.0
    return options


def main() -> int:
    """Measure, print, write the result files; 1 where a size failed."""
    options = parse()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    sizes = QUICK if options.quick else [(n, b) for n in options.neurons for b in options.batches]
    rates = measure_rates(device)
    speeds = ", ".join(f"{name} {rate / 1e9:.0f} GFLOP/s" for name, rate in rates.flops_per_s.items())
    print(f"{machine(device)}\ncopy {rates.copy_bytes_per_s / 1e9:.1f} GB/s, {speeds}\n")
    print("     N     B   S  side                    ms/step  s/epoch samples/s  x seeds/s     MiB  floor"
          "  published/ours     alone/together")  # fmt: skip
    rows: list[dict[str, Any]] = []
    failed: list[str] = []
    for neurons, batch_size in sizes:
        try:
            measured = measure(neurons, batch_size, options, rates)
        except RuntimeError as error:  # such as too little memory on the device: the other sizes are still of use
            failed.append(f"{neurons} x {batch_size}: {next(iter(str(error).splitlines()), '')}")
            print(f"FAILED {failed[-1]}", flush=True)
            continue
        for row in measured:
            rows.append(row)
            show(row)
    name = options.name or f"train_step-{options.device}{'-quick' if options.quick else ''}"
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    result = {"machine": machine(device), "rates": vars(rates), "failed": failed, "rows": rows}
    if options.append:
        measured = {(row["neurons"], row["batch_size"]) for row in rows}
        before = json.loads(path.read_text(encoding="utf-8"))["rows"]
        rows = [row for row in before if (row["neurons"], row["batch_size"]) not in measured] + rows
        result["rows"] = sorted(rows, key=lambda row: (row["neurons"], row["batch_size"]))
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"\nwritten: {RESULTS.name}/{name}.json")
    if len({row["batch_size"] for row in rows}) > 1 and not (options.together or options.compile):
        draw(result, RESULTS / f"{name}.svg")
    return 1 if failed else 0


if __name__ == "__main__":
    with stage():
        sys.exit(main())
