"""A picture of the live view: docs/pictures/live-view.svg, of a study that is played to its middle.

    python -m benchmarks.live_view            # a few seconds

The optimizer decides and the view is the real one; losses come from a formula in which small batches with batch norm
shine on some seeds and fail on others, as in the published sweeps. Some trials are in training, and two have died.
"""

import io
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from tests.fakes.ledgers import BASELINE, Clock, Player, latent_study
from tune.callbacks.progress import Progress
from tune.ledger import Ledger
from tune.ledger.driving import Driving

_PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "live-view.svg"
_SLOTS = 4
_UNITS = 63
_SIZE = (120, 34)


def loss(parameters: Mapping[str, Any], seed: int, epoch: int) -> float:
    """Returns a validation loss: larger spread, and failures, with batch norm and small batches."""
    chance = Random(f"{sorted(parameters.items())} {seed}")  # noqa: S311 - nothing secret
    base = 0.019 + 0.02 / (1 + epoch) + 1.1 * abs(parameters["learning_rate"] - 1e-3)
    if parameters["use_batch_norm"] and parameters["batch_size"] < 256:
        failed = seed in (1234, 12345) and chance.random() < 0.5
        return BASELINE * (0.98 + chance.random()) if failed else base * (0.86 + 0.2 * chance.random())
    return base * (1 + chance.gauss(0, 0.035))


def main() -> None:
    """Plays the study, draws its view and writes the picture."""
    os.environ["TZ"] = "UTC"  # the same picture everywhere
    time.tzset()
    study = latent_study(
        name="quickstart",
        search={"method": "random", "trials": 30, "seed": 7, "reduction_factor": 2},
        rungs=[{"epochs": 3, "seeds": 2}, {"epochs": 9, "seeds": 3}, {"epochs": 18, "seeds": 5}],
        budget={"seed_epochs": 2400, "wall_clock": "30min"},
    )
    clock = Clock(1_800_000_000.0)
    with TemporaryDirectory() as place:
        ledger = Ledger.open(study, Path(place) / "quickstart", clock=clock)
        player = Player(ledger, clock, loss, deaths={11: "RuntimeError: no memory"})
        screen = Console(file=io.StringIO(), width=_SIZE[0], height=_SIZE[1], force_terminal=True)
        progress = Progress(ledger, lambda: player.optimizer.in_flight, screen, clock)
        progress.start()
        player.play(_UNITS, after_each=progress.refresh)
        unlucky, *_ = [player.optimizer.next_work() for _ in range(_SLOTS)]
        assert unlucky is not None
        player.optimizer.failed(unlucky, "OutOfMemoryError: CUDA out of memory", kind="out_of_memory")
        player.optimizer.next_work()
        asked = {"CPU": 1.0}
        Driving(written=clock(), asked=asked, slots=_SLOTS, nodes=(), training=(), waiting=()).write(ledger.folder)
        clock.sleep(5)
        progress.refresh()
        paper = Console(
            file=io.StringIO(), record=True, width=_SIZE[0], height=_SIZE[1], force_terminal=True, color_system="256"
        )
        paper.print(progress.view())
        progress.stop()
        ledger.close("interrupted")
    svg = paper.export_svg(title="latent-tune run quickstart", unique_id="live-view")
    svg = re.sub(r"\s*@font-face \{.*?\}\n", "\n", svg, flags=re.DOTALL)  # nothing is fetched from elsewhere
    _PICTURE.parent.mkdir(exist_ok=True)
    _PICTURE.write_text(svg, encoding="utf-8")
    print(_PICTURE)


if __name__ == "__main__":
    main()
