"""How long a trainer takes to start: import, recording mapped, first step. Each time in a process of its own.

python benchmarks/start.py
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import numpy as np

NEURONS, ROWS, REPEATS = 13_741, 6000, 5
RESULTS = Path(__file__).parent / "results"
ONE_STEP = """
import sys, torch
from model.trainer import LatentEvolutionTrainer
torch.set_num_threads(1)
split = {"train": [0, 257], "validation": [300, 302], "test": [400, 402]}
recording = {"path": sys.argv[1], "split": split}
list(LatentEvolutionTrainer({"batch_size": 256, "device": "cpu"}, recording, [1]).train(1))
"""


def main() -> None:
    """Measure, print, write the result file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording.npy"
        np.save(path, np.random.default_rng(0).standard_normal((ROWS, NEURONS), dtype=np.float32))
        seconds, processor = [], []
        for _ in range(REPEATS + 1):  # the first one also compiles Python's own files
            started, used = time.perf_counter(), _children_s()
            subprocess.run([sys.executable, "-c", ONE_STEP, str(path)], check=True)
            seconds.append(time.perf_counter() - started)
            processor.append(_children_s() - used)
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "neurons": NEURONS,
        "rows": ROWS,
        "median_s": median(seconds[1:]),
        "range_s": [min(seconds[1:]), max(seconds[1:])],
        "processor_median_s": median(processor[1:]),
    }
    print(result)
    (RESULTS / "start-cpu.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _children_s() -> float:
    """Processor seconds of all processes that have ended: what a busy machine does not add to."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
