"""Does a precision change what is reached? Final validation loss of five seeds in each, on the built-in recording.

python benchmarks/precision.py        # about two minutes on one core; rewrites the table in docs/precision.md
"""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, stdev

import torch

from model.trainer import LatentEvolutionTrainer

SEEDS = [1, 12, 123, 1234, 12345]
EPOCHS = 30
RECORDING = {"simulate": {"extent": 2, "steps": 16000, "seed": 0}}
CONFIG = {"learning_rate": 1e-3, "batch_size": 256, "latent_dims": 32, "hidden_units": 64, "use_batch_norm": False}
PRECISIONS = {
    "float32": {"precision": "float32"},
    "tf32": {"precision": "tf32"},
    "bfloat16": {"precision": "bfloat16"},
    "bfloat16, recording too": {"precision": "bfloat16", "recording_precision": "bfloat16"},
}
ROOT = Path(__file__).parent.parent
MARK = "<!-- table of benchmarks/precision.py -->"


def main() -> None:
    """Train, write the result file and the table."""
    torch.set_num_threads(1)
    recording = LatentEvolutionTrainer.prepare_recording(RECORDING)
    rows, baseline = [], 0.0
    for name, settings in PRECISIONS.items():
        if name == "tf32" and not torch.cuda.is_available():
            continue  # on a CPU it is float32
        started = time.perf_counter()
        trainer = LatentEvolutionTrainer({**CONFIG, **settings}, recording, SEEDS)
        *_, last = trainer.train(EPOCHS)
        baseline = trainer.baseline()["validation_loss"]
        losses = [float("nan") if loss is None else float(loss) for loss in last["validation_loss"]]
        rows.append({"precision": name, "validation_loss": losses, "seconds": time.perf_counter() - started})
        print(f"{name}: {mean(losses):.6f} ± {stdev(losses):.6f}", flush=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    result = {"date": datetime.now(UTC).date().isoformat(), "device": device, "torch": torch.__version__}
    result |= {"seeds": SEEDS, "epochs": EPOCHS, "config": CONFIG, "baseline": baseline, "rows": rows}
    out = ROOT / "benchmarks" / "results" / f"precision-{device}.json"
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    page = ROOT / "docs" / "precision.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(MARK)
    after = rest.partition(MARK)[2]
    page.write_text(before + MARK + "\n\n" + table(rows, baseline) + "\n" + MARK + after, encoding="utf-8")


def table(rows: list[dict[str, object]], baseline: float) -> str:
    """Write the losses as Markdown; the last column is the distance of means in seed-to-seed deviations."""
    reference = rows[0]["validation_loss"]
    lines = [
        "| precision | validation loss, mean of 5 seeds | seed-to-seed sd | mean's distance from float32, in sd |",
        "| --- | --- | --- | --- |",
    ]
    for row in rows:
        losses = row["validation_loss"]
        distance = (mean(losses) - mean(reference)) / stdev(reference)
        lines.append(f"| {row['precision']} | {mean(losses):.6f} | {stdev(losses):.6f} | {distance:+.2f} |")
    return "\n".join([*lines, "", f"Baseline (constant model): {baseline:.6f}.", ""])


if __name__ == "__main__":
    main()
