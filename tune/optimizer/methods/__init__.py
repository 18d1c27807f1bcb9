"""What a study does next, by its kind: a search or a plan."""
