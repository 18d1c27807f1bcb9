"""How long a training step takes: the published recipe and other libraries against ours, side by side in one process.

    python benchmarks/train_step.py --quick             # three sizes, a minute
    python benchmarks/train_step.py                     # all sizes: about ten minutes on one core
    python benchmarks/train_step.py --neurons 13741 --batches 512 --seeds 1 5
    python benchmarks/train_step.py --together 1 2 3 5 --neurons 443 --batches 32 128 512 --seeds 1 5 \
        --precisions float32 --name lanes-cpu           # how many seeds should go through a step together
    python benchmarks/train_step.py --compile --neurons 443 13741 --batches 32 512 --seeds 1 \
        --precisions float32 --name compile-cpu         # what compiling costs and saves
    python benchmarks/train_step.py --hidden-units 64 --neurons 443 --batches 16 32 64 256 --seeds 1 5 \
        --precisions float32 bfloat16 --name small-cpu           # the size of the demo
    python benchmarks/train_step.py --peers --seeds 1 5 --name peers-cpu         # torch.func and JAX too, on one core
    python benchmarks/train_step.py --peers --seeds 1 5 --threads 2 --name peers-two-cores-cpu
    python benchmarks/train_step.py --peers --seeds 1 5 --no-batch-norm --name peers-no-batch-norm-cpu
    python benchmarks/train_step.py --model lab --neurons 13741 --batches 256 --seeds 1 --name lab-cpu
    python benchmarks/train_step.py --model unrolled --neurons 1203 --batches 256 --seeds 5 --name unrolled-cpu

All sides of a size take turns, round after round, so that whatever else the machine does falls on all of them; each
ratio is taken within a round, and the table gives the median and, in the file, the smallest and largest. Times are of
training steps, without validation. "alone" is the time of S trainings of one seed, one after another.

A peer is the same model, from the same weights, on the same batches, in torch.func (`vmap(grad)`) or JAX
(`jit(vmap(step))`), all S seeds in one step, against ours in the same precision with as many seeds. "with checks" has
what our step always has: each seed's gradient norm, and a flag that silences a seed that fails.

`--model lab` is the model as its lab trains it later (the end of docs/model.md), `--model unrolled` the published sizes
without batch norm and with the stimulus, 20 steps to an observed row and the loss at 20 and 40. Against ours stands
there the same step written plainly (`benchmarks/plain.py`).
"""

import argparse
import platform
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from benchmarks.figure import draw
from benchmarks.memory import PeakMemory
from benchmarks.models import MODELS, STIMULI, make_stimulus
from benchmarks.rehearsal import RESULTS, on_gpu, stage
from benchmarks.step_sides import PEERS, Side, Training, build, list_sides, usable_peers
from benchmarks.step_table import Rounds, describe, show, show_head, write
from model.config import TrainingConfig
from model.device.cost import Rates, measure_rates
from model.network.network import Network

NEURONS, BATCHES, SEEDS = (443, 1203, 13741), (32, 128, 256, 512, 2048), (1, 5, 10)
QUICK = [(443, 32), (1203, 128), (13741, 512)]
ROWS = 4096  # of the random recording: 225 MB at N = 13,741, so that a batch comes from memory
DEFAULT_DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def measure(
    neurons: int, batch_size: int, sides: list[Side], options: argparse.Namespace, rates: Rates
) -> list[dict[str, Any]]:
    """Measure all sides of one size."""
    device = torch.device(options.device)
    voltages = torch.randn(ROWS, neurons, generator=torch.Generator().manual_seed(0)).to(device)
    stimulus = make_stimulus(options.model, ROWS, device)
    units = options.hidden_units
    settings = {"hidden_units": units, "latent_dims": units, "use_batch_norm": options.batch_norm}
    settings |= MODELS[options.model]
    trainings: dict[Side, Training] = {}
    measured: dict[Side, Rounds] = {}
    for side in sides:
        with PeakMemory(device) as peak:
            trainings[side] = build(side, voltages, stimulus, batch_size, settings)
            started = time.perf_counter()
            run_timed(trainings[side], 5 if on_gpu(device) else 2, device)
            first_steps_s = time.perf_counter() - started
        measured[side] = Rounds(peak.mib, first_steps_s)
    take_turns(trainings, measured, options, device)
    network = Network(TrainingConfig(batch_size=batch_size, **settings), neurons, 0 if stimulus is None else STIMULI)
    return [describe(side, measured, network, rates, options.model) for side in sides]


def take_turns(
    trainings: dict[Side, Training], measured: dict[Side, Rounds], options: argparse.Namespace, device: torch.device
) -> None:
    """Time the sides in turn until the budget is spent; `measured` gets every round.

    Several seeds do as many steps as one does alone in its turn, each lane in one go: in training a lane keeps the
    caches for a whole epoch, and so does here what is compared with it.
    """
    started = time.perf_counter()
    steps = {}
    for side, training in trainings.items():
        seconds = run_timed(training, 2, device)[0] / 2 / (1 if on_gpu(device) else side.seeds)
        steps[side] = max(1 if seconds > 1 else 3, min(20, int(options.turn_s / seconds)))
    rounds = 0
    while rounds < options.rounds or (
        time.perf_counter() - started < options.budget_s and rounds < 10 * options.rounds
    ):
        for side, training in trainings.items():
            seconds, cores = run_timed(training, steps[side], device)
            measured[side].step_s.append(seconds / steps[side])
            measured[side].cores.append(cores)
        rounds += 1


def run_timed(training: Training, steps: int, device: torch.device) -> tuple[float, float]:
    """Seconds that some steps take, the device's work included, and how many cores they kept busy.

    On one core they are the processor's, of all threads, not the clock's: a neighbour then costs caches, but no time.
    """
    clock_s, processor_s = time.perf_counter(), time.process_time()
    training.run(steps)
    if on_gpu(device):
        torch.cuda.synchronize(device)
    clock_s, processor_s = time.perf_counter() - clock_s, time.process_time() - processor_s
    by_clock = on_gpu(device) or torch.get_num_threads() > 1
    return clock_s if by_clock else processor_s, processor_s / clock_s


def machine(device: torch.device, sides: list[Side]) -> dict[str, Any]:
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
        **{name: version(name) for name in ("jax", "jaxlib", "optax") if any(side.program == "jax" for side in sides)},
        "date": datetime.now(UTC).date().isoformat(),
    }


def parse() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=tuple(MODELS), default="published")
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
    parser.add_argument("--peers", nargs="*", choices=PEERS, help="also in these libraries; no name: in all installed")
    parser.add_argument("--no-batch-norm", dest="batch_norm", action="store_false", help="on no side")
    parser.add_argument("--append", action="store_true", help="keep the other sizes of the result file")
    parser.add_argument("--name", default=None, help="of the result files (default: by device)")
    options = parser.parse_args()
    if options.model != "published" and options.peers is not None:
        parser.error("--peers know the published model only")
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
    sides = list(list_sides(options, usable_peers(options)))
    columns = list(dict.fromkeys(side.column for side in sides if side.program in PEERS))
    sizes = QUICK if options.quick else [(n, b) for n in options.neurons for b in options.batches]
    rates = measure_rates(device)
    speeds = ", ".join(f"{name} {rate / 1e9:.0f} GFLOP/s" for name, rate in rates.flops_per_s.items())
    print(f"{machine(device, sides)}\ncopy {rates.copy_bytes_per_s / 1e9:.1f} GB/s, {speeds}\n")
    show_head(sides[0].program, columns)
    rows: list[dict[str, Any]] = []
    failed: list[str] = []
    for neurons, batch_size in sizes:
        try:
            measured = measure(neurons, batch_size, sides, options, rates)
        except RuntimeError as error:  # such as too little memory on the device: the other sizes are still of use
            failed.append(f"{neurons} x {batch_size}: {next(iter(str(error).splitlines()), '')}")
            print(f"FAILED {failed[-1]}", flush=True)
            continue
        for row in measured:
            rows.append(row)
            show(row, sides[0].program, columns)
    name = options.name or f"train_step-{options.device}{'-quick' if options.quick else ''}"
    RESULTS.mkdir(exist_ok=True)
    result: dict[str, Any] = {"machine": machine(device, sides), "rates": vars(rates), "failed": failed, "rows": rows}
    write(result, RESULTS / f"{name}.json", append=options.append)
    print(f"\nwritten: {RESULTS.name}/{name}.json")
    batch_sizes = {row["batch_size"] for row in result["rows"]}
    if len(batch_sizes) > 1 and not (options.together or options.compile):
        draw(result, RESULTS / f"{name}.svg")
    return 1 if failed else 0


if __name__ == "__main__":
    with stage():
        sys.exit(main())
