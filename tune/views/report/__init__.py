"""The report, as Markdown and as one HTML page, both laid out from one model of the data."""
