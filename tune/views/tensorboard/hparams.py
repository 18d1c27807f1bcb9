"""What TensorBoard's HParams page is told: the experiment, the beginning of a session, its end.

The plugin's own summary module needs TensorFlow, so its messages are built here.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf.struct_pb2 import ListValue, Value
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

from tune.ledger.printable import printable
from tune.ledger.records import Trial
from tune.study.space import Choice, IntRange, LogUniform, Parameter, Uniform
from tune.study.study import Study
from tune.study.values import text_of

_ARM = "arm"
STATUS = {
    "confirmed": api_pb2.STATUS_SUCCESS,
    "stopped": api_pb2.STATUS_SUCCESS,
    "failed": api_pb2.STATUS_FAILURE,
    "unfinished": api_pb2.STATUS_RUNNING,
}


def experiment(study: Study, metrics: Mapping[str, str], created: float) -> Summary:
    """Describes the columns of the page.

    Args:
        study: Its varying parameters are columns.
        metrics: Scalar tag by heading, in the order of the columns.
        created: Seconds since the epoch.
    """
    content = api_pb2.Experiment(
        description=f"{study.name}: one row per trial, averaged over its seeds",
        time_created_secs=created,
        hparam_infos=[
            *([_arm_column()] if study.plan else []),
            *(_column(name, parameter) for name, parameter in study.varying.items()),
        ],
        metric_infos=[
            api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), display_name=heading)
            for heading, tag in metrics.items()
        ],
    )
    return _summary(metadata.EXPERIMENT_TAG, experiment=content)


def session_start(study: Study, trial: Trial, group: str) -> Summary:
    """Begins a session: one seed of a trial; sessions of one group are one row."""
    content, parameters = SessionStartInfo(group_name=group, start_time_secs=trial.started), trial.parameters
    if trial.arm:
        content.hparams[_ARM].string_value = printable(trial.full_name)
    for name, parameter in study.varying.items():
        if name in parameters:
            content.hparams[printable(name)].CopyFrom(_value(parameters[name], _kind(parameter)))
    return _summary(metadata.SESSION_START_INFO_TAG, session_start_info=content)


def session_end(status: str, ended: float) -> Summary:
    """Ends a session; TensorBoard believes the first end it is told."""
    return _summary(
        metadata.SESSION_END_INFO_TAG, session_end_info=SessionEndInfo(status=STATUS[status], end_time_secs=ended)
    )


def _summary(tag: str, **content: Any) -> Summary:
    data = HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **content)
    plugin = SummaryMetadata.PluginData(plugin_name=metadata.PLUGIN_NAME, content=data.SerializeToString())
    return Summary(
        value=[Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin), tensor=metadata.NULL_TENSOR)]
    )


def _arm_column() -> api_pb2.HParamInfo:
    return api_pb2.HParamInfo(name=_ARM, type=api_pb2.DATA_TYPE_STRING)


def _column(name: str, parameter: Parameter) -> api_pb2.HParamInfo:
    kind = _kind(parameter)
    match parameter:
        case LogUniform() | Uniform() | IntRange():
            low, high = parameter.extremes
            return api_pb2.HParamInfo(
                name=printable(name), type=kind, domain_interval=api_pb2.Interval(min_value=low, max_value=high)
            )
        case Choice():
            values = ListValue(values=[_value(value, kind) for value in parameter.choice])
            return api_pb2.HParamInfo(name=printable(name), type=kind, domain_discrete=values)


def _kind(parameter: Parameter) -> int:
    """Returns the type of a column: bool before number, for a bool is an int to Python; mixed values are text."""
    if not isinstance(parameter, Choice):
        return int(api_pb2.DATA_TYPE_FLOAT64)
    if all(isinstance(value, bool) for value in parameter.choice):
        return int(api_pb2.DATA_TYPE_BOOL)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in parameter.choice):
        return int(api_pb2.DATA_TYPE_FLOAT64)
    return int(api_pb2.DATA_TYPE_STRING)


def _value(value: Any, kind: int) -> Value:
    if kind == api_pb2.DATA_TYPE_BOOL:
        return Value(bool_value=bool(value))
    if kind == api_pb2.DATA_TYPE_FLOAT64:
        return Value(number_value=float(value))
    as_json = value is None or isinstance(value, bool | list | dict)
    return Value(string_value=printable(text_of(value) if as_json else value))
