"""Runs of anybody's side by side: what differs between them, what came of it, and what cannot be told apart."""
