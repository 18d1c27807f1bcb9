"""The results in the terminal: plain when piped, 80 columns suffice."""

from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from tune.scoring.score import SeedSummary
from tune.views import wording
from tune.views.console import plain_table
from tune.views.lost_work import LOST_TOLD, lost_work
from tune.views.results import Failure, Results, Row, cost_of, failures, leaderboard
from tune.views.sentences import answer, cost_sentences, kept_sentences, lost_sentence, luck_sentence

_MOST_ROWS = 40
_SETTING_WIDTH = 24
_DROPPED_FIRST = ("state", "epochs", "seconds", "CV")
"""When the terminal is narrow; the caption and the other columns still say it."""


@dataclass(frozen=True)
class _Fit:
    """How the leaderboard is made to fit: columns left out, columns close together, parameters in one column."""

    left_out: frozenset[str]
    tight: bool
    together: bool


def print_summary(results: Results, console: Console) -> None:
    """Prints what a study found: leaderboard, winner, lucky trials, failures and cost."""
    rows = leaderboard(results)
    if rows:
        console.print(fitting_leaderboard(results, rows, console))
        _lines(console, ["", *_captions(results, rows)])
    _lines(console, ["", *answer(results)])
    if results.best is not None:
        console.print()
        console.print(seeds_table(results))
    if results.lucky:
        _lines(console, ["", *(luck_sentence(results, luck) for luck in results.lucky)])
    found = failures(results.ledger)
    if found:
        console.print()
        console.print(failure_table(found))
        _lines(console, kept_sentences(results.ledger))
    cost, lost = cost_of(results.ledger), lost_work(results.ledger)
    told = [lost_sentence(lost, cost.price)] if lost.whole.share > LOST_TOLD else []
    _lines(console, ["", f"Cost: {' '.join(cost_sentences(cost))}", *told])


def fitting_leaderboard(results: Results, rows: list[Row], console: Console) -> Table:
    """Returns the leaderboard with as many columns as the console has room for."""
    needless = {"state"} if all(row.state in ("confirmed", "stopped") for row in rows) else set()
    needless |= set() if results.seconds else {"seconds"}
    dropped = tuple(name for name in _DROPPED_FIRST if name != "epochs" or not _unequal(results, rows))
    for together in (False, True):
        left_out = set(needless)
        for name in ("", *dropped):
            left_out.add(name)
            for tight in (False, True):
                fit = _Fit(frozenset(left_out), tight, together)
                table = _leaderboard(results, rows[:_MOST_ROWS], fit)
                if Measurement.get(console, console.options.update(width=1000), table).maximum <= console.width:
                    return table
    return table


def seeds_table(results: Results) -> Table:
    """Returns the best trial's loss by seed, against the baseline."""
    best = results.best
    assert best is not None
    table = plain_table(f"Trial {best.number} by seed")
    for name in ("seed", results.study.score.metric, "vs baseline", *(("test_loss",) if results.test_losses else ())):
        table.add_column(name, justify="right")
    for seed, loss in best.losses.items():
        failed, gain = results.scale.failed(loss), wording.gain(loss, results.scale)
        test = [wording.number(results.test_losses.get(seed))] if results.test_losses else []
        cells = [str(seed), wording.number(loss), "failed" if failed else gain, *test]
        table.add_row(*cells, style="red" if failed else None)
    return table


def failure_table(found: list[Failure]) -> Table:
    """Returns what went wrong."""
    table = plain_table("What went wrong")
    table.add_column("class")
    table.add_column("cause", overflow="fold")
    table.add_column("deaths", justify="right")
    table.add_column("trials", overflow="fold")
    table.add_column("log", overflow="fold")
    for failure in found:
        trials = " ".join(map(str, failure.trials))
        table.add_row(
            failure.kind.replace("_", " "), Text(failure.cause), str(failure.deaths), trials, Text(failure.log)
        )
    return table


def _leaderboard(results: Results, rows: list[Row], fit: _Fit) -> Table:
    table = plain_table("Leaderboard", 0 if fit.tight else 1)
    parameters = ("setting",) if fit.together else results.columns
    columns = ["trial", *parameters, "score", "mean ± sd", "CV", "failed", "R", "rung", "epochs", "seconds", "state"]
    shown = [name for name in columns if name not in fit.left_out]
    for name in shown:
        table.add_column(
            name.replace("_", "\n") if name in parameters else name,
            justify="left" if name in ("state", "setting") else "right",
            no_wrap=name != "setting",
            overflow="fold",
            max_width=_SETTING_WIDTH if name == "setting" else None,
            vertical="bottom",
        )
    unequal = _unequal(results, rows)
    for index, row in enumerate(rows):
        group, before = [
            (one.rung, one.state == "failed", one.epochs if unequal else 0) for one in (row, rows[max(0, index - 1)])
        ]
        if group != before:
            table.add_section()
        cells = _cells(results, row, fit)
        table.add_row(*(cells[name] for name in shown), style=_style(results, row))
    return table


def _cells(results: Results, row: Row, fit: _Fit) -> dict[str, RenderableType]:
    values = {name: Text(wording.parameter(row.parameters, name)) for name in results.columns}
    top = len(results.study.rungs) - 1
    return {
        **({"setting": _setting(results, row)} if fit.together else values),
        **_seen(row.score, row.summary, "±" if fit.tight else " ± "),
        "trial": str(row.number),
        "rung": wording.UNKNOWN if row.rung is None else "top" if row.rung == top else str(row.rung),
        "epochs": str(row.epochs),
        "seconds": wording.seconds(row.seconds),
        "state": row.state,
    }


def _unequal(results: Results, rows: list[Row]) -> bool:
    """Says whether arms of a plan have trained for unequal epochs, so that not all can be ranked against each other."""
    ends = {row.epochs for row in rows if row.rung == len(results.study.rungs) - 1}
    return bool(results.study.plan) and len(ends) > 1


def _setting(results: Results, row: Row) -> Text:
    """Returns what a trial trains, in a narrow column: of a plan the name of its arm."""
    if results.study.plan:
        return Text(wording.folded(wording.parameter(row.parameters, "arm"), _SETTING_WIDTH))
    return Text(wording.setting(row.parameters))


def _seen(score: float, summary: SeedSummary | None, join: str) -> dict[str, RenderableType]:
    if summary is None:
        return dict.fromkeys(("score", "mean ± sd", "CV", "failed", "R"), wording.UNKNOWN)
    return {
        "score": wording.number(score),
        "mean ± sd": wording.spread(summary.mean, summary.sd, join),
        "CV": wording.percent(summary.cv),
        "failed": Text(f"{summary.failed}/{summary.seeds}", style="red" if summary.failed else ""),
        "R": wording.fixed(summary.reproducibility),
    }


def _style(results: Results, row: Row) -> str | None:
    if results.best is not None and row.number == results.best.number:
        return "bold"
    return None if row.state == "confirmed" else "dim"


def _captions(results: Results, rows: list[Row]) -> list[str]:
    metric, rungs = results.study.score.metric, results.study.rungs
    ladder = ", ".join(
        f"{'top' if index == len(rungs) - 1 else index}: {rung.epochs} epochs x {wording.count(rung.seeds, 'seed')}"
        for index, rung in enumerate(rungs)
    )
    more = len(rows) - _MOST_ROWS
    read = f"{metric}, {wording.better(results.study.score)}; mean, sd and CV over the seeds that did not fail"
    apart = ["Arms of unequal epochs are not comparable; those of the plan's own come first."]
    return [
        *([f"... and {wording.count(more, 'more trial')}, all in report.md"] if more > 0 else []),
        f"{read}; R: reproducibility.",
        *([about] if (about := wording.about_cv(results.scale)) else []),
        f"Trials of different rungs are not comparable. Rungs: {ladder}.",
        *(apart if _unequal(results, rows) else []),
    ]


def _lines(console: Console, lines: list[str]) -> None:
    """Prints prose: wrapped at the console's width, nothing in it taken for markup."""
    console.print(Group(*(Text(line) for line in lines)), highlight=False)
