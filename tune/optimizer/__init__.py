"""What to do next: which trials to start, promote, stop and crown. No Ray, no torch, no clock of its own."""
