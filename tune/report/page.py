"""The report of a study, `report.md`, and its winner to train again, `best.yaml`."""

import shlex
from pathlib import Path

from tune import document
from tune.ledger import Ledger
from tune.ledger.files import write_atomically
from tune.report import wording
from tune.report.markdown import escape
from tune.report.results import failed_seeds, gather
from tune.report.sections import SECTIONS


def write_report(ledger: Ledger) -> Path:
    """Writes `report.md` into the study folder and returns its path."""
    results = gather(ledger)
    lines = [f"# {escape(ledger.study.name)}", ""]
    for section in SECTIONS:
        found = section(results)
        lines += [*found, ""] if found else []
    path = ledger.folder / "report.md"
    _write(path, "\n".join(lines))
    return path


def write_best(ledger: Ledger) -> Path | None:
    """Writes `best.yaml`, with which `latent-tune train` trains the best trial again; None before there is one."""
    results = gather(ledger)
    best, study = results.best, ledger.study
    if best is None:
        return None
    sure = "confirmed" if best.state == "confirmed" else "provisional, no trial was confirmed yet"
    header = (
        f"# Trial {best.number} of the study {study.name}: {sure}, score {best.score:.6g} "
        f"({len(failed_seeds(best.losses, results.baseline))} of {wording.count(len(best.losses), 'seed')} failed).\n"
        f"# Train it again: latent-tune train {shlex.quote(str(ledger.folder / 'best.yaml'))}\n"
    )
    again = {
        "name": f"{study.name}-trial-{best.number}",
        "trainer": study.trainer,
        "recording": study.recording,
        "config": {**study.fixed, **best.trial.parameters},
        "seeds": list(study.seeds[: study.top.seeds]),
        "epochs": study.top.epochs,
        "metric": study.score.metric,
    }
    path = ledger.folder / "best.yaml"
    _write(path, header + document.dump(again))
    return path


def _write(path: Path, text: str) -> None:
    write_atomically(path, lambda file: file.write(text.encode()))
