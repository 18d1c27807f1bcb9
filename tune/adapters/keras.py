"""A callback with which a program that trains by Keras tells each epoch to its study."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from tune.adapters.program.reporting import report
from tune.errors import UserMistake


def keras() -> Any:
    """Returns a callback for `model.fit`, which reports what Keras logs of each epoch.

    That is `latent_tune.report` of `loss`, `val_loss` and whatever the model was compiled with; outside of a study it
    is printed. Epochs count from 1 and go on with `initial_epoch`.

    Raises:
        UserMistake: If Keras is not installed.
    """
    try:
        library: Any = import_module("keras")
    except ImportError as error:
        raise UserMistake(
            f"latent_tune.keras needs Keras, which cannot be imported here ({error}); pip install 'latent-tune[keras]'"
        ) from None

    class Report(library.callbacks.Callback):  # type: ignore[misc] # Keras is not loaded before it is used
        def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            report(**{**(logs or {}), "epoch": epoch + 1})

    return Report()
