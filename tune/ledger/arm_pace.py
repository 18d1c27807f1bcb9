"""How long the arms of a plan take: from the clock of the process that trained them, whatever their trainer tells."""

from math import nan
from statistics import median

from tune.ledger.reader import LedgerReader


def arm_pace(ledger: LedgerReader) -> float:
    """Returns the median wall seconds of an arm per epoch of one seed, all that comes with it included; nan before one.

    Of arms that one process trained from their start to their end. Where each was interrupted, the time that processes
    worked on the study over what was trained in it.
    """
    opened = 0.0
    started: dict[int, float] = {}
    paces = []
    for decision in ledger.decisions:
        number = decision.trial
        if decision.kind == "open":
            opened = decision.time
        elif number is None or decision.kind in ("promote", "race", "attempt"):
            started.pop(-1 if number is None else number, None)
        elif decision.kind == "start":
            started[number] = decision.time
        elif decision.kind == "reach" and (began := started.pop(number, None)) is not None and began >= opened:
            rung = ledger.rung(number, decision.rung or 0)
            paces.append((decision.time - began) / (rung.epochs * rung.seeds))
    if paces:
        return median(paces)
    trained = ledger.spent + ledger.redone
    return ledger.elapsed_s() / trained if trained else nan
