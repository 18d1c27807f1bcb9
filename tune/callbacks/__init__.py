"""What shows a study while it runs: the live view and TensorBoard, both derived from the ledger."""
