"""The state of a study at this moment, for people and, as JSON, for programs (`docs/status.md` says every key)."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tune.ledger.cluster_state import ClusterState
from tune.ledger.loss_scale import LossScale
from tune.ledger.reader import LedgerReader
from tune.ledger.records import STATES, Decision, Trial
from tune.ledger.servers import not_visited
from tune.scoring.check.checked import check_of
from tune.scoring.standings import Standing, incumbent, recommended, standings
from tune.study.units import show_size
from tune.views import wording
from tune.views.lost_work import LOST_TOLD, lost_work
from tune.views.plan.rounds import ARM_STATES, rounds_of
from tune.views.plan.tables import missing_sentence, plain_rounds
from tune.views.promise import promise_of
from tune.views.results import cost_of, failed_seeds, failure_counts
from tune.views.sentences import direction_hint, gpu_use, kept_sentences, lost_sentence
from tune.views.terminal.cluster import driver_keys, driver_lines
from tune.views.terminal.payment import lost_keys, promise_keys

StudyState = Literal["running", "interrupted", "finished", "stopped", "lost"]

_LATEST = 8


def status(ledger: LedgerReader) -> dict[str, Any]:
    """Returns the study's state as plain values; what is not finite is None, so it is JSON on every reader."""
    ranked = standings(ledger, ledger.in_flight)
    best = best_of(ledger, ranked)
    counts = Counter(standing.state for standing in ranked)
    cost = cost_of(ledger)
    said = {
        "study": ledger.study.name,
        "folder": str(ledger.folder),
        "state": study_state(ledger),
        "reason": _reason(ledger),
        "trials": {state: counts[state] for state in STATES},
        "planned_trials": ledger.study.trials,
        "incumbent": None if best is None else _incumbent(best, ledger.loss_scale),
        "direction": "maximize" if ledger.study.score.maximize else "minimize",
        "baseline": dict(ledger.baseline) if ledger.baseline is not None else None,
        "scored_baseline": ledger.scored_baseline,
        "direction_hint": direction_hint(ledger) or None,
        "seed_epochs_spent": cost.spent,
        "seed_epochs_redone": cost.redone,
        "gpu_hours_used": cost.gpu_hours,
        "gpu_hours_budget": cost.gpu_hours_budget,
        "money_used": cost.money,
        "money_budget": cost.money_budget,
        "price_per_gpu_hour": cost.price,
        "seconds": cost.seconds,
        "promise": promise_keys(promise_of(ledger, cost)),
        "lost": lost_keys(lost_work(ledger), cost.price),
        "checkpoint_bytes": None if (usage := ledger.usage()) is None else usage.size,
        "sessions": [session.ended for session in ledger.sessions],
        "check": None if (check := check_of(ledger)) is None else check.plain,
        "failures": dict(Counter(attempt.cause for trial in ledger.trials for attempt in trial.attempts)),
        "failure_classes": failure_counts(ledger),
        "dead_seeds": {str(trial.number): sorted(trial.given_up) for trial in ledger.trials if trial.given_up},
        "rounds": plain_rounds(rounds_of(ledger, ranked)),
        "driver": driver_keys(ClusterState.read(ledger.folder), time.time()),
    }
    plain: dict[str, Any] = wording.plain(said)
    return plain


def best_of(ledger: LedgerReader, ranked: list[Standing]) -> Standing | None:
    """Returns the best trial so far; of a study that nobody works on only one that can be recommended."""
    return incumbent(ranked) if ledger.live else recommended(ranked)


def study_state(ledger: LedgerReader) -> StudyState:
    """Returns running while a process works on the study, otherwise how the last one ended; lost: it was killed."""
    if ledger.live:
        return "running"
    ended = ledger.sessions[-1].ended if ledger.sessions else ""
    for state in ("interrupted", "finished", "stopped"):
        if ended == state:
            return state
    return "lost"


def print_status(ledger: LedgerReader, console: Console) -> None:
    """Prints the study's state: trials by state, the best so far, which trials wait or run, the latest decisions."""
    ranked = standings(ledger, ledger.in_flight)
    counts = Counter(standing.state for standing in ranked)
    states = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state]) or "none yet"
    cost = cost_of(ledger)
    redone = f" ({cost.redone:,} trained again)" if cost.redone else ""
    spent = wording.count(cost.spent, "seed-epoch")
    gpus = "" if cost.gpu_hours is None else f", {gpu_use(cost)}"
    lost = lost_work(ledger)
    lines = [
        ("trials", f"{len(ranked)} of {ledger.study.trials}: {states}"),
        ("trained", f"{spent}{redone} in {wording.duration(cost.seconds)}{gpus}"),
        *([("lost", lost_sentence(lost, cost.price))] if lost.whole.share > LOST_TOLD else []),
        ("stored", _stored(ledger)),
        *_best(ledger, ranked),
        *_rounds(ledger, ranked),
        *_unfinished(ledger, ranked),
        *_failures(ledger),
        *(("", sentence) for sentence in kept_sentences(ledger)),
        *([("doubt", hint)] if (hint := direction_hint(ledger)) else []),
        *driver_lines(ClusterState.read(ledger.folder), ledger.study, ledger.live, time.time()),
    ]
    decisions = [decision for decision in ledger.decisions if decision.of_search][-_LATEST:]
    console.print(Text(f"{ledger.study.name}: {study_state(ledger)}  ({ledger.folder})"), soft_wrap=True)
    if reason := _reason(ledger):
        console.print(Text(reason), soft_wrap=True)
    console.print(_two_columns(lines))
    if decisions:
        console.print()
        console.print(_two_columns([_decision(decision) for decision in decisions]))


def _reason(ledger: LedgerReader) -> str | None:
    """Returns why the last process ended, None where it simply finished, or while one works."""
    last = next((one for one in reversed(ledger.decisions) if one.kind in ("open", "close")), None)
    return (last.reason or None) if last is not None and last.kind == "close" else None


def _stored(ledger: LedgerReader) -> str:
    usage = ledger.usage()
    if usage is None:
        return not_visited(ledger.checkpoints.folder.place)
    return f"{wording.count(usage.files, 'checkpoint')}, {show_size(usage.size)}"


def _two_columns(lines: Sequence[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, min_width=8)
    for label, line in lines:
        grid.add_row(Text(label, style="bold"), Text(line))
    return grid


def _incumbent(best: Standing, scale: LossScale) -> dict[str, Any]:
    summary = best.summary
    assert summary is not None
    return {
        "number": best.number,
        "parameters": dict(best.trial.parameters),
        "score": best.score,
        "confirmed": best.state == "confirmed",
        "rung": best.rung,
        "epochs": best.epochs,
        "losses": {str(seed): loss for seed, loss in best.losses.items()},
        "failed_seeds": list(failed_seeds(best.losses, scale)),
        "failure_rate": summary.failure_rate,
        "failure_interval": list(summary.failure_interval),
        "mean": summary.mean,
        "sd": summary.sd,
        "cv": summary.cv,
        "reproducibility": summary.reproducibility,
        "improvement": summary.improvement,
    }


def _best(ledger: LedgerReader, ranked: list[Standing]) -> list[tuple[str, str]]:
    best = best_of(ledger, ranked)
    if best is None or best.summary is None:
        reached = any(one.rung is not None for one in ranked)
        why = "none: every seed of the best trial failed" if reached else "none yet: no trial has reached a rung"
        return [("best", why)]
    sure = "confirmed" if best.state == "confirmed" else "provisional"
    summary = best.summary
    failed = f"{summary.failed} of {wording.count(summary.seeds, 'seed')} failed"
    loss = f"score {wording.number(best.score)}, mean {wording.spread(summary.mean, summary.sd)}"
    return [
        ("best", f"trial {best.number}, {sure}: {wording.setting_and_arm(ledger.study, best.trial)}"),
        ("", f"{loss}, {failed}, after {wording.count(best.epochs, 'epoch')}"),
    ]


def _rounds(ledger: LedgerReader, ranked: list[Standing]) -> list[tuple[str, str]]:
    """Returns how far each round of a plan is, and what is missing."""
    rounds = rounds_of(ledger, ranked)
    lines = []
    for of in rounds:
        counts = Counter(row.state for row in of.rows)
        states = ", ".join(f"{counts[state]} {state}" for state in ARM_STATES if counts[state]) or "none yet"
        waits = "" if of.begun is not None else "; not begun"
        lines.append(("round", f"{of.name}: {states}{waits}"))
    return [*lines, *([("missing", said)] if (said := missing_sentence(rounds)) else [])]


def _unfinished(ledger: LedgerReader, ranked: list[Standing]) -> list[tuple[str, str]]:
    lines = []
    for state in ("running", "waiting"):
        open_trials = sorted((standing.trial for standing in ranked if standing.state == state), key=lambda t: t.number)
        shown = [f"{trial.number} ({_headway(ledger, trial)})" for trial in open_trials]
        if shown:
            lines.append((state, f"trial{'s' if len(shown) > 1 else ''} {', '.join(shown)}"))
    return lines


def _failures(ledger: LedgerReader) -> list[tuple[str, str]]:
    """Returns what went wrong, by class, in one line; none when nothing did."""
    said = []
    for kind, counts in failure_counts(ledger).items():
        (unit, count), trials = next(iter(counts.items())), counts["trials"]
        if count:
            said.append(
                f"{kind.replace('_', ' ')} {wording.count(count, unit[:-1])} of {wording.count(trials, 'trial')}"
            )
    return [("failures", ", ".join(said))] if said else []


def _headway(ledger: LedgerReader, trial: Trial) -> str:
    trained, seeds = ledger.trained(trial.number), ledger.seeds(trial.number, trial.rung)
    whole = ledger.rung(trial.number, trial.rung).epochs * len(seeds)
    return f"{sum(trained[seed] for seed in seeds)} of {whole} seed-epochs to rung {trial.rung}"


def _decision(decision: Decision) -> tuple[str, str]:
    at = wording.time_of_day(decision.time)
    said = decision.reason if decision.kind != "start" else f"started: {decision.reason}"
    return at, said if decision.kind == "round" else f"trial {decision.trial} {said}"
