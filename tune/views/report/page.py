"""The report of a study, `report.md` and `report.html` with `figures/`, and its winner to train again, `best.yaml`."""

import shlex
from pathlib import Path

from tune.ledger.storage.files import write_atomically
from tune.study import document
from tune.study.trained_by import KINDS
from tune.views import wording
from tune.views.report.blocks import Report
from tune.views.report.sections import sections
from tune.views.results import Results, failed_seeds
from tune.views.sentences import answer

FIGURES = (
    "seeds",
    "curves",
    "gap",
    "stability",
    "parameters",
    "interactions",
    "importance",
    "time",
    "speed",
    "saved",
)
"""The keys of all figures that there are, in their order; other files in `figures/` are not ours."""


def write_report(results: Results, price_per_gpu_hour: float | None = None, out: Path | None = None) -> Path:
    """Writes `report.md`, `report.html` and `figures/` and returns the path of the first.

    Args:
        results: Of the study.
        price_per_gpu_hour: For the cost in money; None: the study's own, if it has one.
        out: A folder that is there; None: the study's.
    """
    from tune.views.report.figures.static import draw_all
    from tune.views.report.rendering import as_html, as_markdown

    report, folder = report_of(results, price_per_gpu_hour), out or results.ledger.folder
    pictures = draw_all(report.figures)
    (folder / "figures").mkdir(exist_ok=True)
    for file, picture in pictures.items():
        _write(folder / file, picture)
    for key in FIGURES:
        if f"figures/{key}.png" not in pictures:  # drawn by an earlier report, and shown no more
            (folder / f"figures/{key}.png").unlink(missing_ok=True)
    _write(folder / "report.html", as_html(report, pictures).encode())
    path = folder / "report.md"
    _write(path, as_markdown(report).encode())
    return path


def report_of(results: Results, price_per_gpu_hour: float | None = None) -> Report:
    """Returns all that the report says: what `report.md` and `report.html` are both made from."""
    return Report(results.study.name, answer(results), _facts(results), sections(results, price_per_gpu_hour))


def write_best(results: Results, out: Path | None = None) -> Path | None:
    """Writes `best.yaml`, with which `latent-tune train` trains the best trial again; None where there is none.

    Args:
        results: Of the study.
        out: A folder that is there; None: the study's.
    """
    best, study, folder = results.best, results.study, out or results.ledger.folder
    path = folder / "best.yaml"
    if best is None:
        path.unlink(missing_ok=True)  # of a time when there was one
        return None
    sure = "confirmed" if best.state == "confirmed" else "provisional, no trial was confirmed yet"
    header = (
        f"# Trial {best.number} of the study {study.name}: {sure}, score {best.score:.6g} "
        f"({len(failed_seeds(best.losses, results.scale))} of {wording.count(len(best.losses), 'seed')} failed).\n"
        f"# Train it again: latent-tune train {shlex.quote(str(folder / 'best.yaml'))}\n"
    )
    again = {
        "name": f"{study.name}-trial-{best.number}",
        **{kind: value for kind, value in study.model_dump(mode="json").items() if kind in KINDS},
        "recording": study.recording,
        "config": {**study.fixed, **best.trial.parameters},
        "seeds": list(results.ledger.seeds(best.number, len(study.rungs) - 1)),
        "epochs": results.ledger.rung(best.number, len(study.rungs) - 1).epochs,
        "metric": study.score.metric,
        **study.score.model_dump(include={"direction", "baseline"}, exclude_none=True),
    }
    _write(path, (header + document.dump(again)).encode())
    return path


def _facts(results: Results) -> list[tuple[str, str]]:
    best = results.best
    if best is None or best.summary is None:
        return []
    summary = best.summary
    return [
        ("winner" if best.state == "confirmed" else "best so far", wording.called(best.trial)),
        (results.study.score.metric, wording.spread(summary.mean, summary.sd)),
        ("failed seeds", f"{summary.failed} of {summary.seeds}"),
        ("reproducibility", wording.fixed(summary.reproducibility)),
        _against_baseline(results, summary.mean),
        ("trials", f"{len(results.ranked):,}"),
        ("seed-epochs", f"{results.ledger.spent:,}"),
    ]


def _against_baseline(results: Results, mean: float) -> tuple[str, str]:
    owner, gain = wording.baseline_owner(results.study.score), wording.gain(mean, results.scale)
    return (f"below {owner}" if results.scale.is_ratio else "better than the baseline by"), gain


def _write(path: Path, content: bytes) -> None:
    write_atomically(path, lambda file: file.write(content))
