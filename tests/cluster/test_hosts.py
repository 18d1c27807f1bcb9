"""README's Cluster section, followed literally on hosts of their own, one of which is killed and one cut off."""

import json
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.hosts import USER, Host, hosts, poll, why_not

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1200)]

ROOT = Path(__file__).parents[2]
BROUGHT = ("pyproject.toml", "constraints.txt", "README.md", "LICENSE", "tune", "model", "search_spaces")
CUT_S = 60
STUDY: dict[str, Any] = {
    "name": "paced",
    "trainer": "paced:Paced",
    "recording": {"log": "/mnt/shared/epochs.log", "brake": "/mnt/shared/brake"},
    "fixed": {"sleep_s": 4},
    "space": {"x": {"uniform": [0, 1]}},
    "search": {"method": "random", "trials": 12, "seed": 3},
    "seeds": [1, 2, 3],
    "rungs": [{"epochs": 8, "seeds": 2}, {"epochs": 16, "seeds": 3}],
    "resources": {"cpus_per_trial": 2, "retries": 0},  # one trial fills a host; no failure is forgiven
    "storage": {"checkpoints": "every_epoch"},
}


@dataclass
class Lab:
    """Three hosts, the desk from which they are used, and the folder that all of them see."""

    head: Host
    one: Host
    two: Host
    desk: Host
    shared: Path

    def type(self, line: str, limit_s: float = 180, *, check: bool = True) -> str:
        """Runs a line at the desk, in the environment that README says to activate."""
        return self.desk.run(f". .venv/bin/activate && {line}", limit_s, check=check)

    def lay(self, **changes: Any) -> None:
        """Puts a study, and the trainer that it names, into the shared folder."""
        shutil.copy(ROOT / "tests" / "fakes" / "paced.py", self.shared)
        (self.shared / "study.yaml").write_text(yaml.safe_dump({**STUDY, **changes}))
        (self.shared / "brake").touch()

    def release(self) -> None:
        """Lets the study end as fast as it can; until then it is too slow to end before its hosts are back."""
        (self.shared / "brake").unlink()

    def status(self, study: str, host: Host) -> dict[str, Any]:
        """Returns what `latent-tune status --json` says on a host."""
        said = host.run(f".venv/bin/latent-tune status /mnt/shared/results/{study} --json")
        found: dict[str, Any] = json.loads(said)
        return found

    def epochs(self) -> list[tuple[str, str]]:
        """Returns by which host each epoch was trained, and which: `x seed epoch`."""
        log = self.shared / "epochs.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [(line.split()[0], line.partition(" ")[2]) for line in lines]

    def trained(self) -> Counter[str]:
        """Returns how many epochs each host has trained."""
        return Counter(host for host, _ in self.epochs())


def readme() -> list[str]:
    """Returns the commands of README's Cluster section, in order."""
    section = (ROOT / "README.md").read_text().split("\n## Cluster\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines()]


def command(beginning: str) -> str:
    """Returns the one command of README that begins so, for the study of this test."""
    (line,) = (line for line in readme() if line.startswith(beginning))
    return line.replace("run quickstart", "run study.yaml").replace("results/quickstart", "results/paced")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A cluster, brought up by README's commands from the committed files; only what is marked FILL IN is filled in."""
    if reason := why_not():
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="lt-hosts-", dir="/tmp"))
    try:
        with hosts(folder, ["head", "one", "two", "desk"]) as (head, one, two, desk):
            for name in BROUGHT:
                copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
                copy(ROOT / name, desk.home / "latent-tune" / name)
            text = (ROOT / "cluster.yaml").read_text()
            filled = {"192.0.2.10": head.address, "192.0.2.11": one.address, "192.0.2.12": two.address, "ubuntu": USER}
            for value, here in filled.items():
                assert re.search(rf"{re.escape(value)}.*# FILL IN", text)
                text = text.replace(value, here)
            (desk.home / "latent-tune" / "cluster.yaml").write_text(text)
            lab = Lab(head, one, two, desk, folder / "shared")
            lab.type("pip install --quiet --no-build-isolation --editable '.[cluster]'")  # as `make setup` does
            lab.type(command("ray get-auth-token"))
            lab.type(command("ray up"))
            yield lab
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def nodes(lab: Lab) -> int:
    """Returns how many nodes `ray status` shows."""
    said = lab.type(command("ray exec cluster.yaml 'RAY_AUTH_MODE=token ray status"))
    found = re.search(r"(\d+) local.cluster.node", said)
    return int(found[1]) if found else 0


def test_a_cluster_comes_up_and_a_study_outlives_its_hosts(lab: Lab) -> None:
    """One host is killed and one cut off for a minute: no trial is lost, none counts as failed, nothing runs twice."""
    poll(
        lambda: nodes(lab) == 3,
        lambda: lab.type("ray exec cluster.yaml 'tail /tmp/ray/session_latest/logs/mon*.out'"),
        180,
    )
    lab.lay()
    lab.type(command("ray exec cluster.yaml 'RAY_AUTH_MODE=token ray job submit"))
    poll(lambda: min(lab.trained()[host] for host in ("head", "one", "two")) >= 4, lambda: str(lab.trained()), 180)
    lab.one.kill()
    lab.two.cut_off()
    time.sleep(CUT_S)
    lab.two.plug_in()
    before = lab.trained()
    poll(lambda: lab.trained()["two"] > before["two"] + 2, lambda: f"{before} -> {lab.trained()}", 400)
    shown = lab.type(command("ray exec cluster.yaml 'latent-tune status"))
    assert f"{lab.two.address}" in shown
    lab.release()
    poll(lambda: lab.status("paced", lab.head)["state"] == "finished", lambda: str(lab.status("paced", lab.head)), 300)

    said = lab.status("paced", lab.head)
    assert said["trials"]["failed"] == 0
    assert sum(said["trials"].values()) == said["planned_trials"] == 12
    assert said["trials"]["confirmed"] + said["trials"]["stopped"] + said["trials"]["paused"] == 12
    assert said["trials"]["confirmed"] >= 1
    assert set(said["failure_classes"]) >= {"lost"}
    assert said["failure_classes"]["lost"]["trials"] == 2
    assert (
        sum(one["attempts"] for kind, one in said["failure_classes"].items() if kind not in ("lost", "diverged")) == 0
    )
    assert said["seed_epochs_redone"] == 0
    again = [which for which, times in Counter(which for _, which in lab.epochs()).items() if times > 1]
    assert len({which.rsplit(" ")[-1] for which in again}) <= 1, (
        again
    )  # between an epoch's last step and its checkpoint
    lab.type(command("ray rsync-down"))
    assert (lab.desk.home / "latent-tune" / "results" / "paced" / "report.md").exists()


def test_when_the_head_is_lost_another_machine_continues(lab: Lab) -> None:
    """The study's folder is all that is needed: no cluster, no head, not even the machine that began it."""
    (lab.shared / "epochs.log").unlink(missing_ok=True)
    lab.lay(name="orphan", search={"method": "random", "trials": 4, "seed": 5})
    lab.type(command("ray exec cluster.yaml 'RAY_AUTH_MODE=token ray job submit"))
    poll(lambda: sum(lab.trained().values()) >= 6, lambda: str(lab.trained()), 120)
    lab.head.kill()
    # The trainer writes into a file that its recording names.
    resume = "cd /mnt/shared && ~/latent-tune/.venv/bin/latent-tune resume results/orphan --accept-recording"
    refused = lab.desk.run(resume, check=False)
    assert "is running this study" in refused  # it beat a moment ago; after a minute of silence it is dead
    poll(lambda: lab.status("orphan", lab.desk)["state"] == "lost", lambda: str(lab.status("orphan", lab.desk)), 120)
    lab.release()
    lab.desk.run(resume, 240)
    said = lab.status("orphan", lab.desk)
    assert (said["state"], said["trials"]["failed"], said["seed_epochs_redone"]) == ("finished", 0, 0)
    assert sum(said["trials"].values()) == 4


def test_ray_down_leaves_nothing_running(lab: Lab) -> None:
    """Even without its head: workers notice that it is gone, and end by themselves."""
    lab.type(command("ray down"), check=False)
    poll(lambda: "raylet" not in lab.two.run("ps ax", check=False), lambda: lab.two.run("ps ax"), 180)
