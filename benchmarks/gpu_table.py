"""What a GPU was measured to do, in one table, from the files that gpu.sh has written.

python benchmarks/gpu_table.py
"""

import json
from typing import Any

from benchmarks.rehearsal import RESULTS


def read(name: str) -> dict[str, Any]:
    """Returns a result file; empty where it is not there."""
    file = RESULTS / f"{name}.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found


def main() -> None:
    """Prints it."""
    training, steps = read("gpu_training"), read("train_step-cuda")
    print(f"\n{training.get('device') or steps.get('machine', {}).get('device', 'nothing was measured')}")
    print(f"{'training':<42} {'seeds':>5} {'ms/epoch':>9} {'5,000 epochs, min':>18} {'first epoch, s':>15} {'MiB':>8}")
    for row in training.get("rows", []):
        took = f"{1e3 * row['epoch_s']:>9.1f} {row['minutes_for_5000_epochs']:>18.2f} {row['first_epoch_s']:>15.1f}"
        print(f"{row['name']:<42} {row['seeds']:>5} {took} {row['peak_memory_mib']:>8.0f}")
    print(f"\n{'step (N, batch, seeds)':<26} {'side':<22} {'ms':>8} {'recipe / ours':>18} {'alone / together':>18}")
    for row in steps.get("rows", []):
        model = "" if row.get("model", "published") == "published" else f"{row['model']} "
        size = f"{model}{row['neurons']:,}, {row['batch_size']}, {row['seeds']}"
        recipe = next((name for name in ("published_over_ours", "plain_over_ours") if name in row), "")
        ratios = [row.get(name, {}).get("median") for name in (recipe, "alone_over_together")]
        shown = " ".join(f"{'–' if one is None else f'{one:.2f}':>18}" for one in ratios)
        print(f"{size:<26} {row['side']:<22} {row['step_ms']:>8.2f} {shown}")
    for failed in (*training.get("failed", []), *steps.get("failed", [])):
        print(f"FAILED {failed}")


if __name__ == "__main__":
    main()
