"""Runs of TensorBoard's: a folder each, to whose event file what is new is appended."""

from collections.abc import Collection, Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.plugins.hparams import metadata

from tune.views.tensorboard.event_file import append_events, event_file, read_events
from tune.views.tensorboard.thinning import Thinning


def scalars(values: Mapping[str, float]) -> Summary:
    """Returns values by tag as TensorBoard takes them."""
    return Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])


class EventRun:
    """One run: knows what its event file holds, so that a step is there once however often it is told.

    How its state evolves: made → what is there is read → `put` gathers what is not there yet → `write` appends it.

    Args:
        folder: Its folder, which need not be there.
        thorough: Whether to check what is there against its checksums.

    Attributes:
        first: The first summary in its file; None when there was none.
        pages: By tag, the latest of what is not a number.
    """

    def __init__(self, folder: Path, *, thorough: bool = False) -> None:
        self._file, self._new = event_file(folder), list[Event]()
        self._last: dict[str, int] = {}  # by tag, its latest step
        self.pages: dict[str, TensorProto] = {}
        events = read_events(self._file, thorough=thorough)
        self.first = events[0].summary if events else None
        for event in events:
            self._take(event)

    def holds(self, tag: str) -> bool:
        """Says whether something stands under a tag."""
        return tag in self._last

    def put(self, time: float, step: int, values: Mapping[str, float]) -> None:
        """Takes what is to stand at a step, but for tags that have got as far: their steps only go on.

        Args:
            time: Seconds since the epoch of clocks.
            step: Of all values.
            values: Value by tag.
        """
        new = {tag: value for tag, value in values.items() if step > self._last.get(tag, -1)}
        if new:
            self._add(Event(wall_time=time, step=step, summary=scalars(new)))

    def put_page(self, time: float, step: int, page: Summary) -> None:
        """Takes one value that is not a number, unless its tag has got as far; see `put`."""
        if step > self._last.get(page.value[0].tag, -1):
            self._add(Event(wall_time=time, step=step, summary=page))

    def write(self) -> None:
        """Appends what is new, all of it or none."""
        if self._new:
            append_events(self._file, self._new)
            self._new = []

    def _add(self, event: Event) -> None:
        self._new.append(event)
        self._take(event)

    def _take(self, event: Event) -> None:
        for value in event.summary.value:
            self._last[value.tag] = event.step
            if value.HasField("tensor"):
                self.pages[value.tag] = value.tensor


class SeedRun(EventRun):
    """The run of one seed of a trial.

    Args:
        folder: Its folder.
        begun: When it began, in seconds since the epoch of clocks.
        rungs: Epochs at which it may wait.
        thorough: As for any run.

    Attributes:
        thinning: Of its curves.
        clock: About when its latest row was made: rows have no time.
        epochs: How many it has trained.
        judged: The epoch of its latest result.
        tests: Test loss by epoch.
    """

    def __init__(self, folder: Path, begun: float, rungs: Collection[int], *, thorough: bool) -> None:
        super().__init__(folder, thorough=thorough)
        self.thinning, self.clock = Thinning(rungs), begun
        self.epochs = self.judged = 0
        self.tests: dict[int, float] = {}
        self._begun, self._unfinished = begun, event_file(folder, order=0)
        self._unfinished.unlink(missing_ok=True)

    @property
    def ended(self) -> bool:
        """Whether it was said how it ended."""
        return self.holds(metadata.SESSION_END_INFO_TAG)

    def leave(self, time: float, end: Summary) -> None:
        """Says how it stands as the process ends; the next one takes it back, by making this run."""
        append_events(self._unfinished, [Event(wall_time=time, step=self.epochs, summary=end)])
