"""Which seedings of the user's code are noted, in the words of the line that did it."""

import copy
import pickle
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tune.adapters.function import function_trainer
from tune.drivers.probing.seedings import watch_seedings
from tune.scoring.check.seeding import shared_seedings, unseeded
from tune.study.user_code import import_module

Noted = list[tuple[str, int | None, str]]


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Writes a module into a working folder, and imports it from there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def written(text: str) -> Any:
        name = f"mine_{len(list(tmp_path.iterdir()))}"
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return import_module(name)

    return written


def noted(user: Callable[[str], Any], text: str) -> Noted:
    """What is noted of a module of the user's that is imported, and whose `train` is called where it has one."""
    with watch_seedings() as seedings:
        module = user(text)
        if hasattr(module, "train"):
            module.train()
    return [(one.call, one.value, one.where.partition(":")[2]) for one in seedings]


@pytest.mark.parametrize(
    ("line", "call", "value"),
    [
        ("import random; random.seed(3)", "random.seed", 3),
        ("import random; random.seed()", "random.seed", None),
        ("import random; random.Random(3).random()", "random.Random", 3),
        ("from random import Random; Random(x=3)", "random.Random", 3),
        ("import random; random.Random()", "random.Random", None),
        ("import numpy as np; np.random.seed(3)", "numpy.random.seed", 3),
        ("import numpy as np; np.random.seed(seed=3)", "numpy.random.seed", 3),
        ("import numpy as np; np.random.default_rng(3)", "numpy.random.default_rng", 3),
        ("from numpy.random import default_rng; default_rng(3)", "numpy.random.default_rng", 3),
        ("from numpy.random import default_rng; default_rng()", "numpy.random.default_rng", None),
        ("import numpy as np; np.random.RandomState(3)", "numpy.random.RandomState", 3),
        ("import numpy as np; np.random.SeedSequence(3)", "numpy.random.SeedSequence", 3),
        ("import numpy as np; np.random.Generator(np.random.PCG64(3))", "numpy.random.PCG64", 3),
        ("import numpy as np; np.random.default_rng(np.random.SeedSequence(3))", "numpy.random.SeedSequence", 3),
        ("import torch; torch.manual_seed(3)", "torch.manual_seed", 3),
        ("import torch; torch.random.manual_seed(3)", "torch.manual_seed", 3),
        ("import torch; torch.seed()", "torch.seed", None),
        ("import torch; torch.cuda.manual_seed(3)", "torch.cuda.manual_seed", 3),
        ("import torch; torch.cuda.manual_seed_all(3)", "torch.cuda.manual_seed_all", 3),
        ("import torch; torch.Generator().manual_seed(3)", "torch.Generator.manual_seed", 3),
        ("import torch; torch.Generator().seed()", "torch.Generator.seed", None),
        ("import torch; torch.Generator()", "torch.Generator", 67280421310721),
    ],
)
def test_each_way_of_seeding_is_noted_with_its_line(
    user: Callable[[str], Any], line: str, call: str, value: int | None
) -> None:
    """Once, under the name by which people know it, with the seed that it was given."""
    assert noted(user, f"\n{line}\n") == [(call, value, "2")]


def test_what_is_no_number_is_told_from_others_of_its_kind(user: Callable[[str], Any]) -> None:
    """A list or text stands for the same number each time, below zero, and another for another number."""
    lines = "default_rng([7, 1])", "default_rng([7, 2])", "default_rng([7])", "default_rng([7, 1])"
    found = [noted(user, f"from numpy.random import default_rng\n{line}\n")[0][1] for line in lines]
    assert found[0] == found[3]
    lines = [f"SeedSequence(7, spawn_key=({key},))" for key in (1, 2)]
    found += [noted(user, f"from numpy.random import SeedSequence\n{line}\n")[0][1] for line in lines]
    assert len(set(found)) == 5
    assert all(value is not None and value < 0 for value in found)


def test_what_libraries_seed_for_the_user_has_the_name_of_what_was_called(user: Callable[[str], Any]) -> None:
    """`random_state` of scikit-learn and Lightning's `seed_everything` are noted at the user's line, once."""
    assert noted(
        user,
        "from sklearn.model_selection import train_test_split\n"
        "from sklearn.linear_model import SGDClassifier\n"
        "from lightning import seed_everything\n"
        "X = [[0.0], [1.0], [2.0], [3.0]]\n"
        "train_test_split(X, random_state=7)\n"
        "SGDClassifier(random_state=8).fit(X, [0, 1, 0, 1])\n"
        "seed_everything(9)\n",
    ) == [
        ("sklearn.train_test_split", 7, "5"),
        ("sklearn.BaseSGDClassifier.fit", 8, "6"),
        ("lightning.seed_everything", 9, "7"),
    ]


def test_what_others_make_for_themselves_is_not_noted(user: Callable[[str], Any]) -> None:
    """Names of temporary files are drawn by the standard library; copies continue what was noted."""
    drawn = "import copy, random, tempfile\ntempfile._RandomNameSequence().rng\nmine = random.Random(1)\n"
    assert noted(user, drawn + "copy.deepcopy(mine)\n") == [("random.Random", 1, "3")]


def test_a_line_is_noted_at_most_32_times(user: Callable[[str], Any]) -> None:
    """A loop over batches does not fill the memory."""
    text = "import numpy as np\ndef train():\n    for batch in range(1000):\n        np.random.default_rng(batch)\n"
    assert [value for _, value, _ in noted(user, text)] == list(range(32))


def test_stand_ins_are_what_they_stand_for(user: Callable[[str], Any]) -> None:
    """Old and new generators pass `isinstance`, are drawn from, copied, pickled and derived from as ever."""
    old = torch.Generator().manual_seed(1), np.random.RandomState(1)
    with watch_seedings():
        assert isinstance(old[0], torch.Generator)
        assert isinstance(torch.default_generator, torch.Generator)
        assert isinstance(old[1], np.random.RandomState)
        assert not isinstance(old[1], torch.Generator)
        assert type(np.random.RandomState(1)) == np.random.RandomState  # noqa: E721 - people write so
        assert issubclass(np.random.PCG64, np.random.BitGenerator)

        new = torch.Generator().manual_seed(1)
        assert torch.equal(torch.randn(3, generator=new), torch.randn(3, generator=old[0]))
        for copied in (copy.deepcopy(new), pickle.loads(pickle.dumps(new))):  # noqa: S301 - made here
            assert torch.equal(torch.randn(3, generator=copied), torch.randn(3, generator=new.clone_state()))
        assert pickle.loads(pickle.dumps(np.random.RandomState)) is np.random.RandomState  # noqa: S301
        states = user("import numpy\nclass Mine(numpy.random.RandomState):\n    pass\n")
        assert type(states.Mine(3)) is states.Mine
        assert isinstance(states.Mine(3), np.random.RandomState)
        assert not isinstance(np.random.RandomState(3), states.Mine)
        assert states.Mine(3).rand() == np.random.RandomState(3).rand()


def test_data_loaders_train_as_ever_and_say_where_their_order_is_from(user: Callable[[str], Any]) -> None:
    """A loader with a generator is noted where that is seeded; one without draws from the global one, and is not."""
    text = """
import torch
from torch.utils.data import DataLoader, DistributedSampler, random_split
def train():
    loader = DataLoader(range(8), batch_size=2, shuffle=True, generator=torch.Generator().manual_seed(4))
    own = [batch.tolist() for batch in loader]
    torch.manual_seed(4)
    plain = [batch.tolist() for batch in DataLoader(range(8), batch_size=2, shuffle=True)]
    random_split(range(8), [4, 4], torch.Generator().manual_seed(5))
    spread = list(DistributedSampler(range(8), num_replicas=1, rank=0))
    return own, plain, spread
"""
    with watch_seedings() as seedings:
        module = user(text)
        watched = module.train()
    assert module.train() == watched
    assert [(one.call, one.value, one.where.partition(":")[2]) for one in seedings] == [
        ("torch.Generator.manual_seed", 4, "5"),
        ("torch.manual_seed", 4, "7"),
        ("torch.Generator.manual_seed", 5, "9"),
        ("torch.DistributedSampler.__iter__", 0, "10"),
    ]


def test_what_a_function_is_seeded_with_by_us_is_not_noted(user: Callable[[str], Any]) -> None:
    """The global generators of its seed are our affair; what it does itself is noted for each seed."""
    text = (
        "import random\nimport numpy as np\ndef train(seed, epochs):\n    np.random.seed(seed)\n"
        "    order = np.random.default_rng(0)\n    for _ in range(epochs):\n"
        "        yield {'loss': random.random() + order.random()}\n"
    )

    def alone(seed: int) -> Any:
        with watch_seedings() as seedings:
            trainer = function_trainer(user(text).train, "mine:train")({}, {}, [seed])
            list(trainer.train(3))
            trainer.close()
        return [type(one)(one.call, one.value, "train.py:" + one.where.partition(":")[2]) for one in seedings]

    first, second = alone(1), alone(2)
    assert [(one.call, one.value) for one in first] == [("numpy.random.seed", 1), ("numpy.random.default_rng", 0)]
    assert [(one.call, one.where) for one in shared_seedings(first, second)] == [
        ("numpy.random.default_rng", "train.py:5")
    ]
    assert not unseeded(first)


def test_a_class_is_watched_from_its_import_to_its_last_epoch(user: Callable[[str], Any]) -> None:
    """What its module makes when it is imported is noted as well as what it makes while it trains."""
    text = """
from random import Random
import numpy as np
ORDER = Random(5)
class Trainer:
    def __init__(self, config, recording, seeds, state=None):
        self.noise = [np.random.default_rng(seed) for seed in seeds]
    def train(self, epochs):
        for epoch in range(epochs):
            yield {"loss": [noise.random() + np.random.default_rng().random() for noise in self.noise]}
"""
    with watch_seedings() as seedings:
        trainer = user(text).Trainer({}, {}, [8])
        list(trainer.train(2))
    assert [(one.call, one.value, one.where.partition(":")[2]) for one in seedings] == [
        ("random.Random", 5, "4"),
        ("numpy.random.default_rng", 8, "7"),
        ("numpy.random.default_rng", None, "10"),
    ]


def test_everything_is_as_it_was_afterwards(user: Callable[[str], Any]) -> None:
    """What was put in the place of others is gone, also after an error, and what modules kept of it says nothing."""

    def parts() -> list[Any]:
        names = ("seed", "default_rng", "RandomState", "SeedSequence", "PCG64")
        others = [random.seed, random.Random.seed, torch.manual_seed, torch.random.manual_seed, torch.Generator]
        return [*(getattr(np.random, name) for name in names), *others, torch.cuda.manual_seed_all, list(sys.meta_path)]

    before = parts()
    with suppress(ZeroDivisionError), watch_seedings() as seedings:
        kept = user("from numpy.random import default_rng\nfrom torch import Generator\n")
        raise ZeroDivisionError
    assert all(now is was or now == was for now, was in zip(parts(), before, strict=True))
    assert kept.default_rng(3).random() == np.random.default_rng(3).random()
    assert kept.Generator().manual_seed(3).initial_seed() == 3
    assert not seedings


def test_pytorch_is_watched_when_it_is_loaded_and_not_loaded_for_it(tmp_path: Path) -> None:
    """A process without it stays without it; a function that imports it in its first epoch is noted from there on."""
    (tmp_path / "late.py").write_text(
        "def train(seed, epochs):\n    yield {'loss': 1.0}\n    from torch import Generator, manual_seed\n"
        "    manual_seed(5)\n    Generator().manual_seed(6)\n    yield {'loss': 2.0}\n"
    )
    source = """
import sys
from tune.adapters.function import function_trainer
from tune.drivers.probing.seedings import watch_seedings
with watch_seedings() as seedings:
    import late
    assert "torch" not in sys.modules
    trainer = function_trainer(late.train, "late:train")({}, {}, [1])
    list(trainer.train(2))
    trainer.close()
assert [(one.call, one.value, one.where) for one in seedings] == [
    ("torch.manual_seed", 5, "late.py:4"), ("torch.Generator.manual_seed", 6, "late.py:5")], seedings
import torch
assert torch.Generator is torch._C.Generator
"""
    ours = str(Path(__file__).parents[5])
    started = [sys.executable, "-c", f"import sys; sys.path[:0] = ['', {ours!r}]\n{source}"]
    subprocess.run(started, check=True, timeout=100, cwd=tmp_path)


def test_a_watch_within_a_watch_leaves_the_outer_one_in_place() -> None:
    """What is made after the inner one has ended is noted by the outer one alone."""
    with watch_seedings() as outer:
        with watch_seedings() as inner:
            np.random.default_rng(1)
        np.random.default_rng(2)
    assert [one.value for one in inner] == [1]
    assert 2 in [one.value for one in outer]


def test_lines_below_the_working_directory_are_named_from_there(
    user: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others by their whole path."""
    module = user("import numpy as np\ndef train():\n    return np.random.default_rng(1)\n")
    with watch_seedings() as seedings:
        module.train()
        monkeypatch.chdir("/usr")
        module.train()
    here, there = (one.where for one in seedings)
    assert here == f"{module.__name__}.py:3"
    assert there == f"{module.__file__}:3"
