"""The built wheel holds all that the quickstart needs, and runs it from any directory."""

import os
import subprocess
import sys
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run to the end and keep what it said."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **extra},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@dataclass(frozen=True)
class Installed:
    """A wheel installed away from its sources: its environment's programs, and an empty directory to work in."""

    bin: Path
    elsewhere: Path

    def latent_tune(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the installed console script in the empty directory."""
        return run(self.bin / "latent-tune", *arguments, cwd=self.elsewhere)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir")
    built = run(*pip, folder, ROOT, cwd=folder)
    assert built.returncode == 0, built.stderr
    (file,) = folder.glob("latent_tune-*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """An environment with the wheel and this interpreter's libraries, but without this checkout."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    done = run(sys.executable, "-m", "pip", "install", "--no-deps", "--target", site, wheel, cwd=folder)
    assert done.returncode == 0, done.stderr
    # Our libraries come after the wheel on the path. Their .pth files, the editable install's too, do not count there.
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    (site / "libraries.pth").write_text("\n".join(libraries) + "\n")
    script = folder / "venv" / "bin" / "latent-tune"
    script.write_text((site / "bin" / "latent-tune").read_text().replace(sys.executable, str(script.parent / "python")))
    script.chmod(0o755)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    return Installed(script.parent, elsewhere)


def test_what_is_inside(wheel: Path) -> None:
    """Both packages, every study and the connectome with its licence are in the wheel; tests and results are not."""
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    studies = {f"search_spaces/{file.name}" for file in (ROOT / "search_spaces").glob("*.yaml")}
    data = {f"model/data/{file.name}" for file in (ROOT / "model" / "data").iterdir() if file.is_file()}
    assert studies
    assert data
    assert {"tune/cli/parser.py", "model/trainer.py", *studies, *data} <= inside
    tops = {name.split("/")[0] for name in inside}
    assert {top for top in tops if not top.startswith("latent_tune-")} == {
        "tune",
        "model",
        "search_spaces",
        "latent_tune.py",
    }


def test_the_code_that_runs_is_the_installed_one(installed: Installed) -> None:
    """The installed environment imports its own copy, not this checkout."""
    said = run(installed.bin / "python", "-c", "import tune; print(tune.__file__)", cwd=installed.elsewhere)
    assert said.returncode == 0, said.stderr
    assert Path(said.stdout.strip()).is_relative_to(installed.bin.parent)


def test_help(installed: Installed) -> None:
    """The console script answers in an empty directory."""
    said = installed.latent_tune("--help")
    assert said.returncode == 0, said.stderr
    assert "run" in said.stdout


def test_the_quickstart_runs_elsewhere(installed: Installed) -> None:
    """The quickstart, shortened, runs from the installed copy and writes its study folder where we stand."""
    shorter = ("--set", "search.trials=2", "--set", "seeds=[1, 2]", "--set", "rungs=[{epochs: 1, seeds: 2}]")
    said = installed.latent_tune("run", "search_spaces/quickstart.yaml", "--driver", "inline", *shorter)
    assert said.returncode in (0, 1), said.stdout + said.stderr  # 1: after one epoch there may be nothing to recommend
    assert "Leaderboard" in said.stdout
    assert (installed.elsewhere / "results" / "quickstart" / "report.md").is_file()
