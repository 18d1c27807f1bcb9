"""The sections of the report, in its order; one that has nothing to say is left out."""

import shlex
from collections.abc import Callable, Sequence
from math import isfinite

from tune.ledger.reader import LedgerReader
from tune.ledger.records import Session
from tune.study.study import Study, dump_study
from tune.views import wording
from tune.views.one_seed import one_seed_choices
from tune.views.report.blocks import Block, Bullets, Code, Figure, Paragraph, Section, Table
from tune.views.report.caveats import caveats
from tune.views.report.check_section import check_section
from tune.views.report.correlations import rank_correlations
from tune.views.report.figures.axes import Omitted
from tune.views.report.figures.cost import saved, throughput, time_against_loss
from tune.views.report.figures.curves import learning_curves
from tune.views.report.figures.parameters import (
    against_parameters,
    importance,
    importance_of,
    importance_order,
    interactions,
)
from tune.views.report.figures.seeds import gap, loss_by_seed, unrest
from tune.views.report.payment import promise_and_payment
from tune.views.report.plan_section import plan_sections
from tune.views.report.run_tables import cost_sections, overview, performance, reproducibility, short_commit
from tune.views.results import Results, cost_of, failed_seeds, failures, leaderboard
from tune.views.sentences import kept_sentences, luck_sentence

_MOST_ROWS = 100
_TOP = 5


def sections(results: Results, price_per_gpu_hour: float | None) -> list[Section]:
    """Returns all that follows the answer: what limits it, the results, and how they came about.

    Args:
        results: Of the study.
        price_per_gpu_hour: For the cost in money; None: the study's own, if it has one.
    """
    before: tuple[Callable[[Results], list[Section]], ...] = (
        _caveats,
        plan_sections,
        _leaderboard,
        _by_seed,
        reproducibility,
    )
    between: tuple[Callable[[Results], list[Section]], ...] = (_one_seed, _training, _space, _effort)
    after: tuple[Callable[[Results], list[Section]], ...] = (
        _rungs,
        overview,
        performance,
        _failures,
        _again,
        check_section,
        _how,
    )
    return [
        *(section for part in (*before, *between) for section in part(results)),
        *cost_sections(results, price_per_gpu_hour),
        *promise_and_payment(results, price_per_gpu_hour),
        *(section for part in after for section in part(results)),
    ]


def _caveats(results: Results) -> list[Section]:
    found = caveats(results)
    return [Section("Caveats", [Bullets(found)])] if found else []


def _leaderboard(results: Results) -> list[Section]:
    rows = leaderboard(results)
    if not rows:
        return []
    top = len(results.study.rungs) - 1
    headings = ["trial", *results.columns, "score", "mean ± sd", "CV", "failed", "reproducibility"]
    headings += ["rung", "epochs", "seconds", "state"]
    cells = []
    for row in rows[:_MOST_ROWS]:
        summary, rung = row.summary, "top" if row.rung == top else str(row.rung)
        seen = [wording.UNKNOWN] * 6
        if summary is not None:
            failed = f"{summary.failed}/{summary.seeds}"
            mean, steady = wording.spread(summary.mean, summary.sd), wording.fixed(summary.reproducibility)
            seen = [wording.number(row.score), mean, wording.percent(summary.cv), failed, steady, rung]
        parameters = [wording.in_table(row.parameters, name) for name in results.columns]
        time = wording.seconds(row.seconds)
        cells.append([str(row.number), *parameters, *seen, str(row.epochs), time, row.state])
    more = len(rows) - _MOST_ROWS
    rule = results.study.score
    text = (
        f"Best first by score; {rule.metric}, {wording.better(rule)}. Mean, standard deviation and CV are over "
        'the seeds that did not fail. Trials of different rungs are not comparable; "top" is confirmed.'
    )
    if results.study.plan and len({row.epochs for row in rows if row.rung == top}) > 1:
        text += " Arms of unequal epochs are not comparable either; those of the plan's own come first."
    blocks: list[Block] = [Paragraph(text), Table(headings, cells, left=("arm", "state"), caption="Leaderboard")]
    blocks += [Paragraph(f"And {wording.count(more, 'more trial')}.")] if more > 0 else []
    return [Section("Leaderboard", blocks)]


def _by_seed(results: Results) -> list[Section]:
    shown = [standing for standing in results.ranked if standing.rung is not None][:_TOP]
    if not shown:
        return []
    study = results.study
    rows = []
    for standing in shown:
        failed = failed_seeds(standing.losses, results.scale)
        losses = [
            (wording.number(standing.losses[seed]) + (" (failed)" if seed in failed else ""))
            if seed in standing.losses
            else wording.UNKNOWN
            for seed in study.seeds
        ]
        rows.append([str(standing.number), str(standing.epochs), *losses])
    headings = ["trial", "epochs", *(f"seed {seed}" for seed in study.seeds)]
    blocks: list[Block] = [Table(headings, rows, caption=f"{study.score.metric} by seed")]
    if isfinite(results.baseline):
        blocks.append(Paragraph(f"The {wording.baseline_name(study.score)} is {results.baseline:.6g}."))
    return [Section(f"{study.score.metric} by seed", [*blocks, *_figures([loss_by_seed(results)])])]


def _one_seed(results: Results) -> list[Section]:
    choices = one_seed_choices(results)
    blocks: list[Block] = []
    if choices:
        over = "over all its seeds" if all(one.complete for one in choices) else "over shared seeds"
        which = "" if over == "over all its seeds" else ", those that the winner has too"
        text = (
            "Had every trial been trained with one seed only, in full: what would have been chosen among those that "
            f"trained in full on that seed, what would have been published, and what it is {over}{which} (a failed "
            "one counted as in the score)."
        )
        rows = [
            [
                str(one.seed),
                str(one.candidates),
                str(one.chosen.number),
                wording.number(one.loss),
                wording.number(one.expected),
                wording.number(one.winners),
                f"{len(one.failed)}/{len(one.seeds)}",
                f"{one.seed_epochs:,}",
            ]
            for one in choices
        ]
        headings = ["seed", "candidates", "chosen", "its loss there", over, "the winner's", "failed"]
        blocks += [Paragraph(text), Table([*headings, "seed-epochs"], rows, caption="The choice of each seed alone")]
    if results.lucky:
        blocks.append(Bullets([luck_sentence(results, luck) for luck in results.lucky]))
    return [Section("What one seed would have preferred", blocks)] if blocks else []


def _training(results: Results) -> list[Section]:
    found = _figures([learning_curves(results), gap(results), unrest(results)])
    return [Section("Training", found)] if results.ranked else []


def _space(results: Results) -> list[Section]:
    if not results.ranked:
        return []
    if results.study.plan:  # what factors do is measured there, and no model has to guess it
        return [Section("Parameters", _figures([against_parameters(results)]))]
    found = importance_of(results)
    order = importance_order(results, found)
    drawn = [against_parameters(results), interactions(results, order), importance(results, found)]
    return [Section("Parameters", _figures(drawn))]


def _effort(results: Results) -> list[Section]:
    found = _figures([time_against_loss(results), throughput(results), saved(results)])
    return [Section("Time and effort", found)] if results.ranked else []


def _figures(drawn: Sequence[Figure | Omitted]) -> list[Block]:
    """Returns the figures, and one sentence for each that is not drawn."""
    return [
        one if isinstance(one, Figure) else Paragraph(f"{one.title} is not drawn, because {one.why}.") for one in drawn
    ]


def _rungs(results: Results) -> list[Section]:
    text = ("rung", "against rung", "trials with")
    names = [_rung(results.study, index) for index in range(len(results.study.rungs))]
    rows = [
        [names[one.lower], names[one.upper], one.group or "all", str(one.trials), wording.fixed(one.value)]
        for one in rank_correlations(results.ledger)
    ]
    if not rows:
        return []
    said = (
        "Whether rungs order trials alike: Spearman's rank correlation of the scores of the trials that reached both. "
        "1: the earlier rung orders them as the later one does; 0: it does not foretell it; below 0: it prefers those "
        "that end worse. A low value means that the earlier rung says little; a ladder that begins with more epochs or "
        "seeds would be wiser. Only promoted trials are seen at both rungs, so it is measured among the best of the "
        "earlier one, where it tends to be lower than among all. With few trials it may be chance."
    )
    table = Table([*text, "trials", "rank correlation"], rows, left=text, caption="Rank correlation between rungs")
    return [Section("Rank correlation between rungs", [Paragraph(said), table])]


def _rung(study: Study, index: int) -> str:
    rung, name = study.rungs[index], "top" if index == len(study.rungs) - 1 else str(index)
    return f"{name} ({wording.count(rung.epochs, 'epoch')} x {wording.count(rung.seeds, 'seed')})"


def _failures(results: Results) -> list[Section]:
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
    said = (
        "By class and cause, in the words of the latest. Deaths are units of work without a result, most of which were "
        "tried again; a trial whose evaluation failed may have gone on without it. Diverged counts seeds."
    )
    table = Table(["class", "cause", "deaths", "trials", "log"], rows, left=text, caption="Failures by cause")
    kept = [Paragraph(sentence) for sentence in kept_sentences(results.ledger)]
    return [Section("What went wrong", [Paragraph(said), table, *kept])]


def _again(results: Results) -> list[Section]:
    if results.best is None:
        return []
    command = f"latent-tune train {shlex.quote(str(results.ledger.folder / 'best.yaml'))}"
    return [Section("Train the winner again", [Code(command, "sh")])]


def _how(results: Results) -> list[Section]:
    ledger = results.ledger
    rows = [[str(index), *_session(session)] for index, session in enumerate(ledger.sessions, start=1)]
    text = ("ended", "driver", "host", "GPUs", "commit", "versions")
    headings = ["session", "ended", "lasted", "driver", "host", "GPUs", "commit", "versions"]
    seeds = wording.listed([str(seed) for seed in results.study.seeds])
    blocks: list[Block] = [Table(headings, rows, left=text, caption="Processes that worked on the study")]
    blocks += [Bullets(lines)] if (lines := [*_recording(ledger), *_growth(ledger)]) else []
    blocks += [
        Paragraph(
            f"Seeds, in the order in which they are used: {seeds}. "
            f"Interruptions: {cost_of(ledger).interruptions}. "
            f"Redone work: {wording.count(ledger.redone, 'seed-epoch')}. The study file, every default filled in:"
        ),
        Code(dump_study(ledger.study).removesuffix("...\n"), "yaml"),
    ]
    return [Section("How it was run", blocks)]


def _recording(ledger: LedgerReader) -> list[str]:
    """Says what was read of the recording, as the latest process that said it did."""
    said = next((session.read for session in reversed(ledger.sessions) if session.read), [])
    return [f"recording: {line}" for line in said]


def _growth(ledger: LedgerReader) -> list[str]:
    """Says when the study was given more to do, or made from something else: what was decided before rests on that."""
    verbs = {"grow": "grown", "accept": "made from something else"}
    lines = []
    for index, decision in enumerate(ledger.decisions):
        if decision.kind in verbs:
            started = sum(earlier.kind == "start" for earlier in ledger.decisions[:index])
            lines.append(f"{verbs[decision.kind]} after {wording.count(started, 'trial')}: {decision.reason}")
    return lines


def _session(session: Session) -> Sequence[str]:
    detail = session.detail
    versions = {"python": detail.get("python"), **(detail.get("packages") or {})}
    known = ", ".join(f"{package} {version}" for package, version in versions.items() if version)
    lasted = wording.duration(session.closed - session.opened) if session.ended else wording.UNKNOWN
    gpus = "; ".join(map(str, detail.get("gpus") or ())) or "none"
    about = [str(detail.get("driver", "")), str(detail.get("host", ""))]
    return [session.ended or "running", lasted, *about, gpus, short_commit(detail.get("commit")), known]
