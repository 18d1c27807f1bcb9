"""Stand-ins that are real classes with rules of their own."""
