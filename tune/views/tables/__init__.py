"""A study as tables for other programs: pandas DataFrames, and the files that they are exported to."""
