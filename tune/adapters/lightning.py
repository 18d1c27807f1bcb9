"""A LightningModule and its data as a function that trains one seed: Lightning trains, saves and restores it."""

import logging
import random
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from tune.adapters.factory import Factory, mistaken
from tune.errors import TrainerMistake, UserMistake, did_you_mean

_OURS: Mapping[str, Any] = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
    "devices": 1,
    "num_nodes": 1,
}
"""The study has curves, checkpoints and a live view of its own, and trains a seed in one process on one device."""

_REFUSED = (*_OURS, "max_epochs", "min_epochs", "max_steps", "min_steps", "max_time", "default_root_dir")


def lightning(
    module: Callable[..., Any],
    data: Callable[..., Any],
    *,
    metric: str | Sequence[str] | None = None,
    **options: Any,
) -> Callable[..., Iterator[dict[str, Any]]]:
    """Returns a function, as a study names one, that trains a LightningModule.

    Lightning's trainer fits one epoch at a time, each from the checkpoint of the one before, with `max_epochs` as the
    study asks. Every epoch is seeded by itself, so a training that is interrupted ends as one that is not. Callbacks of
    Lightning's that stop early have no effect: the study does that.

    Args:
        module: Makes the LightningModule: its class, called with those values of the configuration that it takes by
            name, or a function; an argument called `config` gets all, one called `seed` the seed.
        data: Makes the LightningDataModule, in the same way.
        metric: Which of the logged metrics the study is told in every epoch; all where it is left out.
        options: For Lightning's `Trainer`, such as `accelerator`, `precision` or `gradient_clip_val`.

    Raises:
        UserMistake: If Lightning is not installed, or an option is one that the study sets.
    """
    if refused := [name for name in options if name in _REFUSED]:
        raise UserMistake(f"lightning({refused[0]}=…): the study sets this itself; leave it out")
    _library("lightning.pytorch")
    factories = Factory(module, "lightning(module)"), Factory(data, "lightning(data)")
    wanted = [metric] if isinstance(metric, str) else metric

    def train(config: Mapping[str, Any], seed: int, epochs: int, checkpoint: Path) -> Iterator[dict[str, Any]]:
        """Yields what was logged in each epoch."""
        _seed(seed, 0)
        model, loaders = (factory(config, seed) for factory in factories)
        saved = checkpoint / "lightning.ckpt"
        for epoch in range(_epoch_of(saved) + 1, epochs + 1):
            _seed(seed, epoch)
            yield {**_chosen(_fitted(model, loaders, saved, epochs, options), wanted), "epoch": epoch}

    train.check_config = lambda config: mistaken(factories, config)  # type: ignore[attr-defined] # a function may have it
    return train


def _fitted(model: Any, loaders: Any, saved: Path, epochs: int, options: Mapping[str, Any]) -> dict[str, Any]:
    """Trains the next epoch, saves it, and returns what was logged in it."""
    # Modules of the older package are only taken by its own trainer.
    older = any(kind.__module__.startswith("pytorch_lightning.") for kind in type(model).__mro__)
    package = _library("pytorch_lightning" if older else "lightning.pytorch")
    environments = _library(f"{package.__name__}.plugins.environments")
    settings = {
        **options,
        **_OURS,
        "max_epochs": epochs,
        "default_root_dir": saved.parent,
        "callbacks": [*_listed(options.get("callbacks")), _one_epoch(package)],
        # Else it takes a job of Slurm's or of MPI's for its own, and waits for the other processes.
        "plugins": [*_listed(options.get("plugins")), environments.LightningEnvironment()],
    }
    begun = {"ckpt_path": saved, "weights_only": True} if saved.exists() else {}
    with _quiet(package.__name__):
        trainer = package.Trainer(**settings)
        trainer.fit(model, datamodule=loaders, **begun)
        trainer.save_checkpoint(saved)
    return dict(trainer.callback_metrics)


def _one_epoch(package: Any) -> Any:
    """Returns a callback that ends a fit after one epoch, and leaves SIGTERM to whoever listened for it before.

    Lightning would end in mid-epoch, and the study, which is asked as well, saves after it.
    """
    listener = signal.getsignal(signal.SIGTERM)

    class OneEpoch(package.Callback):  # type: ignore[misc] # its class depends on the module's
        def on_train_start(self, *_: Any) -> None:
            if listener is not None and threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, listener)

        def on_train_epoch_end(self, trainer: Any, *_: Any) -> None:
            trainer.should_stop = True

    return OneEpoch()


def _listed(given: Any) -> list[Any]:
    return [] if given is None else list(given) if isinstance(given, list | tuple) else [given]


def _chosen(logged: Mapping[str, Any], wanted: Sequence[str] | None) -> Mapping[str, Any]:
    """Returns those of the logged metrics that the study is to be told."""
    for name in wanted or ():
        if name not in logged:
            raise TrainerMistake(
                f"lightning(metric=…): {name!r} was not logged{did_you_mean(name, list(logged))}; it must be, by "
                f"self.log, in every epoch"
            )
    return logged if wanted is None else {name: logged[name] for name in wanted}


def _epoch_of(saved: Path) -> int:
    """Returns how many epochs a checkpoint has; 0 where there is none."""
    import torch

    return int(torch.load(saved, weights_only=True, map_location="cpu")["epoch"]) if saved.exists() else 0


def _seed(seed: int, epoch: int) -> None:
    """Seeds the global generators for an epoch of a seed; 0 is for what is made before."""
    import torch

    number = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
    random.seed(number)
    np.random.seed(number)  # noqa: NPY002 - what users' code draws from
    torch.manual_seed(number)


@contextmanager
def _quiet(package: str) -> Iterator[None]:
    """Keeps back what Lightning says at every start, and its advice on workers and loggers."""
    log = logging.getLogger(package)
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="(pytorch_)?lightning")
            yield
    finally:
        log.setLevel(before)


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise UserMistake(
            f"latent_tune.lightning needs Lightning, which cannot be imported here ({error}); "
            f"pip install 'latent-tune[lightning]'"
        ) from None
