"""Where the study lies: its files on a disk or in an object store that may be full, away or damaged."""
