"""Short trainings of a check: each in a process of its own, measured, at settings that show what a study is."""
