"""A study under a storm of real faults ends as if there had been none; `python -m benchmarks.chaos` is the long one."""

from pathlib import Path
from random import Random

import pytest
import yaml

from benchmarks.chaos import ZERO, undisturbed, verdict
from benchmarks.faults import shim
from benchmarks.faults.kinds import FAULTS
from benchmarks.faults.storm import Storm, study


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library of faults inside system calls; the test skips where there is no C compiler."""
    built = shim.build(tmp_path_factory.mktemp("shim"))
    if built is None:
        pytest.skip("no C compiler on PATH (looked for cc, gcc)")
    return built


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study as nobody disturbed it."""
    return undisturbed(tmp_path_factory.mktemp("undisturbed") / "whole", study(16, 0.0))


def weathered(cwd: Path, driver: str, library: Path, kinds: list[str], seed: int) -> Storm:
    """The study after these faults, one after the other, and to its end."""
    (cwd / "study.yaml").write_text(yaml.safe_dump(study(16, 0.1), sort_keys=False))
    storm = Storm(cwd, "storm", library, Random(seed), driver)  # noqa: S311
    for kind in kinds:
        assert storm.strike(FAULTS[kind]), f"the study was over before: {kind}"
    storm.finish()
    return storm


def check(whole: Path, storm: Storm, faults: int, *, damaged: bool = False) -> None:
    """Every fault struck, and the study is the undisturbed one; a damaged curve may have lost rows."""
    assert len(storm.strikes) == faults
    found = verdict(whole, storm.folder)
    assert {key: found[key] for key in ZERO} == dict.fromkeys(ZERO, 0), (found, storm.strikes)
    assert damaged or not found["curve_rows_lost_to_damage"]


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_inside_writes(tmp_path: Path, library: Path, whole: Path, seed: int) -> None:
    """Dead between any two of write, sync and rename, or in the middle of a write, it goes on by the same command."""
    storm = weathered(tmp_path, "inline", library, ["killed inside a write"] * 5, seed)
    check(whole, storm, 5)
    assert [strike.ended for strike in storm.strikes] == [-9] * 5


@pytest.mark.slow
def test_a_storm_inline(tmp_path: Path, library: Path, whole: Path) -> None:
    """Kills, damaged files, a full disk and a clock that jumps change neither decisions nor losses nor winner."""
    kinds = ["disk full", "checkpoint, a bit flipped", "clock jumps", "curve truncated", "journal, a bit flipped"]
    check(whole, weathered(tmp_path, "inline", library, kinds, 2), len(kinds), damaged=True)


@pytest.mark.slow
@pytest.mark.cluster
def test_a_storm_on_ray(tmp_path: Path, library: Path, whole: Path) -> None:
    """The same on Ray, where actors and the raylet can be killed and stopped as well."""
    kinds = ["actor killed", "everything killed at once", "actor stopped", "raylet killed", "disk full"]
    storm = weathered(tmp_path, "ray", library, kinds, 3)
    check(whole, storm, len(kinds))
    outcome = {strike.fault: strike.ended for strike in storm.strikes}
    assert outcome["actor killed"] is None
    assert outcome["everything killed at once"] == -9
    (raylet,) = [strike for strike in storm.strikes if strike.fault == "raylet killed"]
    assert (raylet.ended, raylet.note) == (1, "continue with: latent-tune resume results/storm")
