"""Waiting for a database that is locked, or a database or object store that is away, for a while."""

import sys
import time
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from tune.errors import Interrupted, StudyStopped
from tune.ledger.log import log
from tune.ledger.printable import printable

FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 5.0
SAY_AFTER_S = 3.0
SAY_AGAIN_S = 60.0
GIVE_UP_S = 15 * 60.0
"""Longer than a server takes to restart, to be updated or to be moved; shorter than the night that GPUs would idle."""
STOPPING_S = 2.0
"""For a study that is asked to stop: a lock that is held for a moment should not cost it its last words."""
_LOOK_S = 0.1

P = ParamSpec("P")
T = TypeVar("T")


class OutageRetry:
    """Does something with a database or object store again and again for as long as that is locked or away.

    Whatever is done must be safe to do twice: a connection may break after the server has taken a write and before
    it could say so.

    Args:
        name: Of the database or store in messages, without its password.
        should_stop: Asked while it waits; when it says yes, it waits no longer.
        clock: Seconds, never backwards.
        sleep: Lets so many seconds pass.
        passes: Says whether what was raised may pass.
        kind: What it is, in messages.
        give_up_s: Seconds after which it waits no longer.
    """

    def __init__(
        self,
        name: str,
        should_stop: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        *,
        passes: Callable[[BaseException], bool],
        kind: str = "database",
        give_up_s: float = GIVE_UP_S,
    ) -> None:
        self._name, self.should_stop, self._clock, self._sleep = f"the {kind} {name}", should_stop, clock, sleep
        self._passes, self._give_up_s = passes, give_up_s
        self._given_up = False

    def __call__(self, call: Callable[[], T]) -> T:
        """Returns what the call returns.

        Raises:
            Interrupted: If it was asked to stop while the database was away.
            StudyStopped: If the database was away for too long; from then on nothing is waited for any more.
        """
        since, wait_s, said_s = self._clock(), FIRST_WAIT_S, 0.0
        while True:
            try:
                result = call()
                break
            except Exception as error:
                if not self._passes(error):
                    self._say_back(since, said_s)  # an answer as well, such as that there is no such file
                    raise
                away_s = self._clock() - since
                self._end_if_vain(error, away_s)
                if away_s >= SAY_AFTER_S and (not said_s or away_s - said_s >= SAY_AGAIN_S):
                    said_s = away_s
                    _say(f"{self._name} does not answer since {away_s:.0f} s; waiting")
            self._wait(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        self._say_back(since, said_s)
        return result

    def _say_back(self, since: float, said_s: float) -> None:
        """Says that there was an answer, if it was said that there was none."""
        if said_s:
            _say(f"{self._name} answers again, after {self._clock() - since:.0f} s; going on")

    def _end_if_vain(self, error: Exception, away_s: float) -> None:
        if self.should_stop() and (self._given_up or away_s >= STOPPING_S):
            self._given_up = True
            raise Interrupted(f"interrupted while {self._name} did not answer; nothing is lost")
        if self._given_up or away_s >= self._give_up_s:
            self._given_up = True
            first = next(iter(str(error.__cause__ or error).splitlines()), type(error).__name__)
            raise StudyStopped(
                f"{self._name} did not answer for {self._give_up_s / 60:.0f} min: {first}; "
                "nothing is lost, resume the study when it answers again"
            ) from error

    def _wait(self, seconds: float) -> None:
        end = self._clock() + seconds
        while (left := end - self._clock()) > 0:
            self._sleep(min(left, _LOOK_S))
            if self.should_stop():
                return


class _Retrying(Protocol):
    retry: OutageRetry


D = TypeVar("D", bound=_Retrying)


def retried(method: Callable[Concatenate[D, P], T]) -> Callable[Concatenate[D, P], T]:
    """Has a method of something that has `retry` done again while its database is locked or away."""

    @wraps(method)
    def waiting(self: D, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.retry(lambda: method(self, *args, **kwargs))

    return waiting


def _say(message: str) -> None:
    """To the terminal, and to the study's log once it is open."""
    if log.handlers:
        log.warning(message)
    sys.stderr.write(printable(f"{message}\n"))
    sys.stderr.flush()
