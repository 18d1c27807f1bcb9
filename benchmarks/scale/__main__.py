"""What does the tuner itself cost, and does that stay the same as a study grows?

    python -m benchmarks.scale decisions [--trials 100 1000 10000] [--slots 64] [--folder DIR]
    python -m benchmarks.scale slots [--trials 12] [--seconds 10]
    python -m benchmarks.scale overhead [--trials 40 200] [--repetitions 3]

`decisions`: studies of so many trials on five seeds and four rungs, whose trainer does nothing, are worked on by the
simulated driver, on virtual slots, with the live view and TensorBoard. Measured are CPU seconds of what every driver
asks of the tuner (`Job.next_work`, `Job.take`), not of the units of work; peak memory; what the study takes on disk;
and CPU seconds to open it, for its status and for its report. CPU seconds because other programs on the machine
lengthen every wall clock; each study runs in a process of its own. Those of less than 10,000 trials, which are over
in seconds, are played five times: told is the one whose decisions cost the median, with the least and the most.
`--folder` may lie in memory (/dev/shm), where waiting for a disk takes no time; it uses no CPU either way. Beside the
average over each study stands what a decision costs while a study has about 100, 1,000 and 10,000 trials: a small study
is mostly its beginning, where nothing is known yet and little to be computed.

`slots`: trials that sleep, on two slots of a local Ray: the share of slot time in which something was trained, from
when both slots have begun their second trial until one has nothing left, and the time from one trial's end to the next
one's beginning on the same slot. The first such pause of all is said apart.

`overhead`: wall seconds per trial that does nothing on two slots of a local Ray just started: ours, and Ray Tune alone
with reused actors, one after the other, again and again. Both keep what comes of a trial: ours in the ledger, Ray Tune
in the files that it writes unless it is told not to. Both draw their settings at random, and neither loads PyTorch;
`ours_with_tpe` is a study whose settings TPE suggests. Starting and ending a run is part of it on all sides.

Each writes its part of benchmarks/results/scale.json.
"""

import argparse
import json
import sys
from pathlib import Path

from benchmarks.record import RESULTS, record
from benchmarks.scale.decisions import decisions, looked_at, measure_decisions
from benchmarks.scale.on_ray import measure_overhead, measure_slots


def main() -> int:
    """Runs one part of the benchmark, and puts it into the results beside the others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["decisions", "slots", "overhead", "one", "look"])
    parser.add_argument("--trials", type=int, nargs="+")
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    given = {"decisions": [100, 1000, 10_000], "slots": [12], "overhead": [40, 200]}
    options.trials = options.trials or given.get(options.part)
    if options.part == "one":
        print(json.dumps(decisions(options.trials[0], options.slots, options.folder)))
    elif options.part == "look":
        print(json.dumps(looked_at(options.folder)))
    else:
        measure = {"decisions": measure_decisions, "slots": measure_slots, "overhead": measure_overhead}[options.part]
        rows = [{"part": options.part, **row} for row in measure(options)]
        path = RESULTS / "scale.json"
        there = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
        rows = [row for row in there if row["part"] != options.part] + rows
        record("scale", "what the tuner itself costs", "python -m benchmarks.scale decisions | slots | overhead", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
