"""Runs of anybody's, read where they lie: our own studies, tables, event files, exports of trackers, Optuna's studies.

A module for each kind of source; each returns `ImportedRun`s and knows nothing of the others. Nothing is written.
"""
