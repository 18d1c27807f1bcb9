"""What a study's folder says: its decisions, replayed, and its curves."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

import pyarrow as pa

from tune.ledger.begun_round import BegunRound
from tune.ledger.checkpoints.store import Usage
from tune.ledger.curves.history import Runs
from tune.ledger.identity import stored_study
from tune.ledger.lease.lease import holder_of, is_alive
from tune.ledger.loss_scale import LossScale
from tune.ledger.origin.made_from import MadeFrom
from tune.ledger.records import Decision, Session, Trial
from tune.ledger.replay import checked_baseline, replay
from tune.ledger.storage.files import readable, refuse_links
from tune.ledger.stores import Stores
from tune.study.document import Document
from tune.study.ladder import Rung
from tune.study.study import Study, build_study

Clock = Callable[[], float]
D = TypeVar("D")


class LedgerReader:
    """What a ledger knows of its study, for those who look at it; `Ledger` adds to it.

    Args:
        study: The study.
        folder: Its folder.
        stores: Where its content lies.
        clock: Seconds since the epoch.

    Attributes:
        study: The study.
        folder: Its folder.
        trials: Trial by number.
        decisions: Everything decided so far, in order.
        sessions: Every process that worked on the study, in order.
        rounds: Those of a plan that have begun, by name and in order.
        checkpoints: Where trainers put their state.
        made_from: What it was made from, as was last told or accepted; None in a study of an earlier version.
        packed: What the latest decision of the kind `pack` says; None where there is none.
    """

    def __init__(self, study: Study, folder: Path, stores: Stores, clock: Clock) -> None:
        self.study, self.folder, self.checkpoints = study, folder, stores.checkpoints
        self.trials: list[Trial] = []
        self.decisions: list[Decision] = []
        self.sessions: list[Session] = []
        self.rounds: dict[str, BegunRound] = {}
        self.made_from: MadeFrom | None = None
        self.packed: Mapping[str, Any] | None = None
        self._database, self._curves, self._clock, self._stores = stores.database, stores.curves, clock, stores
        self._done: dict[int, dict[int, int]] = {}
        self._derived: dict[object, Any] = {}
        self._zero: float | None = None
        self._worst: float | None = None
        replay(stores.database.decisions(), lambda: self.study, self.trials, self._apply)
        self._baseline = checked_baseline(stores.database.note("baseline"), study)

    @staticmethod
    def read(folder: Path, *, clock: Clock, curves: bool = True, connect: bool = False) -> "LedgerReader":
        """Opens a study to look at it; nothing is written, and a process may work on it meanwhile.

        Args:
            folder: The study folder.
            clock: Seconds since the epoch.
            curves: Whether to read the curves now; else they are read when something is asked of them.
            connect: Whether to connect to servers that the study names (`tune.ledger.servers`).

        Raises:
            UserMistake: If the folder holds no study, may not be read, or would have to be connected for.
        """
        with readable(folder):
            refuse_links(folder)
            study = stored_study(folder)
            stores = Stores.to_read(study, folder, connect=connect)
            ledger = LedgerReader(study, folder, stores, clock)
            if curves:
                _ = ledger._runs
            return ledger

    @cached_property
    def _runs(self) -> Runs:
        """What the curves say."""
        runs = Runs(self.study.score.metric)
        for table in self._curves.tables(len(self.trials)):
            runs.take_table(table)
        return runs

    @property
    def baseline(self) -> Mapping[str, float] | None:
        """The constant model's losses; None until a trainer has said them."""
        return self._baseline

    @property
    def scored_baseline(self) -> float | None:
        """The value of the scored metric that a run must beat: the study's, else the trainer's; None without one."""
        own = self.study.score.baseline
        return (self.baseline or {}).get(self.study.score.metric) if own is None else own

    @property
    def loss_scale(self) -> LossScale:
        """How values of the scored metric become losses, as of now."""
        return LossScale(self.study.score.maximize, self.scored_baseline, self._zero, self._worst)

    @property
    def spent(self) -> int:
        """Seed-epochs trained, each counted once."""
        return self._runs.spent

    @property
    def redone(self) -> int:
        """Seed-epochs that were trained again: after a kill, or because a trainer cannot go on from its state."""
        return self._runs.redone

    @property
    def gpu_seconds(self) -> float:
        """GPU-seconds used: of every epoch, also one trained again, the time that its trial held GPUs, times these."""
        return self._runs.gpu_seconds

    def usage(self) -> Usage | None:
        """Returns what checkpoints take; None where they lie in an object store to which nobody said to connect."""
        unseen = self.checkpoints.folder.disk is None and not self._stores.connect
        return None if unseen else self.checkpoints.usage()

    @property
    def network(self) -> str | None:
        """The kind of network filesystem on which the database lies, None when it lies on none."""
        return self._database.network

    @property
    def live(self) -> bool:
        """Whether a process works on the study now."""
        holder = holder_of(self._database)
        return holder is not None and is_alive(holder, self._clock())

    @property
    def in_flight(self) -> frozenset[int]:
        """The trials that the live process is training, as it last said."""
        told = self._database.note("in_flight") if self.live else None
        return frozenset(one for one in told if isinstance(one, int)) if isinstance(told, list) else frozenset()

    def elapsed_s(self) -> float:
        """Returns how long processes have worked on the study, in seconds, each measured by its own clock."""
        now = self._now()
        return sum(max(0.0, (each.closed if each.ended else now) - each.opened) for each in self.sessions)

    def last_sign(self) -> float:
        """Returns when, by its own clock, a process that worked on the study was last heard of; 0: never."""
        holder = self._last_holder()
        return max(float(holder["beat"]) if holder else 0.0, self.decisions[-1].time if self.decisions else 0.0)

    def derived(self, make: "Callable[[LedgerReader], D]") -> D:
        """Returns what `make` makes of this ledger: made once, the same for all in this process who ask for it."""
        if make not in self._derived:
            self._derived[make] = make(self)
        return cast("D", self._derived[make])

    def _now(self) -> float:
        """Returns up to when the study is known to have been worked on."""
        return self.last_sign()

    def _last_holder(self) -> Mapping[str, Any] | None:
        """Returns what is known of the process that worked on the study last."""
        return holder_of(self._database)

    def done(self, trial: int) -> Mapping[int, int]:
        """Returns by seed the epochs from which the trial can go on: checkpoint and whole curve are there.

        Checkpoints are read from end to end the first time that this is asked of a trial.
        """
        if trial not in self._done:
            self._done[trial] = {
                seed: max((epoch for epoch in epochs if epoch <= len(self.curve(trial, seed))), default=0)
                for seed, epochs in self._saved(trial).items()
            }
        return self._done[trial]

    def _saved(self, trial: int) -> Mapping[int, Sequence[int]]:
        """Returns by seed the epochs of which a trial has a checkpoint."""
        return self.checkpoints.epochs(trial)

    def judged(self, trial: int, epochs: int) -> frozenset[int]:
        """Returns the seeds whose loss after so many epochs a decision has taken: up to there none trains again.

        It takes no checkpoint to know them: these may have been removed since.
        """
        reached = self.trials[trial].reached.items()
        seeds = {seed for rung, one in reached if self.rung(trial, rung).epochs >= epochs for seed in one.losses}
        return frozenset(seed for seed in seeds if len(self.curve(trial, seed)) >= epochs)

    def dead(self, trial: int) -> frozenset[int]:
        """Returns the seeds of a trial whose loss has become non-finite."""
        return frozenset(seed for seed in self.study.seeds if self._runs.diverged(trial, seed))

    def unevaluated(self, trial: int, epoch: int) -> tuple[int, ...]:
        """Returns the seeds of a trial that trained up to an epoch and whose evaluation after it is still to come."""
        return tuple(seed for seed in self.study.seeds if self._runs.unevaluated(trial, seed, epoch))

    def scored(self, trial: int, seeds: Sequence[int], epoch: int) -> bool:
        """Says whether the scored metric of an epoch is known of all these seeds."""
        return all(self._runs.scored(trial, seed, epoch) for seed in seeds)

    def trained(self, trial: int) -> dict[int, int]:
        """Returns by seed the epochs that have been trained, whether or not a checkpoint holds them yet."""
        return {seed: len(self.curve(trial, seed)) for seed in self.study.seeds}

    def ladder(self, trial: int) -> Sequence[Rung]:
        """Returns the rungs of a trial, the study's but for an arm of a plan."""
        return self.trials[trial].ladder or self.study.rungs

    def rung(self, trial: int, rung: int) -> Rung:
        """Returns how long, and on how many seeds, a trial trains up to a rung."""
        return self.ladder(trial)[rung]

    def seeds(self, trial: int, rung: int) -> tuple[int, ...]:
        """Returns the seeds that a trial has, or would have, at a rung.

        At the last one the final race adds some; it goes on without those of them that died.
        """
        last, of = rung == len(self.study.rungs) - 1, self.trials[trial]
        raced = tuple(self.study.seeds[: of.seeds]) if last else ()
        seeds = max(tuple(self.study.seeds[: self.rung(trial, rung).seeds]), raced, key=len)
        return tuple(seed for seed in seeds if seed not in of.given_up) if of.given_up else seeds

    def losses(self, trial: int, rung: int) -> dict[int, float]:
        """Returns the scored metric by seed where a trial stands at a rung; nan for a seed that died before."""
        epochs = self.rung(trial, rung).epochs
        return {seed: self.loss(trial, seed, epochs) for seed in self.seeds(trial, rung)}

    def loss(self, trial: int, seed: int, epochs: int) -> float:
        """Returns the scored metric of a run after so many epochs, as it was last known; nan where it trained fewer."""
        return self._runs.loss(trial, seed, epochs)

    def curve(self, trial: int, seed: int) -> Sequence[float]:
        """Returns the scored metric of one run by epoch, nan where it is not known."""
        return self._runs.curve(trial, seed)

    def told(self, trial: int, seed: int, epochs: int) -> Sequence[float]:
        """Returns the curve of a run up to the latest of so many epochs in which it is known; nan where it is not."""
        return self.curve(trial, seed)[: self._runs.last_known(trial, seed, epochs)]

    def known(self, trial: int, seed: int, epochs: int) -> Sequence[float]:
        """Returns the scored metric of a run in those of so many epochs in which it is known."""
        return self._runs.known(trial, seed, epochs)

    def pace(self, trial: int) -> float:
        """Returns the seconds that an epoch of one seed of a trial took on average; nan when the trainer tells none."""
        return self._runs.pace(trial)

    def curves(self) -> pa.Table:
        """Returns every row of every curve: trial, seed, epoch and the trainer's metrics (null: unknown)."""
        return self._curves.table(len(self.trials))

    def rows(self) -> Iterator[pa.Table]:
        """Yields every row as it was appended, a file at a time: those of epochs that were trained again as well."""
        yield from self._curves.tables(len(self.trials))

    def _apply(self, decision: Decision) -> None:
        self.decisions.append(decision)
        if decision.kind in ("open", "close", "accept"):
            self._apply_session(decision)
        elif decision.kind == "grow":
            self.study = build_study(Document("the ledger", dict(decision.detail["study"])))
            for trial in self.trials:
                trial.grow(longer=decision.detail["longer"], revived=decision.detail["revived"])
        elif decision.kind == "rescale":
            self._zero = float(decision.detail["zero"])
            self._worst = float(decision.detail["worst"])
            for number, scores in decision.detail["scores"].items():
                self.trials[int(number)].rescore(scores)
        elif decision.kind == "round":
            begun = BegunRound.of(decision)
            self.rounds[begun.name] = begun
        elif decision.kind == "pack":
            self.packed = decision.detail
        elif decision.kind == "start":
            assert decision.trial == len(self.trials), "trial numbers count up"
            self.trials.append(Trial.of(decision))
        elif decision.trial is not None:
            self.trials[decision.trial].apply(decision)

    def _apply_session(self, decision: Decision) -> None:
        """Takes over what a process says of itself: that it works on the study, and of what."""
        if "made_from" in decision.detail:
            self.made_from = MadeFrom.model_validate(decision.detail["made_from"])
        if decision.kind == "open":
            self.sessions.append(Session(decision.time, decision.time, "", decision.detail))
        elif decision.kind == "close":
            ended = str(decision.detail["ended"])
            self.sessions[-1] = replace(self.sessions[-1], closed=decision.time, ended=ended)
