"""The study's durable memory; the single source of truth.

What it holds, and where:

- decisions, in the Optuna study (SQLite or any SQLAlchemy URL), append-only: `decision:00000042 -> {...}`;
- one Optuna trial per trial, kept in step with the decisions, so that Optuna's own tools can open the study;
- curves, one row per (trial, seed, epoch), in Arrow/Parquet;
- checkpoints, one file per (trial, seed, epoch).

The order of writes is what makes a study crash-only: checkpoint, curves, decision. A process killed between any two
of them leaves a ledger from which the next process takes the same decisions.
"""

from typing import TYPE_CHECKING

from tune.exports import exported

if TYPE_CHECKING:
    from tune.failures import Attempt
    from tune.ledger.checkpoints import CheckpointStore
    from tune.ledger.identity import holds_study, refuse_growth, refuse_other, stored_study
    from tune.ledger.ledger import Ledger
    from tune.ledger.records import Decision, Reached, Session, Trial
    from tune.ledger.steady import SteadyClock

__all__ = [
    "Attempt",
    "CheckpointStore",
    "Decision",
    "Ledger",
    "Reached",
    "Session",
    "SteadyClock",
    "Trial",
    "holds_study",
    "refuse_growth",
    "refuse_other",
    "stored_study",
]
__getattr__ = exported(
    __name__,
    {
        "Attempt": "records",
        "CheckpointStore": "checkpoints",
        "Decision": "records",
        "Ledger": "ledger",
        "Reached": "records",
        "Session": "records",
        "SteadyClock": "steady",
        "Trial": "records",
        "holds_study": "identity",
        "refuse_growth": "identity",
        "refuse_other": "identity",
        "stored_study": "identity",
    },
)
