"""Trainings that are no trainer, as trainers: functions, programs, and what frameworks have.

Each is an implementation of the seam (`tune.trainer.Trainer`); nothing but `tune.adapters.loading` tells them apart.
"""
