"""Package data: the wiring of the fly visual system, and the script that compacts it."""
