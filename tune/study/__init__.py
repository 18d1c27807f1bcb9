"""What was asked: the study file with its space, seeds and ladder, and how it may grow."""
