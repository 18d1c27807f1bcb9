"""A callback with which a program that trains by Hugging Face's `Trainer` tells each epoch to its study."""

from collections.abc import Mapping
from importlib import import_module
from math import isclose
from typing import Any

from tune.adapters.program.reporting import report
from tune.errors import UserMistake


def transformers() -> Any:
    """Returns a callback for Hugging Face's `Trainer`, which reports each evaluation at the end of an epoch.

    That is `latent_tune.report` of `eval_loss` and whatever `compute_metrics` returns, with the last training `loss`
    that was logged; outside of a study it is printed. The `Trainer` has `eval_strategy="epoch"`: what is evaluated
    within an epoch is not told.

    Raises:
        UserMistake: If Transformers is not installed.
    """
    try:
        library: Any = import_module("transformers")
    except ImportError as error:
        raise UserMistake(
            f"latent_tune.transformers needs Transformers, which cannot be imported here ({error}); "
            f"pip install 'latent-tune[transformers]'"
        ) from None

    class Report(library.TrainerCallback):  # type: ignore[misc] # Transformers is not loaded before it is used
        def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Mapping[str, Any], **_: Any) -> None:  # noqa: ARG002 - its signature
            epoch = round(state.epoch)
            if epoch < 1 or not isclose(state.epoch, epoch, abs_tol=1e-6):
                return
            losses = [logged["loss"] for logged in state.log_history if "loss" in logged]
            loss = {"loss": losses[-1]} if losses else {}
            report(**{**loss, **metrics, "epoch": epoch})

    return Report()
