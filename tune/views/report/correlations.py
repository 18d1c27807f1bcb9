"""How well an early rung predicts a later one, measured on the study's own trials."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import nan

from tune.ledger.reader import LedgerReader
from tune.ledger.records import Trial
from tune.views import wording

_FEWEST = 4  # trials; with two or three the correlation can take a handful of values only


@dataclass(frozen=True)
class RankCorrelation:
    """The rank correlation of the scores at two rungs.

    Attributes:
        lower, upper: Indices of the rungs.
        group: The values of the protected parameters that its trials share, as text; "" for all trials.
        trials: How many reached both rungs.
        value: Spearman's rank correlation, in [-1, 1]; nan when all scores of a rung are equal.
    """

    lower: int
    upper: int
    group: str
    trials: int
    value: float


def rank_correlations(ledger: LedgerReader) -> list[RankCorrelation]:
    """Returns the correlation of each rung with the next and with the last.

    Each over all trials that reached both rungs, and over those that share the values of the study's protected
    parameters, where there are four or more. Scores are those at the rungs, without what neighbours are charged; at the
    last rung that over all seeds, those of the final race included.
    """
    rungs = range(len(ledger.study.rungs))
    pairs = sorted({*pairwise(rungs), *((rung, rungs[-1]) for rung in rungs[:-1])})
    found = []
    for lower, upper in pairs:
        both = [trial for trial in ledger.trials if {lower, upper} <= trial.reached.keys()]
        groups: dict[str, list[Trial]] = {"": both}
        for trial in both if ledger.study.protected else ():
            kind = wording.chosen(ledger.study.protected, trial.parameters)
            groups.setdefault(wording.setting(kind), []).append(trial)
        found += [
            RankCorrelation(lower, upper, group, len(members), _spearman(members, lower, upper))
            for group, members in sorted(groups.items())
            if len(members) >= _FEWEST
        ]
    return found


def _spearman(trials: Sequence[Trial], lower: int, upper: int) -> float:
    """Returns Spearman's rank correlation, equal scores sharing their ranks; a score may be inf.

    Source: Spearman 1904, "The proof and measurement of association between two things", Am. J. Psychol. 15, 72-101.
    """
    from scipy.stats import spearmanr

    before, after = ([trial.reached[rung].score for trial in trials] for rung in (lower, upper))
    if len(set(before)) < 2 or len(set(after)) < 2:
        return nan
    return float(spearmanr(before, after).statistic)
