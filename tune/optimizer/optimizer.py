"""What to run next, what to stop: every decision is a function of the ledger and the study."""

from collections.abc import Callable, Collection

from tune.ledger.attempts import Attempt, FailureClass
from tune.ledger.ledger import Ledger
from tune.ledger.records import Trial
from tune.optimizer.abort import stop_if_first_trials_die
from tune.optimizer.budget import BudgetUse
from tune.optimizer.methods.planning import Planning
from tune.optimizer.methods.searching import Searching
from tune.optimizer.rescaling import Rescaling
from tune.optimizer.retention import Retention
from tune.optimizer.retries import Retry, death_for_good, retry
from tune.optimizer.rung_result import rung_result
from tune.optimizer.trial_index import TrialIndex
from tune.optimizer.work import Work
from tune.study.ladder import Step, next_step
from tune.trainer import ConfigCheck


class Optimizer:
    """Decides; the driver acts; the ledger remembers.

    How its state evolves: `next_work()` hands out work and counts its trial as in flight; the driver trains, putting
    curves and checkpoints into the ledger; `complete(work)` (or `failed`, or `released` when it was cut short) takes
    it back. When `next_work()` is None and nothing is in flight, the study is over: `finish()`.

    Args:
        ledger: The study's memory.
        elapsed_s: How long the study has been worked on, in seconds; for its wall-clock budget.
        check: Says what the trainer has against a configuration, before it becomes a trial.
    """

    def __init__(self, ledger: Ledger, elapsed_s: Callable[[], float], check: ConfigCheck = lambda _: {}) -> None:
        self.study, self.ledger = ledger.study, ledger
        self._index = TrialIndex(ledger)
        self._budget = BudgetUse(ledger, self._index, elapsed_s)
        self._in_flight: set[int] = set()
        method = Planning if self.study.plan else Searching
        self._method = method(ledger, self._index, self._budget, self._in_flight, check)
        self._rescaling = Rescaling(ledger)
        self._retention = Retention(ledger, self._index)

    @property
    def in_flight(self) -> frozenset[int]:
        """The trials that a driver is training."""
        return frozenset(self._in_flight)

    def next_work(self) -> Work | None:
        """Returns work for one free slot: unfinished, else new, else promoted, else raced; None when there is none now.

        A trial that must be alone (`Retry.alone`) waits until nothing is in flight, and is then the only one.

        Raises:
            StudyStopped: If the first trials all died of one cause.
        """
        self._retention.collect()
        stop_if_first_trials_die(self.ledger.trials, self.ledger.folder)
        if any(self._plan(self.ledger.trials[number]).alone for number in self._in_flight):
            return None
        for choose in (self._unfinished, *self._method.choices):
            trial = self._choice(choose)
            while trial is not None:
                if self._in_flight and self._plan(trial).alone:
                    return None
                work = self._work(trial)
                if work is not None:
                    self._in_flight.add(trial.number)
                    self.ledger.set_in_flight(sorted(self._in_flight))
                    return work
                self._reach(trial)  # it stood at its rung when the last process was killed
                trial = self._choice(choose)
        return None

    def _choice(self, choose: Callable[[], Trial | None]) -> Trial | None:
        self._index.follow()
        return choose()

    def complete(self, work: Work) -> None:
        """Takes back work whose curves and checkpoint are in the ledger."""
        trial = self.ledger.trials[work.trial]
        if self._work(trial) is None:
            self._in_flight.discard(work.trial)
            self._reach(trial)  # which says as well that it is not trained any more
        else:
            self.released(work)
        self._retention.collect()

    def released(self, work: Work) -> None:
        """Takes back work that was cut short; what its checkpoint holds is kept."""
        self._in_flight.discard(work.trial)
        self.ledger.set_in_flight(sorted(self._in_flight))

    def failed(self, work: Work, cause: str, log: str = "", kind: FailureClass = "crashed") -> None:
        """Takes back work that died.

        Args:
            work: What was trained.
            cause: One line; trials that die of one cause have the same.
            log: Where the rest can be read.
            kind: The class of failure; how the trial goes on depends on it, see `tune.optimizer.retries.retry`.
        """
        self.released(work)
        self.ledger.look_again(work.trial)
        trial = self.ledger.trials[work.trial]
        trained = sum(self.ledger.trained(work.trial).values())
        attempt = Attempt(cause, log, 0.0, kind, work.seeds, work.to_epoch, trained, from_epoch=work.from_epoch)
        plan = retry([*trial.counted_attempts, attempt], self.study.resources.retries)
        self.ledger.decide("attempt", work.trial, trial.rung, plan.reason, attempt.detail)
        if plan.over:
            reason, detail = death_for_good(trial, work.seeds, plan.over)
            self.ledger.decide("fail", work.trial, trial.rung, reason, detail)
        self._retention.collect()

    def unevaluated(self, work: Work, cause: str, log: str = "") -> None:
        """Takes back work that was trained and scored, and whose evaluation failed; its trial goes on without it.

        Args:
            work: What was trained.
            cause: One line.
            log: Where the rest can be read.
        """
        attempt = Attempt(cause, log, 0.0, "evaluation", work.seeds, work.to_epoch, died=False)
        reason = f"the evaluation after epoch {work.to_epoch} failed, the training is kept: {cause}"
        self.ledger.decide("attempt", work.trial, self.ledger.trials[work.trial].rung, reason, attempt.detail)
        self.complete(work)

    def finish(self) -> None:
        """Closes the trials that are not promoted any more."""
        self._index.follow()
        for number in sorted(self._index.paused):
            self._method.stop(self.ledger.trials[number])
        self._retention.collect()

    def _work(self, trial: Trial) -> Work | None:
        """Returns what the trial must train next towards its rung; None when it is there."""
        aim = self._budget.aim(trial, trial.rung)
        judged = dict.fromkeys(self.ledger.judged(trial.number, aim.epochs), aim.epochs)
        done, dead = {**self.ledger.done(trial.number), **judged}, self.ledger.dead(trial.number)
        seeds = self.ledger.seeds(trial.number, trial.rung)
        step = next_step(aim, seeds, done, dead) or self._evaluation(trial, dead)
        if step is None:
            return None
        configuration = {**self.study.fixed, **trial.parameters}
        together = step.seeds[: self._plan(trial).most_seeds]
        return Work(trial.number, configuration, together, step.from_epoch, step.to_epoch)

    def _evaluation(self, trial: Trial, dead: Collection[int]) -> Step | None:
        """Returns the evaluation that was cut short, or failed and is scored; None when there is none to be done."""
        epoch = self.ledger.rung(trial.number, trial.rung).epochs
        given_up = {seed for one in trial.attempts if not one.died and one.epoch == epoch for seed in one.seeds}
        there = {seed for seed, done in self.ledger.done(trial.number).items() if done == epoch}
        waiting = (set(self.ledger.unevaluated(trial.number, epoch)) & there) - given_up - set(dead)
        seeds = tuple(seed for seed in self.ledger.seeds(trial.number, trial.rung) if seed in waiting)
        return Step(seeds, epoch, epoch) if seeds else None

    def _plan(self, trial: Trial) -> Retry:
        return retry(trial.counted_attempts, self.study.resources.retries)

    def _reach(self, trial: Trial) -> None:
        moved = self._rescaling.due(trial)
        if moved is not None:
            self.ledger.decide("rescale", reason=moved[0], detail=moved[1])
        reason, detail = rung_result(self.ledger, trial)
        self.ledger.decide("reach", trial.number, trial.rung, reason, detail)

    def _unfinished(self) -> Trial | None:
        waiting = (self.ledger.trials[number] for number in sorted(self._index.open - self._in_flight))
        return next((trial for trial in waiting if not (self._in_flight and self._plan(trial).alone)), None)
