"""What was promised of a study, what it came to, and what of that was lost."""

from collections.abc import Callable

from tune.ledger.reader import LedgerReader
from tune.views import wording
from tune.views.lost_work import Loss, LostWork, lost_work
from tune.views.promise import PAID, Measure, Promise, Promised, promise_of
from tune.views.report.blocks import Block, Paragraph, Section, Table
from tune.views.results import Results, cost_of
from tune.views.sentences import LOST_BY, lost_sentence

_NAMES: dict[Measure, str] = {
    "wall_clock_s": "time",
    "gpu_hours": "GPU-hours",
    "money": "money",
    "seed_epochs": "seed-epochs",
    "confirmed": "confirmed trials",
}


def _money(amount: float) -> str:
    return f"{amount:,.2f}"


def _hours(hours: float) -> str:
    return wording.number(hours, 3)


def _whole(count: float) -> str:
    return f"{count:,.0f}"


_SHOWN: dict[Measure, Callable[[float], str]] = {
    "wall_clock_s": wording.duration,
    "gpu_hours": _hours,
    "money": _money,
    "seed_epochs": _whole,
    "confirmed": _whole,
}


def promise_and_payment(results: Results, price_per_gpu_hour: float | None) -> list[Section]:
    """Returns estimate beside bill, where a check made one, and what failures cost.

    Args:
        results: Of the study.
        price_per_gpu_hour: In whatever currency; None: the study's own, if it has one.
    """
    ledger = results.ledger
    if not ledger.spent and not any(trial.attempts for trial in ledger.trials):
        return []
    cost = cost_of(ledger, price_per_gpu_hour)
    promise, lost = promise_of(ledger, cost), lost_work(ledger)
    blocks = [] if promise is None else _promise(promise)
    blocks.append(Paragraph(" ".join([lost_sentence(lost, cost.price), *_unknown(ledger, lost)])))
    blocks += [_lost(lost, cost.price)] if lost.losses else []
    return [Section("Promise and payment", blocks)]


def _promise(promise: Promise) -> list[Block]:
    rows = [
        [_NAMES[name], _SHOWN[name](one.median), _interval(name, one), _bill(name, one.bill), _verdict(one)]
        for name, one in promise.measures.items()
    ]
    for name in PAID:
        if name in promise.per_confirmed:
            told, bill = (_bill(name, value) for value in promise.per_confirmed[name])
            rows.append([f"{_NAMES[name]} per confirmed trial", told, wording.UNKNOWN, bill, ""])
    judged = [one.inside for one in promise.measures.values() if one.inside is not None]
    held = f"{sum(judged)} of {len(judged)} bills lie inside. " if judged else ""
    grown = "The study has grown since, so that it was promised of less. " if promise.outgrown else ""
    text = (
        f"What the check of session {promise.session} estimated, and what the study came to. {held}{grown}"
        "An 80% interval is missed by one bill in five where it is right."
    )
    headings = ["promised", "estimate", "80% interval", "bill", "inside"]
    return [Paragraph(text), Table(headings, rows, left=("promised", "inside"), caption="Promise and payment")]


def _interval(name: Measure, one: Promised) -> str:
    return f"{_SHOWN[name](one.low)} to {_SHOWN[name](one.high)}"


def _bill(name: Measure, amount: float | None) -> str:
    return wording.UNKNOWN if amount is None else _SHOWN[name](amount)


def _verdict(one: Promised) -> str:
    if one.inside is None:
        return "not known" if one.bill is None else "so far"
    if one.inside:
        return "yes"
    assert one.bill is not None
    return "no, above it" if one.bill > one.high else "no, below it"


def _lost(lost: LostWork, price: float | None) -> Table:
    on_gpus = lost.whole.gpu_seconds > 0
    headings = ["cause", "seed-epochs trained again", "seed-epochs of dead trials", "seconds"]
    headings += ["GPU-hours"] if on_gpus else []
    headings += ["money"] if on_gpus and price is not None else []

    def row(name: str, loss: Loss) -> list[str]:
        hours = loss.gpu_seconds / 3600
        cells = [name, f"{loss.redone:,}", f"{loss.died:,}"]
        cells.append(wording.UNKNOWN if loss.seconds is None else wording.seconds(loss.seconds))
        cells += [_hours(hours)] if on_gpus else []
        cells += [_money(hours * price)] if on_gpus and price is not None else []
        return [*cells, wording.percent(loss.share)]

    rows = [row(LOST_BY[one.cause], one) for one in lost.losses]
    rows += [row("all", lost.whole)] if len(rows) > 1 else []
    return Table([*headings, "share"], rows, left=("cause",), caption="Lost work by cause")


def _unknown(ledger: LedgerReader, lost: LostWork) -> list[str]:
    """Returns what of the losses the ledger cannot tell."""
    said = []
    killed = sum(session.ended == "lost" for session in ledger.sessions)
    if lost.deaths or killed:
        who = [wording.count(lost.deaths, "unit") + " of work that died"] if lost.deaths else []
        who += [f"{killed} killed process{'' if killed == 1 else 'es'}"] if killed else []
        said.append(f"What {wording.listed(who)} had begun since the last epoch is told by no row, and not counted.")
    if lost.losses and lost.unit == "seed_epochs":
        said.append("The trainer tells no seconds, so shares are of seed-epochs.")
    return said
