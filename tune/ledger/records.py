"""Decisions, and what they add up to: sessions and trials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf, nan
from typing import Any, Literal, Self

from tune.ledger.attempts import Attempt
from tune.study.ladder import Rung

Kind = Literal[
    "open",
    "close",
    "accept",
    "grow",
    "pack",
    "round",
    "start",
    "rescale",
    "reach",
    "promote",
    "race",
    "attempt",
    "fail",
    "retry",
    "stop",
]
State = Literal["running", "waiting", "paused", "confirmed", "stopped", "failed"]
STATES: tuple[State, ...] = ("running", "waiting", "paused", "confirmed", "stopped", "failed")
"""running: in training now; waiting: unfinished, to be continued; paused: at a rung, may yet be promoted;
confirmed: went the full ladder; stopped: early, for good; failed: died before it went the full ladder."""
Ending = Literal["finished", "interrupted", "stopped"]
"""How a process ended its work on a study; stopped: it could not go on."""


@dataclass(frozen=True)
class Decision:
    """One line of the study's history.

    Attributes:
        kind: open, close: a process began or ended its work on the study; accept: it goes on with another recording or
            another source of its trainer (`tune.ledger.origin.made_from`); grow: the study is to do more, as `detail`
            says; pack: so many trials share a GPU of each type (`tune.drivers.gpu_packing`); round: one of a plan
            begins, see `tune.ledger.begun_round`; start: a new trial;
            rescale: the zero of the losses has moved (`tune.ledger.loss_scale`) and every score is another; reach: a
            trial stands at a rung; promote: it may climb to `rung`; race: it gets one more seed at the last rung;
            attempt: a unit of it ended without a result (see `Attempt`); fail: it died for good, or a seed of the final
            race did and it goes on without that; retry: what died for good is tried again, on request; stop: it is not
            promoted any more.
        trial: Its number; None for open, close, accept, grow, pack, round and rescale.
        rung: Index of the rung that the decision is about.
        reason: For people.
        detail: Plain values; what depends on the kind is said in `Trial.apply` and `Session`.
        time: Seconds since the epoch.
    """

    kind: Kind
    trial: int | None = None
    rung: int | None = None
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    time: float = 0.0

    @property
    def of_search(self) -> bool:
        """Whether it says what is trained: about a trial, or that a round of a plan begins."""
        return self.trial is not None or self.kind == "round"


@dataclass(frozen=True)
class Session:
    """One process's work on the study.

    Attributes:
        opened, closed: Seconds since the epoch; `closed` is the last heartbeat when the process was killed.
        ended: finished, interrupted, stopped, or lost when the process was killed; "" while it works.
        detail: driver, host, pid, versions, what was read, and what a check said before the study began.
    """

    opened: float
    closed: float
    ended: str
    detail: Mapping[str, Any]

    @property
    def read(self) -> list[str]:
        """What it read of the recording, in lines for people; empty where nobody said."""
        return [str(line) for line in self.detail.get("read", ())]


@dataclass(frozen=True)
class Reached:
    """A trial's result at a rung.

    Attributes:
        rung: Index of the rung.
        score: Lower is better; inf when a seed is not finite and there is no baseline.
        losses: The scored metric by seed, nan where it is not finite.
        confirmed: Whether this is the last rung.
    """

    rung: int
    score: float
    losses: Mapping[int, float]
    confirmed: bool

    @classmethod
    def of(cls, decision: Decision) -> Self:
        """Returns the result that a decision of the kind `reach` tells."""
        assert decision.rung is not None
        score, losses = decision.detail["score"], decision.detail["losses"]
        return cls(
            rung=decision.rung,
            score=inf if score is None else float(score),
            losses={int(seed): nan if loss is None else float(loss) for seed, loss in losses.items()},
            confirmed=bool(decision.detail["confirmed"]),
        )


@dataclass
class Trial:
    """One configuration, as its decisions left it.

    Attributes:
        number: Its identity for ever.
        parameters: Value by name.
        rung: Index of the rung it heads for or stands at.
        seeds: How many seeds the final race has given it in all; 0 before.
        reached: Result by rung index.
        attempts: Its units of work that ended without a result.
        given_up: Seeds of the final race that died for good; it goes on without them.
        retried: How many of its attempts were made before it was last tried again on request: these count no more.
        ended: Why it trains no more, None while it may. What it reached before it died it keeps as a result, but is
            not promoted from there; one that is confirmed does not end so.
        refused: The settings that the trainer refused before this one was drawn.
        round: Of a plan; empty where the study is none.
        arm: Its name in that round; empty where the study is no plan.
        ladder: The rungs of an arm, or of a trial of a round that searches, as many as the study has; empty: the
            study's.
        reason: Of the latest decision.
        started: Seconds since the epoch.
    """

    number: int
    parameters: Mapping[str, Any]
    rung: int = 0
    seeds: int = 0
    reached: dict[int, Reached] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    given_up: frozenset[int] = frozenset()
    retried: int = 0
    ended: Literal["stopped", "failed"] | None = None
    refused: Sequence[Mapping[str, Any]] = ()
    reason: str = ""
    started: float = 0.0
    round: str = ""
    arm: str = ""
    ladder: tuple[Rung, ...] = ()

    @classmethod
    def of(cls, decision: Decision) -> Self:
        """Returns the trial that a decision of the kind `start` begins."""
        told = decision.detail
        assert decision.trial is not None
        return cls(
            decision.trial,
            told["parameters"],
            rung=decision.rung or 0,
            refused=told.get("refused", ()),
            reason=decision.reason,
            started=decision.time,
            round=str(told.get("round", "")),
            arm=str(told.get("arm", "")),
            ladder=tuple(Rung(epochs=int(epochs), seeds=int(seeds)) for epochs, seeds in told.get("ladder", ())),
        )

    @property
    def full_name(self) -> str:
        """Of an arm, its round and name; empty where the study is no plan."""
        return f"{self.round}/{self.arm}" if self.arm else ""

    @property
    def last(self) -> Reached | None:
        """The result at the highest rung reached."""
        return self.reached[max(self.reached)] if self.reached else None

    @property
    def confirmed(self) -> bool:
        """Whether it went the full ladder."""
        return self.last is not None and self.last.confirmed

    @property
    def open(self) -> bool:
        """Whether it heads for a rung."""
        return self.ended is None and (self.rung not in self.reached or self.racing)

    @property
    def racing(self) -> bool:
        """Whether it has a seed from the final race that it has not finished."""
        return self.last is not None and self.seeds - len(self.given_up) > len(self.last.losses)

    @property
    def dead(self) -> bool:
        """Whether it, or a seed of it, died for good."""
        return self.ended == "failed" or bool(self.given_up)

    @property
    def counted_attempts(self) -> list[Attempt]:
        """The attempts that say how it goes on."""
        return self.attempts[self.retried :]

    @property
    def paused(self) -> bool:
        """Whether it stands at a rung below the last."""
        return self.ended is None and self.rung in self.reached and not self.confirmed

    def state(self, in_flight: bool) -> State:
        """Returns the state; whether an open trial is being trained only the driver knows."""
        if self.ended is not None:
            return self.ended
        if self.confirmed:
            return "confirmed"
        if self.paused:
            return "paused"
        return "running" if in_flight else "waiting"

    def grow(self, *, longer: bool, revived: bool) -> None:
        """Takes over that the study is to do more.

        Args:
            longer: The ladder has further rungs: what was confirmed is so no more, and races anew when it is again.
            revived: What was stopped because the study was over may be promoted again.
        """
        if longer:
            self.reached = {rung: replace(reached, confirmed=False) for rung, reached in self.reached.items()}
            self.seeds, self.given_up = 0, frozenset()
        if revived and self.ended == "stopped":
            self.ended = None

    def rescore(self, scores: Mapping[str, float | None]) -> None:
        """Takes over its scores by rung; None where nothing finite can be said."""
        for rung, score in scores.items():
            self.reached[int(rung)] = replace(self.reached[int(rung)], score=inf if score is None else float(score))

    def apply(self, decision: Decision) -> None:
        """Takes over one decision about this trial (`start` is what made it)."""
        self.reason = decision.reason
        if decision.kind == "reach":
            reached = Reached.of(decision)
            self.reached[reached.rung] = reached
        elif decision.kind == "promote":
            assert decision.rung is not None
            self.rung = decision.rung
        elif decision.kind == "race":
            self.seeds = int(decision.detail["seeds"])
        elif decision.kind == "attempt":
            self.attempts.append(Attempt.of(decision.detail, decision.reason, decision.time))
        elif decision.kind == "fail":
            self._fail(decision.detail.get("seeds", ()))
        elif decision.kind == "retry":
            self.given_up, self.retried = frozenset(), len(self.attempts)
            self.ended = None if self.ended == "failed" else self.ended
        elif decision.kind == "stop":
            self.ended = "stopped"

    def _fail(self, seeds: Sequence[int]) -> None:
        """Takes over a death for good; whoever is confirmed loses no more than the seeds of the race that died."""
        if self.last is None or not self.last.confirmed:
            self.ended = "failed"
        elif seeds:
            self.given_up |= {int(seed) for seed in seeds}
        else:  # as earlier versions wrote it
            self.seeds = len(self.last.losses)
