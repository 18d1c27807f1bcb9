"""What to run next, what to stop: every decision is a function of the ledger and the study."""

from collections.abc import Callable, Collection

from tune.ledger.attempts import Attempt, FailureClass
from tune.ledger.ledger import Ledger
from tune.ledger.records import Trial
from tune.optimizer.abort import first_trials_may_all_die, stop_if_first_trials_die
from tune.optimizer.budget import BudgetUse
from tune.optimizer.feasible import suggest_feasible
from tune.optimizer.final_race import FinalRace
from tune.optimizer.pending import most_pending
from tune.optimizer.promotion import ordinal
from tune.optimizer.rescaling import Rescaling
from tune.optimizer.retention import Retention
from tune.optimizer.retries import Retry, death_for_good, retry
from tune.optimizer.rung_result import rung_result
from tune.optimizer.trial_index import TrialIndex
from tune.optimizer.work import Work
from tune.study.ladder import Step, cost, next_step
from tune.trainer import ConfigCheck

_EXPLORED = 0.5  # of the time there is


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
        self.study, self.ledger, self._check = ledger.study, ledger, check
        self._index = TrialIndex(ledger)
        self._budget = BudgetUse(ledger, self._index, elapsed_s)
        self._in_flight: set[int] = set()
        self._final_race = FinalRace(ledger, self._index, self._budget)
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
        next_ones = (self._new, self._promotion) if self._exploring else (self._promotion, self._new)
        for choose in (self._unfinished, *next_ones, self._last_resort, self._challenge, self._race, self._spend_rest):
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
            self._stop(self.ledger.trials[number])
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
        epoch = self.study.rungs[trial.rung].epochs
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

    @property
    def _unhurried(self) -> bool:
        """Whether a rung may wait for all that come there, so that those who climb are the best of all.

        Not where each must go on at once or never, and not when half of a time limit is over: it may cut the study
        short, and a study ends with a winner.
        """
        return self.study.search.halving == "promote" and self._budget.time_used() < _EXPLORED

    @property
    def _thrifty(self) -> bool:
        """Whether a free slot may wait for what others find out: seed-epochs are limited, and time is not short."""
        return self._unhurried and self.study.budget.seed_epochs is not None

    @property
    def _exploring(self) -> bool:
        """Whether new trials come before promotions; not beyond what the seed-epochs pay for, or none could climb."""
        paid = self.study.paid_trials
        return self._unhurried and (paid is None or len(self.ledger.trials) < paid)

    def _unfinished(self) -> Trial | None:
        waiting = (self.ledger.trials[number] for number in sorted(self._index.open - self._in_flight))
        return next((trial for trial in waiting if not (self._in_flight and self._plan(trial).alone)), None)

    def _promotion(self) -> Trial | None:
        """Promotes the best trial that has earned it; stops others if asked to.

        From the lowest rung up, so that whoever climbs on is the best of all that come there; from the highest down
        when time may run out. Where seed-epochs are limited a rung waits for those who are on their way to it.
        """
        for number in sorted(self._index.paused) if self.study.search.halving == "stop" else ():
            trial = self.ledger.trials[number]
            if number not in self._index.earned(trial.rung):
                self._stop(trial)
                self._index.follow()
        rungs = range(len(self.study.rungs) - 1)
        for rung in rungs if self._unhurried else reversed(rungs):
            if self._thrifty and any(self.ledger.trials[number].rung <= rung for number in self._in_flight):
                return None
            for number in self._index.earned(rung):
                trial = self.ledger.trials[number]
                if trial.paused and self._budget.affords_climb(trial, rung + 1):
                    return self._promote(number, rung + 1, self._standing(trial))
        return None

    def _standing(self, trial: Trial) -> str:
        """Returns how a trial stands at its rung, among those it is compared with."""
        names, kind = self.study.protected if trial.rung == 0 else (), ""
        if names:
            named = zip(names, self._index.kind(trial), strict=True)
            kind = " with " + ", ".join(f"{name} {str(value).lower()}" for name, value in named)
        place, count = self._index.contest(trial.rung).place(trial.number)
        return f"{ordinal(place)} of {count} at rung {trial.rung}{kind}"

    def _new(self) -> Trial | None:
        if len(self.ledger.trials) >= self.study.trials or not self._budget.affordable(cost(self.study.rungs[0])):
            return None
        hopeless = not self._index.any_result and first_trials_may_all_die(
            self.ledger.trials, self.study.resources.retries
        )
        if hopeless or self._results_due():
            return None
        seen = self.ledger.trials, self.ledger.loss_scale, self._index.observations
        found = suggest_feasible(self.study, *seen, self._check)
        if found is None:
            return None
        self.ledger.decide("start", len(self.ledger.trials), 0, found.reason, found.detail)
        return self.ledger.trials[-1]

    def _results_due(self) -> bool:
        """Says whether the next suggestion should wait for one of the new trials in training; see `most_pending`."""
        most = most_pending(self.study, len(self.ledger.trials)) if self._thrifty else None
        return most is not None and sum(not self.ledger.trials[number].reached for number in self._in_flight) >= most

    def _last_resort(self) -> Trial | None:
        """When nothing else is left and no trial is confirmed, sends the best one up: a study ends with a winner."""
        if self._in_flight or self._budget.time_used() >= 1 or self._index.confirmed:
            return None
        for rung in reversed(range(len(self.study.rungs) - 1)):
            for number in self._index.contest(rung).waiting():
                trial = self.ledger.trials[number]
                if trial.paused and self._budget.affords_climb(trial, rung + 1, reserve=False):
                    return self._promote(number, rung + 1, f"best at rung {rung}, and no trial was confirmed yet")
        return None

    def _promote(self, number: int, rung: int, why: str) -> Trial:
        self.ledger.decide("promote", number, rung, f"promoted to rung {rung}: {why}")
        return self.ledger.trials[number]

    def _stop(self, trial: Trial) -> None:
        losses = trial.reached[trial.rung].losses.values()
        failed = sum(map(self.ledger.loss_scale.failed, losses))
        seeds = f", {failed} of {len(losses)} seeds failed" if failed else ""
        self.ledger.decide("stop", trial.number, trial.rung, f"stopped: {self._standing(trial)}{seeds}")

    def _challenge(self) -> Trial | None:
        """Promotes a trial that waits and beats the leader; see `FinalRace.challenger`."""
        if self._in_flight or self.study.budget.seed_epochs is None or self.study.search.halving == "stop":
            return None
        chosen = self._final_race.challenger()
        return self._promote(*chosen) if chosen else None

    def _race(self) -> Trial | None:
        """Gives one more seed to the confirmed trial that could still be best; see `tune.optimizer.final_race`.

        Where seed-epochs are limited it waits for all that are in training, who may climb or lead: what is left should
        go to the right trial and not to a free slot.
        """
        if self.study.budget.seed_epochs is not None and self._in_flight:
            return None
        chosen = self._final_race.next_finalist(self._in_flight)
        if chosen is None:
            return None
        number, why = chosen
        trial = self.ledger.trials[number]
        seeds = len(self.ledger.seeds(number, trial.rung)) + len(trial.given_up) + 1
        self.ledger.decide("race", number, trial.rung, f"gets its {ordinal(seeds)} seed: {why}", {"seeds": seeds})
        return trial

    def _spend_rest(self) -> Trial | None:
        """When all that was planned is done and budget is left, sends up the best of those that wait."""
        if self._in_flight or self.study.budget.seed_epochs is None or self.study.search.halving == "stop":
            return None
        for rung in reversed(range(len(self.study.rungs) - 1)):
            for number in self._index.contest(rung).waiting():
                trial = self.ledger.trials[number]
                if trial.paused and self._budget.affords_climb(trial, rung + 1):
                    return self._promote(number, rung + 1, f"{self._standing(trial)}, and budget is left")
        return None
