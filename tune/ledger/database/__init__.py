"""Decisions and notes in SQLite or PostgreSQL, and beside them the Optuna study that mirrors them."""
