"""Plans: rounds of arms, each round from `base` or from what an earlier round found."""
