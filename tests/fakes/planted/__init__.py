"""Trainings with one fault each, and the same without it, which a check has to tell apart."""
