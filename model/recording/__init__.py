"""Recordings: read, checked, split and cached; and the simulation of the fly visual system."""
