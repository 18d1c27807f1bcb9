"""A clock that passes only as it is told to."""


class Clock:
    """Seconds since the epoch, which stand still but for `sleep` and what each look lets pass.

    Args:
        now: Where it begins.
        tick_s: Seconds that every look at it lets pass.
    """

    def __init__(self, now: float = 1_800_000_000.0, tick_s: float = 0.0) -> None:
        self.now, self.tick_s = now, tick_s

    def __call__(self) -> float:
        self.now += self.tick_s
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
