"""Tables of runs and configurations as the published sweeps have them, and of what all of it cost."""

from collections.abc import Iterable, Sequence
from math import isfinite, nan
from statistics import fmean, median
from typing import Any

from tune.scoring.collapse import COLLAPSED_SHARE
from tune.scoring.measured import interval_of
from tune.scoring.standings import Standing
from tune.views import wording
from tune.views.report.blocks import Block, Paragraph, Section, Table
from tune.views.report.figures.axes import seen
from tune.views.report.figures.seeds import unrest_of
from tune.views.results import Cost, Results, cost_of
from tune.views.runs import Run, energy_kwh
from tune.views.sentences import cost_sentences

_MOST_TRIALS = 20
_MIB_TO_MB = 2**20 / 1e6


def overview(results: Results) -> list[Section]:
    """Returns the runs of the best trials: what varies and the final losses, as the published summaries show them."""
    runs = _of_best(results)
    if not runs:
        return []
    metric = results.study.score.metric
    loss = results.scale.loss
    ordered = sorted(runs, key=lambda run: (not isfinite(run.loss), loss(run.loss) if isfinite(run.loss) else 0.0))
    parameters = {one.number: wording.setting_of(results.study, one.trial) for one in results.ranked}
    rows = [
        [
            str(run.trial),
            *(wording.in_table(parameters[run.trial], name) for name in results.columns),
            str(run.seed),
            str(run.epochs),
            *(wording.number(loss) for loss in (run.train_loss, run.loss, run.test_loss)),
            "failed" if run.failed else "",
        ]
        for run in ordered
    ]
    constant = results.ledger.baseline or {}
    said = [f"{name} {value:.6g}" for name, value in constant.items()]
    baseline = f" The constant model's losses: {', '.join(said)}." if said else ""
    first = wording.best_first(results.study.score)
    text = f"Every seed on its own, the {first} {metric} first; only the parameters that vary."
    text += _left_out(results) + baseline
    headings = ["trial", *results.columns, "seed", "epochs", "final train_loss", f"final {metric}", "final test_loss"]
    table = Table(
        [*headings, "failed"],
        rows,
        left=("arm", "failed"),
        caption=f"Runs, the {first} loss first",
    )
    return [Section("Run overview", [Paragraph(text), table])]


def performance(results: Results) -> list[Section]:
    """Returns time, GPU and memory of the runs of the best trials, with the published columns."""
    runs = _of_best(results)
    if not runs:
        return []
    sessions = {number: _session_of(results, number) for number in {run.trial for run in runs}}
    rows = [
        [
            str(run.trial),
            str(run.seed),
            *(wording.seconds(value) for value in (run.epoch_seconds, run.seconds, run.gpu_utilisation)),
            wording.seconds(run.gpu_memory_mib * _MIB_TO_MB),
            *_hardware(sessions[run.trial]),
        ]
        for run in runs
    ]
    headings = [
        "trial",
        "seed",
        "avg_epoch_duration_seconds",
        "training_duration_seconds",
        "avg_gpu_utilization_percent",
        "max_gpu_memory_mb",
        "total_gpu_memory_mb",
        "gpu_type",
        "commit_hash",
    ]
    text = (
        "The columns of the published sweeps. Seeds of a trial train side by side and share the seconds of an epoch. "
        f"A dash: not measured. GPU and commit are those of the process that began the trial.{_left_out(results)}"
    )
    return [
        Section(
            "Performance metrics",
            [
                Paragraph(text),
                Table(headings, rows, left=("gpu_type", "commit_hash"), caption="Time, GPU and memory of runs"),
            ],
        )
    ]


def reproducibility(results: Results) -> list[Section]:
    """Returns how reproducible each of the best configurations is."""
    trials = [one for one in seen(results)[:_MOST_TRIALS] if one.summary is not None]
    if not trials:
        return []
    tests: dict[int, list[float]] = {}
    for run in results.runs:
        if isfinite(run.test_loss) and not run.failed:
            tests.setdefault(run.trial, []).append(run.test_loss)
    rows = [_steadiness(results, one, tests.get(one.number, [])) for one in trials]
    metric = results.study.score.metric
    headings = ["trial", "epochs", "failed", "failure rate, 95%", f"{metric} ± sd", "mean, 95%", "CV", "test_loss"]
    headings += ["mean, all seeds", "sd of last epochs", "reproducibility", "improvement"]
    text = (
        "Failure rate with its Wilson interval; mean, sd and CV over the seeds that did not fail, the mean with its "
        "interval over fresh seeds (t, with the prior spread of the score); sd of the last epochs: the median over the "
        "seeds, in which failed ones count; reproducibility: (1 - failure rate) x "
        "(1 - CV); improvement: of the mean, over the "
        f"{wording.baseline_owner(results.study.score)}. {wording.about_cv(results.scale)}".rstrip()
    )
    if results.features:
        headings.append("effective rank")
        text += (
            " Effective rank of the features (Roy and Vetterli 2007), mean over the seeds, and its share of the "
            f"dimensions; a seed below {wording.percent(COLLAPSED_SHARE, 0)} of them has collapsed."
        )
    text += _left_out(results)
    return [Section("Reproducibility", [Paragraph(text), Table(headings, rows, caption="Reproducibility by trial")])]


def cost_sections(results: Results, price_per_gpu_hour: float | None) -> list[Section]:
    """Returns what the study cost.

    Args:
        results: Of the study.
        price_per_gpu_hour: In whatever currency; None: the study's own, if it has one.
    """
    found = cost_of(results.ledger, price_per_gpu_hour)
    runs = max(1, sum(one.state == "confirmed" for one in results.ranked))
    rows = [
        ["seed-epochs trained", f"{found.spent:,}"],
        ["trained again, in addition", f"{found.redone:,}"],
        ["hours of wall clock", wording.number(found.seconds / 3600, 3)],
        ["GPU-hours", _gpu_hours(found)],
        ["energy of the GPUs, kWh", _energy(results)],
    ]
    if found.money is not None:
        rows.append([f"money, at {found.price:g} per GPU-hour", f"{found.money:,.2f}"])
        rows.append(["money per confirmed trial", f"{found.money / runs:,.2f}"])
    rows.append(["seed-epochs per confirmed trial", f"{found.spent / runs:,.0f}"])
    blocks: list[Block] = [
        Paragraph(" ".join(cost_sentences(found))),
        Table(["cost", "value"], rows, left=("cost",), caption="Cost"),
    ]
    return [Section("Cost", blocks)]


def _of_best(results: Results) -> list[Run]:
    """Returns the runs of the best trials, in the order of the trials."""
    places = {one.number: place for place, one in enumerate(seen(results)[:_MOST_TRIALS])}
    return sorted((run for run in results.runs if run.trial in places), key=lambda run: places[run.trial])


def _left_out(results: Results) -> str:
    more = len(seen(results)) - _MOST_TRIALS
    return f" The best {_MOST_TRIALS} trials; all are in curves/." if more > 0 else ""


def _steadiness(results: Results, one: Standing, tests: Sequence[float]) -> list[str]:
    summary = one.summary
    assert summary is not None
    alive = [loss for loss in one.losses.values() if not results.scale.failed(loss)]
    low, high = interval_of(alive, results.scale, results.study.score) if alive else (nan, nan)
    ends = [value for value in unrest_of(results, one).values() if isfinite(value)]
    spread = f"{wording.number(low)} to {wording.number(high)}" if isfinite(low) else wording.UNKNOWN
    return [
        str(one.number),
        str(one.epochs),
        f"{summary.failed}/{summary.seeds}",
        f"{wording.percent(summary.failure_rate, 0)} ({wording.interval(summary.failure_interval)})",
        wording.spread(summary.mean, summary.sd),
        spread,
        wording.percent(summary.cv),
        wording.number(fmean(tests) if tests else nan),
        wording.number(summary.mean_all),
        wording.number(median(ends) if ends else nan),
        wording.fixed(summary.reproducibility, 3),
        wording.gain(summary.mean, results.scale),
        *([_effective_rank(results, one)] if results.features else []),
    ]


def _effective_rank(results: Results, one: Standing) -> str:
    found = results.features.get(one.number)
    if found is None:
        return wording.UNKNOWN
    said = f"{wording.number(found.effective_rank, 3)} ({wording.percent(found.share, 0)})"
    return f"{said}, {found.collapsed}/{found.seeds} collapsed" if found.collapsed else said


def _session_of(results: Results, number: int) -> dict[str, Any]:
    """Returns the detail of the process that began a trial."""
    started = results.ledger.trials[number].started
    before = [one for one in results.ledger.sessions if one.opened <= started]
    return dict(before[-1].detail) if before else {}


def _hardware(detail: dict[str, Any]) -> Iterable[str]:
    """Returns memory and name of the first GPU, and the commit."""
    name, _, memory = str(next(iter(detail.get("gpus") or ()), "")).rpartition(", ")
    size = memory.removesuffix(" MiB")
    yield wording.seconds(float(size) * _MIB_TO_MB) if size.isdecimal() else wording.UNKNOWN
    yield name or wording.UNKNOWN
    yield short_commit(detail.get("commit")) or wording.UNKNOWN


def short_commit(commit: object) -> str:
    """Returns the first ten letters of a commit, and whether files differed from it; "" for none."""
    if not isinstance(commit, str):
        return ""
    name, dirty, _ = commit.partition("-dirty")
    return f"{name[:10]}{' (changed)' if dirty else ''}"


def _gpu_hours(found: Cost) -> str:
    return "trials have no GPU" if found.gpu_hours is None else wording.number(found.gpu_hours, 3)


def _energy(results: Results) -> str:
    energy = energy_kwh(results.curves)
    return "not measured" if energy is None else wording.number(energy, 3)
