"""Training: groups of seeds side by side, in lanes, step by step, along a schedule."""
