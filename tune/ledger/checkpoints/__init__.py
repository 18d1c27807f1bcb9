"""The states that training goes on from, a file per trial, seed and epoch; data only, never code."""
