"""What commands print once: the answer, status, list, comparison and plan."""
