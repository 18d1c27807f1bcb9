"""The Python API in a process of somebody else's: scripts, notebooks, threads."""

import ast
import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import latent_tune
from tests.behaviour.command import latent_tune as command
from tests.fakes.one_objective import BASELINE, SPACE, Objective, loss, train
from tests.fakes.studies import quadratic_study
from tests.fakes.trainers import Quadratic
from tune.ledger.reader import LedgerReader

ROOT = Path(__file__).parents[2]


def small_study(**changes: Any) -> latent_tune.Study:
    plain = quadratic_study(search={"trials": 5}, **changes)
    return latent_tune.Study(**plain.model_dump(mode="json", by_alias=True))


def told(folder: Path) -> list[tuple[str, int | None, int | None, str]]:
    """Everything decided about trials."""
    ledger = LedgerReader.read(folder, clock=time.time)
    return [(one.kind, one.trial, one.rung, one.reason) for one in ledger.decisions if one.trial is not None]


def test_importing_it_is_quick_and_loads_nothing_heavy() -> None:
    """Under 0.3 s, also for who only reports from inside of a program."""
    code = "import time; t = time.perf_counter(); import latent_tune, sys; s = time.perf_counter() - t; "
    code += "print(s, [m for m in ('torch', 'ray', 'pandas', 'pydantic', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    seconds, _, loaded = done.stdout.partition(" ")
    assert float(seconds) < 0.3
    assert ast.literal_eval(loaded) == []


def test_every_name_is_there() -> None:
    """Each name that the module says it has can be used, and another is an AttributeError that says which there are."""
    assert [name for name in latent_tune.__all__ if not callable(getattr(latent_tune, name))] == []
    assert set(latent_tune.__all__) == set(latent_tune._WHERE) <= set(dir(latent_tune))
    with pytest.raises(AttributeError, match="module 'latent_tune' has no 'runn'; it has "):
        _ = latent_tune.runn  # type: ignore[attr-defined] # that is the test


def test_a_study_is_run_and_continued_as_by_the_command(tmp_path: Path) -> None:
    """The decisions are those of the command line; run again, it is finished and trains nothing."""
    result = latent_tune.run(small_study(), results=tmp_path / "a", progress=False)
    assert result.best is not None
    assert result.best.confirmed
    again = latent_tune.run(small_study(), results=tmp_path / "a", progress=False)
    assert len(again.curves()) == len(result.curves())
    (tmp_path / "study.yaml").write_text((result.folder / "study.yaml").read_text())
    latent_tune.run(latent_tune.Study.read(tmp_path / "study.yaml"), results=tmp_path / "b", progress=False)
    assert told(tmp_path / "a" / "quadratic") == told(tmp_path / "b" / "quadratic")
    more = latent_tune.resume(result.folder, trials=7, progress=False)
    assert len(more.trials()) == 7


def test_a_class_a_function_and_a_loop_decide_the_same(tmp_path: Path) -> None:
    """One objective three ways: the same decisions, reasons included, and the same losses."""
    study = small_study(space=SPACE, score={"baseline": BASELINE})
    latent_tune.run(study, Objective, tmp_path / "class", progress=False)
    latent_tune.run(study, train, tmp_path / "function", progress=False)
    latent_tune.simulate(study, train, folder=tmp_path / "simulated" / "quadratic")
    with latent_tune.ask_tell(study, tmp_path / "loop" / "quadratic") as search:
        while (work := search.ask()) is not None:
            for epoch in range(work.from_epoch + 1, work.to_epoch + 1):
                search.tell(
                    work, {"validation_loss": [loss(**work.config, seed=one, epoch=epoch) for one in work.seeds]}
                )
    first = told(tmp_path / "class" / "quadratic")
    for way in ("function", "simulated", "loop"):
        assert told(tmp_path / way / "quadratic") == first
        curves = latent_tune.open(tmp_path / way / "quadratic").curves()
        assert curves.equals(latent_tune.open(tmp_path / "class" / "quadratic").curves())


def test_a_loop_that_is_killed_goes_on(tmp_path: Path) -> None:
    """Killed between two epochs: the next loop is asked for what is left, with the state that was told."""
    study, folder = small_study(space={"x": {"uniform": [0, 1]}}), tmp_path / "q"
    code = (
        "import latent_tune, os, sys\n"
        f"study = latent_tune.Study.read({str(tmp_path / 'study.yaml')!r})\n"
        f"with latent_tune.ask_tell(study, {str(folder)!r}) as search:\n"
        "    work = search.ask()\n"
        "    search.tell(work, {'validation_loss': [0.5] * len(work.seeds)}, dict.fromkeys(work.seeds, 'one'))\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    from tune.study.study import dump_study

    (tmp_path / "study.yaml").write_text(dump_study(study.plain))
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    with latent_tune.ask_tell(study, folder) as search:
        work = search.ask()
        assert work is not None
        assert (work.trial, work.from_epoch, work.state) == (0, 1, dict.fromkeys(work.seeds, "one"))
    assert latent_tune.open(folder).status()["seed_epochs_redone"] == 0


def test_a_loop_that_is_left_early_goes_on(tmp_path: Path) -> None:
    """Nothing that was told is lost; the command line says that the loop is to go on."""
    study, folder = small_study(), tmp_path / "q"
    with latent_tune.ask_tell(study, folder) as search:
        first = search.ask()
        assert first is not None
        search.tell(first, [{"validation_loss": [0.5, 0.5]}] * 2)
    with latent_tune.ask_tell(study, folder) as search:
        work = search.ask()
        assert work is not None
        assert work.trial == 1
    said = command(tmp_path, "resume", "q", "--driver", "inline")
    assert said.code == 2
    assert "a loop of your own trains this study; go on with that: with latent_tune.ask_tell(" in said.err


def test_a_trainer_of_a_script_is_known_by_its_name(tmp_path: Path) -> None:
    """It is fingerprinted, the study goes on where it is defined, and elsewhere a message says where that is."""
    script = tmp_path / "mine.py"
    script.write_text(
        "import latent_tune, sys\n"
        "def train(config, seed, epochs):\n"
        "    for epoch in range(epochs):\n"
        "        yield {'validation_loss': config['x'] + 1 / (epoch + 1)}\n"
        "if __name__ == '__main__':\n"
        "    study = latent_tune.Study(name='mine', space={'x': {'uniform': [0, 1]}}, seeds=[1, 2], epochs=3,\n"
        "                              search={'trials': int(sys.argv[1])})\n"
        "    if sys.argv[1] == '2':\n"
        "        latent_tune.run(study, train, progress=False)\n"
        "    else:\n"
        "        print(len(latent_tune.resume('results/mine', trials=int(sys.argv[1]), progress=False).trials()))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for trials in ("2", "3"):
        subprocess.run([sys.executable, "mine.py", trials], cwd=tmp_path, check=True, env=environment)
    ledger = LedgerReader.read(tmp_path / "results" / "mine", clock=time.time)
    assert ledger.study.function == "__main__:train"
    assert ledger.made_from is not None
    assert list(ledger.made_from.code) == ["mine.py"]
    assert len(ledger.trials) == 3
    said = command(tmp_path, "resume", "results/mine", "--driver", "inline", "--trials", "4")
    assert said.code == 2
    assert "train was defined in a notebook or script, and cannot be imported from elsewhere" in said.err
    assert "latent_tune.resume(folder, trainer=train)" in said.err


def test_what_was_there_before_is_there_afterwards(tmp_path: Path) -> None:
    """Handlers of signals and the working directory are put back; a running event loop is no obstacle."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    here = Path.cwd()
    (tmp_path / "study.yaml").write_text(
        (latent_tune.run(small_study(), results=tmp_path / "a", progress=False).folder / "study.yaml").read_text()
    )

    async def notebook() -> latent_tune.Result:
        return latent_tune.run(latent_tune.Study.read(tmp_path / "study.yaml"), results=tmp_path / "b", progress=False)

    assert asyncio.run(notebook()).best is not None
    assert Path.cwd() == here
    assert {number: signal.getsignal(number) for number in before} == before


def test_it_works_in_a_thread(tmp_path: Path) -> None:
    """Where no signal can be listened to."""
    found: list[latent_tune.Result] = []
    thread = threading.Thread(
        target=lambda: found.append(latent_tune.run(small_study(), results=tmp_path, progress=False))
    )
    thread.start()
    thread.join()
    assert found[0].best is not None


class Interrupting(Quadratic):
    """Asks its own process to stop, as Ctrl-C does: once, or twice."""

    times = 1

    def train(self, epochs: int) -> Iterator[dict[str, list[float]]]:
        for row in super().train(epochs):
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)
            yield row


def test_ctrl_c_stops_in_order_and_twice_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first saves and raises Interrupted, the second is a KeyboardInterrupt; the process lives, the study too."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(latent_tune.Interrupted, match="nothing is lost"):
        latent_tune.run(small_study(), Interrupting, tmp_path, progress=False)
    monkeypatch.setattr(Interrupting, "times", 2)
    with pytest.raises(KeyboardInterrupt):
        latent_tune.run(small_study(), Interrupting, tmp_path, progress=False)
    assert signal.getsignal(signal.SIGINT) is before
    monkeypatch.setattr(Interrupting, "times", 0)
    assert latent_tune.run(small_study(), Interrupting, tmp_path, progress=False).best is not None


def test_nothing_to_recommend_says_why(tmp_path: Path) -> None:
    """A study of which every seed failed has no best."""
    study = small_study(score={"baseline": 0.0})
    result = latent_tune.run(study, results=tmp_path, progress=False)
    assert result.best is None
    assert "nothing to recommend" in result.why
    assert "nothing to recommend" in result._repr_html_()


@pytest.mark.parametrize(
    ("trainer", "said"),
    [
        (lambda: None, "a function that has a name"),
        ("tests.fakes.trainers:Quadratic", "a function that has a name"),
        (dict, "trainer: builtins:dict is no trainer, it lacks train, state, baseline, close"),
    ],
)
def test_what_is_no_trainer_is_refused(tmp_path: Path, trainer: Any, said: str) -> None:
    """Before anything is written."""
    with pytest.raises(latent_tune.UserMistake, match=said):
        latent_tune.run(small_study(), trainer, tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_mistakes_are_said_as_of_a_file() -> None:
    """All at once, each with its place; what no file can hold is one as well."""
    with pytest.raises(latent_tune.FileMistakes) as found:
        latent_tune.Study(name="x", space={"y": {"unifrm": [0, 1]}}, seeds=(1, 1), epochs=3, recording={"a": object()})
    said = str(found.value)
    assert said.startswith("latent_tune.Study: ")
    assert "space.y: a parameter is one of" in said
    assert "seeds: each seed once" in said
    assert "recording.a: must be what a file can hold" in said


@pytest.mark.cluster
def test_a_trainer_that_cannot_be_imported_is_sent(tmp_path: Path) -> None:
    """A class of a function, which has no name elsewhere, trains in Ray's actors."""

    class Local(Quadratic):
        pass

    result = latent_tune.run(small_study(), Local, tmp_path, driver="ray", progress=False)
    assert result.best is not None


def test_a_study_may_begin_from_an_earlier_one(tmp_path: Path) -> None:
    """`search.enqueue` names its folder from Python as in a file for the command line."""
    earlier = latent_tune.run(small_study(), results=tmp_path, progress=False)
    plain = small_study().model_dump(mode="json", by_alias=True)
    given = {**plain, "name": "later", "search": {"trials": 2, "enqueue": str(earlier.folder)}}
    (tmp_path / "later.yaml").write_text(json.dumps(given))
    later = latent_tune.run(latent_tune.Study.read(tmp_path / "later.yaml"), results=tmp_path, progress=False)
    assert earlier.best is not None
    assert later.trials().set_index("trial").loc[0, "x"] == earlier.best.parameters["x"]
