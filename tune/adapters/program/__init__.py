"""A program as it stands as a trainer: a process per seed, what it tells read where it tells it.

`trainer.py` keeps the contract of the seam; `run.py` is one process from its start to its state; `metrics/` reads what
is told. Nothing is imported here, because programs import `reporting.py`.
"""
