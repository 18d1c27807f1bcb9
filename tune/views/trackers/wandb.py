"""Weights & Biases: a run for the study, for each trial and for each seed, grouped by trial."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tune.errors import UserMistake
from tune.study.loggers import WandbOptions
from tune.views.trackers.logger import Run, RunState
from tune.views.trackers.secrets import without_secrets

if TYPE_CHECKING:
    import wandb

ENVIRONMENT = {"WANDB_ERROR_REPORTING": "false"}
"""Before it is imported, where nobody has said otherwise: it reports its own errors to its makers else, unasked."""

FOLDER = ".wandb"
"""In the study folder: the files of W&B."""

_FORMER = "https://api.wandb.ai"
"""Under which name `wandb login` kept the key once; W&B takes that for its server of today."""


class WandbRuns:
    """Tells Weights & Biases of runs; a run that is left is finished there, and resumed by its identity.

    Online it is asked how far it has a run. Offline it cannot be, and files that two processes wrote of one run replace
    each other when they are synced: so a run that goes on is written anew, whole, in place of the files before.

    Args:
        options: Of the study file.
        folder: The study folder; its files lie there in `.wandb/`, for W&B makes links among them, and nothing is read
            through links but in folders that are hidden.
    """

    def __init__(self, options: WandbOptions, folder: Path) -> None:
        self._options, self._folder = options, folder / FOLDER
        self._folder.mkdir(exist_ok=True)
        self._offline = is_offline(options)
        self._runs: dict[str, wandb.Run] = {}

    def start(self, run: Run) -> int:
        """Begins a run, or goes on with it; its step is the epoch."""
        import wandb

        if self._offline:
            for files in (self._folder / "wandb").glob(f"offline-run-*-{run.id}"):
                shutil.rmtree(files)
        trial = run.parent if run.kind == "seed" else run
        own = {"study": run.study, "trial": run.trial, "seed": run.seed}
        begun = wandb.init(
            id=run.id,
            name=run.name,
            project=self._options.project or run.study,
            entity=self._options.entity,
            group=f"{run.study}/{trial.name}" if trial is not None and run.trial is not None else run.study,
            job_type=run.kind,
            config={**run.parameters, **{name: one for name, one in own.items() if one is not None}},
            resume=None if self._offline else "allow",
            reinit="create_new",
            settings=_settings(self._folder, offline=self._offline),
        )
        self._runs[run.id] = begun
        return max(0, begun.starting_step - 1)

    def epoch(self, run: Run, epoch: int, metrics: Mapping[str, float]) -> None:
        """Takes an epoch."""
        self._runs[run.id].log({**metrics, "epoch": epoch}, step=epoch)

    def end(self, run: Run, state: RunState, summary: Mapping[str, float]) -> None:
        """Tells how a run stands, and finishes it."""
        begun = self._runs.pop(run.id)
        begun.summary.update({"state": state, **{f"summary/{name}": value for name, value in summary.items()}})
        begun.finish(exit_code=int(state == "failed"))

    def close(self) -> None:
        """Finishes what is not: whoever goes on resumes it."""
        while self._runs:
            self._runs.popitem()[1].finish()


def is_offline(options: WandbOptions) -> bool:
    """Says whether nothing is sent: the study says so, or the environment."""
    return (options.mode or os.environ.get("WANDB_MODE", "online")) in ("offline", "dryrun", "disabled")


def server() -> str:
    """Returns the URL of the server that is told, when W&B is online."""
    import wandb

    return os.environ.get("WANDB_BASE_URL") or wandb.Settings().base_url


def refuse_unknown_user(options: WandbOptions) -> None:
    """Raises UserMistake if there is no API key: W&B would ask for one on the terminal."""
    if is_offline(options) or {"WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"} & os.environ.keys():
        return
    from requests.utils import get_netrc_auth

    hosts = [server()] if "WANDB_BASE_URL" in os.environ else [server(), _FORMER]
    if not any(get_netrc_auth(host) for host in hosts):
        raise UserMistake(
            f"loggers.wandb: no API key for {without_secrets(server())} is known; run: wandb login, or set "
            "WANDB_API_KEY, or have files written for a later `wandb sync` with --set loggers.wandb.mode=offline"
        )


def _settings(folder: Path, *, offline: bool) -> "wandb.Settings":
    """Returns settings with which W&B prints nothing, looks at nothing but what it is told, and makes no links."""
    import wandb

    return wandb.Settings(
        mode="offline" if offline else "online",
        root_dir=str(folder),
        symlink=False,
        silent=True,
        console="off",
        disable_git=True,
        disable_code=True,
        save_code=False,
        x_disable_stats=True,
        x_disable_meta=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
    )
