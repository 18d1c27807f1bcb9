"""The decisions as Optuna's study shows them, for `optuna-dashboard` and for whoever else reads Optuna."""

from collections.abc import Mapping, Sequence

from tune.ledger.database import Database
from tune.ledger.records import Decision, Trial
from tune.study import Study


class Mirror:
    """Keeps Optuna's trials in step with the decisions; nothing is ever read back from them.

    How its state evolves: `catch_up(...)` when a study is opened, for a process may have died between a decision and
    its picture → `show(...)` with every decision → `follow(...)` when the study has grown → `settle(...)` when it is
    finished.

    Args:
        database: Where both lie.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def show(self, study: Study, trial: Trial, decision: Decision, baseline: Mapping[str, float] | None) -> None:
        """Shows what a decision has made of its trial.

        Args:
            study: As it is now.
            trial: The one that the decision is about.
            decision: The latest.
            baseline: The constant model's losses, None while they are not known.
        """
        if decision.kind == "start":
            self._database.add_trial(trial, study.space)
        elif decision.kind == "reach":
            assert decision.rung is not None
            self._report(study, trial, decision.rung, baseline)
        if settled(study, trial):
            self._database.finish(trial)

    def follow(self, study: Study, trials: Sequence[Trial]) -> None:
        """Has Optuna's study be what the study has grown to."""
        self._database.follow([trial.number for trial in trials if not settled(study, trial)], study.space)

    def catch_up(self, study: Study, trials: Sequence[Trial], baseline: Mapping[str, float] | None) -> None:
        """Shows what a process that was killed had decided and not shown."""
        for trial in trials[self._database.trial_count() :]:
            self._database.add_trial(trial, study.space)
        closed = self._database.finished_trials()
        for trial in trials:
            if settled(study, trial) and trial.number not in closed:
                if trial.last is not None:
                    self._report(study, trial, trial.last.rung, baseline)
                self._database.finish(trial)

    def settle(self, trials: Sequence[Trial]) -> None:
        """Closes the confirmed trials of a study that is finished, which a race kept open."""
        for trial in trials:
            if trial.confirmed:
                self._database.finish(trial)

    def _report(self, study: Study, trial: Trial, rung: int, baseline: Mapping[str, float] | None) -> None:
        self._database.report(trial, study.rungs[rung].epochs, (baseline or {}).get(study.score.metric))


def settled(study: Study, trial: Trial) -> bool:
    """Says whether nothing more can come of a trial while the study lasts, for Optuna takes no news of a closed one.

    Args:
        study: As it is now.
        trial: One of its trials.
    """
    races = study.most_seeds > study.top.seeds
    return trial.ended is not None or (trial.confirmed and not races)
