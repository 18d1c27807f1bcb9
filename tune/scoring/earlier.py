"""The confirmed trials of a study that is there, for another to begin with."""

import time
from pathlib import Path

from tune.errors import UserMistake
from tune.study.settings.starting_points import EarlierTrial


def confirmed_trials(folder: Path) -> list[EarlierTrial]:
    """Returns the confirmed trials of a study, best first, without those of which every seed failed.

    Args:
        folder: The study folder; nothing in it is written.

    Raises:
        UserMistake: If it holds no study, or none of its trials is confirmed.
    """
    # What reads a ledger takes a while to import, and few studies begin with the trials of another.
    from tune.ledger.reader import LedgerReader
    from tune.scoring.standings import standings

    ledger = LedgerReader.read(folder, clock=time.time)
    found = [
        EarlierTrial(f"trial {one.number}", {**ledger.study.fixed, **one.trial.parameters})
        for one in standings(ledger, ledger.in_flight)
        if one.state == "confirmed" and one.summary is not None and one.summary.failed < one.summary.seeds
    ]
    if not found:
        raise UserMistake("no trial of this study is confirmed; run it further, or name settings in a CSV file")
    return found
