"""What names mean."""

import pytest

from tune.ledger.imports.names import best_known, looks_like_a_metric, looks_maximized, role


@pytest.mark.parametrize(
    ("names", "meaning"),
    [
        (("val_loss", "val/loss", "loss/val", "Validation Loss", "eval-loss", "validation_loss"), "validation_loss"),
        (("train_loss", "loss/train", "training.loss"), "train_loss"),
        (("lr", "lr-Adam", "learning_rate", "train/learning_rate"), "learning_rate"),
        (("num_params", "n_parameters", "Parameters"), "parameters"),
        (("lr_decay",), "lr_decay"),
        (("train_batch_size",), "train_batch_size"),
    ],
)
def test_names_that_mean_the_same(names: tuple[str, ...], meaning: str) -> None:
    """However loggers write them."""
    assert {role(name) for name in names} == {meaning}


def test_metrics_by_their_words() -> None:
    """A loss is measured, its weight is set; accuracies are better when higher."""
    assert all(map(looks_like_a_metric, ("loss", "val/acc", "test_mse", "f1", "value")))
    assert not any(map(looks_like_a_metric, ("lr", "loss_weight", "loss_fn", "train_batch_size", "dropout")))
    assert looks_maximized("val_accuracy")
    assert not looks_maximized("val_loss")


def test_the_metric_that_people_mean() -> None:
    """The validation loss before all; one that cannot be told is not guessed."""
    assert best_known(["train_loss", "lr", "val/loss"]) == "val/loss"
    assert best_known(["lr", "my_error"]) == "my_error"
    assert best_known(["a_error", "b_error"]) is None
