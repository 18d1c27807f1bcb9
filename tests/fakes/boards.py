"""Studies in TensorBoard's files, and what these say."""

from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.hparams import metadata

from tests.fakes.clock import Clock
from tests.fakes.ledgers import Player, latent_study, played
from tune.ledger.ledger import Ledger
from tune.views.tensorboard.writer import TensorBoard

RACE = {
    "seeds": [1, 12, 123, 1234, 12345, 2, 23],
    "rungs": [{"epochs": 2, "seeds": 2}, {"epochs": 4, "seeds": 3}, {"epochs": 4, "seeds": 5}],
}
"""A ladder that ends with more seeds after as many epochs, and two seeds for the race."""


def finished(folder: Path) -> Ledger:
    """A finished study in which one trial died, in TensorBoard."""
    ledger = played(folder, deaths={5: "RuntimeError: no memory"})
    TensorBoard(ledger).close()
    return ledger


def with_a_race(folder: Path) -> Ledger:
    """A finished study with a race, in TensorBoard, which was refreshed after every unit of work."""
    clock = Clock()
    ledger = Ledger.open(latent_study(**RACE), folder, clock=clock)
    work_out(ledger, clock)
    return ledger


def work_out(ledger: Ledger, clock: Clock) -> None:
    """Works on a study to its end, and refreshes its TensorBoard after every unit of work."""
    board, player = TensorBoard(ledger), Player(ledger, clock)
    player.play(after_each=board.refresh)
    player.optimizer.finish()
    board.close()
    ledger.close("finished")


def runs_of(ledger: Ledger) -> dict[str, list[Event]]:
    home = ledger.folder / "tensorboard"
    found: dict[str, list[Event]] = {}
    for file in sorted(home.rglob("*tfevents*")):
        events = [Event.FromString(raw) for raw in RawEventFileLoader(str(file)).Load()]
        found.setdefault(str(file.parent.relative_to(home)), []).extend(events)
    return found


def files_of(ledger: Ledger) -> dict[str, tuple[int, bytes]]:
    """Returns inode and content of each event file."""
    home = ledger.folder / "tensorboard"
    return {str(one.relative_to(home)): (one.stat().st_ino, one.read_bytes()) for one in home.rglob("*tfevents*")}


def texts_of(events: list[Event], tag: str) -> list[bytes]:
    return [value.tensor.string_val[0] for _, value in values_of(events) if value.tag == tag]


def values_of(events: list[Event]) -> list[tuple[int, Any]]:
    return [(event.step, value) for event in events for value in event.summary.value]


def points_of(events: list[Event]) -> list[tuple[str, int, str]]:
    return [
        (value.tag, step, repr(value.simple_value))
        for step, value in values_of(events)
        if not value.metadata.plugin_data.plugin_name
    ]


def scalars_of(events: list[Event]) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for step, value in values_of(events):
        if not value.metadata.plugin_data.plugin_name:
            found.setdefault(value.tag, {})[step] = value.simple_value
    return found


def plugin_of(events: list[Event], tag: str) -> bytes | None:
    told = [value.metadata.plugin_data.content for _, value in values_of(events) if value.tag == tag]
    assert len(told) < 2, "told twice"
    return told[0] if told else None


def start_of(events: list[Event]) -> Any:
    return metadata.parse_session_start_info_plugin_data(plugin_of(events, metadata.SESSION_START_INFO_TAG))


def ends_of(events: list[Event]) -> list[int]:
    content = plugin_of(events, metadata.SESSION_END_INFO_TAG)
    return [] if content is None else [metadata.parse_session_end_info_plugin_data(content).status]
