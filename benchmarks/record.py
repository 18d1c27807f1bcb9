"""What benchmarks of the search write, and what on."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"


def record(name: str, what: str, made_by: str, rows: Sequence[Mapping[str, Any]], **about: Any) -> None:
    """Writes `benchmarks/results/<name>.json`: rows, what they are, the command, date and machine; nan as null."""
    today = datetime.now(UTC).date().isoformat()
    result = {"what": what, "made_by": made_by, "date": today, **about, "machine": machine(), "rows": rows}
    text = json.dumps(json.loads(json.dumps(result), parse_constant=lambda _: None), indent=1)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def machine() -> dict[str, Any]:
    """What this ran on."""
    found = {}
    for name in ("optuna", "ray", "smac", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **found,
    }


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Returns the mean and its standard error; the error of one value is nan, which JSON writes as null."""
    return fmean(values), stdev(values) / sqrt(len(values)) if len(values) > 1 else float("nan")
