"""One process's work on a study, from its start to its report: what the command line and the Python API share."""
