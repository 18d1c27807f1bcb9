"""Functions that are no training: what is refused, and what is said of rows and files that cannot be taken."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import functions
from tests.fakes.functions import begun, raised
from tune.adapters.function import function_trainer
from tune.errors import DamagedCheckpoint, TrainerMistake, UserMistake


def test_a_function_that_needs_something_else_is_refused() -> None:
    """What it is called with is said, before anything trains."""

    def spread(learning_rate: float, seed: int) -> dict[str, float]:
        return {"loss": learning_rate}

    def more_than_needed(*args: int, seed: int = 1, other: int = 2, **rest: int) -> dict[str, float]:
        return {"loss": seed}

    with pytest.raises(UserMistake, match=r"mine:train needs the argument 'learning_rate', which nothing gives; it is"):
        function_trainer(spread, "mine:train")
    with pytest.raises(UserMistake, match=r"mine:SEED is no function but int; it is called with config, seed, epochs"):
        function_trainer(3, "mine:SEED")  # type: ignore[arg-type]
    function_trainer(more_than_needed, "mine:train")


def fewer(epochs: int) -> Iterator[dict[str, float]]:
    yield from ({"loss": 1.0} for _ in range(epochs - 1))


def more(epochs: int) -> Iterator[dict[str, float]]:
    yield from ({"loss": 1.0} for _ in range(epochs + 1))


def mixed(epochs: int) -> Iterator[dict[str, float]]:
    yield {"loss": 1.0, "epoch": 1}
    yield {"loss": 1.0}


def from_zero(epochs: int) -> Iterator[dict[str, float]]:
    yield from ({"loss": 1.0, "epoch": epoch} for epoch in range(epochs))


def gap(epochs: int) -> Iterator[dict[str, float]]:
    yield from ({"loss": 1.0, "epoch": epoch} for epoch in (1, 3))


def ahead(epochs: int) -> Iterator[dict[str, float]]:
    yield {"loss": 1.0, "epoch": 2}


def no_number(epochs: int) -> Iterator[dict[str, Any]]:
    yield {"loss": 1.0, "epoch": "one"}


def no_mapping(epochs: int) -> Iterator[float]:
    yield 0.3


def nothing(epochs: int) -> Iterator[None]:
    yield None


def no_generator(epochs: int) -> float:
    return 0.3


async def asynchronous(epochs: int) -> Any:
    yield {"loss": 1.0}


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (fewer, "ended at epoch 2 where it was asked for 3; one row for each epoch"),
        (more, "yielded more rows than epochs: dict {'loss': 1.0} after 3; one row for each epoch"),
        (mixed, "some rows have 'epoch' and some have not; all or none"),
        (from_zero, "epoch must be a whole number that counts from 1, got int 0"),
        (gap, "the next row must be of epoch 2, got 3; one row for each epoch"),
        (ahead, "the next row must be of epoch at most 1, got 2"),
        (no_number, "epoch must be a whole number that counts from 1, got str 'one'"),
        (no_mapping, "must yield one mapping of numbers per epoch, got float 0.3"),
        (nothing, "must yield one mapping of numbers per epoch, got NoneType None"),
        (no_generator, "must yield one mapping of numbers per epoch, or return one, got float 0.3"),
        (asynchronous, "must yield one mapping of numbers per epoch, or return one, got async_generator"),
    ],
    ids=lambda value: getattr(value, "__name__", "said"),
)
def test_rows_that_cannot_be_taken(function: Callable[..., Any], said: str) -> None:
    """Each is one message with the function, the seed, what came and what is allowed."""
    assert raised(function).startswith(f"function mine:train, seed 7: {said}")


def test_one_that_never_loads_what_it_saves() -> None:
    """It is noticed before its last epoch is told that its rows are not those that follow what it was given."""
    trainer = begun(functions.forgets, 1)
    list(trainer.train(2))
    with pytest.raises(TrainerMistake, match=r"yielded more rows than epochs.* it had saved at epoch 2.* from 3 on"):
        list(trainer.train(2))
    trainer.close()


def test_a_link_out_of_the_checkpoint_folder_is_refused(tmp_path: Path) -> None:
    """Nothing outside the folder is read."""

    def links(checkpoint: Path) -> Iterator[dict[str, float]]:
        (checkpoint / "last").symlink_to(tmp_path)
        yield {"loss": 1.0}

    assert raised(links, 1) == (
        "function mine:train, seed 7: 'last' in the checkpoint folder is a link that leads out of it; save a copy there"
    )


@pytest.mark.parametrize("name", ["../out", "/out/of/it", "a/../../out", ""])
def test_a_state_that_leads_out_of_the_folder_is_refused(name: str) -> None:
    """Nothing outside the folder is written."""
    trainer = begun(functions.saves_before, 1)
    list(trainer.train(1))
    state = trainer.state()
    trainer.close()
    state[1]["files"] = {name: b"x"}
    with pytest.raises(DamagedCheckpoint, match="leads out of it"):
        list(begun(functions.saves_before, 1, state=state).train(1))


def test_a_folder_that_is_too_large_is_refused() -> None:
    """What it holds and what is allowed are said; nothing is read."""

    def hoards(checkpoint: Path) -> Iterator[dict[str, float]]:
        with (checkpoint / "all").open("wb") as file:
            file.truncate(5_000_000_000)  # a hole, which takes no place
        yield {"loss": 1.0}

    trainer = begun(hoards, 1)
    list(trainer.train(1))
    with pytest.raises(TrainerMistake, match="holds 5,000,000,000 bytes, at most 4,000,000,000 can be kept"):
        trainer.state()
    trainer.close()
