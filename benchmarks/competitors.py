"""Who competes in the benchmark of searches."""

from benchmarks.peers import Peer, asha, grid_five, grid_one, hyperband, random_search, repeater, wilcoxon
from benchmarks.peers_irace import irace
from benchmarks.peers_smac import smac_hyperband, smac_seeds
from benchmarks.tabular import Objective, Table


def _countable(objective: Objective) -> bool:
    return isinstance(objective, Table)


PEERS = {
    "random": Peer("random search, one seed", random_search),
    "asha": Peer("Ray ASHA + Optuna, one seed", asha),
    "repeater": Peer("Ray Repeater(5) + Optuna", repeater),
    "hyperband": Peer("Optuna TPE + Hyperband, one seed", hyperband),
    "wilcoxon": Peer("Optuna TPE + Wilcoxon over five seeds", wilcoxon),
    "smac": Peer("SMAC3, up to five seeds", smac_seeds, planned=True),
    "smac-hyperband": Peer("SMAC3 Hyperband, one seed", smac_hyperband, planned=True),
    "irace": Peer("irace, up to ten seeds", irace, planned=True, where=_countable),
    "grid-1": Peer("whole grid, one seed", grid_one, where=_countable),
    "grid-5": Peer("whole grid, best mean of five seeds", grid_five, where=_countable),
}
OURS = {"ours": 1, "ours-16": 16}
"""Our own study on so many slots, in virtual time."""
LABELS = {
    "ours": "latent-tune",
    "ours-16": "latent-tune, 16 slots",
    **{name: peer.label for name, peer in PEERS.items()},
}
