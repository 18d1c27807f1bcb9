"""What the driver of a study last said of its cluster, and why a study does not move."""

from collections.abc import Mapping
from typing import Any

from tune.ledger.cluster_state import STALE_S, ClusterState, NodeState
from tune.study.study import Study
from tune.views import wording

_QUIET = 0.5
"""So much of the time after which a silent trial is ended is worth saying."""

_WAITS_S = 10.0
"""It takes a while to start an actor; what waits for longer waits for room."""

_ROUNDING = 1e-6


def driver_keys(state: ClusterState | None, now: float) -> dict[str, Any] | None:
    """Returns what a driver said as plain values (`docs/status.md`); None when it said nothing.

    Args:
        state: What it said.
        now: Seconds since the epoch.
    """
    if state is None:
        return None
    age_s = state.age_s(now)
    return {
        "age_s": round(age_s, 1),
        "stale": age_s > STALE_S,
        "slots": state.slots,
        "asked": dict(state.asked),
        "nodes": [node.model_dump() for node in state.nodes],
        "training": [one.model_dump() for one in state.training],
        "waiting": [one.model_dump() for one in state.waiting],
        "explanation": explanation(state),
    }


def explanation(state: ClusterState) -> list[str]:
    """Returns, in one line each, what keeps the study from moving; empty where nothing does."""
    asked = " and ".join(f"{amount:g} {name}" for name, amount in state.asked.items())
    said = []
    waiting = [one for one in state.waiting if one.waits_s >= _WAITS_S]
    if not state.slots:
        said.append(f"no node has room for one trial, which asks for {asked}; the study waits until one joins")
    elif waiting:
        who = ", ".join(f"{one.trial} (since {wording.duration(one.waits_s)})" for one in waiting)
        roomy = [node.address for node in state.nodes if not _lacking(node, state.asked)]
        short = sorted({name for node in state.nodes for name in _lacking(node, state.asked)})
        why = (
            f"{', '.join(roomy)} has that, and starts it" if roomy else f"no node has enough {' and '.join(short)} free"
        )
        said.append(f"trial{'s' if len(waiting) > 1 else ''} {who} waits for {asked}: {why}")
    for one in state.training:
        if one.ended:
            said.append(f"trial {one.trial} on {one.address}: {one.ended}; its process was told to end, and has not")
        elif one.limit_s is not None and one.silent_s > _QUIET * one.limit_s:
            limit = wording.duration(one.limit_s)
            quiet = wording.duration(one.silent_s)
            said.append(f"trial {one.trial} on {one.address}: nothing heard for {quiet}; it is ended after {limit}")
    return said


def driver_lines(state: ClusterState | None, study: Study, live: bool, now: float) -> list[tuple[str, str]]:
    """Returns what people are told of it, as label and line; nothing where no driver has said anything."""
    if state is None:
        return []
    age_s = state.age_s(now)
    busy = len(state.training)
    room = f"{wording.count(state.slots, 'slot')}, {busy} in training, {len(state.waiting)} waiting"
    free = state.slots - busy - len(state.waiting)
    if busy and free > 0 and study.budget.seed_epochs is not None:
        room += f"; {free} free, since seed-epochs are limited and what comes next rests on what is in training"
    if age_s > STALE_S or not live:
        room += f" ({wording.duration(age_s)} ago: nothing newer was said, so this may have changed)"
    lines = [("cluster", room), *(("", _node_line(node, state)) for node in state.nodes)]
    return [*lines, *(("stuck" if place == 0 else "", line) for place, line in enumerate(explanation(state)))]


def _node_line(node: NodeState, state: ClusterState) -> str:
    trials = sorted(one.trial for one in state.training if one.address == node.address)
    have = ", ".join(f"{node.free.get(name, 0):g} of {amount:g} {name} free" for name, amount in node.total.items())
    type_ = f" ({node.accelerator})" if node.accelerator else ""
    trains = f"; trial{'s' if len(trials) > 1 else ''} {', '.join(map(str, trials))}" if trials else ""
    return f"{node.address}: {have}{type_}{trains}"


def _lacking(node: NodeState, asked: Mapping[str, float]) -> list[str]:
    """Returns the resources of which a node has less free than one trial asks for."""
    return [name for name, amount in asked.items() if node.free.get(name, 0.0) + _ROUNDING < amount]
