"""Which settings a space holds: conditions, constraints, a walk through them, and where to begin."""
