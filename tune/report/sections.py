"""The sections of the report: each is lines of Markdown, none when it has nothing to say."""

import shlex
from collections.abc import Callable, Sequence
from math import isfinite

from tune.ledger import Ledger, Session
from tune.pairs import mean_interval
from tune.report import wording
from tune.report.caveats import caveats
from tune.report.correlations import rank_correlations
from tune.report.markdown import code_block, escape, table
from tune.report.results import Results, cost_of, failed_seeds, failures, leaderboard
from tune.report.sentences import answer, cost_sentences, luck_sentence
from tune.study import Study, dump_study

_MOST_ROWS = 100
_TOP = 5


def _answer(results: Results) -> list[str]:
    return [escape(" ".join(answer(results)))]


def _caveats(results: Results) -> list[str]:
    found = caveats(results)
    return ["## Caveats", "", *(f"- {escape(line)}" for line in found)] if found else []


def _leaderboard(results: Results) -> list[str]:
    rows = leaderboard(results)
    if not rows:
        return []
    top = len(results.study.rungs) - 1
    headings = ["trial", *results.varying, "score", "mean ± sd", "CV", "failed", "reproducibility"]
    headings += ["rung", "epochs", "seconds", "state"]
    cells = []
    for row in rows[:_MOST_ROWS]:
        summary, rung = row.summary, "top" if row.rung == top else str(row.rung)
        seen = [wording.UNKNOWN] * 6
        if summary is not None:
            failed = f"{summary.failed}/{summary.seeds}"
            mean, steady = wording.spread(summary.mean, summary.sd), wording.fixed(summary.reproducibility)
            seen = [wording.number(row.score), mean, wording.percent(summary.cv), failed, steady, rung]
        parameters = [wording.value(value) for value in row.parameters.values()]
        time = wording.seconds(row.seconds)
        cells.append([str(row.number), *parameters, *seen, str(row.epochs), time, row.state])
    more = len(rows) - _MOST_ROWS
    return [
        "## Leaderboard",
        "",
        (
            f"Best first by score; {escape(results.study.score.metric)}, lower is better. Mean, standard deviation and "
            "CV are over the seeds that did not fail. Trials of different rungs are not comparable; `top` is confirmed."
        ),
        "",
        *table(headings, cells, left=("state",)),
        *(["", f"And {wording.count(more, 'more trial')}."] if more > 0 else []),
    ]


def _by_seed(results: Results) -> list[str]:
    shown = [standing for standing in results.ranked if standing.rung is not None and standing.state != "failed"][:_TOP]
    if not shown:
        return []
    study = results.study
    rows = []
    for standing in shown:
        failed = failed_seeds(standing.losses, results.baseline)
        losses = [
            (wording.number(standing.losses[seed]) + (" (failed)" if seed in failed else ""))
            if seed in standing.losses
            else wording.UNKNOWN
            for seed in study.seeds
        ]
        rows.append([str(standing.number), str(standing.epochs), *losses])
    baseline = [f"The constant model's loss is {results.baseline:.6g}."] if isfinite(results.baseline) else []
    return [
        f"## {escape(study.score.metric)} by seed",
        "",
        *table(["trial", "epochs", *(f"seed {seed}" for seed in study.seeds)], rows),
        *(["", *baseline] if baseline else []),
        "",
        *_reproducibility(results),
    ]


def _reproducibility(results: Results) -> list[str]:
    best = results.best
    if best is None or best.summary is None:
        return []
    summary = best.summary
    low, high = mean_interval(summary.mean, summary.sd, summary.seeds - summary.failed)
    rows = [
        ["failure rate", f"{wording.percent(summary.failure_rate, 0)}"],
        ["95% interval of the failure rate (Wilson)", wording.interval(summary.failure_interval)],
        ["mean ± sd over the seeds that did not fail", wording.spread(summary.mean, summary.sd)],
        ["95% interval of that mean (t)", f"{wording.number(low)} to {wording.number(high)}"],
        ["CV", wording.percent(summary.cv)],
        ["mean over all seeds", wording.number(summary.mean_all)],
        ["reproducibility, (1 - failure rate) x (1 - CV)", wording.fixed(summary.reproducibility, 3)],
        ["improvement over the constant model", wording.percent(summary.improvement)],
    ]
    tests = {seed: loss for seed, loss in results.test_losses.items() if isfinite(loss)}
    rows += [[f"test loss, seed {seed}", wording.number(loss)] for seed, loss in tests.items()]
    heading = f"trial {best.number}"
    return ["## Reproducibility", "", *table([heading, "value"], rows, left=(heading,))]


def _lucky(results: Results) -> list[str]:
    lines = [f"- {escape(luck_sentence(results, luck))}" for luck in results.lucky]
    return ["## What one seed would have preferred", "", *lines] if lines else []


def _rungs(results: Results) -> list[str]:
    text = ("rung", "against rung", "trials with")
    names = [_rung(results.study, index) for index in range(len(results.study.rungs))]
    rows = [
        [names[one.lower], names[one.upper], one.group or "all", str(one.trials), wording.fixed(one.value)]
        for one in rank_correlations(results.ledger)
    ]
    if not rows:
        return []
    return [
        "## Rank correlation between rungs",
        "",
        (
            "Whether rungs order trials alike: Spearman's rank correlation of the scores of the trials that reached "
            "both. 1: the earlier rung orders them as the later one does; 0: it does not foretell it; below 0: it "
            "prefers those that end worse. A low value means that the earlier rung says little; a ladder that begins "
            "with more epochs or seeds would be wiser. Only promoted trials are seen at both rungs, so it is measured "
            "among the best of the earlier one, where it tends to be lower than among all. With few trials it may be "
            "chance."
        ),
        "",
        *table([*text, "trials", "rank correlation"], rows, left=text),
    ]


def _rung(study: Study, index: int) -> str:
    rung, name = study.rungs[index], "top" if index == len(study.rungs) - 1 else str(index)
    return f"{name} ({wording.count(rung.epochs, 'epoch')} x {wording.count(rung.seeds, 'seed')})"


def _failures(results: Results) -> list[str]:
    rows = [
        [
            failure.kind.replace("_", " "),
            failure.cause,
            str(failure.deaths),
            " ".join(map(str, failure.trials)),
            failure.log,
        ]
        for failure in failures(results.ledger)
    ]
    if not rows:
        return []
    text = ("class", "cause", "log")
    return [
        "## What went wrong",
        "",
        (
            "By class and cause, in the words of the latest. Deaths are units of work without a result, most of which "
            "were tried again; a trial whose evaluation failed may have gone on without it. Diverged counts seeds."
        ),
        "",
        *table(["class", "cause", "deaths", "trials", "log"], rows, left=text),
    ]


def _cost(results: Results) -> list[str]:
    return ["## Cost", "", *(escape(line) for line in cost_sentences(cost_of(results.ledger)))]


def _again(results: Results) -> list[str]:
    if results.best is None:
        return []
    command = f"latent-tune train {shlex.quote(str(results.ledger.folder / 'best.yaml'))}"
    return ["## Train the winner again", "", *code_block(command, "sh")]


def _how(results: Results) -> list[str]:
    ledger = results.ledger
    rows = [[str(index), *_session(session)] for index, session in enumerate(ledger.sessions, start=1)]
    headings = ["session", "ended", "lasted", "driver", "host", "versions"]
    return [
        "## How it was run",
        "",
        *table(headings, rows, left=("ended", "driver", "host", "versions")),
        "",
        *_growth(ledger),
        f"Redone work: {wording.count(ledger.redone, 'seed-epoch')}. The study file, every default filled in:",
        "",
        *code_block(dump_study(ledger.study).removesuffix("...\n"), "yaml"),
    ]


def _growth(ledger: Ledger) -> list[str]:
    """Says when the study was given more to do; what was decided before rests on what it was then."""
    grown = [(index, one) for index, one in enumerate(ledger.decisions) if one.kind == "grow"]
    lines = []
    for index, decision in grown:
        started = sum(earlier.kind == "start" for earlier in ledger.decisions[:index])
        lines.append(f"- grown after {wording.count(started, 'trial')}: {escape(decision.reason)}")
    return [*lines, ""] if lines else []


def _session(session: Session) -> Sequence[str]:
    detail = session.detail
    versions = {"python": detail.get("python"), **(detail.get("packages") or {})}
    known = ", ".join(f"{package} {version}" for package, version in versions.items() if version)
    lasted = wording.duration(session.closed - session.opened) if session.ended else wording.UNKNOWN
    return [session.ended or "running", lasted, str(detail.get("driver", "")), str(detail.get("host", "")), known]


SECTIONS: tuple[Callable[[Results], list[str]], ...] = (
    _answer,
    _caveats,
    _leaderboard,
    _by_seed,
    _lucky,
    _rungs,
    _failures,
    _cost,
    _again,
    _how,
)
"""In the order of the report: the answer first, how it was run last."""
