"""The study's durable memory; the single source of truth.

What it holds, and where:

- decisions, in the Optuna study (SQLite or any SQLAlchemy URL), append-only: `decision:00000042 -> {...}`;
- one Optuna trial per trial, kept in step with the decisions, so that Optuna's own tools can open the study;
- curves, one row per (trial, seed, epoch), in Arrow/Parquet;
- checkpoints, one file per (trial, seed, epoch).

The order of writes is what makes a study crash-only: checkpoint, curves, decision. A process killed between any two
of them leaves a ledger from which the next process takes the same decisions.
"""
