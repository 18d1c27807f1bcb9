"""The stored small ledger and the report that must come of it.

python -m tests.fakes.golden            # writes the report anew; look at the difference before it is committed
python -m tests.fakes.golden --ledger   # plays the ledger anew as well
"""

import shutil
import sys
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fakes.clock import Clock
from tests.fakes.ledgers import Player, latent_study
from tune.ledger.ledger import Ledger
from tune.ledger.reader import LedgerReader
from tune.views.report.page import report_of
from tune.views.report.rendering import as_markdown
from tune.views.results import gather

GOLDEN = Path(__file__).parents[1] / "golden"
LEDGER, REPORT = GOLDEN / "batch-norm", GOLDEN / "batch-norm.md"
_PROCESS = {
    "driver": "inline",
    "host": "example",
    "gpus": ["NVIDIA H100 80GB HBM3, 81559 MiB"],
    "pid": 1,
    "python": "3.11.0",
    "packages": {"latent-tune": "0.1.0"},
    "commit": "0123456789abcdef0123456789abcdef01234567-dirty",
}


def main() -> None:
    """Writes what was asked for."""
    if "--ledger" in sys.argv[1:]:
        shutil.rmtree(LEDGER, ignore_errors=True)
        _play(LEDGER)
        shutil.rmtree(LEDGER / "checkpoints")
    REPORT.write_text(golden_report(), encoding="utf-8")


def golden_report() -> str:
    """Returns the report of the stored ledger, read from a copy: a reader may leave files beside SQLite's."""
    with TemporaryDirectory() as place, chdir(place):
        shutil.copytree(LEDGER, LEDGER.name)
        return as_markdown(report_of(gather(LedgerReader.read(Path(LEDGER.name), clock=Clock()))))


def _play(folder: Path) -> None:
    """Plays a study in two sessions, the first interrupted, in which one trial dies and another one is lucky."""
    clock = Clock()
    ledger = Ledger.open(latent_study(), folder, clock=clock, detail=_PROCESS)
    Player(ledger, clock).play(units=9)
    ledger.close("interrupted")
    clock.sleep(3600)
    ledger = Ledger.open(latent_study(), folder, clock=clock, detail=_PROCESS)
    player = Player(ledger, clock, deaths={12: "RuntimeError: CUDA error: device-side assert triggered"})
    player.play()
    player.optimizer.finish()
    ledger.close("finished")


if __name__ == "__main__":
    main()
