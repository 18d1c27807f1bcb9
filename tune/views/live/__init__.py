"""What shows a study while it runs: the terminal's live view, and JSON events for programs."""
