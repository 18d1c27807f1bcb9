"""The report's figures, as static pictures and as interactive ones."""
