"""The study in trackers: MLflow, Weights & Biases and loggers of the user's own are told of its runs.

A thread for each tracker reads the ledger at its own pace (`tracking`), so that none slows a study or ends it: what a
tracker has not taken yet lies in the ledger.
"""
