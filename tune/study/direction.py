"""Which values of a metric are better: study or trainer say it, else a name like an accuracy's is asked about."""

import re

from tune.errors import UserMistake
from tune.study.sections import Direction
from tune.study.study import Study

_HIGHER = re.compile(
    "f\\d|r2|top\\d+|(acc|accuracy|ap|auc|auprc|auroc|bleu|corr|correlation|dice|elbo|explained|gain|hit|iou|jaccard|kappa|likelihood|loglik|map|mcc|pearson|"
    "correct|ndcg|nse|precision|profit|psnr|recall|return|rewards?|scores?|sensitivity|sharpe|specificity|win|spearman|ssim)\\d*"
)
_LOWER = re.compile("cost|distance|err|error|loss|mae|mse|nll|perplexity|ppl|rmse")
_TURNED = re.compile("neg|negative|minus")
_WORDS = re.compile(r"[A-Z]+\d*(?![a-z])|[A-Z]?[a-z]+\d*")


def refuse_doubt(metric: str, direction: Direction | None, where: str) -> None:
    """Refuses a metric of which higher values look better, where nobody has said which are.

    Args:
        metric: The scored metric.
        direction: What was said.
        where: The path of the direction in the file.

    Raises:
        UserMistake: If it must be said.
    """
    if direction is not None or not looks_maximized(metric):
        return
    key = where.rpartition(".")[0] + ".metric" if "." in where else "metric"
    raise UserMistake(
        f"{where}: must be said, because higher values of {key} {metric!r} look better and a study takes lower ones "
        f"for better; write direction: maximize beside it (or minimize, if that is right), or add --set "
        f"{where}=maximize"
    )


def settled(metric: str, said: Direction | None, known: Direction | None, where: str) -> Direction | None:
    """Returns which values of a metric are better; None for lower ones, as ever, where nobody has said so.

    Args:
        metric: The scored metric.
        said: What the file says.
        known: What the trainer says; None where it does not know.
        where: The path of the direction in the file.

    Raises:
        UserMistake: If file and trainer contradict each other, or it must be said.
    """
    if known is None:
        refuse_doubt(metric, said, where)
        return said
    if said is not None and said != known:
        raise UserMistake(
            f"{where}: must be {known}, got {said}: what trains says that {metric!r} is to be {known}d; write "
            f"direction: {known}, or leave it out"
        )
    return known if said is None and (known == "maximize" or looks_maximized(metric)) else said


def with_direction(study: Study, direction: Direction | None) -> Study:
    """Returns a study in which such values of its metric are better."""
    return study.model_copy(update={"score": study.score.model_copy(update={"direction": direction})})


def looks_maximized(metric: str) -> bool:
    """Says whether higher values of a metric may be better, by its name: val_acc, testF1, neg_mse; not r2_loss."""
    words = [word.lower() for word in _WORDS.findall(metric)]
    higher, lower = (any(map(pattern.fullmatch, words)) for pattern in (_HIGHER, _LOWER))
    turned = any(map(_TURNED.fullmatch, words))
    return lower if turned else higher and not lower
