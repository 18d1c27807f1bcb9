"""What TensorBoard shows of the study as a whole: the charts of its custom scalars, and the pages of its text."""

from collections.abc import Sequence

from tensorboard.compat.proto import summary_pb2, tensor_pb2, types_pb2
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as custom_scalar
from tensorboard.plugins.text import metadata as text

from tune.ledger.printable import printable, printable_line
from tune.ledger.reader import LedgerReader
from tune.scoring.standings import Standing
from tune.study.study import Study, dump_study
from tune.views import wording
from tune.views.tensorboard.bands import band_tag

CHARTS_TAG = custom_scalar.CONFIG_SUMMARY_TAG
STUDY_TAG = "study"
INCUMBENT_TAG = "incumbent"


def charts(losses: Sequence[str], curves: Sequence[str]) -> Summary:
    """Lays the custom scalars out: first the bands of trials, then the curves of every seed, which begin closed.

    A chart draws all runs that are chosen at the left, so there are as many charts for a thousand trials as for one.

    Args:
        losses: The columns of the curves that have bands.
        curves: Tags of single seeds.
    """
    bands = [
        layout_pb2.Chart(
            title=f"{_spoken(loss)}: mean of the seeds, least to greatest",
            margin=layout_pb2.MarginChartContent(
                series=[
                    layout_pb2.MarginChartContent.Series(
                        value=band_tag(loss, "mean"), lower=band_tag(loss, "min"), upper=band_tag(loss, "max")
                    )
                ]
            ),
        )
        for loss in losses
    ]
    counted = layout_pb2.Chart(
        title=f"{_spoken(losses[0])}: seeds whose loss is finite",
        multiline=layout_pb2.MultilineChartContent(tag=[f"^{band_tag(losses[0], 'counted')}$"]),
    )
    seeds = [
        layout_pb2.Chart(title=tag, multiline=layout_pb2.MultilineChartContent(tag=[f"^{tag}$"])) for tag in curves
    ]
    layout = layout_pb2.Layout(
        category=[
            layout_pb2.Category(
                title="Trials (runs trial-NNNN)", chart=bands[::-1]
            ),  # it shows them in the other order
            layout_pb2.Category(title="Trials: how many seeds a band is of", chart=[counted], closed=True),
            layout_pb2.Category(title="Seeds (runs trial-NNNN/seed-N)", chart=seeds[::-1], closed=True),
        ]
    )
    return _tensor(CHARTS_TAG, custom_scalar.create_summary_metadata(), layout.SerializeToString())


def study_page(study: Study) -> Summary:
    """Shows the study file, as it was run."""
    fence = "~~~~"
    body = f"{study.name}, with every default filled in:\n\n{fence}yaml\n{dump_study(study)}\n{fence}\n"
    return _page(STUDY_TAG, "the study file", body)


def incumbent_page(ledger: LedgerReader, best: Standing | None) -> Summary:
    """Shows the best trial so far: its setting, its figures, the loss of every seed."""
    return _page(INCUMBENT_TAG, "the best trial so far", _incumbent(ledger, best))


def _incumbent(ledger: LedgerReader, best: Standing | None) -> str:
    if best is None or best.summary is None:
        return "No trial has a result yet."
    summary = best.summary
    sure = "went the full ladder" if best.state == "confirmed" else "provisional: no trial went the full ladder yet"
    figures = {
        "score": best.score,
        "mean of the seeds that did not fail": summary.mean,
        "its standard deviation": summary.sd,
        "reproducibility": summary.reproducibility,
        wording.baseline_name(ledger.study.score): ledger.scored_baseline,
    }
    setting = wording.setting_of(ledger.study, best.trial)
    rows = [(f"`{_unmarked(name)}`", f"`{_unmarked(wording.value(value, 6))}`") for name, value in setting.items()]
    rows += [(name, wording.number(value, 5)) for name, value in figures.items()]
    rows += [("failed seeds", f"{summary.failed} of {summary.seeds}"), ("epochs", f"{best.epochs}")]
    rows += [(f"loss of seed {seed}", wording.number(loss, 5)) for seed, loss in best.losses.items()]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"**Trial {best.number}** ({sure})\n\n| | |\n| --- | --- |\n{table}\n"


def _unmarked(text: str) -> str:
    """Returns text without what ends a cell of a table, or its code."""
    return printable_line(text).replace("`", "'").replace("|", "/")


def _spoken(metric: str) -> str:
    return printable(metric.replace("_", " "))


def _page(tag: str, description: str, body: str) -> Summary:
    return _tensor(tag, text.create_summary_metadata(display_name=tag, description=description), body.encode())


def _tensor(tag: str, metadata: SummaryMetadata, content: bytes) -> Summary:
    metadata.data_class = summary_pb2.DATA_CLASS_TENSOR
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=[content])
    return Summary(value=[Summary.Value(tag=tag, metadata=metadata, tensor=tensor)])
