"""Functions as trainers: which epoch a row is of, what is kept, and what is refused."""

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.fakes import functions
from tests.fakes.functions import begun, raised
from tune.adapters.function import function_trainer

Rows = list[dict[str, list[Any]]]
SAVING = [
    functions.saves_before,
    functions.saves_after,
    functions.saves_last,
    functions.saves_every_third,
    functions.numbered,
    functions.draws,
]


def rows_of(function: Callable[..., Any], seeds: list[int], *stops: int, every: bool = False) -> Rows:
    """Rows of units that each end at one of the epochs; a new trainer goes on after each unit, or each epoch."""
    state, rows = None, Rows()
    for stop in stops:
        while len(rows) < stop:
            trainer = begun(function, *seeds, state=state)
            asked = trainer.train(stop - len(rows))
            rows += islice(asked, 1) if every else asked
            state = trainer.state()
            trainer.close()
    return rows


def test_the_class_is_called_like_the_function() -> None:
    """Messages about a trainer name the function that the study names."""
    kind: Any = function_trainer(functions.draws, "tests.fakes.functions:draws")
    assert (kind.__module__, kind.__qualname__) == ("tests.fakes.functions", "draws")


@pytest.mark.parametrize("function", SAVING, ids=lambda function: function.__name__)
@pytest.mark.parametrize("every", [False, True], ids=["each-unit", "each-epoch"])
def test_rows_are_never_misnumbered(function: Callable[..., Any], every: bool) -> None:
    """Whenever a function saves, a run that is interrupted anywhere tells each epoch once, and under its number."""
    rows = rows_of(function, [1, 2], 2, 5, 9, every=every)
    counted = "epoch_length" if function is functions.draws else "was"
    assert [row[counted] for row in rows] == [[epoch, epoch] for epoch in range(1, 10)]


@pytest.mark.parametrize("function", [functions.draws, functions.reseeds, functions.saves_before])
def test_seeds_are_the_same_alone_and_together(function: Callable[..., Any]) -> None:
    """Global random states are each seed's own: bit for bit the same, whatever else trains in between."""
    together = [row["validation_loss"] for row in rows_of(function, [3, 1], 4)]
    alone = [[row["validation_loss"][0] for row in rows_of(function, [seed], 4)] for seed in (3, 1)]
    assert together == [list(pair) for pair in zip(*alone, strict=True)]
    assert alone[0] != alone[1]


@pytest.mark.parametrize("function", [functions.draws, functions.saves_before, functions.numbered])
def test_global_random_states_go_on_where_they_were(function: Callable[..., Any]) -> None:
    """A function that is interrupted and resumed draws what it would have drawn."""
    whole = rows_of(function, [1, 2], 7)
    assert rows_of(function, [1, 2], 2, 7) == whole
    assert rows_of(function, [1, 2], 7, every=True) == whole


def test_random_states_around_it_stay_as_they_were() -> None:
    """Whoever trains a function in a process of theirs draws afterwards what they would have drawn."""
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    rows_of(functions.reseeds, [1, 2], 2)
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    assert after == before


def test_they_begin_as_people_seed_them() -> None:
    """A function that seeds nothing draws what it would draw after `manual_seed(seed)` and the like."""
    assert rows_of(functions.draws, [4], 3)[0]["validation_loss"][0] - 0.5 == pytest.approx(
        rows_of(functions.reseeds, [4], 3)[0]["validation_loss"][0], abs=1e-15
    )


def test_pytorch_is_seeded_when_it_is_loaded_and_not_loaded_for_it() -> None:
    """One that loads PyTorch while it trains draws the same as where it was loaded; one that does not does not."""
    source = """
import sys
from tune.adapters.function import function_trainer
def plain(seed, epochs):
    for _ in range(epochs):
        yield {"loss": 1.0}
def loads(seed, epochs):
    for _ in range(epochs):
        import torch
        yield {"loss": float(torch.rand(()))}
trainer = function_trainer(plain, "m:plain")({}, {}, [1, 2])
list(trainer.train(2)); trainer.state(); trainer.close()
assert "torch" not in sys.modules
first, again = ([row["loss"] for row in function_trainer(loads, "m:loads")({}, {}, [1, 2]).train(2)] for _ in "ab")
assert first == again, (first, again)
assert not [finder for finder in sys.meta_path if type(finder).__module__.startswith("tune.")]
"""
    subprocess.run([sys.executable, "-c", source], check=True, timeout=100)


def test_a_saved_epoch_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that saves before each yield is continued after any epoch; one that saves nothing begins again."""
    monkeypatch.setenv("FUNCTION_LOG", str(tmp_path / "saves"))
    rows_of(functions.saves_before, [1], 3, 6, every=True)
    assert (tmp_path / "saves").read_text().split("\n")[:-1] == [f"1 {epoch}" for epoch in range(1, 7)]
    monkeypatch.setenv("FUNCTION_LOG", str(tmp_path / "last"))
    rows_of(functions.saves_last, [1], 3, 6)
    assert (tmp_path / "last").read_text().split("\n")[:-1] == [f"1 {epoch}" for epoch in range(1, 7)]
    monkeypatch.setenv("FUNCTION_LOG", str(tmp_path / "nothing"))
    rows_of(functions.draws, [1], 3, 6)
    assert len((tmp_path / "nothing").read_text().split("\n")[:-1]) == 3 + 6


def test_epochs_that_are_trained_again_are_counted() -> None:
    """Those of a function that saves nothing, or last saved an earlier epoch; each once, when the next one is told."""
    found = {}
    for function in (functions.draws, functions.saves_before, functions.numbered):
        trainer = begun(function, 1, 2)
        list(trainer.train(4))
        counted: Any = begun(function, 1, 2, state=trainer.state())
        rows = counted.train(3)
        found[function.__name__] = [counted.trained_again() for _ in rows]
        counted.close()
        trainer.close()
    none = {1: 0, 2: 0}
    assert found["draws"] == [{1: 4, 2: 4}, none, none]
    assert found["saves_before"] == [none] * 3
    assert found["numbered"] == [{1: 1, 2: 1}, none, none]


def test_a_trainer_goes_on_itself() -> None:
    """`train` may be called again on the same trainer, whose function is then called again."""
    trainer = begun(functions.saves_last, 1)
    rows = [*trainer.train(2), *trainer.train(3)]
    trainer.close()
    assert [row["was"] for row in rows] == [[1], [2], [3], [4], [5]]


def test_a_plain_function_trains_one_epoch() -> None:
    """What it returns is the row of its only epoch; asked for more it says what to do."""
    (row,) = rows_of(functions.once, [1, 2], 1)
    assert row["seed_was"] == [1, 2]
    assert raised(functions.once) == (
        "function mine:train, seed 7: returned one mapping, which is a training of one epoch, and was asked for 3; "
        "write epochs: 1 in the study, or have it yield a mapping per epoch"
    )


def test_one_that_knows_no_epochs_is_ended() -> None:
    """A function without the argument `epochs` trains until it is told enough, and its last words are heard."""
    said: list[str] = []

    def endless(seed: int) -> Iterator[dict[str, float]]:
        epoch = 0
        try:
            while True:
                epoch += 1
                yield {"loss": seed + epoch}
        finally:
            said.append(f"ended after {epoch}")

    trainer = begun(endless, 1)
    assert [row["loss"] for row in trainer.train(3)] == [[2], [3], [4]]
    assert said == ["ended after 3"]
    trainer.close()


def no_gradients() -> Any:
    return torch.no_grad()


def inference() -> Any:
    return torch.inference_mode()


def autocast() -> Any:
    return torch.autocast("cpu", torch.bfloat16)


def numpy_errors() -> Any:
    return np.errstate(all="raise")


@pytest.mark.parametrize("context", [no_gradients, inference, autocast, numpy_errors])
def test_what_a_seed_is_inside_of_is_its_own(context: Callable[[], Any]) -> None:
    """One that yields inside of a `with` changes nothing for its neighbours, nor for who trains it."""

    def modes() -> tuple[Any, ...]:
        weights = torch.ones(2, 2, requires_grad=True)
        product = weights @ weights
        return product.requires_grad, product.is_inference(), product.dtype, np.geterr()["over"]

    def train(seed: int, epochs: int) -> Iterator[dict[str, float]]:
        for _ in range(epochs):
            if modes() != before:
                raise ValueError(f"seed {seed}: {modes()}")
            with context():
                yield {"changed": modes() != before}
                if modes() == before:
                    raise ValueError(f"seed {seed} is no longer inside of it")

    before = modes()
    trainer = begun(train, 1, 2, 3)
    for row in trainer.train(3):
        assert row == {"changed": [True] * 3}
        assert modes() == before
    next(iter(trainer.train(3)))
    trainer.close()
    assert modes() == before


def test_each_seed_has_a_configuration_of_its_own() -> None:
    """What one seed does to its configuration changes nothing for the next."""

    def pops(config: dict[str, Any]) -> Iterator[dict[str, float]]:
        yield {"loss": config.pop("x")}

    assert [row["loss"] for row in begun(pops, 1, 2).train(1)] == [[0.5, 0.5]]


def test_a_metric_of_some_seeds_is_unknown_of_the_others() -> None:
    """Seeds need not tell the same metrics in the same epoch."""

    def some(seed: int) -> Iterator[dict[str, float]]:
        yield {"loss": 1.0, **({"extra": 2.0} if seed == 2 else {})}

    assert list(begun(some, 1, 2).train(1)) == [{"loss": [1.0, 1.0], "extra": [None, 2.0]}]


def test_check_config_of_a_function_is_the_trainers() -> None:
    """A function may say what it cannot train, before anything does."""

    def train(seed: int) -> Iterator[dict[str, float]]:
        yield {"loss": seed}

    train.check_config = lambda config: {"x": "too large"} if config["x"] > 1 else {}  # type: ignore[attr-defined]
    kind: Any = function_trainer(train, "mine:train")
    assert kind.check_config({"x": 2}) == {"x": "too large"}


def test_close_ends_it_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that is in the midst of something is ended, and its checkpoint folder is gone, whatever it raises."""
    places: list[Path] = []

    def train(checkpoint: Path, epochs: int) -> Iterator[dict[str, float]]:
        places.append(checkpoint)
        (checkpoint / "state").write_text("half")
        try:
            for epoch in range(epochs):
                yield {"loss": epoch}
        finally:
            raise OSError("cannot say goodbye")

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    trainer = begun(train, 1, 2)
    next(iter(trainer.train(3)))
    assert len(places) == 2
    assert {place.parent.stat().st_mode & 0o777 for place in places} == {0o700}
    with pytest.raises(OSError, match="goodbye"):
        trainer.close()
    assert list(tmp_path.iterdir()) == []
