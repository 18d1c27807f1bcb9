"""One training, no tuner: what `latent-tune train` does.

The training file is what a study writes as `best.yaml`:

    name: quickstart-trial-17
    trainer: model.trainer:LatentEvolutionTrainer
    recording: {simulate: {extent: 1}}
    config: {learning_rate: 0.001, batch_size: 256, latent_dims: 32, use_batch_norm: false}
    seeds: [1, 12, 123]
    epochs: 27
"""

import shlex
from collections.abc import Callable, Collection, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from tune.adapters.loading import load
from tune.cli.session.origin import (
    TRIAL,
    claim,
    refuse_other_training,
    study_beside,
    training_origin,
    working_folder_of,
    write_json,
)
from tune.drivers.config_checks import config_mistakes
from tune.drivers.process_state import limit_threads
from tune.drivers.reports import Death, EpochReport, Evaluation, Unsaved
from tune.drivers.unit import TrainingSettings, Unit
from tune.errors import FileMistakes, Interrupted, LatentTuneError, UserMistake
from tune.ledger.checkpoints.adoption import adopt
from tune.ledger.checkpoints.store import CheckpointStore
from tune.ledger.curves.history import EVALUATED, Runs, refuse_unscored
from tune.ledger.curves.store import CurveStore
from tune.ledger.log import log
from tune.ledger.reader import LedgerReader
from tune.ledger.storage.disk_space import disk_troubles
from tune.ledger.storage.folders import LocalFolder
from tune.optimizer.work import Work
from tune.scoring.measured import scale_of, summary_of
from tune.study import document
from tune.study.trained_by import trained_by_mistakes
from tune.study.training import Training
from tune.trainer import TrainerClass, describe_recording, direction_of, prepare_recording


def train(
    path: Path,
    results: Path,
    overrides: list[str],
    should_stop: Callable[[], bool],
    console: Console,
    *,
    accepted: Collection[str] = (),
) -> None:
    """Trains what a file says; asked twice, it continues or shows what is there.

    Writes `training.yaml`, `curves/`, `checkpoints/` and `metrics.json` into `results/<name>`.

    Args:
        path: The training file.
        results: Where the output folder is made.
        overrides: `path=value`, as for a study.
        should_stop: Asked between epochs.
        console: Where progress and the result are shown.
        accepted: What may be another than when the training began: `recording`, `code`.

    Raises:
        UserMistake: If the file or the recording cannot be used, or the folder holds another training.
        Interrupted: If it was asked to stop; running it again continues.
        DiskFull: If the disk is full; so it does once there is space.
    """
    study = study_beside(path)
    training, trainer, folder = _read(path, results, overrides, study)
    refuse_other_training(folder, training)
    again = f"latent-tune train {shlex.quote(str(path))}"
    made_from = training_origin(training, folder, accepted, again, study)
    recording = _prepare(path, training, trainer, console)
    claim(folder, training, made_from)
    store = CheckpointStore(LocalFolder(folder / "checkpoints"))
    again = f"continue with: {again}"
    done = _done(store, folder, training)
    if done < training.epochs or not _evaluated(folder):
        work = Work(TRIAL, training.config, tuple(training.seeds), done, training.epochs)
        unit = Unit(
            lambda: trainer, recording, work, TrainingSettings(str(folder), store.folder.place, None, training.threads)
        )
        with disk_troubles(folder, again):
            done = _run(unit, training, folder, should_stop, console)
            store.prune(TRIAL, dict.fromkeys(training.seeds, done))
    if done < training.epochs:
        raise Interrupted(f"stopped after epoch {done} of {training.epochs}; {again}")
    _show(folder, training, console)


def profile(path: Path, results: Path, overrides: list[str], console: Console) -> None:
    """Times some steps of a training and throws them away; writes `trace.json` and `profile.json` into its folder.

    Args:
        path: The training file.
        results: Where the output folder is made.
        overrides: `path=value`, as for a study.
        console: Where the summary is shown.

    Raises:
        UserMistake: If the file or the recording cannot be used, or the trainer does not offer to be profiled.
    """
    training, kind, folder = _read(path, results, overrides, study_beside(path))
    if not callable(getattr(kind, "profile", None)):
        raise UserMistake(f"trainer: {training.what_trains} cannot be profiled: it has no method profile(trace)")
    recording = _prepare(path, training, kind, console)
    claim(folder, training)
    limit_threads(training.threads)
    trainer: Any = kind(training.config, recording, training.seeds, None)
    try:
        figures = dict(trainer.profile(folder / "trace.json"))
    finally:
        trainer.close()
    write_json(folder / "profile.json", figures)
    table = Table(title=f"{training.name}: where the time goes", show_header=False)
    for name, value in figures.items():
        shares = value if isinstance(value, Mapping) else {"": value}
        for part, number in shares.items():
            table.add_row(name.replace("_", " "), part, f"{number:,.2f}" if isinstance(number, float) else str(number))
    console.print(table)
    console.print(f"{folder / 'trace.json'}: open it in https://ui.perfetto.dev or chrome://tracing")


def _read(
    path: Path, results: Path, overrides: list[str], study: LedgerReader | None
) -> tuple[Training, TrainerClass, Path]:
    """Returns a training, its trainer, and its output folder; from here on it works where the study did."""
    file = document.read(path)
    for override in overrides:
        document.assign_text(file, override)
    training, mistakes = document.validate(Training, file)
    if training is not None and len(set(training.seeds)) < len(training.seeds):
        mistakes.append(file.mistake(("seeds",), f"each seed once, got {training.seeds}"))
    if training is not None:
        mistakes += [file.mistake(at, said) for at, said in trained_by_mistakes(training, training.config)]
    if training is None or mistakes:
        raise FileMistakes(path, mistakes)
    if study is not None:
        (results,) = working_folder_of(study, results)
    trainer = load(training)
    direction = direction_of(trainer, training.metric, training.direction, "direction")
    training = training.model_copy(update={"direction": direction})
    against = config_mistakes(trainer, training.config, dict.fromkeys(training.config, "config"))
    if against:
        raise FileMistakes(path, [file.mistake(mistake.path.split("."), mistake.message) for mistake in against])
    return training, trainer, results / training.name


def _prepare(path: Path, training: Training, trainer: TrainerClass, console: Console) -> Mapping[str, Any]:
    """Returns the recording, and says what was read of it; a configuration that does not fit it is refused."""
    recording = prepare_recording(trainer, training.recording)
    against = config_mistakes(trainer, training.config, dict.fromkeys(training.config, "config"), recording)
    if against:
        raise FileMistakes(path, against)
    for line in describe_recording(trainer, recording):
        console.print(Text(f"recording: {line}"), highlight=False, soft_wrap=True)
    return recording


def _done(store: CheckpointStore, folder: Path, training: Training) -> int:
    """Returns the last epoch at which every seed has a checkpoint and its whole curve."""
    epochs = adopt(store, TRIAL, training.what_trains, training.config)
    runs = _runs(CurveStore(folder / "curves", writable=True), training)
    common = set.intersection(*(set(epochs.get(seed, ())) for seed in training.seeds))
    trained = min(len(runs.curve(TRIAL, seed)) for seed in training.seeds)
    return max((epoch for epoch in common if epoch <= trained), default=0)


def _runs(curves: CurveStore, training: Training) -> Runs:
    runs = Runs(training.metric)
    for table in curves.tables(TRIAL + 1):
        runs.take_table(table)
    return runs


def _evaluated(folder: Path) -> bool:
    """Says whether the last epoch waits for no evaluation: one that was cut short or failed is done again."""
    table = CurveStore(folder / "curves", writable=False).table()
    marks = table[EVALUATED].to_pylist() if EVALUATED in table.column_names else []
    return 0 not in marks


def _run(unit: Unit, training: Training, folder: Path, should_stop: Callable[[], bool], console: Console) -> int:
    curves = CurveStore(folder / "curves", writable=True)
    done = unit.work.from_epoch
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, disable=not console.is_terminal)
    try:
        with bar:
            task = bar.add_task("epochs", total=training.epochs, completed=done)
            for report in unit.news():
                if isinstance(report, Death):
                    raise _died(report, folder)
                if isinstance(report, Unsaved):
                    raise report.error(folder)
                if isinstance(report, Evaluation):
                    metrics = {**report.metrics, EVALUATED: [1.0] * len(training.seeds)}
                    curves.append(TRIAL, unit.work.seeds, report.epoch, metrics)
                    continue
                if done == unit.work.from_epoch:
                    if not report.evaluates:
                        refuse_unscored(report.metrics, training.metric, "training", "metric")
                    write_json(folder / "baseline.json", report.baseline)
                if report.featureless is not None:
                    log.warning("no figures of the features, features() ended in %s", report.featureless.cause)
                done = report.epoch
                due = report.evaluates and report.epoch == training.epochs
                metrics = {**report.metrics, **({EVALUATED: [0.0] * len(training.seeds)} if due else {})}
                curves.append(TRIAL, unit.work.seeds, report.epoch, metrics)
                bar.update(task, completed=done, description=_now(report, training))
                if should_stop() and done < training.epochs:
                    if (death := unit.save()) is not None:
                        raise _died(death, folder)
                    break
        curves.sync()
    finally:
        unit.close()
        curves.show_each_row_once()
    return done


def _died(death: Death, folder: Path) -> LatentTuneError:
    """Returns what the death of the trainer means; its traceback is kept."""
    (folder / "latent-tune.log").write_text(death.text, encoding="utf-8")
    what = "evaluation" if death.kind == "evaluation" else "training"
    return LatentTuneError(f"the {what} died: {death.cause} (log: {folder / 'latent-tune.log'})")


def _now(report: EpochReport, training: Training) -> str:
    losses = [loss for loss in report.metrics.get(training.metric, ()) if loss is not None and isfinite(loss)]
    mean = f"{sum(losses) / len(losses):.5f}" if losses else "–"
    return f"epoch {report.epoch}, {training.metric} {mean} over {len(losses)} of {len(training.seeds)} seeds"


def _show(folder: Path, training: Training, console: Console) -> None:
    """Prints the last epoch of every seed, and writes it as metrics.json."""
    baseline = _baseline(folder / "baseline.json")
    rows = CurveStore(folder / "curves", writable=False).table().to_pylist()
    last = {row["seed"]: row for row in rows if row["epoch"] == training.epochs}
    runs = _runs(CurveStore(folder / "curves", writable=False), training)
    losses = {seed: runs.loss(TRIAL, seed, training.epochs) for seed in last}
    values = [losses[seed] for seed in training.seeds]
    limit = baseline.get(training.metric) if training.baseline is None else training.baseline
    scale = scale_of(values, maximize=training.direction == "maximize", baseline=limit)
    summary = summary_of(values, scale)
    metrics = {
        "epochs": training.epochs,
        "baseline": baseline,
        "seeds": {str(seed): _finite(last[seed]) for seed in training.seeds},
        "failed_seeds": [seed for seed in training.seeds if scale.failed(losses[seed])],
        "summary": _finite(vars(summary)),
    }
    write_json(folder / "metrics.json", metrics)
    known = {name for row in last.values() for name in row}
    usual = "train_loss", "validation_loss", "test_loss", training.metric
    shown = [name for name in dict.fromkeys(usual) if name in known]
    table = Table(title=f"{training.name}: {training.epochs} epochs")
    for heading in ("seed", *shown, ""):
        table.add_column(heading, justify="right")
    for seed in training.seeds:
        cells = [f"{_number(last[seed].get(name)):.6f}" for name in shown]
        table.add_row(str(seed), *cells, Text("failed", style="red") if scale.failed(losses[seed]) else "")
    console.print(table)
    console.print(
        f"{training.metric} {summary.mean:.6f} ± {summary.sd:.6f} over the seeds that did not fail; "
        f"{summary.failed} of {summary.seeds} failed; baseline {'unknown' if limit is None else f'{limit:.6f}'}; "
        f"reproducibility {summary.reproducibility:.3f}"
    )
    console.print(f"curves, checkpoints and metrics.json are in {folder}")


def _baseline(file: Path) -> dict[str, float]:
    try:
        return TypeAdapter(dict[str, float]).validate_json(file.read_bytes())
    except (OSError, ValueError) as error:
        raise UserMistake(
            f"{file}: must hold one number by metric, and is damaged or gone; remove {file.parent} and train again"
        ) from error


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: None if isinstance(value, float) and not isfinite(value) else value for key, value in values.items()}
